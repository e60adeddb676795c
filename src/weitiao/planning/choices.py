"""Hyperparameter heuristics, one function each: facts in, value and reason out.

They are pure functions: nothing here reads files or clocks. Where the numbers come from: dev/LOG.md
(mostly its entry on the skeleton).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from weitiao import parts
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.data.prepare.profile import Profile
from weitiao.data.rows import COLUMN_SEPARATOR, extra_columns
from weitiao.i18n.messages import _, name_list
from weitiao.labels.hierarchy import levels_of
from weitiao.planfile.plan import Reason
from weitiao.planfile.sections import FEWEST_EPOCHS
from weitiao.planning.facts import Facts
from weitiao.planning.in_budget import (
    epochs_in_budget,
    usual_batch_size,
    validation_share,
)
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.base import Task

MAX_EPOCHS = 15
LEAST_EPOCHS = 0.1  # that a run is expected to reach, however short its budget
# Small data are repeated until so many rows are seen in all: 200 rows of trec6 reached 0.914 after
# 15 epochs and 0.872 after 8 (minilm-l6 at 1e-4, dev/LOG.md).
TARGET_ROWS = 6_000
FEW_UPDATES = 150  # a run of fewer has a smaller batch size, and a higher rate if it is shallow
RARE = 10  # times as many rows has the largest label as the rarest: labels are weighted
SHALLOW_LAYERS = 6  # with 12, twice the rate learned nothing (see dev/LOG.md)


def checkpoint(language: str, shares: Any, name: str) -> Reason:
    """The default checkpoint of the rows' language."""
    evidence = name_list(
        _("other {share:.0%}", share=share) if key == "other" else f"{key} {share:.0%}"
        for key, share in shares.items()
        if share
    )
    why = {
        "en": _("the texts are English: a small English encoder is quick and good"),
        "zh": _("the texts are Chinese: the encoder must know Chinese characters"),
    }.get(language, _("the texts are not (only) English: a multilingual encoder"))
    return Reason(value=name, reason=why, evidence=_("share of rows: {shares}", shares=evidence))


def batch_size(facts: Facts, epochs: float | None = None) -> Reason:
    """A smaller batch size for few rows, so that there are enough updates, and for short budgets.

    epochs: of the plan, as far as they are known.
    """
    size = usual_batch_size(facts)
    evidence = _("about {rows:,} training rows", rows=facts.train_rows)
    if _few_updates(facts, epochs):
        why = _("the budget leaves time for few updates: smaller batches give more of them")
        return Reason(value=size // 2, reason=why, evidence=evidence)
    why = _("few rows: smaller batches give more updates") if size == 16 else _("the usual size")
    return Reason(value=size, reason=why, evidence=evidence)


def _few_updates(facts: Facts, epochs: float | None) -> bool:
    """Whether a budget leaves time for fewer than FEW_UPDATES; of tasks where that was measured."""
    if not facts.budget or epochs is None or not facts.task.small_batches:
        return False
    return epochs * facts.train_rows / usual_batch_size(facts) < FEW_UPDATES


def epochs(facts: Facts, expected: float) -> Reason:
    """Epochs: enough for few rows. expected: those that the budget has time for; the clock of the
    run decides, since an estimate made on a busy machine would end a run long before its time."""
    rows, value = facts.train_rows, usual_epochs(facts)
    if expected < value:
        return Reason(
            value=value,
            reason=_(
                "at most; {seconds:.0f} s have time for about {epochs:.1f} of them here",
                seconds=facts.budget or 0.0,
                epochs=expected,
            ),
            evidence=_("about {rows:,} training rows", rows=rows),
        )
    why = (
        _("enough updates for few rows") if value > FEWEST_EPOCHS else _("enough for so many rows")
    )
    evidence = _("about {rows:,} training rows; Mosbach et al. 2021, Zhang et al. 2021", rows=rows)
    return Reason(value=value, reason=why, evidence=evidence)


def expected_epochs(facts: Facts, length: int, train_length: int | None = None) -> float:
    """Epochs that a run is expected to reach: the usual ones, or what the budget has time for.

    length: maximum tokens that predictions read; train_length: that training reads, where fewer.
    """
    usual = float(usual_epochs(facts))
    if not facts.budget:
        return usual
    return min(usual, max(LEAST_EPOCHS, epochs_in_budget(facts, length, train_length)))


def usual_epochs(facts: Facts) -> int:
    """Epochs without a budget."""
    return max(FEWEST_EPOCHS, min(MAX_EPOCHS, round(TARGET_ROWS / facts.train_rows)))


def learning_rate(facts: Facts, epochs: float | None = None) -> Reason:
    """Learning rate: higher for small networks, and higher still for shallow ones where a budget
    is short."""
    # Narrow networks hardly learn at the usual 2e-5. Of minilm-l6 (width 384) the accuracy was
    # 0.536 at 2e-5, 0.761 at 1e-4 and 0.780 at 3e-4 (sst2, 360 rows, three seeds, dev/LOG.md); the
    # last two cannot be told apart, and the lower rate is the safer one.
    width = facts.network.hidden_size
    rate = 1e-4 if width <= 512 else 3e-5 if width <= 896 else 1.5e-5
    if facts.adapter:
        times = parts.find("adapters", facts.adapter).rate_factor
        return Reason(
            value=float(f"{rate * times:.2g}"),
            reason=_(
                "{adapter} trains few, new weights: its learning rate is about {times:.0f} times "
                "that of full fine-tuning",
                adapter=facts.adapter,
                times=times,
            ),
            evidence=_("hidden size {width}", width=width),
        )
    if width <= 512 and facts.network.layers <= SHALLOW_LAYERS and _few_updates(facts, epochs):
        return Reason(
            value=2 * rate,
            reason=_(
                "the budget leaves time for few updates, and so shallow a network stays "
                "stable at twice the rate"
            ),
            evidence=_(
                "hidden size {width}, {layers} layers", width=width, layers=facts.network.layers
            ),
        )
    return Reason(
        value=rate,
        reason=_("the narrower the network, the higher the rate that stays stable"),
        evidence=_("hidden size {width}", width=width),
    )


def warmup_ratio(facts: Facts) -> Reason:
    """Warm-up: a tenth of the run."""
    return Reason(
        value=0.1,
        reason=_("a slow start with bias-corrected AdamW keeps runs on few rows from failing"),
        evidence=_("Mosbach et al. 2021"),
    )


def evaluations(epochs: float) -> Reason:
    """Number of evaluations: about one an epoch, between 3 and 10."""
    value = max(3, min(10, round(epochs)))
    return Reason(value=value, reason=_("about once an epoch; the best model is saved"))


def validation_size(facts: Facts) -> Reason:
    """Validation split: a tenth, more of few rows, at most some thousands of many."""
    rows = facts.rows
    return Reason(
        value=validation_share(rows),
        reason=_("enough rows to tell better weights from worse ones"),
        evidence=_("{rows:,} labelled rows", rows=rows),
    )


def class_weights(facts: Facts) -> Reason | None:
    """Class weights: balanced when some label is rare enough to be ignored by the network."""
    labels = facts.profile.labels
    if not labels or not issubclass(facts.task.answers, Labels):
        return None
    rare = min(labels, key=lambda label: labels[label])
    evidence = _(
        "{label!r} has {rows:,} rows, the largest label {most:,}",
        label=rare,
        rows=labels[rare],
        most=max(labels.values()),
    )
    if facts.profile.imbalance >= RARE:
        why = _("mistakes on rare labels cost more, else the network would ignore them")
        return Reason(value="balanced", reason=why, evidence=evidence)
    return Reason(value="none", reason=_("no label is very rare"), evidence=evidence)


class HasProfile(Protocol):
    """The profile of rows, and their task."""

    @property
    def profile(self) -> Profile: ...

    @property
    def task(self) -> type[Task]: ...


def metrics(facts: HasProfile, usual: tuple[str, ...]) -> Reason | None:
    """Metrics: macro F1 first where always predicting the majority label would look good."""
    shares = facts.profile.shares
    if not issubclass(facts.task.answers, Labels) or not shares:
        return None
    largest = max(shares, key=lambda label: shares[label])
    if shares[largest] < 0.8:
        return None
    order = ["macro_f1", *(name for name in usual if name != "macro_f1")]
    return Reason(
        value=order,
        reason=_("macro F1 picks the best model: accuracy would reward ignoring the rare labels"),
        evidence=_(
            "always saying {label!r} would have an accuracy of {accuracy:.2f}",
            label=largest,
            accuracy=shares[largest],
        ),
    )


def optimizer(facts: Facts) -> Reason:
    """AdamW with sparse updates of the embeddings."""
    if facts.adapter:
        return Reason(
            value={"adamw": {}},
            reason=_("the word vectors are frozen with {adapter}", adapter=facts.adapter),
        )
    words = 1 - facts.network.encoder / facts.network.parameters
    return Reason(
        value={"adamw": {"lazy_embeddings": True}},
        reason=_(
            "an update moves only the vectors of words in its rows, the rest of the vocabulary "
            "costs nothing; lazy_embeddings: false is plain AdamW"
        ),
        evidence=_("word vectors are {share:.0%} of the weights", share=words),
    )


def precision(facts: Facts) -> Reason:
    """Precision: the fastest where the plan is run."""
    rates = name_list(f"{kind} {rate / 1e9:.0f}" for kind, rate in facts.speed.all.items())
    return Reason(
        value="auto",
        reason=_(
            "the fastest arithmetic that computes right: {kind} on this machine",
            kind=facts.speed.precision,
        ),
        evidence=_("measured, 10^9 operations a second: {rates}", rates=rates),
    )


HEAD_RATE = 1e-2  # learning rate
FEW_A_LABEL = 32  # training rows; with 64 thucnews titles lost 5.7 points by it, trec6 gained 2.0
CONTRASTED = 16  # labels at most: an update has so many rows, and compares those of one label


def strategies(facts: Facts) -> Reason | None:
    """Supervised contrast for few rows a label. A higher learning rate for the head of taggers: at
    the network's own, they find no span in the first hundred updates."""
    labels = len(facts.profile.labels)
    usual = facts.single_texts and not facts.adapter and facts.profile.imbalance < RARE
    if facts.sentences and usual and 2 <= labels <= CONTRASTED:
        return _contrast(facts.train_rows / labels)
    if facts.task.head != "tokens" or facts.adapter:
        return None
    return Reason(
        value={"head_rate": {"learning_rate": HEAD_RATE}},
        reason=_(
            "the head starts from nothing; at the rate of the network below it would find "
            "spans only after many updates"
        ),
        evidence=_(
            "cluener, 400 rows, e5-small, 6 epochs: F1 {with_it} with it, {without} "
            "without; wnut17, 500 rows, minilm-l6: {with_other} and {without_other}",
            with_it="0.40",
            without="0.00",
            with_other="0.32",
            without_other="0.28",
        ),
    )


def _contrast(rows_a_label: float) -> Reason | None:
    """Supervised contrast, where a label has few rows."""
    if rows_a_label > FEW_A_LABEL:
        return None
    return Reason(
        value={"contrast": {}},
        reason=_(
            "about {rows:.0f} training rows a label: rows of one label are drawn together, others "
            "apart, which teaches more than the labels alone",
            rows=rows_a_label,
        ),
        evidence=_(
            "accuracy with 8 rows a label, mean of two samples, with it and without: trec6 "
            "{trec} and {trec_without}, thucnews titles {thucnews} and {thucnews_without}, sst2 "
            "{sst} and {sst_without}",
            trec="0.87",
            trec_without="0.75",
            thucnews="0.73",
            thucnews_without="0.69",
            sst="0.68",
            sst_without="0.67",
        ),
    )


def reason_of_model(name: str, known: Profile, usual: Reason) -> str:
    """The reason of a checkpoint by the user, with a warning where its languages do not fit."""
    entry = CATALOGUE.get(name)
    if entry is None or known.language in entry.languages:
        return _("given by you")
    figures = {"share": known.languages.get(known.language, 0.0), "usual": usual.value}
    if known.language == "zh":
        return _(
            "given by you, but {share:.0%} of the rows are Chinese: {usual} fits them", **figures
        )
    return _(
        "given by you, but {share:.0%} of the rows are not English: {usual} fits them", **figures
    )


def reason_of_roles(known: Profile) -> str:
    """Why each column has its role, as one text; its parts are translated one by one."""
    why = known.reasons
    if columns := extra_columns(known.roles):
        without = {role: name for role, name in known.roles.items() if role != "columns"}
        return _(
            "{reason}; columns: read as text before it, {example}",
            reason=reason_of_roles(replace(known, roles=without)),
            example=COLUMN_SEPARATOR.join([*(f"{name}: ..." for name in columns), "..."]),
        )
    if "context" in known.roles:
        return _(
            "question: {question}; context: {context}; target: {target}",
            question=why.get("question", "?"),
            context=why["context"],
            target=why["target"],
        )
    if "premise" in known.roles:
        return _(
            "premise: {premise}; hypothesis: {hypothesis}; target: {target}",
            premise=why["premise"],
            hypothesis=why.get("hypothesis", "?"),
            target=why["target"],
        )
    if "text_pair" in known.roles:
        return _(
            "text: {text}; text_pair: {pair}; target: {target}",
            text=why.get("text", "?"),
            pair=why["text_pair"],
            target=why["target"],
        )
    return _("text: {text}; target: {target}", text=why.get("text", "?"), target=why["target"])


def reason_of_paths(known: Profile) -> str:
    """The reason of the task where labels are paths of a hierarchy."""
    top, *_unused, last = levels_of(tuple(known.labels), known.separator)
    return _(
        "{why}; the labels are paths ({example}), {count} under {parents}, so each level is "
        "evaluated too; task.classification.separator= takes them as flat",
        why=known.reasons["task"],
        example=last.names[0],
        count=len(last.names),
        parents=len(top.names),
    )
