"""What the plan wanted of the model, and whether it is reached: first on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _
from weitiao.reporting.blocks import Table, Verdict
from weitiao.results.format import figure, metric, short_label


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
        word = _("Not accepted")
        reason = _("Of the plan's criteria ({all}) not reached: {names}.",
                      all=len(verdicts),
                      names=", ".join(map(criterion, failed)))  # fmt: skip
    else:
        word, reason = _("Accepted"), _("All {all} criteria of the plan are reached.",
                                              all=len(verdicts))  # fmt: skip
    head = [_("criterion"), _("wanted"), _("reached"), _("95 % interval"),
            _("judgement")]  # fmt: skip
    rows = [line(one) for one in verdicts]
    table = Table(_("Criteria of the plan"), head, rows, [1, 2, 3], folded=False)
    return [Verdict("stop" if failed else "go", word, reason), table]


def criterion(one: Mapping[str, Any]) -> str:
    """What a criterion is about: a metric, or a figure of one label."""
    names = {"recall": _("recall"), "precision": _("precision"), "f1": "F1",
             "ece": _("calibration error"),
             "latency": _("seconds for a row")}  # fmt: skip
    name = names.get(one["name"], metric(one["name"]))
    if not one["label"]:
        return name
    return _("{name} of {label}", name=name, label=visible(short_label(one["label"])))


def line(one: Mapping[str, Any]) -> list[str]:
    """A criterion as a row of a table."""
    wanted = f"{'≤' if one['wanted'] == 'at_most' else '≥'} {figure(one['limit'])}"
    if one["lower_bound"]:
        wanted = _("{wanted}, with its interval", wanted=wanted)
    low, high = one["low"], one["high"]
    between = _("unknown") if one["lower_bound"] else ""
    if low is not None and not math.isnan(low):
        between = _("{low} to {high}", low=figure(low), high=figure(high))
    word = _("✓ reached") if one["passed"] else _("✕ not reached")
    return [criterion(one), wanted, figure(one["value"]), between, word]
