"""Model = network + tokenizer + task + plan. Text in, answers out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from accelerate.utils import set_seed
from transformers import AutoConfig

from weitiao import disk, parts
from weitiao.data.cleaners.base import Cleaner
from weitiao.data.data import Rows
from weitiao.data.encoded import Encoded, encode, in_memory
from weitiao.errors import DataError, ModelError
from weitiao.example import Batch, Example, Prediction
from weitiao.losses.base import Loss
from weitiao.messages import tell
from weitiao.model import asked
from weitiao.model.checkpoints import HEADS, load_tokenizer, network, pad, quiet, readable, room
from weitiao.model.material import texts_of, traced, weights_of
from weitiao.model.net import Net, set_dropout
from weitiao.model.offline import resolve
from weitiao.model.probe import resolve as resolve_precision
from weitiao.plan import Plan
from weitiao.ragged import Ragged
from weitiao.tasks.base import Task

CARD = "weitiao.json"  # what a plain transformers folder has no place for


@dataclass(frozen=True)
class Model:
    """A network that can be trained, asked and saved. See `start` and `load`."""

    net: Net
    tokenizer: Any
    task: Task
    plan: Plan
    cleaners: tuple[Cleaner, ...] = ()
    weights: tuple[float, ...] = ()  # what a mistake on each label costs; empty: all alike

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
        with quiet(), readable(plan.model.checkpoint):
            config = AutoConfig.from_pretrained(
                source.path_or_name,
                revision=source.revision,
                trust_remote_code=False,
                num_labels=task.outputs,
                **task.describe(),
            )
            pad(tokenizer, config)
            if plan.model.dropout is not None:
                set_dropout(config, plan.model.dropout)
            native = network(source, config, task.head)
        task.adapt(tokenizer)
        tokenizer.model_max_length = room(plan.model.max_length, tokenizer, config)
        cleaners = tuple(
            parts.build("cleaners", key, value).learn(texts_of(train))
            for key, value in plan.data.cleaners.items()
        )
        weights = weights_of(plan.train.class_weights, task, train)
        kind = resolve_precision(plan.train.precision)
        net = Net(native).run_as(plan.train.layout, kind)
        return cls(net, tokenizer, task, plan, cleaners, weights)

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
        """Encoded rows as one batch, in the layout the plan and the family agree on."""
        layout = self.net.layout(self.tokenizer, self.packs)
        rows = encoded.take(positions)
        return self.task.collate(rows, None if labels is None else labels[positions], layout)

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
        return asked.logits(self, encoded, net, positions, step)

    def scored(
        self,
        encoded: Encoded,
        net: Any = None,
        examples: np.ndarray | None = None,
        step: Callable[[int], None] | None = None,
    ) -> Any:
        """Scores of encoded examples, one entry each (default: of all): (n, outputs), or what the
        task makes of the logits of tokens."""
        return asked.scored(self, encoded, net, examples, step)

    def scores(self, examples: Sequence[Example]) -> Any:
        """Scores (n, outputs) for examples in memory, or what the task has instead."""
        if not examples and not self.task.per_token:
            return np.zeros((0, self.task.outputs), dtype=np.float32)
        return self.scored(in_memory([self._ids(examples)]))

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
        if isinstance(row, str):
            row = {self.task.roles[0]: row}
        columns = self.plan.data.roles
        inputs = {}
        for role in (*self.task.roles, *self.task.optional_roles):
            if role not in columns:
                continue
            column = str(columns[role])
            value = row.get(column, row.get(role))  # the training column's name wins
            if value is None:
                raise DataError(
                    tell(
                        "the row has no {role!r} (column {column!r}); it has {columns}.",
                        role=role,
                        column=column,
                        columns=", ".join(map(repr, sorted(row))),
                    )
                )
            inputs[role] = str(value)
        return Example(inputs)

    def save(self, folder: Path) -> None:
        """Write a plain transformers folder, and what it has no place for into weitiao.json."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach() for name, value in self.net.native.state_dict().items()}
        name, layer = self.net.last_linear(self.task.outputs)
        bias = None if layer.bias is None else layer.bias.detach()
        weight, bias, task = self.task.fold(layer.weight.detach(), bias)
        state[f"{name}.weight"] = weight
        if bias is not None:
            state[f"{name}.bias"] = bias
        with quiet(), disk.writing(folder):
            self.net.native.save_pretrained(disk.plain(folder), state_dict=state)
            self.tokenizer.save_pretrained(disk.plain(folder))
        card = {
            "format": 1,
            "task": {self.plan.task_name: task.model_dump()},
            "cleaners": {
                key: cleaner.model_dump()
                for key, cleaner in zip(self.plan.data.cleaners, self.cleaners, strict=True)
            },
            "plan": self.plan.model_dump(exclude={"why", "expect"}),
        }
        text = json.dumps(card, ensure_ascii=False, indent=1)
        (folder / CARD).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")

    @classmethod
    def load(cls, folder: str | Path, *, precision: str | None = None) -> Self:
        """A saved model: the `best/` of a run. Raises ModelError when it is none.

        precision: how it computes its answers, instead of what its plan says.
        """
        folder = Path(folder)
        if not (folder / CARD).is_file():
            raise ModelError(
                tell("{folder}: no saved model here ({file} is missing).", folder=folder, file=CARD)
            )
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        plan = Plan.parse(card["plan"], str(folder / CARD))
        plan = plan.with_({"train.precision": precision}) if precision else plan
        ((name, settings),) = card["task"].items()
        task: Task = parts.build("tasks", name, settings)
        cleaners = tuple(parts.build("cleaners", k, v) for k, v in card["cleaners"].items())
        with quiet(), readable(str(folder)):
            native = HEADS[task.head].from_pretrained(disk.plain(folder), dtype=torch.float32)
        kind = resolve_precision(plan.train.precision)
        net = Net(native).run_as(plan.train.layout, kind).eval()
        net = net.to("cuda" if torch.cuda.is_available() else "cpu")
        tokenizer = load_tokenizer(str(folder), None)
        task.adapt(tokenizer)
        return cls(net, tokenizer, task, plan, cleaners)

    def _ids(self, examples: Sequence[Example]) -> dict[str, list[list[int]]]:
        return self.task.encode(
            self.clean(examples), self.tokenizer, self.tokenizer.model_max_length
        )

    def clean(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with every cleaner of the plan applied to their texts; for tasks whose
        answers are places, meta["origins"] says where each character was."""
        examples = self.task.read(examples)
        if self.task.per_token and self.cleaners:
            return [traced(self.cleaners, example) for example in examples]
        for cleaner in self.cleaners:
            examples = [
                replace(e, inputs={role: cleaner.clean(str(t))[0] for role, t in e.inputs.items()})
                for e in examples
            ]
        return examples

    def _key(self) -> str:
        tokenizer = self.tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is not None:  # these are set anew at each call and say nothing
            backend.no_truncation()
            backend.no_padding()
        shape = [
            self.task.encoding,
            type(tokenizer).__name__,
            tokenizer.get_vocab() if backend is None else backend,
            tokenizer.model_input_names,
            tokenizer.truncation_side,
            tokenizer.model_max_length,
            [cleaner.model_dump() for cleaner in self.cleaners],
            list(self.plan.data.cleaners),
        ]
        texts = [s.to_str() if hasattr(s, "to_str") else json.dumps(s, default=str) for s in shape]
        return hashlib.blake2b("\n".join(texts).encode("utf-8"), digest_size=16).hexdigest()
