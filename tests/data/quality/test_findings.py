"""What finders see in rows of every kind."""

import csv
import io
import json
import shlex

import numpy as np
import pytest

from weitiao.data.files.csv_writer import sheet
from weitiao.data.files.table import from_rows
from weitiao.data.quality.finding import cell_of, target_of
from weitiao.data.quality.inspect import all_findings, inspected_rows
from weitiao.data.quality.label_names import alike_names
from weitiao.data.quality.languages import language_of
from weitiao.data.quality.repeats import differences, spread
from weitiao.data.quality.text_damage import mojibake_spans, width_spans
from weitiao.data.steps.resampling import LengthFilter
from weitiao.example import Example
from weitiao.planfile.plan import DataPlan

ROLES = {"text": "text", "target": "label"}
WORDS = "the a film was room staff with price food in view of night and table garden".split()


def plain_rows(count=60):
    rng = np.random.default_rng(5)
    return [
        {"text": " ".join(rng.choice(WORDS, 14)) + f" {at * 7919}", "label": "ab"[at % 2]}
        for at in range(count)
    ]


def found(rows, task="classification", roles=ROLES, test=None):
    plan = DataPlan(path="memory:x", roles=roles)
    inspected = inspected_rows(
        from_rows(rows, "a.csv"), roles, task, plan, from_rows(test, "t.csv") if test else None
    )
    return {one.kind: one for one in all_findings(inspected)[0]}


def table_of(finding):
    file = io.StringIO()
    with sheet(file, finding.table.head) as add:
        for row in finding.table.rows():
            add(row)
    return list(csv.reader(io.StringIO(file.getvalue())))


def test_clean_rows_have_no_findings():
    assert found(plain_rows()) == {}


def test_duplicates_name_the_row_they_repeat():
    rows = plain_rows()
    rows += [dict(rows[3]), {"text": rows[4]["text"].upper() + " !!", "label": rows[4]["label"]}]
    finding = found(rows)["exact_duplicates"]
    assert finding.rows.tolist() == [60, 61]
    assert finding.figures["exact"] == finding.figures["alike"] == 1
    assert finding.plan_line == "data.steps.deduplicate={}"
    assert [row[:2] for row in table_of(finding)[1:]] == [
        ["a.csv:60", "a.csv:3"],
        ["a.csv:61", "a.csv:4"],
    ]


def test_exact_duplicates_alone_need_no_step():
    rows = plain_rows()
    assert found([*rows, rows[0]])["exact_duplicates"].plan_line == "data.deduplicate=true"


def test_near_duplicates_are_shown_side_by_side_with_what_differs():
    rows = plain_rows()
    rows.append(
        {"text": rows[3]["text"].replace("film", "fiIm", 1) + " x", "label": rows[3]["label"]}
    )
    finding = found(rows)["near_duplicates"]
    assert finding.rows.tolist() == [3, 60]
    (case,) = finding.cases
    assert [one.id for one in case.rows] == ["a.csv:3", "a.csv:60"]
    text = case.rows[1].texts[0]
    assert any("x" in text.text[start:end] for start, end in text.marks)


def test_conflicts_name_all_rows_of_the_text():
    rows = plain_rows()
    rows.append({"text": rows[2]["text"] + " .", "label": "b"})
    finding = found(rows)["conflicts"]
    assert finding.rows.tolist() == [2, 60]
    assert finding.plan_line == "data.steps.drop_conflicts={}"


def test_a_set_of_labels_in_another_order_is_a_duplicate_and_no_conflict():
    rows = [{**row, "label": f"{row['label']}; c"} for row in plain_rows()]
    rows.append({**rows[2], "label": "c; " + rows[2]["label"].partition(";")[0]})
    kinds = found(rows, "multilabel")
    assert "conflicts" not in kinds


def test_several_translations_of_a_text_are_no_conflict():
    rows = [{"text": one["text"], "target": f"ziel {at}"} for at, one in enumerate(plain_rows())]
    rows.append({"text": rows[0]["text"], "target": "another"})
    kinds = found(rows, "translation", {"text": "text", "target": "target"})
    assert "conflicts" not in kinds
    assert "exact_duplicates" not in kinds


def test_leaks_by_a_declared_split_and_into_a_test_file():
    rows = [{**one, "split": "train"} for one in plain_rows()]
    rows += [{"text": rows[1]["text"].upper(), "label": "b", "split": "test"},
             {"text": rows[5]["text"] + " y", "label": "b", "split": "dev"},
             {"text": "quite another text that nobody has seen before", "label": "a", "split": "dev"}]  # fmt: skip
    test = [
        {"text": rows[7]["text"], "label": "b"},
        {"text": "new and unseen words here", "label": "a"},
    ]
    kinds = found(rows, test=test)
    leak = kinds["leaks_test"]
    assert leak.figures == {
        "held_out": 1,
        "rows": 1,
        "exact": 0,
        "alike": 1,
        "near": 0,
        "same_target": 1,
    }
    assert leak.rows.tolist() == [1]
    assert kinds["leaks_validation"].figures["near"] == 1
    assert kinds["leaks_validation"].figures["held_out"] == 2
    of_file = kinds["leaks_test_file"]
    assert of_file.figures["exact"] == of_file.figures["same_target"] == 1
    assert table_of(of_file)[1][:5] == ["t.csv:0", "a.csv:7", "1.00", "b", "b"]
    assert of_file.severity == "error"


def test_a_shared_collection_is_told_from_a_slip_by_its_share():
    rows = plain_rows(200)
    test = [dict(one) for one in rows[:80]]
    test += [
        {"text": f"unseen words of number {at}, of no other text at all", "label": "a"}
        for at in range(40)
    ]
    assert "one collection" in str(found(rows, test=test)["leaks_test_file"].sentence)
    assert "one collection" not in str(found(rows, test=test[75:])["leaks_test_file"].sentence)


def test_a_planned_split_keeps_equal_texts_together_but_not_near_ones():
    rows = plain_rows(100)
    rows += [{"text": one["text"] + " z", "label": one["label"]} for one in rows]
    assert {"leaks_validation", "leaks_test"} & found(rows).keys()
    plan = DataPlan(path="memory:x", roles=ROLES, near_duplicates=0.8)
    inspected = inspected_rows(from_rows(rows, "a.csv"), ROLES, "classification", plan)
    kinds = {one.kind for one in all_findings(inspected)[0]}
    assert not {"leaks_validation", "leaks_test"} & kinds


@pytest.mark.parametrize(
    ("kind", "text", "marked"),
    [
        ("mojibake", "the cafÃ© was nice", "Ã©"),
        ("mojibake", "价格锟斤拷很高", "锟斤拷"),
        ("lost_characters", "the caf\ufffd was nice", "\ufffd"),
        ("invisible_characters", "pass\u200bword here", "\u200b"),
        ("invisible_characters", "read \u202eback", "\u202e"),
        ("mixed_width", "ＡＢ and ab", "ＡＢ"),
        ("html", "nice<br/>hotel", "<br/>"),
        ("html", "Tom &amp; Jerry", "&amp;"),
    ],
)
def test_damage_is_marked_where_it_is(kind, text, marked):
    finding = found([*plain_rows(), {"text": text, "label": "a"}])[kind]
    assert finding.rows.tolist() == [60]
    shown = finding.cases[0].rows[0].texts[0]
    assert any(marked in shown.text[start:end] for start, end in shown.marks)


@pytest.mark.parametrize(
    "text",
    ["这家酒店，很好！", "a < b and c > d & e", "naïve café – “quoted”", "👨‍👩‍👧 family", "全角逗号，和。",
     "ＡＢＣ１２３", "Ünïcödé wörds", "日本語のテキスト"],
)  # fmt: skip
def test_good_texts_are_not_damaged(text):
    rows = [*plain_rows(), {"text": text, "label": "a"}]
    kinds = {"mojibake", "lost_characters", "invisible_characters", "mixed_width", "html"}
    assert not kinds & found(rows).keys()


def test_lost_characters_are_no_mojibake():
    assert mojibake_spans("broken \ufffd\ufffd characters") == []
    assert width_spans("全角ＷＩＤＥ文") == []


def test_personal_data_is_masked_in_the_table():
    rows = [*plain_rows(), {"text": "write to li.wei@example.com or 13812345678", "label": "a"}]
    finding = found(rows)["personal_data"]
    assert finding.figures == {"email": 1, "phone": 1}
    text = str(table_of(finding))
    assert "example.com" not in text
    assert "13812345678" not in text
    assert "13812345678" not in cell_of("call 13812345678")


def test_a_row_in_another_language_is_found():
    rows = [{"text": f"{one['text']} and this is a plain English sentence", "label": one["label"]}
            for one in plain_rows()]  # fmt: skip
    rows.append({"text": "这家酒店的服务非常好，房间也很干净，下次还会再来", "label": "a"})
    finding = found(rows)["other_languages"]
    assert finding.rows.tolist() == [60]
    assert table_of(finding)[1][3] == "zh"
    assert language_of("ok") == ("", 0.0)


def test_texts_of_unusual_length_and_none():
    rows = [*plain_rows(), {"text": "word " * 2000, "label": "a"}, {"text": " ", "label": "a"},
            {"text": "x", "label": "b"}]  # fmt: skip
    kinds = found(rows)
    assert kinds["long_texts"].rows.tolist() == [60]
    assert kinds["empty_texts"].rows.tolist() == [61]
    assert kinds["short_texts"].rows.tolist() == [62]


def test_alike_names_of_labels():
    names = ["Sport", "sport", "sports", "business", "bussiness", "class1", "class2", "正面", "负面",
             "1", "2", "ＮＥＷＳ", "news", "sci-fi", "sci fi", "yes", "yet"]  # fmt: skip
    pairs = {frozenset(pair[:2]) for pair in alike_names(dict.fromkeys(names, 1))}
    assert frozenset(("Sport", "sport")) in pairs
    assert frozenset(("business", "bussiness")) in pairs
    assert frozenset(("ＮＥＷＳ", "news")) in pairs
    assert frozenset(("sci-fi", "sci fi")) in pairs
    assert any("sports" in pair for pair in pairs)
    for pair in (("class1", "class2"), ("正面", "负面"), ("1", "2"), ("yes", "yet")):
        assert frozenset(pair) not in pairs


@pytest.mark.parametrize(
    "names",
    [
        ("-1", "1"),
        ("C", "C++", "C#"),
        ("A", "A+", "A-"),
        ("1.5", "15"),
        ("1 5", "15"),
        ("2020-21", "202021"),
        ("rated+", "rated-", "rated"),
        (">50K", "<=50K", "50K"),
    ],
)
def test_signs_of_label_names_are_no_gaps(names):
    assert alike_names(dict.fromkeys(names, 1)) == []


def test_gaps_in_label_names_are_blanks_underscores_and_hyphens_between_letters():
    names = ["very good", "very_good", "Very-Good", "class_1", "class 1", "Class1"]
    pairs = {frozenset(pair[:2]) for pair in alike_names(dict.fromkeys(names, 1))}
    groups = ("very good", "very_good"), ("very good", "Very-Good"), ("class_1", "class 1")
    assert pairs == {frozenset(pair) for pair in (*groups, ("class_1", "Class1"))}


def test_traditional_and_simplified_names_are_alike():
    pytest.importorskip("opencc")
    assert [pair[:2] for pair in alike_names({"汽车": 3, "汽車": 1})] == [("汽车", "汽車")]


def test_names_of_labels_are_merged_into_the_most_frequent():
    rows = plain_rows()
    for at, name in ((0, "positive"), (1, "Positive"), (2, "positives"), (3, "positive")):
        rows[at]["label"] = name
    finding = found(rows)["label_names"]
    assert finding.plan_line == 'data.labels.merge={"positive": ["Positive", "positives"]}'
    assert finding.rows.tolist() == [1, 2]


def test_differences_are_spans_of_both_texts():
    assert differences("a good film", "a bad film") == ([(2, 5)], [(2, 4)])
    assert differences("same", "same") == ([], [])
    assert spread(5, 12) == [0, 1, 2, 3, 4]
    assert spread(0, 12) == []
    assert len(spread(1000, 12)) == 12


def test_targets_in_words():
    assert [target_of(one) for one in (None, "a", 0.5, ["x", "y"])] == [
        "",
        "a",
        "0.5",
        '["x", "y"]',
    ]


def test_words_with_tags_are_shown_as_a_text():
    """Both stood there as JSON: ["Ann", "came"] [["B-x", "O"]]; and marks were of the text."""
    words = [["Ann", "came", "to", "Delft", "today", str(at)] for at in range(40)]
    rows = [
        {"text": json.dumps(one), "label": json.dumps(["B-person", "O", "O", "B-place", "O", "O"])}
        for one in [*words, [*words[0][:-1], "0!"]]
    ]
    (case, *_) = found(rows, "token_classification")["near_duplicates"].cases
    first = case.rows[0]
    assert first.texts[0].text.startswith("Ann came to Delft today")
    assert first.target == "Ann/B-person Delft/B-place"


def test_answers_of_questions_are_shown_as_texts():
    rows = [
        {"question": f"where is it {at}", "context": f"it is in Delft, number {at}",
         "label": json.dumps([{"text": "Delft", "answer_start": 9}])}
        for at in [*range(40), 0]
    ]  # fmt: skip
    roles = {"question": "question", "context": "context", "target": "label"}
    (case, *_) = found(rows, "question_answering", roles)["exact_duplicates"].cases
    assert case.rows[0].target == '["Delft"]'


def test_the_length_of_words_in_a_list_is_that_of_their_text():
    rows = [{"text": '["' + '", "'.join("这家酒店的房间很干净也安静" * 2) + f'", "{at}"]', "label": "O " * 27}
            for at in range(40)]  # fmt: skip
    rows.append({"text": '["秀", "军"]', "label": "B-人 I-人"})
    finding = found(rows, "token_classification")["short_texts"]
    assert finding.rows.tolist() == [40]
    assert finding.plan_line == "data.steps.length_filter={shortest: 3}"
    assert table_of(finding)[1][-2:] == ["2", "秀军"]
    kept = LengthFilter(shortest=3)([Example({"text": row["text"]}) for row in rows], None)
    assert len([*kept]) == 40


TASKS = {
    "nli": ({"premise": "a", "hypothesis": "b", "target": "label"}, {"a": "the cat sleeps", "b": "a cat", "label": "x"}),
    "multilabel": (ROLES, {"text": "a text here", "label": "x,y"}),
    "regression": (ROLES, {"text": "a text here", "label": "0.5"}),
    "similarity": ({"text": "a", "text_pair": "b", "target": "label"}, {"a": "one", "b": "two", "label": "0.5"}),
    "token_classification": (ROLES, {"text": "Anna sings", "label": "B-x O"}),
    "translation": (ROLES, {"text": "a text here", "label": "ein Text"}),
    "question_answering": ({"question": "a", "context": "b", "target": "label"},
                           {"a": "who sings", "b": "Anna sings.", "label": "Anna"}),
}  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_rows_of_every_task_that_are_all_equal(task, count):
    roles, row = TASKS[task]
    kinds = found([dict(row)] * count, task, roles, test=[dict(row)])
    assert ("exact_duplicates" in kinds) == (count > 1)
    assert kinds["leaks_test_file"].figures["exact"] == 1
    for finding in kinds.values():
        assert finding.to_json()["count"] == len(finding.rows)
        if finding.table:
            list(finding.table.rows())


def test_rows_without_a_target():
    rows = [{"text": one["text"]} for one in plain_rows()]
    kinds = found([*rows, rows[0]], roles={"text": "text"}, test=rows[:2])
    assert kinds["exact_duplicates"].rows.tolist() == [60]
    assert kinds["leaks_test_file"].figures["rows"] == 2


def test_lines_are_shown_so_that_a_shell_keeps_them_whole():
    rows = plain_rows()
    for at, name in ((0, "positive"), (1, "Positive"), (2, "positive")):
        rows[at]["label"] = name
    rows += [dict(rows[3]), {"text": rows[4]["text"].upper() + " !!", "label": rows[4]["label"]}]
    known = found(rows)
    finding = known["label_names"]
    assert finding.typed == f"'{finding.plan_line}'"
    assert shlex.split(finding.typed) == [finding.plan_line]
    assert known["exact_duplicates"].typed == "data.steps.deduplicate={}"
