"""Vectors of texts by a frozen pre-trained encoder, cached by the content of the texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from weitiao.checkpoints.resolve import resolve
from weitiao.core import fingerprint
from weitiao.data.cache import store
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything, extra_columns
from weitiao.model.model import Model
from weitiao.model.output_layer import features
from weitiao.planfile.plan import Plan

VERSION = 2  # raised when the same text gets another vector
TOKENS = 128  # of a text that are read
TASK = "classification"


def vectors_of(rows: Rows, checkpoint: str, revision: str | None = None) -> np.ndarray:
    """Mean token vectors over the upper layers, (rows, width); of pairs [u, v, |u - v|, u * v]
    (InferSent, Conneau et al. 2017)."""
    model: list[Model] = []
    parts = [_of_role(rows, role, checkpoint, revision, model) for role in rows.text_roles]
    if len(parts) == 1:
        return parts[0]
    first, second = parts[:2]
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)


def _of_role(
    rows: Rows, role: str, checkpoint: str, revision: str | None, loaded: list[Model]
) -> np.ndarray:
    roles: dict[str, Any] = {"text": rows.roles[role]}
    if role == rows.text_roles[0] and (extra := extra_columns(rows.roles)):
        roles["columns"] = extra
    texts = Rows(rows.table, rows.indices, roles, rows.name, TASK)
    known = [weights_of(checkpoint, revision), str(TOKENS), str(VERSION), texts.fingerprint]
    file = store.folder("vectors") / f"{fingerprint.of_texts(*known)}.npy"
    store.hold(file)
    try:
        vectors: np.ndarray = np.load(file, allow_pickle=False)
        if len(vectors) == len(rows):
            return vectors
    except (OSError, ValueError, EOFError):
        pass
    if not loaded:
        loaded.append(_encoder(checkpoint, revision))
    encoded = loaded[0].encode(texts)
    vectors = np.asarray(features(loaded[0], encoded, np.arange(len(rows))), np.float32)
    with store.written(file) as sibling, Path(sibling).open("wb") as out:
        np.save(out, vectors, allow_pickle=False)
    return vectors


def weights_of(checkpoint: str, revision: str | None) -> str:
    """What says which weights a checkpoint has: of a folder, its files too."""
    source = resolve(checkpoint, revision)
    folder = Path(source.path_or_name)
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    stats = [f"{one.name} {one.stat().st_size} {one.stat().st_mtime_ns}" for one in files]
    return " ".join([str(source.path_or_name), str(source.revision), *stats])


def _encoder(checkpoint: str, revision: str | None) -> Model:
    """A network whose features are the means of its token vectors over the upper half of the
    layers; its output layer is not used."""
    plan = Plan.parse(
        {
            "task": {TASK: {"labels": ["0", "1"]}},
            "data": {"path": "memory:none", "roles": {"text": "text", "target": "label"}},
            "model": {
                "checkpoint": checkpoint,
                "revision": revision,
                "max_length": TOKENS,
                "head": {"weighted_layers": {"pooling": "mean"}},
            },
        }
    )
    source = from_rows([{"text": "a", "label": "0"}, {"text": "b", "label": "1"}])
    rows = Rows(source.table, everything(source.table), plan.data.roles, "none", TASK)
    model = Model.start(plan, rows)
    # The mean over the upper half of the layers: a softmax of -1e4 is 0. The last layer alone is
    # bent to what the network was trained for, and says less of other labels (dev/LOG.md).
    mix = model.net.native.head.mix.weights
    with torch.no_grad():
        mix[: len(mix) // 2] = -1e4
    model.net.eval()
    return model
