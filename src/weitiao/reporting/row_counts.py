"""figures.json: how the rows were spread when they were judged; counts only, no texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weitiao.data.prepare.load import Data
from weitiao.data.prepare.profile import language_of
from weitiao.data.rows import Rows
from weitiao.model.model import Model
from weitiao.results.format import round_edges
from weitiao.run import Run
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.base import Task

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
    spread = (_numbers if model.task.numeric else _labels)(model.task, targets)
    run.write(
        "figures",
        {"rows": {**{name: len(rows) for name, rows in splits.items()}, "sealed": sealed},
         "unlabelled": len(data.unlabelled), **spread, **_texts(model, data.train)},
    )  # fmt: skip


def _labels(task: Task, targets: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Each label's rows in each part, the most frequent of train first."""
    counts = {name: Counter(task.label_counts(rows)) for name, rows in targets.items()}
    if issubclass(task.answers, Passages) and not all(map(all, targets.values())):
        counts = {
            name: Counter("answer" if golds else "no answer" for golds in rows)
            for name, rows in targets.items()
        }
    if not any(counts.values()):
        return {}
    total = sum(counts.values(), Counter())
    order = sorted(total, key=lambda label: (-counts["train"][label], -total[label], str(label)))
    return {
        "labels": {str(label): [c[label] for c in counts.values()]
                   for label in order[:MOST_LABELS]},
        "label_count": len(order),
    }  # fmt: skip


def _numbers(task: Task, targets: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
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
        "lengths": {**_spread(lengths, cut), "windowed": model.task.head == "spans"},
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
