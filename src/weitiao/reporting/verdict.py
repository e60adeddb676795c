"""Verdict on a run: acceptance criteria, go or no-go against the best baseline, what it gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.core.sanitize import quoted, visible
from weitiao.core.units import UNDEFINED
from weitiao.i18n.messages import _, joined, plural
from weitiao.reporting.render import Table, Verdict
from weitiao.reporting.scores import Label
from weitiao.results.format import baseline, duration, figure, metric, short_label
from weitiao.results.records import CriterionResult, MetricsRecord

# Behind a baseline, a run may still be ahead of it by this proportion of its score: on rows so few
# nothing is decided.
UNDECIDED = 0.1
# Baselines of tasks that have no output layer to fit before training: retrieval, passages, texts.
WITHOUT_LINEAR_START = {"bm25", "untuned_encoder", "lexical", "no_answer", "nearest", "copy"}
CONSTANT = {"majority", "mean"}  # that read no text
MAX_ROWS_FACTOR = 50  # more rows than so many times those there are: out of reach


# --- acceptance criteria of the plan


def acceptance_blocks(metrics: MetricsRecord) -> list[Any]:
    """Whether the plan's criteria are reached; nothing where it has none."""
    criteria = metrics.acceptance
    if not criteria:
        return []
    failed = [one for one in criteria if not one.passed]
    if failed:
        word = _("Not accepted")
        reason = _(
            "Of the plan's criteria ({all}) not reached: {names}.",
            all=len(criteria),
            names=joined(map(criterion_name, failed), ", "),
        )
    else:
        word = _("Accepted")
        reason = _("All {all} criteria of the plan are reached.", all=len(criteria))
    head = [_("criterion"), _("wanted"), _("reached"), _("95 % interval"), _("result")]
    rows = [criterion_row(one) for one in criteria]
    table = Table(_("Criteria of the plan"), head, rows, [1, 2, 3], folded=False)
    return [Verdict("stop" if failed else "go", word, reason), table]


def criterion_name(one: CriterionResult) -> str:
    """What a criterion is about: a metric, or precision, recall or F1 of one label."""
    names = {
        "recall": _("recall"),
        "precision": _("precision"),
        "f1": "F1",
        "ece": _("calibration error"),
        "latency": _("seconds for a row"),
        "unknown_auroc": _("AUROC of unknown inputs"),
        "unknown_caught": _("unknown inputs caught"),
        "known_refused": _("known inputs refused"),
    }
    name = names.get(one.name, metric(one.name))
    if not one.label:
        return name
    return _("{name} of {label}", name=name, label=visible(short_label(one.label)))


def criterion_row(one: CriterionResult) -> list[str]:
    """A criterion as a row of a table."""
    wanted = f"{'≤' if one.wanted == 'at_most' else '≥'} {figure(one.limit)}"
    if one.lower_bound:
        wanted = _("{wanted}, with its interval", wanted=wanted)
    interval = UNDEFINED if one.lower_bound else ""
    if one.low is not None and not math.isnan(one.low):
        interval = _("{low} to {high}", low=figure(one.low), high=figure(one.high))
    word = _("✓ reached") if one.passed else _("✕ not reached")
    return [criterion_name(one), wanted, figure(one.value), interval, word]


# --- go, no-go, cannot tell


def verdict(
    metrics: MetricsRecord,
    labels: Sequence[Label],
    budget: float | None = None,
    run: str = "RUN",
) -> Verdict:
    """Go when clearly better than the best baseline and no label is useless; no-go when not
    better; else it cannot be told, and how many more rows would tell.

    budget: the seconds that the run was given, when they kept it from learning longer. run: its
    folder, for commands in the reason.
    """
    if not metrics:
        return _open(_("This run has not been evaluated."))
    if metrics.state == "interrupted" and not metrics.against:
        return _open(_("The run was interrupted before its end."))
    if not metrics.against or metrics.differences.get(metrics.primary) is None:
        return _open(_("There is no baseline to compare it with."))
    gap, low, high = metrics.difference(metrics.primary)
    if math.isnan(gap):
        message = _("{metric} has no value on these rows.", metric=metric(metrics.primary))
        return _open(message)
    values = _scores_in_words(metrics)
    if sentence := better_baseline(metrics, run):
        if metrics.better == "baseline" and not _barely_trained(metrics):
            return Verdict("stop", _("No-go"), sentence)
        more = _("The network has not seen every training row once: give it more time.")
        return _open(joined([sentence, more]) if _barely_trained(metrics) else sentence)
    if gap <= 0 and _barely_trained(metrics):
        return _open(_less_than_an_epoch(values, high < 0))
    if gap < 0 and _undecided(metrics, high):
        return _open(_behind(values, metrics.rows))
    if gap <= 0:
        return Verdict("stop", _("No-go"), _not_better(values, budget))
    if not low > 0:
        return _open(_too_few((gap, low, high), metrics.rows, values))
    return _clearly_better(metrics, labels, values)


def _clearly_better(
    metrics: MetricsRecord, labels: Sequence[Label], values: Mapping[str, str]
) -> Verdict:
    """Go, where nothing speaks against it."""
    useless = [label for label in labels if label.useless]
    if useless:
        return _open(_useless_labels(useless))
    if metrics.left_out and CONSTANT.issuperset(metrics.baselines):
        return _open(_only_constant(values))
    reason = _(
        "Clearly better than the best baseline, {baseline}: {metric} {model} against {other}, "
        "more than chance explains.",
        **values,
    )
    return Verdict("go", _("Go"), reason)


def better_baseline(metrics: MetricsRecord, run: str = "RUN") -> str:
    """That the saved baseline is ahead on validation, and how to use it; empty where it is not.

    run: the run's folder, for the command.
    """
    ahead = metrics.better_baseline
    if ahead is None:
        return ""
    values = {
        "metric": metric(ahead.metric),
        "other": figure(ahead.value),
        "model": figure(ahead.model),
        "run": run,
    }
    name = (
        _("TF-IDF with a linear model")
        if ahead.baseline == "tfidf_linear"
        else _("The lookup of each word's usual tag")
    )
    if metrics.better == "baseline":
        return _(
            "{baseline} is better on validation: {metric} {other} against {model}; "
            "`weitiao predict {run} FILE --baseline` predicts with it.",
            baseline=name,
            **values,
        )
    low, high = (math.nan if end is None else end for end in ahead.difference[1:])
    interval = (
        ""
        if math.isnan(low)
        else _(
            "The 95% CI of the difference runs from {low} less to {high} more for the network.",
            low=figure(abs(low)),
            high=figure(abs(high)),
        )
    )
    message = _(
        "{baseline} and the network are too close to call on validation: {metric} {other} against "
        "{model}; `weitiao predict {run} FILE --baseline` predicts with the baseline, which is "
        "ahead.",
        baseline=name,
        **values,
    )
    return joined([message, interval])


def _barely_trained(metrics: MetricsRecord) -> bool:
    return metrics.epochs is not None and metrics.epochs < 1


def _only_constant(values: Mapping[str, str]) -> str:
    return _(
        "It is better than {baseline} ({metric} {model} against {other}), which reads no text; a "
        "linear model was left out for the budget. `weitiao evaluate` compares it with one.",
        **values,
    )


def _undecided(metrics: MetricsRecord, high: float) -> bool:
    """Whether the interval of the difference reaches far above 0."""
    other = metrics.baseline_score()
    return other is not None and not math.isnan(high) and high > UNDECIDED * abs(other)


def _behind(values: Mapping[str, str], rows: int) -> str:
    return _(
        "{baseline} is ahead of it ({metric} {other} against {model}), but on {rows} that may be "
        "chance.",
        **values,
        rows=plural(rows, "evaluated row"),
    )


def _less_than_an_epoch(values: Mapping[str, str], clear: bool) -> str:
    """clear: the baseline is better by more than chance."""
    if clear:
        return _(
            "{baseline} is better so far ({metric} {other} against {model}), but the network has "
            "not seen every training row once, which says nothing of fine-tuning: give it more "
            "time.",
            **values,
        )
    return _(
        "{baseline} is as good ({metric} {other} against {model}), but the difference may be "
        "chance, and the network has not seen every training row once: give it more time.",
        **values,
    )


def _untouched(metrics: MetricsRecord, values: Mapping[str, str]) -> str:
    """That the model is the frozen network with the output layer fitted before training."""
    if WITHOUT_LINEAR_START & metrics.baselines.keys():
        return _untrained(metrics, values)
    if metrics.epochs:
        return _(
            "Fine-tuning did not get better on validation than a linear model on the frozen "
            "network, which the model is: {metric} {model} against {other} with {baseline}.",
            **values,
        )
    return _(
        "There was no time for fine-tuning: the model is a linear model on the frozen network, "
        "{metric} {model} against {other} with {baseline}.",
        **values,
    )


def _untrained(metrics: MetricsRecord, values: Mapping[str, str]) -> str:
    if metrics.epochs:
        return _(
            "Fine-tuning did not get better on validation than the network before it, which the "
            "model is: {metric} {model} against {other} with {baseline}.",
            **values,
        )
    return _(
        "There was no time for fine-tuning: the model is the network as it was before training, "
        "{metric} {model} against {other} with {baseline}.",
        **values,
    )


def _scores_in_words(metrics: MetricsRecord) -> dict[str, str]:
    return {
        "metric": metric(metrics.primary),
        "model": figure(metrics.metrics.get(metrics.primary)),
        "other": figure(metrics.baseline_score()),
        "baseline": baseline(str(metrics.against)),
    }


def _not_better(values: Mapping[str, str], budget: float | None) -> str:
    if budget is not None:
        return _(
            "The simple baseline is as good or better ({metric} {other} against {model}): take "
            "{baseline}. Or give the model more time: this run had {budget}, less than it would "
            "have needed.",
            **values,
            budget=duration(budget),
        )
    return _(
        "The simple baseline is as good or better ({metric} {other} against {model}): "
        "take {baseline}, or label more rows.",
        **values,
    )


def _useless_labels(useless: Sequence[Label]) -> str:
    name = quoted(short_label(useless[0].name))
    if len(useless) == 1:
        return _(
            "It is clearly better than the baseline as a whole, but useless for the label "
            "{name}: more than four mistakes for each right answer. Label more such rows, or "
            "leave the label out.",
            name=name,
        )
    return _(
        "It is clearly better than the baseline as a whole, but useless for {labels}, "
        "{name} first: more than four mistakes for each right answer. Label more such "
        "rows, or leave these labels out.",
        labels=plural(len(useless), "label"),
        name=name,
    )


def more_rows(gap: float, low: float, high: float, rows: int) -> int | None:
    """Sample size: how many more rows bring the lower end above 0, if the gap stays what it is.

    None when that is out of reach.

    >>> more_rows(0.1, -0.1, 0.3, 100), more_rows(0.001, -0.1, 0.1, 100)
    (300, None)
    """
    # Intervals narrow with the square root of the rows. Of few rows they are lopsided, and the
    # wider side is the honest one.
    needed = rows * (max(gap - low, high - gap) / gap) ** 2
    if not math.isfinite(needed) or needed > MAX_ROWS_FACTOR * rows:
        return None
    more = max(1.0, needed - rows)
    step = 10 ** max(1, math.floor(math.log10(more)) - 1)
    return int(math.ceil(more / step) * step)


def _too_few(difference: tuple[float, float, float], rows: int, values: Mapping[str, str]) -> str:
    more = None if math.isnan(difference[1]) else more_rows(*difference, rows)
    if more is None:
        return _(
            "It is ahead of {baseline} ({metric} {model} against {other}), but by so little that "
            "on {rows} it may well be chance.",
            **values,
            rows=plural(rows, "evaluated row"),
        )
    return _(
        "It is ahead of {baseline} ({metric} {model} against {other}), but on {rows} that may be "
        "chance; about {more} would decide.",
        **values,
        rows=plural(rows, "evaluated row"),
        more=plural(more, "more test row"),
    )


def _open(reason: str) -> Verdict:
    return Verdict("open", _("Cannot tell yet"), reason)


# --- what fine-tuning gains


def fine_tuning_gain(metrics: MetricsRecord) -> str:
    """Whether fine-tuning pays here, by the best baseline; empty when there is none."""
    gap, low, high = metrics.difference(metrics.primary)
    if not metrics.against or math.isnan(gap):
        return ""
    if metrics.better_baseline is not None:  # said first: see `better_baseline`
        return ""
    values = _scores_in_words(metrics)
    seconds = metrics.seconds.train if metrics.epochs != 0 else None
    cost = _("It took {time} of training.", time=duration(seconds)) if seconds else ""
    if metrics.best_step == 0:
        message = _untouched(metrics, values)
    elif gap <= 0 and _barely_trained(metrics):
        message = _less_than_an_epoch(values, high < 0)
    elif gap == 0 or (gap < 0 and not _undecided(metrics, high)):
        message = _(
            "Fine-tuning is not worth it here: {baseline} is as good or better "
            "({metric} {other} against {model}).",
            **values,
        )
    elif low > 0:
        message = _(
            "Fine-tuning is worth it here: {metric} {model} against {other} with "
            "{baseline}, {low} to {high} more.",
            **values,
            low=figure(low),
            high=figure(high),
        )
    elif math.isnan(low):
        message = _(
            "{rows} are too few to tell whether fine-tuning is worth it here: {metric} {model} "
            "against {other} with {baseline}.",
            **values,
            rows=plural(metrics.rows, "row"),
        )
    else:
        message = _(
            "{rows} are too few to tell whether fine-tuning is worth it here: {metric} {model} "
            "against {other} with {baseline} (95% CI of the difference: {low} less to {high} "
            "more).",
            **values,
            rows=plural(metrics.rows, "row"),
            low=figure(abs(low)),
            high=figure(high),
        )
    return joined([message, cost])
