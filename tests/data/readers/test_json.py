"""JSON of every shape: annotation tools, SQuAD, one object a line; whatever stands in it."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.annotations import plain, plain_rows
from weitiao.data.files.open import open_source
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.errors import DataError
from weitiao.planfile.plan import Plan
from weitiao.planning.advise import Wish, look

TASK = {"data": {"text": "Rome is here"}}


@pytest.mark.parametrize(
    "annotation",
    [
        {"result": 5},
        {"result": {"value": 1}},
        {"result": [{"value": {"start": 0, "end": 4, "labels": 7}}]},
        {"result": [{"value": {"choices": 3}}]},
        {"result": [3, None, {"value": []}]},
    ],
)
def test_what_is_no_annotation_says_nothing(annotation):
    assert plain({**TASK, "annotations": [annotation]}) == {"text": "Rome is here", "label": []}


def test_a_label_is_one_of_the_choices():
    chosen = {"result": [{"value": {"choices": ["place"]}}]}
    assert plain({**TASK, "annotations": [chosen]})["label"] == "place"


def test_a_submitted_row_without_a_choice_has_no_label():
    rows = [{**TASK, "annotations": [{"result": [{"value": {"choices": [one]}}] if one else []}]}
            for one in ("good", "", "bad")]  # fmt: skip
    assert [row.get("label") for row in plain_rows(rows)] == ["good", None, "bad"]
    spans = [{"value": {"start": 0, "end": 4, "text": "Rome", "labels": ["x"]}}]
    rows = [{**TASK, "annotations": [{"result": result}]} for result in (spans, [])]
    assert [row["label"] for row in plain_rows(rows)] == [
        [{"start": 0, "end": 4, "text": "Rome", "label": "x"}], []
    ]  # fmt: skip


def test_a_file_of_them_is_a_table(tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**TASK, "annotations": [{"result": 5}]}] * 3), encoding="utf-8")
    assert open_source(str(path), {}).table.num_rows == 3


PARIS = "I live in Paris. Paris is large."


def question(number, *answers, **more):
    given = [{"text": text, "answer_start": start} for start, text in answers]
    return {"id": f"q{number}", "question": f"which {number}", "answers": given, **more}


def squad(articles=6, titles=True):
    """SQuAD 2: each article has two paragraphs with two questions, one of them unanswerable."""
    data = []
    for number in range(articles):
        paragraphs = [
            {
                "context": f"{PARIS} {number} {part}",
                "qas": [
                    question(4 * number + part, (10, "Paris"), (17, "Paris")),
                    question(4 * number + 2 + part, is_impossible=True,
                             plausible_answers=[{"text": "large", "answer_start": 26}]),
                ],
            }
            for part in (0, 1)
        ]  # fmt: skip
        article = {"title": f"t{number}", "paragraphs": paragraphs}
        data.append(article if titles else {"paragraphs": paragraphs})
    return {"version": "v2.0", "data": data}


def rows_of(value, path):
    path.write_text(json.dumps(value), encoding="utf-8")
    profile, source = look(Wish(path=str(path)))
    return profile, source


def plan_of(path, profile, **more):
    data = {"path": str(path), "roles": dict(profile.roles), **more}
    return Plan.parse({"task": profile.task, "data": data, "model": {"checkpoint": "x"}}).data


def test_squads_json_is_read_by_itself_with_its_roles(tmp_path):
    profile, source = rows_of(squad(), tmp_path / "squad.json")
    assert profile.task == "question_answering"
    assert dict(profile.roles) == {
        "question": "question", "context": "context", "target": "answers", "group": "article",
    }  # fmt: skip
    assert source.columns == ["id", "article", "context", "question", "answers"]
    data = load(plan_of(tmp_path / "squad.json", profile), profile.task)
    targets = [*data.train.targets(), *data.validation.targets(), *data.sealed_test.targets()]
    assert set(targets) == {((10, "Paris"), (17, "Paris")), ()}
    assert data.train.ids()[0].startswith("squad.json:")


@pytest.mark.parametrize("titles", [True, False])
def test_an_article_is_on_one_side_of_the_split(titles, tmp_path):
    profile, _ = rows_of(squad(10, titles), tmp_path / "squad.json")
    data = load(plan_of(tmp_path / "squad.json", profile, validation_size=0.2), profile.task)
    parts = (data.train, data.validation, data.sealed_test)
    articles = [set(part.table.column("article").take(part.indices).to_pylist()) for part in parts]
    assert len(set.union(*articles)) == sum(map(len, articles)) == 10


def test_questions_about_one_passage_stay_together_in_a_table_without_articles(tmp_path):
    rows = [
        {"question": f"which {n}", "context": f"the word {n // 4} is good", "answer": "good"}
        for n in range(60)
    ]
    profile, source = look(Wish(path="rows"), from_rows(rows))
    assert profile.task == "question_answering"
    data = load(plan_of("rows", profile, validation_size=0.2), profile.task, source)
    texts = [{e.inputs["context"] for e in part.examples()}
             for part in (data.train, data.validation, data.sealed_test)]  # fmt: skip
    assert len(set.union(*texts)) == sum(map(len, texts)) == 15


def test_cmrcs_slips_are_mended_or_only_judged(tmp_path):
    value = squad(6)
    value["data"][0]["paragraphs"][0]["qas"][0] = question(0, (12, "Paris"))  # two too far
    value["data"][1]["paragraphs"][0]["qas"][0] = question(4, (-1, "London"))
    profile, _ = rows_of(value, tmp_path / "cmrc.json")
    data = load(plan_of(tmp_path / "cmrc.json", profile), profile.task)
    targets = [*data.train.targets(), *data.validation.targets(), *data.sealed_test.targets()]
    assert ((10, "Paris"),) in targets
    assert ((-1, "London"),) in targets
    assert any("1 row whose answers do not stand" in line for line in data.history)


def test_a_start_is_found_by_searching_and_a_doubtful_one_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"q{n}", "context": f"{n} {PARIS}", "answer": "large"} for n in range(12)]
    rows[4]["answer"] = "Paris"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError, match=r"rows.jsonl:5: .*'Paris' stands .* more than once"):
        look(Wish(path=str(path)))
    rows[4]["answer"] = "Rome"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError, match=r"rows.jsonl:5: .*'Rome' does not stand"):
        look(Wish(path=str(path)))
    profile, _ = look(Wish(path=str(path), skip_bad=True))
    assert profile.bad == 1
    rows[4] |= {"answer": "Paris"}
    for row in rows:
        row["answer_start"] = row["context"].rindex(row["answer"])
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    profile, _ = look(Wish(path=str(path)))
    assert profile.roles["start"] == "answer_start"
    data = load(plan_of(path, profile), profile.task)
    assert ((19, "Paris"),) in [*data.train.targets(), *data.validation.targets(),
                                *data.sealed_test.targets()]  # fmt: skip


def test_a_question_with_a_passage_and_a_label_is_no_reading(tmp_path):
    rows = [
        {"question": f"is it {n}", "passage": f"it is {n // 2}", "label": ("yes", "no")[n % 2]}
        for n in range(40)
    ]
    profile, _ = look(Wish(path="rows"), from_rows(rows))
    assert profile.task != "question_answering"


def test_the_reader_named_for_another_shape_says_what_it_wants(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[{"text": "a", "label": "b"}]', encoding="utf-8")
    with pytest.raises(DataError, match=r"rows.json: not SQuAD's json"):
        open_source(str(path), {"squad": {}})


def test_broken_entries_are_named_and_may_be_set_aside(tmp_path):
    value = squad(4)
    value["data"][0]["paragraphs"][0]["qas"][1] = "no question"
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(DataError, match=r"squad.json:2: no question with a context"):
        open_source(str(path))
    assert open_source(str(path), skip_bad=True).table.num_rows == 15


def write(tmp_path, text, name="a.jsonl"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_numbers_lists_and_missing_keys(tmp_path):
    lines = '{"text": "a", "n": 1, "x": 1}\n\n{"text": "b", "x": 0.5, "tags": ["p", "q"]}\n'
    source = open_source(write(tmp_path, lines, "a.ndjson"))
    assert source.table.to_pylist() == [
        {"text": "a", "n": 1, "x": 1.0, "tags": None, "__line": 1},
        {"text": "b", "n": None, "x": 0.5, "tags": '["p", "q"]', "__line": 3},
    ]
    assert source.columns == ["text", "n", "x", "tags"]


def test_a_column_of_words_and_numbers_is_text(tmp_path):
    source = open_source(write(tmp_path, '{"a": 1}\n{"a": "x"}\n{"a": 2.0}\n{"a": true}\n'))
    assert source.table.column("a").to_pylist() == ["1", "x", "2", "true"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": \n', r"a\.jsonl:2: not JSON at character 6"),
        ("[1]\n", r"a\.jsonl:1: not an object"),
        ("[" * 100_000, r"a\.jsonl:1: "),
        ('{"a": "\\ud800"}\n', r"a\.jsonl:1: a holds half a character"),
        ("{}\n", "no row with a value"),
    ],
)
def test_a_broken_line_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        open_source(write(tmp_path, text))
