"""Model = network + tokenizer + task + plan. Text in, answers out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor
from transformers import AutoConfig

from weitiao import parts
from weitiao.checkpoints.families import configure_padding, freeze_unused, set_attention
from weitiao.checkpoints.load import load_tokenizer, text_length
from weitiao.checkpoints.resolve import resolve
from weitiao.checkpoints.verify import load_errors, quiet
from weitiao.core import disk
from weitiao.core.ragged import Ragged, flat
from weitiao.data.cache.encoded import BATCH_ROWS, Encoded, encode, in_memory
from weitiao.data.cleaners.base import Cleaner
from weitiao.data.prepare.load import Rows
from weitiao.example import Batch, Example, Prediction
from weitiao.hardware.probe import resolve as resolve_precision
from weitiao.losses.base import Loss
from weitiao.model import custom_head, inference, saved
from weitiao.model import saved as card
from weitiao.model.long_texts.base import LongText, chosen
from weitiao.model.net import Net, set_dropout
from weitiao.model.peft import runtime
from weitiao.model.preprocess import cleaned, example_of, key_of, texts_of, weights_of
from weitiao.model.sharded import wholes
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


@dataclass(frozen=True)
class Model:
    """A network that can be trained, asked and saved. See `start` and `load`."""

    net: Net
    tokenizer: Any
    task: Task
    plan: Plan
    cleaners: tuple[Cleaner, ...] = ()
    weights: tuple[float, ...] = ()  # what a mistake on each label costs; empty: all alike
    head: Mapping[str, Any] = field(default_factory=lambda: {"native": {}})  # in fact

    @classmethod
    def start(cls, plan: Plan, train: Rows, validation: Rows | None = None) -> Self:
        """A pre-trained network with a fresh head for these rows; validation adds only labels.

        Raises ModelError when the checkpoint cannot be had.
        """
        name, settings = next(iter(plan.task.items()))
        targets = train.targets()
        task: Task = parts.build("tasks", name, settings).learn(targets)
        task = task.widened(validation.targets()) if validation else task
        source = resolve(plan.model.checkpoint, plan.model.revision)
        tokenizer = load_tokenizer(source.path_or_name, source.revision)
        set_seed(plan.train.seed)  # the new head's weights are drawn from it
        with quiet(), load_errors(plan.model.checkpoint):
            config = AutoConfig.from_pretrained(
                source.path_or_name,
                revision=source.revision,
                trust_remote_code=False,
                num_labels=task.outputs,
                **task.describe(),
            )
            configure_padding(tokenizer, config)
            if plan.model.dropout is not None:
                set_dropout(config, plan.model.dropout)
            head = custom_head.chosen(plan.model.head, task, config)
            native = custom_head.begun(source, config, head, task, plan.model.quantization)
            set_attention(native.base_model, plan.model.attention)
            freeze_unused(native)
        adapted = runtime.put(plan.model.adapter, native, plan.model.checkpoint)
        places = adapted.part.places if adapted else 0
        task.adapt(tokenizer)
        reading = chosen(plan.model.long_texts)
        reading.adapt(tokenizer)
        tokenizer.model_max_length = text_length(plan.model.max_length, tokenizer, config, places)
        cleaners = tuple(
            parts.build("cleaners", key, value).learn(texts_of(train))
            for key, value in plan.data.cleaners.items()
        )
        weights = weights_of(plan.train.class_weights, task, train)
        kind = resolve_precision(plan.train.precision)
        layout: str = plan.train.layout
        net = Net(native, adapted, reading.pool)
        if plan.train.sharding != "none" and layout == "auto":
            layout = net.way  # own kernels read weights without asking the layers for them
        net = net.run_as(layout, kind)
        return cls(net, tokenizer, task, plan, cleaners, weights, head)

    def encode(self, rows: Rows) -> Encoded:
        """The rows' texts as token ids, cached by their content and by all that shapes them."""
        return encode(rows, self._ids, self._key())

    def cost(self) -> Loss:
        """The loss of the plan, or the task's own."""
        name, settings = next(iter(self.plan.train.loss.items()), (self.task.losses[0], {}))
        weighted = {**settings, "weights": self.weights} if self.weights else settings
        loss: Loss = parts.build("losses", name, weighted)
        return loss

    def batch(
        self,
        encoded: Encoded,
        positions: Sequence[int] | np.ndarray,
        labels: np.ndarray | Ragged | None = None,
    ) -> Batch:
        """Encoded rows as one batch, in the layout the plan and the family agree on; examples with
        all their windows, where those are pooled."""
        layout = self.net.layout(self.tokenizer, self.packs)
        picked = None if labels is None else labels[positions]
        if self.task.per_token or encoded.firsts is None:
            return self.task.collate(encoded.take(positions), picked, layout)
        rows = encoded.take(flat(encoded.firsts, np.asarray(positions)))
        windows = torch.from_numpy(np.diff(encoded.firsts)[positions])
        return replace(self.task.collate(rows, picked, layout), windows=windows)

    def sizes(self, encoded: Encoded) -> np.ndarray:
        """Tokens of each thing a batch is made of: of rows, or of examples with all windows."""
        return encoded.lengths if self.task.per_token else encoded.sizes

    @property
    def long_texts(self) -> LongText:
        """What is read of texts that are longer than the network may see."""
        return chosen(self.plan.model.long_texts)

    @property
    def packs(self) -> bool:
        """Whether batches are packed: the plan wants it and the family can."""
        return self.net.way != "padded"

    def logits(
        self,
        encoded: Encoded,
        net: Any = None,
        positions: Sequence[int] | np.ndarray | None = None,
        step: Callable[[int], None] | None = None,
    ) -> Any:
        """Logits (n, outputs), float32, in the order of `positions` (default: all rows); of a head
        that answers for tokens Ragged, as many for each row as it has tokens.

        `step(rows)` is called after each batch, for progress bars.
        """
        return inference.logits(self, encoded, net, positions, step)

    def scored(
        self,
        encoded: Encoded,
        net: Any = None,
        examples: np.ndarray | None = None,
        step: Callable[[int], None] | None = None,
    ) -> Any:
        """Scores of encoded examples, one entry each (default: of all): (n, outputs), or what the
        task makes of the logits of tokens."""
        return inference.scored(self, encoded, net, examples, step)

    def scores(self, examples: Sequence[Example]) -> Any:
        """Scores (n, outputs) for examples in memory, or what the task has instead."""
        if not examples and not self.task.per_token:
            return np.zeros((0, self.task.outputs), dtype=np.float32)
        # In pieces: a tokenizer holds far more of a text than its ids.
        starts = range(0, max(len(examples), 1), BATCH_ROWS)
        ids = (self._ids(examples[start : start + BATCH_ROWS]) for start in starts)
        return self.scored(in_memory(ids))

    def predict(self, examples: Sequence[Example], chunk: int = 10_000) -> Iterator[Prediction]:
        """One prediction per example, in order; memory is bounded by `chunk` rows."""
        for start in range(0, len(examples), chunk):
            part = self.task.read(examples[start : start + chunk])
            yield from self.task.decide(self.scores(part), part)

    def __call__(self, *rows: str | Mapping[str, Any]) -> Any:
        """Answer raw rows: a string, or a mapping of roles (or of the training columns) to texts.

        One row gives one Prediction; several give a list.
        """
        answers = list(self.predict([self.example(row) for row in rows]))
        return answers[0] if len(rows) == 1 else answers

    def predict_proba(self, texts: Sequence[str | Mapping[str, Any]]) -> np.ndarray:
        """Scores (n, labels) in the order of `model.task.choices`, as in scikit-learn."""
        return self.scores([self.example(text) for text in texts])

    def example(self, row: str | Mapping[str, Any]) -> Example:
        """A raw row as an Example. Raises DataError when a text is missing."""
        return example_of(self.task, self.plan.data.roles, row)

    def state(self, keep: bool = True) -> dict[str, Tensor]:
        """The weights of the folder to save. Of a network in shards all processes must ask, and
        those that `keep` get them."""
        return wholes(runtime.state(self.net.native), keep)

    def save(self, folder: Path, weights: Mapping[str, Tensor] | None = None) -> None:
        """Write a plain transformers folder, and what it has no place for into weitiao.json.

        weights: what `state` gave, if it was asked already.
        """
        folder.mkdir(parents=True, exist_ok=True)
        adapted, native, task = self.net.adapted, self.net.native, self.task
        state = dict(self.state() if weights is None else weights)
        if (ending := self.net.last_linear(task.outputs)) is not None:
            name, _ = ending
            weight, bias, task = task.fold(state[f"{name}.weight"], state.get(f"{name}.bias"))
            folded = {f"{name}.weight": weight, f"{name}.bias": bias}
            state |= {key: value for key, value in folded.items() if value is not None}
        with quiet(), disk.writing(folder):
            native.save_pretrained(disk.plain(folder), state_dict=dict(state))  # it empties that
            self.tokenizer.save_pretrained(disk.plain(folder))
            if adapted:
                adapted.write(native, state, folder)
        told = {
            "format": 1,
            "plain": not card.apart(self.plan, self.head),
            "task": {self.plan.task_name: task.model_dump()},
            "cleaners": {
                key: cleaner.model_dump()
                for key, cleaner in zip(self.plan.data.cleaners, self.cleaners, strict=True)
            },
            "head": self.head,
            "plan": self.plan.model_dump(exclude={"why", "expect"}),
        }
        card.write(folder, self.plan, self.net.native.config.model_type, self.head)
        if note := self.long_texts.note(self.tokenizer.model_max_length):
            told["reading"] = note
        text = json.dumps(told, ensure_ascii=False, indent=1)
        (folder / saved.CARD).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")

    @classmethod
    def load(cls, folder: str | Path, *, precision: str | None = None) -> Self:
        """A saved model: the `best/` of a run. Raises ModelError when it is none.

        precision: how it computes its answers, instead of what its plan says. A layout or a
        precision of the plan that this machine does not have is replaced by `auto`.
        """
        folder = Path(folder)
        told = saved.read(folder)
        plan, task, head = saved.answering(told.plan, precision), told.task, told.head
        with quiet(), load_errors(str(folder)):
            native = custom_head.load(disk.plain(folder), head, task)
            adapted = runtime.read(plan.model.adapter, native, folder)
        set_attention(native.base_model, plan.model.attention)
        tokenizer = load_tokenizer(str(folder), None)
        configure_padding(tokenizer, native.config)
        task.adapt(tokenizer)
        reading = chosen(plan.model.long_texts)
        reading.adapt(tokenizer)
        net = Net(native, adapted, reading.pool)
        layout = plan.train.layout  # where it cannot be had on this machine, the fastest that can
        layout = "auto" if layout == "fused" or not net.packs else layout
        net = net.run_as(layout, resolve_precision(plan.train.precision)).eval()
        net = net.to("cuda" if torch.cuda.is_available() else "cpu")
        return cls(net, tokenizer, task, plan, told.cleaners, head=head)

    def ids(self, cleaned: Sequence[Example]) -> dict[str, list[Any]]:
        """Token ids of cleaned examples, as the network reads them."""
        length = self.tokenizer.model_max_length
        return self.long_texts.encode(self.task, cleaned, self.tokenizer, length)

    def _ids(self, examples: Sequence[Example]) -> dict[str, list[Any]]:
        return self.ids(self.clean(examples))

    def clean(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with every cleaner of the plan applied to their texts; for tasks whose
        answers are places, meta["origins"] says where each character was."""
        return cleaned(self.task, self.cleaners, examples)

    def _key(self) -> str:
        names = [*self.plan.data.cleaners]
        if not self.long_texts.plain:
            names.append(json.dumps(self.plan.model.long_texts, sort_keys=True))
        return key_of(self.task, self.tokenizer, self.cleaners, names)
