"""Is fine-tuning worth it here? One sentence, by the best baseline beside the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weitiao.i18n.messages import _, plural
from weitiao.results.format import baseline, duration, figure, metric


def worth(metrics: Mapping[str, Any]) -> str:
    """The sentence; empty when there is no baseline to compare with. metrics: as metrics.json."""
    against, first = metrics.get("against"), metrics.get("primary")
    found = (metrics.get("differences") or {}).get(first)
    if not against or found is None:
        return ""
    gap, low, high = (math.nan if value is None else float(value) for value in found)
    if math.isnan(gap):
        return ""
    told = {
        "metric": metric(str(first)),
        "model": figure(metrics["metrics"][first]),
        "other": figure(metrics["baselines"][against][first]),
        "baseline": baseline(str(against)),
    }
    seconds = (metrics.get("seconds") or {}).get("train")
    cost = _(" It took {time} of training.", time=duration(seconds)) if seconds else ""
    if gap <= 0:
        return _("Fine-tuning is not worth it here: {baseline} is as good or better "
                    "({metric} {other} against {model}).", **told) + cost  # fmt: skip
    if low > 0:
        return _("Fine-tuning is worth it here: {metric} {model} against {other} with "
                    "{baseline}, {low} to {high} more.",
                    **told, low=figure(low), high=figure(high)) + cost  # fmt: skip
    rows = plural(int(metrics["rows"]), "row")
    if math.isnan(low):
        return _("Whether fine-tuning is worth it here cannot be told by {rows}: {metric} "
                    "{model} against {other} with {baseline}.",
                    **told, rows=rows) + cost  # fmt: skip
    return _("Whether fine-tuning is worth it here cannot be told by {rows}: {metric} {model} "
                "against {other} with {baseline}, from {low} less to {high} more.",
                **told, rows=rows, low=figure(abs(low)), high=figure(high)) + cost  # fmt: skip
