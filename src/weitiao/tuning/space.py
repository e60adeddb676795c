"""Search space: dimensions over a plan, from its own values to plans that `check` accepts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.planfile.search_space import Dimension, TunePlan
from weitiao.planfile.sections import PLACES, as_parts
from weitiao.planning.check import check

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 3  # of a proposed number: more cannot be told apart
Values = dict[str, Any]  # dotted path -> value in the plan
Params = dict[str, Any]  # dotted path -> number, or the JSON text of a choice


@dataclass(frozen=True)
class Space:
    """The dimensions of a search around a plan."""

    plan: Plan
    dimensions: tuple[Dimension, ...]

    @cached_property
    def own(self) -> Values:
        """The plan's own values; of settings that do not stand in it, None."""
        raw = self.plan.model_dump()
        return {one.path: _value(raw, one.path) for one in self.dimensions}

    @cached_property
    def own_params(self) -> Params | None:
        """The plan as it stands as a point of the space; None where it lies outside."""
        if not all(one.has(self.own[one.path]) for one in self.dimensions):
            return None
        return {one.path: _param(one, self.own[one.path]) for one in self.dimensions}

    def distributions(self) -> dict[str, BaseDistribution]:
        """The dimensions as Optuna samples them."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        made: dict[str, BaseDistribution] = {}
        for one in self.dimensions:
            if one.choices:
                made[one.path] = CategoricalDistribution([_json(value) for value in one.choices])
            elif one.whole:
                made[one.path] = IntDistribution(int(one.low), int(one.high), log=one.log)
            else:
                made[one.path] = FloatDistribution(one.low, one.high, log=one.log)
        return made

    def values(self, params: Mapping[str, Any]) -> Values:
        """What the parameters of a trial mean in the plan."""
        found: Values = {}
        for one in self.dimensions:
            value = params[one.path]
            if one.choices:
                found[one.path] = json.loads(value)
            elif one.whole:
                found[one.path] = int(value)
            else:
                found[one.path] = min(max(_rounded(value), one.low), one.high)
        return found

    def plan_of(self, values: Mapping[str, Any]) -> Plan:
        """The plan with changed values. Raises PlanError where `weitiao check` would."""
        plan = self.plan.with_(values).model_copy(update={"tune": TunePlan()})
        check(plan)
        return plan

    def accepts(self, params: Mapping[str, Any]) -> bool:
        """Whether `weitiao check` accepts the plan of these parameters."""
        try:
            self.plan_of(self.values(params))
        except PlanError:
            return False
        return True

    def encoded(self, many: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """(trials, features) points of the unit cube; choices one-hot, as far apart as the ends of
        a range."""
        columns: list[np.ndarray] = []
        for one in self.dimensions:
            given = [params[one.path] for params in many]
            if one.choices:
                names = [_json(value) for value in one.choices]
                hot = np.array([[name == value for name in names] for value in given], float)
                columns.append(hot.reshape(len(many), len(names)) / math.sqrt(2))
            else:
                at, low, high = np.array(given, float), one.low, one.high
                if one.log:
                    at, low, high = np.log(at), math.log(low), math.log(high)
                columns.append(((at - low) / (high - low))[:, None])
        return np.hstack(columns)

    def drawn(self, count: int, seed: int) -> list[Params]:
        """Uniform random points of the space, by the scale of each dimension."""
        random = np.random.default_rng(seed)
        points: list[Params] = []
        for _at in range(count):
            point: Params = {}
            for one in self.dimensions:
                place = float(random.random())
                if one.choices:
                    point[one.path] = _json(one.choices[int(place * len(one.choices))])
                    continue
                low, high = (math.log(one.low), math.log(one.high)) if one.log else (
                    one.low,
                    one.high,
                )  # fmt: skip
                value = low + place * (high - low)
                value = math.exp(value) if one.log else value
                value = min(max(value, one.low), one.high)
                point[one.path] = round(value) if one.whole else value
            points.append(point)
        return points

    def epochs(self) -> float:
        """The most epochs that a plan of the space trains."""
        for one in self.dimensions:
            if one.path == "train.epochs":
                most = max(one.choices) if one.choices else one.high
                return float(max(most, self.plan.train.epochs))
        return float(self.plan.train.epochs)

    def changes_network(self) -> bool:
        """Whether any dimension changes how long a prediction takes."""
        return any(one.path.startswith(("model.", "data.cleaners")) for one in self.dimensions)


def space_of(plan: Plan, dimensions: Sequence[Dimension]) -> Space:
    """A space that every single value of fits the plan.

    Raises PlanError with all problems: settings that are unknown, values that are refused.
    """
    problems: list[str] = []
    for one in dimensions:
        tried = one.choices or ((int(one.low), int(one.high)) if one.whole else (one.low, one.high))
        for value in tried:
            try:
                Space(plan, (one,)).plan_of({one.path: value})
            except PlanError as error:
                problems += [_("tune.space: {problem}", problem=text) for text in error.problems]
    if not dimensions:
        problems.append(_("tune.space: no setting is searched."))
    if problems:
        raise PlanError(list(dict.fromkeys(problems)))
    return Space(plan, tuple(dimensions))


def _value(raw: Mapping[str, Any], path: str) -> Any:
    """The value at a path, parts normalized; None where nothing stands."""
    from weitiao.core import dotted

    try:
        value = dotted.get(raw, path)
    except KeyError:
        return None
    return as_parts(value) if path in PLACES else value


def _param(one: Dimension, value: Any) -> Any:
    return _json(value) if one.choices else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
