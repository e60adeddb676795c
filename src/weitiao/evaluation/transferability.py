"""Transferability of a frozen encoder: how well its features tell the targets, without training it.

    probe      ridge regression on all layers, leave-one-out predictions in closed form
    neighbours leave-one-out majority of the nearest rows by cosine
    log_me     LogME, the log evidence of a linear model (You et al. 2021)
    h_score    H-score with shrunken covariance (Bao et al. 2019, Ibrahim et al. 2021)

Features are (rows, layers, width): the mean over tokens in every layer, from one forward pass.
Targets are a matrix (rows, outputs): one column for each label, or the standardised number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # times the mean eigenvalue
NEIGHBOURS = 5
EVIDENCE_STEPS = 30  # of LogME's fixed point; it settles in a few
SETTLED = 1e-3  # relative change of alpha / beta
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Probe:
    """Leave-one-out predictions of ridge regression. scores: (rows, outputs); penalty: the best."""

    scores: np.ndarray
    penalty: float


def probe(features: np.ndarray, targets: np.ndarray) -> Probe:
    """Ridge regression on the standardised features of all layers, each row predicted by the
    others.

    With the kernel K of n rows and G = (K + a I)^-1, the residual of row i when it is left out is
    (G y)_i / G_ii (Allen 1974, PRESS): one eigendecomposition serves all penalties a. The intercept
    is not penalised: K is centred, so that its part of G is 1 / (a n), which is taken away.
    Without that the mean, which knows the row, would leak it.
    """
    kernel = _kernel(features)
    values, vectors = np.linalg.eigh(kernel)
    values = values.clip(min=0.0)
    middle = targets.mean(0)
    turned = vectors.T @ (targets - middle)
    scale = max(float(values.mean()), TINY)
    best: tuple[float, Probe] | None = None
    for penalty in PENALTIES:
        shrunk = 1 / (values + penalty * scale)
        inverse = vectors * shrunk
        diagonal = (inverse * vectors).sum(1) - 1 / (penalty * scale * len(kernel))
        left_out = (vectors @ (shrunk[:, None] * turned)) / diagonal.clip(min=TINY)[:, None]
        error = float((left_out**2).mean())
        if best is None or error < best[0]:
            best = error, Probe(targets - left_out, penalty)
    assert best is not None
    return best[1]


def _kernel(features: np.ndarray) -> np.ndarray:
    """The linear kernel of standardised features, averaged over layers and centred, (n, n)."""
    rows, layers, _width = features.shape
    total = np.zeros((rows, rows))
    for layer in range(layers):
        values = features[:, layer].astype(np.float64)
        std = values.std(0)
        values = (values - values.mean(0)) / (std + 0.1 * std.mean() + TINY)
        total += values @ values.T / values.shape[1]
    return total / layers


def neighbours(features: np.ndarray, targets: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """The mean target of the k nearest other rows by cosine, (rows, outputs)."""
    vectors = averaged(features)
    vectors = vectors - vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + TINY
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    count = min(k, len(vectors) - 1)
    nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    return np.asarray(targets[nearest].mean(1))


def log_me(features: np.ndarray, targets: np.ndarray) -> float:
    """Log evidence of a Bayesian linear model a row, the mean of the outputs (You et al. 2021)."""
    matrix = averaged(features)
    rows, width = matrix.shape
    left, singular, _right = np.linalg.svd(matrix, full_matrices=False)
    squares = singular**2
    return float(np.mean([
        _evidence(left.T @ column, float(column @ column), squares, rows, width)
        for column in (targets - targets.mean(0)).T
    ]))  # fmt: skip


def _evidence(
    projected: np.ndarray, norm: float, squares: np.ndarray, rows: int, width: int
) -> float:
    """Log evidence of one output by MacKay's fixed point for the precisions alpha and beta."""
    alpha, beta = 1.0, 1.0
    outside = max(norm - float(projected @ projected), 0.0)
    power, residual = 0.0, 0.0
    for _step in range(EVIDENCE_STEPS):
        ratio = alpha / beta
        gamma = float((squares / (squares + ratio)).sum())
        power = float((squares * projected**2 / (squares + ratio) ** 2).sum())
        residual = float((projected**2 / (1 + squares / ratio) ** 2).sum()) + outside
        alpha, beta = gamma / (power + TINY), (rows - gamma) / (residual + TINY)
        if abs(alpha / beta - ratio) <= SETTLED * ratio:
            break
    logdet = float(np.log(alpha + beta * squares).sum()) + (width - len(squares)) * np.log(
        alpha + TINY
    )
    evidence = width / 2 * np.log(alpha + TINY) + rows / 2 * np.log(beta + TINY) - logdet / 2
    evidence -= beta / 2 * residual + alpha / 2 * power + rows / 2 * np.log(2 * np.pi)
    return float(evidence / rows)


def h_score(features: np.ndarray, targets: np.ndarray) -> float:
    """The trace of the covariance of the labels' means in units of that of the features, shrunken
    by Ledoit and Wolf: how much of the features is between labels."""
    from sklearn.covariance import ledoit_wolf

    matrix = averaged(features)
    matrix = matrix - matrix.mean(0)
    covariance, shrinkage = ledoit_wolf(matrix, assume_centered=True)
    counts = targets.sum(0)
    means = (targets.T @ matrix)[counts > 0] / counts[counts > 0, None]
    weighted = np.sqrt(counts[counts > 0] / len(matrix))[:, None] * means
    covariance.flat[:: len(covariance) + 1] += TINY  # features that are all the same
    between = np.linalg.solve(covariance, weighted.T)
    return float((1 - shrinkage) * (weighted * between.T).sum())


def averaged(features: np.ndarray) -> np.ndarray:
    """The mean over layers of features of which each layer has the mean norm 1, (rows, width)."""
    norms = np.linalg.norm(features, axis=2).mean(0)
    return np.asarray((features / (norms[None, :, None] + TINY)).mean(1), np.float64)
