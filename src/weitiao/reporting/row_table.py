"""Table of all evaluated rows, as compact columns that the page's script filters and sorts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.core.redact import masked
from weitiao.core.sanitize import shortened, visible
from weitiao.evaluation.slices import Candidate, candidates_of
from weitiao.i18n.messages import _, joined, language
from weitiao.reporting.highlights import spans_in_words, text_of_cell, value_in_words
from weitiao.reporting.render import RowTable, Section
from weitiao.reporting.weak_spots import MAX_SLICES, slice_name
from weitiao.results.format import short_label
from weitiao.results.records import SliceScore
from weitiao.results.run_data import Material, StoredAnswers
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.spans import Spans

MAX_ROWS = 100_000  # in the page; of more, every wrong row first, then an even sample of the others
MAX_TEXT_CHARACTERS = 4_000_000  # of all excerpts together
MAX_EXCERPT = 200  # characters of a text
MAX_VALUE = 120  # characters of a passage or a list of spans
LOOK_AHEAD = 60  # characters after an excerpt that masking may look at
STATIC_ROWS = 10  # that can be read without a script
CONFIDENCE_STEPS = 1000  # confidences are stored in thousandths


def table_section(material: Material, unmasked: bool) -> Section | None:
    """The section; None before an evaluation."""
    stored = material.stored
    if stored is None or not len(stored):
        return None
    picked = picked_rows(stored)
    columns = columns_of(material, picked, unmasked)
    return Section("table", _("All rows"), [_block(columns, len(picked), len(stored))])


def picked_rows(stored: StoredAnswers, most: int = MAX_ROWS) -> np.ndarray:
    """The rows of the table by position in their file: all, or the wrong ones and a sample."""
    rows = np.arange(len(stored))
    if len(rows) > most:
        wrong = rows[:0] if stored.answers.numeric else np.flatnonzero(~stored.answers.right())
        wrong = wrong[_evenly(len(wrong), most)]
        others = np.setdiff1d(rows, wrong)
        rows = np.concatenate([wrong, others[_evenly(len(others), most - len(wrong))]])
    return rows[np.argsort(stored.positions[rows], kind="stable")]


def _evenly(count: int, most: int) -> np.ndarray:
    """Indices of at most so many, evenly spread."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(int) if most else np.arange(0)


def _block(columns: list[dict[str, Any]], shown: int, total: int) -> RowTable:
    note = ""
    if shown < total:
        note = _(
            "The table holds {shown} of {all} rows: the wrong ones, and of the others an even "
            "sample. `answers.parquet` has every row.",
            shown=f"{shown:,}",
            all=f"{total:,}",
        )
    static = [columns_cells(columns, row) for row in range(min(shown, STATIC_ROWS))]
    return RowTable(
        {"rows": shown, "columns": columns, "words": _words(), "language": language()},
        [column["title"] for column in columns],
        static,
        [at for at, column in enumerate(columns) if column["kind"] == "number"],
        _("The first {count} of {all} rows", count=len(static), all=f"{shown:,}"),
        _("This browser cannot unpack the table; `answers.parquet` has every row."),
        note,
    )


# --- columns


def columns_of(material: Material, picked: np.ndarray, unmasked: bool) -> list[dict[str, Any]]:
    """The columns of these rows.

    Of kind "text": a value a row, with a common prefix. "coded": `sets` of indices into `names`,
    and for each row one of the sets (`codes`); its `values`, where there are any, are shown
    instead. "number": values with a scale.
    """
    stored = material.stored
    assert stored is not None
    texts = _texts(material, picked)
    columns = [_ids(stored.ids(picked))]
    answers = stored.answers
    shown = texts[0][1] if isinstance(answers, Spans) and texts else None
    columns += [
        {"key": key, "title": title, **values(answers, cells, picked, shown, unmasked)}
        for key, title, cells in (
            ("target", _("true"), answers.targets),
            ("answer", _("predicted"), answers.values),
        )
    ]
    if answers.numeric:
        errors = answers.values[picked] - answers.targets[picked]
        columns.append(_number("error", _("error (predicted − true)"), errors))
    else:
        columns += [_right(answers.right()[picked]), _confidence(stored, picked)]
    if texts:
        lengths = np.sum([[len(text) for text in column] for _name, column in texts], axis=0)
        columns.append(_number("length", _("characters"), lengths, plain=True))
        columns += _excerpts(texts, len(picked), unmasked)
        columns += _slices(material, picked, texts)
    return columns


def _ids(ids: list[str]) -> dict[str, Any]:
    """Row ids; the name of the file, which most share, once."""
    heads = {one.rpartition(":")[0] for one in ids}
    tails = [one.rpartition(":")[2] for one in ids]
    column = {"key": "id", "title": _("row"), "kind": "text"}
    if len(heads) == 1 and all(tail.isdecimal() and str(int(tail)) == tail for tail in tails):
        return {**column, "prefix": visible(heads.pop()) + ":", "values": [int(t) for t in tails]}
    return {**column, "prefix": "", "values": [visible(one) for one in ids]}


def _right(right: np.ndarray) -> dict[str, Any]:
    return {
        "key": "right",
        "title": _("result"),
        "kind": "coded",
        "names": [_("wrong"), _("correct")],
        "sets": [[0], [1]],
        "codes": right.astype(int).tolist(),
    }


def _confidence(stored: StoredAnswers, picked: np.ndarray) -> dict[str, Any]:
    thousandths = np.rint(stored.confidence[picked] * CONFIDENCE_STEPS)
    known = stored.answers.has_confidence()[picked]
    listed = [int(value) if ok else None for value, ok in zip(thousandths, known, strict=True)]
    return {
        "key": "confidence",
        "title": _("confidence"),
        "kind": "number",
        "scale": 1 / CONFIDENCE_STEPS,
        "decimals": 3,
        "values": listed,
    }


def _number(key: str, title: str, numbers: Any, plain: bool = False) -> dict[str, Any]:
    """plain: whole numbers, as they are."""
    listed = [
        int(one) if plain else float(f"{one:.6g}") if np.isfinite(one) else None
        for one in np.asarray(numbers)
    ]
    return {"key": key, "title": title, "kind": "number", "scale": 1, "values": listed}


# --- targets and predictions by the class of answers


@singledispatch
def values(
    answers: Answers, cells: Any, picked: np.ndarray, texts: Sequence[str] | None, unmasked: bool
) -> dict[str, Any]:
    """Targets or predictions of these rows. texts: those that spans are found in."""
    if answers.numeric:
        numbers = _number("", "", np.asarray(cells, float)[picked])
        return {key: numbers[key] for key in ("kind", "scale", "values")}
    shown = [_short(value_in_words(answers, cells[at], unmasked)) for at in picked]
    return {"kind": "text", "prefix": "", "values": shown}


@values.register
def _of_labels(
    answers: Labels, cells: Any, picked: np.ndarray, texts: Sequence[str] | None, unmasked: bool
) -> dict[str, Any]:
    codes = [int(code) for code in cells[picked]]
    unknown = any(code < 0 for code in codes)
    names = [*_names(answers), *([_("(none)")] if unknown else [])]
    sets = [[code] for code in range(len(names))]
    listed = [code if code >= 0 else len(names) - 1 for code in codes]
    return {"kind": "coded", "names": names, "sets": sets, "codes": listed}


@values.register
def _of_label_sets(
    answers: LabelSets,
    cells: Any,
    picked: np.ndarray,
    texts: Sequence[str] | None,
    unmasked: bool,
) -> dict[str, Any]:
    return _coded(_names(answers), [np.flatnonzero(cells[at]).tolist() for at in picked])


@values.register
def _of_spans(
    answers: Spans,
    cells: Ragged,
    picked: np.ndarray,
    texts: Sequence[str] | None,
    unmasked: bool,
) -> dict[str, Any]:
    rows = [cells.row(at) for at in picked]
    coded = _coded(_names(answers), [np.unique(spans[:, 2]).tolist() for spans in rows])
    shown = []
    for at, spans in enumerate(rows):
        text = None if texts is None else text_of_cell(texts[at])
        shown.append(_short(spans_in_words(answers, spans, text, unmasked)))
    return {**coded, "values": shown}


def _coded(names: list[str], sets: list[list[int]]) -> dict[str, Any]:
    """Each different set of names once, and for each row which it is."""
    known: dict[tuple[int, ...], int] = {}
    codes = [known.setdefault(tuple(one), len(known)) for one in sets]
    return {"kind": "coded", "names": names, "sets": [list(one) for one in known], "codes": codes}


def _names(answers: Answers) -> list[str]:
    return [visible(short_label(name)) for name in answers.labels]


def _short(text: str) -> str:
    return visible(shortened(text, MAX_VALUE))


# --- texts and slices


def _texts(material: Material, picked: np.ndarray) -> list[tuple[str, list[str]]]:
    """(column, its texts); nothing where the file is gone or was changed."""
    rows = material.texts(picked)
    if not rows:
        return []
    return [(name, [row[at][1] for row in rows]) for at, (name, _text) in enumerate(rows[0])]


def _excerpts(
    texts: list[tuple[str, list[str]]], rows: int, unmasked: bool
) -> list[dict[str, Any]]:
    """The beginning of each text; shorter, the more rows there are."""
    most = min(MAX_EXCERPT, MAX_TEXT_CHARACTERS // (rows * len(texts)))
    shown: Callable[[str], str] = lambda text: _excerpt(text, most, unmasked)  # noqa: E731
    return [
        {
            "key": f"text{at}",
            "title": visible(name),
            "kind": "text",
            "prefix": "",
            "values": [shown(text) for text in column],
        }
        for at, (name, column) in enumerate(texts)
    ]


def _excerpt(text: str, most: int, unmasked: bool) -> str:
    # Masked with what follows: half of an address or a number would not be recognized.
    head = text[: most + LOOK_AHEAD]
    flat = " ".join((head if unmasked else masked(head)).split())
    room = most if len(head) == len(text) else min(most, len(flat) - LOOK_AHEAD)
    return visible(flat if len(flat) <= room else flat[: max(room, 0)] + "…")


def _slices(
    material: Material, picked: np.ndarray, texts: list[tuple[str, list[str]]]
) -> list[dict[str, Any]]:
    """Which of the slices in the section of weak slices each row is in."""
    wanted = {
        (one.kind, one.name, str(one.value)): one for one in material.findings.slices[:MAX_SLICES]
    }
    stored, rows = material.stored, material.evaluated_rows
    if not wanted or stored is None or rows is None:
        return []
    whole = ["\n".join(cells) for cells in zip(*(column for _name, column in texts), strict=True)]
    if len(picked) == len(stored):
        found = candidates_of(rows.take(picked), stored.answers.take(picked), whole)
    else:
        return []  # quarters of a sample are not those of all rows
    members = [
        (wanted[key], one) for one in found if (key := (one.kind, one.name, one.value)) in wanted
    ]
    return [_slice_column(members, len(picked))] if members else []


def _slice_column(members: list[tuple[SliceScore, Candidate]], rows: int) -> dict[str, Any]:
    sets: list[list[int]] = [[] for _row in range(rows)]
    members = sorted(members, key=lambda one: (not one[0].weak, one[0].corrected))
    for at, (_score, candidate) in enumerate(members):
        for row in candidate.rows.tolist():
            sets[row].append(at)
    names = [
        visible(("▼ " if score.weak else "") + slice_name(score)) for score, _candidate in members
    ]
    return {"key": "slices", "title": _("slices"), **_coded(names, sets)}


# --- words and cells


def columns_cells(columns: list[dict[str, Any]], row: int) -> list[str]:
    """The cells of a row as the script shows them."""
    return [_cell(column, row) for column in columns]


def _cell(column: dict[str, Any], row: int) -> str:
    if column["kind"] == "coded":
        if "values" in column:
            return str(column["values"][row])
        names = [column["names"][at] for at in column["sets"][column["codes"][row]]]
        return joined(names, ", ") if names else "—"
    value = column["values"][row]
    if column["kind"] == "text":
        return f"{column['prefix']}{value}"
    if value is None:
        return "—"
    if "decimals" in column:
        return f"{value * column['scale']:.{column['decimals']}f}"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.4g}"


def _words() -> dict[str, str]:
    """What stands on the controls of the table."""
    return {
        "search": _("Search"),
        "all": _("all"),
        "least": _("confidence from"),
        "most": _("confidence to"),
        "shortest": _("characters from"),
        "longest": _("characters to"),
        "clear": _("Clear filters"),
        "csv": _("Download CSV"),
        "shown": _("{shown} of {all} rows", shown="{shown}", all="{all}"),
        "none": _("No row matches."),
        "separator": joined(["a", "b"], ", ")[1:-1],
    }
