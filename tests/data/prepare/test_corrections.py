import csv

import openpyxl
import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.corrections import Corrections, keys_of
from weitiao.data.prepare.load import joined, load
from weitiao.data.prepare.review_file import key_text
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan
from weitiao.reporting.review_table import write_review

HEAD = ["row", "text", "given", "suggested", "decision", "key"]


def plan(**changes):
    roles = {"text": "text", "target": "label"}
    return DataPlan(**{"path": "unused", "roles": roles, **changes})


def rows(labels=("neg", "pos", "07"), count=90):
    return from_rows([{"text": f"row {i}", "label": labels[i % len(labels)]} for i in range(count)])


def table(path, lines, head=HEAD, encoding="utf-8"):
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(lines)
    return str(path)


def reviewed(data, places, decisions, *, keys=True, part="train"):
    """Lines of a review table about rows of a part."""
    part = getattr(data, part)
    lines = []
    for at, decision in zip(places, decisions, strict=True):
        one = part.take([at])
        (example,) = one.examples()
        key = key_text(keys_of(one)[0]) if keys else ""
        lines.append([example.id, example.inputs["text"], example.target, "pos", decision, key])
    return lines


def apply(path, **changes):
    return load(plan(corrections=path, **changes), "classification", rows())


@pytest.mark.parametrize("keys", [True, False])
def test_decisions_find_their_rows_and_move_none_between_the_parts(tmp_path, keys):
    before = load(plan(), "classification", rows())
    lines = reviewed(before, range(4), ["neg", "remove", "keep", ""], keys=keys)
    after = apply(table(tmp_path / "r.csv", lines))
    assert after.train.targets()[0] == "neg"
    assert len(after.train) == len(before.train) - 1
    assert set(after.validation.indices) == set(before.validation.indices)
    assert set(after.sealed_test.indices) == set(before.sealed_test.indices)
    said = "\n".join(after.history)
    assert "1 row with another label, 1 row left out, 1 kept as they are; 1 without" in said
    assert after.fingerprint != before.fingerprint


def test_change_takes_the_suggestion_and_chinese_words_are_understood(tmp_path):
    before = load(plan(), "classification", rows())
    after = apply(
        table(tmp_path / "r.csv", reviewed(before, range(2), ["修改", "删除"]), encoding="gbk")
    )
    assert after.train.targets()[0] == "pos"
    assert len(after.train) == len(before.train) - 1


def test_a_number_that_a_spreadsheet_has_shortened_is_its_label(tmp_path):
    before = load(plan(), "classification", rows())
    assert apply(table(tmp_path / "r.csv", reviewed(before, [0], ["7"]))).train.targets()[0] == "07"


def test_misspelt_labels_are_named_with_their_lines(tmp_path):
    before = load(plan(), "classification", rows())
    path = table(
        tmp_path / "r.csv", reviewed(before, range(5), ["psoitive", "poss", "x", "y", "keep"])
    )
    with pytest.raises(DataError, match=r"r.csv:2: no row has the label 'psoitive'") as error:
        apply(path)
    assert "r.csv:3: no row has the label 'poss'. Did you mean 'pos'?" in str(error.value)
    assert "and 1 decision more" in str(error.value)


def test_rows_that_are_gone_changed_or_contradictory_are_counted(tmp_path):
    before = load(plan(), "classification", rows())
    lines = reviewed(before, [0, 0, 1], ["neg", "pos", "remove"])
    lines.append(["x", "no such text", "neg", "pos", "change", ""])
    _row, text, given, *_rest = reviewed(before, [2], ["x"])[0]
    lines.append(["x", text, "neg" if given != "neg" else "pos", "pos", "remove", ""])
    after = apply(table(tmp_path / "r.csv", lines))
    said = "\n".join(after.history)
    assert "1 row with contradictory decisions left as they are (r.csv:3)" in said
    assert "1 row left as they are, whose label has changed since the review (r.csv:6)" in said
    assert "1 decision about rows that are not here (r.csv:5)" in said
    assert len(after.train) == len(before.train) - 1


def test_a_decision_repeated_and_rows_sorted_otherwise_are_no_contradiction(tmp_path):
    before = load(plan(), "classification", rows())
    lines = reviewed(before, [3, 1, 3], ["neg", "neg", "neg"])
    after = apply(table(tmp_path / "r.csv", lines))
    assert "2 rows with another label" in "\n".join(after.history)
    assert "contradictory" not in "\n".join(after.history)


def test_the_sealed_test_is_corrected_only_openly(tmp_path):
    before = load(plan(), "classification", rows())
    path = table(
        tmp_path / "r.csv", reviewed(before, range(2), ["neg", "remove"], part="sealed_test")
    )
    closed, opened = apply(path), apply(path, correct_test=True)
    assert closed.sealed_test.targets() == before.sealed_test.targets()
    assert "corrections of 2 rows of the sealed test not applied" in "\n".join(closed.history)
    assert len(opened.sealed_test) == len(before.sealed_test) - 1
    assert "2 rows of the sealed test corrected (data.correct_test)" in "\n".join(opened.history)


def test_training_and_validation_together_keep_their_corrections(tmp_path):
    before = load(plan(), "classification", rows())
    lines = reviewed(before, [0], ["neg"]) + reviewed(before, [0], ["neg"], part="validation")
    after = apply(table(tmp_path / "r.csv", lines))
    both = joined(after.train, after.validation)
    chosen = {after.train.indices[0], after.validation.indices[0]}
    assert {t for i, t in zip(both.indices, both.targets(), strict=True) if i in chosen} == {"neg"}


def test_corrected_labels_take_the_new_names_of_the_plan(tmp_path):
    before = load(plan(), "classification", rows())
    path = table(tmp_path / "r.csv", reviewed(before, [0], ["neg"]))
    after = apply(path, labels={"rename": {"neg": "bad"}})
    assert after.train.targets()[0] == "bad"


def test_a_label_called_keep_is_a_label(tmp_path):
    named = rows(("keep", "sell", "buy"))
    before = load(plan(), "classification", named)
    lines = reviewed(before, range(2), ["keep", "[keep]"])
    after = load(plan(corrections=table(tmp_path / "r.csv", lines)), "classification", named)
    assert after.train.targets()[0] == "keep"
    assert after.train.targets()[1] == before.train.targets()[1]


def test_other_tables_are_refused(tmp_path):
    path = table(tmp_path / "r.csv", [["a", "b"]] * 3, head=["text", "label"])
    with pytest.raises(DataError, match="no table of `weitiao review`"):
        apply(path)


def test_a_larger_sheet_beside_the_review_is_not_taken_for_it(tmp_path):
    before = load(plan(), "classification", rows())
    path = tmp_path / "r.xlsx"
    (line,) = reviewed(before, [0], ["pos"])
    row, text, given, suggested, decision, key = line
    write_review(path, ["text"], [[row, text, given, suggested, 0.9, "", decision, key]], ["pos"])
    book = openpyxl.load_workbook(path)
    notes = book.create_sheet("notes")
    for at in range(30):
        notes.append(["text", f"a note {at}"])
    book.save(path)
    after = load(plan(corrections=str(path)), "classification", rows())
    assert after.train.targets()[0] == "pos"


def test_a_corrected_copy_is_known_by_position(tmp_path):
    before = load(plan(), "classification", rows())
    path = table(tmp_path / "r.csv", reviewed(before, range(3), ["neg", "remove", "keep"]))
    cells = Corrections.read(path, before.train).cells(before.train)
    first, second, _third = before.train.indices[:3].tolist()
    assert cells == {first: "neg", second: None}


def test_a_correction_to_a_dropped_label_removes_the_row(tmp_path):
    rules = {"drop": ["07"]}
    before = load(plan(labels=rules), "classification", rows())
    file = table(tmp_path / "r.csv", reviewed(before, [0], ["07"]))
    after = apply(file, labels=rules)
    assert len(after.train) == len(before.train) - 1
    assert set(after.train.targets()) == {"neg", "pos"}
    assert "0 rows with another label, 1 row left out" in "\n".join(after.history)


def test_an_empty_list_is_no_decision(tmp_path):
    before = load(plan(), "classification", rows())
    with pytest.raises(DataError, match=r"r\.csv.*no label"):
        apply(table(tmp_path / "r.csv", reviewed(before, [0], ["[]"])))


def test_a_line_whose_key_is_another_rows_changes_neither(tmp_path):
    """As where a column of the table was sorted alone."""
    before = load(plan(), "classification", rows())
    first, second, third = reviewed(before, [0, 1, 2], ["remove", "", "remove"])
    first[-1] = second[-1]
    after = apply(table(tmp_path / "r.csv", [first, second, third]))
    assert "1 row with contradictory decisions left as they are (r.csv:2)" in "\n".join(
        after.history
    )
    assert len(after.train) == len(before.train) - 1


def test_a_long_cell_is_not_shown_whole(tmp_path):
    before = load(plan(), "classification", rows())
    lines = reviewed(before, [0], ["long " * 10_000])
    with pytest.raises(DataError) as error:
        apply(table(tmp_path / "r.csv", lines))
    assert len(str(error.value)) < 300
