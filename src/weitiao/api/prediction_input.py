"""Rows to predict: files, standard input or texts, and which of their columns the model reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from weitiao.api.trained import Trained, open_other, trained
from weitiao.api.written_table import files_in
from weitiao.core.fields import nearest
from weitiao.data.files import detect, dialect
from weitiao.data.files.cells import INTEGER, TEXT, cell_texts
from weitiao.data.files.delimited import FIRST
from weitiao.data.files.open import Paths, ReaderSettings, ReadOptions
from weitiao.data.files.table import LINE, Source, from_rows
from weitiao.data.infer.column_names import TEXT_WORDS, alike, is_known, plain
from weitiao.data.infer.column_stats import Column, columns_of
from weitiao.data.infer.roles import TEXT_ROLES, pair_in
from weitiao.data.python_rows import is_missing_value
from weitiao.data.readers.lines import COLUMN
from weitiao.data.readers.sql import is_address
from weitiao.data.rows import Rows, everything, extra_columns
from weitiao.data.targets import Roles, target_columns
from weitiao.errors import DataError
from weitiao.i18n.messages import _, joined, name_list

STDIN_FILE = "stdin"  # how messages call it
_LINES: ReaderSettings = {"lines": {}}
_OF_LINES = ("", ".txt", ".text")  # endings of tables that may be a text on each line
_GENERIC = ("text", "text_pair")  # stand for the model's first and second text


@dataclass(frozen=True)
class Texts:
    """Texts to predict, by role or in the order in which the model reads them."""

    by_role: Mapping[str, Sequence[str]] = field(default_factory=dict)
    in_order: Sequence[str] = ()

    def source(self, roles: Sequence[str]) -> Source:
        """The texts as rows in memory. Raises DataError where they do not pair up."""
        filled = dict(self.by_role)
        if self.in_order:
            if len(self.in_order) % len(roles):
                message = _(
                    "this model reads {count} texts ({roles}), not {passed}: write {options}",
                    count=len(roles),
                    roles=name_list(roles),
                    passed=len(self.in_order),
                    options=" ".join(f'{option_of(role)} "..."' for role in roles),
                )
                raise DataError(message)
            filled = {role: self.in_order[at :: len(roles)] for at, role in enumerate(roles)}
        counts = {role: len(values) for role, values in filled.items()}
        if len(set(counts.values())) > 1:
            message = _(
                "the texts do not pair up: {counts}. Give each role equally often.",
                counts=name_list(f"{n} x {option_of(role)}" for role, n in counts.items()),
            )
            raise DataError(message)
        columns = {role: pa.array(values, TEXT) for role, values in filled.items()}
        numbers = pa.array(range(1, max(counts.values(), default=0) + 1), INTEGER)
        return Source(pa.table({**columns, LINE: numbers}), _("the texts given"), "")


def option_of(role: str) -> str:
    """The option that names a role: --text-pair."""
    return f"--{role.replace('_', '-')}"


@contextmanager
def saved_stream(stream: IO[bytes]) -> Iterator[Path]:
    """A stream of bytes as a file, which is deleted at the end. Raises DataError when empty."""
    with tempfile.TemporaryDirectory(prefix="weitiao-") as folder:
        path = Path(folder) / STDIN_FILE
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        if not path.stat().st_size:
            raise DataError(
                _(
                    "standard input is empty: there is nothing to predict. Name a data file, a "
                    "text in quotes, or --text."
                )
            )
        yield path


def open_rows(model: Trained, rows: Any, how: ReadOptions) -> Source:
    """Open the rows to predict: a path, a list of Path, or rows from Python. Raises DataError."""
    files = files_in(rows)
    if not files:
        if isinstance(rows, (list, tuple)) and any(isinstance(one, str) for one in rows):
            texts = ["" if is_missing_value(one) else one for one in rows]
            rows = Texts(in_order=texts) if all(isinstance(one, str) for one in texts) else rows
        if isinstance(rows, Texts):
            return rows.source([*text_roles(model)])
        return from_rows(rows)
    path: Paths = files[0] if len(files) == 1 else files
    how = replace(how, blank_rows=True)
    reader = {} if how.reader else _reader_of_texts(model, path)
    if not reader:
        return open_other(model, path, how)
    how = replace(how, reader=reader)
    source = how.open(path)
    if reader is not _LINES:
        return source
    # Lines have no names: they are called as the model knows them.
    table = source.table
    names = [
        next(iter(text_roles(model).values())) if n == COLUMN else n for n in table.column_names
    ]
    return replace(source, table=table.rename_columns(names))


def _reader_of_texts(model: Trained, path: Paths) -> ReaderSettings:
    """The reader of a .txt file, of one whose ending names no format (new.en), or of standard
    input; {} where the usual detection stands.

    Commas belong to sentences, and the first one is no header: such a file is a table where its
    first line names columns, or where tabs part it.
    """
    first = Path(path if isinstance(path, str) else path[0])
    ending = first.suffix.lower()
    if not first.is_file() or (ending[1:] in detect.endings() and ending not in _OF_LINES):
        return {}
    trained = model.plan.data.path
    trained_on = Path(trained if isinstance(trained, str) else trained[0])
    if model.plan.data.reader and trained_on.suffix == first.suffix:
        return {}
    if detect.packing(first):
        return {}
    usual: ReaderSettings = {}
    if first.name == STDIN_FILE:  # has no ending that could be wrong
        usual = {detect.reader_for(first, {})[0]: {}}
    if detect.look(first) not in ("csv", "tsv"):
        return usual
    try:
        layout = dialect.detect(first, ",", dialect.Settings())
    except DataError:
        return _LINES
    columns = layout.columns
    if layout.dialect.delimiter == FIRST:
        return usual
    ours = {name.casefold() for pair in text_roles(model).items() for name in pair}
    names = {name.strip().casefold() for name in columns}
    if layout.header_line and (names & ours or _names_columns(columns)):
        return usual
    return {"tsv": {"header": False}} if layout.dialect.delimiter == "\t" else _LINES


def _names_columns(columns: Sequence[str]) -> bool:
    """Whether a first line surely names columns: "Great title" alone is a text."""
    if len(columns) == 1:
        return plain(columns[0]) in TEXT_WORDS
    return any(map(is_known, columns))


# --- which column is which


def check_inputs(
    run: str | Path, rows: Any, how: ReadOptions, given: Mapping[str, str], baseline: bool = False
) -> None:
    """Raises WeitiaoError where a model cannot read these rows; neither it nor PyTorch is loaded.

    Files are read into the cache. A database is read once, later.
    """
    if isinstance(rows, str) and is_address(rows):
        return
    known = trained(run, baseline=baseline)
    assigned(known, open_rows(known, rows, how), given, [])


def text_roles(model: Trained) -> dict[str, str]:
    """The texts that the model reads: role -> column that it was trained on."""
    roles = model.plan.data.roles
    return {role: str(roles[role]) for role in TEXT_ROLES if role in roles}


def assigned(model: Trained, source: Source, given: Mapping[str, str], notes: list[str]) -> Rows:
    """The rows with the roles of the model; columns under other names are found, and `notes` say
    so. given: role -> column. Raises DataError where a column is missing or unclear."""
    trained = text_roles(model)
    roles: dict[str, str | list[str]] = dict(_given(trained, source, given))
    for role in trained:
        if role not in roles and (column := _by_name(role, trained, source, roles)):
            roles[role] = column
    missing = [role for role in trained if role not in roles]
    if not source.fingerprint:  # in memory, by role
        _require_all(trained, source, roles, missing)
    elif missing:
        roles |= _by_cells(model, source, roles, missing)
    for role, column in trained.items():
        if roles[role] != column and source.fingerprint and role not in _roles_of(given, trained):
            notes.append(
                _(
                    "{file}: no column {trained!r}; its column {column!r} is read instead",
                    file=source.name,
                    trained=column,
                    column=roles[role],
                )
            )
    if extra := extra_columns(model.plan.data.roles):
        if lacking := [column for column in extra if column not in source.columns]:
            raise DataError(_lacks(source, lacking[0]))
        roles["columns"] = extra
    ordered = {role: roles[role] for role in (*trained, "columns") if role in roles}
    table = source.table
    return Rows(table, everything(table), ordered, source.name, model.plan.task_name)


def _require_all(
    trained: Mapping[str, str], source: Source, roles: Roles, missing: Sequence[str]
) -> None:
    """Raises DataError where somebody typed a text too few or too many."""
    if missing:
        message = _(
            "this model reads {roles}: give {options}, too.",
            roles=name_list(trained),
            options=" ".join(f'{option_of(role)} "..."' for role in missing),
        )
        raise DataError(message)
    unread = [role for role in source.columns if role not in roles.values()]
    if unread and len(source.columns) > len(trained):
        raise DataError(_no_role(trained, unread[0]))


def is_empty(rows: Rows) -> np.ndarray:
    """(rows,) whether a row lacks a text: nothing is predicted for it, as none is learned from."""
    empty = np.zeros(len(rows), bool)
    for role in rows.text_roles:
        texts = cell_texts(rows.table.column(str(rows.roles[role])), rows.indices)
        empty |= np.array([not text.strip() for text in texts], bool)
    return empty


def _roles_of(given: Mapping[str, str], trained: Mapping[str, str]) -> dict[str, str]:
    """Columns by the model's roles: text and text_pair stand for its first and second text."""
    names = list(trained)
    by_place = dict(zip(_GENERIC, names, strict=False))
    return {role if role in trained else by_place.get(role, role): c for role, c in given.items()}


def _given(trained: Mapping[str, str], source: Source, given: Mapping[str, str]) -> dict[str, str]:
    roles = _roles_of(given, trained)
    for role, column in roles.items():
        if role not in trained:
            raise DataError(_no_role(trained, role))
        if column not in source.columns:
            message = _(
                "{file}: no column {column!r}; it has {names}.{hint}",
                file=source.name,
                column=column,
                names=name_list(source.columns),
                hint=nearest(column, source.columns),
            )
            if len(column.split()) > 2 or len(column) > 40:
                remedy = _("Beside a file this names a column; to predict a text, leave it out.")
                message = joined([message, remedy])
            raise DataError(message)
    return roles


def _no_role(trained: Mapping[str, str], role: str) -> str:
    return _(
        "this model reads {roles}, and has no role {role!r}.",
        roles=name_list(trained),
        role=role,
    )


def _by_name(
    role: str, trained: Mapping[str, str], source: Source, taken: Mapping[str, Any]
) -> str | None:
    """The column called as in training, up to case and blanks, or like the role."""
    column, place = trained[role], list(trained).index(role)
    free = [name for name in source.columns if name not in taken.values()]
    generic = _GENERIC[place] if place < len(_GENERIC) else role
    for wanted in (column, role, generic):
        if wanted in free:
            return wanted
        if found := alike(wanted, free):
            return found
    return None


def _by_cells(
    model: Trained, source: Source, taken: Mapping[str, Any], missing: Sequence[str]
) -> dict[str, str]:
    """The only columns that hold texts. Raises DataError where there are others, or none."""
    targets = model.plan.data.roles.get("target")
    known = {*target_columns({"target": targets})} if targets else set()
    free = {
        name: column
        for name, column in columns_of(source.table).items()
        if name not in taken.values() and name not in known
    }
    columns = source.columns
    unnamed = columns == [f"column{n + 1}" for n in range(len(columns))]
    if not taken and len(missing) == len(columns) and (len(columns) == 1 or unnamed):
        return dict(zip(missing, columns, strict=True))
    if len(missing) == 2 and (pair := pair_in(free)):
        return dict(zip(missing, pair, strict=True))
    texts = [name for name, column in free.items() if column.is_text]
    if not texts:  # too few rows to tell by their variety
        texts = [name for name, column in free.items() if _may_be_text(column)]
    if len(missing) == 1 and len(texts) == 1:
        return {missing[0]: texts[0]}
    column = text_roles(model)[missing[0]]
    if not texts or len(texts) < len(missing):
        raise DataError(_lacks(source, column, missing))
    raise DataError(
        _(
            "{file}: no column {column!r}, which the model was trained on; it may be {texts}. "
            "Say which: {remedy}",
            file=source.name,
            column=column,
            texts=name_list(texts),
            remedy=_remedy(missing),
        )
    )


def _may_be_text(column: Column) -> bool:
    return bool(column.values) and column.numbers is None and not column.is_id


def _lacks(source: Source, column: str, missing: Sequence[str] = ()) -> str:
    message = _(
        "{file}: no column {column!r}, which the model was trained on; it has {names}.",
        file=source.name,
        column=column,
        names=name_list(source.columns),
    )
    if not missing:
        return message
    return _("{message} Say which one it is: {remedy}", message=message, remedy=_remedy(missing))


def _remedy(missing: Sequence[str]) -> str:
    return " ".join(f"{option_of(role)} {_('COLUMN')}" for role in missing)
