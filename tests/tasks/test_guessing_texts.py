"""Translation and generation are guessed from columns; what has labels stays what it was."""

import json

import pytest

import weitiao
from conftest import TINY_WRITER, toy_rows
from weitiao.data.files.open import open_source
from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError

WORDS = "abcdefghij" * 6
EN = [f"the {w} film number {n} was watched by many people" for n, w in enumerate(WORDS)]
DE = [f"der {w} Film Nummer {n} wurde von vielen gesehen" for n, w in enumerate(WORDS)]
ZH = [f"这家酒店第{n}间房间的服务非常好下次还会再来" for n in range(60)]
TWO = ["pos", "neg"] * 30
IDS = [f"row-{n}" for n in range(60)]
AMOUNTS = [n / 7 for n in range(60)]


def guess(columns, given=None):
    table = from_rows(columns).table
    roles = guess_roles(table, given or {}).roles
    return roles, guess_task(table, roles)[0]


@pytest.mark.parametrize(
    ("columns", "source", "target"),
    [
        ({"en": EN, "de": DE}, "en", "de"),
        ({"de": DE, "en": EN}, "de", "en"),
        ({"English": EN, "中文": ZH}, "English", "中文"),
        ({"en-US": EN, "zh_CN": ZH}, "en-US", "zh_CN"),
        ({"src": EN, "tgt": DE}, "src", "tgt"),
        ({"target": DE, "source": EN}, "source", "target"),
        ({"原文": EN, "译文": ZH}, "原文", "译文"),
        ({"en": EN, "score": AMOUNTS, "zh": ZH}, "en", "zh"),  # of the alignment
        ({"id": IDS, "en": EN, "de": DE}, "en", "de"),  # id is Indonesian, too
        ({"no": list(range(60)), "en": EN, "de": DE}, "en", "de"),  # and no Norwegian
        ({"column1": EN, "column2": ZH}, "column1", "column2"),
        ({"a": ZH, "b": EN}, "a", "b"),
    ],
    ids=lambda value: "-".join(value),
)
def test_translation(columns, source, target):
    assert guess(columns) == ({"text": source, "target": target}, "translation")


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"prompt": EN, "response": DE}, ("prompt", None, "response")),
        ({"instruction": EN, "output": DE}, ("instruction", None, "output")),
        ({"instruction": EN, "input": ZH, "output": DE}, ("instruction", "input", "output")),
        (
            {"instruction": EN, "context": ZH, "response": DE, "category": TWO},
            ("instruction", "context", "response"),
        ),
        ({"Text": EN, "Summary": DE}, ("Text", None, "Summary")),
        ({"id": IDS, "article": EN, "highlights": DE}, ("article", None, "highlights")),
        ({"正文": ZH, "摘要": ZH[::-1]}, ("正文", None, "摘要")),
    ],
    ids=lambda value: "-".join(map(str, value)),
)
def test_generation(columns, roles):
    wanted = dict(zip(("text", "context", "target"), roles, strict=True))
    found, task = guess(columns)
    assert task == "generation"
    assert found == {role: column for role, column in wanted.items() if column}


@pytest.mark.parametrize(
    ("columns", "text", "target"),
    [
        ({"id": IDS, "en": EN, "label": TWO}, "en", "label"),
        ({"id": [f"x{n}" for n in range(60)], "en": EN, "label": TWO}, "en", "label"),
        ({"no": list(range(60)), "en": EN, "label": TWO}, "en", "label"),
        ({"en": EN, "zh": ZH, "label": TWO}, "en", "label"),
        ({"中文": ZH, "label": TWO}, "中文", "label"),
        ({"text": EN, "source": ["web", "news"] * 30, "target": TWO}, "text", "target"),
        ({"source": EN, "target": TWO}, "source", "target"),
        ({"source_text": EN, "target_text": DE, "label": TWO}, "source_text", "label"),
        ({"text": EN, "translation": ZH, "label": TWO}, "text", "label"),
        ({"prompt": EN, "response": DE, "label": TWO}, "prompt", "label"),
        ({"question": EN, "response": DE, "label": TWO}, "question", "label"),
        ({"text": EN, "summary": DE, "label": TWO}, "text", "label"),
        ({"text": EN, "中文": ["好评", "差评"] * 30}, "text", "中文"),
        ({"a": EN, "b": ["好评", "差评"] * 30}, "a", "b"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_rows_with_labels_stay_classification(columns, text, target):
    assert guess(columns) == ({"text": text, "target": target}, "classification")


def test_pairs_with_a_relation_stay_nli():
    labels = ["entailment", "neutral", "contradiction"] * 20
    roles, task = guess({"premise": EN, "hypothesis": ZH, "label": labels})
    assert (roles["premise"], task) == ("premise", "nli")


def test_two_texts_that_nothing_names_are_asked_for():
    for columns in ({"a": EN, "b": DE}, {"en": EN, "de": DE, "fr": DE[::-1]}):
        with pytest.raises(DataError, match="cannot tell which column"):
            guess(columns)
    assert guess({"en": EN, "de": DE, "fr": DE[::-1]}, {"text": "fr", "target": "en"})[1] == (
        "translation"
    )


@pytest.mark.parametrize("task", ["classification", "nli", "similarity", "regression",
                                  "multilabel", "token_classification", "question_answering"])  # fmt: skip
def test_rows_of_every_other_task_stay_what_they_were(task):
    table = from_rows(toy_rows(task)).table
    found = guess_task(table, guess_roles(table, {}).roles)[0]
    # Only the plan says that degrees between two texts are a similarity.
    assert found == ("regression" if task == "similarity" else task)


def test_squad_is_no_generation():
    rows = [
        {
            "question": f"who is {n}",
            "context": f"here is anna {n} of berlin",
            "answers": f"anna {n}",
        }
        for n in range(40)
    ]
    table = from_rows(rows).table
    assert guess_task(table, guess_roles(table, {}).roles)[0] == "question_answering"


def test_a_file_without_a_header_in_two_writings(tmp_path):
    """As Tatoeba's pairs are: English, a tab, Chinese."""
    file = tmp_path / "cmn.txt"
    file.write_text("".join(f"{one}\t{other}\n" for one, other in zip(EN, ZH, strict=True)))
    seen = weitiao.look(str(file))
    assert (seen.task, seen.roles) == ("translation", {"text": "column1", "target": "column2"})
    assert seen.reasons["text"] == "one column is Chinese, the other is not"
    plan = weitiao.plan(str(file), model=TINY_WRITER)
    assert plan.task_name == "translation"
    assert plan.data.roles == {"text": "column1", "target": "column2"}


def test_doubtful_pairs_are_said(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"en": one, "de": other} for one, other in zip(EN, DE, strict=True)]
    rows += [{"en": "the very same words here", "de": "the very same words here"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert "1 row whose target is a copy of the text" in weitiao.look(str(file)).history


def test_a_text_may_have_several_translations(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"en": one, "de": other} for one, other in zip(EN, DE, strict=True)]
    rows += [{"en": EN[0], "de": f"{DE[0]} noch einmal"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    known = weitiao.look(str(file))
    assert known.conflicts == 0
    assert not any("conflict" in line for line in known.history)


def test_several_targets_are_one_object(tmp_path):
    file = tmp_path / "a.jsonl"
    rows = [{"text": one, "name": f"n {n}", "age": n} for n, one in enumerate(EN)]
    file.write_text("\n".join(map(json.dumps, rows)))
    source = open_source(str(file))
    roles = {"text": "text", "target": ["name", "age"]}
    found = Rows(source.table, everything(source.table), roles, "a", "generation").targets()
    assert json.loads(found[3]) == {"name": "n 3", "age": 3}


@pytest.mark.parametrize("names", [("text", "labels"), ("文本", "标签"), ("a", "b")])
def test_lists_of_labels_beside_chinese_are_no_translation(names):
    """Lists of labels, each different: a column of their own writing beside Chinese texts."""
    rows = [{names[0]: f"好{at}天气", names[1]: [f"label{at}", "so so"]} for at in range(40)]
    table = from_rows(rows).table
    try:
        task = guess_task(table, guess_roles(table, {}).roles)[0]
    except DataError:
        task = ""
    assert task != "translation"
