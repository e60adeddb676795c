"""Tagging from files to answers: readers, mistakes in them, windows, and the saved folder."""

import json

import numpy as np
import pytest

import weitiao
from conftest import toy_data, toy_plan, toy_rows
from weitiao.data.files.open import open_source
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.labels.tags.words import split_words
from weitiao.model.model import Model
from weitiao.planning.advise import Wish, look
from weitiao.tasks.token_classification import TokenClassification

CHINESE = "叶老桂在浙商银行"
SPANS = [(0, 3, "name"), (4, 8, "company")]
CONLL = "-DOCSTART- -X- O\n\nAda\tB-PER\n#1\tO\n\nGrace\tB-PER\nHopper\tI-PER\n\n"
CONLLU = """# sent_id = 1
# text = vámonos ya
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP\t_\t1\tobj\t_\t_
3\tya\tya\tADV\tR\t_\t1\tadvmod\t_\t_

"""
STUDIO = [{"id": 1, "data": {"text": CHINESE}, "annotations": [{"result": [
    {"type": "labels", "value": {"start": a, "end": b, "labels": [label]}}
    for a, b, label in SPANS]}]}]  # fmt: skip
FILES = {
    "cluener": ("a.jsonl", json.dumps({"text": CHINESE, "label": {
        "name": {"叶老桂": [[0, 2]]}, "company": {"浙商银行": [[4, 7]]}}}, ensure_ascii=False)),
    "doccano": ("a.jsonl", json.dumps({"id": 1, "text": CHINESE, "label": SPANS})),
    "doccano, entities": ("a.jsonl", json.dumps({"id": 1, "text": CHINESE, "entities": [
        {"id": 7, "label": label, "start_offset": a, "end_offset": b} for a, b, label in SPANS]})),
    "Label Studio": ("a.json", json.dumps(STUDIO)),
    "BMES of characters": ("a.bmes", "叶 B-name\n老 M-name\n桂 E-name\n在 O\n浙 B-company\n"
                           "商 M-company\n银 M-company\n行 E-company\n\n"),
    "BMES in a text file": ("a.txt", "叶 B-name\n老 M-name\n桂 E-name\n在 O\n浙 B-company\n"
                            "商 M-company\n银 M-company\n行 E-company\n\n"),
}  # fmt: skip


def rows_of(path, **roles):
    from weitiao.data.rows import Rows, everything

    known, source = look(Wish(str(path), roles=roles))
    assert known.task == "token_classification"
    return Rows(source.table, everything(source.table), known.roles, source.name, known.task)


@pytest.mark.parametrize("kind", FILES)
def test_every_spelling_gives_the_same_spans(kind, tmp_path):
    name, text = FILES[kind]
    path = tmp_path / name
    many = text if name.endswith(".json") else (text + "\n") * 3
    path.write_text(many, encoding="utf-8")
    rows = rows_of(path, **({"text": "text"} if "json" in name else {}))
    task = TokenClassification().learn(rows.targets())
    truth = task.gold(rows)
    found = [(a, b, task.types[kind]) for a, b, kind in truth.spans.row(0).tolist()]
    assert found == SPANS
    (example,) = task.read(rows.examples([0]))
    assert example.inputs["text"] == CHINESE
    assert [task.labels[tag] for tag in truth.tags.row(0)] == [
        "B-name", "I-name", "I-name", "O", "B-company", "I-company", "I-company", "I-company"
    ]  # fmt: skip


def test_conll_rows_are_sentences_known_by_their_first_line(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(CONLL, encoding="utf-8")
    table = open_source(str(path)).table.to_pylist()
    assert [json.loads(row["tokens"]) for row in table] == [["Ada", "#1"], ["Grace", "Hopper"]]
    assert rows_of(path).ids() == ["a.conll:3", "a.conll:6"]


def test_conllu_gives_words_and_parts_of_speech(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU * 2, encoding="utf-8")
    rows = rows_of(path)
    assert rows.targets()[0] == ["VERB", "PRON", "ADV"]
    task = TokenClassification().learn(rows.targets())
    assert (task.plain, task.labels) == (True, ("ADV", "PRON", "VERB"))
    assert task.default_metrics == ("token_accuracy",)
    assert task.gold(rows).spans.row(0).tolist() == [[0, 5, 2], [6, 9, 1], [10, 12, 0]]


def test_types_without_prefixes_are_spans_where_most_words_are_none(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("Ada PER\nLove PER\nin O\nRome LOC\nshe O\nis O\n. O\n\n" * 3)
    rows = rows_of(path)
    task = TokenClassification().learn(rows.targets())
    assert task.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert task.gold(rows).spans.row(0).tolist() == [[0, 8, 1], [12, 16, 0]]
    path.write_text("Ada PER\n\n")
    assert task.gold(rows_of(path, text="tokens", target="tags")).spans.row(0).tolist() == [
        [0, 3, 1]
    ]


WRONG = {
    "a line without its tag": (CONLL + "Alan\nTuring\tO\n", "a.conll:9", "line 9"),
    "a tag of no scheme": (CONLL * 9 + "Alan\tPER\n\n", "a.conll:73", "'PER'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_with_its_line(case, tmp_path):
    text, place, named = WRONG[case]
    path = tmp_path / "a.conll"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        rows = rows_of(path)
        TokenClassification().learn(rows.targets()).gold(rows)
    assert place in str(caught.value)
    assert named in str(caught.value)


def test_a_span_outside_its_text_is_told():
    from weitiao.data.files.table import from_rows
    from weitiao.data.rows import Rows, everything

    table = from_rows([{"text": "ab", "spans": [{"start": 1, "end": 3, "label": "x"}]}]).table
    roles = {"text": "text", "target": "spans"}
    rows = Rows(table, everything(table), roles, "rows", "token_classification")
    with pytest.raises(DataError, match="rows:0.*does not lie in the text"):
        TokenClassification(labels=("O", "B-x", "I-x")).gold(rows)


@pytest.fixture(scope="module")
def fitted(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tagging")
    rows = [
        {"text": row["text"], "label": [tag if tag[0] == "B" else "O" for tag in row["label"]]}
        for row in toy_rows("token_classification", 200)
    ]
    return weitiao.fit(
        rows, model=tiny_bert, out=folder,
        changes={"train.epochs": 15, "train.learning_rate": 5e-3, "train.batch_size": 8,
                 "train.refit": "never", "model.max_length": 32,
                 "evaluate.bootstrap_samples": 50},
    )  # fmt: skip


def test_a_fit_learns_and_leaves_a_report(fitted):
    assert fitted.plan.task_name == "token_classification"
    assert fitted.metrics["entity_f1"] > 0.9
    assert set(fitted.report.baselines) >= {"majority", "lookup"}
    page = fitted.page.read_text(encoding="utf-8")
    assert "Spans found of 1,000" in page
    low, high = fitted.report.intervals["entity_f1"]
    assert low <= fitted.metrics["entity_f1"] <= high or np.isnan(low)


def test_answers_are_places_in_the_text_as_it_came(fitted):
    text = "the film  was GOOD a bad"
    for span in fitted(text).value:
        assert text[span["start"] : span["end"]] == span["text"]
    assert fitted(text).value[0]["text"].startswith("GOOD")
    listed = fitted({"text": ["the", "film", "was", "good"]})
    assert listed.value[0]["start"] == len("the film was ")


def test_a_long_text_is_answered_like_its_parts(fitted):
    parts = ["the film was very good", "we we we was the room bad hotel the the"] * 12
    text = " ".join(parts)
    found = fitted(text).value
    starts = [span["start"] for span in found]
    assert starts == sorted(set(starts)), "no word is answered by two windows"
    assert all(span["label"] in ("good", "bad") for span in found)
    assert len(found) >= 20  # of 24, all over the text: the network is tiny
    assert starts[-1] > 0.8 * len(text)


def test_the_saved_folder_is_plain(fitted):
    """transformers' own pipeline gives our scores where its tokens are our words."""
    from transformers import pipeline

    # "first" needs a tokenizer that marks the later pieces of a word; this one has whole words.
    tagger = pipeline("token-classification", str(fitted.run.best), aggregation_strategy="simple")
    texts = ["the film was good", "a bad hotel very bad", "我 们 很 好"]
    for text, answers in zip(texts, tagger(texts), strict=True):
        wanted = [(a["start"], a["end"], a["entity_group"]) for a in answers
                  if a["entity_group"] != "O"]  # fmt: skip
        found = fitted(text).value
        assert [(s["start"], s["end"], s["label"]) for s in found] == wanted
        scores = [a["score"] for a in answers if a["entity_group"] != "O"]
        assert [span["score"] for span in found] == pytest.approx(scores, abs=2e-3)


def test_cleaners_do_not_move_places(tiny_bert):
    plan = toy_plan("token_classification", tiny_bert, **{"data.cleaners": {"whitespace": {}}})
    model = Model.start(plan, toy_data(plan).train)
    text = "good    film   bad"
    for words in (text, json.dumps(text.split())):
        example = Example({"text": words})
        whole = model.scores([example])
        assert whole.lengths.tolist() == [3]
    (answer,) = model.predictions([Example({"text": text})])
    for span in answer.value:
        assert text[span["start"] : span["end"]] == span["text"]
    plain = Model.start(toy_plan("token_classification", tiny_bert), toy_data(plan).train)
    np.testing.assert_allclose(
        plain.scores([Example({"text": text})]).values,
        model.scores([Example({"text": text})]).values,
    )


def test_words_that_a_cleaner_replaces_together_are_one_span(tiny_bert):
    changes = {"data.cleaners": {"links": {}, "whitespace": {}}}
    plan = toy_plan("token_classification", tiny_bert, **changes)
    model = Model.start(plan, toy_data(plan).train)
    text = "good  http://a.cn/film?x=1  bad"
    words = split_words(text)
    example = Example({"text": text})
    (cleaned,) = model.clean([example])
    assert cleaned.inputs["text"] == "good [url] bad"
    encoded = model.ids([cleaned])
    units, more = encoded["unit"][0], encoded["more"][0]
    spoken = [(u, m) for u, m in zip(units.tolist(), more.tolist(), strict=True) if u >= 0]
    # The first word of the address speaks for all of it; "bad" has its own piece.
    assert spoken == [(0, 0), (1, len(words) - 3), (len(words) - 1, 0)]
    whole = model.scores([example])
    assert whole.lengths.tolist() == [len(words)]
