import csv

import pytest
from openpyxl import load_workbook

import weitiao
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan

WRONG = (5, 50, 100)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Rows with three wrong labels; texts and labels that spreadsheets like to change."""
    path = tmp_path_factory.mktemp("review") / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "label"])
        for at in range(120):
            good = at % 2
            text = f"{'good nice fine' if good else 'bad poor sad'} thing number {at}"
            text = {3: f"=1+2 {text}", 5: f"007 {text}", 50: f"2024-01-02 {text}\nsecond line"}.get(
                at, text
            )
            label = good if at not in WRONG else 1 - good
            writer.writerow([text, "007" if label else "keep"])
    return path


@pytest.fixture(scope="module")
def reviewed(file, tiny_bert, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "review.xlsx"
    return out, weitiao.review(file, output=out, model=tiny_bert, most=12)


def corrected(file, table):
    plan = DataPlan(
        path=str(file), roles={"text": "text", "target": "label"}, corrections=str(table)
    )
    return load(plan, "classification")


def test_the_wrong_labels_are_listed_with_reasons_and_suggestions(file, reviewed):
    _out, review = reviewed
    assert review.rows == 120
    assert len(review.doubts) == 12
    assert {doubt.position for doubt in review.doubts[:4]} >= set(WRONG)
    first = review.doubts[0]
    assert first.row.startswith("rows.csv:")
    assert {first.given, first.suggested} == {"007", "keep"}
    assert "nearest texts have the given label" in first.reason
    low, _value, high = review.wrong
    assert low <= 3 <= high
    assert review.plain()["listed"] == 12


def test_a_workbook_offers_decisions_and_holds_texts_as_texts(reviewed):
    out, _review = reviewed
    book = load_workbook(out)
    page = book["review"]
    head = [cell.value for cell in page[1]]
    assert head == ["row", "text", "given", "suggested", "suspicion", "reason", "decision", "key"]
    (rule,) = page.data_validations.dataValidation
    assert rule.type == "list"
    assert page.cell(2, 7).coordinate in rule.sqref
    assert book["labels"].sheet_state == "hidden"
    words = [cell.value for (cell,) in book["labels"].iter_rows()]
    assert words == ["[keep]", "change", "remove", "007", "keep"]
    assert all(cell.data_type in ("s", "n") for row in page.iter_rows() for cell in row)


def test_decisions_typed_into_the_workbook_come_back(file, reviewed, tmp_path):
    out, review = reviewed
    book = load_workbook(out)
    page = book["review"]
    wrong = [at for at, doubt in enumerate(review.doubts) if doubt.position in WRONG]
    for at in wrong:
        page.cell(at + 2, 7).value = "change"
    other = next(at for at in range(12) if at not in wrong)
    page.cell(other + 2, 7).value = 7  # a number, as a spreadsheet stores what looks like one
    page.cell(other + 3, 7).value = "[keep]"
    page.append([None] * 8)
    page.append(["x", "a row of my own", "007", "keep", 0.1, "", "remove", ""])
    # Sorted otherwise, and a line twice.
    page.move_range("A3:H4", rows=40)
    page.append([cell.value for cell in page[2]])
    edited = tmp_path / "edited.xlsx"
    book.save(edited)
    data = corrected(file, edited)
    said = "\n".join(data.history)
    assert "1 decision about rows that are not here" in said
    assert "contradictory" not in said
    targets = {
        e.inputs["text"].split("number ")[1].split()[0]: e.target
        for part in (data.train, data.validation)
        for e in part.examples()
    }
    for at in WRONG:
        if str(at) in targets:
            assert targets[str(at)] == ("007" if at % 2 else "keep")


def test_csv_tables_in_other_encodings_come_back(file, tiny_bert, tmp_path):
    out = tmp_path / "r.csv"
    weitiao.review(file, output=out, model=tiny_bert, most=4)
    with out.open(encoding="utf-8-sig", newline="") as table:
        lines = list(csv.reader(table))
    for line in lines[1:]:
        line[6] = "修改"
    with out.open("w", encoding="gb18030", newline="") as table:
        csv.writer(table).writerows(lines)
    assert "contradictory" not in "\n".join(corrected(file, out).history)


def test_a_table_with_decisions_is_not_overwritten(file, reviewed, tiny_bert):
    out, _review = reviewed
    with pytest.raises(DataError, match="may hold decisions"):
        weitiao.review(file, output=out, model=tiny_bert)
    with pytest.raises(DataError, match="give such an ending"):
        weitiao.review(file, output="x.docx", model=tiny_bert)


def test_rows_from_python_are_reviewed(tiny_bert):
    texts = [f"{'good' if i % 2 else 'bad'} thing {i}" for i in range(40)]
    review = weitiao.review(texts, ["pos" if i % 2 else "neg" for i in range(40)], model=tiny_bert)
    assert review.output is None
    assert len(review.doubts) == 20


def test_many_labels_fit_into_the_list(tiny_bert, tmp_path):
    rows = [
        {"text": f"intent number {i % 77} {i}", "label": f"intent {i % 77}, really"}
        for i in range(231)
    ]
    out = tmp_path / "r.xlsx"
    review = weitiao.review(rows, output=out, model=tiny_bert, task="classification")
    assert load_workbook(out)["labels"].max_row == 3 + 77
    assert review.unjudged == 0


def test_given_labels_are_those_of_the_file_under_rules(tiny_bert, tmp_path):
    rows = [
        {"text": f"{'good' if i % 2 else 'bad'} thing {i}", "label": "Pos" if i % 2 else "neg"}
        for i in range(40)
    ]
    out = tmp_path / "r.csv"
    weitiao.review(
        rows, output=out, model=tiny_bert, changes={"data.labels.rename": {"Pos": "pos"}}
    )
    with out.open(encoding="utf-8-sig", newline="") as table:
        lines = list(csv.DictReader(table))
    assert {line["given"] for line in lines} <= {"Pos", "neg"}
    assert {line["suggested"] for line in lines} <= {"pos", "neg"}
    for line in lines:
        line["decision"] = "keep"
    source = from_rows(rows)
    with out.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, lines[0].keys())
        writer.writeheader()
        writer.writerows(lines)
    plan = DataPlan(path="x", roles={"text": "text", "target": "label"}, corrections=str(out))
    assert "not here" not in "\n".join(load(plan, "classification", source).history)


def test_fine_tuned_folds_are_pooled_on_request(tiny_bert):
    rows = [
        {"text": f"{'good' if i % 2 else 'bad'} thing {i}", "label": "ab"[i % 2]} for i in range(40)
    ]
    said = []
    review = weitiao.review(
        rows,
        model=tiny_bert,
        fine_tune=True,
        changes={"train.epochs": 1, "train.refit": "never"},
        say=said.append,
    )
    assert sum("fold" in line for line in said) == 3
    assert len(review.doubts) == 20
    numbers = [{"text": f"thing {i}", "label": i / 7} for i in range(40)]
    with pytest.raises(DataError, match="for single labels"):
        weitiao.review(numbers, model=tiny_bert, fine_tune=True, task="regression")
