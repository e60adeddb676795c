"""Maximum sequence lengths: of texts in training, and where the model answers."""

from __future__ import annotations

import numpy as np

from weitiao import parts
from weitiao.i18n.messages import _
from weitiao.model.long_texts.base import LongText
from weitiao.planfile.plan import Reason
from weitiao.planfile.sections import FEWEST_EPOCHS
from weitiao.planning.facts import Facts
from weitiao.planning.in_budget import covered, epochs_in_budget, reading_seconds, time_left

LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512)
USUAL_CAP = 256  # tokens; beyond, time grows and the gain for choosing a label is small
MIN_BUDGET_LENGTH = 64  # tokens; a budget does not truncate texts below this
COVERAGE = 0.99  # proportion of the rows that max_length should hold whole
SAVING = 0.9  # shorter texts in training must save a tenth of the tokens
READING_SHARE = 0.4  # of a budget, for reading all rows once where nothing is learned yet


def max_length(facts: Facts) -> Reason:
    """Maximum sequence length: the shortest usual one that covers nearly all rows, within cap and
    budget."""
    if facts.apart:
        return _length_of_windows(facts)
    room = facts.network.max_length
    lengths = [n for n in LENGTHS if n <= room] or [room]
    covering = [n for n in lengths if covered(facts, n) >= COVERAGE]
    chosen = min([*covering, USUAL_CAP, room])
    whole = covered(facts, chosen)
    reason = (
        _(
            "covers {share:.1%} of the rows whole; longer texts are cut after their beginning, "
            "which mostly suffices",
            share=whole,
        )
        if chosen == USUAL_CAP and covering[:1] != [USUAL_CAP]
        else _("covers {share:.1%} of the rows whole", share=whole)
    )
    if facts.budget:
        most = READING_SHARE * time_left(facts)
        readable = [n for n in lengths if n <= chosen and reading_seconds(facts, n) <= most]
        shorter = max([min(chosen, MIN_BUDGET_LENGTH), *readable])
        if shorter < chosen:
            chosen = shorter
            reason = _(
                "the budget of {seconds:.0f} s leaves no time for more", seconds=facts.budget
            )
    cut = 1 - covered(facts, chosen)
    tokens = sorted(facts.tokens.tolist())
    evidence = _(
        "{cut:.1%} of the rows are cut; half of the rows have at most {half} tokens, "
        "99 % at most {most}",
        cut=cut,
        half=tokens[len(tokens) // 2],
        most=tokens[int(len(tokens) * 0.99) - 1 if len(tokens) > 1 else 0],
    )
    return Reason(value=chosen, reason=reason, evidence=evidence)


def train_length(facts: Facts, length: int) -> Reason | None:
    """Maximum sequence length in training, where a budget leaves time for too few epochs of texts
    as long as those that predictions read (`length`); None where they are the same."""
    if not facts.budget or facts.apart or facts.windows(length) > 1:
        return None  # shorter windows save no time: there are more
    if epochs_in_budget(facts, length) >= FEWEST_EPOCHS:
        return None
    shorter = [n for n in LENGTHS if MIN_BUDGET_LENGTH <= n < length]
    fitting = [n for n in shorter if epochs_in_budget(facts, length, n) >= FEWEST_EPOCHS]
    chosen = max(fitting, default=min(shorter, default=None))
    if chosen is None or facts.tokens_a_row(chosen) > SAVING * facts.tokens_a_row(length):
        return None
    return Reason(
        value=chosen,
        reason=_(
            "the budget of {seconds:.0f} s has time for {epochs:.1f} epochs of texts so short; "
            "predictions read {length} tokens, which costs a third of learning them",
            seconds=facts.budget,
            epochs=epochs_in_budget(facts, length, chosen),
            length=length,
        ),
        evidence=_("{epochs:.1f} epochs of whole texts", epochs=epochs_in_budget(facts, length)),
    )


def _length_of_windows(facts: Facts) -> Reason:
    """Maximum sequence length of windowed tasks. Shorter windows save no time: there are more."""
    room = facts.network.max_length
    lengths = [n for n in LENGTHS if n <= min(room, USUAL_CAP)] or [room]
    chosen = next((n for n in lengths if covered(facts, n) >= COVERAGE), lengths[-1])
    return Reason(
        value=chosen,
        reason=_(
            "covers {share:.1%} of the rows whole; longer ones are read in windows",
            share=covered(facts, chosen),
        ),
        evidence=_("half have at most {half} tokens", half=int(np.median(facts.tokens))),
    )


def long_texts(facts: Facts, length: int) -> Reason | None:
    """Truncation, the default for long texts; said where it matters, with what the others cost."""
    cut = 1 - covered(facts, length)
    if facts.apart or cut <= 1 - COVERAGE:
        return None
    windows: LongText = parts.build("long_texts", "windows")
    seen = windows.reads(facts.tokens, length)
    return Reason(
        value={"head": {}},
        reason=_(
            "longer texts are cut after their beginning, which mostly suffices; tail and "
            "head_tail cost as much, windows reads the whole text in about {times:.1f} times the "
            "time and, for the longest rows, {most:.0f} times the memory: compare before you "
            "choose",
            times=float(seen.mean()) / facts.tokens_a_row(length),
            most=float(seen.max()) / length,
        ),
        evidence=_(
            "{cut:.1%} of the rows have more than {length} tokens; {lost:.1%} of all tokens are "
            "cut off and not read",
            cut=cut,
            length=length,
            lost=_lost(facts, length),
        ),
    )


def _lost(facts: Facts, length: int) -> float:
    """The share of all tokens behind `length`."""
    return 1 - float(np.minimum(facts.tokens, length).sum() / max(1, facts.tokens.sum()))
