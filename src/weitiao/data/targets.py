"""Target parsing: labels, numbers or spans from table cells, as the plan's task defines them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from weitiao import parts
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.infer.cells import is_missing
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _
from weitiao.labels.renaming import LabelMap

if TYPE_CHECKING:
    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence, Guess
    from weitiao.data.rows import Rows

SPAN = 4096  # rows whose cells are in memory at once
MEMO_SIZE = 10_000  # distinct cells whose parsed target is cached
Locate = Callable[[int], str]  # position -> "reviews.csv:17"
Roles = Mapping[str, str | list[str]]


class TargetReader(Protocol):
    """Protocol of tasks for reading targets; `tasks.base.Task` implements it for single labels."""

    roles: tuple[str, ...]
    head: str
    numeric: bool
    flag_columns: bool
    field_columns: bool
    one_target: bool
    label_sets: bool

    def parse_target(self, cell: str, column: str) -> Any: ...
    def read_targets(
        self,
        table: Any,
        roles: Roles,
        positions: np.ndarray,
        locate: Locate,
        wrong: dict[int, str] | None = None,
    ) -> list[Any]: ...
    def missing_markers(self, table: Any, roles: Roles, at: np.ndarray) -> Counter[str]: ...
    def unlabelled_message(self, rows: str) -> str: ...
    def row_labels(self, targets: Sequence[Any]) -> list[Any] | None: ...
    def label_counts(self, targets: Sequence[Any]) -> dict[str, int]: ...
    def level_separator(self, labels: Sequence[str]) -> str: ...
    def strata(self, targets: Sequence[Any]) -> Sequence[Any]: ...
    def check_learnable(self, targets: Sequence[Any], file: str) -> None: ...
    def misfits(self, rows: Rows) -> Iterator[tuple[int, str]]: ...
    def problems(self, rows: Rows, targets: Sequence[Any]) -> Iterator[str]: ...
    def recognizes(self, column: Column) -> bool: ...
    def fits(self, column: Column) -> bool: ...
    def guess_roles(self, evidence: Evidence, named: bool) -> Guess | None: ...
    def guess(self, evidence: Evidence) -> tuple[float, str] | None: ...


@dataclass(frozen=True, eq=False)
class TargetChanges:
    """Targets that differ from the cells: corrections of single rows, then a mapping of labels.

    corrected: position in the table -> target, in the spelling of the file or the new one.
    """

    labels: LabelMap = field(default_factory=lambda: LabelMap({}))
    corrected: Mapping[int, Any] = field(default_factory=dict)

    def applied(self, targets: Sequence[Any], positions: np.ndarray, head: str) -> list[Any]:
        """The targets of the rows at these positions, changed; None for one that is dropped."""
        if self.corrected:
            targets = [
                self.corrected.get(position, target)
                for position, target in zip(positions.tolist(), targets, strict=True)
            ]
        if not self.labels.names:
            return list(targets)
        return [self.labels.target(target, head) for target in targets]


def reader_of(task: str) -> TargetReader:
    """Look up a task class by name. Raises PartError when there is none."""
    reader: Any = parts.find("tasks", task)
    return reader


def comparable(targets: Sequence[Any], label_sets: bool) -> Sequence[Any]:
    """Targets in a form that is equal where they say the same, to find duplicates and conflicts:
    of sets of labels (`label_sets` of the task), "a; b" and "b; a"."""
    if not label_sets:
        return targets
    return [target if target is None else sorted(target) for target in targets]


def all_readers() -> dict[str, TargetReader]:
    """All installed task classes by name, the built-in ones first, so that they win ties."""
    names = sorted(parts.names("tasks"), key=lambda name: parts.origin("tasks", name) is not None)
    return {name: reader_of(name) for name in names}


def target_columns(roles: Roles) -> list[str]:
    target = roles["target"]
    return [target] if isinstance(target, str) else list(target)


def fields_of(reader: Any, roles: Roles) -> list[str]:
    """The fields of an answer of several columns; empty where the answer is no object.

    reader: a task.
    """
    columns = target_columns(roles) if reader.field_columns and "target" in roles else []
    return columns if len(columns) > 1 else []


def read_targets(
    table: Any,
    roles: Roles,
    task: str,
    positions: np.ndarray,
    locate: Locate,
    wrong: dict[int, str] | None = None,
) -> list[Any]:
    """Parse the target of each position; None where the cell is empty.

    A target that does not fit the task goes to `wrong` (position -> the reason); without that,
    DataError is raised, naming the row.
    """
    reader = reader_of(task)
    columns = target_columns(roles)
    if len(columns) > 1 and not (reader.flag_columns or reader.field_columns):
        raise DataError(
            _(
                "task {task}: the target is one column; {count} are given.",
                task=task,
                count=len(columns),
            )
        )
    return reader.read_targets(table, roles, positions, locate, wrong)


def parse_cells(
    table: Any,
    columns: Sequence[str],
    positions: np.ndarray,
    parse: Callable[..., Any],
    locate: Locate,
    wrong: dict[int, str] | None,
    memo_size: int = MEMO_SIZE,
) -> list[Any]:
    """Memoized `parse(*cells)` of each row; its ValueError says why a target is malformed."""
    # Labels repeat: memoized, a million rows share one str (or list) per distinct cell. The memo
    # is emptied when full, so that a column of all-different numbers does not fill the memory.
    memo: dict[tuple[str, ...], Any] = {}
    targets: list[Any] = []
    for span in position_batches(positions, SPAN):
        cells = [cell_texts(table.column(column), span) for column in columns]
        for position, row in zip(span, zip(*cells, strict=True), strict=True):
            if row not in memo:
                if len(memo) >= memo_size:
                    memo.clear()
                try:
                    memo[row] = parse(*row)
                except ValueError as error:
                    memo[row] = error
            target = memo[row]
            if isinstance(target, ValueError):
                if wrong is None:
                    raise DataError(placed(locate(int(position)), str(target))) from None
                wrong[int(position)] = str(target)
                target = None
            targets.append(target)
    return targets


def missing_markers(
    table: Any, column: str, positions: np.ndarray, *, among_numbers: bool
) -> Counter[str]:
    """Count missing-value markers (NULL, #N/A) in cells that are not empty."""
    markers: Counter[str] = Counter()
    for span in position_batches(positions, SPAN):
        for cell in cell_texts(table.column(column), span):
            if len(cell) < 12 and cell.strip() and is_missing(cell, among_numbers=among_numbers):
                markers[cell.strip()] += 1
    return markers
