"""The linear rung: cross-validated scores of a linear model on the frozen features, at several
numbers of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from weitiao.core.clock import awake
from weitiao.core.ragged import Ragged
from weitiao.evaluation.metrics.base import Metric, metrics_of
from weitiao.model.model import Model
from weitiao.model.output_layer import features
from weitiao.planning.expected_phases import CHUNK_ROWS
from weitiao.planning.phase_cost import Sample
from weitiao.planning.quality import Curve
from weitiao.training import linear_start
from weitiao.training.batches import Feed

FOLDS = 5
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the rows that a fold learns from
FEWEST_ROWS = 16  # that a point of the curve learns from
RESAMPLES = 200
MAX_OUTPUTS = 200
FEWEST = 40  # rows that are read; of fewer, no score can be foretold
FEWEST_CHUNKS = 2


@dataclass(frozen=True, eq=False)
class Rung:
    """Features of some training rows, and how long reading each chunk took."""

    positions: np.ndarray
    values: np.ndarray  # (rows, width)
    samples: list[Sample]


def read(model: Model, feed: Feed, positions: np.ndarray, seconds: float) -> Rung:
    """Read features chunk by chunk, until the rows or the seconds end; chunks of any length come in
    a random order, so that what is left out is like what was read. Where no features can be had,
    the forward passes alone are timed."""
    sizes = model.sizes(feed.encoded)
    ordered = positions[np.argsort(sizes[positions], kind="stable")]
    chunks = [ordered[at : at + CHUNK_ROWS] for at in range(0, len(ordered), CHUNK_ROWS)]
    reads = _features if linear_start.possible(model) else _nothing
    rows, values, samples = list[np.ndarray](), list[np.ndarray](), list[Sample]()
    reads(model, feed, chunks[0][:8])  # the first pass builds kernels
    begun = awake()
    for at in np.random.default_rng(model.plan.train.seed).permutation(len(chunks)):
        start = awake()
        values.append(reads(model, feed, chunks[at]))
        rows.append(chunks[at])
        tokens = float(sizes[chunks[at]].sum())
        samples.append(Sample(tokens, len(chunks[at]), awake() - start))
        if awake() - begun > seconds and len(samples) > FEWEST_CHUNKS:
            break
    return Rung(np.concatenate(rows), np.concatenate(values), samples)


def _features(model: Model, feed: Feed, rows: np.ndarray) -> np.ndarray:
    found = features(model, feed.encoded, rows)
    return np.zeros((len(rows), 0)) if isinstance(found, Ragged) else np.asarray(found)


def _nothing(model: Model, feed: Feed, rows: np.ndarray) -> np.ndarray:
    model.logits(feed.encoded, None, rows)
    return np.zeros((len(rows), 0))


def usable(model: Model) -> bool:
    """Whether the task has an answer a row, and a metric whose best value is 1."""
    if model.task.per_token or model.task.writes or model.task.contrasts:
        return False
    metric = _metric(model)
    known = metric.higher_is_better and metric.bounds[1] == 1
    return bool(known) and linear_start.possible(model) and model.task.outputs <= MAX_OUTPUTS


def curve(model: Model, feed: Feed, gold: Any, rung: Rung) -> Curve:
    """Errors at several sizes, pooled over the folds, with a bootstrap over the rows."""
    order = np.random.default_rng(model.plan.train.seed).permutation(len(rung.positions))
    positions, inputs = rung.positions[order], torch.from_numpy(rung.values[order])
    targets = torch.from_numpy(np.asarray(feed.labels[positions]))
    count = len(positions)
    inputs = _standard(inputs)
    cost, outputs = model.loss(), model.task.outputs
    losses = linear_start.held_out_losses(inputs, targets, np.arange(count), cost, outputs)
    strength = linear_start.STRENGTHS[int(losses.argmin())]
    fold_of = np.arange(count) % min(FOLDS, count)
    learned = count - count // min(FOLDS, count)
    sizes = sorted({max(round(share * learned), min(FEWEST_ROWS, learned)) for share in SHARES})
    metric, weights = _metric(model), _resamples(count)
    golds = np.asarray(gold)[positions]
    errors = []
    for size in sizes:
        logits = np.zeros((count, outputs), np.float32)
        for fold in np.unique(fold_of):
            inside = np.flatnonzero(fold_of != fold)[:size]
            outside = np.flatnonzero(fold_of == fold)
            weight, bias = linear_start.fitted(
                inputs[inside], targets[inside], cost, outputs, strength
            )
            logits[outside] = (inputs[outside] @ weight.T + bias).numpy()
        answers = model.task.to_answers(golds, model.task.score(logits))
        errors.append(1 - np.asarray(metric.values(answers, weights), float))
    return Curve(np.array(sizes), np.nan_to_num(np.column_stack(errors), nan=1.0))


def _standard(inputs: torch.Tensor) -> torch.Tensor:
    std = inputs.std(0)
    return (inputs - inputs.mean(0)) / std.clamp(
        min=float(std.mean()) * linear_start.LEAST_STD + 1e-6
    )


def _resamples(rows: int) -> np.ndarray:
    """(resamples, rows): how often each row counts; the first one is the rows themselves."""
    generator = np.random.default_rng(0)
    return generator.multinomial(rows, np.full(rows, 1 / rows), RESAMPLES).astype(float)


def _metric(model: Model) -> Metric:
    return next(iter(metrics_of(model.task, model.plan.evaluate.metrics).values()))


def metric_name(model: Model) -> str:
    """The metric that the score is of: the first one of the plan."""
    return next(iter(metrics_of(model.task, model.plan.evaluate.metrics)))
