"""Hyperparameter heuristics for question answering: windows, answer lengths, units, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.prepare.filter import without_misfits
from weitiao.data.rows import Rows, everything
from weitiao.i18n.messages import _
from weitiao.labels.passages.agreement import by_characters
from weitiao.labels.passages.golds import texts_of
from weitiao.planfile.plan import Reason
from weitiao.planning.facts import Facts, network_of
from weitiao.tasks.question_answering import QuestionAnswering

LENGTHS = (64, 96, 128, 192, 256, 384)
COVERAGE = 0.95  # proportion of the passages that max_length should hold whole
USUAL_ANSWER, MAX_ANSWER = 30, 200  # tokens
ANSWERS_COVERED = 0.99  # quantile of the answer lengths


def choices_of(
    facts: Facts, source: Source, how: ReadOptions, revision: str | None
) -> dict[str, Reason]:
    """The choices that differ from those for labels, or that labels do not have."""
    known = facts.profile
    rows = Rows(source.table, everything(source.table), known.roles, source.name, known.task)
    rows = without_misfits(rows, how.skip_bad, [], [])
    _, tokenizer = network_of(facts.network.checkpoint, revision)
    chosen: dict[str, Reason | None] = {
        "task": task_settings(rows, tokenizer, known.reasons["task"]),
        "evaluate.metrics": metrics(rows, QuestionAnswering.metrics),
    }
    return {path: reason for path, reason in chosen.items() if reason is not None}


def task_settings(rows: Rows, tokenizer: Any, reason: str) -> Reason:
    """The unit by which answers are compared, and their maximum length, from the gold answers."""
    targets = [golds for golds in rows.targets() if golds is not None]
    texts = [text for golds in targets for text in texts_of(golds)]
    characters = by_characters(texts)
    longest = _longest(texts, tokenizer)
    why = (
        _(
            "{why}; answers are Chinese: they are compared by characters, as CMRC 2018 does",
            why=reason,
        )
        if characters
        else _("{why}; answers are compared by words, as SQuAD does", why=reason)
    )
    unanswerable = sum(not golds for golds in targets) / max(len(targets), 1)
    evidence = _(
        "{share:.0%} of the questions have no answer; 99 % of the answers have at most "
        "{longest} tokens",
        share=unanswerable,
        longest=longest,
    )
    settings = {
        "max_answer_length": min(max(USUAL_ANSWER, longest), MAX_ANSWER),
        "units": "characters" if characters else "words",
    }
    return Reason(value={rows.task: settings}, reason=why, evidence=evidence)


def metrics(rows: Rows, usual: Sequence[str]) -> Reason | None:
    """Adds the AUROC of answerability where some questions have no answer."""
    if all(golds != () for golds in rows.targets()):
        return None
    return Reason(
        value=[*usual, "answerable_auroc"],
        reason=_("some questions have no answer: the model has to tell them apart"),
    )


def _longest(texts: Sequence[str], tokenizer: Any) -> int:
    if not texts:
        return USUAL_ANSWER
    encoded = tokenizer(list(texts), add_special_tokens=False, verbose=False)
    sizes = [len(ids) for ids in encoded["input_ids"]]
    # A quantile and not the maximum: one mislabelled answer would make every prediction search
    # spans of its length.
    return int(np.quantile(sizes, ANSWERS_COVERED, method="higher"))


def max_length(facts: Facts) -> Reason:
    """The shortest usual length that holds nearly all passages whole; longer ones are windowed."""
    room = facts.network.max_length
    lengths = [n for n in LENGTHS if n <= room] or [room]
    covered = {n: float((facts.tokens <= n).mean()) for n in lengths}
    chosen = next((n for n in lengths if covered[n] >= COVERAGE), lengths[-1])
    return Reason(
        value=chosen,
        reason=_(
            "holds {share:.0%} of the questions with their passages whole; longer passages "
            "are read in windows",
            share=covered[chosen],
        ),
        evidence=_("half have at most {half} tokens", half=int(np.median(facts.tokens))),
    )
