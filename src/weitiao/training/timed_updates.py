"""Timed updates: a few real ones, of the shortest, of middle and of the longest rows that a plan's
updates will have, so that the time of all can be told from their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from weitiao.core.clock import awake
from weitiao.core.ragged import edges, flat
from weitiao.data.cache.encoded import Encoded
from weitiao.hardware.probe import pinned_precision, resolve
from weitiao.model.model import Model
from weitiao.training import distributed, memory
from weitiao.training.batches import Feed, Stream
from weitiao.training.loop import Length, fit, learning

LEVELS = (0.0, 0.4, 0.8, 1.0)  # quantiles of the updates' tokens
OF_A_FEW = 0.75  # the quantile at which the longest of three updates is expected
REPEATED = 3  # updates of a level, after one that warms up
MOST_UPDATES = 4_000  # of a run, whose tokens are counted; of more, a part at its beginning


@dataclass(frozen=True)
class UpdateCost:
    """An update: tokens with padding as its micro-batches have them, rows, seconds."""

    tokens: float
    rows: int
    seconds: float


def update_tokens(model: Model, feed: Feed, updates: int) -> np.ndarray:
    """(updates,) tokens of each update of a run, with the padding of its micro-batches."""
    plan = model.plan.train
    stream = Stream(
        model.sizes(feed.encoded),
        plan.seed,
        plan.batch_size,
        _at_once(model, feed),
        model.packs,
        buckets=not model.packs,
    )
    return np.array([_tokens(stream, at) for at in range(min(updates, MOST_UPDATES))])


def _tokens(stream: Stream, update: int) -> float:
    """Tokens that the network computes in an update."""
    (micros,) = stream.micros(update)
    sizes = [stream.lengths[micro.positions] for micro in micros]
    if stream.packed:
        return float(sum(one.sum() for one in sizes))
    return float(sum(one.max() * len(one) for one in sizes))


def _at_once(model: Model, feed: Feed) -> int:
    """The plan's tokens at once; for `auto` the most there can be."""
    wanted = model.plan.train.micro_batch_tokens
    longest = int(model.sizes(feed.encoded).max())
    return max(memory.MAX_TOKENS if wanted == "auto" else wanted, longest)


def longer_mb(model: Model, feed: Feed, tokens: np.ndarray) -> float:
    """Memory in MB that the longest update needs more than the longest of a few.

    tokens: of `update_tokens`.
    """
    _loss, _strategies, loss_of = learning(model, model.loss())
    usual, most = np.minimum(np.quantile(tokens, OF_A_FEW), _at_once(model, feed)), max(tokens)
    more = min(float(most), _at_once(model, feed)) - float(usual)
    return max(more, 0.0) * memory.bytes_a_token(model, feed, loss_of) / 1e6


def timed(model: Model, feed: Feed, tokens: np.ndarray, limit: float) -> Iterator[UpdateCost]:
    """Make updates of a few sizes and yield what each took, until the seconds are used up; the
    longest ones first, since they need most memory. The model learns: it is no use afterwards.

    tokens: of `update_tokens`.
    """
    plan, begun = model.plan.train, awake()
    stream = Stream(
        model.sizes(feed.encoded), plan.seed, plan.batch_size, 0, model.packs, not model.packs
    )
    order = np.argsort(tokens, kind="stable")
    chosen = [int(order[round(level * (len(order) - 1))]) for level in reversed(LEVELS)]
    kind = resolve(plan.precision)
    with pinned_precision(kind):
        for at in dict.fromkeys(chosen):
            rows = stream.rows_of(at)
            yield from _repeated(model, subset(model, feed, rows), float(tokens[at]), kind)
            if awake() - begun > limit:
                return


def _repeated(model: Model, feed: Feed, tokens: float, kind: str) -> Iterator[UpdateCost]:
    """The same update again and again: the feed has the rows of one, so each is an epoch."""
    count = REPEATED + 1
    steps = fit(model, feed, Length(count, count), distributed.accelerator(kind))
    with closing(steps):
        since = None
        for progress in steps:
            if progress.last:
                break
            now = awake()
            if since is not None:
                yield UpdateCost(tokens, len(feed.labels), now - since)
            since = awake()
    distributed.forget()


def subset(model: Model, feed: Feed, rows: np.ndarray) -> Feed:
    """The feed of these rows, as often as they stand here."""
    encoded, weights = feed.encoded, feed.weights
    if encoded.firsts is not None and not model.task.per_token:
        part = encoded.of(rows)
    else:  # a window is a row
        places = flat(encoded.offsets, rows)
        values = {name: array[places] for name, array in encoded.values.items()}
        part = Encoded(edges(np.diff(encoded.offsets)[rows]), values)
    return Feed(part, feed.labels[rows], None if weights is None else weights[rows])
