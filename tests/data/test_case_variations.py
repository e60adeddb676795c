"""Variations of small inputs from public failure reports: see dev/cases.md for every kind."""

from __future__ import annotations

import json
import re
import zipfile

import openpyxl
import pyarrow as pa
import pytest

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.prepare.load import load
from weitiao.data.prepare.profile import profile
from weitiao.errors import DataError, PlanError
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import DataPlan


def text(n):
    return f"text number {n} of a long row"


def look(path):
    source = open_source(str(path))
    roles = guess_roles(source.table, {}).roles
    task, _why = guess_task(source.table, roles)
    return profile(source, roles, task)


PRINTED = {
    "python": "{'text': ['Anna Rossi'], 'answer_start': [54]}",
    "json": '{"text": ["Anna Rossi"], "answer_start": [54]}',
    "numpy": "{'text': array(['Anna Rossi'], dtype=object), 'answer_start': array([54])}",
    "numpy, typed": "{'text': array(['Anna Rossi'], dtype='<U10'), "
                    "'answer_start': array([54], dtype=int32)}",
}  # fmt: skip


@pytest.mark.parametrize("form", PRINTED)
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_printed_answers_are_answers(tmp_path, form, name):
    context = "The tower number 0 was built in 1800 by the architect Anna Rossi. It is in Oslo."
    rows = [{"id": f"q{n}", "context": context, "question": f"Who built it, {n}?",
             "answers": PRINTED[form]} for n in range(12)]  # fmt: skip
    path = tmp_path / name
    if name.endswith(".csv"):
        cells = [[str(v).replace('"', '""') for v in row.values()] for row in rows]
        lines = [",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row) for row in cells)]
    else:
        lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    seen = look(path)
    assert seen.task == "question_answering"
    assert not any("nearest place" in line or "do not stand" in line for line in seen.history)


def table(part, count=12):
    return pa.table({"text": [f"{part} {text(n)}" for n in range(count)],
                     "label": [["neg", "pos"][n % 2] for n in range(count)]})  # fmt: skip


def stream(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_stream(path, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=5)


@pytest.mark.parametrize("ending", ["arrow", "ipc", "feather"])
@pytest.mark.parametrize("write", [pa.ipc.new_stream, pa.ipc.new_file])
def test_arrow_is_read_as_a_stream_and_as_a_file(tmp_path, ending, write):
    path = tmp_path / f"rows.{ending}"
    with write(path, table("a").schema) as writer:
        writer.write_table(table("a"), max_chunksize=5)
    assert look(path).labels == {"neg": 6, "pos": 6}


@pytest.mark.parametrize("parts", [["train", "test"], ["train", "validation", "test"], [""]])
@pytest.mark.parametrize("packed", [False, True])
def test_what_save_to_disk_leaves(tmp_path, parts, packed):
    root = tmp_path / "saved"
    for part in parts:
        folder = root / part
        stream(folder / "data-00000-of-00001.arrow", table(part or "all", 24))
        state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": part}
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
        (folder / "dataset_info.json").write_text("{}", encoding="utf-8")
    if parts != [""]:
        (root / "dataset_dict.json").write_text(json.dumps({"splits": parts}), encoding="utf-8")
    path = root
    if packed:
        path = tmp_path / "saved.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in root.rglob("*.*"):
                archive.write(file, file.relative_to(tmp_path))
    roles = {"text": "text", "target": "label"}
    data = load(DataPlan(path=str(path), roles=roles), "classification")
    found = {one.inputs["text"].split()[0] for one in data.sealed_test.examples()}
    assert found == ({"test"} if "test" in parts else {"all"})


@pytest.mark.parametrize("delimiter", ["\t", ",", "|"])
@pytest.mark.parametrize("header", [False, True])
@pytest.mark.parametrize("more", [1, 2])
def test_rows_with_more_fields_than_others_are_named(tmp_path, delimiter, header, more):
    lines = [delimiter.join([f"name{n}", text(n), "pos", *["more"] * (more * (n % 4 == 1))])
             for n in range(24)]  # fmt: skip
    path = tmp_path / "rows.csv"
    heads = [delimiter.join(["id", "text", "label"])] * header
    path.write_text("\n".join(heads + lines), encoding="utf-8")
    with pytest.raises(DataError, match=rf"rows.csv:{2 + header}: has {3 + more} fields for 3"):
        open_source(str(path))


@pytest.mark.parametrize("path", [r"C:\Users\me\new\rows.csv", r"D:\table.csv", r"..\new\rows.csv"])
@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_backslashes_in_the_paths_of_a_plan(tmp_path, path, quote):
    file = tmp_path / "plan.yaml"
    file.write_text(f"task: classification\ndata:\n  path: {quote}{path}{quote}\n"
                    "  roles: {text: text, target: label}\nmodel:\n  checkpoint: tiny\n", encoding="utf-8")  # fmt: skip
    if quote != '"':
        assert Plan.load(file).data.path == path
        return
    with pytest.raises(PlanError, match="forward slashes|single quotes|backslash") as told:
        Plan.load(file)
    assert ":3" in str(told.value) or "line 3" in str(told.value)


def workbook(path, cells, number_format="General"):
    book = openpyxl.Workbook()
    book.active.append(["text", "label"])
    for n in range(12):
        book.active.append([text(n), cells[n % len(cells)]])
        book.active.cell(n + 2, 2).number_format = number_format
    book.save(path)
    return path


@pytest.mark.parametrize("error", ["#GETTING_DATA", "#SPILL!", "#BLOCKED!"])
def test_an_unknown_error_in_a_cell_is_named(tmp_path, error):
    path, new = workbook(tmp_path / "a.xlsx", ["pos", "#N/A"]), tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as archive:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("sheet1.xml"):
                part = part.replace(b"#N/A", error.encode())
            archive.writestr(name, part)
    with pytest.raises(DataError, match=re.escape(error)):
        open_source(str(new))


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!"])
def test_a_known_error_in_a_cell_is_an_empty_target(tmp_path, error):
    seen = look(workbook(tmp_path / "a.xlsx", ["pos", "neg", error]))
    assert (dict(seen.labels), seen.unlabelled) == ({"pos": 4, "neg": 4}, 4)


@pytest.mark.parametrize("formula", ['=IF(LEN(A2)>9,"pos","neg")', "=B1", "=1+1"])
def test_formulas_without_values_are_told(tmp_path, formula):
    with pytest.raises(DataError, match="'label' is empty.*formulas have no values"):
        look(workbook(tmp_path / "a.xlsx", [formula]))


@pytest.mark.parametrize("zeros", ["00", "000", "0000000"])
def test_zeros_that_a_number_format_shows_are_said_not_to_be_there(tmp_path, zeros):
    seen = look(workbook(tmp_path / "a.xlsx", [1, 2, 3], zeros))
    assert list(seen.labels) == ["1", "2", "3"]
    assert f"not {1:0{len(zeros)}}; for codes" in "".join(seen.history)


@pytest.mark.parametrize("form", ["General", "@", "0.00", "0%"])
def test_other_formats_say_nothing(tmp_path, form):
    seen = look(workbook(tmp_path / "a.xlsx", ["001", "002"], form))
    assert list(seen.labels) == ["001", "002"]
    assert "zeros in front" not in "".join(seen.history)


@pytest.mark.parametrize("size", [1e-9, 1e-12, 5e-7])
def test_tiny_targets_are_numbers_and_shown(tmp_path, size):
    path = tmp_path / "rows.csv"
    cells = [f"{text(n)},{size * (1 + n % 7 + n / 1000):e}" for n in range(40)]
    path.write_text("\n".join(["text,value", *cells]), encoding="utf-8")
    seen = look(path)
    assert seen.task == "regression"
    assert size <= seen.numbers["lowest"] < seen.numbers["median"] < 10 * size


@pytest.mark.parametrize("cells", [[["a"], []], [["a"], [], ["b"]], [[], ["b"], ["c"], ["a"]]])
@pytest.mark.parametrize("name", ["label", "labels"])
def test_an_empty_list_where_one_is_chosen_is_no_label(tmp_path, cells, name):
    rows = [{"id": n, "data": text(n), name: cells[n % len(cells)]} for n in range(24)]
    rows[-1][name] = ["z"]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    seen = look(path)
    assert seen.task == "classification"
    assert seen.unlabelled == sum(row[name] == [] for row in rows)
