"""A saved baseline as a model: raw rows to predictions, in the form of the network's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import ModelError
from weitiao.evaluation.baselines import lookup, tfidf
from weitiao.evaluation.baselines.base import Baseline
from weitiao.evaluation.baselines.saved import load
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.model import preprocess
from weitiao.model.predictor import Predictor
from weitiao.model.saved import Metadata
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


@dataclass(frozen=True, repr=False)
class BaselineModel(Predictor):
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
        task = metadata.task.without_decisions()
        return cls(baselines[name], metadata.plan, task, metadata.cleaners)

    @property
    def name(self) -> str:
        return lookup.NAME if self.baseline.of_rows else tfidf.NAME

    def scores(self, examples: Sequence[Example]) -> Any:
        """Scores (n, outputs) of examples: probabilities, or numbers in the target's unit."""
        if self.baseline.of_rows:
            return self.baseline.score(_Examples(self.task.read(examples)))
        cleaned = preprocess.clean_examples(self.task, self.cleaners, examples)
        return self.baseline.score(self.task.texts(cleaned))


@dataclass(frozen=True)
class _Examples:
    """Examples where a baseline reads rows."""

    examples: Sequence[Example]

    def batches(self) -> Iterator[list[Example]]:
        yield list(self.examples)
