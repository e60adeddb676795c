"""Decisions by the clock and by memory, repeated after a crash as the log has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from weitiao.run import Run


@dataclass
class Replay:
    """What was decided before a crash, to be decided again, by step and up to a step: `totals` by
    the clock, `tokens` (how many go through the network at once) by memory.

    Kept in a file until it has been repeated, so that a second crash loses nothing of it.
    """

    until: int = 0
    totals: dict[int, int] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)

    @classmethod
    def after(cls, run: Run, log_size: int) -> Replay:
        """What stands in the log after a checkpoint, together with what was still to repeat."""
        lines, old = run.log_after(log_size), run.read("replay")
        totals = _by_step(old, "totals")
        totals |= {x["step"]: x["total"] for x in lines if x.get("event") == "replan"}
        tokens = _by_step(old, "tokens")
        tokens |= {x["step"]: x["tokens"] for x in lines if x.get("event") == "tokens"}
        until = max([old.get("until", 0), *(line["step"] for line in lines)])
        if until:
            run.write("replay", {"until": until, "totals": totals, "tokens": tokens})
        return cls(until, totals, tokens)

    def forget(self, run: Run) -> None:
        """All is repeated."""
        if self.until:
            (run.folder / "replay.json").unlink(missing_ok=True)
            self.until = 0


def _by_step(old: dict[str, Any], name: str) -> dict[int, int]:
    return {int(step): value for step, value in old.get(name, {}).items()}
