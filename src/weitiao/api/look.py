"""`weitiao look`: describe rows and find their faults, each with what mends it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack, cast

from weitiao.api.inputs import RowOptions, source_of, wish_of, with_targets
from weitiao.data.files.table import Source
from weitiao.data.prepare.profile import Profile
from weitiao.data.quality.finding import Finder, Inspected
from weitiao.data.quality.inspect import all_findings, inspected_rows
from weitiao.data.quality.near_duplicates import SIMILARITY, rows_a_band
from weitiao.planfile.plan import DataPlan, Plan
from weitiao.planning import advise
from weitiao.planning.advise import Wish
from weitiao.planning.token_lengths import TokenLengths, token_lengths
from weitiao.search.same_meaning import meaning_finder

Watch = Callable[[str, int, int], None]
_STEPS = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]  # of a histogram


def look(
    rows: Any,
    targets: Any = None,
    *,
    page: str | Path | None = None,
    model: str | None = None,
    meaning: bool = False,
    labels: bool = False,
    similarity: float = SIMILARITY,
    watch: Watch = lambda what, done, total: None,
    **options: Unpack[RowOptions],
) -> Profile:
    """Profile rows and find their faults: duplicates, leaks, conflicts, damaged texts, ...

    rows and targets: as for `fit`. page: write all of it to this HTML page, with a csv file for
    each finding beside it. model: whose tokens are counted. meaning: compare by vectors of a
    frozen encoder, too. labels: look for wrong labels, as `review` does. similarity: least Jaccard
    similarity of near duplicates. watch: called with (what, done, total). Raises DataError when
    columns or task cannot be guessed.
    """
    if isinstance(rows, Wish):  # the signature of 0.1, which gave the source too
        warnings.warn("weitiao.look(Wish(...)): give its fields as options", DeprecationWarning, 2)
        return cast(Any, advise.look(rows, targets))
    rows_a_band(similarity)  # refuses one that is too low before anything is read
    path, source = source_of(rows, targets)
    wish = wish_of(path, with_targets(options, source, targets))
    known, source = advise.look(wish, source)
    inspected = replace(
        _inspected(wish, known, source), meaning=meaning, similarity=similarity, advance=watch
    )
    more = [_label_finder(model)] if labels else []
    findings, identified = all_findings(inspected, [meaning_finder(model), *more])
    lengths = token_lengths(inspected.rows, known.language, model)
    known = replace(
        known,
        findings=tuple(findings),
        identified=identified.shares if identified else {},
        tokens=_figures(lengths) if lengths else {},
    )
    if page is not None:
        from weitiao.reporting import look_page

        look_page.write(known, Path(page))
    return known


def _label_finder(model: str | None) -> Finder:
    from weitiao.evaluation.label_errors.finding import wrong_labels  # imports PyTorch

    return partial(wrong_labels, checkpoint=model)


def _inspected(wish: Wish, known: Profile, source: Source) -> Inspected:
    test = wish.how.open_other(wish.test_path, wish.path) if wish.test_path else None
    plan = _data_plan(wish, known)
    inspected = inspected_rows(source, known.roles, known.task, plan, test)
    return replace(inspected, language=known.language)


def _data_plan(wish: Wish, known: Profile) -> DataPlan:
    """The data of the plan that these rows would get. Raises PlanError for changes that are no
    good."""
    path = wish.path if isinstance(wish.path, str) else list(wish.path)
    data: dict[str, Any] = {"path": path, "roles": dict(known.roles), "skip_bad": wish.skip_bad}
    if wish.test_path:
        data["test_path"] = wish.test_path
    if wish.reader:
        data["reader"] = dict(wish.reader)
    raw = {"task": known.task, "data": data, "model": {"checkpoint": "minilm-l6"}}
    return Plan.parse(raw).with_(wish.changes).data


def _figures(lengths: TokenLengths) -> dict[str, Any]:
    """Plain values of lengths in tokens."""
    import numpy as np

    points = np.percentile(lengths.tokens, [50, 90, 99, 100], method="higher")
    edge = max(24, int(np.quantile(lengths.tokens, 0.98)))
    step = next(one for one in _STEPS if 24 * one >= edge)
    counts = np.bincount(np.minimum(lengths.tokens // step, 24), minlength=1)
    return {
        "checkpoint": lengths.checkpoint,
        "rows": len(lengths.tokens),
        "of": lengths.total,
        **dict(zip(("p50", "p90", "p99", "max"), map(int, points), strict=True)),
        "cut": [
            {"limit": limit, "rows": rows, "tokens": tokens}
            for limit, rows, tokens in lengths.limits
        ],
        "step": step,
        "histogram": counts.tolist(),
    }
