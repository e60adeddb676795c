"""Estimators of texts as scikit-learn has them: TextClassifier and TextRegressor.

    scores = cross_val_score(weitiao.TextClassifier(budget=60), texts, labels, cv=3)

They take no rows for a test set: scikit-learn holds them out. A fitted one is saved as a folder,
and is not pickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, column_or_1d

from weitiao.api.fit import fit
from weitiao.api.predict import load as load_model
from weitiao.core import atomic
from weitiao.data.infer.cells import is_missing, label
from weitiao.data.python_rows import list_of
from weitiao.errors import DataError, ModelError
from weitiao.i18n.messages import _
from weitiao.model.without_text import is_blank

FILE = "estimator.json"
# What costs time and is about the run's own test rows: an estimator has none.
CHANGES = {
    "data.test_size": 0.0,
    "evaluate.baselines": False,
    "evaluate.findings": False,
    "evaluate.bootstrap_samples": 0,
}


class RowsError(DataError, ValueError):
    """Rows or targets that an estimator cannot take; scikit-learn expects a ValueError."""


class TextEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share. Parameters are options of `weitiao.fit`:

    model, budget, seed, threads, task, text (the column of a DataFrame), changes (of the plan, e.g.
    {"train.epochs": 5}), progress. out: folder for runs; by default only the model is kept.
    """

    default_task: ClassVar[str]

    def __init__(
        self,
        model: str | None = None,
        budget: float | str | None = None,
        *,
        task: str | None = None,
        text: str | None = None,
        changes: Mapping[str, Any] | None = None,
        seed: int | None = None,
        threads: int | None = None,
        out: str | Path | None = None,
        progress: bool | None = False,
    ) -> None:
        self.model = model
        self.budget = budget
        self.task = task
        self.text = text
        self.changes = changes
        self.seed = seed
        self.threads = threads
        self.out = out
        self.progress = progress

    def _fit(self, X: Any, targets: list[Any]) -> None:
        if isinstance(X, list):
            _require_texts([one is None or (isinstance(one, str) and not one.strip()) for one in X])
        with TemporaryDirectory(ignore_cleanup_errors=True) as temporary, _value_errors():
            fitted = fit(
                _texts(X),
                targets,
                task=self.task or self.default_task,
                model=self.model,
                text=self.text,
                budget=self.budget,
                seed=self.seed,
                threads=self.threads,
                out=self.out or temporary,
                changes={**CHANGES, **(self.changes or {})},
                progress=bool(self.progress),
            )
            self.model_ = fitted.model
            self.plan_ = fitted.plan
            if self.out is not None:
                self.run_ = fitted.run

    def _predicted(self, X: Any, method: str = "predict") -> Any:
        check_is_fitted(self, "model_")
        with _value_errors():
            examples = list(self.model_.row_reader.examples(_texts(X)))
            _require_texts([is_blank(example) for example in examples])
            return getattr(self.model_, method)(examples)

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator as a folder, which `weitiao.load` can read, too."""
        check_is_fitted(self, "model_")
        self.model_.save(Path(folder))
        out = None if self.out is None else str(self.out)
        values = {"class": type(self).__name__, "parameters": {**self.get_params(), "out": out}}
        text = json.dumps({**values, **self._state()}, ensure_ascii=False, indent=1)
        atomic.replace_text(Path(folder) / FILE, text + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """A fitted estimator that `save` wrote. Raises ModelError when there is none."""
        try:
            values = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            values = {}
        if values.get("class") != cls.__name__:
            message = _("{folder}: no saved {name} here.", folder=folder, name=cls.__name__)
            raise ModelError(message)
        estimator = cls(**values["parameters"])
        estimator.model_ = load_model(folder)
        estimator.plan_ = estimator.model_.plan
        estimator._restore(values)
        return estimator

    def _state(self) -> dict[str, Any]:
        return {}

    def _restore(self, values: Mapping[str, Any]) -> None:
        pass

    def __getstate__(self) -> Any:
        if hasattr(self, "model_"):
            name = type(self).__name__
            raise TypeError(_("a fitted {name} is not pickled; use its save(folder).", name=name))
        return super().__getstate__()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


class TextClassifier(ClassifierMixin, TextEstimator):  # type: ignore[misc]
    """Fine-tunes a pre-trained model to classify texts, or pairs of texts (as tuples).

    After `fit`: classes_, model_ (a weitiao model), plan_, and run_ where `out` was given.
    """

    default_task: ClassVar[str] = "classification"

    def fit(self, X: Any, y: Any) -> Self:
        """Fit texts (or tuples of two, or a DataFrame) and their labels."""
        targets = _targets(self, y)
        check_classification_targets(targets)
        if len(classes := np.unique(targets)) < 2:
            raise RowsError(
                _("there is only one class, {label!r}: nothing to learn.", label=str(classes[0]))
            )
        names = _spelled(classes)
        at = np.searchsorted(classes, targets)
        self._fit(X, [names[place] for place in at.tolist()])
        self.classes_, self._names = classes, names
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The predicted label of each row."""
        names = self._predicted(X)
        return self.classes_[[self._names.index(name) for name in names]]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), the columns as in `classes_`."""
        scores = self._predicted(X, "predict_proba")
        result = np.zeros((len(scores), len(self.classes_)))
        for column, name in enumerate(self.model_.labels_):
            result[:, self._names.index(name)] = scores[:, column]
        return result

    def _state(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist(), "names": self._names}

    def _restore(self, values: Mapping[str, Any]) -> None:
        self.classes_, self._names = np.array(values["classes"]), list(values["names"])


class TextRegressor(RegressorMixin, TextEstimator):  # type: ignore[misc]
    """Fine-tunes a pre-trained model to predict a number for each text (or pair of texts)."""

    default_task: ClassVar[str] = "regression"

    def fit(self, X: Any, y: Any) -> Self:
        """Fit texts (or tuples of two, or a DataFrame) and their numbers."""
        targets = _targets(self, y)
        self._fit(X, targets.astype(float).tolist())
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The predicted number of each row."""
        return np.asarray(self._predicted(X))


def _targets(estimator: TextEstimator, y: Any) -> np.ndarray:
    if y is None:
        name = type(estimator).__name__
        message = f"{name} requires y to be passed, but the target y is None"  # as scikit-learn
        raise RowsError(message)
    with _value_errors():
        cells = list_of(y)
    if not cells:
        raise RowsError(_("there are no rows."))
    if any(cell is None for cell in cells):
        raise RowsError(_("a target is missing (None or NaN)."))
    targets = np.asarray(column_or_1d(np.asarray(cells), warn=True))
    if targets.dtype.kind == "f":
        assert_all_finite(targets, input_name="y")
    return targets


def _texts(X: Any) -> Any:
    if isinstance(X, str):
        raise RowsError(_("rows are a list of texts, not one text."))
    return X


def _require_texts(blank: list[bool]) -> None:
    """Raise RowsError where a row has no text: scikit-learn has no place for a missing answer."""
    if any(blank):
        number = blank.index(True)
        message = _("row {number} has no text: fill it, or leave the row out.", number=number)
        raise RowsError(message)


def _spelled(classes: np.ndarray) -> list[str]:
    """The classes as labels of a column; numbered where one would be read otherwise there."""
    names = [str(one) for one in classes.tolist()]
    plain = all(label(name) == name and not is_missing(name) for name in names)
    if plain and len(set(names)) == len(names):
        return names
    return [f"class {place}" for place in range(len(names))]


@contextmanager
def _value_errors() -> Iterator[None]:
    try:
        yield
    except RowsError:
        raise
    except DataError as error:
        raise RowsError(str(error)) from error
