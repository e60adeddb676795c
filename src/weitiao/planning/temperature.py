"""The temperature of the contrastive loss: the one that fits the vectors of the network as it is.

E5 was trained at 0.01, the encoders of sentence-transformers at 0.05. Another one makes all cosines
of the network too close together or too far apart, and training undoes that before it learns.
"""

from __future__ import annotations

import numpy as np

from weitiao.core.fingerprint import of_text
from weitiao.data.rows import Rows
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning.facts import sampled

ROWS = 64  # of the comparison, each against the passages of all others
FEWEST_ROWS = 16
LENGTH = 128  # tokens; of longer passages the beginning is compared
TRIED = (0.01, 0.02, 0.03, 0.05, 0.1)


def loss(plan: Plan, rows: Rows) -> dict[str, Reason]:
    """The loss of a bi-encoder with its temperature; nothing where rows are too few to tell.

    rows: rows with a question and its passage, of which some are read.
    """
    if len(rows) < FEWEST_ROWS:
        return {}
    count, losses = compared(plan, rows)
    best = int(np.argmin(losses))
    if not np.isfinite(losses[best]):  # a broken checkpoint, which training will tell
        return {}
    chosen = Reason(
        value={"contrastive": {"temperature": TRIED[best]}},
        reason=_("at this temperature the encoder as it is tells right passages from wrong best"),
        evidence=_(
            "{rows} pairs, loss at {temperatures}: {losses}",
            rows=count,
            temperatures=", ".join(map(str, TRIED)),
            losses=", ".join(f"{one:.2f}" for one in losses),
        ),
    )
    return {"train.loss": chosen}


def compared(plan: Plan, rows: Rows) -> tuple[int, np.ndarray]:
    """Rows that were read, and the contrastive loss of the untrained encoder at each temperature;
    other right passages of a question are no negatives."""
    from weitiao.model.model import Model

    rows = rows.take(sampled(len(rows), ROWS))
    length = min(LENGTH, plan.model.max_length)
    model = Model.start(plan.with_({"model.max_length": length}), rows)
    examples = rows.examples()
    vectors = np.asarray(model.scores(examples), np.float64)
    width = vectors.shape[1] // 2
    cosines = vectors[:, :width] @ vectors[:, width:].T
    right = np.eye(len(examples), dtype=bool)
    for texts in ([str(one.target) for one in examples],
                  [str(one.inputs["text"]) for one in examples]):  # fmt: skip
        known = np.array([of_text(text) for text in texts])
        right |= known[:, None] == known[None, :]
    np.fill_diagonal(right, val=False)
    return len(rows), np.array([_loss(cosines / one, right) for one in TRIED])


def _loss(similar: np.ndarray, right: np.ndarray) -> float:
    """The mean cross-entropy of each question's own passage; other right ones are no negatives."""
    similar = np.where(right, -np.inf, similar)
    highest = similar.max(axis=1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(similar - highest).sum(axis=1))
    return float((total - np.diag(similar)).mean())
