"""Plug-in registry by folder: a name in the plan is the name of a class in a file of the folder.

    train:
      strategies: {fgm: {epsilon: 0.5}}   ->   weitiao/training/strategies/fgm.py, FGM(epsilon=0.5)
    evaluate:
      metrics: [macro_f1]                 ->   weitiao/evaluation/metrics/classification.py, MacroF1

To add a part, add a file, or a class to a file of its kind. A package of somebody else's adds parts
through one entry-point group a kind (`weitiao.strategies`, ...); a built-in name always wins. This
module is the only place that imports by name, and a plan can only name parts that are installed:
opening a plan runs no code of the plan's author.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from weitiao.core import left_out
from weitiao.core.fields import Fields, Problem, problems_of
from weitiao.core.fields import near as near
from weitiao.errors import PartError
from weitiao.i18n.messages import _

Settings = Mapping[str, Mapping[str, Any]]

KINDS = {
    "tasks": "weitiao.tasks",
    "losses": "weitiao.losses",
    "readers": "weitiao.data.readers",
    "cleaners": "weitiao.data.cleaners",
    "steps": "weitiao.data.steps",
    "adapters": "weitiao.model.adapters",
    "long_texts": "weitiao.model.long_texts",
    "metrics": "weitiao.evaluation.metrics",
    "decisions": "weitiao.evaluation.decisions",
    "checks": "weitiao.evaluation.checks",
    "optimizers": "weitiao.training.optimizers",
    "schedules": "weitiao.training.schedules",
    "strategies": "weitiao.training.strategies",
    "heads": "weitiao.model.heads",
    "writers": "weitiao.model.writers",
    "executors": "weitiao.experiments.executors",
    "peers": "weitiao.experiments.peers",
    "orders": "weitiao.annotation.choose",
}


class Part(Fields):
    """Settings with behaviour. Fields are what the plan may set; methods are what it does.

    A part's file imports torch only inside methods, so that checking a plan stays instant.
    """


def names(kind: str) -> list[str]:
    """Names of all parts of a kind, e.g. names("strategies") -> ["ema", "fgm", ...]."""
    return sorted(_built_in(kind).keys() | _foreign(kind).keys())


def find(kind: str, name: str) -> type[Any]:
    """Look up the class of a part, built in or of an installed package (entry point).

    Raises PartError with a similar name when there is no such part.
    """
    if name in _modules(kind):  # the usual case: no other file of the kind is imported
        part = dict(_classes(kind, name)).get(name)
        if part is not None:
            return part
    built_in = _built_in(kind)
    if name in built_in:
        return built_in[name]
    foreign = _foreign(kind)
    if name not in foreign:
        known = names(kind)
        message = _("there is no {name!r} among the {kind}.{near}",
                    name=name, kind=kind, near=near(name, known))  # fmt: skip
        raise PartError([("", message)])
    left_out.bring_back()  # another package may need it
    loaded: type[Any] = foreign[name].load()
    return loaded


def _modules(kind: str) -> list[str]:
    """Modules of a kind's package, without base.py."""
    return _listed(_path(kind))


def _built_in(kind: str) -> dict[str, type[Any]]:
    return _loaded(kind, _path(kind))


def _path(kind: str) -> tuple[str, ...]:
    return tuple(importlib.import_module(KINDS[kind]).__path__)


# Cached, since a plan asks for its parts hundreds of times. By path: another one has other files.
@lru_cache(maxsize=64)
def _listed(path: tuple[str, ...]) -> list[str]:
    return [m.name for m in pkgutil.iter_modules(path) if m.name != "base"]


@lru_cache(maxsize=64)
def _loaded(kind: str, path: tuple[str, ...]) -> dict[str, type[Any]]:
    return {name: part for module in _listed(path) for name, part in _classes(kind, module)}


def _classes(kind: str, module: str) -> Iterator[tuple[str, type[Any]]]:
    """The part classes of one module with their names; abstract and private ones are none."""
    # Imported classes stand in the module's namespace too: __module__ tells them apart.
    loaded = importlib.import_module(f"{KINDS[kind]}.{module}")
    for part in vars(loaded).values():
        own = isinstance(part, type) and part.__module__ == loaded.__name__
        if (
            own
            and issubclass(part, Part)
            and not (inspect.isabstract(part) or part.__name__.startswith("_"))
        ):
            yield _name_of(part, module), part


def _name_of(part: type, module: str) -> str:
    """Name of a part: its file's where the class is called like it (BitFit in bitfit.py), else
    snake case.

    >>> _name_of(type("MacroF1", (), {}), "classification"), _name_of(type("AdamW", (), {}), "adam")
    ('macro_f1', 'adamw')
    """
    if part.__name__.lower() == module.replace("_", ""):
        return module
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z0-9])", "_", part.__name__).lower()


def summary(part: type) -> str:
    """Summary of a part: the first paragraph of its docstring, on one line."""
    return " ".join((part.__doc__ or "").split("\n\n")[0].split())


def build(kind: str, name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """Instantiate a part with validated settings. Raises PartError with all problems."""
    part: type[Part] = find(kind, name)
    try:
        return part(**(settings or {}))
    except ValidationError as error:
        reasons = [(one.path, one.text) for one in problems_of(error, part, name)]
        raise PartError(reasons) from None


def problems(kind: str, name: str, settings: Mapping[str, Any]) -> list[Problem]:
    """Validate a part's name and settings; empty when it can be built."""
    try:
        part: type[Part] = find(kind, name)
    except PartError as error:
        return [Problem(name, "", text) for _, text in error.problems]
    try:
        part(**settings)
    except ValidationError as error:
        return problems_of(error, part, name)
    return []


def origin(kind: str, name: str) -> dict[str, str] | None:
    """Distribution and version of a part of another package; None for a built-in one."""
    point = _foreign(kind).get(name)
    if point is None:
        return None
    assert point.dist is not None
    return {"distribution": point.dist.name, "version": point.dist.version}


@lru_cache(maxsize=64)
def _points(ask: Callable[..., Any], group: str, path: tuple[str, ...]) -> list[EntryPoint]:
    """Cached entry points of a group: each look-up reads the metadata of every package."""
    # sys.path is part of the key: a package added to it later is found.
    return list(ask(group=group))


def _foreign(kind: str) -> dict[str, EntryPoint]:
    """Entry points of other packages for a kind, without names that are built in."""
    # Built-in names need an import of every file of the kind: only when there are entry points.
    points = _points(entry_points, f"weitiao.{kind}", tuple(sys.path))
    ours = {*_modules(kind), *_built_in(kind)} if points else set()
    return {point.name: point for point in points if point.name not in ours}
