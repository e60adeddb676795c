"""Input rows and options of the API functions, converted to data sources and plan requests."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from weitiao.core.clock import seconds
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source, from_rows
from weitiao.data.prepare.load import Data
from weitiao.data.python_rows import is_missing_value, list_of, rows_in
from weitiao.data.readers.sql import is_address
from weitiao.errors import DataError, RunError, WeitiaoError
from weitiao.example import Example
from weitiao.i18n.messages import _, name_list, plural
from weitiao.planning.advise import Wish
from weitiao.results.records import EnvironmentRecord
from weitiao.run import Run

Paths = str | Sequence[str]
Roles = Mapping[str, str | list[str]]


class RowOptions(TypedDict, total=False):
    """Options to read rows and assign column roles; the names are the command line's."""

    text: str | None  # column with the text
    target: str | list[str] | None  # column with the label or number
    roles: Roles  # all columns by role, e.g. {"premise": "a", "hypothesis": "b"}
    task: str | None
    test: Any  # test rows: a file, or rows from Python (texts: with their targets, as a tuple)
    sheet: str | None  # of a workbook
    skip_bad: bool  # set unreadable rows aside
    reader: Mapping[str, Mapping[str, Any]]  # settings of readers, e.g. {"csv": {...}}
    changes: Mapping[str, Any] | None  # plan fields, e.g. {"train.epochs": 5}


class PlanOptions(RowOptions, total=False):
    """Options of a plan; everything left out is decided from the rows."""

    model: str | None
    revision: str | None
    validation: Any  # validation rows, as `test`
    max_rows: int | None
    corrections: str | Path | None  # file of `review` with decisions about rows
    unknown: bool | str  # recognize unknown inputs: True, or a score, e.g. "mahalanobis"
    unknown_label: str | Sequence[str] | None  # of rows that are such inputs; several as a list
    budget: float | str | None  # seconds for everything, or 90s, 5m, 1h30m
    seed: int | None
    source_lang: str | None  # of a translation: en, zh, de, ...
    target_lang: str | None


# Names of 0.1, read for one release.
_OLD_OPTIONS = {"test_path": "test", "validation_path": "validation"}


def wish_of(path: Paths, options: Mapping[str, Any]) -> Wish:
    """Convert options of an API function to a plan request. Raises TypeError for unknown ones."""
    known = {_OLD_OPTIONS.get(name, name): value for name, value in options.items()}
    for old in _OLD_OPTIONS.keys() & options.keys():
        text = f"the option {old} is now called {_OLD_OPTIONS[old]}"
        warnings.warn(text, DeprecationWarning, stacklevel=4)
    if unknown := known.keys() - PlanOptions.__optional_keys__:
        raise TypeError(f"unknown option: {', '.join(sorted(unknown))}")
    roles = dict(known.pop("roles", None) or {})
    for role in ("text", "target"):
        if column := known.pop(role, None):
            roles[role] = column
    reader = dict(known.pop("reader", None) or {})
    if sheet := known.pop("sheet", None):
        reader = {**reader, "xlsx": {"sheet": sheet}}
    files = {f"{name}_path": _other(known.pop(name, None)) for name in ("test", "validation")}
    if corrections := known.pop("corrections", None):
        changes = {"data.corrections": str(corrections), **(known.get("changes") or {})}
        known["changes"] = changes
    if recognized := _unknown_inputs(known.pop("unknown", None), known.pop("unknown_label", None)):
        known["changes"] = {**recognized, **(known.get("changes") or {})}
    if (budget := known.pop("budget", None)) is not None:
        known["budget"] = seconds_of(budget)
    languages = {
        f"task.translation.{side}_language": code
        for side in ("source", "target")
        if (code := known.pop(f"{side}_lang", None))
    }
    if languages:
        known["task"] = known.get("task") or "translation"
        known["changes"] = {**languages, **(known.get("changes") or {})}
    return Wish(path, roles=roles, reader=reader, **files, **known)


def _unknown_inputs(score: bool | str | None, labels: str | Sequence[str] | None) -> dict[str, Any]:
    """Changes of the plan for the options about unknown inputs."""
    changes: dict[str, Any] = {}
    if labels:
        changes["data.labels.unknown"] = [labels] if isinstance(labels, str) else list(labels)
    if score or labels:
        changes["evaluate.unknown"] = score if isinstance(score, str) else "auto"
    return changes


def with_targets(options: Mapping[str, Any], source: Source | None, targets: Any) -> dict[str, Any]:
    """The options with the roles that are known where targets came beside the rows."""
    if targets is None or source is None:
        return dict(options)
    known: dict[str, Any] = {"target": "label"}
    if source.columns == ["text", "label"]:
        known["text"] = "text"
    return {**options, "roles": {**known, **(options.get("roles") or {})}}


def seconds_of(budget: float | str) -> float:
    """A budget in seconds; also from a text like 90s or 1h30m. Raises WeitiaoError."""
    in_seconds = seconds(budget) if isinstance(budget, str) else budget
    if in_seconds is None:
        message = _("{value!r} is not a time; write 90s, 5m or 1h30m.", value=budget)
        raise WeitiaoError(message)
    return in_seconds


def _other(rows: Any) -> Any:
    """The path of test or validation rows, which may come from Python: (texts, targets), or rows
    with the columns of the training rows."""
    if rows is None:
        return None
    pair = isinstance(rows, tuple) and len(rows) == 2 and not _are_files(rows)
    return source_of(*rows)[0] if pair else source_of(rows)[0]


def source_of(rows: Any, targets: Any = None) -> tuple[str | list[str], Source | None]:
    """Convert input rows to a path and, for rows from memory, a data source. Raises DataError."""
    if isinstance(rows, (str, Path)) and targets is None:
        return str(rows), None
    if isinstance(rows, (list, tuple)) and rows and targets is None and _are_files(rows):
        paths = [str(path) for path in rows]
        if len(paths) > 1 and not any(_may_be_file(path) for path in paths):
            raise DataError(
                _(
                    "these are {count} texts without labels, and no files: weitiao.fit(texts, "
                    "labels).",
                    count=len(paths),
                )
            )
        return paths, None
    if targets is not None:
        rows, targets = list(rows_in(rows)), list_of(targets)
        require_pairs(rows, targets)
        rows = [{**_row(row), "label": target} for row, target in zip(rows, targets, strict=True)]
    source = from_rows(rows)
    return f"memory:{source.fingerprint}", source


def require_pairs(rows: Sequence[Any], targets: Sequence[Any]) -> None:
    """Raise DataError unless there is one target for each row."""
    if len(rows) != len(targets):
        message = _(
            "{texts} but {targets}: they must pair up.",
            texts=plural(len(rows), "text"),
            targets=plural(len(targets), "target"),
        )
        raise DataError(message)


def _are_files(rows: Any) -> bool:
    """Whether a list of str names files: texts without targets could not be trained on."""
    return all(isinstance(one, (str, Path)) for one in rows)


def _may_be_file(path: str) -> bool:
    """Whether a str is a file, a pattern or a sample, or looks like the name of one."""
    named = path.startswith(("sample:", "hf:")) or is_address(path)
    named = named or glob.has_magic(path) or bool(Path(path).suffix)
    try:
        return named or Path(path).exists()
    except (OSError, ValueError):  # far too long for a name
        return False


def _row(row: Any) -> dict[str, Any]:
    if row is None or isinstance(row, str):
        return {"text": row}
    if isinstance(row, Mapping):
        return dict(row)
    if isinstance(row, Example):
        return dict(row.inputs)
    if len(row) not in (1, 2) or not all(is_missing_value(o) or isinstance(o, str) for o in row):
        raise DataError(_("a tuple to learn from holds one text or two, not {row}.", row=repr(row)))
    return dict(zip(("text", "text_pair"), row, strict=False))


def how_of(sheet: str | None, skip_bad: bool) -> ReadOptions:
    """ReadOptions for the options `sheet` and `skip_bad`."""
    return ReadOptions({"xlsx": {"sheet": sheet}} if sheet else {}, skip_bad)


def same_rows(run: Run, data: Data) -> Data:
    """The rows of a run, opened again. Raises RunError where they are not those it learned from.

    Split again, rows that were learned would stand in the test.
    """
    known = EnvironmentRecord.read(run)
    # Equal files split in the same way, or equal rows in files that moved or were written anew.
    if not known.data or known.data == data.fingerprint or known.rows == data.digests:
        return data
    before, now = (str(lines[0]) if lines else "" for lines in (known.history, data.history))
    changed = [part for part, digest in known.rows.items() if data.digests.get(part) != digest]
    raise RunError(
        _(
            "{run}: its rows have changed since it was trained (then {before}; now {now}; other "
            "rows in: {parts}). Split again, the test would hold rows that were learned. Put the "
            "file back, train again, or evaluate on a file: weitiao evaluate {run} FILE.",
            run=str(run.folder),
            before=before or "?",
            now=now,
            parts=name_list(changed) or "?",
        )
    )
