"""Scores of frozen features: exact leave-one-out, and better features score higher."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.evaluation import transferability


def features(rows=60, layers=3, width=8, signal=2.0, seed=0, labels=2):
    rng = np.random.default_rng(seed)
    gold = np.arange(rows) % labels
    read = rng.normal(size=(rows, layers, width)).astype(np.float32)
    read[:, :, 0] += signal * gold[:, None]
    return read, np.eye(labels)[gold]


def test_the_probe_is_exactly_leave_one_out():
    read, targets = features(rows=25, layers=2, width=5)
    found = transferability.probe(read, targets)
    kernel = transferability._kernel(read)
    scale = np.linalg.eigvalsh(kernel).clip(0).mean()
    ridge = kernel + found.penalty * scale * np.eye(25)
    for left_out in (0, 7, 24):
        others = np.delete(np.arange(25), left_out)
        # Kernel ridge regression with an intercept of its own, on the others alone.
        system = np.block([[ridge[np.ix_(others, others)], np.ones((24, 1))],
                           [np.ones((1, 24)), np.zeros((1, 1))]])  # fmt: skip
        solved = np.linalg.solve(system, np.vstack([targets[others], np.zeros((1, 2))]))
        wanted = kernel[left_out, others] @ solved[:-1] + solved[-1]
        assert found.scores[left_out] == pytest.approx(wanted, abs=1e-8)


@pytest.mark.parametrize("labels", [2, 5])
def test_noise_scores_like_guessing(labels):
    """More features than rows: the mean of all targets must not leak the one that is left out."""
    rng = np.random.default_rng(3)
    gold = rng.integers(0, labels, 200)
    read = rng.normal(size=(200, 4, 300)).astype(np.float32)
    scores = transferability.probe(read, np.eye(labels)[gold]).scores
    assert (scores.argmax(1) == gold).mean() < 1 / labels + 0.12


SCORES = {
    "log_me": transferability.log_me,
    "h_score": transferability.h_score,
    "probe": lambda read, targets: (
        transferability.probe(read, targets).scores.argmax(1) == targets.argmax(1)
    ).mean(),
    "neighbours": lambda read, targets: (
        transferability.neighbours(read, targets).argmax(1) == targets.argmax(1)
    ).mean(),
}


@pytest.mark.parametrize("name", SCORES)
def test_features_that_tell_more_score_higher(name):
    scores = [SCORES[name](*features(signal=signal, rows=120)) for signal in (0.0, 1.0, 3.0)]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-10, 10), seed=st.integers(0, 5))
def test_the_probe_does_not_depend_on_units(scale, shift, seed):
    read, targets = features(seed=seed, rows=30)
    plain = transferability.probe(read, targets).scores
    moved = transferability.probe(read * scale + shift, targets).scores
    assert moved == pytest.approx(plain, abs=2e-2)


def test_features_that_are_all_the_same_say_nothing():
    read = np.ones((20, 2, 4), np.float32)
    targets = np.eye(2)[np.arange(20) % 2]
    for score in SCORES.values():
        assert np.isfinite(score(read, targets))


def test_numbers_are_probed_too():
    read, _ = features(rows=80)
    target = read[:, :, 1].mean(1)[:, None].astype(float)
    scores = transferability.probe(read, target).scores
    assert np.corrcoef(scores[:, 0], target[:, 0])[0, 1] > 0.8
    assert transferability.log_me(read, target) > transferability.log_me(read[::-1], target)
