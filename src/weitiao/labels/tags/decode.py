"""The likeliest tags of each row, of those that follow BIO: I-x only behind B-x or I-x."""

from __future__ import annotations

import numpy as np

from weitiao.core.ragged import Ragged

TINY = 1e-30  # below, a probability counts as this one


def likeliest(scores: Ragged, insides: np.ndarray) -> np.ndarray:
    """(words,) the tag of each word, an index into the columns of scores.values (words, tags).

    insides: (tags,) for a tag I-x the place of B-x, for others -1. Rows whose likeliest tags,
    each alone, follow the scheme keep them; for the others the best whole row is looked for
    (Viterbi).
    """
    alone = scores.values.argmax(1) if len(scores.values) else np.zeros(0, np.int64)
    before = np.roll(alone, 1)
    first = np.zeros(len(alone), bool)
    first[scores.offsets[:-1][scores.lengths > 0]] = True
    wanted = insides[alone]
    good = (wanted < 0) | (~first & ((before == wanted) | (before == alone)))
    bad = np.unique(scores.owners[~good])
    if len(bad):
        order = bad[np.argsort(-scores.lengths[bad], kind="stable")]
        for some in np.array_split(order, -(-len(order) // 500)):
            _mend(alone, scores, some, insides)
    return alone


def _mend(found: np.ndarray, scores: Ragged, rows: np.ndarray, insides: np.ndarray) -> None:
    """Put the best whole row where these rows lie; the longest comes first."""
    lengths, starts = scores.lengths[rows], scores.offsets[rows]
    steps, tags = int(lengths[0]), len(insides)
    inner = np.flatnonzero(insides >= 0)
    came = np.zeros((steps, len(rows), tags), np.int16)  # the tag before
    best = np.full((len(rows), tags), -np.inf)
    ended = np.zeros(len(rows), np.int64)
    for step in range(steps):
        live = int((lengths > step).sum())
        here = np.log(np.maximum(scores.values[starts[:live] + step], TINY))
        if step == 0:
            here[:, inner] = -np.inf
            best[:live] = here
        else:
            last = best[:live]
            way = np.repeat(last.argmax(1)[:, None], tags, 1)
            stay = last[:, inner] >= last[:, insides[inner]]
            way[:, inner] = np.where(stay, inner, insides[inner])
            best[:live] = np.take_along_axis(last, way, 1) + here
            came[step, :live] = way
        done = np.flatnonzero(lengths == step + 1)
        ended[done] = best[done].argmax(1)
    for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        tag = int(ended[row])
        for step in range(length - 1, -1, -1):
            found[start + step] = tag
            tag = int(came[step, row, tag])
