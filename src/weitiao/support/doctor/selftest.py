"""Three steps to trust a checkpoint: it loads, learns, and answers the same after saving."""

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
    "good": ("a fine film, I loved it", "lovely room and friendly staff", "这家店很好，推荐",
             "房间干净，服务热情"),
    "bad": ("an awful film, a waste of time", "dirty room and rude staff", "质量很差，不推荐",
            "又贵又慢，失望"),
}  # fmt: skip
UPDATES = 3
RATE = 1e-4
CLOSE = 1e-4  # between answers before and after saving
LENGTH = 48


def finding(checkpoint: str) -> Finding:
    """Load, three updates, save and load again, with the time and memory it took."""
    begun, about, done = awake(), _("self-test"), list[str]()
    try:
        for step in _steps(checkpoint):
            done.append(step)
    except (WeitiaoError, AssertionError, RuntimeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        told = joined([*done, first], "; ")
        return Finding("selftest", about, told, "problem", values={"passed": False})
    seconds, memory = awake() - begun, peak_memory_mb()
    told = _("{steps} ({seconds} s, {memory} MB at most)", steps=joined(done, "; "),
                seconds=f"{seconds:.1f}", memory=f"{memory:,}")  # fmt: skip
    values = {"passed": True, "seconds": round(seconds, 2), "peak_memory_mb": memory}
    return Finding("selftest", about, told, values=values)


def _steps(checkpoint: str) -> Iterator[str]:
    """What went well, one after the other. Raises WeitiaoError at the first that did not."""
    import torch

    from weitiao.model.model import Model
    from weitiao.planfile.plan import Plan

    plan = Plan.parse({
        "task": "classification",
        "data": {"path": "doctor", "roles": {"text": "text", "target": "label"}},
        "model": {"checkpoint": checkpoint, "max_length": LENGTH},
    })  # fmt: skip
    rows = _rows()
    model = Model.start(plan, rows)
    yield _("loads")
    encoded = model.encode(rows)
    labels = model.task.indices(rows.targets(), rows.ids())
    batch = model.batch(encoded, range(len(rows)), labels)
    net, cost = model.net.eval(), model.loss()  # no dropout: only learning changes the loss
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    losses = []
    for _unused in range(UPDATES + 1):
        optimizer.zero_grad()
        loss = model.task.loss(net, batch, cost).loss / len(rows)
        losses.append(float(loss.detach()))
        if len(losses) <= UPDATES:
            torch.autograd.backward(loss)
            optimizer.step()
    shown = f"{losses[0]:.3f} -> {losses[-1]:.3f}"
    if not all(map(math.isfinite, losses)):
        raise WeitiaoError(_("the loss is no number ({losses})", losses=shown))
    if losses[-1] >= losses[0]:
        raise WeitiaoError(_("three updates do not lower the loss ({losses})", losses=shown))
    yield _("learns: loss {losses}", losses=shown)
    yield _same(model, rows)


def _same(model: Any, rows: Any) -> str:
    examples = rows.examples()
    with TemporaryDirectory(prefix="weitiao-") as folder:
        model.save(Path(folder) / "best")
        again = type(model).load(Path(folder) / "best")
        far = float(np.abs(model.scores(examples) - again.scores(examples)).max())
    if not far <= CLOSE:
        raise WeitiaoError(_("answers change by {far} through saving", far=f"{far:.1e}"))
    return _("saves and answers the same")


def _rows() -> Any:
    import pyarrow as pa

    from weitiao.data.files.table import LINE
    from weitiao.data.rows import Rows, everything

    pairs = [(text, label) for label, texts in TEXTS.items() for text in texts]
    table = pa.table({
        "text": [text for text, _ in pairs],
        "label": [label for _, label in pairs],
        LINE: list(range(1, len(pairs) + 1)),
    })  # fmt: skip
    roles = {"text": "text", "target": "label"}
    return Rows(table, everything(table), roles, "doctor", "classification")
