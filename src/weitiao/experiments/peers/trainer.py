"""The Trainer of transformers with the settings of its examples."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from pydantic import Field

from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.experiments.peers.base import Peer, labels_of, texts_of
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


class Trainer(Peer):
    """The Hugging Face Trainer on the plan's checkpoint and rows, as its classification example.

    When to use: to see what the plan's own settings gain. The model of the last step is evaluated.
    Defaults are those of the example (2e-5, 3 epochs, batches of 32).
    """

    learning_rate: float = Field(2e-5, gt=0, description="at the start; it decays linearly to 0")
    epochs: float = Field(3.0, gt=0, description="passes over the rows")
    batch_size: int = Field(32, gt=0, description="rows in a step")
    weight_decay: float = Field(0.0, ge=0, description="on all weights")

    def scores(self, plan: Plan, task: Task, data: Data, rows: Rows) -> np.ndarray:
        import torch
        import transformers

        from weitiao.checkpoints.resolve import resolve

        source = resolve(plan.model.checkpoint, plan.model.revision)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.path_or_name)
        transformers.set_seed(plan.train.seed)
        network = transformers.AutoModelForSequenceClassification.from_pretrained(
            source.path_or_name, num_labels=task.outputs, problem_type=task.problem_type
        )
        labels = labels_of(task, data.train)
        floats = task.problem_type != "single_label_classification"
        train = _encoded(tokenizer, task, data.train, plan.model.max_length)
        for row, label in zip(train, labels, strict=True):
            row["labels"] = np.asarray(label, np.float32).tolist() if floats else int(label)
        inputs = _encoded(tokenizer, task, rows, plan.model.max_length)
        # Longest first: batches of like length waste little padding; undone below.
        order = np.argsort([-len(row["input_ids"]) for row in inputs], kind="stable")
        with tempfile.TemporaryDirectory() as folder:
            trainer = transformers.Trainer(
                model=network,
                args=self._arguments(folder, plan.train.seed, torch.cuda.is_available()),
                train_dataset=train,
                data_collator=transformers.DataCollatorWithPadding(tokenizer),
                processing_class=tokenizer,
            )
            trainer.train()
            predictions = trainer.predict([inputs[at] for at in order]).predictions
        logits = np.empty((len(inputs), task.outputs))
        logits[order] = np.asarray(predictions, dtype=float).reshape(len(inputs), -1)
        # It learned numbers in their own unit.
        return logits if task.problem_type == "regression" else np.asarray(task.score(logits))

    def _arguments(self, folder: str, seed: int, gpu: bool) -> Any:
        from transformers import TrainingArguments

        return TrainingArguments(
            output_dir=folder,
            seed=seed,
            learning_rate=self.learning_rate,
            num_train_epochs=self.epochs,
            per_device_train_batch_size=self.batch_size,
            per_device_eval_batch_size=32,
            weight_decay=self.weight_decay,
            use_cpu=not gpu,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )


def _encoded(tokenizer: Any, task: Task, rows: Rows, longest: int) -> list[dict[str, Any]]:
    """Token ids of each row; the collator pads each batch."""
    encoded = tokenizer(*texts_of(task, rows), truncation=True, max_length=longest)
    return [{name: encoded[name][at] for name in encoded} for at in range(len(rows))]
