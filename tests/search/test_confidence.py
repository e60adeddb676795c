"""The score of an answer, tuned by questions with and without an answer."""

import numpy as np
import pytest

from weitiao.search.confidence import Confidence, features, fitted, parsed
from weitiao.search.index import Found
from weitiao.search.store import Stored


def passage(cosine, bm25=0.0):
    return Found(Stored(0, "a.txt", 0, 1, "", "a"), 1.0, bm25, cosine)


def drawn(count, seed):
    """Readers that are sure of half of the questions without an answer; cosines tell the rest."""
    rng = np.random.default_rng(seed)
    known = rng.random(count) < 0.5
    score = np.where(known | (rng.random(count) < 0.5), 0.9, 0.2)
    cosine = 0.8 + 0.05 * known + rng.normal(0, 0.02, count)
    return [features(s, [passage(c)]) for s, c in zip(score, cosine, strict=True)], known.tolist()


def test_features_are_the_logit_and_the_best_of_the_passages():
    values = features(0.5, [passage(0.7, 3.0), passage(0.9, 1.0)])
    assert values.tolist() == [0.0, 0.9, 3.0]
    assert features(1.0, []).tolist()[1:] == [0.0, 0.0]
    assert np.isfinite(features(0.0, [])).all()


def test_the_nearness_of_passages_tells_what_the_reader_does_not():
    from sklearn.metrics import roc_auc_score

    rows, known = drawn(60, 1)
    sure = fitted(rows, known)
    others, labels = drawn(300, 2)
    scores = [1 / (1 + np.exp(-row[0])) for row in others]
    tuned = [sure.of(s, [passage(row[1])]) for s, row in zip(scores, others, strict=True)]
    assert roc_auc_score(labels, tuned) > roc_auc_score(labels, scores) + 0.1
    assert abs(np.mean(tuned) - np.mean(labels)) < 0.15  # a probability


def test_questions_of_one_kind_and_features_without_spread_say_nothing():
    rows, _known = drawn(30, 1)
    assert fitted(rows, [True] * 30) is None
    without = [np.array([row[0], 0.0, 0.0]) for row in rows]
    sure = fitted(without, [row[0] > 0 for row in rows])
    assert (sure.of_cosine, sure.of_bm25) == (0.0, 0.0)
    assert sure.of_score > 0


def test_what_is_written_is_read_again():
    sure = Confidence(-1.5, 1.0, 20.0, 0.25)
    assert parsed(sure.text()) == sure
    assert parsed("") is None


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "[1, 2, 3, null]", "[1, 2, 3, NaN]", "no", "7"])
def test_another_text_is_no_confidence(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the text itself is the message
        parsed(text)


@pytest.mark.parametrize("score", [0.0, 1e-12, 0.5, 1.0])
def test_a_confidence_is_a_probability(score):
    assert 0 < Confidence(3.0, 5.0, 900.0, -900.0).of(score, [passage(1.0, 1.0)]) < 1
