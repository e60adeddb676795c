"""Choice among measured candidates by the goal, and the method of adapting the one that is chosen.

chosen = pick(measured, "accuracy", metric, "accuracy")
chosen.best, chosen.tied, chosen.reason, chosen.evidence
way = method(chosen.one, sample, limits, facts)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from weitiao.core.units import score as shown_score
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import Metric
from weitiao.i18n.messages import _, joined, name_list
from weitiao.planfile.plan import Reason
from weitiao.planning import cost
from weitiao.planning.candidates import Limits, Refused
from weitiao.planning.measured import Measured, Sample, gap

Goal = Literal["accuracy", "speed", "small"]
GOALS: tuple[str, ...] = get_args(Goal)
# A smaller model is taken when it cannot be told apart and is at most so much lower: on a few
# hundred rows nearly everything within 4 points cannot be told apart (dev/LOG.md).
TIE = 0.01
GIVEN_UP = 0.05  # of the score that the goals speed and small may cost
NOTHING_LEFT = 0.97  # of a proportion, at its lower end: training has little left to gain
FEW_ROWS = 8  # of the smallest label
SHOWN_REFUSED = 6


@dataclass(frozen=True, eq=False)
class Pick:
    """The chosen candidate. best: of the highest score; tied: others that cannot be told apart
    from the best and are about as good."""

    one: Measured
    best: Measured
    tied: tuple[Measured, ...]
    margin: tuple[float, float, float] | None  # over the next best, paired
    reason: str
    evidence: str


def pick(measured: Sequence[Measured], goal: str, metric: Metric, name: str) -> Pick:
    """Choose by the goal. accuracy: the highest score, of those that cannot be told apart the
    quickest; speed, small: the quickest, the smallest, of those that are not much lower."""
    sign = 1.0 if metric.higher_is_better else -1.0
    ordered = sorted(measured, key=lambda one: sign * one.score, reverse=True)
    best, others = ordered[0], ordered[1:]
    slack = max(abs(best.score), 1.0)
    if goal == "accuracy":
        tied = [one for one in others if _is_tied(best, one, metric, TIE * slack)]
        one = min([best, *tied], key=lambda m: (cost_of(m), -sign * m.score))
    else:
        tied = [m for m in others if sign * (best.score - m.score) <= GIVEN_UP * slack]
        key = cost_of if goal == "speed" else _parameters
        one = min([best, *tied], key=lambda m: (key(m), -sign * m.score))
    following = next((m for m in ordered if m is not one), None)
    margin = gap(one, following, metric) if following else None
    return Pick(
        one, best, tuple(tied), margin, _reason(goal, one, best, name, metric),
        _evidence(one, following, margin, name),
    )  # fmt: skip


def _is_tied(best: Measured, one: Measured, metric: Metric, most: float) -> bool:
    value, low, _high = gap(best, one, metric)
    return value <= most and (math.isnan(low) or low <= 0)


def cost_of(one: Measured) -> float:
    """Seconds of a text: alone where that was measured, else in batches."""
    return one.row_seconds if one.latency is None else one.latency


def _parameters(one: Measured) -> float:
    return float(one.candidate.network.parameters)


def _reason(goal: str, one: Measured, best: Measured, name: str, metric: Metric) -> str:
    if one is best:
        return {
            "accuracy": _("a linear model reads your rows best in it"),
            "speed": _("the quickest that is not much lower, and the best"),
            "small": _("the smallest that is not much lower, and the best"),
        }[goal]
    value, low, high = gap(best, one, metric)
    figures: dict[str, Any] = {
        "best": best.candidate.shown,
        "value": shown_score(value, 3),
        "low": shown_score(low, 3),
        "high": shown_score(high, 3),
        "times": cost_of(best) / max(cost_of(one), 1e-9),
    }
    if goal == "accuracy":
        return _(
            "cannot be told apart from {best} ({value} lower, 95 % interval {low} to {high}) and "
            "takes {times:.1f} times less time: the smaller one",
            **figures,
        )
    if goal == "speed":
        return _(
            "the quickest that is not much lower: {value} below {best} ({low} to {high}), "
            "{times:.1f} times as quick",
            **figures,
        )
    return _(
        "the smallest that is not much lower: {value} below {best} ({low} to {high}), "
        "{share:.0%} of its parameters",
        share=_parameters(one) / _parameters(best),
        **figures,
    )


def _evidence(
    one: Measured, following: Measured | None, margin: tuple[float, float, float] | None, name: str
) -> str:
    figures: dict[str, Any] = {
        "metric": metric_name(name),
        "score": shown_score(one.score, 3),
        "low": shown_score(one.low, 3),
        "high": shown_score(one.high, 3),
        "rows": one.rows,
        "time": f"{1000 * cost_of(one):.1f}",
    }
    if following is None or margin is None:
        return _(
            "linear model on the frozen network, each row left out once: {metric} {score} ({low} "
            "to {high}) on {rows} rows, {time} ms a text; no other candidate",
            **figures,
        )
    return _(
        "linear model on the frozen network, each row left out once: {metric} {score} ({low} to "
        "{high}) on {rows} rows, {time} ms a text; next {other} {next} (difference {gap}, "
        "{gap_low} to {gap_high})",
        other=following.candidate.shown,
        next=shown_score(following.score, 3),
        gap=shown_score(margin[0], 3),
        gap_low=shown_score(margin[1], 3),
        gap_high=shown_score(margin[2], 3),
        **figures,
    )


def with_refused(evidence: str, refused: Sequence[Refused]) -> str:
    """The evidence, and which candidates were refused and why."""
    if not refused:
        return evidence
    each = [_("{model}: {why}", model=_short(one.name), why=one.reason) for one in refused]
    more = len(each) - SHOWN_REFUSED
    shown = joined(each[:SHOWN_REFUSED], "; ")
    if more > 0:
        shown = _("{shown}; and {more} more", shown=shown, more=more)
    return _("{evidence}. Refused: {refused}", evidence=evidence, refused=shown)


def _short(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2] or name


# --- the method


def method(
    one: Measured, sample: Sample, limits: Limits, network: cost.Network, tokens: float
) -> dict[str, Reason]:
    """How to adapt the chosen network: all weights, LoRA, or the output layer alone; as settings
    of the plan with their reasons, empty for the usual, all weights."""
    proportion = sample.metric.proportion(sample.task.answers)
    if proportion and one.low >= NOTHING_LEFT:
        return _output_layer_alone(one, network)
    if limits.memory and cost.memory_mb(network, batch_tokens=tokens) * 1e6 > limits.memory:
        return _lora(network, limits.memory, tokens)
    return {}


def _output_layer_alone(one: Measured, network: cost.Network) -> dict[str, Reason]:
    evidence = _(
        "leave-one-out score {score} ({low} to {high}) on {rows} rows",
        score=shown_score(one.score, 3),
        low=shown_score(one.low, 3),
        high=shown_score(one.high, 3),
        rows=one.rows,
    )
    why = _(
        "the output layer alone learns: a linear model on the frozen network is at {low} at least, "
        "so that training the rest has little left to gain",
        low=shown_score(one.low, 3),
    )
    once = _("the output layer is fitted before training; one pass is enough to confirm it")
    return {
        "train.strategies": Reason(
            value={"freeze": {"layers": network.layers}}, reason=why, evidence=evidence
        ),
        "train.epochs": Reason(value=1, reason=once, evidence=evidence),
    }


def _lora(network: cost.Network, most: int, tokens: float) -> dict[str, Reason]:
    full = cost.memory_mb(network, batch_tokens=tokens)
    why = _(
        "training all weights takes about {full:,.0f} MB, more than {most:,.0f} MB; LoRA holds "
        "gradients and moments of few",
        full=full,
        most=most / 1e6,
    )
    evidence = _("{parameters:,} parameters", parameters=network.parameters)
    return {"model.adapter": Reason(value={"lora": {}}, reason=why, evidence=evidence)}


def method_in_words(chosen: dict[str, Reason], sample: Sample) -> str:
    """The method and the class sizes that speak for it, for people."""
    if reason := chosen.get("model.adapter") or chosen.get("train.strategies"):
        return _("method: {reason}", reason=reason.reason)
    smallest = sample.smallest_label
    if smallest is not None and smallest < FEW_ROWS:
        return _(
            "method: all weights, from a fitted output layer (the smallest label has {rows} rows "
            "in the sample: the fitted layer is what few rows leave behind)",
            rows=smallest,
        )
    return _("method: all weights, from a fitted output layer")


def names_of(measured: Sequence[Measured]) -> str:
    """The candidates by name."""
    return name_list(one.candidate.shown for one in measured)
