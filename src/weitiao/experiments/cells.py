"""Experiment grid: recipes and peers x data sets x seeds, expanded into content-addressed cells.

    plan: plan.yaml
    recipes: {usual: {}, warmer: {train.learning_rate: 1e-4}}
    data: {hotels: {data.path: hotels.csv}, books: {data.path: books.csv}}
    peers: [tfidf_linear, trainer]
    seeds: 5
    folds: 5          # instead of a split: each row is tested once (cross-validation)

A cell's key is a hash of its content: the plan with all changes, the rows, and the evaluated split.
So a finished cell is never run again, whatever is added to the experiment later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.core.fields import problems_of
from weitiao.data.files.open import open_source
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.planfile import read
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import Parts, Section

FORMAT_VERSION = 1  # of a cell's record; part of the key
OURS = "weitiao"
Changes = dict[str, Any]


class Experiment(Section):
    """An experiment file: what to run, on which data, with how many seeds."""

    plan: str = Field(description="the plan that all cells start from, relative to this file")
    recipes: dict[str, Changes] = Field(
        {"plan": {}}, min_length=1, description="name -> changes of the plan"
    )
    data: dict[str, Changes] = Field(
        {"rows": {}}, min_length=1, description="name -> changes of the plan, e.g. data.path"
    )
    peers: Parts = Field({}, description="other methods on the same rows, e.g. [tfidf_linear]")
    seeds: int | list[int] = Field(3, description="how many, counted from the plan's, or which")
    folds: int | None = Field(
        None, ge=2, le=100, description="cross-validation: each part of the rows is the test once"
    )
    split: Literal["validation", "test"] = Field(
        "validation", description="rows to evaluate on; with test, each cell uses the test set"
    )
    executor: Parts = Field({"local": {}}, description="where the cells run")

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, values: Any) -> Any:
        """`judge` is what files of 0.1 call `split`."""
        if isinstance(values, dict) and "judge" in values and "split" not in values:
            values = {("split" if name == "judge" else name): one for name, one in values.items()}
        if isinstance(values, dict) and values.get("folds") is not None:
            # The folds are the tests; seeds beside them are the exception.
            values = {"split": "test", "seeds": 1, **values}
        return values

    @classmethod
    def load(cls, path: str | Path) -> tuple[Experiment, Plan]:
        """Read an experiment file and its plan. Raises PlanError with all problems."""
        written = read.read(path)
        try:
            experiment = cls.model_validate(written.value)
        except ValidationError as error:
            messages = [
                _("{path}: {message}", path=problem.path, message=problem.text)
                for problem in problems_of(error, cls)
            ]
            raise PlanError(messages, str(path)) from None
        problems = [
            _("{path}: {message}", path=f"{field}.{problem.path}", message=problem.text)
            for field, kind in (("peers", "peers"), ("executor", "executors"))
            for name, settings in getattr(experiment, field).items()
            for problem in parts.problems(kind, name, settings)
        ]
        if len(experiment.executor) != 1:
            problems.append(_("executor: name exactly one."))
        if (isinstance(experiment.seeds, int) and experiment.seeds < 1) or experiment.seeds == []:
            problems.append(_("seeds: at least one."))
        if experiment.folds and experiment.split != "test":
            problems.append(_("split: folds are evaluated on their tests; leave it out."))
        if problems:
            raise PlanError(problems, str(path))
        return experiment, Plan.load(Path(path).parent / experiment.plan)


@dataclass(frozen=True, eq=False)
class Cell:
    """One run of the grid. recipe, data, seed and method locate it; `key` identifies it."""

    recipe: str
    data: str
    seed: int
    method: str  # weitiao, or a peer
    settings: Mapping[str, Any]  # of the peer
    plan: Mapping[str, Any]  # plain values, the seed among them
    rows: str  # fingerprint of their content
    split: str

    @property
    def key(self) -> str:
        """Hash of the content, 16 hexadecimal digits."""
        # These explain a plan and change no result; names of recipe and data neither.
        apart = ("why", "expect", "tune")
        plan = {name: value for name, value in self.plan.items() if name not in apart}
        content = [FORMAT_VERSION, self.method, dict(self.settings), plan, self.rows, self.split]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return fingerprint.of_text(text)

    @property
    def fold(self) -> str:
        """The part that is tested, e.g. 2/5; empty without folds."""
        return str(self.plan["data"].get("fold") or "")

    def job(self) -> dict[str, Any]:
        """The cell as plain values that can be sent to a worker."""
        return {**vars(self), "settings": dict(self.settings), "plan": dict(self.plan)}

    @classmethod
    def from_job(cls, job: Mapping[str, Any]) -> Cell:
        """The cell that `job` described."""
        return cls(**{field.name: job[field.name] for field in fields(cls)})


def cells_of(experiment: Experiment, plan: Plan) -> list[Cell]:
    """All cells, seed by seed and fold by fold, so that an early stop leaves whole ones. Raises
    PlanError."""
    seeds = experiment.seeds
    if isinstance(seeds, int):
        seeds = [plan.train.seed + number for number in range(seeds)]
    fingerprints: dict[str, str] = {}
    cells = []
    count = experiment.folds
    folds = [f"{number}/{count}" for number in range(1, count + 1)] if count else [None]
    for seed, fold in product(seeds, folds):
        for data, data_changes in experiment.data.items():
            base = plan.with_(data_changes)
            methods: list[tuple[str, str, Mapping[str, Any], Changes]] = [
                *((recipe, OURS, {}, changes) for recipe, changes in experiment.recipes.items()),
                *((peer, peer, settings, {}) for peer, settings in experiment.peers.items()),
            ]
            for recipe, method, settings, changes in methods:
                of_fold: Changes = {"data.fold": fold} if fold else {}
                changed = base.with_({**changes, **of_fold, "train.seed": seed})
                rows = _fingerprint(changed, fingerprints)
                content = changed.model_dump(mode="json")
                cell = Cell(recipe, data, seed, method, settings, content, rows, experiment.split)
                cells.append(cell)
    return cells


def _fingerprint(plan: Plan, known: dict[str, str]) -> str:
    """Fingerprint of all rows of a plan; files are read once for all cells."""
    paths = [plan.data.path, plan.data.test_path, plan.data.validation_path]
    key = json.dumps([*paths, plan.data.reader])
    if key not in known:
        sources = [
            open_source(path, plan.data.reader, plan.data.skip_bad) for path in paths if path
        ]
        known[key] = "-".join(source.fingerprint for source in sources)
    return known[key]
