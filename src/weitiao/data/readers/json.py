"""JSON readers: lists of objects, columns of values, JSON lines, SQuAD and Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding, header, limits
from weitiao.data.files.annotations import Agreement, is_pair, is_task, of_pair, plain_rows
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT, as_text, kinds_of
from weitiao.data.files.exports import Exports
from weitiao.data.files.nested import Nesting, flat
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, name_list
from weitiao.i18n.system import said

MAX_FILE_BYTES = 1 << 29  # the whole file has to be in memory
MAX_LINE_CHARACTERS = 64_000_000
SQUAD_COLUMNS = ("id", "article", "context", "question", "answers")
# Keys under which services and exports put their rows.
_ROW_KEYS = (
    "data", "rows", "records", "items", "examples", "instances", "results", "list", "result",
)  # fmt: skip


class Json(Reader):
    """A list of objects, also inside {"data": [...]}; columns of values; pandas' orients.

    The id of a row is its place in the list, from 1.
    """

    endings: ClassVar[tuple[str, ...]] = ("json",)
    version: ClassVar[int] = 7

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")
    rows: str | None = Field(None, description="key of the object that holds the rows")

    def read(self, path: Path) -> Reading:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(
                _(
                    "{file}: too large to be read as one JSON value: write one object a line "
                    "(.jsonl).",
                    file=path.name,
                )
            )
        detected = encoding.detect(path, self.encoding, "json")
        try:
            value = _value_of(path, detected)
        except _OneObjectALine:  # which the ending did not say
            return Jsonl(encoding=self.encoding).read(path)
        if self.rows is None and is_squad(value):
            return _squad_reading(value, tuple(detected.notes))
        rows = _rows(value, path.name, self.rows)
        return reading_of(list(_numbered(rows)), path.name, detected.notes)


class Jsonl(Reader):
    """Numbers stay numbers, lists become JSON text, a missing key is an empty cell."""

    endings: ClassVar[tuple[str, ...]] = ("jsonl", "ndjson")
    version: ClassVar[int] = 6

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "jsonl")
        first_row = next((o[1] for o in _lines(path, detected) if not isinstance(o, Bad)), None)
        data = first_row.get("data") if isinstance(first_row, dict) else None
        tasks = (is_task(one[1]) for one in _lines(path, detected) if not isinstance(one, Bad))
        if isinstance(data, dict) and any(tasks):
            # How many annotators a task has is known after the last one.
            return reading_of(list(_lines(path, detected)), path.name, detected.notes)
        # Two passes: the columns and their types are only known when every row has been seen.
        nesting, exports = Nesting(), Exports()
        for one in _lines(path, detected):
            if not isinstance(one, Bad):
                nesting.see(exports.see(one[1]))
        records = nesting.records()

        def lines() -> Iterator[Numbered | Bad]:
            for one in _lines(path, detected):
                yield (
                    one if isinstance(one, Bad) else (one[0], flat(exports.plain(one[1]), records))
                )

        whole = (one[1] for one in lines() if not isinstance(one, Bad))
        columns = kinds_of(limits.check_keys(whole, path.name))
        if not columns:
            first = next((one for one in _lines(path, detected) if isinstance(one, Bad)), None)
            if first is None:
                raise DataError(_("{file}: holds no row with a value.", file=path.name))
            raise DataError(placed(f"{path.name}:{first.line}", first.reason))
        notes = (*detected.notes, *exports.notes(), *_nested_notes(records))
        return Reading(columns, batched(lines()), notes)


class Squad(Reader):
    """Articles with paragraphs with questions, {"data": [{"paragraphs": [...]}]}: the columns id,
    article, context, question and answers.

    The id of a row is its question's place in the file, from 1. A file that ends in .json and is
    of this shape is read so by itself.
    """

    endings: ClassVar[tuple[str, ...]] = ()

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        detected = encoding.detect(path, self.encoding, "json")
        value = _value_of(path, detected)
        if not is_squad(value):
            raise DataError(
                _(
                    '{file}: not SQuAD\'s json: {{"data": [{{"paragraphs": [...]}}, ...]}} is '
                    "expected.",
                    file=path.name,
                )
            )
        return _squad_reading(value, tuple(detected.notes))


class _OneObjectALine(Exception):
    """Raised when a .json file holds JSON lines."""


def _value_of(path: Path, detected: encoding.Encoding) -> Any:
    """Parse a JSON file. Raises DataError naming the line."""
    with detected.open(path) as file:
        text = file.read()
    reason = "" if detected.clean else encoding.wrong_byte(text)
    if reason:
        place = next(i for i, c in enumerate(text) if c == "\0" or "\udc00" <= c <= "\udcff")
        line = text.count("\n", 0, place) + 1
        raise DataError(placed(f"{path.name}:{line}", reason))
    try:
        # NaN and Infinity are no JSON, but Python and pandas write them: empty cells.
        return json.loads(text.lstrip("\ufeff"), parse_constant=lambda name: None)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" in text[: error.pos] and text[0] == "{":
            raise _OneObjectALine from None
        raise DataError(
            _(
                "{file}:{line}: not JSON at column {column} ({reason}).",
                file=path.name,
                line=error.lineno,
                column=error.colno,
                reason=said(error.msg),
            )
        ) from None
    except (ValueError, RecursionError):  # ValueError: an integer of more than 4,300 digits
        raise DataError(
            _("{file}: a number too long or nesting too deep for rows.", file=path.name)
        ) from None


def reading_of(rows: Sequence[Numbered | Bad], file: str, notes: Sequence[str]) -> Reading:
    """Rows in memory as a table: annotations decided, records as columns. Raises DataError."""
    agreement, exports, nesting = Agreement(), Exports(), Nesting()
    good = [one for one in rows if not isinstance(one, Bad)]
    plain = plain_rows([row for _line, row in good], agreement)
    for row in plain:
        nesting.see(exports.see(row))
    plain = [exports.plain(row) for row in plain]
    records = nesting.records()
    flattened = iter([flat(row, records) for row in plain])
    columns = kinds_of(limits.check_keys((flat(row, records) for row in plain), file))
    if not columns:
        raise DataError(_("{file}: holds no row with a value.", file=file))
    new = [one if isinstance(one, Bad) else (one[0], next(flattened)) for one in rows]
    notes = [*notes, *agreement.notes(), *exports.notes(), *_nested_notes(records)]
    return Reading(columns, batched(iter(new)), tuple(notes))


def _nested_notes(records: frozenset[tuple[str, ...]]) -> list[str]:
    if not records:
        return []
    names = name_list(sorted(".".join(path) for path in records))
    return [_("objects inside the rows are read as columns of their own: {names}", names=names)]


def _numbered(rows: Sequence[Any]) -> Iterator[Numbered | Bad]:
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield number, row
        elif is_pair(row):
            yield number, of_pair(row)
        else:
            reason = _("not an object like the others.")
            yield Bad(number, reason, json.dumps(row, ensure_ascii=False)[:1000])


def _rows(value: Any, file: str, key: str | None) -> Sequence[Any]:
    """Find the list of rows in a JSON value. Raises DataError."""
    if key is not None:
        if not isinstance(value, dict) or not isinstance(value.get(key), (list, dict)):
            raise DataError(_("{file}: holds no rows under {key!r}.", file=file, key=key))
        value = value[key]
    if isinstance(value, list):
        return _of_list(value, file)
    if isinstance(value, dict) and value:
        return _of_object(value, file)
    raise DataError(_unclear(file))


def _of_list(values: list[Any], file: str) -> Sequence[Any]:
    if any(map(is_pair, values)):
        return values
    if values and all(isinstance(v, list) for v in values):
        sample = [[as_text(cell) for cell in row] for row in values[:400]]
        names = header.look(sample, 1, file, None)
        return _of_table(names.columns, values[names.in_file :])
    if values and all(isinstance(v, str) for v in values):
        return [{"text": v} for v in values]
    if any(isinstance(v, dict) for v in values):
        return values
    raise DataError(_unclear(file))


def _of_table(names: Sequence[str], rows: Sequence[Any]) -> Sequence[Any]:
    return [
        dict(zip(names, row, strict=True))
        if isinstance(row, list) and len(row) == len(names)
        else row
        for row in rows
    ]


def _of_object(value: dict[str, Any], file: str) -> Sequence[Any]:
    # The most specific layout first: {"data": [{...}, ...]} would also pass as a column.
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list):  # pandas: split
        return _of_table([str(name) for name in columns], data)
    lists = [k for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], dict)]
    chosen = [k for k in lists if k.lower() in _ROW_KEYS] or lists
    pairs = [k for k, v in value.items() if isinstance(v, list) and any(map(is_pair, v))]
    if not chosen and len(pairs) == 1:  # {"classes": [...], "annotations": [[text, {...}], ...]}
        return list(value[pairs[0]])
    if len(chosen) == 1:  # {"data": [...]}, pandas: table
        return list(value[chosen[0]])
    if len(chosen) > 1:
        raise DataError(
            _(
                "{file}: holds several lists of rows ({keys}): name one with "
                "data.reader.json.rows=...",
                file=file,
                keys=name_list(chosen[:10]),
            )
        )
    if len(value) == 1 and not lists:  # {"name": {"rows": [{...}]}}
        (only,) = value.values()
        if isinstance(only, dict) and any(
            isinstance(v, list) and v and isinstance(v[0], dict) for v in only.values()
        ):
            return _of_object(only, file)
    if all(isinstance(v, list) for v in value.values()):
        return _of_columns(value, file)
    if all(isinstance(v, dict) for v in value.values()):
        return _of_objects(value)
    inner = [k for k in _ROW_KEYS if isinstance(value.get(k), dict)]
    if len(inner) == 1:  # {"data": {"rows": [...]}}, as services answer
        return _rows(value[inner[0]], file, None)
    if all(not isinstance(v, (list, dict)) for v in value.values()):
        return [value]
    raise DataError(_unclear(file))


def _of_columns(value: Mapping[str, list[Any]], file: str) -> Sequence[Any]:
    lengths = {name: len(values) for name, values in value.items()}
    if len(set(lengths.values())) > 1:
        shown = str(lengths)[:200]
        raise DataError(
            _("{name}: the columns are not equally long: {lengths}.", name=file, lengths=shown)
        )
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _of_objects(value: Mapping[str, Mapping[str, Any]]) -> Sequence[Any]:
    """Rows of pandas' orients columns {column: {index: cell}} or index {index: {column: cell}}."""
    inner: dict[str, None] = {}
    for cells in value.values():
        inner |= dict.fromkeys(cells)
    # pandas numbers the index: digits outside are rows, digits inside are rows of columns.
    rows_inside = all(key.isdigit() for key in inner) and not all(key.isdigit() for key in value)
    rows_outside = all(key.isdigit() for key in value)
    if rows_inside or (not rows_outside and len(inner) > len(value)):
        return [{name: cells.get(index) for name, cells in value.items()} for index in inner]
    return list(value.values())


def _unclear(file: str) -> str:
    return _(
        '{file}: no rows are found in this JSON. It should be a list of objects, [{{"text": ...}}, '
        '...], or hold one, e.g. {{"data": [...]}}.',
        file=file,
    )


def numbered_rows(path: Path, detected: encoding.Encoding) -> Iterator[Numbered | Bad]:
    """Rows of JSON lines, or of a list in one JSON document. Raises DataError."""
    with detected.open(path) as file:
        begin = file.read(4096).lstrip("\ufeff \t\r\n")
    if not begin.startswith("["):
        return _lines(path, detected)
    return _numbered(_rows(_value_of(path, detected), path.name, None))


def _lines(path: Path, detected: encoding.Encoding) -> Iterator[Numbered | Bad]:
    with detected.open(path) as file:
        for line, text in enumerate(file, 1):
            # The record separator 0x1e is what RFC 7464 (JSON text sequences) puts before a row.
            stripped = text.strip("\ufeff \t\r\n\x1e")
            if stripped:
                value = row_of(stripped, clean=detected.clean)
                if isinstance(value, str):
                    yield Bad(line, value, encoding.readable(text.strip()))
                else:
                    yield line, value


def row_of(text: str, *, clean: bool = True) -> dict[str, Any] | str:
    """Parse a line of JSON lines: the object, or the reason why it is none."""
    reason = "" if clean else encoding.wrong_byte(text)
    if reason:
        return reason
    if len(text) > MAX_LINE_CHARACTERS:
        return _("longer than {limit:,} characters.", limit=MAX_LINE_CHARACTERS)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return _(
            "not JSON at character {place} ({reason}). Each line must be one whole JSON object.",
            place=error.pos + 1,
            reason=said(error.msg),
        )
    except (ValueError, RecursionError):
        return _("a number too long or nesting too deep for a row.")
    if is_pair(value):
        return of_pair(value)
    if not isinstance(value, dict):
        return _('not an object: each line must look like {{"text": "..."}}.')
    return value


def is_squad(value: Any) -> bool:
    """Whether JSON has SQuAD's layout: articles with paragraphs."""
    articles = _list(value, "data")
    first = articles[0] if articles else None
    return isinstance(first, dict) and isinstance(first.get("paragraphs"), list)


def _squad_reading(value: Mapping[str, Any], notes: tuple[str, ...]) -> Reading:
    """SQuAD's questions as rows."""
    return Reading(dict.fromkeys(SQUAD_COLUMNS, TEXT), batched(_questions(value["data"])), notes)


def _questions(articles: list[Any]) -> Iterator[Numbered | Bad]:
    titles = [str(one.get("title") or "") if isinstance(one, dict) else "" for one in articles]
    named = len({*titles} - {""}) > len(titles) / 2  # else titles name no article
    number = 0
    for place, article in enumerate(articles, 1):
        title = titles[place - 1] if named else ""
        for paragraph in _list(article, "paragraphs"):
            for question in _list(paragraph, "qas"):
                number += 1
                context = paragraph.get("context")
                if not isinstance(question, dict) or not isinstance(context, str):
                    yield Bad(number, _("no question with a context."), str(question)[:1000])
                    continue
                answers = question.get("answers")
                unanswered = question.get("is_impossible") is True
                yield (
                    number,
                    {
                        "id": question.get("id"),
                        "article": title or str(place),
                        "context": context,
                        "question": question.get("question"),
                        "answers": [] if unanswered else _squad_answers(answers),
                    },
                )


def _squad_answers(answers: Any) -> Any:
    """SQuAD answers with text and answer_start only; other values as they are."""
    if not isinstance(answers, list):
        return answers
    return [
        {"text": one.get("text"), "answer_start": one.get("answer_start")}
        for one in answers
        if isinstance(one, dict) and isinstance(one.get("text"), str)
    ]


def _list(parent: Any, key: str) -> list[Any]:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, list) else []
