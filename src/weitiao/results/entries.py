"""What is compared: runs, recipes of several seeds, and any file of predictions, opened alike."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.data.infer.roles import TEXT_ROLES
from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.results.records import SeedsRecord
from weitiao.results.run_data import Material, gathered
from weitiao.run import Run, runs
from weitiao.tasks.answers.base import Answers

UNTOLD = ("why", "expect")  # they say nothing about what is done
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


def of_runs(thing: str) -> Contender:
    """A run, or the seeds of a recipe: a folder of runs, a pattern, or several with commas."""
    found = [run for one in _paths(thing) for run in _runs_in(Path(one))]
    materials = [gathered(run) for run in found]
    for material in materials:
        if material.kept is None:
            told = _("{folder}: this run has not been judged; `weitiao evaluate {folder}` "
                        "does it.", folder=material.run.folder)  # fmt: skip
            raise RunError(told)
    _check_alike(materials)
    return Contender(
        name=_named(thing),
        kind="recipe" if len(found) > 1 else "run",
        sets=tuple(_of_run(material) for material in materials),
        runs=tuple(found),
        material=materials[0],
        splits=tuple(str(m.kept.about["split"]) for m in materials if m.kept),
    )


def _named(thing: str) -> str:
    """What it is called: of a list the first, and how many more."""
    first, *more = [thing] if Path(thing).exists() else thing.split(",")
    return f"{first.rstrip('/')} (+{len(more)})" if more else first.rstrip("/")


def _paths(thing: str) -> list[str]:
    """The paths behind one word: a,b,c or runs/a-* or one of its own."""
    if Path(thing).exists():
        return [thing]
    found = []
    for one in thing.split(","):
        matching = sorted(glob.glob(one))
        if not matching:
            told = _("{path}: no run and no file of predictions is called so.", path=one)
            raise RunError(told)
        found += matching
    return found


def _runs_in(folder: Path) -> list[Run]:
    """The run in a folder; of one with several seeds, those."""
    if (folder / SEEDS).is_dir():
        return [run for run in runs(folder / SEEDS) if not _is_failed(folder, run)]
    if (folder / "plan.yaml").is_file():
        return [Run(folder)]
    found = sorted(runs(folder), key=lambda run: run.folder.name)
    return found or [Run.open(folder)]  # which says that there is none


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
    found = {}
    for path in names:
        values = [one.get(path) for one in known]
        if any(value != values[0] for value in values[1:]):
            found[path] = [None if one is None else one.get(path) for one in flat]
    return found


def _flat(node: Mapping[str, Any], above: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in node.items():
        path = f"{above}{name}"
        if path in UNTOLD:
            continue
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{path}.")
        else:
            found[path] = value
    return found


def _of_run(material: Material) -> Answered:
    kept = material.kept
    assert kept is not None
    rows = np.arange(len(kept))
    roles = material.plan.data.roles
    columns = tuple(str(roles[role]) for role in TEXT_ROLES if role in roles)

    @cache
    def texts() -> list[tuple[str, ...]] | None:
        found = material.texts(rows)
        return None if found is None else [tuple(text for _, text in row) for row in found]

    def cells(column: str) -> list[str] | None:
        found = material.judged_rows
        if found is None or column not in found.table.column_names:
            return None
        from weitiao.data.files.cells import cell_texts

        return cell_texts(found.table.column(column), found.indices)

    return Answered(kept.judged, kept.ids(rows), texts, cells, columns)
