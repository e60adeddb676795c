"""The verb clean: rows with cleaned texts, written as they came, with what each cleaner changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.api.clean_columns import Layout, layout_of, nested_columns
from weitiao.api.written_table import checked_form, files_in, require_other_file, write_table
from weitiao.core import fingerprint
from weitiao.core.alignment import Alignment
from weitiao.data.cleaners.base import Cleaner
from weitiao.data.files import csv_writer
from weitiao.data.files.cells import TEXT, as_text
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source, from_rows
from weitiao.data.files.table_writers import MAX_CHARACTERS, writing
from weitiao.data.prepare.chosen_rows import Chosen, chosen_rows
from weitiao.data.prepare.moved_targets import moved_answers, moved_spans
from weitiao.data.prepare.row_cleaner import RowCleaner, Tally
from weitiao.data.python_rows import rows_in
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError, PartError, PlanError
from weitiao.i18n.messages import _, joined, name_list
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import as_parts

CHUNK_ROWS = 2_000  # read, cleaned and written at a time
# Without a wish: what hardly anybody wants to keep. The order matters: a tag may hold mojibake.
SAFE: Mapping[str, Mapping[str, Any]] = {
    "mojibake": {}, "html": {}, "unicode": {}, "invisible": {}, "whitespace": {"keep_lines": True},
}  # fmt: skip
REMOVED = "removed.csv"

Cleaners = Sequence[str] | Mapping[str, Mapping[str, Any] | None]


@dataclass
class Cleaned:
    """What cleaning did: to rows, by cleaner, and what it left out.

    empty: ids of rows in which a text is empty now. lost: id -> spans or answers of which nothing
    is left. unmoved: ids of rows that are as they were, since their spans are not understood.
    removed: (id, reason) of rows left out by a plan. data: the rows, where no file was named and
    they came from Python.
    """

    rows: int = 0
    written: int = 0
    output: str = ""
    columns: list[str] = field(default_factory=list)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    cleaners: list[Tally] = field(default_factory=list)
    changed: int = 0
    empty: list[str] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    unmoved: list[str] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {name: value for name, value in asdict(self).items() if name != "data"}


def clean(
    rows: Any,
    output: str | Path | None = None,
    *,
    cleaners: Cleaners | None = None,
    plan: str | Path | Plan | None = None,
    text: str | Sequence[str] | None = None,
    target: str | None = None,
    roles: Mapping[str, str | list[str]] | None = None,
    task: str | None = None,
    form: str | None = None,
    force: bool = False,
    sheet: str | None = None,
    reader: Mapping[str, Mapping[str, Any]] | None = None,
    skip_bad: bool = False,
    step: Callable[[int], None] | None = None,
) -> Cleaned:
    """Clean the texts of rows into `output`; nothing is written without one.

    rows: a path, a list of Path, a DataFrame, dicts or texts. The output has the same columns and
    rows, in order; spans and answers are moved with their text. cleaners: names, or name ->
    settings; default: those that hardly anybody would leave out (`SAFE`). plan: its cleaners, and
    its rules and filters for rows, too. text: columns to clean; default: the texts of the task.
    form: csv, jsonl, ... instead of what the ending says. force: overwrite a file. step: called
    with the number of rows after each chunk. Raises WeitiaoError.
    """
    how = ReadOptions(reader or ({"xlsx": {"sheet": sheet}} if sheet else {}), skip_bad)
    form = None if output is None else checked_form(output, form, force)
    if output is not None:
        require_other_file(output, files_in(rows))
        if plan:
            checked_form(_removed_file(Path(output)), "csv", force)
    opened = plan if isinstance(plan, Plan) else Plan.load(plan) if plan else None
    if opened and not how.reader:
        how = replace(how, reader=opened.data.reader)
    settings = _settings(cleaners, opened)
    built = build_cleaners(settings)
    source = _source(rows, how)
    wanted = [text] if isinstance(text, str) else list(text or [])
    layout = layout_of(source, opened, wanted, target, roles or {}, task)
    chosen = None
    if opened:
        chosen = chosen_rows(opened.data.model_copy(update={"roles": layout.roles}),
                             opened.task_name, source)  # fmt: skip
    job = _Job(source, layout, RowCleaner(built), opened, chosen)
    job.report.settings = settings
    job.report.warnings = [one.warning(layout.task) for one in built.values()]
    job.report.warnings = [warning for warning in job.report.warnings if warning]
    job.report.notes += list(source.history) if len(source.history) > 1 else []
    job.report.notes += chosen.history if chosen else []
    if output is not None:
        out = Path(output)
        kind = form or "csv"

        nested = nested_columns(source) if kind in ("jsonl", "json") else set()

        def write(path: Path) -> None:
            with writing(path, kind, job.schema) as add:
                for cells in job.cells(step):
                    if kind == "xlsx":
                        _require_short(out, source.columns, cells)
                    pairs = zip(source.columns, cells, strict=True)
                    add([_parsed(cell) if name in nested else cell for name, cell in pairs])

        write_table(out, kind, source, write)
        job.report.output = str(out)
        if opened:
            _write_removed(_removed_file(out), job.report.removed)
    else:
        of_files = bool(files_in(rows))
        listed = [
            dict(zip(source.columns, cells, strict=True))
            for cells in job.cells(step)
            if not of_files
        ]
        job.report.data = None if of_files else listed
    return job.finished(form)


def build_cleaners(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Cleaner]:
    """Cleaners by name, which have read the files they name. Raises DataError with all problems."""
    built: dict[str, Cleaner] = {}
    problems: list[str] = []
    for name, values in settings.items():
        try:
            cleaner: Cleaner = parts.build("cleaners", name, values)
            if missing := cleaner.missing():
                problems.append(f"{name}: {missing}")
                continue
            built[name] = cleaner.learn([])
        except PartError as error:
            problems += [f"{path or name}: {why}" for path, why in error.problems]
        except PlanError as error:
            problems += error.problems
    if problems:
        raise DataError(_("cleaners: {problems}", problems=joined(problems, "; ")))
    return built


def _settings(cleaners: Cleaners | None, plan: Plan | None) -> dict[str, dict[str, Any]]:
    """Name -> settings: of the plan, then those that are named."""
    settings = {k: dict(v) for k, v in plan.data.cleaners.items()} if plan else {}
    if cleaners is not None:
        named = cleaners if isinstance(cleaners, Mapping) else as_parts(list(cleaners))
        settings |= {name: dict(values or {}) for name, values in named.items()}
    elif plan is None:
        settings = {name: dict(values) for name, values in SAFE.items()}
    return settings


def _source(rows: Any, how: ReadOptions) -> Source:
    if files := files_in(rows):
        how = replace(how, blank_rows=True)
        return how.open(files[0] if len(files) == 1 else files)
    return from_rows([{"text": r} if r is None or isinstance(r, str) else r for r in rows_in(rows)])


# --- cleaning


class _Job:
    """One cleaning of a source: its rows in order, and what is reported of them."""

    def __init__(
        self,
        source: Source,
        layout: Layout,
        cleaner: RowCleaner,
        plan: Plan | None,
        chosen: Chosen | None,
    ) -> None:
        self.source, self.layout, self.cleaner = source, layout, cleaner
        self.plan, self.chosen = plan, chosen
        self.rows = Rows(source.table, everything(source.table), layout.roles, source.name, "")
        self.report = Cleaned(rows=source.table.num_rows, columns=layout.texts)
        self.guarded = 0
        self._seen: dict[bytes, str] = {}
        self._targets = self._changed_targets()

    @property
    def schema(self) -> dict[str, Any]:
        """Column -> Arrow type."""
        schema = {name: self.source.table.schema.field(name).type for name in self.source.columns}
        texts = {*self.layout.texts, *([self._target_column] if self._targets else [])}
        if self.layout.moved:
            texts |= {self._target_column, *([self._start] if self._start else [])}
        return {name: TEXT if name in texts else kind for name, kind in schema.items()}

    @property
    def _target_column(self) -> str:
        return str(self.layout.roles.get("target", ""))

    @property
    def _start(self) -> str:
        return str(self.layout.roles.get("start", ""))

    def _changed_targets(self) -> dict[int, Any]:
        """Position -> label, where the plan's rules and corrections change it."""
        if self.chosen is None or self.chosen.labelled.changes is None or self.layout.moved:
            return {}
        if not isinstance(self.layout.roles.get("target"), str):
            return {}
        rows = self.chosen.labelled
        before, after = replace(rows, changes=None).targets(), rows.targets()
        assert self.plan is not None
        task = parts.build("tasks", self.plan.task_name, self.plan.task[self.plan.task_name])
        return {
            int(position): task.written(new)
            for position, old, new in zip(rows.indices, before, after, strict=True)
            if old != new and new is not None
        }

    def cells(self, step: Callable[[int], None] | None) -> Iterator[list[Any]]:
        """The cells of each row that is kept, cleaned."""
        columns, kinds = self.source.columns, self.schema
        for start in range(0, self.report.rows, CHUNK_ROWS):
            part = self.rows.take(slice(start, start + CHUNK_ROWS))
            table = self.source.table.select(columns).slice(start, len(part))
            rows = zip(table.to_pylist(), part.ids(), strict=True)
            for at, (row, identity) in enumerate(rows, start):
                if self.chosen and at in self.chosen.removed:
                    self.report.removed.append((identity, self.chosen.removed[at]))
                    continue
                cleaned = self._cleaned(row, identity)
                if at in self._targets:
                    cleaned[self._target_column] = as_text(self._targets[at])
                if reason := self._reason_after(cleaned, at):
                    self.report.removed.append((identity, reason))
                    continue
                self._remember(cleaned, identity, at)
                self.report.written += 1
                self.guarded += csv_writer.count_guarded(cleaned.values())
                yield [_typed(cell, kinds[name]) for name, cell in cleaned.items()]
            if step:
                step(len(part))

    def _cleaned(self, row: dict[str, Any], identity: str) -> dict[str, Any]:
        new = dict(row)
        for column in self.layout.texts:
            cell = row[column]
            if cell is None:
                continue
            text = as_text(cell)
            if column == self.layout.moved:
                self._move(new, text, identity)
            else:
                new[column] = self.cleaner.clean(text, identity)[0]
            if not _is_blank(text) and _is_blank(new[column]):
                self.report.empty.append(identity)
        before, after = (
            [as_text(cells[column] or "") for column in self.layout.texts] for cells in (row, new)
        )
        self.report.changed += before != after
        return new

    def _move(self, row: dict[str, Any], text: str, identity: str) -> None:
        """Clean a text together with the places that the target names."""
        column, target = self.layout.moved, self._target_column
        cell = "" if row[target] is None else as_text(row[target])

        def clean(one: str) -> tuple[str, Alignment]:
            return self.cleaner.clean(one, identity)

        try:
            if self.layout.passages:
                start = "" if not self._start or row[self._start] is None else row[self._start]
                moved = moved_answers(text, cell, as_text(start), clean)
                if self._start:
                    row[self._start] = moved.start or None
            else:
                moved = moved_spans(text, cell, clean)
        except ValueError:
            self.report.unmoved.append(identity)
            return
        row[column], row[target] = moved.text, moved.target if cell else row[target]
        if moved.lost:
            self.report.lost[identity] = moved.lost

    def _key(self, row: Mapping[str, Any]) -> bytes:
        columns = [c for c in self.source.columns if c in {*self.layout.texts, self._target_column}]
        cells = ["" if row[column] is None else as_text(row[column]) for column in columns]
        return hashlib.blake2b(fingerprint.framed(cells), digest_size=16).digest()

    def _reason_after(self, row: Mapping[str, Any], at: int) -> str:
        """Why the plan leaves a row out now that it is cleaned; empty where it stays."""
        if self.plan is None:
            return ""
        if any(_is_blank(as_text(row[column] or "")) for column in self.layout.texts):
            return _("has no text once it is cleaned")
        twin = self._seen.get(self._key(row)) if self.plan.data.deduplicate else None
        return _("repeats {row}", row=twin) if twin else ""

    def _remember(self, row: Mapping[str, Any], identity: str, at: int) -> None:
        if self.plan and self.plan.data.deduplicate and row.get(self._target_column) is not None:
            self._seen.setdefault(self._key(row), identity)

    def finished(self, form: str | None) -> Cleaned:
        """The report, once all rows are cleaned."""
        report = self.report
        report.cleaners = list(self.cleaner.tallies.values())
        report.notes += csv_writer.guarded_notes(self.guarded, form)
        if self.chosen and self.chosen.unused:
            report.notes.append(
                _(
                    "data.steps: {names} makes rows, and stays with training",
                    names=name_list(self.chosen.unused),
                )
            )
        return report


def _parsed(cell: Any) -> Any:
    try:
        return json.loads(cell) if isinstance(cell, str) else cell
    except ValueError:
        return cell


def _typed(cell: Any, kind: Any) -> Any:
    return as_text(cell) if kind == TEXT and cell is not None else cell


def _is_blank(text: str) -> bool:
    """Whether a cell holds no text; "[]" is a list of no words."""
    return not text.strip() or text == "[]"


def _removed_file(out: Path) -> Path:
    """The file next to the output that lists the rows that a plan leaves out."""
    return out.with_name(f"{out.stem}.{REMOVED}")


def _write_removed(path: Path, removed: Sequence[tuple[str, str]]) -> None:
    """Write the ids of rows that were left out, with the reasons; of none as well."""
    with csv_writer.sheet(path, ["row", "reason"]) as add:
        for row in removed:
            add(row)


def _require_short(out: Path, columns: Sequence[str], cells: Sequence[Any]) -> None:
    """Raises DataError where a text has grown longer than a cell of Excel."""
    for column, cell in zip(columns, cells, strict=True):
        if isinstance(cell, str) and len(cell) > MAX_CHARACTERS:
            message = _(
                "{file}: column {column!r} has a text of {length:,} characters; a cell of "
                "Excel holds {most:,}. {remedy}",
                file=out,
                column=column,
                length=len(cell),
                most=MAX_CHARACTERS,
                remedy=_("Write .csv, .jsonl or .parquet."),
            )
            raise DataError(message)
