"""Section `tune` of a plan: the search space as it is written, and limits of latency and memory.

tune:
  space:
    train.learning_rate: 1e-5..1e-4:log
    train.epochs: 2..6
    train.batch_size: [16, 32]
    train.strategies: [{}, {ema: {}}]
  latency: 20ms
  memory: 4g
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from weitiao.core.clock import seconds
from weitiao.core.units import bytes_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _
from weitiao.planfile.sections import PLACES, Section, as_parts

RANGE = re.compile(r"([-+.\de]+)\.\.([-+.\de]+)(:log)?", re.ASCII | re.IGNORECASE)
# What a search may change. Other settings move rows, change what a score means, or act after it.
SEARCHED = ("train.", "model.", "task.", "data.steps", "data.cleaners")
NOT_SEARCHED = ("train.seed", "train.budget", "train.refit", "train.sharding", "train.save_seconds")
MAX_CHOICES = 100


@dataclass(frozen=True)
class Dimension:
    """A searched setting: a range of numbers, or choices.

    whole: integers alone. log: searched by its logarithm.
    """

    path: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def has(self, value: Any) -> bool:
        """Whether a value lies in the dimension."""
        if self.choices:
            return any(value == one and type(value) is type(one) for one in self.choices)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and not (self.whole and value % 1)

    def spelled(self) -> str:
        """The dimension as a plan writes it."""
        if self.choices:
            return json.dumps(list(self.choices), ensure_ascii=False)
        return f"{_number(self.low)}..{_number(self.high)}{':log' if self.log else ''}"


def dimension(path: str, written: Any) -> Dimension:
    """Parse a range `1e-5..1e-4:log` or a list of choices. Raises ValueError.

    >>> dimension("train.epochs", "2..6")
    Dimension(path='train.epochs', low=2.0, high=6.0, log=False, whole=True, choices=())
    >>> dimension("train.batch_size", [16, 32]).choices
    (16, 32)
    """
    if isinstance(written, list):
        return _choices(path, written)
    match = RANGE.fullmatch(str(written).replace(" ", ""))
    try:
        low, high = (float(match[at]) for at in (1, 2)) if match else (math.nan, math.nan)
    except ValueError:
        low = high = math.nan
    if match is None or not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(
            _(
                "{path}: {written!r} is no range and no list; write 1e-5..1e-4:log, or [16, 32].",
                path=path,
                written=written,
            )
        )
    if low >= high:
        raise ValueError(
            _("{path}: {written!r} ends where it begins, or before.", path=path, written=written)
        )
    if match[3] and low <= 0:
        raise ValueError(
            _("{path}: a range with :log begins above 0, not at {low}.", path=path, low=match[1])
        )
    whole = all(re.fullmatch(r"[-+]?\d+", match[at]) for at in (1, 2))
    return Dimension(path, low, high, bool(match[3]), whole)


def _choices(path: str, written: list[Any]) -> Dimension:
    values: list[Any] = []
    for one in written:
        value = as_parts(one) if path in PLACES else one
        if value not in values:
            values.append(value)
    if not 2 <= len(values) <= MAX_CHOICES:
        raise ValueError(
            _("{path}: between 2 and {most} different choices.", path=path, most=MAX_CHOICES)
        )
    return Dimension(path, choices=tuple(values))


def _as_latency(value: Any) -> Any:
    """Accept `20ms` and `0.5s` for seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?ms", value.strip(), re.ASCII | re.IGNORECASE)
    known = float(match[1]) / 1000 if match else seconds(value)
    if not known:
        raise ValueError(_("{value!r} is no latency; write 20ms or 0.5s.", value=value))
    return known


def _as_bytes(value: Any) -> Any:
    """Accept `4g` and `500MB` for bytes."""
    if not isinstance(value, str):
        return value
    try:
        return bytes_of(value, "tune.memory")
    except WeitiaoError as error:
        raise ValueError(str(error)) from None


class TunePlan(Section):
    """Hyperparameter search: its space, and what a model may cost at most."""

    space: dict[str, Any] = Field(
        {}, description="setting -> range (1e-5..1e-4:log) or list of choices; empty: by the rows"
    )
    latency: Annotated[float, BeforeValidator(_as_latency), Field(gt=0)] | None = Field(
        None, description="at most so long to predict one row, e.g. 20ms"
    )
    memory: Annotated[int, BeforeValidator(_as_bytes), Field(gt=0)] | None = Field(
        None, description="at most so much memory in training, e.g. 4g"
    )

    @field_validator("space")
    @classmethod
    def _readable(cls, space: dict[str, Any]) -> dict[str, Any]:
        for path, written in space.items():
            if problem := refused(path):
                raise ValueError(problem)
            dimension(path, written)
        return space

    def dimensions(self) -> tuple[Dimension, ...]:
        """The space, parsed."""
        return tuple(dimension(path, written) for path, written in self.space.items())


def refused(path: str) -> str:
    """Why a setting cannot be searched; empty if it can."""
    if path.startswith(SEARCHED) and path not in NOT_SEARCHED and path not in ("task",):
        return ""
    return _(
        "{path}: this is not searched: scores would not be comparable, or not change.", path=path
    )


def _number(value: float) -> str:
    return f"{value:g}"
