"""Tagging schemes: BIO, IOB1, IOBES, BMES, BMEO, BILOU tags as spans and back, and their decoding.

One reading serves all of them, that of conlleval and seqeval: letters say the same in each (M is I,
L is E, U is S), and a span also begins where only its type says so, as in IOB1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged, edges

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
BATCH_ROWS = 500  # Viterbi goes through so many rows at once
PREFIXES = {"B": BEGIN, "I": INSIDE, "M": INSIDE, "E": END, "L": END, "S": SINGLE, "U": SINGLE}
SHAPE = re.compile(r"([BIMELSU])[-_](.+)")
WORD = "word"  # what tags without a type are about: where words begin and end


def split_tag(tag: str) -> tuple[int, str] | None:
    """Parse a tag (B-PER) into its position in the span and its type; None for other tags.

    >>> split_tag("B-PER"), split_tag("O"), split_tag("L-ORG"), split_tag("E"), split_tag("NOUN")
    ((1, 'PER'), (0, ''), (3, 'ORG'), (3, 'word'), None)
    """
    if tag == "O":
        return OUTSIDE, ""
    if tag in PREFIXES:
        return PREFIXES[tag], WORD
    match = SHAPE.fullmatch(tag)
    return (PREFIXES[match[1]], match[2]) if match else None


def scheme_of(tags: Iterable[str]) -> str:
    """Detect the tagging scheme by its letters; "" when tags follow none.

    >>> scheme_of(["O", "B-x", "E-x"]), scheme_of(["U-x", "O"]), scheme_of(["NOUN", "O"])
    ('BMES', 'BILOU', '')
    """
    every = set(tags)
    if not every - {"O"} or any(split_tag(tag) is None for tag in every):
        return ""
    letters = {tag[0] for tag in every} - {"O"}
    # IOB1 writes B only between touching spans of one type, so its tags may all be I. With a B in
    # it, it passes for BIO, which is read alike.
    if letters <= {"B", "I"}:
        return "BIO" if "B" in letters else "IOB1"
    if letters <= {"B", "I", "E", "S"} and "I" in letters:
        return "IOBES"
    if letters <= {"B", "M", "E", "S"}:
        return "BMES"
    return "BILOU" if letters <= {"B", "I", "L", "U"} else ""


def spans_of(kinds: np.ndarray, types: np.ndarray, offsets: np.ndarray) -> Ragged:
    """Convert tags to spans (first word, one past the last, type), by row.

    kinds: (words,) BEGIN, ...; types (words,); offsets (rows + 1,) of the rows.
    """
    lengths = np.diff(offsets)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    # A word outside stands behind each row: no span goes on into the next one.
    places = np.arange(len(kinds)) + rows
    now = np.zeros(len(kinds) + len(lengths), np.int64)
    kind = np.full(len(now), -1)
    now[places], kind[places] = kinds, np.where(kinds == OUTSIDE, -1, types)
    # conlleval's rules: a span begins at B or S, after O, E or S, or where the type changes (so an
    # I without a B begins one too); the one before ends there, or at O.
    before, other = np.append(OUTSIDE, now[:-1]), kind != np.append(-1, kind[:-1])
    begins = other | np.isin(before, (OUTSIDE, END, SINGLE)) | np.isin(now, (BEGIN, SINGLE))
    first = np.flatnonzero((now != OUTSIDE) & begins)
    beyond = np.flatnonzero((before != OUTSIDE) & (begins | (now == OUTSIDE)))
    row = np.repeat(np.arange(len(lengths)), lengths + 1)[first]
    start = first - row - offsets[row]
    values = np.stack([start, start + beyond - first, kind[first]], 1).reshape(-1, 3)
    return Ragged(values, edges(np.bincount(row, minlength=len(lengths))))


def tags_of(spans: Sequence[tuple[int, int, str]], words: int, scheme: str = "BIO") -> list[str]:
    """Convert spans (first word, one past the last, type) without overlap to tags.

    >>> tags_of([(0, 2, "x"), (2, 3, "x")], 4), tags_of([(0, 2, "x"), (2, 3, "x")], 3, "BILOU")
    (['B-x', 'I-x', 'B-x', 'O'], ['B-x', 'L-x', 'U-x'])
    """
    tags = ["O"] * words
    before = (0, "")
    for start, stop, kind in sorted(spans):
        begin, inside, end, single = list(_LETTERS[scheme])
        # IOB1 writes B only where a span touches one of the same type before it.
        if scheme == "IOB1" and before != (start, kind):
            begin = single = "I"
        for at in range(start, stop):
            letter = begin if at == start else end if at == stop - 1 else inside
            tags[at] = f"{single if stop == start + 1 else letter}-{kind}"
        before = (stop, kind)
    return tags


_LETTERS = {
    "BIO": "BIIB",
    "IOB1": "BIIB",
    "IOBES": "BIES",
    "BMES": "BMES",
    "BILOU": "BILU",
}


MIN_PROBABILITY = 1e-30  # smaller ones count as this: log(0) would forbid a tag


def best_tags(scores: Ragged, insides: np.ndarray) -> np.ndarray:
    """Constrained BIO decoding, (words,) tag indices: the likeliest legal sequence of each row.

    scores: Ragged, (words, tags) probabilities. insides: (tags,) for a tag I-x the index of B-x,
    for others -1. Rows whose argmax tags are legal keep them (no legal sequence is likelier); the
    others are decoded by Viterbi.
    """
    alone = scores.values.argmax(1) if len(scores.values) else np.zeros(0, np.int64)
    before = np.roll(alone, 1)
    first = np.zeros(len(alone), bool)
    first[scores.offsets[:-1][scores.lengths > 0]] = True
    wanted = insides[alone]
    good = (wanted < 0) | (~first & ((before == wanted) | (before == alone)))
    bad = np.unique(scores.owners[~good])
    if len(bad):
        order = bad[np.argsort(-scores.lengths[bad], kind="stable")]
        for some in np.array_split(order, -(-len(order) // BATCH_ROWS)):
            _mend(alone, scores, some, insides)
    return alone


def _mend(tags_of_words: np.ndarray, scores: Ragged, rows: np.ndarray, insides: np.ndarray) -> None:
    """Viterbi decoding of these rows, in place; the longest row comes first.

    There are no learned transitions, only legal and illegal ones (I-x after B-x or I-x alone). So
    the best predecessor of a tag that is no I- is the best tag overall, and of I-x the better of
    two: words x tags operations instead of words x tags^2.
    """
    lengths, starts = scores.lengths[rows], scores.offsets[rows]
    steps, tags = int(lengths[0]), len(insides)
    inner = np.flatnonzero(insides >= 0)
    backpointers = np.zeros((steps, len(rows), tags), np.int16)
    best = np.full((len(rows), tags), -np.inf)
    ended = np.zeros(len(rows), np.int64)
    for step in range(steps):
        # Rows are sorted by length, so those that still have a word are the first `live` ones.
        live = int((lengths > step).sum())
        here = np.log(np.maximum(scores.values[starts[:live] + step], MIN_PROBABILITY))
        if step == 0:
            here[:, inner] = -np.inf
            best[:live] = here
        else:
            last = best[:live]
            previous = np.repeat(last.argmax(1)[:, None], tags, 1)
            stay = last[:, inner] >= last[:, insides[inner]]
            previous[:, inner] = np.where(stay, inner, insides[inner])
            best[:live] = np.take_along_axis(last, previous, 1) + here
            backpointers[step, :live] = previous
        done = np.flatnonzero(lengths == step + 1)
        ended[done] = best[done].argmax(1)
    for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        tag = int(ended[row])
        for step in range(length - 1, -1, -1):
            tags_of_words[start + step] = tag
            tag = int(backpointers[step, row, tag])


def bio_tags(names: Sequence[str]) -> list[str]:
    return [f"{letter}-{name}" for name in names for letter in "BI"]


def are_plain(targets: Sequence[Any]) -> bool:
    """Whether tags follow no tagging scheme (parts of speech and the like). A few odd ones among
    others are mistakes, which `truth` names. Types with O, where most words are O, are spans (see
    `are_io`)."""
    tags = _tags(targets)
    # With types only, O decides: in entity recognition it is the most frequent tag, among parts of
    # speech it does not occur.
    odd = sum(count for tag, count in tags.items() if split_tag(tag) is None)
    if tags and are_io(targets):
        return tags["O"] < max(tags.values())
    return odd > 0.1 * tags.total()


def are_io(targets: Sequence[Any]) -> bool:
    """Whether tags follow the IO scheme: types only, without where spans begin (O PER PER)."""
    tags = _tags(targets).keys() - {"O"}
    return bool(tags) and all(split_tag(tag) is None for tag in tags)


def with_prefixes(tags: Sequence[str]) -> list[str]:
    """Convert IO tags (types only) to IOB1.

    >>> with_prefixes(["O", "PER", "PER"])
    ['O', 'I-PER', 'I-PER']
    """
    return [tag if tag == "O" else f"I-{tag}" for tag in tags]


def label_counts(targets: Sequence[Any], plain: bool | None = None) -> Counter[str]:
    """Label counts by type: of tags each one counts, of spans each span."""
    plain = are_plain(targets) if plain is None else plain
    io = not plain and are_io(targets)
    counts: Counter[str] = Counter()
    for target in targets:
        for one in target or ():
            if isinstance(one, str):
                kind = one if plain or (io and one != "O") else (split_tag(one) or (OUTSIDE, ""))[1]
                counts.update([kind] if kind else [])
            else:
                counts[one[2]] += 1
    return counts


def _tags(targets: Sequence[Any]) -> Counter[str]:
    return Counter(tag for target in targets for tag in target or () if isinstance(tag, str))
