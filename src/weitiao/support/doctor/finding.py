"""A finding: what was looked at, whether it is fine, and what to do if it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    key: the same in every language, for programs; about, told, remedy: for people
    values: the figures behind it
    """

    key: str
    about: str
    told: str
    state: State = "ok"
    remedy: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As programs get it."""
        return {
            "check": self.key,
            "state": self.state,
            "told": self.told,
            "remedy": self.remedy,
            **self.values,
        }
