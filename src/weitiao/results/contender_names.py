"""Names of contenders in a comparison: what their plans differ in, else the ends of their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.i18n.messages import _, joined
from weitiao.planfile.sections import PLACES
from weitiao.results.contenders import Contender, differences

MAX_SETTINGS = 2  # that a name may hold
SMALL = 1e-3  # below, numbers are written with a power of ten
MAX_CHARACTERS = 60  # of a name
NUMBERED = re.compile(r"(.+)-\d{3,}")  # a folder that `Run.create` names


def names_of(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """By what differs, where all are runs of numbered folders; else the ends of their paths.

    "learning_rate 2e-5" says more than reviews-001 beside reviews-002.
    """
    if all(one.plan and NUMBERED.fullmatch(Path(one.name).name) for one in contenders):
        names = _by_difference(contenders)
        if names and len(set(names)) == len(names):
            return names
    return short_names([one.name for one in contenders])


def _by_difference(contenders: Sequence[Contender]) -> tuple[str, ...]:
    """Names by the settings that differ; empty where there are none, or too many."""
    recipes = any(one.kind == "recipe" for one in contenders)
    places: dict[str, Sequence[Any]] = {}
    plans = [one.plan for one in contenders if one.plan]
    for path, values in differences(plans).items():
        if not (recipes and path == "train.seed"):
            place = next((p for p in PLACES if path == p or path.startswith(f"{p}.")), path)
            places[place] = [plan.get(place) for plan in plans] if place in PLACES else values
    if not 0 < len(places) <= MAX_SETTINGS:
        return ()
    columns = [_values(values, place) for place, values in places.items()]
    names = [joined(cells, ", ") for cells in zip(*columns, strict=True)]
    return () if any(len(name) > MAX_CHARACTERS for name in names) else tuple(map(str, names))


def _values(values: Sequence[Any], place: str) -> list[str]:
    """The name and value of one setting, of each contender."""
    setting = place.rpartition(".")[2]
    if place in PLACES and len({tuple(value) for value in values}) == 1:
        # The same parts with other settings: those alone are named.
        keys = [(part, key) for value in values for part, one in value.items() for key in one]
        apart = [
            (part, key)
            for part, key in dict.fromkeys(keys)
            if len({str(value[part].get(key)) for value in values}) > 1
        ]
        return [
            joined([f"{part}.{key} {_shown(value[part].get(key))}" for part, key in apart], ", ")
            for value in values
        ]
    return [f"{setting} {_part_name(place, value)}" for value in values]


def _part_name(place: str, value: Any) -> str:
    if place == "model.head" and "native" in value:
        return _("first token")
    return _shown(value)


def _shown(value: Any) -> str:
    """A value as people write it.

    >>> _shown(1e-4), _shown(1.5e-05), _shown(0.5), _shown({"rdrop": {}, "ema": {}})
    ('1e-4', '1.5e-5', '0.5', 'rdrop+ema')
    """
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, float):
        if 0 < abs(value) < SMALL:
            digits, _e, power = f"{value:.5e}".partition("e")
            return f"{float(digits):g}e{int(power)}"
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "+".join(map(str, value)) or _("none")
    if value is None or value == []:
        return _("none")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """The ends of paths, as long as they must be to be told apart.

    >>> short_names(["runs/a-001", "runs/b-001"]), short_names(["x/a", "y/a", "y/b.csv"])
    (('a-001', 'b-001'), ('x/a', 'y/a', 'b.csv'))
    """
    cut = [name.replace("\\", "/").rstrip("/").split("/") for name in names]
    short = ["/".join(parts[-_size(parts, cut) :]) for parts in cut]
    seen: dict[str, int] = {}
    for at, name in enumerate(short):
        seen[name] = seen.get(name, 0) + 1
        short[at] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return tuple(short)


def _size(parts: list[str], every: list[list[str]]) -> int:
    """How many of its last parts tell a path apart from the others."""
    others = [one for one in every if one != parts]
    sizes = range(1, len(parts) + 1)
    return next((n for n in sizes if all(one[-n:] != parts[-n:] for one in others)), len(parts))
