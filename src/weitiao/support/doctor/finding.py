"""A finding of `weitiao doctor`: what was checked, its state, and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One check of the doctor's report.

    key: its name in JSON, the same in every language; subject, message, remedy: for people
    values: the figures behind the message, further fields in JSON
    """

    key: str
    subject: str
    message: str
    state: State = "ok"
    remedy: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The finding as an object of `weitiao doctor --json`."""
        return {
            "check": self.key,
            "state": self.state,
            "message": self.message,
            "remedy": self.remedy,
            **self.values,
        }
