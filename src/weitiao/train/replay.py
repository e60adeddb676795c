"""Decisions by the clock, repeated after a crash as the log has them."""

from __future__ import annotations

from dataclasses import dataclass, field

from weitiao.run import Run


@dataclass
class Replay:
    """What the clock decided before a crash, to be decided again: totals by step, up to a step.

    Kept in a file until it has been repeated, so that a second crash loses nothing of it.
    """

    until: int = 0
    totals: dict[int, int] = field(default_factory=dict)

    @classmethod
    def after(cls, run: Run, log_size: int) -> Replay:
        """What stands in the log after a checkpoint, together with what was still to repeat."""
        lines, old = run.log_after(log_size), run.read("replay")
        totals = {int(step): total for step, total in old.get("totals", {}).items()}
        totals |= {x["step"]: x["total"] for x in lines if x.get("event") == "replan"}
        until = max([old.get("until", 0), *(line["step"] for line in lines)])
        if until:
            run.write("replay", {"until": until, "totals": totals})
        return cls(until, totals)

    def forget(self, run: Run) -> None:
        """All is repeated."""
        if self.until:
            (run.folder / "replay.json").unlink(missing_ok=True)
            self.until = 0
