"""The verb augment: rows with changed copies behind them, written to be read."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Unpack

from weitiao.api.inputs import RowOptions, source_of, wish_of, with_targets
from weitiao.api.written_table import checked_form, files_in, require_other_file, write_table
from weitiao.data.files import csv_writer
from weitiao.data.files.cells import TEXT, as_text
from weitiao.data.files.table import Source
from weitiao.data.files.table_writers import writing
from weitiao.data.prepare.row_cleaner import Sample, changed_part
from weitiao.data.prepare.run_steps import built_steps, stepped
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.base import Step
from weitiao.data.targets import reader_of
from weitiao.errors import DataError, PartError, PlanError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.labels.tags.cells import written
from weitiao.planfile.sections import as_parts
from weitiao.planning import advise

# Columns of the output: the row that a new one was made of, and the step; both empty for the rows
# of the file.
FROM, BY = "augmented_from", "augmented_by"
DEFAULT: tuple[str, ...] = ("aeda", "random_edits")  # need no table
SAMPLES = 3  # of each step

Steps = Sequence[str] | Mapping[str, Mapping[str, Any] | None]


@dataclass
class Augmented:
    """What augmentation made: rows by step, samples, notes; `data` holds the rows where no file was
    named and they came from Python."""

    rows: int = 0
    made: dict[str, int] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    output: str = ""
    data: list[dict[str, Any]] | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {name: value for name, value in asdict(self).items() if name != "data"}


def augment(
    rows: Any,
    output: str | Path | None = None,
    targets: Any = None,
    *,
    steps: Steps | None = None,
    times: int | None = None,
    seed: int = 0,
    form: str | None = None,
    force: bool = False,
    **options: Unpack[RowOptions],
) -> Augmented:
    """Make changed copies of rows, and write them behind their originals into `output`; nothing is
    written without one.

    rows and targets: as for `fit`. steps: names, or name -> settings; default: aeda and
    random_edits. times: new rows for each row and step. The same seed makes the same rows. Raises
    WeitiaoError.
    """
    form = None if output is None else checked_form(output, form, force)
    if output is not None:
        require_other_file(output, files_in(rows))
    settings = settings_of(steps, times)
    path, source = source_of(rows, targets)
    wish = wish_of(path, with_targets(options, source, targets))
    known, source = advise.look(wish, source)
    if taken := {FROM, BY} & set(source.columns):
        message = _(
            "{file}: has a column {name} already; augment the rows that it was made of.",
            file=source.name,
            name=min(taken),
        )
        raise DataError(message)
    roles = {role: column for role, column in known.roles.items() if role != "columns"}
    job = _Job(source, Rows(source.table, everything(source.table), roles, source.name, known.task))
    job.report.settings = settings
    try:
        built = built_steps(settings, known.task)
    except PartError as error:
        problems = [f"data.steps{path and f'.{path}'}: {why}" for path, why in error.problems]
        raise PlanError(problems) from None
    made = stepped(job.rows, built, seed)
    if output is None:
        dicts = (dict(zip(job.schema, cells, strict=True)) for cells in job.cells(made))
        if files_in(rows):  # a look at what would be made; the rows stay out of memory
            deque(dicts, maxlen=0)
        else:
            job.report.data = list(dicts)
    else:
        out, kind = Path(output), form or "csv"

        def write(path: Path) -> None:
            with writing(path, kind, job.schema) as add:
                for cells in job.cells(made):
                    add(cells)

        write_table(out, kind, source, write)
        job.report.output = str(out)
    return job.finished({name: step for name, step in built.items() if step.makes_rows}, form)


def _label_cell(labels: Sequence[str], before: Any) -> str:
    """Labels as the cell of the original has them: a JSON list, or one label as it is.

    >>> _label_cell(["a"], '["a", "b"]'), _label_cell(["a"], "a|b")
    ('["a"]', 'a')
    """
    if len(labels) == 1 and not str(before).lstrip().startswith("["):
        return str(labels[0])
    return json.dumps(list(labels), ensure_ascii=False)


def settings_of(steps: Steps | None, times: int | None) -> dict[str, dict[str, Any]]:
    """Name -> settings; `times` for each that does not say it."""
    named = steps if isinstance(steps, Mapping) else as_parts(list(steps or DEFAULT))
    settings = {name: dict(values or {}) for name, values in (named or as_parts(DEFAULT)).items()}
    return {
        name: values if times is None or "times" in values else {**values, "times": times}
        for name, values in settings.items()
    }


class _Job:
    """One augmentation of a source: cells of the rows, and what is reported."""

    def __init__(self, source: Source, rows: Rows) -> None:
        self.source, self.rows = source, rows
        self.report = Augmented(rows=len(rows), notes=list(source.history[1:]))
        reader = reader_of(rows.task)
        self.tagged = reader.head == "tokens"
        self._sets = rows.targets() if reader.label_sets else None
        self.guarded = 0
        self._positions = {identity: at for at, identity in enumerate(rows.ids())}
        self._made: Counter[str] = Counter()

    @property
    def schema(self) -> dict[str, Any]:
        """Column -> Arrow type."""
        table = self.source.table
        texts = {str(self.rows.roles[role]) for role in self.rows.text_roles}
        texts |= {str(self.rows.roles["target"])} if self.tagged else set()
        kinds = {
            name: TEXT if name in texts else table.schema.field(name).type
            for name in self.source.columns
        }
        return {**kinds, FROM: TEXT, BY: TEXT}

    def cells(self, examples: Iterable[Example]) -> Iterator[list[Any]]:
        """The cells of each row: those of its original, but for what changed."""
        for example in examples:
            origin, step = example.meta.get("made_from", example.id), example.meta.get("made_by")
            at = self._positions[origin]
            (row,) = self.source.table.select(self.source.columns).slice(at, 1).to_pylist()
            for role in self.rows.text_roles if step else ():
                self._put(row, str(self.rows.roles[role]), str(example.inputs[role]), example)
            if step:
                self._made[step] += 1
                target = str(self.rows.roles["target"])
                if self.tagged:
                    row[target] = json.dumps(written(example.target), ensure_ascii=False)
                elif self._sets and example.target != self._sets[at]:
                    row[target] = _label_cell(example.target, row[target])
            cells = {**row, FROM: origin if step else None, BY: step}
            cells = {
                name: as_text(cell) if kind == TEXT and cell is not None else cell
                for (name, kind), cell in zip(self.schema.items(), cells.values(), strict=True)
            }
            self.guarded += csv_writer.count_guarded(cells.values())
            yield list(cells.values())

    def _put(self, row: dict[str, Any], column: str, text: str, example: Example) -> None:
        before = as_text(row[column] if row[column] is not None else "")
        if text == before:
            return
        row[column] = text
        samples = self.report.samples.setdefault(example.meta["made_by"], [])
        if len(samples) < SAMPLES:
            samples.append(Sample(example.meta["made_from"], *changed_part(before, text)))

    def finished(self, steps: Mapping[str, Step], form: str | None) -> Augmented:
        """The report, once all rows are made."""
        report = self.report
        report.made = {name: self._made[name] for name in steps}
        report.notes += [note for step in steps.values() for note in step.notes()]
        report.notes += csv_writer.guarded_notes(self.guarded, form)
        return report
