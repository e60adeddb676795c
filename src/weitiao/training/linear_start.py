"""Linear probing before fine-tuning (LP-FT, Kumar et al. 2022): the output layer is fitted to the
features of the pre-trained network, and fine-tuning starts from there.

A new output layer is noise: the first updates then bend a network that was good to answers that are
not. Fitted first, it answers at once as well as a linear model on the network's own features, which
is also the least that a run leaves behind.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weitiao.core.ragged import Ragged, together, values_of
from weitiao.data.cache.encoded import Encoded
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.table import MADE_BY
from weitiao.data.rows import Rows
from weitiao.errors import DivergedError
from weitiao.i18n.messages import _
from weitiao.losses.base import Loss
from weitiao.model.model import Model
from weitiao.model.output_layer import OutputLayer, features, output_layer
from weitiao.training.batches import Feed

MAX_ROWS = 4_000  # a linear layer on some hundred features gains little beyond
CHUNK_ROWS = 256  # whose features are read between two looks at the clock
MAX_TOKENS = 40_000  # the same for tags, of which each token has one
# L2 penalties, as the inverse strengths C of scikit-learn on standardised features. They are tried
# in this order, each from the solution before, until the held-out loss has risen twice.
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
LEAST_STD = 0.2  # of a feature, as a share of the mean one
# Of one row a label, accuracy at 0.001 and 0.01: banking77 0.527, 0.543; trec6 0.280, 0.310.
ONE_SHOT_STRENGTH = 0.01
FOLDS = 4  # of cross-validation, by which the strength is chosen
HELD_OUT_ROWS = 500  # enough to choose by: of many rows, fewer folds are held out
ITERATIONS = 40  # of L-BFGS for one strength
SMALL = 50_000_000  # multiplications of one step; below, threads cost more than they gain
RISES = 2
_MADE = re.compile(r"(?:#[a-z_]+\d+)+$")  # what steps put behind an id: "a.csv:17#aeda2"


def possible(model: Model) -> bool:
    """Whether this model has an output layer that can be fitted by itself."""
    if model.task.writes:
        return False
    layer = output_layer(model)
    # Two numbers a token, of which a softmax over the whole text is taken, are no such layer.
    return layer is not None and layer.weight.requires_grad and model.task.head != "spans"


def fit_output_layer(
    model: Model,
    train: Feed,
    cost: Loss,
    rows: int = MAX_ROWS,
    left: Callable[[], float] | None = None,
    *,
    origins: np.ndarray | None = None,
    read_features: Callable[..., Any] = features,
) -> OutputLayer:
    """Fit the output layer to features of at most `rows` training rows by the loss of the plan.

    The rows are the first of an order drawn with the plan's seed; the same rows give the same layer
    to the last bit. left: seconds that are left for reading features; when they are used up, the
    rows read so far must do. origins: of `origins_of`; a row and its copies share a fold when the
    penalty is chosen. read_features: as `features`. Raises DivergedError where a loss is not
    finite.
    """
    generator = np.random.default_rng(model.plan.train.seed)
    order = generator.permutation(len(train.labels))
    if train.weights is not None:  # a row of weight 0 is not there
        order = order[train.weights[order] > 0]
    order = order[:rows]
    read = []
    for start in range(0, len(order), CHUNK_ROWS):
        read.append(read_features(model, train.encoded, order[start : start + CHUNK_ROWS]))
        if left and left() <= 0:
            order = order[: start + CHUNK_ROWS]
            break
    inputs, targets, groups = _known(together(read), train.labels[order], generator)
    weights = None if train.weights is None else _weights_of(train.weights[order], groups)
    # Standardised: one strength of the penalty then means the same for all networks and features.
    mean, std = _moments(inputs, weights)
    # What hardly varies in these rows would get weights of any size, and varies once the network
    # learns.
    std = std.clamp(min=float(std.mean()) * LEAST_STD + 1e-6)
    inputs = (inputs - mean) / std
    outputs = model.task.outputs
    if origins is not None:
        first, place = np.unique(origins[order], return_index=True, return_inverse=True)[1:]
        groups = first[place][groups]  # places of originals in the drawn order, which is random
    losses = held_out_losses(inputs, targets, groups, cost, outputs, weights)
    strength = STRENGTHS[int(losses.argmin())]
    weight, bias = fitted(inputs, targets, cost, outputs, strength, weights)
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise DivergedError(
            _(
                "the output layer cannot be fitted before training: its loss is not finite. "
                "Look for broken rows with `weitiao look`, or set train.linear_start=false."
            )
        )
    return OutputLayer(weight / std, bias - (weight / std) @ mean, len(order), strength)


def fitted(
    inputs: Tensor,
    targets: Tensor,
    cost: Loss,
    outputs: int,
    strength: float,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Weight and bias for one strength of the penalty; inputs: standardised features."""
    with _threads(inputs.numel() * outputs):
        return list(_path(inputs, targets, cost, outputs, (strength,), weights))[-1]


def origins_of(rows: Rows, encoded: Encoded) -> np.ndarray | None:
    """For each encoded row a number of the row that it was made from, or of itself; None where no
    step made any of them."""
    if MADE_BY not in rows.table.column_names:
        return None
    made = cell_texts(rows.table.column(MADE_BY), rows.indices)
    if not any(made):
        return None
    ids = [
        _MADE.sub("", identity) if step else identity
        for identity, step in zip(rows.ids(), made, strict=True)
    ]
    numbers = np.unique(np.array(ids), return_inverse=True)[1]
    return numbers if encoded.owners is None else numbers[encoded.owners]


def _known(
    read: Any, labels: Any, generator: np.random.Generator
) -> tuple[Tensor, Tensor, np.ndarray]:
    """Features and labels of rows, or of the tokens that have a label; and the row of each."""
    targets = torch.from_numpy(values_of(labels))
    if not isinstance(read, Ragged):
        return torch.from_numpy(read), targets, np.arange(len(read))
    rows = np.repeat(np.arange(len(read)), read.lengths)
    known = np.flatnonzero(targets.numpy() >= 0)
    if len(known) > MAX_TOKENS:
        known = np.sort(generator.choice(known, MAX_TOKENS, replace=False))
    return torch.from_numpy(read.values[known]), targets[known].long(), rows[known]


def _moments(inputs: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and std of the features; a row of weight 2 counts as two."""
    if weights is None or float(weights.sum()) <= 1:
        return inputs.mean(0), inputs.std(0)
    mean = (inputs * weights[:, None]).sum(0) / weights.sum()
    squares = ((inputs - mean).pow(2) * weights[:, None]).sum(0)
    return mean, (squares / (weights.sum() - 1)).sqrt()


def _weights_of(weights: np.ndarray, groups: np.ndarray) -> Tensor:
    """The weight of each row or token. groups: the row of each."""
    return torch.from_numpy(weights[groups].astype(np.float32))


def held_out_losses(
    inputs: Tensor,
    targets: Tensor,
    groups: np.ndarray,
    cost: Loss,
    outputs: int,
    weights: Tensor | None = None,
) -> np.ndarray:
    """The cross-validated loss of each strength, (strengths,); tokens of a row share a fold.

    inputs: standardised features (n, width); groups: the row of each.
    """
    with _threads(inputs.numel() * outputs):
        return _held_out_losses(inputs, targets, groups, cost, outputs, weights)


def _held_out_losses(
    inputs: Tensor,
    targets: Tensor,
    groups: np.ndarray,
    cost: Loss,
    outputs: int,
    weights: Tensor | None,
) -> np.ndarray:
    rows = np.unique(groups)
    folds = min(FOLDS, len(rows))
    if folds < 2:
        return np.arange(len(STRENGTHS), dtype=float)  # the strongest penalty
    # Rows were drawn or split at random, so that every folds-th one is a random part.
    fold_of = torch.from_numpy(np.searchsorted(rows, groups) % folds)
    held_out = np.full((folds, len(STRENGTHS)), math.inf)
    used = []
    for fold in range(folds):
        apart = fold_of == fold
        judged = apart & _learnable(targets, ~apart)
        if not judged.any():
            continue
        used.append(fold)
        inside = None if weights is None else weights[~apart]
        path = _path(inputs[~apart], targets[~apart], cost, outputs, STRENGTHS, inside)
        own = () if weights is None else (weights[judged],)
        least, rises = math.inf, 0
        for at, (weight, bias) in enumerate(path):
            logits = nn.functional.linear(inputs[judged], weight, bias)
            summed = cost.value(logits, targets[judged], *own)
            loss = float(summed / _count(cost, targets[judged], *own))
            loss = loss if math.isfinite(loss) else math.inf
            held_out[fold, at] = loss
            least, rises = min(loss, least), 0 if loss <= least else rises + 1
            if rises == RISES:
                break
        if len(rows) * (fold + 1) >= HELD_OUT_ROWS * folds:
            break
    if not used:  # each label has one row: any strength is a guess
        return np.abs(np.log(np.array(STRENGTHS) / ONE_SHOT_STRENGTH))
    return np.asarray(held_out[used].mean(0))


def _learnable(targets: Tensor, inside: Tensor) -> Tensor:
    """Rows whose label can be learned from the rows `inside`: of a label that has none there, the
    least loss is that of a layer that has learned nothing."""
    if targets.ndim > 1 or targets.is_floating_point():
        return torch.ones_like(inside)
    return torch.isin(targets, targets[inside])


def linear_layer(
    inputs: Tensor, targets: Tensor, cost: Loss, outputs: int, strength: float
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer on standardised features, for one strength."""
    with _threads(inputs.numel() * outputs):
        return next(_path(inputs, targets, cost, outputs, (strength,)))


@contextmanager
def _threads(multiplications: int) -> Iterator[None]:
    """One thread for small products: with other programs on the cores, threads that wait for each
    other at every small product take many times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if multiplications < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _path(
    inputs: Tensor,
    targets: Tensor,
    cost: Loss,
    outputs: int,
    strengths: tuple[float, ...],
    weights: Tensor | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias for each strength, each found from the one before."""
    weight = torch.zeros(outputs, inputs.shape[1], requires_grad=True)
    bias = torch.zeros(outputs, requires_grad=True)
    own = () if weights is None else (weights,)
    count = _count(cost, targets, *own)
    for strength in strengths:
        search = torch.optim.LBFGS(
            [weight, bias],
            max_iter=ITERATIONS,
            history_size=10,
            tolerance_grad=1e-4,
            tolerance_change=1e-7,
            line_search_fn="strong_wolfe",
        )

        def objective(search: Any = search, penalty: float = 0.5 / strength) -> Tensor:
            search.zero_grad()
            logits = nn.functional.linear(inputs, weight, bias)
            loss = (cost.value(logits, targets, *own) + penalty * weight.pow(2).sum()) / count
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        with torch.enable_grad():
            search.step(objective)  # type: ignore[no-untyped-call]
        yield weight.detach().clone(), bias.detach().clone()


def _count(cost: Loss, targets: Tensor, *weights: Tensor) -> float:
    return max(float(cost.count(targets, *weights)), 1e-12)
