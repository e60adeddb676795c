"""What a plan for questions about passages says beside what every plan says."""

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

__all__ = ["TASK", "decided", "max_length"]

TASK = "question_answering"
LENGTHS = (64, 96, 128, 192, 256, 384)
COVER = 0.95
USUAL_ANSWER, LONGEST_ANSWER = 30, 200  # tokens
ANSWERS_COVERED = 0.99


def decided(
    facts: Facts, source: Source, how: ReadOptions, revision: str | None
) -> dict[str, Reason]:
    """What is decided otherwise, or more of, than where labels are the answers."""
    known = facts.profile
    rows = Rows(source.table, everything(source.table), known.roles, source.name, known.task)
    rows = without_misfits(rows, how.skip_bad, [], [])
    _, tokenizer = network_of(facts.network.checkpoint, revision)
    found: dict[str, Reason | None] = {
        "task": task_settings(rows, tokenizer, known.reasons["task"]),
        "evaluate.metrics": metrics(rows, QuestionAnswering.metrics),
    }
    return {path: reason for path, reason in found.items() if reason is not None}


def task_settings(rows: Rows, tokenizer: Any, reason: str) -> Reason:
    """How answers are compared, and how long they can be, by the answers of sampled rows."""
    targets = [golds for golds in rows.targets() if golds is not None]
    texts = [text for golds in targets for text in texts_of(golds)]
    characters = by_characters(texts)
    longest = _longest(texts, tokenizer)
    told = (
        _("{why}; answers are Chinese: they are compared by characters, as CMRC 2018 does",
             why=reason)
        if characters
        else _("{why}; answers are compared by words, as SQuAD does", why=reason)
    )  # fmt: skip
    silent = sum(not golds for golds in targets) / max(len(targets), 1)
    evidence = _("{share:.0%} of the questions have no answer; 99 % of the answers have at most "
                    "{longest} tokens", share=silent, longest=longest)  # fmt: skip
    settings = {
        "max_answer_length": min(max(USUAL_ANSWER, longest), LONGEST_ANSWER),
        "units": "characters" if characters else "words",
    }
    return Reason(value={rows.task: settings}, reason=told, evidence=evidence)


def metrics(rows: Rows, usual: Sequence[str]) -> Reason | None:
    """Beside the usual ones, where some questions have no answer, whether these are told apart."""
    if all(golds != () for golds in rows.targets()):
        return None
    return Reason(
        value=[*usual, "answerable_auroc"],
        reason=_("some questions have no answer: the model has to tell them apart"),
    )


def _longest(texts: Sequence[str], tokenizer: Any) -> int:
    if not texts:
        return USUAL_ANSWER
    told = tokenizer(list(texts), add_special_tokens=False, verbose=False)
    sizes = [len(ids) for ids in told["input_ids"]]
    return int(np.quantile(sizes, ANSWERS_COVERED, method="higher"))


def max_length(facts: Facts) -> Reason:
    """The shortest usual length that holds nearly all passages whole; longer ones are windowed."""
    room = facts.network.max_length
    lengths = [n for n in LENGTHS if n <= room] or [room]
    covered = {n: float((facts.tokens <= n).mean()) for n in lengths}
    chosen = next((n for n in lengths if covered[n] >= COVER), lengths[-1])
    return Reason(
        value=chosen,
        reason=_("holds {share:.0%} of the questions with their passages whole; longer passages "
                    "are read in windows", share=covered[chosen]),
        evidence=_("half have at most {half} tokens", half=int(np.median(facts.tokens))),
    )  # fmt: skip
