"""The folder is the registry: a name in the plan is the name of a file.

    train:
      strategies: {fgm: {epsilon: 0.5}}   ->   weitiao/train/strategies/fgm.py, FGM(epsilon=0.5)

To add a part, add a file. A package of somebody else's adds parts through one entry-point group
a kind (`weitiao.strategies`, ...); a built-in name always wins. This module is the only place that
imports by name, and a plan can only name parts that are installed: opening a plan runs no code
of the plan's author.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from weitiao.errors import PartError

Settings = Mapping[str, Mapping[str, Any]]

KINDS = {
    "tasks": "weitiao.tasks",
    "losses": "weitiao.losses",
    "readers": "weitiao.data.read",
    "cleaners": "weitiao.data.cleaners",
    "steps": "weitiao.data.steps",
    "metrics": "weitiao.evaluate.metrics",
    "optimizers": "weitiao.train.optimizers",
    "schedules": "weitiao.train.schedules",
    "strategies": "weitiao.train.strategies",
}


class Part(BaseModel):
    """Settings with behaviour. Fields are what the plan may set; methods are what it does.

    A part's file imports torch only inside methods, so that checking a plan stays instant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def names(kind: str) -> list[str]:
    """Every part of a kind, e.g. names("strategies") -> ["ema", "fgm", ...]."""
    package = importlib.import_module(KINDS[kind])
    found = {m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "base"}
    return sorted(found | _foreign(kind).keys())


def find(kind: str, name: str) -> Any:
    """The class in the file called `name` whose own name matches it, whatever the case.

    Raises PartError with a near name when there is no such part.
    """
    known = names(kind)
    if name not in known:
        raise PartError([("", f"no {kind} called {name!r}.{near(name, known)}")])
    foreign = _foreign(kind)
    if name in foreign:
        return foreign[name].load()
    module = importlib.import_module(f"{KINDS[kind]}.{name}")
    wanted = name.replace("_", "")
    classes = {key.lower(): value for key, value in vars(module).items() if isinstance(value, type)}
    assert wanted in classes, f"{module.__name__} must hold a class called like the file"
    return classes[wanted]


def build(kind: str, name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """The part with its settings. Raises PartError with all that does not fit."""
    part: type[Part] = find(kind, name)
    try:
        return part(**(settings or {}))
    except ValidationError as error:
        raise PartError(problems_of(error, part, name)) from None


def problems_of(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[Any]:
    """Pydantic's complaints as (path, message), with a near name for what does not exist."""
    problems = []
    for item in error.errors():
        path = ".".join(str(key) for key in (prefix, *item["loc"]) if key != "")
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = _fields(model, item["loc"][:-1])
            message = f"no such setting.{near(str(item['loc'][-1]), known)}"
        problems.append((path, message))
    return problems


def near(name: str, known: Sequence[str]) -> str:
    """' Did you mean ...?' when something similar is known, else what there is.

    >>> near("learning_rat", ["learning_rate", "epochs"])
    " Did you mean 'learning_rate'?"
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" There are: {', '.join(known)}." if known else ""


def origin(kind: str, name: str) -> dict[str, str] | None:
    """Distribution and version of a part that is not ours; None for a built-in one."""
    point = _foreign(kind).get(name)
    if point is None:
        return None
    assert point.dist is not None
    return {"distribution": point.dist.name, "version": point.dist.version}


def _foreign(kind: str) -> dict[str, EntryPoint]:
    package = importlib.import_module(KINDS[kind])
    ours = {m.name for m in pkgutil.iter_modules(package.__path__)}
    points = entry_points(group=f"weitiao.{kind}")
    return {point.name: point for point in points if point.name not in ours}


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    for key in path:
        field = model.model_fields.get(str(key))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
