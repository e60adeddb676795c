"""Findings about the quality of rows: what a finder reads, and what it reports."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from weitiao.core.sanitize import shortened
from weitiao.data.files.cells import cell_texts
from weitiao.data.quality.personal_data import hidden
from weitiao.data.rows import Rows
from weitiao.data.targets import reader_of
from weitiao.i18n.messages import joined
from weitiao.labels.tags.cells import written as written_target
from weitiao.labels.tags.words import listed, text_of

Severity = Literal["error", "warning", "note"]  # metrics would lie, rows are worth a look, fact
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MOST_IDS = 1_000  # of a finding in --json
MOST_READ, MOST_CELL = 4_000, 500  # characters of a text that are read, and shown in a table
Marks = Sequence[Sequence[tuple[int, int]]]
TRAIN, VALIDATION, TEST, TEST_FILE = "train", "validation", "test", "test_file"


@dataclass(frozen=True)
class ShownText:
    """A text of a row as it is shown. marks: (start, end) of the characters that matter."""

    role: str
    text: str
    marks: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class ShownRow:
    """A row as it is shown: its id, its texts and its target in words."""

    id: str
    texts: Sequence[ShownText]
    target: str = ""


@dataclass(frozen=True)
class Case:
    """Rows that are shown side by side: one for an outlier, two for near duplicates."""

    rows: Sequence[ShownRow]
    note: str = ""  # e.g. "Jaccard 0.91", "given: pos, likely: neg"


@dataclass(frozen=True)
class FindingTable:
    """A csv file of a finding. rows: called to stream them; the first cell is a row id."""

    head: Sequence[str]
    rows: Callable[[], Iterable[Sequence[Any]]]


@dataclass(frozen=True)
class Finding:
    """One kind of fault in the rows, and what mends it.

    kind: name in JSON and of the csv file, e.g. "near_duplicates"; rows: positions in
    `Inspected.rows` of the rows concerned (int64, ascending); sentence: what is wrong, with its
    count; remedy: what to do; plan_line: a change of the plan that does it, as it is typed after
    `weitiao fit`, e.g. "data.steps.deduplicate={}"; empty where there is none.
    """

    kind: str
    severity: Severity
    rows: np.ndarray
    sentence: str
    remedy: str = ""
    plan_line: str = ""
    table: FindingTable | None = None
    cases: Sequence[Case] = ()  # the first few, to be shown
    figures: dict[str, Any] = field(default_factory=dict)  # plain values for --json
    ids: Sequence[str] = ()  # row ids of the first MOST_IDS rows

    @property
    def typed(self) -> str:
        """`plan_line` as it is typed, quoted where a shell would take it apart."""
        bare = self.plan_line.replace("{}", "")
        return self.plan_line if bare == shlex.quote(bare) else shlex.quote(self.plan_line)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values for json.dumps."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "count": len(self.rows),
            "rows": list(self.ids),
            "sentence": str(self.sentence),
            "remedy": str(self.remedy),
            "plan_line": self.plan_line,
            "figures": self.figures,
        }


@dataclass(frozen=True, eq=False)
class Inspected:
    """The rows that finders read, with what is known of them.

    targets: of each row, None where it has none. parts: of each row "train", "validation", "test"
    as the plan splits or the file declares them, "" for rows in none. test: the rows of a test
    file that was given apart. advance: called with (what, done, total) for the progress bar.
    """

    rows: Rows
    targets: Sequence[Any]
    parts: np.ndarray
    language: str  # "zh", "en" or "other", of most rows
    test: Rows | None = None
    meaning: bool = False  # compare by vectors of the frozen encoder, too
    similarity: float = 0.8  # least Jaccard similarity of near duplicates
    advance: Callable[[str, int, int], None] = lambda what, done, total: None


Finder = Callable[[Inspected], Iterable[Finding]]


def ids_of(rows: Rows, positions: np.ndarray) -> list[str]:
    """Row ids at positions."""
    return rows.take(positions).ids()


def cell_of(text: str) -> str:
    """A text in a table: personal data masked, shortened."""
    return shortened(hidden(text[:MOST_READ]), MOST_CELL)


def target_of(target: Any) -> str:
    """A target in words, personal data masked; empty where there is none."""
    if target is None:
        return ""
    if isinstance(target, float):
        return f"{target:g}"
    if isinstance(target, str):
        return hidden(target)
    return hidden(json.dumps(written_target(target), ensure_ascii=False, default=str))


def shown_row(
    rows: Rows, targets: Sequence[Any], position: int, marks: Marks | None = None
) -> ShownRow:
    """A row as it is shown. marks: of each text role, the characters that matter."""
    one = rows.take([position])
    texts = [
        ShownText(role, texts_in(one, str(one.roles[role]), one.indices)[0], spans)
        for role, spans in zip(rows.text_roles, marks or [()] * len(rows.text_roles), strict=False)
    ]
    return ShownRow(one.ids()[0], texts, _in_words(one, targets[position]))


def _in_words(one: Rows, target: Any) -> str:
    """The target of a row for people: passages as texts, the tagged words, each with its tag."""
    head = reader_of(one.task).head
    if head == "spans" and target is not None:
        return hidden(json.dumps([text for _at, text in target], ensure_ascii=False))
    if not target or not isinstance(target, list) or not all(isinstance(t, str) for t in target):
        return target_of(target)
    if head != "tokens":  # the labels of a row
        return hidden(joined(target, ", "))
    cell = cell_texts(one.table.column(str(one.roles["text"])), one.indices)[0]
    words = listed(cell) or cell.split()
    if len(words) != len(target):
        return target_of(target)
    tagged = [f"{word}/{tag}" for word, tag in zip(words, target, strict=True) if tag != "O"]
    return hidden(" ".join(tagged)) if tagged else "O"


def texts_of(rows: Rows, positions: np.ndarray) -> list[tuple[str, ...]]:
    """The texts of rows at positions, a tuple a row."""
    columns = [texts_in(rows, name, rows.indices[positions]) for name in rows.text_columns]
    return list(zip(*columns, strict=True))


def texts_in(rows: Rows, column: str, indices: np.ndarray) -> list[str]:
    """The texts of a column; lists of words that have tags are read as the texts they make."""
    cells = cell_texts(rows.table.column(column), indices)
    return [*map(text_of, cells)] if reader_of(rows.task).head == "tokens" else cells
