"""`weitiao choose`: measure the checkpoints at hand on some of the rows, and plan with the one that
fits the goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from weitiao import parts
from weitiao.api.inputs import PlanOptions, source_of, wish_of, with_targets
from weitiao.core.clock import latency_of
from weitiao.core.units import bytes_of
from weitiao.errors import ModelError, PlanError, WeitiaoError
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.evaluation.metrics.base import Metric
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, name_list, plural
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning import advise, cost
from weitiao.planning.candidates import (
    Candidate,
    Limits,
    Refused,
    beyond,
    inspected,
    reachable,
    too_slow,
)
from weitiao.planning.choice import GOALS, Pick, method, method_in_words, pick, with_refused
from weitiao.planning.measured import (
    FEWEST_ROWS,
    ROWS,
    Measured,
    Sample,
    latency,
    measurable,
    measured,
    texts_of,
    tokens_a_text,
)
from weitiao.tasks.base import Task

TUNING_SHARE = 0.1  # of the time that tuning all candidates takes; measuring takes at most that
LEAST_ROWS = 100  # that are measured all the same
LOADING_SECONDS = 1.5  # of a checkpoint, and
LOADED_BYTES = 4e8  # a second
OUTRIGHT = 3.0  # times the latency wanted: an estimate as far off as that refuses without measuring

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Choice:
    """The result of `choose`. plan: with the chosen model, its reason, and all figures in
    `plan.expect["candidates"]`; table: what was measured, the best first; refused: with reasons."""

    plan: Plan
    goal: str
    metric: str
    picked: Pick
    table: tuple[Measured, ...]
    refused: tuple[Refused, ...]
    method: str
    expected_seconds: float
    tuning_seconds: float

    @property
    def model(self) -> str:
        """The name of the chosen checkpoint."""
        return self.picked.one.name

    def plain(self) -> dict[str, Any]:
        """The figures as plain values."""
        return {
            "model": self.model,
            "goal": self.goal,
            "method": str(self.method),
            "reason": str(self.plan.why["model.checkpoint"].reason),
            "margin": self.picked.margin,
            "tied": [one.name for one in self.picked.tied],
            "expected_seconds": round(self.expected_seconds, 1),
            "seconds": round(sum(one.seconds for one in self.table), 1),
            "tuning_seconds": round(self.tuning_seconds, 1),
            **figures_of(self.table, self.refused, self.metric),
        }

    def __repr__(self) -> str:
        return f"Choice({self.model}, {self.metric}={self.picked.one.score:.3f}, {self.goal})"


def choose(
    rows: Any,
    targets: Any = None,
    *,
    candidates: str | Sequence[str] | None = None,
    goal: str = "accuracy",
    latency: float | str | None = None,
    memory: int | str | None = None,
    licence: str | None = None,
    length: int | None = None,
    threads: int | None = None,
    say: Say | None = None,
    **options: Unpack[PlanOptions],
) -> Choice:
    """Measure checkpoints on some of the rows, and plan with the one that fits the goal.

    rows and targets: as for `fit`. candidates: names, folders, folders of folders; default: all
    that need no network. goal: accuracy, speed or small. latency: of one text, in seconds or
    "20ms"; memory: of training, in bytes or "4GB"; licence: "permissive" or a name; length: tokens
    that it must be able to read. options: as for `plan`. Raises WeitiaoError.
    """
    if goal not in GOALS:
        message = _("--goal: {goal!r} is none of {goals}.", goal=goal, goals=name_list(GOALS))
        raise WeitiaoError(message)
    if options.get("model") or options.get("revision"):
        raise WeitiaoError(_("choose measures models: name them as candidates, not as model."))
    limits = Limits(latency_of(latency), _bytes(memory), licence, length)
    names = candidates.split(",") if isinstance(candidates, str) else candidates
    set_threads(threads)
    path, source = source_of(rows, targets)
    wish = wish_of(path, with_targets(options, source, targets))
    return _Choosing(wish, limits, goal, names, say or _silent, source).run()


def _batch_tokens(draft: Plan, size: int = 32) -> int:
    """Tokens of the largest batch in training."""
    return min(cost.MOST_TOKENS, size * draft.model.max_length)


def _silent(text: str) -> None:
    """Nobody listens."""


def _bytes(wanted: int | str | None) -> int | None:
    return bytes_of(wanted, "--memory") if isinstance(wanted, str) else wanted


@dataclass(frozen=True)
class _Costed:
    """A candidate with its estimates."""

    candidate: Candidate
    tokens: float  # of a text
    forward: float  # seconds of one text
    tuning: float
    memory_mb: float  # of training, with all weights
    least_mb: float  # with LoRA

    @property
    def loading(self) -> float:
        return LOADING_SECONDS + 4 * self.candidate.network.parameters / LOADED_BYTES


@dataclass(frozen=True)
class _Choosing:
    """One choice: the request, and the steps to its result."""

    wish: advise.Wish
    limits: Limits
    goal: str
    names: Sequence[str] | None
    say: Say
    source: Any = None

    def run(self) -> Choice:
        """All steps. Raises WeitiaoError."""
        known, source = advise.look(self.wish, self.source)
        kind: type[Task] = parts.find("tasks", known.task)
        if not measurable(kind):
            raise PlanError([_not_measurable(known.task)])
        draft = advise.drafted(self.wish, known)
        labelled = advise.labelled_rows(source, known, self.wish)
        if len(labelled) < FEWEST_ROWS:
            message = _(
                "{file}: {rows} with a label are too few to compare models on; label at least "
                "{least}, or name one: --model.",
                file=source.name,
                rows=plural(len(labelled), "row"),
                least=FEWEST_ROWS,
            )
            raise WeitiaoError(message)
        texts = texts_of(labelled, ROWS)
        names_here, refused = reachable(self.names)
        costed = []
        for name in names_here:
            one = inspected(name, texts, known.task, known.language, named=self.names is not None)
            if isinstance(one, Refused):
                refused.append(one)
                continue
            estimated = self._estimated(one, texts, draft, known.rows)
            guess = estimated.forward
            sure = guess > OUTRIGHT * (self.limits.latency or guess)
            latency_known = guess if sure else 0.0
            if reason := beyond(one, self.limits, estimated.least_mb, latency_known):
                refused.append(Refused(name, reason))
            else:
                costed.append(estimated)
        if not costed:
            raise ModelError(_nothing_left(refused))
        return self._measured(costed, refused, draft, labelled, source)

    def _estimated(self, one: Candidate, texts: Sequence[str], draft: Plan, rows: int) -> _Costed:
        """Time and memory of a candidate by the machine's measured speed."""
        speed = cost.measure(draft.train.precision)
        network = one.network
        tokens = tokens_a_text(one, texts, min(draft.model.max_length, network.max_length))
        forward = tokens * cost.token_seconds(network, tokens, speed) / 3
        learned = max(1.0, rows * 0.8)
        epochs = max(3, min(15, round(6_000 / learned)))
        size = 16 if learned < 1500 else 32
        tuning = cost.training_seconds(
            network, speed, rows=learned * epochs, length=tokens, batch_size=size
        )
        batch = _batch_tokens(draft, size)
        lora = parts.build("adapters", "lora", {})
        narrow = int(lora.size(network.hidden_size, network.inner_size, network.layers))
        return _Costed(
            one, tokens, forward, tuning,
            cost.memory_mb(network, batch_tokens=batch),
            cost.memory_mb(network, batch_tokens=batch, learned=narrow),
        )  # fmt: skip

    def _measured(
        self, costed: list[_Costed], refused: list[Refused], draft: Plan, labelled: Any, source: Any
    ) -> Choice:
        tuning = sum(one.tuning for one in costed)
        each = sum(one.forward for one in costed)
        loading = sum(one.loading for one in costed)
        fitting = int((TUNING_SHARE * tuning - loading) / max(each, 1e-9))
        count = min(len(labelled), ROWS, max(LEAST_ROWS, fitting))
        picked = np.linspace(0, len(labelled) - 1, count).astype(int)
        sample = Sample.of(labelled.take(picked), draft)
        expected = loading + each * count
        self.say(
            _(
                "measuring {models} on {rows}: about {seconds:.0f} s; tuning them all would take "
                "about {tuning:.0f} s",
                models=plural(len(costed), "model"),
                rows=plural(len(sample.rows), "row"),
                seconds=expected,
                tuning=tuning,
            )
        )
        table: list[Measured] = []
        for one in costed:
            try:
                figures = replace(measured(one.candidate, sample), memory_mb=one.memory_mb)
                timed = self._with_latency(figures, sample, draft, refused)
            except WeitiaoError as error:
                refused.append(Refused(one.candidate.name, str(error)))
                continue
            if timed is not None:
                table.append(timed)
                self.say(_line(timed, sample.metric_name))
        if not table:
            raise ModelError(_nothing_left(refused))
        return self._decided(table, refused, sample, source, draft, (expected, tuning))

    def _with_latency(
        self, one: Measured, sample: Sample, draft: Plan, refused: list[Refused]
    ) -> Measured | None:
        """The candidate with the time of one text, where that decides; None if it is too slow."""
        if self.limits.latency is None and self.goal != "speed":
            return one
        alone = latency(one.candidate, sample, draft)
        if self.limits.latency is not None and alone > self.limits.latency:
            refused.append(Refused(one.name, too_slow(alone, self.limits.latency)))
            return None
        return replace(one, latency=alone)

    def _decided(
        self,
        table: list[Measured],
        refused: list[Refused],
        sample: Sample,
        source: Any,
        draft: Plan,
        seconds: tuple[float, float],
    ) -> Choice:
        metric = sample.metric
        chosen = pick(table, self.goal, metric, sample.metric_name)
        one = chosen.one
        network = one.candidate.network
        way = method(one, sample, self.limits, network, _batch_tokens(draft))
        reason = Reason(
            value=one.name,
            reason=chosen.reason,
            evidence=with_refused(chosen.evidence, refused),
        )
        decided = {"model.checkpoint": reason, **way}
        changed = {path: value for path, value in decided.items() if path not in self.wish.changes}
        wish = replace(self.wish, model=None, decided=changed)
        plan = advise.advise(wish, source).plan
        ordered = _best_first(table, metric)
        about = figures_of(ordered, refused, sample.metric_name)
        plan = plan.model_copy(update={"expect": {**plan.expect, **about}})
        return Choice(
            plan, self.goal, sample.metric_name, chosen, tuple(ordered), tuple(refused),
            method_in_words(way, sample), *seconds,
        )  # fmt: skip


def figures_of(
    table: Sequence[Measured], refused: Sequence[Refused], metric: str
) -> dict[str, Any]:
    """What was measured, and what was refused, as plain values."""
    return {
        "candidates": [_figures(one, metric) for one in table],
        "refused": [{"model": one.name, "why": str(one.reason)} for one in refused],
    }


def _figures(one: Measured, metric: str) -> dict[str, Any]:
    candidate = one.candidate
    shown: Mapping[str, float | None] = {
        "score": one.score,
        "low": one.low,
        "high": one.high,
        "neighbours": one.neighbours,
        "log_me": one.log_me,
        "h_score": one.h_score,
        "row_ms": 1000 * one.row_seconds,
        "text_ms": None if one.latency is None else 1000 * one.latency,
        "unknown": candidate.unknown,
    }
    return {
        "model": one.name,
        "metric": metric,
        **{name: round(value, 4) for name, value in shown.items() if value is not None},
        "rows": one.rows,
        "memory_mb": round(one.memory_mb),
        "parameters": candidate.network.parameters,
        "licence": candidate.licence,
    }


def _best_first(table: Sequence[Measured], metric: Metric) -> list[Measured]:
    return sorted(table, key=lambda one: one.score, reverse=metric.higher_is_better)


def _line(one: Measured, metric: str) -> str:
    return _(
        "{model}: {metric} {score:.3f} ({low:.3f} to {high:.3f}), {time:.1f} ms a row",
        model=one.candidate.shown,
        metric=metric_name(metric),
        score=one.score,
        low=one.low,
        high=one.high,
        time=1000 * one.row_seconds,
    )


def _not_measurable(task: str) -> str:
    return _(
        "choose compares models for tasks with one answer for a whole text (classification, "
        "multilabel, regression, nli, similarity), not for {task}: name one with `weitiao plan "
        "--model`; `weitiao models --task {task}` lists some.",
        task=task,
    )


def _nothing_left(refused: Sequence[Refused]) -> str:
    if not refused:
        return _(
            'no model is at hand: pip install "weitiao[offline]", or name folders with '
            "--candidates."
        )
    first = refused[0]
    return _(
        "no model is left to choose from; {count} refused, {model} for one: {why}. Loosen the "
        "limits, or name others with --candidates.",
        count=len(refused),
        model=first.name,
        why=first.reason,
    )
