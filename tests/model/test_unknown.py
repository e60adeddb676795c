"""Detection scores, conformal p-values and the files of the detector."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from sklearn.covariance import LedoitWolf

from weitiao.evaluation.unknown import Judged, auroc, auroc_interval, fpr_at_tpr
from weitiao.example import Prediction
from weitiao.model.unknown import Gaussians, UnknownDetector, detection_scores


def blobs(seed=0, count=200, width=6, labels=3):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, labels, count)
    return (rng.normal(size=(labels, width)) * 4)[targets] + rng.normal(
        size=(count, width)
    ), targets


def test_scores_are_those_of_the_papers():
    features, labels = blobs()
    logits = np.random.default_rng(1).normal(size=(200, 3))
    gaussians = Gaussians.fit(features, labels)
    probability = softmax(logits, axis=1).max(1)
    assert np.allclose(
        np.exp(detection_scores("max_probability", logits, features, None)), probability
    )
    energy = detection_scores("energy", logits, features, None)
    assert np.allclose(energy, logsumexp(logits, axis=1))
    means = np.stack([features[labels == at].mean(0) for at in range(3)])
    inverse = LedoitWolf(assume_centered=True).fit(features - means[labels]).get_precision()
    away = features[:, None] - means
    squares = np.einsum("nlw,wv,nlv->nl", away, inverse, away).min(1)
    distances = -detection_scores("mahalanobis", logits, features, gaussians)
    assert np.allclose(distances * gaussians.scale, squares, rtol=1e-3)
    assert distances.mean() == pytest.approx(1)


def test_probabilities_near_one_keep_their_order():
    logits = np.array([[30.0, 0, 0], [60, 0, 0], [20, 0, 0]], np.float32)
    assert np.argsort(detection_scores("max_probability", logits, logits, None)).tolist() == [
        2,
        0,
        1,
    ]


def test_distances_do_not_depend_on_the_scale_of_features():
    features, labels = blobs()
    mixed = features @ np.random.default_rng(2).normal(size=(6, 6)) * 100
    plain, other = Gaussians.fit(features, labels), Gaussians.fit(mixed, labels)
    assert np.corrcoef(plain.distances(features), other.distances(mixed))[0, 1] > 0.95


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.floats(0.5, 0.99))
def test_at_least_the_wanted_share_of_the_reference_is_answered(values, keep):
    detector = UnknownDetector.tuned("energy", np.array(values), keep=keep, answer="?")
    p_values = detector.p_values(np.array(values))
    assert (p_values > 0).all()
    assert (p_values <= 1).all()
    assert detector.refuses(p_values).mean() <= 1 - keep + 1e-9
    order = np.argsort(values)
    assert (np.diff(p_values[order]) >= 0).all()
    strange = detector.refuses(detector.p_values(np.array([-99.0])))[0]
    assert strange == detector.can_refuse == (len(values) + 1 >= 1 / (1 - keep) - 1e-6)


def test_a_detector_is_read_back(tmp_path):
    features, labels = blobs()
    gaussians = Gaussians.fit(features.astype(np.float32), labels)
    scores = -gaussians.distances(features)
    detector = UnknownDetector.tuned(
        "mahalanobis", scores, keep=0.9, answer="其他", gaussians=gaussians
    )
    detector.write(tmp_path)
    read = UnknownDetector.read(tmp_path)
    assert (read.score, read.keep, read.answer) == ("mahalanobis", 0.9, "其他")
    assert np.array_equal(read.scores(scores, features), detector.scores(scores, features))
    assert UnknownDetector.read(tmp_path / "none") is None
    marked = read.marked(Prediction("a", 0.8), 0.01)
    assert (marked.value, marked.best_known, marked.known_score) == ("其他", "a", 0.01)


def test_figures_of_unknown_rows():
    known, unknown = np.arange(20.0), np.array([-1.0, 0.5, 30])
    assert auroc(known, unknown) == pytest.approx((20 + 19) / 60)
    assert fpr_at_tpr(known, unknown) == pytest.approx(1 / 3)
    judged = Judged(known, known > 1, known < 2, unknown, unknown < 2).figures()
    assert judged["refused"] == pytest.approx(0.1)
    assert judged["caught"] == pytest.approx(2 / 3)
    assert judged["accuracy"] == 0.9
    assert judged["accuracy_answered"] == 1.0
    assert judged["accuracy_both"] == pytest.approx(20 / 23)
    assert judged["curve"][-1] == {"known": 1.0, "accuracy": 0.9, "unknown": pytest.approx(2 / 3)}


def test_the_interval_of_the_auroc_covers_it():
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(100):
        known, unknown = rng.normal(1, 1, 80), rng.normal(0, 1, 60)
        low, high = auroc_interval(known, unknown, seed)
        hits += low <= 0.7602 <= high  # P(N(1, 2) > 0)
    assert hits >= 88
