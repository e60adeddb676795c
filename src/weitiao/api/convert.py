"""The verb convert: rows to another format, also tasks for Label Studio and doccano, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from weitiao import parts
from weitiao.api.written_table import checked_form, files_in, require_other_file, write_table
from weitiao.core.atomic import replacing
from weitiao.data.files import csv_writer, doccano, label_studio
from weitiao.data.files.annotation_targets import SUGGESTED, Kind, Question, target_of
from weitiao.data.files.cells import as_text
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import ID, LINE, Source, from_rows
from weitiao.data.files.table_writers import writing
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import TEXT_ROLES, check_role, guess_roles, guess_task
from weitiao.data.python_rows import rows_in
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, plural
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.spans import Spans
from weitiao.tasks.answers.texts import Texts

CHUNK_ROWS = 2_000
LABEL_STUDIO, DOCCANO = "label-studio", "doccano"
TOOLS = (LABEL_STUDIO, DOCCANO)
READERS = {LABEL_STUDIO: "", DOCCANO: DOCCANO}  # the latter is read by this reader
_KINDS: dict[type[Any], Kind] = {
    LabelSets: "label_sets", Labels: "labels", Numbers: "number", Spans: "spans", Texts: "text",
}  # fmt: skip
_FIRST_LABELS = 1_000  # of a target whose cells are labels: more are none


@dataclass
class Converted:
    """What was written: rows, with targets and with predictions, and what the tool is asked.

    config: the labelling config of Label Studio. kind: of the targets: labels, label_sets, number,
    spans, text. unlabelled: rows without a target.
    """

    rows: int = 0
    output: str = ""
    to: str = ""
    config: str = ""
    kind: str = ""
    texts: list[str] = field(default_factory=list)
    target: str = ""
    labels: list[str] = field(default_factory=list)
    unlabelled: int = 0
    predicted: int = 0
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def convert(
    rows: Any,
    output: str | Path,
    *,
    to: str | None = None,
    source: str | None = None,
    text: str | None = None,
    target: str | None = None,
    roles: Mapping[str, str | list[str]] | None = None,
    task: str | None = None,
    labels: Sequence[str] | None = None,
    form: str | None = None,
    force: bool = False,
    sheet: str | None = None,
    reader: Mapping[str, Mapping[str, Any]] | None = None,
    skip_bad: bool = False,
    step: Callable[[int], None] | None = None,
) -> Converted:
    """Write rows in another format, or as what an annotation tool imports.

    rows: a path, a list of Path, a DataFrame, or dicts. to: label-studio (.json, with the
    labelling config next to it) or doccano (.jsonl); default: a table by the ending. source:
    doccano, where the rows are its export. Columns prediction and score become predictions of
    Label Studio, labels for doccano. labels: those of rows that have none yet, with task. Raises
    WeitiaoError.
    """
    for tool in (to, source):
        if tool is not None and tool not in TOOLS:
            raise DataError(_("no tool called {tool!r}; there are {tools}.", tool=tool,
                              tools=name_list(TOOLS)))  # fmt: skip
    settings = dict(reader or ({"xlsx": {"sheet": sheet}} if sheet else {}))
    if name := READERS.get(source or ""):
        settings = {name: dict(settings.get(name, {}))}
    form = checked_form(output, form, force)
    if (to and form not in ("json", "jsonl")) or (to == DOCCANO and form != "jsonl"):
        ending = ".jsonl" if to == DOCCANO else ".json"
        raise DataError(
            _("{tool} imports {ending}: give -o a name that ends so.", tool=to, ending=ending)
        )
    require_other_file(output, files_in(rows))
    opened = _opened(rows, ReadOptions(settings, skip_bad))
    report = Converted(rows=opened.table.num_rows, output=str(output), to=to or "")
    report.notes += list(opened.history) if len(opened.history) > 1 else []
    if to is None:
        _write_table(opened, Path(output), form, report, step)
        return report
    known = dict(roles or {})
    known |= {r: c for r, c in (("text", text), ("target", target)) if c}
    job = _Job(opened, to, _layout(opened, known, task, labels), labels, report)
    _write_tasks(job, Path(output), form, force, step)
    return report


def _opened(rows: Any, how: ReadOptions) -> Source:
    if files := files_in(rows):
        return how.open(files[0] if len(files) == 1 else files)
    return from_rows([{"text": r} if r is None or isinstance(r, str) else r for r in rows_in(rows)])


def _chunks(source: Source, step: Callable[[int], None] | None) -> Iterator[list[dict[str, Any]]]:
    table = source.table.select(source.columns)
    for start in range(0, table.num_rows, CHUNK_ROWS):
        chunk = table.slice(start, CHUNK_ROWS).to_pylist()
        yield chunk
        if step:
            step(len(chunk))


# --- tables


def _write_table(
    source: Source,
    out: Path,
    form: str,
    report: Converted,
    step: Callable[[int], None] | None,
) -> None:
    schema = {name: source.table.schema.field(name).type for name in source.columns}
    guarded = 0

    def write(path: Path) -> None:
        nonlocal guarded
        with writing(path, form, schema) as add:
            for chunk in _chunks(source, step):
                for row in chunk:
                    cells = list(row.values())
                    guarded += csv_writer.count_guarded(cells)
                    add(cells)

    write_table(out, form, source, write)
    report.notes += csv_writer.guarded_notes(guarded, form)


# --- what is asked


@dataclass(frozen=True)
class _Layout:
    kind: Kind
    texts: list[str]
    target: str  # the column of the answers; of rows without a target, its name to be
    has_target: bool
    suggested: bool  # predictions and scores of a model


def _layout(
    source: Source,
    known: dict[str, str | list[str]],
    task: str | None,
    labels: Sequence[str] | None,
) -> _Layout:
    """Which columns are texts, which one is the target, and its kind. Raises DataError."""
    for role, column in known.items():
        check_role(role, column, source.columns)
    suggested = set(SUGGESTED) <= {*source.columns}
    has_target = "target" in known or not (suggested or labels)
    if isinstance(known.get("target"), list):
        raise DataError(_("one column with the targets is needed; several are no question."))
    guessed = dict(known)
    if has_target or suggested:
        if "target" not in guessed and suggested:
            guessed["target"] = SUGGESTED[0]
        if len([role for role in TEXT_ROLES if role in guessed]) == 0 and suggested:
            guessed |= _only_text(source, guessed)
        guessed = dict(guess_roles(source.table, guessed, task).roles)
        name = task or guess_task(source.table, guessed)[0]
        target = str(guessed["target"])
    else:
        guessed |= {} if any(role in known for role in TEXT_ROLES) else _only_text(source, known)
        name, target = task or "classification", "label"
    texts = [str(guessed[role]) for role in TEXT_ROLES if role in guessed]
    return _Layout(_kind(name), texts, target, has_target, suggested)


def _kind(task: str) -> Kind:
    answers = parts.find("tasks", task).answers
    for kind, name in _KINDS.items():
        if issubclass(answers, kind):
            return name
    raise DataError(
        _(
            "{task}: these targets cannot be written for an annotation tool; labels, sets of "
            "labels, numbers, spans and texts can.",
            task=task,
        )
    )


def _only_text(source: Source, known: Mapping[str, Any]) -> dict[str, str]:
    """The longest column of texts besides the known ones. Raises DataError."""
    stats = columns_of(source.table)
    texts = [n for n, stat in stats.items() if stat.is_text and n not in known.values()]
    named = [n for n in source.columns if n.lower() == "text"]
    if not named and len(texts) != 1 and len(source.columns) > 1:
        raise DataError(
            _(
                "{file}: which column is the text? --text COLUMN. There are {names}.",
                file=source.name,
                names=name_list(source.columns),
            )
        )
    return {"text": (named or texts or source.columns)[0]}


# --- tasks


class _Job:
    """Rows on their way to an annotation tool: their targets, and what is reported of them."""

    def __init__(
        self,
        source: Source,
        tool: str,
        layout: _Layout,
        labels: Sequence[str] | None,
        report: Converted,
    ) -> None:
        self.source, self.tool, self.layout, self.report = source, tool, layout, report
        if tool == DOCCANO and len(layout.texts) > 1:
            raise DataError(
                _(
                    "doccano shows one text a row, and these have {texts}: take --to label-studio.",
                    texts=name_list(layout.texts),
                )
            )
        seen = dict.fromkeys(labels or ())
        if layout.kind in ("labels", "label_sets", "spans"):
            seen |= dict.fromkeys(self._labels())
            if not seen:
                raise DataError(
                    _("no row has a label yet: name those to choose from, --labels good,bad")
                )
        self.question = Question(layout.kind, layout.texts, layout.target, list(seen))
        report.kind, report.texts, report.target = layout.kind, layout.texts, layout.target
        report.labels = list(seen)

    def _labels(self) -> list[str]:
        seen: dict[str, None] = {}
        for chunk, start in self._numbered():
            for at, row in enumerate(chunk, start):
                for value in (self._target(row, at), self._suggestion(row, at)[0]):
                    values = [value] if isinstance(value, str) else value or []
                    names = [one[2] if isinstance(one, tuple) else one for one in values]
                    seen |= dict.fromkeys(names)
            if len(seen) > _FIRST_LABELS:
                raise DataError(
                    _(
                        "{column!r} has more than {most:,} different labels: no annotator can "
                        "choose from them.",
                        column=self.layout.target,
                        most=_FIRST_LABELS,
                    )
                )
        return sorted(seen)

    def _numbered(
        self, step: Callable[[int], None] | None = None
    ) -> Iterator[tuple[list[dict[str, Any]], int]]:
        start = 0
        for chunk in _chunks(self.source, step):
            yield chunk, start
            start += len(chunk)

    def _target(self, row: Mapping[str, Any], at: int) -> Any:
        return self._parsed(row, self.layout.target, at) if self.layout.has_target else None

    def _suggestion(self, row: Mapping[str, Any], at: int) -> tuple[Any, float | None]:
        if not self.layout.suggested:
            return None, None
        score = row.get(SUGGESTED[1])
        number = float(score) if isinstance(score, int | float) else None
        return self._parsed(row, SUGGESTED[0], at), number

    def _parsed(self, row: Mapping[str, Any], column: str, at: int) -> Any:
        try:
            return target_of(self.layout.kind, row.get(column), row.get(self.layout.texts[0]))
        except (ValueError, DataError) as error:
            place = self._place(at)
            raise DataError(f"{place}: {column}: {error}") from None

    def _place(self, at: int) -> str:
        table = self.source.table
        if ID in table.column_names:
            return as_text(table.column(ID)[at].as_py())
        return f"{self.source.name}:{table.column(LINE)[at].as_py()}"

    def tasks(self, step: Callable[[int], None] | None) -> Iterator[dict[str, Any]]:
        """What the tool imports, row by row."""
        for chunk, start in self._numbered(step):
            for at, row in enumerate(chunk, start):
                target, suggestion = self._target(row, at), self._suggestion(row, at)
                self.report.unlabelled += target is None
                self.report.predicted += suggestion[0] is not None
                if self.tool == LABEL_STUDIO:
                    yield label_studio.task(
                        row,
                        self.question,
                        target,
                        suggestion if self.layout.suggested else None,
                    )
                else:
                    answer = suggestion[0] if target is None else target
                    yield doccano.line(row, self.question, answer, self.layout.suggested)


def _write_tasks(
    job: _Job, out: Path, form: str, force: bool, step: Callable[[int], None] | None
) -> None:
    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            _write_json(file, job.tasks(step), whole=form == "json")

    report = job.report
    if job.tool == LABEL_STUDIO:
        config = label_studio.config(job.question, job.source.columns)
        config_file = out.with_name(f"{out.stem}.config.xml")
        if config_file.exists() and not force:
            message = _(
                "{file}: this file exists already. --force overwrites it; -o NAME writes another "
                "one.",
                file=config_file,
            )
            raise DataError(message)
        write_table(out, form, job.source, write)
        with replacing(config_file) as sibling:
            sibling.write_text(config, encoding="utf-8", newline="\n")
        report.config = str(config_file)
        return
    write_table(out, form, job.source, write)
    report.notes += _losses(job)


def _losses(job: _Job) -> list[str]:
    """What doccano's form does not say of the rows."""
    notes = []
    if job.layout.kind == "number":
        notes.append(_("doccano has no numbers: they are labels there"))
    if job.layout.kind == "spans":
        notes.append(_("places of spans count UTF-16 units, as doccano does; read its export with "
                       "--from doccano"))  # fmt: skip
    beside = [
        name for name in job.source.columns if name not in (job.layout.texts[0], job.layout.target)
    ]
    renamed = {old: new for old, new in doccano.metadata_names(beside).items() if old != new}
    if renamed:
        notes.append(
            _(
                "columns of names that doccano reads are called otherwise: {names}",
                names=name_list([f"{old} -> {new}" for old, new in renamed.items()]),
            )
        )
    open_ones = job.report.unlabelled
    if open_ones and job.layout.kind in ("spans", "label_sets"):
        notes.append(
            _(
                "{rows} without a target: doccano's export does not tell them from rows that hold "
                "nothing; export the confirmed ones only",
                rows=plural(open_ones, "row"),
            )
        )
    return notes


def _write_json(file: IO[str], values: Iterator[dict[str, Any]], *, whole: bool) -> None:
    between = "[\n" if whole else ""
    count = 0
    for value in values:
        file.write(between + json.dumps(value, ensure_ascii=False, default=str))
        between = ",\n" if whole else "\n"
        count += 1
    file.write(("\n]\n" if count else "[]\n") if whole else "\n")
