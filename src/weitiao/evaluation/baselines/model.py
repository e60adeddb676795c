"""A saved baseline as a model: raw rows to predictions, in the form of the network's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import ModelError
from weitiao.evaluation.baselines import lookup, tfidf
from weitiao.evaluation.baselines.base import Baseline, task_of
from weitiao.evaluation.baselines.saved import load
from weitiao.example import Example, Prediction
from weitiao.i18n.messages import _
from weitiao.model import preprocess
from weitiao.model.saved import Metadata
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task

CHUNK_ROWS = 10_000


@dataclass(frozen=True)
class BaselineModel:
    """TF-IDF with a linear model (of tagging: the lookup) with the task and the cleaners of its
    run. Predictions are the likeliest labels: decision rules were tuned on a network's scores."""

    baseline: Baseline
    plan: Plan
    task: Task
    cleaners: tuple[Cleaner, ...]

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The baseline of a folder that `save_for` wrote. Raises ModelError when there is none."""
        folder = Path(folder)
        baselines, metadata = load(folder), Metadata.read(folder)
        name = next((one for one in (tfidf.NAME, lookup.NAME) if one in baselines), None)
        if name is None:
            raise ModelError(_("{folder}: no baseline here that reads the texts.", folder=folder))
        model: Any = baselines[name].score
        outputs = model.linear.outputs if name == tfidf.NAME else model.outputs
        if outputs != metadata.task.outputs:
            message = _(
                "{folder}: the saved baseline and weitiao.json do not belong together ({outputs} "
                "outputs, not {expected}).",
                folder=folder,
                outputs=outputs,
                expected=metadata.task.outputs,
            )
            raise ModelError(message)
        task = task_of(baselines[name], metadata.task)
        return cls(baselines[name], metadata.plan, task, metadata.cleaners)

    def scores(self, examples: Sequence[Example]) -> Any:
        """Scores (n, outputs) of examples: probabilities, or numbers in the target's unit."""
        if self.baseline.of_rows:
            return self.baseline.score(_Examples(self.task.read(examples)))
        cleaned = preprocess.clean_examples(self.task, self.cleaners, examples)
        return self.baseline.score(self.task.texts(cleaned))

    def predict(self, examples: Sequence[Example], chunk: int = CHUNK_ROWS) -> Iterator[Prediction]:
        """One prediction per example, in order; memory is bounded by `chunk` rows."""
        for start in range(0, len(examples), chunk):
            part = self.task.read(examples[start : start + chunk])
            yield from self.task.decide(self.scores(part), part)

    def __call__(self, *rows: str | Mapping[str, Any]) -> Any:
        """Predict raw rows: one gives one Prediction, several give a list."""
        predictions = list(self.predict([self.example(row) for row in rows]))
        return predictions[0] if len(rows) == 1 else predictions

    def predict_proba(self, texts: Sequence[str | Mapping[str, Any]]) -> np.ndarray:
        """Scores (n, labels) in the order of `model.task.choices`, as in scikit-learn."""
        return np.asarray(self.scores([self.example(text) for text in texts]))

    def example(self, row: str | Mapping[str, Any]) -> Example:
        """A raw row as an Example. Raises DataError when a text is missing."""
        return preprocess.example_from_row(self.task, self.plan.data.roles, row)


@dataclass(frozen=True)
class _Examples:
    """Examples where a baseline reads rows."""

    examples: Sequence[Example]

    def batches(self) -> Iterator[list[Example]]:
        yield list(self.examples)
