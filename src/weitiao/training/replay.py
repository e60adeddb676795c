"""Replay of decisions that depended on clock or memory, so that a resumed run repeats them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from weitiao.run import Run


@dataclass
class Replay:
    """Decisions between the last checkpoint and a crash, by step: `totals` of updates by the
    clock, `tokens` per forward pass by memory. They hold up to and including step `until`.
    linear_rows: to which the output layer was fitted before the first update; evaluations: how many
    were decided then.

    They stand in a file until they are repeated: the log after the checkpoint is cut off when the
    run is resumed, so a second crash would lose them.
    """

    until: int = 0
    totals: dict[int, int] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)
    linear_rows: int | None = None
    evaluations: int = 0  # in the whole run, decided before the first update

    @classmethod
    def after(cls, run: Run, log_size: int) -> Replay:
        """The decisions in the log after a checkpoint, together with those still to be repeated."""
        lines, old = run.log_after(log_size), run.read("replay")
        # Of two decisions for one step that of the log wins over that of the file: it is later.
        totals = _by_step(old, "totals")
        totals |= {x["step"]: x["total"] for x in _events(lines, "replan", "total")}
        tokens = _by_step(old, "tokens")
        tokens |= {x["step"]: x["tokens"] for x in _events(lines, "tokens", "tokens")}
        until = max([old.get("until", 0), *(line.get("step", 0) for line in lines)])
        fitted = [line["rows"] for line in _events(lines, "linear", "rows")]
        rows = fitted[-1] if fitted else old.get("linear_rows")
        first = [x["evaluations"] for x in _events(lines, "replan", "evaluations")]
        evaluations = first[-1] if first else old.get("evaluations", 0)
        if until:
            decisions = {"totals": totals, "tokens": tokens, "linear_rows": rows}
            run.write("replay", {"until": until, **decisions, "evaluations": evaluations})
        return cls(until, totals, tokens, rows if until else None, evaluations)

    def forget(self, run: Run) -> None:
        """Remove the file once everything is repeated."""
        if self.until:
            (run.folder / "replay.json").unlink(missing_ok=True)
            self.until = 0


def _events(lines: list[dict[str, Any]], event: str, key: str) -> list[dict[str, Any]]:
    return [x for x in lines if x.get("event") == event and {"step", key} <= x.keys()]


def _by_step(old: dict[str, Any], name: str) -> dict[int, int]:
    return {int(step): value for step, value in old.get(name, {}).items()}
