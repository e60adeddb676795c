"""SetFit: contrastive fine-tuning of a sentence encoder, then a linear classifier."""

from __future__ import annotations

import tempfile
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.errors import ModelError
from weitiao.experiments.peers.base import Peer, labels_of, texts_of
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


class SetFit(Peer):
    """SetFit (Tunstall et al., 2022) on the plan's checkpoint and rows; needs the package setfit.

    When to use: few rows per label. One text and one label per row.
    """

    needs: ClassVar[tuple[str, ...]] = ("setfit", "datasets")
    install: ClassVar[str] = "setfit"
    epochs: int = Field(1, gt=0, description="passes over the pairs")
    batch_size: int = Field(16, gt=0, description="pairs in a step")
    most_steps: int = Field(-1, description="maximum number of steps; -1: determined by the epochs")

    def scores(self, plan: Plan, task: Task, data: Data, rows: Rows) -> np.ndarray:
        if task.problem_type != "single_label_classification" or len(rows.text_roles) != 1:
            raise ModelError(_("the peer setfit takes one text and one label a row."))
        import datasets
        import setfit

        from weitiao.checkpoints.resolve import resolve

        source = resolve(plan.model.checkpoint, plan.model.revision)
        model: Any = setfit.SetFitModel.from_pretrained(source.path_or_name)
        (texts,), (inputs,) = texts_of(task, data.train), texts_of(task, rows)
        labels = labels_of(task, data.train)
        with tempfile.TemporaryDirectory() as folder:
            trainer = setfit.Trainer(
                model=model,
                args=setfit.TrainingArguments(
                    output_dir=folder,
                    num_epochs=self.epochs,
                    batch_size=self.batch_size,
                    max_steps=self.most_steps,
                    seed=plan.train.seed,
                    save_strategy="no",
                    report_to="none",
                    show_progress_bar=False,
                ),
                train_dataset=datasets.Dataset.from_dict({"text": texts, "label": labels.tolist()}),
            )
            trainer.train()
        # As in scikit-learn, classes_ lacks labels without training rows; their columns stay 0.
        scores = np.zeros((len(inputs), task.outputs))
        probabilities = np.asarray(model.predict_proba(inputs, as_numpy=True))
        scores[:, np.asarray(model.model_head.classes_, dtype=int)] = probabilities
        return scores
