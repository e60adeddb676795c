"""Self-test of a checkpoint: it loads, its loss falls, and it predicts the same after saving."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from weitiao.core.clock import awake
from weitiao.errors import WeitiaoError
from weitiao.hardware.machine import peak_memory_mb
from weitiao.i18n.messages import _, joined
from weitiao.support.doctor.finding import Finding

TEXTS = {
    "good": (
        "a fine film, I loved it",
        "lovely room and friendly staff",
        "这家店很好，推荐",
        "房间干净，服务热情",
    ),
    "bad": (
        "an awful film, a waste of time",
        "dirty room and rude staff",
        "质量很差，不推荐",
        "又贵又慢，失望",
    ),
}
STEPS = 3
LEARNING_RATE = 1e-4
SCORE_TOLERANCE = 1e-4  # between predictions before and after saving
MAX_LENGTH = 48


def finding(checkpoint: str) -> Finding:
    """Load, train three steps, save and load again; with time and peak memory."""
    start, subject, passed = awake(), _("self-test"), list[str]()
    try:
        for message in _checks(checkpoint):
            passed.append(message)
    except (WeitiaoError, AssertionError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        message = joined([*passed, first], "; ")
        return Finding("selftest", subject, message, "problem", values={"passed": False})
    seconds, memory = awake() - start, peak_memory_mb()
    message = _(
        "{steps} ({seconds} s, peak memory {memory} MB)",
        steps=joined(passed, "; "),
        seconds=f"{seconds:.1f}",
        memory=f"{memory:,}",
    )
    values = {"passed": True, "seconds": round(seconds, 2), "peak_memory_mb": memory}
    return Finding("selftest", subject, message, values=values)


def _checks(checkpoint: str) -> Iterator[str]:
    """A message for each check that passed. Raises WeitiaoError at the first that failed."""
    import torch

    from weitiao.model.model import Model
    from weitiao.planfile.plan import Plan

    roles: dict[str, str | list[str]] = {"text": "text", "target": "label"}
    model_section = {"checkpoint": checkpoint, "max_length": MAX_LENGTH}
    data_section = {"path": "doctor", "roles": roles}
    plan = Plan.parse({"task": "classification", "data": data_section, "model": model_section})
    rows = _rows(roles)
    model = Model.start(plan, rows)
    yield _("loads")
    encoded = model.encode(rows)
    labels = model.task.indices(rows.targets(), rows.ids())
    batch = model.batch(encoded, range(len(rows)), labels)
    # eval mode: without dropout, the loss changes through learning alone
    net, loss_fn = model.net.eval(), model.loss()
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE)
    losses = []
    for _unused in range(STEPS + 1):
        optimizer.zero_grad()
        loss = model.task.loss(net, batch, loss_fn).loss / len(rows)
        losses.append(float(loss.detach()))
        if len(losses) <= STEPS:
            torch.autograd.backward(loss)
            optimizer.step()
    change = f"{losses[0]:.3f} -> {losses[-1]:.3f}"
    if not all(map(math.isfinite, losses)):
        raise WeitiaoError(_("the loss is not finite ({losses})", losses=change))
    if losses[-1] >= losses[0]:
        raise WeitiaoError(_("three steps do not lower the loss ({losses})", losses=change))
    yield _("learns: loss {losses}", losses=change)
    yield _same_after_saving(model, rows)


def _same_after_saving(model: Any, rows: Any) -> str:
    examples = rows.examples()
    with TemporaryDirectory(prefix="weitiao-") as folder:
        model.save(Path(folder) / "best")
        loaded = type(model).load(Path(folder) / "best")
        difference = float(np.abs(model.scores(examples) - loaded.scores(examples)).max())
    if not difference <= SCORE_TOLERANCE:  # "not <=", so that NaN fails too
        raise WeitiaoError(_("saving changes predictions by {far}", far=f"{difference:.1e}"))
    return _("predicts the same after saving")


def _rows(roles: dict[str, str | list[str]]) -> Any:
    import pyarrow as pa

    from weitiao.data.files.table import LINE
    from weitiao.data.rows import Rows, everything

    labels = [label for label, texts in TEXTS.items() for _text in texts]
    texts = [text for texts in TEXTS.values() for text in texts]
    table = pa.table({"text": texts, "label": labels, LINE: list(range(1, len(texts) + 1))})
    return Rows(table, everything(table), roles, "doctor", "classification")
