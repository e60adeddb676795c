"""A table in a dialect that we claim is read as it was written, or refused by name; never otherwise."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some
from pyarrow import feather, parquet

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.readers.sheets import table_reading
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError

LABELS = ["pos", "neg", "n/a", "so so", "a-b", "0", "1", "真"]
SIGNS = some.sampled_from(
    [*list(",;|\t'\"#:-_.()[]{}!\u00ad\u200b"), "::", "--", "||", "\n", "\\", "=", "é", "好"]
)
WORD = some.text(
    some.characters(codec="utf-8", categories=("Lu", "Ll", "Lo")), min_size=1, max_size=7
)
TEXT = some.lists(some.one_of(WORD, WORD, WORD, SIGNS), min_size=4, max_size=9).map(" ".join)
TEXTS = some.lists(
    TEXT.filter(lambda text: len(text.split()) > 3), min_size=8, max_size=14, unique=True
)
SEVERAL = [["pos"], ["pos", "neg"], [], ["a-b", "so so"], ["neg", "真"]]


def delimited(delimiter, quoting):
    def write(rows):
        file = io.StringIO()
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows(
            [c if isinstance(c, str) else json.dumps(c) for c in row.values()] for row in rows
        )
        return file.getvalue()

    return write


DIALECTS = {
    "a.csv": delimited(",", csv.QUOTE_MINIMAL), "b.csv": delimited(";", csv.QUOTE_ALL),
    "c.csv": delimited("|", csv.QUOTE_MINIMAL), "d.tsv": delimited("\t", csv.QUOTE_MINIMAL),
    "e.json": json.dumps, "f.json": lambda rows: json.dumps({"data": rows}, ensure_ascii=False),
    "g.jsonl": lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
}  # fmt: skip


def book(rows):
    """A real workbook."""
    sheet = openpyxl.Workbook()
    sheet.active.append(list(rows[0]))
    for row in rows:
        cells = [c if isinstance(c, str) else json.dumps(c) for c in row.values()]
        sheet.active.append(["".join(one for one in cell if one >= " ") for cell in cells])
        for cell in sheet.active[sheet.active.max_row]:
            cell.data_type = "s"  # no formulas
    file = io.BytesIO()
    sheet.save(file)
    return file.getvalue()


def columnar(write):
    def written(rows):
        file = io.BytesIO()
        write(pa.Table.from_pylist(rows), file)
        return file.getvalue()

    return written


def stream(table, file):
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def label_studio(rows):
    def result(row):
        if "entities" in row:
            return [{"from_name": "s", "value": {"start": a, "end": b, "labels": [label]}}
                    for a, b, label in row["entities"]]  # fmt: skip
        chosen = row["labels"] if "labels" in row else [row["label"]]
        return [{"from_name": "s", "value": {"choices": chosen}}] if chosen else []

    tasks = [{"data": {"text": row["text"]}, "annotations": [{"result": result(row)}]}
             for row in rows]  # fmt: skip
    return json.dumps(tasks)


def doccano(rows):
    new = []
    for row in rows:
        label = row.get("entities", row.get("labels", [row.get("label")]))
        new.append({"id": 1, "data": row["text"], "label": label})
    return DIALECTS["g.jsonl"](new)


def spacy(rows):
    def about(row):
        if "label" in row:
            return {"label": row["label"]}
        return {k: v for k, v in row.items() if k != "text"}

    return json.dumps([[row["text"], about(row)] for row in rows])


def prodigy(rows):
    def as_spans(row):
        if "entities" in row:
            spans = [dict(zip(("start", "end", "label"), s, strict=True)) for s in row["entities"]]
            return {"text": row["text"], "spans": spans}
        names = {"labels": "accept", "label": "label", "text": "text"}
        return {names[key]: value for key, value in row.items()}

    return DIALECTS["g.jsonl"]([{**as_spans(row), "answer": "accept"} for row in rows])


DIALECTS |= {
    "h.xlsx": book, "i.parquet": columnar(parquet.write_table), "j.arrow": columnar(stream),
    "k.feather": columnar(feather.write_feather), "label_studio.json": label_studio,
    "doccano.jsonl": doccano, "spacy.json": spacy, "prodigy.jsonl": prodigy,
    "nested.jsonl": lambda rows: DIALECTS["g.jsonl"](
        [{"at": {"of": row["text"]}, "it": {k: v for k, v in row.items() if k != "text"}}
         for row in rows]),
}  # fmt: skip


def read_back(name, rows, known=None):
    """The texts and targets that are read, and the task; None where the file is refused by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        raw = DIALECTS[name](rows)
        path.write_bytes(raw if isinstance(raw, bytes) else raw.encode("utf-8"))
        try:
            source = open_source(str(path))
            roles = guess_roles(source.table, known or {}).roles
            task = guess_task(source.table, roles)[0]
            view = Rows(source.table, everything(source.table), roles, name, task)
            texts = [example.inputs["text"] for example in view.examples()]
            return texts, view.targets(), task
        except DataError as error:
            assert str(error)
            return None


small = settings(max_examples=12, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.too_slow])  # fmt: skip


def as_written(name, texts):
    """Texts as a file of this kind can hold them: a workbook has no control characters."""
    if not name.endswith(".xlsx"):
        return texts
    return ["".join(one for one in text if one >= " ") for text in texts]


@pytest.mark.parametrize("name", DIALECTS)
@small
@given(texts=TEXTS)
def test_labels(name, texts):
    if name == "d.tsv":  # a tab and a line break in one field: also two rows with a bare quote
        assume(not any("\t" in text and "\n" in text for text in texts))
    rows = [{"text": text, "label": LABELS[at % 4]} for at, text in enumerate(texts)]
    back = read_back(name, rows)
    if back:
        assert back[0] == as_written(name, texts)
        assert back[1] == [row["label"] for row in rows]


@pytest.mark.parametrize("name", DIALECTS)
@small
@given(texts=TEXTS)
def test_lists(name, texts):
    rows = [{"text": text, "labels": SEVERAL[at % 5]} for at, text in enumerate(texts)]
    back = read_back(name, rows)
    if back:
        expected = [row["labels"] for row in rows]
        if name == "label_studio.json":  # a task without a choice: nobody has labelled it
            expected = [labels or None for labels in expected]
        assert back == (as_written(name, texts), expected, "multilabel")


@pytest.mark.parametrize("name", DIALECTS)
@small
@given(texts=TEXTS)
def test_spans(name, texts):
    rows = [{"text": text, "entities": [[0, len(text.split(" ")[0]), "x"]]} for text in texts]
    if name in ("i.parquet", "j.arrow", "k.feather"):  # their lists are of one kind
        rows = [{**row, "entities": json.dumps(row["entities"])} for row in rows]
    back = read_back(name, rows)
    if back:
        spans = [[(0, len(text.split(" ")[0]), "x")] for text in texts]
        assert back == (as_written(name, texts), spans, "token_classification")


@small
@given(texts=TEXTS, index=some.booleans())
def test_sheets(texts, index):
    rows = [["text", "label"], *([text, LABELS[at % 4]] for at, text in enumerate(texts))]
    if index:
        rows = [[None if at == 0 else at - 1, *row] for at, row in enumerate(rows)]
    try:
        reading = table_reading(
            lambda: iter(enumerate(rows, 1)), "rows.xlsx", "xlsx", None, None, []
        )
    except DataError:
        return
    read = [row for batch in reading.batches for _line, row in batch]
    assert [(row["text"], row["label"]) for row in read] == [tuple(row[-2:]) for row in rows[1:]]
