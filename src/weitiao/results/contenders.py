"""Contenders of a comparison: runs, recipes of several seeds, and files of predictions."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core.fields import near
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.files.table import LINE, Source
from weitiao.data.infer.column_names import TARGET_WORDS, TEXT_WORDS, matches, words
from weitiao.data.infer.roles import TEXT_ROLES, guess_task
from weitiao.data.prepare.label_rules import renamed
from weitiao.data.rows import everything
from weitiao.data.targets import read_targets
from weitiao.errors import DataError, RunError
from weitiao.i18n.messages import _, name_list, plural
from weitiao.planfile.plan import Plan
from weitiao.results.records import SeedsRecord
from weitiao.results.run_data import Material, gathered
from weitiao.run import Run, runs
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

NO_SETTINGS = ("why", "expect")  # sections of the plan that decide nothing
SEEDS = "seeds"  # the folder of a run of several seeds that holds them
Texts = Callable[[], "list[tuple[str, ...]] | None"]


@dataclass(frozen=True)
class Columns:
    """Which columns of a file of predictions mean what; None: found by their names."""

    prediction: str | None = None
    id: str | None = None
    text: str | None = None
    target: str | None = None


@dataclass(frozen=True, eq=False)
class Answered:
    """One set of answers, and what its rows are known by."""

    answers: Answers
    ids: Sequence[str]
    texts: Texts
    cells: Callable[[str], Sequence[str] | None]  # of a column of the user's
    columns: tuple[str, ...] = ()  # of the texts
    id_column: str | None = None  # of a file; "" when it has none, so that ids are but its lines


@dataclass(frozen=True, eq=False)
class Contender:
    """One thing that is compared. kind: run, recipe or file."""

    name: str
    kind: str
    sets: tuple[Answered, ...]
    runs: tuple[Run, ...] = ()
    material: Material | None = None  # of the first run
    notes: tuple[str, ...] = ()
    splits: Sequence[str] = field(default=())
    task: str = ""  # by which a file was read

    @property
    def plan(self) -> Plan | None:
        return self.material.plan if self.material else None


def is_of_runs(thing: str) -> bool:
    """Whether it names runs; else it is a file of predictions."""
    return all(Path(one).is_dir() for one in _paths(thing))


def of_runs(thing: str) -> list[Material]:
    """A run, or the seeds of a recipe: a folder of runs, a pattern, or several with commas."""
    members = [run for one in _paths(thing) for run in _runs_in(Path(one))]
    materials = [gathered(run) for run in members]
    for material in materials:
        if material.stored is None:
            message = _(
                "{folder}: this run has not been evaluated; `weitiao evaluate {folder}` does it.",
                folder=material.run.folder,
            )
            raise RunError(message)
    _check_alike(materials)
    return materials


def common_split(every: Sequence[Sequence[Material]]) -> str | None:
    """The rows that all runs have answers to: the test set, else validation; None where their own
    must do."""
    materials = [one for materials in every for one in materials]
    splits = ("test", "validation")
    return next((name for name in splits if all(one.on(name) for one in materials)), None)


def contender_of(thing: str, materials: Sequence[Material], split: str | None) -> Contender:
    """Runs with their answers to the rows of a split; None: to those that they were evaluated on.

    Raises RunError where a run has none: a sealed test set stays sealed.
    """
    if split is not None:
        materials = [_on(material, split) for material in materials]
    return Contender(
        name=_named(thing),
        kind="recipe" if len(materials) > 1 else "run",
        sets=tuple(_of_run(material) for material in materials),
        runs=tuple(material.run for material in materials),
        material=materials[0],
        splits=tuple(m.stored.header.split for m in materials if m.stored),
    )


def _on(material: Material, split: str) -> Material:
    chosen, folder = material.on(split), material.run.folder
    if chosen is not None:
        return chosen
    if split == "test":
        raise RunError(
            _(
                "{folder}: its test set is still sealed; compare on validation, or "
                "`weitiao evaluate {folder} --final` opens it.",
                folder=folder,
            )
        )
    raise RunError(
        _(
            "{folder}: its answers to the validation rows were not kept; "
            "`weitiao evaluate {folder}` writes them.",
            folder=folder,
        )
    )


def _named(thing: str) -> str:
    """What it is called: of a list the first, and how many more."""
    first, *more = [thing] if Path(thing).exists() else thing.split(",")
    return f"{first.rstrip('/')} (+{len(more)})" if more else first.rstrip("/")


def _paths(thing: str) -> list[str]:
    """The paths behind one word: a,b,c or runs/a-* or one of its own."""
    if Path(thing).exists():
        return [thing]
    paths = []
    for one in thing.split(","):
        matching = sorted(glob.glob(one))
        if not matching:
            message = _(
                "{path}: no run and no file of predictions is called so. `weitiao runs` lists "
                "runs.",
                path=one,
            )
            raise RunError(message)
        paths += matching
    return paths


def _runs_in(folder: Path) -> list[Run]:
    """The run in a folder; of one with several seeds, those."""
    if (folder / SEEDS).is_dir():
        return [run for run in runs(folder / SEEDS) if not _is_failed(folder, run)]
    if (folder / "plan.yaml").is_file():
        return [Run(folder)]
    members = sorted(runs(folder), key=lambda run: run.folder.name)
    return members or [Run.open(folder)]  # which says that there is none


def _is_failed(folder: Path, run: Run) -> bool:
    """Whether a seed learned nothing and was run again with another."""
    record = SeedsRecord.read(Run(folder))
    return any(one.folder == run.folder.name and one.replaced for one in record.runs)


def _check_alike(materials: Sequence[Material]) -> None:
    first = materials[0]
    for other in materials[1:]:
        apart = [path for path in differences([first.plan, other.plan]) if path != "train.seed"]
        if apart:
            raise RunError(
                _(
                    "{first} and {other} are not seeds of one recipe: they differ in {settings}.",
                    first=first.run.folder,
                    other=other.run.folder,
                    settings=", ".join(apart[:5]),
                )
            )


def differences(plans: Sequence[Plan | None]) -> dict[str, list[Any]]:
    """The settings that plans differ in -> each one's value; None for what has no plan."""
    flat = [_flat(plan.model_dump(), "") if plan else None for plan in plans]
    known = [one for one in flat if one is not None]
    names = list(dict.fromkeys(path for one in known for path in one))
    result = {}
    for path in names:
        values = [one.get(path) for one in known]
        if any(value != values[0] for value in values[1:]):
            result[path] = [None if one is None else one.get(path) for one in flat]
    return result


def _flat(node: Mapping[str, Any], above: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in node.items():
        path = f"{above}{name}"
        if path in NO_SETTINGS:
            continue
        if isinstance(value, Mapping) and value:
            result |= _flat(value, f"{path}.")
        else:
            result[path] = value
    return result


def _of_run(material: Material) -> Answered:
    stored = material.stored
    assert stored is not None
    rows = np.arange(len(stored))
    roles = material.plan.data.roles
    columns = tuple(str(roles[role]) for role in TEXT_ROLES if role in roles)

    @cache
    def texts() -> list[tuple[str, ...]] | None:
        shown = material.texts(rows)
        return None if shown is None else [tuple(text for _, text in row) for row in shown]

    def cells(column: str) -> list[str] | None:
        own = material.evaluated_rows
        if own is None or column not in own.table.column_names:
            return None
        return cell_texts(own.table.column(column), own.indices)

    return Answered(stored.answers, stored.ids(rows), texts, cells, columns)


PREDICTIONS = words(
    "prediction predictions predicted pred answer answers output response predicted_label "
    "pred_label label_pred 预测 预测值 预测结果 预测标签 模型预测 回答 答案"
)
IDS = words("id ids row_id rowid idx index uid row 编号 序号 行号")


def of_file(
    path: str,
    columns: Columns,
    task: str | None,
    texts: Sequence[str],
    run: Contender | None = None,
) -> Contender:
    """The predictions in a file. task: of what it is compared with; texts: names of its texts;
    run: that it is compared with, whose rules for names of labels it follows."""
    source = open_source(path)
    prediction = _prediction(source, columns)
    target = _target(source, columns, prediction)
    if task is None:
        about = target or prediction
        task = guess_task(source.table.select([about]), {"target": about})[0]
    kind: type[Answers] = parts.find("tasks", task).answers
    if issubclass(kind, Spans):
        raise DataError(
            _(
                "{file}: files of tags or spans are not compared: give the folders of runs, "
                "and they are.",
                file=source.name,
            )
        )
    values = _values(source, prediction, task)
    truth = _values(source, target, task) if target else None
    if run and run.plan and run.plan.data.labels.rules:
        labels, separator = run.plan.data.labels, run.sets[0].answers.separator
        values = renamed(values, labels, task, separator)
        truth = None if truth is None else renamed(truth, labels, task, separator)
    empty = sum(value is None for value in values)
    notes = []
    if empty:
        message = _("{rows} without a prediction: counted as wrong", rows=plural(empty, "row"))
        notes.append(
            _("{rows} without a prediction: left out", rows=plural(empty, "row"))
            if kind.numeric
            else message
        )
    id_column = _id_column(source, columns)
    named = _texts(source, columns, texts, {prediction, target})

    @cache
    def read() -> list[tuple[str, ...]]:
        return list(zip(*(_cells(source, name) for name in named), strict=True))

    def cells(column: str) -> list[str] | None:
        return _cells(source, column) if column in source.columns else None

    answered = Answered(
        kind.from_cells(values, truth),
        _cells(source, id_column) if id_column else _lines(source),
        read if named else lambda: None,
        cells,
        tuple(named),
        id_column or "",
    )
    return Contender(path, "file", (answered,), notes=tuple(notes), task=task)


def _id_column(source: Source, columns: Columns) -> str | None:
    """The column that says which row is which."""
    if columns.id:
        return _known(source, columns.id, "--id")
    return next((name for name in source.columns if name.lower() in IDS), None)


def _prediction(source: Source, columns: Columns) -> str:
    if columns.prediction:
        return _known(source, columns.prediction, "--prediction")
    named = [name for want in PREDICTIONS for name in source.columns if name.lower() == want]
    if named:
        return named[0]
    others = [
        name for name in source.columns if name.lower() not in IDS and not matches(name, TEXT_WORDS)
    ]
    if len(others) == 1:
        return others[0]
    raise DataError(
        _(
            "{file}: which column holds the predictions? It has {names}; say --prediction COLUMN.",
            file=source.name,
            names=name_list(source.columns),
        )
    )


def _target(source: Source, columns: Columns, prediction: str) -> str | None:
    if columns.target:
        known = columns.target in source.columns and columns.target != prediction
        return columns.target if known else None
    for name in source.columns:
        scores = name.startswith("score") or name == prediction or name.lower() in PREDICTIONS
        if not scores and matches(name, TARGET_WORDS):
            return name
    return None


def _known(source: Source, column: str, option: str) -> str:
    if column not in source.columns:
        message = _(
            "{file}: no column {column!r} ({option}).{hint}",
            file=source.name,
            column=column,
            option=option,
            hint=near(column, source.columns),
        )
        raise DataError(message)
    return column


def _texts(
    source: Source, columns: Columns, wanted: Sequence[str], taken: set[str | None]
) -> list[str]:
    """The columns of the texts: as they are called elsewhere, else by their names."""
    if columns.text:
        return [_known(source, one, "--text") for one in columns.text.split(",")]
    if wanted and all(name in source.columns for name in wanted):
        return list(wanted)
    free = [name for name in source.columns if name not in taken and name.lower() not in IDS]
    return [name for name in free if matches(name, TEXT_WORDS)][: max(1, len(wanted))]


def _lines(source: Source) -> list[str]:
    return [f"{source.name}:{line}" for line in source.table.column(LINE).to_pylist()]


def _cells(source: Source, column: str) -> list[str]:
    return cell_texts(source.table.column(column), everything(source.table))


def _values(source: Source, column: str, task: str) -> list[Any]:
    """What a column says; None where it is empty or no number."""

    def locate(row: int) -> str:
        return f"{source.name}:{row}"

    rows = everything(source.table)
    if issubclass(parts.find("tasks", task).answers, Passages):
        return _cells(source, column)
    return read_targets(source.table, {"target": column}, task, rows, locate, wrong={})
