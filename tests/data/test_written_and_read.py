"""A table in a dialect that we claim is read as it was written, or refused by name; never otherwise."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

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


def read_back(name, rows, known=None):
    """The texts and targets that are read, and the task; None where the file is refused by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(DIALECTS[name](rows).encode("utf-8"))
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


small = settings(max_examples=25, deadline=None, derandomize=True,
                 suppress_health_check=[HealthCheck.too_slow])  # fmt: skip


@pytest.mark.parametrize("name", DIALECTS)
@small
@given(texts=TEXTS)
def test_labels(name, texts):
    rows = [{"text": text, "label": LABELS[at % 4]} for at, text in enumerate(texts)]
    back = read_back(name, rows)
    if back:
        assert back[0] == texts
        assert back[1] == [row["label"] for row in rows]


@pytest.mark.parametrize("name", DIALECTS)
@small
@given(texts=TEXTS)
def test_lists(name, texts):
    rows = [{"text": text, "labels": SEVERAL[at % 5]} for at, text in enumerate(texts)]
    back = read_back(name, rows)
    if back:
        assert back == (texts, [row["labels"] for row in rows], "multilabel")


@pytest.mark.parametrize("name", DIALECTS)
@small
@given(texts=TEXTS)
def test_spans(name, texts):
    rows = [{"text": text, "entities": [[0, len(text.split(" ")[0]), "x"]]} for text in texts]
    back = read_back(name, rows)
    if back:
        spans = [[tuple(span) for span in row["entities"]] for row in rows]
        assert back == (texts, spans, "token_classification")


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
