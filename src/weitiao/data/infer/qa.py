"""Which columns are a question, the passage it is asked about, and the answers in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from weitiao.data.answers import TASK
from weitiao.data.files import take
from weitiao.data.infer.column_names import words
from weitiao.data.infer.column_stats import Column
from weitiao.i18n.messages import _
from weitiao.labels.passages.golds import parse_answers

SAMPLE = 200
FEW, OFTEN = 20, 10  # so many different values in ten times the rows are labels
FOUND = 0.5  # of the rows must hold an answer of theirs in the passage
QUESTIONS = words("question questions query 问题 提问 问句")
PASSAGES = words(
    "context contexts passage paragraph document article text 上下文 段落 原文 材料 文章"
)
ANSWERS = words("answers answer answer_text gold_answer gold_answers label target 答案 回答")
STARTS = words("answer_start start answer_begin 起始位置 答案位置")


def reading_roles(
    table: Any, found: Mapping[str, Column], given: Mapping[str, Any], task: str | None
) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Roles and reasons where questions are answered from passages; None where they are not."""
    asked = task == TASK or "context" in given or "question" in given
    if not asked and (task is not None or given.keys() & {"text", "text_pair", "premise"}):
        return None
    roles: dict[str, Any] = dict(given)
    reasons = {role: _("given by you") for role in given}
    lower = {name.lower(): name for name in found}
    for role, names in (("question", QUESTIONS), ("context", PASSAGES), ("target", ANSWERS)):
        named = next((lower[name] for name in names
                      if name in lower and lower[name] not in roles.values()), None)  # fmt: skip
        if role not in roles and named is not None:
            roles[role], reasons[role] = named, _("its name")
    if not {"question", "context", "target"} <= roles.keys():
        return None
    starts = next((lower[name] for name in STARTS if name in lower), None)
    if not asked and starts is None and _are_labels(found[str(roles["target"])]):
        return None
    share = _share_found(table, str(roles["context"]), str(roles["target"]))
    if not asked and share < FOUND:
        return None
    reasons["target"] = _("{share:.0%} of the answers stand in their passage", share=share)
    for role, names in (("start", STARTS), ("group", ["article"])):
        named = next((lower[name] for name in names if name in lower), None)
        if role not in roles and named is not None and named not in roles.values():
            roles[role], reasons[role] = named, _("its name")
    return roles, reasons


def _are_labels(target: Column) -> bool:
    """Whether a target has few different values, each in many rows: yes and no, 0 and 1."""
    few = 2 <= target.distinct <= FEW and len(target.values) >= OFTEN * target.distinct
    return few and not any(value[0] in "[{" for value in target.counts)


def _share_found(table: Any, context: str, target: str) -> float:
    """The share of the answers that stand in their passage."""
    rows = table.num_rows
    positions = np.unique(np.linspace(0, max(0, rows - 1), min(rows, SAMPLE)).astype(np.int64))
    passages, cells = (take.texts(table.column(name), positions) for name in (context, target))
    held = [
        any(text.strip() in passage for _, text in answers)
        for passage, cell in zip(passages, cells, strict=True)
        if (answers := parse_answers(cell))
    ]
    return sum(held) / max(len(held), 1)
