"""Replay of decisions that depended on clock or memory, so that a resumed run repeats them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from weitiao.run import Run


@dataclass
class Replay:
    """Decisions between the last checkpoint and a crash, by step: `totals` of updates by the
    clock, `tokens` per forward pass by memory. They hold up to and including step `until`.

    They stand in a file until they are repeated: the log after the checkpoint is cut off when the
    run is resumed, so a second crash would lose them.
    """

    until: int = 0
    totals: dict[int, int] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)

    @classmethod
    def after(cls, run: Run, log_size: int) -> Replay:
        """The decisions in the log after a checkpoint, together with those still to be repeated."""
        lines, old = run.log_after(log_size), run.read("replay")
        # Of two decisions for one step that of the log wins over that of the file: it is later.
        totals = _by_step(old, "totals")
        totals |= {
            x["step"]: x["total"] for x in lines if x.get("event") == "replan" and "total" in x
        }
        tokens = _by_step(old, "tokens")
        tokens |= {
            x["step"]: x["tokens"] for x in lines if x.get("event") == "tokens" and "tokens" in x
        }
        until = max([old.get("until", 0), *(line.get("step", 0) for line in lines)])
        if until:
            run.write("replay", {"until": until, "totals": totals, "tokens": tokens})
        return cls(until, totals, tokens)

    def forget(self, run: Run) -> None:
        """Remove the file once everything is repeated."""
        if self.until:
            (run.folder / "replay.json").unlink(missing_ok=True)
            self.until = 0


def _by_step(old: dict[str, Any], name: str) -> dict[int, int]:
    return {int(step): value for step, value in old.get(name, {}).items()}
