"""Acceptance criteria of a model: the plan's section `acceptance`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from weitiao import parts
from weitiao.core.fields import Fields, Problem, near
from weitiao.i18n.messages import N_, _

OF_LABEL = ("precision", "recall", "f1")  # of one label
OF_UNKNOWN = ("unknown_auroc", "unknown_caught", "known_refused")  # with evaluate.unknown
MORE = ("ece", "latency", *OF_UNKNOWN)  # neither a metric nor about a label
NO_INTERVAL = ("ece", "latency")  # figures that have no lower bound


def _word(value: Any) -> Any:
    """Keep labels such as 1 and true as strings, where YAML reads numbers and booleans."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


class Criterion(Fields):
    """One thing that must be reached."""

    label: Annotated[str, BeforeValidator(_word)] = Field(
        "", description=N_("the label that precision, recall or f1 is about")
    )
    at_least: float | None = Field(None, description=N_("passes from this value on"))
    at_most: float | None = Field(None, description=N_("passes up to this value"))
    lower_bound: bool = Field(
        False, description=N_("the worse end of the 95 % interval must reach it, too")
    )

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(_("give either at_least or at_most, e.g. {{at_least: 0.9}}."))
        return self

    @property
    def limit(self) -> float:
        limit = self.at_most if self.at_least is None else self.at_least
        assert limit is not None
        return limit

    def reached(self, value: float) -> bool:
        """Whether a value meets the criterion; NaN does not."""
        # Comparisons with NaN are false, so that an unknown value never passes.
        return value >= self.limit if self.at_least is not None else value <= self.limit


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _plain(criteria: list[Criterion]) -> Any:
    plain = [one.model_dump(exclude_defaults=True) for one in criteria]
    return plain[0] if len(plain) == 1 else plain


Acceptance = dict[
    str,
    Annotated[
        list[Criterion],
        BeforeValidator(_listed),
        Field(min_length=1),
        PlainSerializer(_plain),
    ],
]


def problems_of_acceptance(acceptance: Any) -> list[Problem]:
    """Validate acceptance criteria: unknown metrics, labels that are missing or out of place."""
    if not isinstance(acceptance, Mapping):
        return []
    metrics = parts.names("metrics")
    problems = []
    for name, criteria in acceptance.items():
        path = f"acceptance.{name}"
        if name not in (*metrics, *OF_LABEL, *MORE):
            known = [*OF_LABEL, *MORE, *metrics]
            message = _(
                "nothing called {name!r} can be evaluated.{near}",
                name=str(name),
                near=near(str(name), known),
            )
            problems.append(Problem(path, "", message))
            continue
        for one in criteria if isinstance(criteria, list) else [criteria]:
            problems += _problems_of(path, str(name), one)
    return problems


def _problems_of(path: str, name: str, criterion: Any) -> list[Problem]:
    if not isinstance(criterion, Mapping):
        return []
    if name in OF_LABEL and not criterion.get("label"):
        message = _("name the label it is about, e.g. {{label: spam, at_least: 0.9}}.")
        return [Problem(path, "", message)]
    if name not in OF_LABEL and criterion.get("label"):
        message = _("{name} is not about one label; precision, recall and f1 are.", name=name)
        return [Problem(path, "", message)]
    if name in NO_INTERVAL and criterion.get("lower_bound"):
        return [Problem(path, "", _("{name} has no interval, so no lower bound.", name=name))]
    return []
