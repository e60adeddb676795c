"""Go, no-go or cannot tell yet: by rules that stand here, with the reason in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weitiao.core.sanitize import quoted
from weitiao.i18n.messages import _, plural
from weitiao.reporting.blocks import Verdict
from weitiao.reporting.labels import Label
from weitiao.results.format import baseline, duration, figure, metric, short_label

MANY = 50  # times the rows there are: nobody will label so many


def verdict(
    metrics: Mapping[str, Any], labels: list[Label], budget: float | None = None
) -> Verdict:
    """Go when clearly better than the best baseline and no label is useless; no-go when not
    better; else it cannot be told, and how many more rows would tell.

    budget: the seconds that the run was given, when they kept it from learning longer.
    """
    if not metrics:
        return _open(_("This run has not been judged."))
    against, first = metrics.get("against"), metrics.get("primary", "")
    found = (metrics.get("differences") or {}).get(first)
    if metrics.get("state") == "interrupted" and not against:
        return _open(_("It was interrupted before it was done."))
    if not against or found is None:
        return _open(_("There is no baseline to compare it with."))
    gap, low, high = (float("nan") if value is None else float(value) for value in found)
    if math.isnan(gap):
        return _open(_("{metric} has no value on these rows.", metric=metric(first)))
    told = {
        "metric": metric(first),
        "baseline": baseline(against),
        "model": figure(metrics["metrics"][first]),
        "other": figure(metrics["baselines"][against][first]),
    }
    if gap <= 0:
        return Verdict("stop", _("No-go"), _not_better(told, budget))
    if not low > 0:
        return _open(_too_few((gap, low, high), int(metrics["rows"]), told))
    useless = [label for label in labels if label.useless]
    if useless:
        return _open(
            _(
                "It is clearly better than the baseline as a whole, but useless for the label "
                "{name}: more than four mistakes for each right answer. Label more such rows, or "
                "leave the label out.",
                name=quoted(short_label(useless[0].name)),
            )
            if len(useless) == 1
            else _(
                "It is clearly better than the baseline as a whole, but useless for {labels}, "
                "{name} first: more than four mistakes for each right answer. Label more such "
                "rows, or leave these labels out.",
                labels=plural(len(useless), "label"),
                name=quoted(short_label(useless[0].name)),
            )
        )
    return Verdict(
        "go",
        _("Go"),
        _(
            "Clearly better than the best baseline, {baseline}: {metric} {model} against {other}, "
            "more than chance explains.",
            **told,
        ),
    )


def _not_better(told: Mapping[str, str], budget: float | None) -> str:
    if budget is not None:
        return _(
            "The simple baseline is as good or better ({metric} {other} against {model}): take "
            "{baseline}. Or give the model more time: this run had {budget}, less than it would "
            "have needed.",
            **told,
            budget=duration(budget),
        )
    return _(
        "The simple baseline is as good or better ({metric} {other} against {model}): "
        "take {baseline}, or label more rows.",
        **told,
    )


def more_rows(gap: float, low: float, high: float, rows: int) -> int | None:
    """How many more rows would bring the lower end above 0, if the gap stays what it is.

    Intervals narrow with the square root of the rows; of few rows they are lopsided, and the
    wider side is the honest one. None when that is out of reach.

    >>> more_rows(0.1, -0.1, 0.3, 100), more_rows(0.001, -0.1, 0.1, 100)
    (300, None)
    """
    needed = rows * (max(gap - low, high - gap) / gap) ** 2
    if not math.isfinite(needed) or needed > MANY * rows:
        return None
    more = max(1.0, needed - rows)
    step = 10 ** max(1, math.floor(math.log10(more)) - 1)
    return int(math.ceil(more / step) * step)


def _too_few(found: tuple[float, float, float], rows: int, told: Mapping[str, str]) -> str:
    more = None if math.isnan(found[1]) else more_rows(*found, rows)
    if more is None:
        return _(
            "It is ahead of {baseline} ({metric} {model} against {other}), but by so little that "
            "on {rows} it may well be chance.",
            **told,
            rows=plural(rows, "judged row"),
        )
    return _(
        "It is ahead of {baseline} ({metric} {model} against {other}), but on {rows} that may be "
        "chance; about {more} would tell.",
        **told,
        rows=plural(rows, "judged row"),
        more=plural(more, "more test row"),
    )


def _open(reason: str) -> Verdict:
    return Verdict("open", _("Cannot tell yet"), reason)
