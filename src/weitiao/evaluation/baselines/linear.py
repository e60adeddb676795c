"""Linear models: logistic regression for labels and label sets, ridge regression for numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.evaluation.metrics.base import Metric
from weitiao.evaluation.metrics.classification import Accuracy, MacroF1
from weitiao.evaluation.metrics.regression import Pearson
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

MAX_STEPS = 300  # of the solver


@dataclass(frozen=True, eq=False)
class Linear:
    """A fitted linear model: features (n, features) to scores (n, outputs), in plain arrays.

    coefficients (features, k) and intercepts (k,), float32: of single labels one column for each
    label of `places`, or one in all when there are two (log-odds of the second); of label sets and
    numbers one for each output of `places`. always: outputs that need no column: the label that
    training had alone, the labels that every training row had.
    """

    problem_type: str
    outputs: int
    coefficients: np.ndarray
    intercepts: np.ndarray
    places: tuple[int, ...]
    always: tuple[int, ...] = ()

    def __call__(self, features: Any) -> np.ndarray:
        from scipy.special import expit, softmax

        scores = np.zeros((features.shape[0], self.outputs))
        scores[:, list(self.always)] = 1.0
        if not self.places:
            return scores
        margins = np.asarray(features @ self.coefficients, dtype=float) + self.intercepts
        places = list(self.places)
        if self.problem_type == "regression":
            scores[:, places] = margins
        elif self.problem_type == "multi_label_classification":
            scores[:, places] = expit(margins)
        elif len(places) == 2:
            scores[:, places] = expit(np.concatenate([-margins, margins], axis=1))
        else:
            scores[:, places] = softmax(margins, axis=1)
        return scores

    @classmethod
    def of(
        cls,
        problem_type: str,
        outputs: int,
        columns: list[tuple[np.ndarray, np.ndarray]],
        features: int,
        places: Any,
        always: Any = (),
    ) -> Linear:
        """From scikit-learn's (coef_, intercept_) pairs, (k, features) and (k,) each."""
        coefficients = np.zeros((features, 0), np.float32)
        intercepts = np.zeros(0, np.float32)
        if columns:
            coefficients = np.concatenate([np.atleast_2d(coef) for coef, _ in columns]).T
            intercepts = np.concatenate([np.atleast_1d(intercept) for _, intercept in columns])
        return cls(
            problem_type,
            outputs,
            np.ascontiguousarray(coefficients, np.float32),
            intercepts.astype(np.float32),
            tuple(int(at) for at in places),
            tuple(int(at) for at in always),
        )


Strength = tuple[float, float]  # C (inverse of the L2 penalty) and the solver's tolerance


Weights = np.ndarray | None  # (rows,) how much each row counts; None: all alike


def _single_label(
    features: Any,
    labels: np.ndarray,
    outputs: int,
    strength: Strength,
    balanced: bool,
    weights: Weights = None,
) -> Linear:
    """Multinomial: a label that train never has gets 0, 1 where train has no other."""
    features, labels, weights = _counting(features, labels, weights)
    kind, width, present = "single_label_classification", features.shape[1], np.unique(labels)
    if len(present) == 1:
        return Linear.of(kind, outputs, [], width, (), present)
    fitted = _logistic(features, labels, strength, balanced, weights)
    return Linear.of(kind, outputs, [(fitted.coef_, fitted.intercept_)], width, present)


def _one_vs_rest(
    features: Any,
    labels: np.ndarray,
    outputs: int,
    strength: Strength,
    balanced: bool,
    weights: Weights = None,
) -> Linear:
    features, labels, weights = _counting(features, labels, weights)
    yes = labels.astype(np.int64)
    places = np.flatnonzero(yes.any(0) & ~yes.all(0))
    fitted = [_logistic(features, yes[:, at], strength, balanced, weights) for at in places]
    columns = [(one.coef_, one.intercept_) for one in fitted]
    always = np.flatnonzero(yes.all(0))
    kind = "multi_label_classification"
    return Linear.of(kind, outputs, columns, features.shape[1], places, always)


def _counting(features: Any, labels: np.ndarray, weights: Weights) -> tuple[Any, Any, Weights]:
    """The rows that count at all: one of weight 0 is not there."""
    if weights is None or (weights > 0).all():
        return features, labels, weights
    at = np.flatnonzero(weights > 0)
    return features[at], labels[at], weights[at]


def _logistic(
    features: Any, labels: np.ndarray, strength: Strength, balanced: bool, weights: Weights = None
) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(
        C=strength[0],
        tol=strength[1],
        max_iter=MAX_STEPS,
        class_weight="balanced" if balanced else None,
    )
    with warnings.catch_warnings():
        # 300 steps are far past where validation changes: a bound on time, not a failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Many labels for few rows are still labels: which it is was decided, and is told, before.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return fitted.fit(features, labels, sample_weight=weights)


def _ridge(
    features: Any,
    labels: np.ndarray,
    outputs: int,
    strength: Strength,
    balanced: bool,
    weights: Weights = None,
) -> Linear:
    from sklearn.linear_model import Ridge

    features, labels, weights = _counting(features, labels, weights)
    fitted = Ridge(alpha=1 / strength[0], solver="sparse_cg", tol=strength[1])
    fitted.fit(features, labels.reshape(-1), sample_weight=weights)
    columns = [(fitted.coef_, np.asarray(fitted.intercept_))]
    return Linear.of("regression", outputs, columns, features.shape[1], (0,))


def _mean(labels: np.ndarray, outputs: int, weights: Weights = None) -> np.ndarray:
    return np.atleast_1d(np.average(labels, axis=0, weights=weights))


def _frequencies(labels: np.ndarray, outputs: int, weights: Weights = None) -> np.ndarray:
    total = len(labels) if weights is None else weights.sum()
    return np.asarray(np.bincount(labels, weights, minlength=outputs) / total)


@dataclass(frozen=True)
class Problem:
    """A linear model for labels of one shape: what transformers calls a problem type.

    fit: (features, labels, outputs, strength, balanced, weights) to the model; balanced: class
    weights inverse to frequency, without effect on numbers; weights: of rows, or None.
    """

    fit: Callable[..., Linear]
    decide: Callable[[np.ndarray], np.ndarray]  # scores to values
    # labels, outputs, weights to the scores of the constant
    mean: Callable[[np.ndarray, int, Weights], np.ndarray]
    answers: type[Answers]
    metric: Metric
    constant: str = "majority"
    ridge: bool = False


# By Task.problem_type; a task whose labels have another shape has no linear baseline.
PROBLEMS: Mapping[str, Problem] = {
    "single_label_classification": Problem(
        _single_label, lambda scores: scores.argmax(1), _frequencies, Labels, Accuracy()
    ),
    "multi_label_classification": Problem(
        _one_vs_rest, lambda scores: (scores > 0.5).astype(float), _mean, LabelSets, MacroF1()
    ),
    "regression": Problem(
        _ridge, lambda scores: scores[:, 0], _mean, Numbers, Pearson(), "mean", ridge=True
    ),
}


def selection_metric(problem: Problem, labels: np.ndarray, scores: np.ndarray) -> float:
    """The validation metric by which a candidate is selected, where the caller has none."""
    return problem.metric.value(problem.answers(labels, problem.decide(scores), scores))
