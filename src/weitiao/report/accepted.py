"""What the plan wanted of the model, and whether it is reached: first on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weitiao.messages import tell
from weitiao.report.blocks import Table, Verdict
from weitiao.report.told import figure, metric, short_label
from weitiao.report.visible import visible


def passed(verdicts: list[Mapping[str, Any]]) -> bool:
    """Whether every criterion is reached."""
    return all(one["passed"] for one in verdicts)


def blocks(metrics: Mapping[str, Any]) -> list[Any]:
    """The judgement by the plan's criteria; nothing where it has none."""
    verdicts = metrics.get("acceptance") or []
    if not verdicts:
        return []
    failed = [one for one in verdicts if not one["passed"]]
    if failed:
        word = tell("Not accepted")
        reason = tell("Of the plan's criteria ({all}) not reached: {names}.",
                      all=len(verdicts),
                      names=", ".join(map(criterion, failed)))  # fmt: skip
    else:
        word, reason = tell("Accepted"), tell("All {all} criteria of the plan are reached.",
                                              all=len(verdicts))  # fmt: skip
    head = [tell("criterion"), tell("wanted"), tell("reached"), tell("95 % interval"),
            tell("judgement")]  # fmt: skip
    rows = [line(one) for one in verdicts]
    table = Table(tell("Criteria of the plan"), head, rows, [1, 2, 3], folded=False)
    return [Verdict("stop" if failed else "go", word, reason), table]


def criterion(one: Mapping[str, Any]) -> str:
    """What a criterion is about: a metric, or a figure of one label."""
    names = {"recall": tell("recall"), "precision": tell("precision"), "f1": "F1",
             "ece": tell("calibration error"),
             "latency": tell("seconds for a row")}  # fmt: skip
    name = names.get(one["name"], metric(one["name"]))
    if not one["label"]:
        return name
    return tell("{name} of {label}", name=name, label=visible(short_label(one["label"])))


def line(one: Mapping[str, Any]) -> list[str]:
    """A criterion as a row of a table."""
    wanted = f"{'≤' if one['wanted'] == 'at_most' else '≥'} {figure(one['limit'])}"
    if one["lower_bound"]:
        wanted = tell("{wanted}, with its interval", wanted=wanted)
    low, high = one["low"], one["high"]
    between = tell("unknown") if one["lower_bound"] else ""
    if low is not None and not math.isnan(low):
        between = tell("{low} to {high}", low=figure(low), high=figure(high))
    word = tell("✓ reached") if one["passed"] else tell("✕ not reached")
    return [criterion(one), wanted, figure(one["value"]), between, word]
