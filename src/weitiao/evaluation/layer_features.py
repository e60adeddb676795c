"""Features of a frozen encoder in every layer, from one forward pass, cached by texts and weights.

read = layer_means(rows, "e5-small")
read.vectors      (rows, layers, width): means over the tokens
read.seconds      of the forward passes, when they were run
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core import clock, fingerprint
from weitiao.data.cache import store
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything, extra_columns
from weitiao.evaluation.label_errors.vectors import weights_of
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan

VERSION = 1  # raised when the same text gets other features
TOKENS = 128  # of a text that are read
TASK = "classification"


@dataclass(frozen=True, eq=False)
class LayerFeatures:
    """Features (rows, layers, width) of texts, and the seconds of the forward passes."""

    vectors: np.ndarray
    seconds: float
    tokens: int  # of all rows


def layer_means(
    rows: Rows, checkpoint: str, revision: str | None = None, most: int = TOKENS
) -> LayerFeatures:
    """The mean over tokens of the embeddings and of every layer; of pairs [u, v, |u - v|, u * v]
    (InferSent, Conneau et al. 2017). Raises ModelError."""
    loaded: list[Model] = []
    parts = [_of_role(rows, role, checkpoint, revision, most, loaded) for role in rows.text_roles]
    if len(parts) == 1:
        return parts[0]
    first, second = (part.vectors.astype(np.float32) for part in parts[:2])
    both = np.concatenate([first, second, np.abs(first - second), first * second], axis=2)
    return LayerFeatures(both, sum(p.seconds for p in parts), sum(p.tokens for p in parts))


def _of_role(
    rows: Rows, role: str, checkpoint: str, revision: str | None, most: int, loaded: list[Model]
) -> LayerFeatures:
    roles: dict[str, Any] = {"text": rows.roles[role]}
    if role == rows.text_roles[0] and (extra := extra_columns(rows.roles)):
        roles["columns"] = extra
    texts = Rows(rows.table, rows.indices, roles, rows.name, TASK)
    known = [weights_of(checkpoint, revision), str(most), f"layers {VERSION}", texts.fingerprint]
    file = store.folder("vectors") / f"{fingerprint.of_texts(*known)}.npy"
    about = file.with_suffix(".json")
    store.hold(file)
    if (cached := _read(file, about, len(rows))) is not None:
        return cached
    if not loaded:
        loaded.append(_encoder(checkpoint, revision, most))
    model, encoded = loaded[0], loaded[0].encode(texts)
    watch = clock.stopwatch()
    vectors = _means(model, encoded)
    read = LayerFeatures(vectors, watch(), int(encoded.lengths.sum()))
    with store.written(file) as sibling, Path(sibling).open("wb") as out:
        np.save(out, vectors.astype(np.float16), allow_pickle=False)
    with store.written(about) as sibling:
        Path(sibling).write_text(json.dumps([read.seconds, read.tokens]), encoding="utf-8")
    return read


def _read(file: Path, about: Path, rows: int) -> LayerFeatures | None:
    try:
        vectors: np.ndarray = np.load(file, allow_pickle=False)
        seconds, tokens = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError, EOFError):
        return None
    if len(vectors) != rows or vectors.ndim != 3:
        return None
    return LayerFeatures(vectors.astype(np.float32), float(seconds), int(tokens))


def _means(model: Model, encoded: Any) -> np.ndarray:
    """Means over the tokens in every layer, (rows, layers, width); what is no number is 0."""
    import torch

    from weitiao.model.head_layers import Pool

    width = int(model.net.native.config.hidden_size)
    pool = Pool("mean", width)
    seen: list[torch.Tensor] = []

    def catch(_module: Any, inputs: Any) -> None:
        layers, tokens = inputs
        seen[:] = [torch.cat([pool(layer, tokens).float() for layer in layers], dim=1)]

    def run(batch: Any) -> torch.Tensor:
        model.net(batch)
        return seen[0]

    layers = len(model.net.native.head.mix.weights)
    hook = model.net.native.head.register_forward_pre_hook(catch)
    try:
        flat = model.in_batches(run, model.net, layers * width, encoded)
    finally:
        hook.remove()
    # Rounded as the cache does, so that a second call gives the same scores.
    limit = float(np.finfo(np.float16).max)
    rounded = np.nan_to_num(flat, nan=0.0, posinf=limit, neginf=-limit).clip(-limit, limit)
    means = rounded.astype(np.float16).astype(np.float32)
    return np.asarray(means.reshape(len(flat), layers, width))


def _encoder(checkpoint: str, revision: str | None, most: int) -> Model:
    """A network with a head that reads every layer."""
    plan = Plan.parse(
        {
            "task": {TASK: {"labels": ["0", "1"]}},
            "data": {"path": "memory:none", "roles": {"text": "text", "target": "label"}},
            "model": {
                "checkpoint": checkpoint,
                "revision": revision,
                "max_length": most,
                "head": {"weighted_layers": {"pooling": "mean"}},
            },
        }
    )
    source = from_rows([{"text": "a", "label": "0"}, {"text": "b", "label": "1"}])
    rows = Rows(source.table, everything(source.table), plan.data.roles, "none", TASK)
    model = Model.start(plan, rows)
    model.net.eval()
    return model
