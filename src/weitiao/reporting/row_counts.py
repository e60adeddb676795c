"""figures.json: how the rows were spread when they were judged; counts only, no texts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from weitiao.data.prepare.load import Data
from weitiao.data.prepare.profile import language_of
from weitiao.data.rows import Rows
from weitiao.labels.tags.schemes import label_counts
from weitiao.model.model import Model
from weitiao.results.format import round_edges
from weitiao.run import Run

SAMPLE = 2000  # rows whose tokens are counted, evenly spread
MOST_LABELS = 1000  # kept; the rest are counted together
BINS = 20
SEEN = 10_000  # tokens: how far lengths are followed


def keep(run: Run, model: Model, data: Data, test: Rows | None) -> None:
    """Write what the page shows of the rows. test: only when it has been opened anyway."""
    splits = {"train": data.train, "validation": data.validation}
    if test is not None:
        splits["test"] = test
    sealed = len(data.sealed_test) if data.sealed_test is not None else 0
    targets = {name: rows.targets() for name, rows in splits.items()}
    if model.task.kind == "tags":
        targets = {name: list(label_counts(found).elements()) for name, found in targets.items()}
    if model.task.kind == "spans":
        spread = _answered(targets)
    else:
        spread = _numbers(targets) if model.task.kind == "number" else _labels(targets)
    run.write(
        "figures",
        {"rows": {**{name: len(rows) for name, rows in splits.items()}, "sealed": sealed},
         "unlabelled": len(data.unlabelled), **spread, **_texts(model, data.train)},
    )  # fmt: skip


def _labels(targets: dict[str, list[Any]]) -> dict[str, Any]:
    """Each label's rows in each part, the most frequent of train first."""
    counts = {
        name: Counter(label for one in found for label in (one if isinstance(one, list) else [one]))
        for name, found in targets.items()
    }
    total = sum(counts.values(), Counter())
    order = sorted(total, key=lambda label: (-counts["train"][label], -total[label], str(label)))
    return {
        "labels": {str(label): [c[label] for c in counts.values()]
                   for label in order[:MOST_LABELS]},
        "label_count": len(order),
    }  # fmt: skip


def _answered(targets: dict[str, list[Any]]) -> dict[str, Any]:
    """Where some questions have no answer, how many in each part."""
    told = {
        name: ["answer" if golds else "no answer" for golds in found]
        for name, found in targets.items()
    }
    return _labels(told) if any("no answer" in found for found in told.values()) else {}


def _numbers(targets: dict[str, list[Any]]) -> dict[str, Any]:
    every = np.concatenate([np.asarray(found, float) for found in targets.values()])
    edges = round_edges(float(every.min()), float(every.max()), BINS)
    return {
        "edges": edges.tolist(),
        "counts": {name: np.histogram(found, edges)[0].tolist() for name, found in targets.items()},
        "mean": float(every.mean()),
        "lowest": float(every.min()),
        "highest": float(every.max()),
    }


def _texts(model: Model, train: Rows) -> dict[str, Any]:
    """Tokens before the cut and languages, of a sample of the training rows."""
    cut = int(model.tokenizer.model_max_length)
    picked = np.unique(np.linspace(0, len(train) - 1, min(SAMPLE, len(train))).astype(int))
    examples = model.clean(train.examples(picked))
    ids = model.task.encode(examples, model.tokenizer, SEEN)["input_ids"]
    lengths = np.array([len(row) for row in ids])
    languages = Counter(
        language_of(text) for row in zip(*model.task.texts(examples), strict=True) for text in row
    )
    return {
        "lengths": {**_spread(lengths, cut), "windowed": model.task.kind == "spans"},
        "languages": {
            name: languages[name] / max(1, languages.total()) for name in ("zh", "en", "other")
        },
        "sampled": len(lengths),
    }


def _spread(lengths: np.ndarray, cut: int) -> dict[str, Any]:
    """A histogram in whole steps; the last bar holds everything from its edge on."""
    most = int(np.quantile(lengths, 0.99, method="higher")) + 1
    step = max(1, round(float(np.diff(round_edges(0, most, BINS))[0])))
    edges = np.arange(0, most + step, step)
    counts = np.bincount(np.minimum(lengths // step, len(edges) - 1), minlength=len(edges))
    return {
        "step": step,
        "counts": counts.tolist(),
        "cut": cut,
        "share_cut": float((lengths > cut).mean()),
        "median": float(np.median(lengths)),
        "longest": int(lengths.max()),
    }
