"""What is told of a refit: on how many rows, and about which model the scores are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weitiao.i18n.messages import _, localized, plural


def refit_sentence(told: Mapping[str, Any] | None) -> str:
    """The key `refit` of metrics.json in words; empty where there is none."""
    if not told:
        return ""
    if not told.get("done"):
        reason = localized(told.get("reason") or "")
        return _("It was not trained once more on all rows: {reason}.", reason=reason)
    updates = int(told.get("updates") or 0)
    values = {
        "rows": plural(int(told.get("rows") or 0), "row"),
        "updates": plural(updates, "update") if updates else _("the output layer alone"),
    }
    if told.get("evaluated") == "refit":
        return _(
            "The scores are those of the model in best/, trained once more on all {rows}, "
            "validation included ({updates}). The learning curve, and temperature and thresholds "
            "where there are any, are of the model that validation chose, kept in selected/.",
            **values,
        )
    return _(
        "The scores are those of the model that validation chose, kept in selected/. The model in "
        "best/ was trained once more with the same settings on all {rows}, validation included "
        "({updates}); temperature and thresholds, where there are any, are taken over.",
        **values,
    )
