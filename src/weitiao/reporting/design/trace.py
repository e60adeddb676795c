"""Sources of the figures of a design document: the plan, the facts beside it, files of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weitiao.i18n.messages import localized, plural
from weitiao.planfile.plan import Plan
from weitiao.reporting.design.content import Figure, Quote
from weitiao.reporting.design.facts import Facts
from weitiao.results.run_data import Material


@dataclass(frozen=True)
class Trace:
    """A plan with its facts, and the names of their files. written: what stands in the plan's file,
    as plain values; everything else of the plan stands in the facts. run: what became of it."""

    plan: Plan
    facts: Facts
    plan_file: str
    facts_file: str
    written: Mapping[str, Any] = field(default_factory=dict)
    run: Material | None = None
    full: bool = False

    def of_plan(self, key: str, text: object = None) -> Figure:
        """A setting of the plan. text: how it is shown, else as it stands there."""
        value = self.plan.get(key) if text is None else text
        return Figure(shown(value), self.place(key))

    def place(self, key: str) -> str:
        """The file of a setting, and its key there. Short plan files leave out what has its
        default."""
        if _stands(self.written, key):
            return f"{self.plan_file}: {key}"
        return f"{self.facts_file}: plan.{key}"

    def reason(self, key: str) -> Figure:
        """The reason of a setting, with its evidence."""
        one = self.plan.why[key]
        text = localized(one.reason)
        if one.evidence:
            text += f" [{localized(one.evidence)}]"
        return self.of_plan(f"why.{key}", text)

    def of_facts(self, key: str, text: object) -> Figure:
        """A fact that was measured for the document."""
        return Figure(shown(text), f"{self.facts_file}: {key}")

    def rows(self, key: str, count: int) -> Figure:
        """A number of rows among the facts."""
        return self.of_facts(key, plural(count, "row"))

    def of_run(self, file: str, key: str, text: object) -> Figure:
        """What a file of the run says."""
        return Figure(shown(text), f"{file}: {key}")


def _stands(node: Any, key: str) -> bool:
    """Whether a dotted key stands in plain data; keys of `why` hold dots themselves.

    >>> _stands({"why": {"train.epochs": 3}}, "why.train.epochs"), _stands({"a": {}}, "a.b")
    (True, False)
    """
    if not isinstance(node, Mapping):
        return False
    if key in node:
        return True
    inner = (one for one in node if key.startswith(f"{one}."))
    return any(_stands(node[one], key.removeprefix(f"{one}.")) for one in inner)


def shown(value: Any) -> str:
    """A value as people read it.

    >>> shown(0.1), shown(12345), shown({"adamw": {}}), shown([])
    ('0.1', '12,345', 'adamw', '–')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        listed = [f"{k}: {shown(v)}" if v not in ({}, None) else str(k) for k, v in value.items()]
        return ", ".join(listed) or "–"
    return ", ".join(shown(one) for one in value) or "–"


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, plain where it is neither huge nor tiny.

    >>> number(0.00002), number(1.5), number(4997.1), number(-0.123456)
    ('2e-05', '1.5', '4,997', '-0.1235')
    """
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def role_columns(plan: Plan) -> list[tuple[str, Quote]]:
    """Each role of the rows with its column or columns."""
    return [
        (role, Quote(column if isinstance(column, str) else ", ".join(column)))
        for role, column in plan.data.roles.items()
    ]
