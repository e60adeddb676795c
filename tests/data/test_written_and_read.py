"""A table in a dialect that we claim is read as it was written, or refused by name; never otherwise."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections import Counter
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some
from pyarrow import feather, parquet

from weitiao.core.literals import value_of
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


def answers_of(row):
    """The target of a row, as an annotator's answer."""
    if "entities" in row:
        return [dict(zip(("start", "end", "label"), s, strict=True)) for s in row["entities"]]
    return row.get("labels", row.get("label"))


def argilla(rows):
    def record(row):
        said = [{"value": answers_of(row), "status": "submitted", "user_id": "u"}]
        return {"fields": {"text": row["text"]}, "responses": {"label": said},
                "suggestions": {"label": {"value": "no"}}, "status": "completed"}  # fmt: skip

    return DIALECTS["g.jsonl"](map(record, rows))


DIALECTS |= {
    "argilla.jsonl": argilla, "h.xlsx": book, "i.parquet": columnar(parquet.write_table), "j.arrow": columnar(stream),
    "k.feather": columnar(feather.write_feather), "label_studio.json": label_studio,
    "doccano.jsonl": doccano, "spacy.json": spacy, "prodigy.jsonl": prodigy,
    "nested.jsonl": lambda rows: DIALECTS["g.jsonl"](
        [{"at": {"of": row["text"]}, "it": {k: v for k, v in row.items() if k != "text"}}
         for row in rows]),
}  # fmt: skip


def read_back(name, rows, known=None, raw=None):
    """The texts and targets that are read, and the task; None where the file is refused by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        raw = DIALECTS[name](rows) if raw is None else raw
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


few = settings(max_examples=4, deadline=None, derandomize=True,
               suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
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


def several(rows, answers):
    """Rows as several annotators leave them; name of the file -> what stands in it."""

    def response(labels):
        return [{"value": one, "status": "submitted", "user_id": str(n)}
                for n, one in enumerate(labels)]  # fmt: skip

    def task(text, labels):
        results = [[{"from_name": "s", "value": {"choices": [one]}}] for one in labels]
        return {"data": {"text": text}, "annotations": [{"result": one} for one in results]}

    pairs = list(zip(rows, answers, strict=True))
    flat = [{"text": text, "q.responses": labels, "q.responses.status": ["submitted"] * len(labels)}
            for text, labels in pairs]  # fmt: skip
    return {
        "studio.json": json.dumps([task(*one) for one in pairs]),
        "studio.jsonl": DIALECTS["g.jsonl"]([task(*one) for one in pairs]),
        "records.jsonl": DIALECTS["g.jsonl"](
            [{"fields": {"text": text}, "responses": {"q": response(labels)}}
             for text, labels in pairs]),
        "lists.json": json.dumps([{"text": text, "q": response(labels)} for text, labels in pairs]),
        "flat.parquet": columnar(parquet.write_table)(flat),
        "flat.jsonl": DIALECTS["g.jsonl"](flat),
    }  # fmt: skip


ANSWERS = some.lists(some.sampled_from(["a", "b", "so so"]), min_size=1, max_size=4)


@pytest.mark.parametrize("name", several([], []))
@few
@given(texts=TEXTS, data=some.data())
def test_answers_of_several_annotators_are_decided_by_most(name, texts, data):
    answers = [data.draw(ANSWERS) for _text in texts]
    decided = []
    for one in answers:
        counts = Counter(one).most_common()
        tie = len(counts) > 1 and counts[0][1] == counts[1][1]
        decided.append(None if tie else counts[0][0])
    assume(len({*decided} - {None}) > 1)
    known = {"target": "label" if name.startswith("studio") else "q"}
    back = read_back(name, texts, known, several(texts, answers)[name])
    assert back is None or back[:2] == (texts, decided)


def columns_of_annotators(rows, answers):
    lines = [{"text": text, **{f"rater_{n}": one for n, one in enumerate(labels)}}
             for text, labels in zip(rows, answers, strict=True)]  # fmt: skip
    return lines, [None] * len(lines)


def rows_of_annotators(rows, answers):
    lines = [{"text": text, "annotator": n, "label": one}
             for text, labels in zip(rows, answers, strict=True)
             for n, one in enumerate(labels)]  # fmt: skip
    return lines, [line["label"] for line in lines]


@pytest.mark.parametrize("name", ["a.csv", "d.tsv", "g.jsonl", "h.xlsx", "i.parquet"])
@pytest.mark.parametrize("layout", [columns_of_annotators, rows_of_annotators])
@few
@given(texts=TEXTS, data=some.data())
def test_tables_of_several_annotators_keep_each_answer_or_ask(name, layout, texts, data):
    answers = [data.draw(some.lists(some.sampled_from("ab"), min_size=3, max_size=3))
               for _text in texts]  # fmt: skip
    lines, expected = layout(texts, answers)
    if name == "a.csv":
        lines = [{k: str(v) for k, v in line.items()} for line in lines]
    back = read_back(name, lines)
    if back:  # of several columns none is the target before somebody says which
        assert back[:2] == (as_written(name, [line["text"] for line in lines]), expected)


MARKS = [*list(",;|'\"#:-_.()[]{}!%=*"), "a,b", "1,5"]
TOKEN = some.one_of(WORD, WORD, some.sampled_from(MARKS))
SENTENCE = some.lists(TOKEN, min_size=2, max_size=7)


def conll(between):
    return lambda rows: "\n".join(
        "".join(f"{word}{between}{tag}\n" for word, tag in zip(*row, strict=True)) for row in rows
    )


def numbered(delimiter, first_only):
    def write(rows):
        file = io.StringIO()
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(["Sentence #", "Word", "Tag"])
        for n, row in enumerate(rows, 1):
            for at, pair in enumerate(zip(*row, strict=True)):
                writer.writerow(["" if at and first_only else f"Sentence: {n}", *pair])
        return file.getvalue()

    return write


def listed(form):
    return lambda rows: delimited(",", csv.QUOTE_MINIMAL)(
        [{"tokens": form(words), "ner_tags": form(tags)} for words, tags in rows]
    )


WORDS = {
    "blank.conll": conll(" "), "tab.conll": conll("\t"), "blanks.bio": conll("   "),
    "numbers.csv": numbered(",", False), "firsts.csv": numbered(",", True),
    "numbers.tsv": numbered("\t", False), "python.csv": listed(repr), "json.csv": listed(json.dumps),
    "lists.jsonl": lambda rows: DIALECTS["g.jsonl"](
        [{"tokens": words, "ner_tags": tags} for words, tags in rows]),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
@few
@given(sentences=some.lists(SENTENCE, min_size=8, max_size=12))
def test_words_and_their_tags(name, sentences):
    assume(len({tuple(words) for words in sentences}) > 4)  # else there is nothing to learn
    rows = [(words, ["B-PER", *["I-PER"] * (len(words) > 3), *["O"] * 9][: len(words)])
            for words in sentences]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(WORDS[name](rows), encoding="utf-8")
        try:
            source = open_source(str(path))
            roles = guess_roles(source.table, {}).roles
            assert guess_task(source.table, roles)[0] == "token_classification"
        except DataError as error:
            assert str(error)
            return
    cells = [source.table.column(roles[role]).to_pylist() for role in ("text", "target")]
    assert [tuple(map(value_of, row)) for row in zip(*cells, strict=True)] == rows


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
