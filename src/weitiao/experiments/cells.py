"""What an experiment asks for, and its cells: plan changes x data x seed.

    plan: plan.yaml
    recipes: {usual: {}, warmer: {train.learning_rate: 1e-4}}
    data: {hotels: {data.path: hotels.csv}, books: {data.path: books.csv}}
    peers: [tfidf_linear, trainer]
    seeds: 5

A cell is known by its content: the plan with all changes, the rows, and which of them are judged.
Whatever is asked for later, a cell that has been carried out is not carried out again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.core.fields import problems_of
from weitiao.data.files.open import open_source
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.planfile import read
from weitiao.planfile.plan import Plan
from weitiao.planfile.sections import Parts, Section

VERSION = 1  # of what a cell's record says
OURS = "weitiao"
Changes = dict[str, Any]


class Experiment(Section):
    """What is to be tried, on what, how often."""

    plan: str = Field(description="the plan that all cells start from, relative to this file")
    recipes: dict[str, Changes] = Field(
        {"plan": {}}, min_length=1, description="name -> changes of the plan"
    )
    data: dict[str, Changes] = Field(
        {"rows": {}}, min_length=1, description="name -> changes of the plan, e.g. data.path"
    )
    peers: Parts = Field({}, description="others to try on the same rows, e.g. [tfidf_linear]")
    seeds: int | list[int] = Field(3, description="how many, counted from the plan's, or which")
    judge: Literal["validation", "test"] = Field(
        "validation", description="which rows; each cell opens the test anew"
    )
    executor: Parts = Field({"local": {}}, description="who carries the cells out")

    @classmethod
    def load(cls, path: str | Path) -> tuple[Experiment, Plan]:
        """The experiment in a YAML file and its plan. Raises PlanError with all problems."""
        written = read.read(path)
        try:
            asked = cls.model_validate(written.value)
        except ValidationError as error:
            told = [_("{path}: {told}", path=one.path, told=one.text)
                    for one in problems_of(error, cls)]  # fmt: skip
            raise PlanError(told, str(path)) from None
        problems = [
            _("{path}: {told}", path=f"{place}.{one.path}", told=one.text)
            for place, kind in (("peers", "peers"), ("executor", "executors"))
            for name, settings in getattr(asked, place).items()
            for one in parts.problems(kind, name, settings)
        ]
        if len(asked.executor) != 1:
            problems.append(_("executor: name exactly one."))
        if (isinstance(asked.seeds, int) and asked.seeds < 1) or asked.seeds == []:
            problems.append(_("seeds: at least one."))
        if problems:
            raise PlanError(problems, str(path))
        return asked, Plan.load(Path(path).parent / asked.plan)


@dataclass(frozen=True, eq=False)
class Cell:
    """One thing to carry out. `names` say where it stands in the table, `key` what it is."""

    recipe: str
    data: str
    seed: int
    method: str  # weitiao, or a peer
    settings: Mapping[str, Any]  # of the peer
    plan: Mapping[str, Any]  # plain values, the seed among them
    rows: str  # fingerprint of their content
    judge: str

    @property
    def key(self) -> str:
        """The content of the cell, as 16 hexadecimal digits."""
        plan = {name: value for name, value in self.plan.items() if name not in ("why", "expect")}
        content = [VERSION, self.method, dict(self.settings), plan, self.rows, self.judge]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return fingerprint.of_text(text)

    def job(self) -> dict[str, Any]:
        """What a worker has to know, as plain values."""
        return {**vars(self), "settings": dict(self.settings), "plan": dict(self.plan),
                "key": self.key}  # fmt: skip


def cells_of(asked: Experiment, plan: Plan) -> list[Cell]:
    """Every cell, seed by seed: stopped early, whole seeds are there. Raises PlanError."""
    seeds = asked.seeds
    if isinstance(seeds, int):
        seeds = [plan.train.seed + number for number in range(seeds)]
    sources: dict[str, str] = {}
    found = []
    for seed in seeds:
        for name, change in asked.data.items():
            based = plan.with_(change)
            for recipe, more in asked.recipes.items():
                one = based.with_({**more, "train.seed": seed})
                found.append(_cell(recipe, name, OURS, {}, one, sources, asked.judge))
            for peer, settings in asked.peers.items():
                one = based.with_({"train.seed": seed})
                found.append(_cell(peer, name, peer, settings, one, sources, asked.judge))
    return found


def _cell(
    recipe: str, data: str, method: str, settings: Mapping[str, Any], plan: Plan,
    sources: dict[str, str], judge: str,
) -> Cell:  # fmt: skip
    every = [plan.data.path, plan.data.test_path, plan.data.validation_path]
    place = json.dumps([*every, plan.data.reader])
    if place not in sources:
        opened = [open_source(path, plan.data.reader, plan.data.skip_bad) for path in every if path]
        sources[place] = "-".join(source.fingerprint for source in opened)
    return Cell(recipe, data, plan.train.seed, method, settings, plan.model_dump(mode="json"),
                sources[place], judge)  # fmt: skip
