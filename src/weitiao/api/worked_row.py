"""The worked example of a design document: one training row through the untrained network, its loss
and its gradient, measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from weitiao.core.sanitize import shortened
from weitiao.data.quality.finding import target_of
from weitiao.data.quality.personal_data import hidden
from weitiao.data.rows import Rows
from weitiao.example import Batch
from weitiao.losses.base import Loss
from weitiao.losses.contrastive import Contrastive
from weitiao.losses.standard import BCE, IGNORED, MSE, CrossEntropy, Span
from weitiao.model.model import Model
from weitiao.reporting.design.facts import GradientFact, LabelFact, WorkedRow
from weitiao.training.run import training_feed

SEARCHED = 200  # training rows, among which one of readable length is taken
READABLE = 120  # characters
TRIED = 20  # of them, until one has a label
BATCH = 4  # rows, where the loss of one depends on the others
SHOWN = 6  # outputs, the largest; the target's own among them
TOLERANCE = 1e-3  # between the loss by the formula and that of the training code
CHARACTERS = 400  # of a text in the document


def worked_row(model: Model, train: Rows) -> WorkedRow:
    """Run a training row through the network, dropout off, and keep what its loss is made of."""
    cost = model.loss()
    place, batch, tokens = _chosen(model, train, cost)
    net = model.net.eval()
    net.needs_logits = True
    output = model.task.loss(net, batch.to(next(net.parameters()).device), cost)
    labels = batch.labels
    assert labels is not None
    loss = output.loss / max(float(cost.count(labels)), 1e-12)
    (example,) = train.take([place]).examples()
    names, outputs = example.inputs, output.logits.detach().float().cpu()
    worked = WorkedRow(
        id=train.take([place]).ids()[0],
        texts={role: shortened(hidden(_plain(text)), CHARACTERS) for role, text in names.items()},
        target=shortened(target_of(example.target), CHARACTERS),
        tokens=tokens,
        kind="other",
        outputs=[],
        count=outputs.shape[-1] if outputs.ndim else 0,
        loss=float(loss.detach()),
        weights=_largest_gradient(model, loss),
    )
    if (made := _OF_LOSS.get(type(cost))) is None or not float(cost.count(labels)):
        return worked
    shown, total = made(model, cost, outputs, batch)
    # A head may have another loss than the plan names (a CRF): then no formula is shown.
    agrees = math.isclose(total, float(output.loss.detach()), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return worked.model_copy(update=shown) if agrees else worked


def _chosen(model: Model, train: Rows, cost: Loss) -> tuple[int, Batch, int]:
    """The most readable row that the loss has a label of: its position, its batch, its tokens."""
    chosen: tuple[int, Batch, int] | None = None
    for place in _readable(train)[:TRIED]:
        others = [at for at in range(len(train)) if at != place]
        rows = train.take([place, *others[: BATCH - 1]] if model.task.contrasts else [place])
        feed = training_feed(model, rows, model.plan.train.truncate_to)
        # Of a text in windows, the first: a batch of tokens is one encoded row.
        count = 1 if model.task.per_token else len(rows)
        batch = model.batch(feed.encoded, list(range(count)), feed.labels)
        assert batch.labels is not None
        known = float(cost.count(batch.labels)) > 0
        if known or chosen is None:
            chosen = place, batch, int(feed.encoded.lengths[0])
        if known:
            break
    assert chosen is not None, "training rows are never empty"
    return chosen


def _readable(train: Rows) -> list[int]:
    """Positions of some rows, the one whose text is nearest to a readable length first."""
    some = train.take(np.arange(min(SEARCHED, len(train)))).examples()
    lengths = [sum(len(_plain(text)) for text in one.inputs.values()) for one in some]
    sizes = [
        (bool(one.target in (None, [], "")), length > READABLE, abs(length - READABLE // 2), at)
        for at, (one, length) in enumerate(zip(some, lengths, strict=True))
    ]
    return [size[-1] for size in sorted(sizes)]


def _plain(text: Any) -> str:
    return " ".join(text) if isinstance(text, (list, tuple)) else str(text)


def _largest_gradient(model: Model, loss: Tensor) -> GradientFact | None:
    """The weight of the last matrix that moves this row's loss most."""
    named = [(name, p) for name, p in model.net.named_parameters() if p.requires_grad]
    for name, param in reversed([one for one in named if one[1].ndim == 2] or named):
        (gradient,) = torch.autograd.grad(loss, param, retain_graph=True, allow_unused=True)
        if gradient is None or gradient.is_sparse or not bool(gradient.any()):
            continue
        place = int(gradient.abs().flatten().argmax())
        where = [int(at) for at in np.unravel_index(place, gradient.shape)]
        decay = model.plan.train.weight_decay if param.ndim > 1 else 0.0
        value, slope = (float(one.detach().flatten()[place]) for one in (param, gradient))
        return GradientFact(
            name=name.removeprefix("native."), place=where, value=value, gradient=slope, decay=decay
        )
    return None


# --- what each loss is made of: fields of WorkedRow, and the loss summed over the batch by formula


def _cross_entropy(
    model: Model, cost: CrossEntropy, logits: Tensor, batch: Batch
) -> tuple[dict[str, Any], float]:
    labels = batch.labels
    assert labels is not None
    logits = logits.reshape(-1, logits.shape[-1])
    soft = labels.is_floating_point()
    flat = labels.reshape(-1, labels.shape[-1]) if soft else labels.flatten()
    if not soft and len(flat) != len(logits):  # texts: logits of the labels alone
        flat = flat[flat != IGNORED]
    known = np.arange(len(flat)) if soft else np.flatnonzero(flat.numpy() != IGNORED)
    log_p, smoothing = logits.log_softmax(-1), cost.label_smoothing
    shares = torch.zeros_like(logits)
    for at in known:
        shares[at] = flat[at] if soft else torch.nn.functional.one_hot(flat[at], logits.shape[1])
    weights = torch.tensor(cost.weights or [1.0] * logits.shape[1])
    smooth = shares * (1 - smoothing)
    smooth[known] += smoothing / logits.shape[1]
    total = float(-(smooth * log_p * weights)[known].sum())
    place = int(known[0])
    row, share, true = logits[place], shares[place], int(shares[place].argmax())
    listed = list(dict.fromkeys([true, *row.topk(min(SHOWN, len(row))).indices.tolist()]))[:SHOWN]
    names = _names(model, sorted(listed))
    token = ""
    if model.task.per_token and not model.task.writes:
        ids = batch.tensors["input_ids"].flatten()
        token = str(model.tokenizer.convert_ids_to_tokens(int(ids[place])))
    outputs = _outputs(names, (row, share, row.softmax(-1)), sorted(listed))
    return {
        "kind": "cross_entropy",
        "outputs": outputs,
        "log_sum": float(row.logsumexp(-1)),
        "smoothing": smoothing,
        "mean_log": float(log_p[place].mean()),
        "weight": float(weights[true]),
        "unit": token,
        # Of this label alone, where a row has several: tags, tokens of a text.
        "loss": float(-(smooth[place] * log_p[place]).sum()),
    }, total


def _binary(model: Model, cost: BCE, logits: Tensor, batch: Batch) -> tuple[dict[str, Any], float]:
    assert batch.labels is not None
    known = ~batch.labels.isnan()
    targets, weights = batch.labels.nan_to_num(), torch.tensor(cost.weights or 1.0)
    inner = weights * targets * torch.nn.functional.logsigmoid(logits)
    inner = inner + (1 - targets) * torch.nn.functional.logsigmoid(-logits)
    total = float(-(inner * known).sum())
    first = list(range(min(SHOWN, logits.shape[-1])))
    return {
        "kind": "binary" if not cost.weights else "other",
        "outputs": _outputs(
            _names(model, first), (logits[0], targets[0], logits[0].sigmoid()), first
        ),
    }, total


def _squared(model: Model, cost: MSE, logits: Tensor, batch: Batch) -> tuple[dict[str, Any], float]:
    assert batch.labels is not None
    target, logit = float(batch.labels.flatten()[0]), float(logits.flatten()[0])
    total = float(((logits.flatten() - batch.labels.flatten()) ** 2).nansum())
    return {
        "kind": "squared",
        "outputs": [LabelFact(name="", logit=logit, share=target)],
    }, total


def _span(model: Model, cost: Span, logits: Tensor, batch: Batch) -> tuple[dict[str, Any], float]:
    assert batch.labels is not None
    labels = batch.labels.reshape(-1).numpy()
    logits = logits.reshape(-1, 2)
    first = int(np.flatnonzero((labels > 0) & (labels % 2 == 1))[0])
    last = int(np.flatnonzero(labels > 1)[0])
    sums = logits.logsumexp(0)
    scores = float(logits[first, 0]), float(logits[last, 1])
    total = -(scores[0] - float(sums[0]) + scores[1] - float(sums[1])) / 2
    return {
        "kind": "span",
        "count": len(logits),
        "outputs": [
            LabelFact(name=name, logit=score, share=log_sum, probability=math.exp(score - log_sum))
            for name, score, log_sum in zip(("start", "end"), scores, sums.tolist(), strict=True)
        ],
    }, total


def _contrastive(
    model: Model, cost: Contrastive, logits: Tensor, batch: Batch
) -> tuple[dict[str, Any], float]:
    assert batch.labels is not None
    rows = len(batch.labels)
    similar = cost.similarities(logits, batch.labels)
    losses = -similar.log_softmax(1).diagonal()
    similar_p = similar[0].softmax(0)
    cosines = [float(one) * cost.temperature for one in similar[0]]
    return {
        "kind": "contrastive",
        "count": rows,
        "temperature": cost.temperature,
        "log_sum": float(similar[0].logsumexp(0)),
        "outputs": [
            LabelFact(
                name=str(at + 1), logit=one, share=float(at == 0), probability=float(similar_p[at])
            )
            for at, one in enumerate(cosines)
            if math.isfinite(one)
        ],
        "loss": float(losses[0]),
    }, float(losses.sum())


def _names(model: Model, places: Sequence[int]) -> list[str]:
    if model.task.writes:
        return [str(one) for one in model.tokenizer.convert_ids_to_tokens(list(places))]
    choices = model.task.choices
    return [choices[at] if at < len(choices) else str(at) for at in places]


def _outputs(
    names: Sequence[str], values: Sequence[Tensor], places: Sequence[int]
) -> list[LabelFact]:
    """values: logits, shares of the target, probabilities, each of all outputs."""
    logits, shares, probabilities = values
    return [
        LabelFact(
            name=hidden(name),
            logit=float(logits[at]),
            share=float(shares[at]),
            probability=float(probabilities[at]),
        )
        for name, at in zip(names, places, strict=True)
    ]


_OF_LOSS: dict[type[Loss], Callable[..., tuple[dict[str, Any], float]]] = {
    CrossEntropy: _cross_entropy,
    BCE: _binary,
    MSE: _squared,
    Span: _span,
    Contrastive: _contrastive,
}
