"""Tags and spans say the same, and are read as seqeval reads them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from weitiao.core.ragged import Ragged, edges
from weitiao.evaluation.metrics.tagging import EntityF1, EntityPrecision, EntityRecall
from weitiao.labels.tags.schemes import best_tags, scheme_of, spans_of, split_tag, tags_of
from weitiao.tasks.answers.spans import Spans

TYPES = ["x", "y"]
SCHEMES = ["BIO", "IOB1", "IOBES", "BMES", "BILOU"]


@st.composite
def spans(draw):
    """Spans of a row that do not overlap, and how many words it has."""
    cuts = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
    found = [
        (a, b, draw(st.sampled_from(TYPES))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    if found and draw(st.booleans()):  # one that follows at once
        found.append((found[-1][1], found[-1][1] + 2, found[-1][2]))
    return found, 16


def read(rows):
    """Rows of tags as spans, one list a row."""
    parts = [split_tag(tag) for row in rows for tag in row]
    kinds = np.array([kind for kind, _ in parts], np.int64)
    types = np.array([TYPES.index(kind) if kind else -1 for _, kind in parts], np.int64)
    return spans_of(kinds, types, edges([len(row) for row in rows]))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(spans())
def test_spans_come_back_from_tags_of_every_scheme(scheme, row):
    wanted, words = row
    tags = tags_of(wanted, words, scheme)
    found = [(a, b, TYPES[kind]) for a, b, kind in read([tags]).values.tolist()]
    assert found == sorted(wanted)


@given(st.lists(spans(), min_size=1, max_size=5), st.sampled_from(["BIO", "IOBES", "BILOU"]))
def test_a_scheme_is_known_by_its_letters(rows, scheme):
    tags = [tag for row in rows for tag in tags_of(*row, scheme)]
    letters = {tag[0] for tag in tags}
    if (
        letters
        >= {"BIO": {"B", "I"}, "IOBES": {"B", "I", "E", "S"}, "BILOU": {"U", "L", "I"}}[scheme]
    ):
        assert scheme_of(tags) == scheme


def labels(letters):
    tags = ["O", *(f"{letter}-{kind}" for letter in letters for kind in TYPES)]
    row = st.lists(st.sampled_from(tags), min_size=1, max_size=9)
    return st.lists(row, min_size=1, max_size=6)


@pytest.mark.parametrize("letters", ["BI", "BIES"])
@given(st.data())
def test_any_tags_are_read_as_seqeval_reads_them(letters, data):
    """Legal or not."""
    rows = data.draw(labels(letters))
    found = read(rows)
    for at, row in enumerate(rows):
        wanted = [(start, end + 1, TYPES.index(kind)) for kind, start, end in get_entities(row)]
        assert list(map(tuple, found.row(at).tolist())) == wanted


@settings(deadline=None)
@given(st.data())
def test_figures_are_those_of_seqeval(data):
    truth = data.draw(labels("BI"))
    given_tags = [data.draw(st.permutations(row)) for row in truth]
    answers = read(given_tags)
    judged = Spans(read(truth), answers, Ragged(np.ones(len(answers.values)), answers.offsets))
    for metric, wanted in ((EntityF1, f1_score), (EntityPrecision, precision_score),
                           (EntityRecall, recall_score)):  # fmt: skip
        if not len(answers.values) and metric is not EntityRecall:
            continue  # seqeval warns where nothing is given
        if not len(judged.targets.values):
            continue
        assert metric().value(judged) == pytest.approx(wanted(truth, given_tags))
        twice = np.array([[2.0, *[1.0] * (len(truth) - 1)]])
        again = wanted([truth[0], *truth], [given_tags[0], *given_tags])
        assert metric().values(judged, twice)[0] == pytest.approx(again)


def legal(tags):
    return all(
        not tag.startswith("I-") or before in (tag, "B" + tag[1:])
        for before, tag in zip(["O", *tags], tags, strict=False)
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 10_000))
def test_decoded_tags_are_the_likeliest_legal_ones(lengths, seed):
    from itertools import product

    names = ["O", "B-x", "I-x", "B-y", "I-y"]
    insides = np.array([-1, -1, 1, -1, 3])
    scores = np.random.default_rng(seed).dirichlet(np.ones(5), sum(lengths))
    found = best_tags(Ragged(scores, edges(lengths)), insides)
    at = 0
    for length in lengths:
        part = scores[at : at + length]
        ways = [way for way in product(range(5), repeat=length) if legal([names[i] for i in way])]
        best = max(ways, key=lambda way: sum(np.log(part[range(length), list(way)])))
        tags = [names[i] for i in found[at : at + length]]
        assert tags == [names[i] for i in best]
        strict = (
            [e.to_tuple()[1:] for row in Entities([tags], IOB2).entities for e in row]
            if tags
            else []
        )
        loose = [(k, a, b + 1) for k, a, b in get_entities(tags)]
        assert [(k, a, b) for k, a, b in strict] == loose  # strict and not are the same here
        at += length
