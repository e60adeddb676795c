"""Review tables (`weitiao review`): their columns, and the decisions that people wrote in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core.fields import near
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.files.table import LINE, Source
from weitiao.data.infer.cells import number
from weitiao.data.prepare import duplicates
from weitiao.data.rows import Rows, everything
from weitiao.data.targets import TargetReader, reader_of
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, name_list, plural

# Columns of a review table; the texts stand under their roles.
ROW, GIVEN, SUGGESTED, SUSPICION, REASON = "row", "given", "suggested", "suspicion", "reason"
DECISION, KEY = "decision", "key"
SHEET = "review"  # its name in a workbook
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
KEEP, CHANGE, REMOVE = "keep", "change", "remove"
_WORDS = {
    KEEP: KEEP, "ok": KEEP, "保留": KEEP, "不变": KEEP,
    CHANGE: CHANGE, "修改": CHANGE, "更改": CHANGE,
    REMOVE: REMOVE, "drop": REMOVE, "delete": REMOVE, "删除": REMOVE, "移除": REMOVE,
}  # fmt: skip
_KEY = re.compile(r"k([0-9a-f]{16})([0-9a-f]{16})")
NAMED = 3  # places that a message names
SHOWN = 60  # characters of a cell that a message shows

Key = tuple[int, int]  # 128 bits


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision. value: the new target, None for a row that is removed.

    keys: hashes of the row with its reviewed target, as the table says it, and by its cells; text:
    the hash of the texts alone, None where the table does not hold them whole.
    """

    place: str
    word: str  # KEEP, CHANGE or REMOVE
    value: Any = None
    keys: tuple[Key, ...] = ()
    text: Key | None = None

    def contradicts(self, other: Decision) -> bool:
        return (self.word, self.value) != (other.word, other.value)


@dataclass(frozen=True)
class Vocabulary:
    """What a decision may say: the labels of the rows, or any target that the task reads."""

    reader: TargetReader
    labels: tuple[str, ...]

    @classmethod
    def of(cls, rows: Rows) -> Vocabulary:
        """The labels of rows, by their names in the file and in the plan."""
        reader = reader_of(rows.task)
        known = reader.label_counts([target for target in rows.targets() if target is not None])
        names = list(known)
        if rows.changes is not None:
            names += [label for label in rows.changes.labels.names if label not in known]
        return cls(reader, tuple(names))

    def word(self, name: str) -> str:
        """How a decision is written: keep, or [keep] where a label is called so."""
        return f"[{name}]" if any(one.casefold() == name for one in self.labels) else name

    def decide(self, cell: str, suggested: str) -> tuple[str, Any]:
        """The word and the new target that a cell says. Raises ValueError with the reason."""
        plain = cell.casefold()
        bare = plain[1:-1].strip() if plain[:1] + plain[-1:] == "[]" else ""
        if bare in _WORDS and bare not in self.labels:
            plain = bare
        elif any(label.casefold() == plain for label in self.labels):
            return CHANGE, self.target(cell)
        word = _WORDS.get(bare) or _WORDS.get(plain)
        if word == CHANGE and not suggested:
            raise ValueError(_("it says {word}, but no label is suggested.", word=cell))
        if word is not None:
            return word, self.target(suggested) if word == CHANGE else None
        return CHANGE, self.target(cell)

    def target(self, cell: str) -> Any:
        """The target that a cell spells. Raises ValueError for an unknown label."""
        target = self.reader.parse_target(cell, DECISION)
        if target is None:
            raise ValueError(_("{cell!r} is no label.", cell=cell[:SHOWN]))
        if self.reader.numeric:
            return target
        if isinstance(target, str):
            return self._label(target)
        for label in self.reader.label_counts([target]):
            self._label(label)
        if isinstance(target, list) and all(isinstance(one, str) for one in target):
            return [self._label(one) if one in self.labels else one for one in target]
        return target

    def _label(self, label: str) -> str:
        """A known label, also in other case, or as a spreadsheet writes its number."""
        if label in self.labels:
            return label
        folded = [one for one in self.labels if one.casefold() == label.strip().casefold()]
        if not folded and (value := number(label)) is not None:
            folded = [one for one in self.labels if number(one) == value]
        if len(folded) == 1:
            return folded[0]
        raise ValueError(
            _(
                "no row has the label {label!r}.{hint}",
                label=label[:SHOWN],
                hint=near(label, list(self.labels)),
            )
        )


def open_review(path: str) -> Source:
    """A review table; of a workbook whose largest sheet is another one, the sheet `review`. Raises
    DataError."""
    source = open_source(path)
    if _is_review(source) or Path(path).suffix.lower() not in WORKBOOKS:
        return source
    with suppress(DataError):
        other = open_source(path, {"xlsx": {"sheet": SHEET}})
        return other if _is_review(other) else source
    return source


def _is_review(source: Source) -> bool:
    return bool({KEY, GIVEN} & {name.strip().casefold() for name in source.columns})


def decisions_in(source: Source, rows: Rows) -> tuple[list[Decision], int]:
    """The decisions of a review table, and how many rows have none. rows: that were reviewed.

    Raises DataError for a table of another kind, and for decisions that cannot be understood.
    """
    names = {name.strip().casefold(): name for name in source.columns}
    if not _is_review(source):
        raise DataError(
            _(
                "{file}: no table of `weitiao review`: it has none of the columns {columns}.",
                file=source.name,
                columns=name_list([KEY, GIVEN]),
            )
        )

    def column(name: str) -> list[str]:
        if name not in names:  # an empty column is not read at all
            return [""] * source.table.num_rows
        return [text.strip() for text in _cells(source, names[name])]

    vocabulary, lines = Vocabulary.of(rows), source.table.column(LINE).to_pylist()
    texts = _text_keys(source, names, rows)
    decisions, wrong, undecided = list[Decision](), list[str](), 0
    cells = zip(column(DECISION), column(SUGGESTED), column(GIVEN), column(KEY), strict=True)
    for at, (cell, suggested, given, key) in enumerate(cells):
        if not cell:
            undecided += 1
            continue
        place = f"{source.name}:{lines[at]}"
        try:
            word, value = vocabulary.decide(cell, suggested)
        except ValueError as error:
            wrong.append(placed(place, str(error)))
            continue
        text = None if texts is None else texts[at]
        keys = [_key_in(key), _key_with(text, given, vocabulary.reader)]
        known = tuple(dict.fromkeys(one for one in keys if one is not None))
        decisions.append(Decision(place, word, value, known, text))
    if wrong:
        raise DataError(_joined(wrong))
    return decisions, undecided


def _joined(wrong: Sequence[str]) -> str:
    rest = len(wrong) - NAMED
    more = [_("and {places} more", places=plural(rest, "decision"))] if rest > 0 else []
    return "\n".join([*wrong[:NAMED], *more])


def _cells(source: Source, name: str) -> list[str]:
    return cell_texts(source.table.column(name), everything(source.table))


def _key_in(cell: str) -> Key | None:
    match = _KEY.fullmatch(cell.casefold())
    return (int(match[1], 16), int(match[2], 16)) if match else None


def _text_keys(source: Source, names: Mapping[str, str], rows: Rows) -> list[Key] | None:
    """Hashes of the texts in a review table; None where it does not hold them all."""
    if len(rows.text_columns) > len(rows.text_roles) or not names.keys() >= {*rows.text_roles}:
        return None
    columns = [names[role] for role in rows.text_roles]
    keys = duplicates.text_keys(source.table, columns, everything(source.table))
    return [(int(first), int(second)) for first, second in keys]


def _key_with(text: Key | None, given: str, reader: TargetReader) -> Key | None:
    """The hash of a row by its texts and its reviewed target."""
    if text is None or not given:
        return None
    try:
        target = reader.parse_target(given, GIVEN)
    except ValueError:
        return None
    ((first, second),) = duplicates.row_keys(np.array([text], np.uint64), [target])
    return int(first), int(second)


def key_text(key: Sequence[Any]) -> str:
    """A key as a cell that no spreadsheet takes for a number.

    >>> key_text((1, 255))
    'k000000000000000100000000000000ff'
    """
    return f"k{int(key[0]):016x}{int(key[1]):016x}"
