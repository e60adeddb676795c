"""Hyperparameter heuristics for retrieval: lengths of passages, batches, prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.checkpoints.sentence_encoder import pooling, prefixes
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Reason
from weitiao.planning.facts import Facts
from weitiao.planning.lengths import COVERAGE, LENGTHS

USUAL_CAP = 256  # tokens of a passage; index passages are cut to this
BATCH = 32  # questions; each sees the passages of all others
RATE = 2e-5
SMALL_RATE = 5e-5  # of narrow networks


def choices_of(
    facts: Facts, examples: Sequence[Example], tokenizer: Any, reason: str
) -> dict[str, Reason]:
    """The choices that differ from those for labels."""
    checkpoint = facts.network.checkpoint
    settings: dict[str, Any] = {**prefixes(checkpoint)}
    why = (
        _("{why}; this encoder was trained with prefixes before the texts", why=reason)
        if settings
        else reason
    )
    pooled = pooling(checkpoint)
    head = {"embedding": {"pooling": pooled}} if pooled not in ("", "mean") else None
    narrow = facts.network.hidden_size <= 512
    chosen = {
        "task": Reason(value={facts.profile.task: settings}, reason=why),
        "model.max_length": _max_length(facts, examples, tokenizer),
        "train.batch_size": Reason(
            value=BATCH,
            reason=_("each question is told from the passages of all others in its batch"),
        ),
        "train.learning_rate": Reason(
            value=SMALL_RATE if narrow else RATE,
            reason=_("gentle: the vectors are good already, and there is no new head"),
            evidence=_("hidden size {width}", width=facts.network.hidden_size),
        ),
        "train.epochs": Reason(
            value=max(1, min(10, round(10_000 / facts.train_rows))),
            reason=_("the best weights are kept"),
            evidence=_("about {rows:,} training rows", rows=facts.train_rows),
        ),
        "train.refit": Reason(
            value="never", reason=_("the length of training was chosen by the validation rows")
        ),
    }
    if head:
        reason = _("its folder says that the encoder was trained so")
        chosen["model.head"] = Reason(value=head, reason=reason)
    return chosen


def _max_length(facts: Facts, examples: Sequence[Example], tokenizer: Any) -> Reason:
    """The shortest usual length that holds nearly all passages whole, within a cap."""
    passages = [str(one.target) for one in examples if one.target]
    encoded = tokenizer(passages, truncation=False, verbose=False)["input_ids"]
    sizes = np.array([len(ids) for ids in encoded]) if passages else np.array([1])
    room = min(facts.network.max_length, USUAL_CAP)
    lengths = [n for n in LENGTHS if n <= room] or [room]
    chosen = next((n for n in lengths if (sizes <= n).mean() >= COVERAGE), lengths[-1])
    return Reason(
        value=chosen,
        reason=_(
            "holds {share:.1%} of the passages whole; longer ones are cut",
            share=float((sizes <= chosen).mean()),
        ),
        evidence=_("half have at most {half} tokens", half=int(np.median(sizes))),
    )
