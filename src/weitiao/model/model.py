"""Model = network + tokenizer + task + plan: from texts to predictions, and from and to folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor

from weitiao import parts
from weitiao.checkpoints import trial
from weitiao.checkpoints.families import (
    configure_padding,
    configure_writing,
    freeze_unused,
    set_attention,
)
from weitiao.checkpoints.load import load_config, load_tokenizer, text_length
from weitiao.checkpoints.new_network import check_task, is_new
from weitiao.checkpoints.resolve import resolve
from weitiao.checkpoints.verify import load_errors, quiet
from weitiao.core import disk, notice
from weitiao.core.ragged import Ragged, edges, flat, together
from weitiao.data.cache.encoded import BATCH_ROWS, Encoded, encode, in_memory
from weitiao.data.cleaners.base import Cleaner
from weitiao.data.prepare.load import Rows
from weitiao.errors import ModelError
from weitiao.example import Batch, Example, Prediction
from weitiao.hardware.precision import arithmetic
from weitiao.hardware.probe import resolve as resolve_precision
from weitiao.i18n.messages import _
from weitiao.losses.base import Loss
from weitiao.model import adapted as adapters
from weitiao.model import card, custom_head, folding, preprocess, saved, sentence_folder, writing
from weitiao.model.batching import INFERENCE_TOKENS, by_length
from weitiao.model.kept_logits import KeptLogits
from weitiao.model.long_texts.base import LongText, long_text_of
from weitiao.model.net import Net, set_dropout
from weitiao.model.output_layer import logits_and_features
from weitiao.model.predictor import Predictor
from weitiao.model.sharded import gathered_state
from weitiao.model.unknown import UnknownDetector
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task
from weitiao.tasks.retrieval import Retrieval

TOKEN_LOGITS_EXAMPLES = 2000  # examples whose logits of all tokens are in memory at a time
Progress = Callable[[int], None]  # called with the number of rows after each batch


@dataclass(frozen=True, repr=False)
class Model(Predictor):
    """A model: network, tokenizer, task and plan. See `start` and `load`."""

    net: Net
    tokenizer: Any
    task: Task
    plan: Plan
    cleaners: tuple[Cleaner, ...] = ()
    weights: tuple[float, ...] = ()  # of each label in the loss; empty: equal
    head: Mapping[str, Any] = field(default_factory=lambda: {"native": {}})  # the one in use
    detector: UnknownDetector | None = None  # of unknown inputs
    kept: KeptLogits = field(default_factory=KeptLogits, compare=False)

    @classmethod
    def start(cls, plan: Plan, train: Rows, validation: Rows | None = None) -> Self:
        """A pre-trained network with a new head for these rows; validation adds only labels.

        Raises ModelError when the checkpoint cannot be loaded.
        """
        name, settings = next(iter(plan.task.items()))
        targets = train.targets()
        task: Task = parts.build("tasks", name, settings).learn(targets)
        task = task.widened(validation.targets()) if validation else task
        task = task.spelled_like(train)
        check_task(plan.model.checkpoint, task.writes)
        texts = preprocess.all_texts(train) if is_new(plan.model.checkpoint) else None
        source = resolve(plan.model.checkpoint, plan.model.revision, texts)
        trusted = source.kind in ("package", "new")
        tokenizer = load_tokenizer(source.path_or_name, source.revision, trusted=trusted)
        set_seed(plan.train.seed)  # before the new head is initialized
        loading = notice.during(_("loading the model {name}", name=plan.model.checkpoint))
        with loading, quiet(), load_errors(plan.model.checkpoint):
            config = load_config(source, **_described(task))
            task = task.for_network(config)
            configure(task, tokenizer, config)
            if plan.model.dropout is not None:
                set_dropout(config, plan.model.dropout)
            head = custom_head.select_head(plan.model.head, task, config)
            native = custom_head.pretrained(source, config, head, task, plan.model.quantization)
            set_attention(native.base_model, plan.model.attention)
            freeze_unused(native)
        adapted = adapters.inject(plan.model.adapter, native, plan.model.checkpoint)
        positions = adapted.part.positions if adapted else 0
        positions += writing.positions_of_answers(task, config)
        # The task may change the tokenizer (no piece with two Chinese characters): before anything
        # is encoded, and before its hash becomes part of the cache's key.
        task.adapt(tokenizer)
        long_texts = long_text_of(plan.model.long_texts)
        long_texts.adapt(tokenizer)
        max_length = text_length(plan.model.max_length, tokenizer, config, positions)
        tokenizer.model_max_length = max_length
        cleaners = tuple(
            parts.build("cleaners", key, value).learn(preprocess.iter_texts(train))
            for key, value in plan.data.cleaners.items()
        )
        weights = preprocess.class_weights(plan.train.class_weights, task, train)
        precision = resolve_precision(plan.train.precision)
        layout: str = plan.train.layout
        net = Net(native, adapted, long_texts.pool)
        if plan.train.sharding != "none" and layout == "auto":
            # FSDP gathers a layer's weights in its forward hook, which own kernels do not call.
            layout = net.layout
        net = net.run_as(layout, precision)
        return cls(net, tokenizer, task, plan, cleaners, weights, head)

    def encode(self, rows: Rows, max_length: int | None = None) -> Encoded:
        """Tokenized rows: token ids, cached by the texts and all settings of encoding.

        max_length: tokens, where fewer than the model reads.
        """
        most = self.tokenizer.model_max_length
        length = min(max_length or most, most)
        key = self._encoding_key(length)
        if self.task.writes or self.task.contrasts:  # what is encoded holds the targets, too
            key += rows.content
        return encode(rows, partial(self._clean_ids, length=length), key)

    def loss(self) -> Loss:
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
        weights: np.ndarray | None = None,
    ) -> Batch:
        """Encoded rows as one batch, in the layout of the network; where windows are pooled,
        examples with all their windows. weights: of all rows, as the labels."""
        batch = self._batch(encoded, positions, labels)
        if weights is None:
            return batch
        own = weights[np.asarray(positions)]
        return replace(batch, weights=_weights_like(self.task, batch, own))

    def _batch(
        self,
        encoded: Encoded,
        positions: Sequence[int] | np.ndarray,
        labels: np.ndarray | Ragged | None,
    ) -> Batch:
        layout = self.net.collation(self.tokenizer, self.packs)
        batch_labels = None if labels is None else labels[positions]
        if self.task.contrasts:
            positions = [*positions, *self.task.further(batch_labels)]
        if self.task.per_token or encoded.firsts is None:
            return self.task.collate(encoded.take(positions), batch_labels, layout)
        rows = encoded.take(flat(encoded.firsts, np.asarray(positions)))
        windows = torch.from_numpy(np.diff(encoded.firsts)[positions])
        return replace(self.task.collate(rows, batch_labels, layout), windows=windows)

    def sizes(self, encoded: Encoded) -> np.ndarray:
        """Tokens of each unit of a batch: of rows, or of examples with all their windows."""
        return encoded.lengths if self.task.per_token else encoded.sizes

    @property
    def long_texts(self) -> LongText:
        """How texts beyond the maximum length are read."""
        return long_text_of(self.plan.model.long_texts)

    @property
    def folds(self) -> bool:
        """Whether the head `mean` is saved as layers of transformers' own classes."""
        adapted = self.net.adapted
        merges = adapted is None or adapted.plain
        return merges and folding.folds(self.net.native.config, self.head, self.task.outputs)

    @property
    def described(self) -> card.Described:
        """What its model card is about."""
        family = self.net.native.config.model_type
        return card.Described(self.plan, self.task, family, self.head, self.folds)

    @property
    def packs(self) -> bool:
        """Whether batches are packed: the plan wants it and the family can."""
        return self.net.layout != "padded"

    def logits(
        self,
        encoded: Encoded,
        net: Any = None,
        positions: Sequence[int] | np.ndarray | None = None,
        step: Progress | None = None,
    ) -> Any:
        """Logits (n, outputs), float32, in the order of `positions` (default: all rows); of tasks
        of tokens Ragged, with as many as each row has tokens.

        Batches are sorted by length, so that hardly anything is padded. `step(rows)` is called
        after each, for progress bars.
        """
        net = net if net is not None else self.net

        def run(batch: Batch) -> Tensor:
            logits: Tensor = net(batch)
            if self.task.contrasts:  # two vectors of each row
                return logits.view(-1, self.task.outputs)
            if self.task.per_token and not batch.packed:
                logits = logits[batch.tensors["attention_mask"].bool()]
            return logits

        return self.in_batches(run, net, self.task.outputs, encoded, positions, step)

    @torch.inference_mode()
    def in_batches(
        self,
        run: Callable[[Batch], Tensor],
        net: Any,
        width: int,
        encoded: Encoded,
        positions: Sequence[int] | np.ndarray | None = None,
        step: Progress | None = None,
        tokens: int | None = None,
    ) -> Any:
        """What `run` gives for each batch, (rows or tokens, width), in the order of `positions`.

        net: what runs, this model's network or a wrapper of it; it evaluates meanwhile. tokens: at
        once, instead of the plan's.
        """
        sizes = self.sizes(encoded)
        rows = np.arange(len(sizes)) if positions is None else np.asarray(positions)
        offsets = edges(encoded.lengths[rows]) if self.task.per_token else None
        count = len(rows) if offsets is None else offsets[-1]
        result = np.zeros((count, width), dtype=np.float32)
        device = next(self.net.parameters()).device
        training = net.training
        net.eval()
        if tokens is None:
            wanted = self.plan.train.micro_batch_tokens
            tokens = INFERENCE_TOKENS if wanted == "auto" else wanted
        with arithmetic(resolve_precision(self.plan.train.precision, device.type), device.type):
            for group in by_length(sizes[rows], tokens, self.packs):
                batch = self.batch(encoded, rows[group]).to(device)
                index = group if offsets is None else flat(offsets, group)
                result[index] = run(batch).float().cpu().numpy()
                if step:
                    step(len(group))
        net.train(training)
        return result if offsets is None else Ragged(result, offsets)

    def scored(
        self,
        encoded: Encoded,
        net: Any = None,
        examples: np.ndarray | None = None,
        step: Progress | None = None,
    ) -> Any:
        """Scores of encoded examples, one entry each (default: of all): (n, outputs), or what the
        task makes of the logits of tokens."""
        task = self.task
        if task.writes:
            return writing.written(self, encoded, net, examples, step)
        if not task.per_token:
            return task.score(self.logits(encoded, net, examples, step))
        wanted = np.arange(encoded.examples) if examples is None else examples
        chunks = np.array_split(wanted, max(1, -(-len(wanted) // TOKEN_LOGITS_EXAMPLES)))
        scores = []
        for chunk in chunks:
            part = encoded.of(chunk)
            scores.append(task.merged(self.logits(part, net), part))
            if step:
                step(len(chunk))
        return together(scores)

    def logits_of(self, rows: Rows, step: Progress | None = None) -> Any:
        """Logits of rows, as of `logits`; of the rows that were read last, they are kept."""
        known = self.kept.of(rows, self.net)
        if known is None:
            known = self.logits(self.encode(rows), step=step)
            self.kept.keep(rows, self.net, known)
        elif step:
            step(len(rows))
        return known

    def scores_of(self, rows: Rows, step: Progress | None = None) -> Any:
        """Scores of rows, as of `scored`."""
        if self.task.writes or self.task.per_token:
            return self.scored(self.encode(rows), step=step)
        return self.task.score(self.logits_of(rows, step))

    def scores(self, examples: Sequence[Example]) -> Any:
        """Scores (n, outputs) for examples in memory, or what the task has instead."""
        if not examples and not self.task.per_token:
            return np.zeros((0, self.task.outputs), dtype=np.float32)
        return self.scored(self._encoded(examples))

    def _encoded(self, examples: Sequence[Example]) -> Encoded:
        # In chunks: the tokenizer's output holds far more of a text than its ids.
        starts = range(0, max(len(examples), 1), BATCH_ROWS)
        ids = (self._clean_ids(examples[start : start + BATCH_ROWS]) for start in starts)
        return in_memory(ids)

    def decided(self, examples: Sequence[Example]) -> list[Prediction]:
        """The predictions for examples; of unknown inputs "unknown", where the plan wants it."""
        if self.detector is None or not examples:
            return super().decided(examples)
        logits, read = logits_and_features(self, self._encoded(examples))
        predictions = self.task.decide(self.task.score(logits), examples)
        known = self.detector.p_values(self.detector.scores(logits, read)).tolist()
        return [
            self.detector.marked(one, p_value)
            for one, p_value in zip(predictions, known, strict=True)
        ]

    def known_scores(self, rows: Any) -> np.ndarray:
        """(n,) the p-value of "this input is known" of each row: of known inputs, the proportion
        that looks as strange; NaN without a text. Raises ModelError where the plan recognizes no
        unknown inputs."""
        if self.detector is None:
            raise ModelError(
                _("this model recognizes no unknown inputs: train it with evaluate.unknown=auto.")
            )
        scores = [one.known_score for one in self.predictions(rows)]
        return np.array([np.nan if score is None else score for score in scores])

    def state(self, keep: bool = True) -> dict[str, Tensor]:
        """The weights of the folder to save.

        Of a sharded network a collective operation: all processes call it, and those with `keep`
        get the weights.
        """
        return gathered_state(adapters.state(self.net.native), keep)

    def save(self, folder: Path, weights: Mapping[str, Tensor] | None = None) -> None:
        """Write a plain transformers folder, and what it has no place for into weitiao.json.

        weights: the result of `state`, if it was called already.
        """
        folder.mkdir(parents=True, exist_ok=True)
        adapted, native, task = self.net.adapted, self.net.native, self.task
        state = dict(self.state() if weights is None else weights)
        # A calibrated temperature or a standardized target is folded into the output layer.
        if (output_layer := self.net.last_linear(task.outputs)) is not None:
            name, _ = output_layer
            weight, bias, task = task.fold(state[f"{name}.weight"], state.get(f"{name}.bias"))
            folded = {f"{name}.weight": weight, f"{name}.bias": bias}
            state |= {key: value for key, value in folded.items() if value is not None}
        if task.writes:
            writing.describe_decoding(native, task, self.tokenizer)
        with quiet(), disk.writing(folder):
            # save_pretrained removes entries from the dict that it is given.
            if self.folds:
                folding.save(state, native.config, folder)
            else:
                native.save_pretrained(disk.plain(folder), state_dict=dict(state))
            self.tokenizer.save_pretrained(disk.plain(folder))
            trial.trust(folder)
            if adapted:
                adapted.write(native, state, folder)
        if isinstance(task, Retrieval):
            prompts = {"query": task.query_prefix, "document": task.passage_prefix}
            longest = int(self.tokenizer.model_max_length)
            sentence_folder.write(folder, task.width, native.head.pool.pooling, prompts, longest)
        card.write(folder, self.described)
        note = self.long_texts.note(self.tokenizer.model_max_length)
        saved.Metadata(self.plan, task, self.cleaners, self.head, note).write(folder, self.folds)
        if self.detector:
            self.detector.write(folder)

    @classmethod
    def load(cls, folder: str | Path, *, precision: str | None = None) -> Self:
        """A saved model: the `best/` of a run. Raises ModelError when it is none.

        precision: of its predictions, instead of the plan's. A layout or a precision of the plan
        that this machine does not have is replaced by `auto`.
        """
        folder = Path(folder)
        metadata = saved.Metadata.read(folder)
        task, head = metadata.task, metadata.head
        plan = saved.inference_plan(metadata.plan, precision)
        loading = notice.during(_("loading the model {name}", name=str(folder)))
        with loading, quiet(), load_errors(str(folder)):
            native = custom_head.load(disk.plain(folder), head, task)
            adapted = adapters.read(plan.model.adapter, native, folder)
        set_attention(native.base_model, plan.model.attention)
        tokenizer = load_tokenizer(str(folder), None)
        configure(task, tokenizer, native.config)
        task.adapt(tokenizer)
        long_texts = long_text_of(plan.model.long_texts)
        long_texts.adapt(tokenizer)
        net = Net(native, adapted, long_texts.pool)
        layout = plan.train.layout
        layout = "auto" if layout == "fused" or not net.packs else layout
        net = net.run_as(layout, resolve_precision(plan.train.precision)).eval()
        net = net.to("cuda" if torch.cuda.is_available() else "cpu")
        detector = UnknownDetector.read(folder)
        return cls(net, tokenizer, task, plan, metadata.cleaners, head=head, detector=detector)

    def ids(self, cleaned: Sequence[Example], length: int | None = None) -> dict[str, list[Any]]:
        """Token ids of cleaned examples, as the network reads them; length: of fewer tokens."""
        length = length or self.tokenizer.model_max_length
        return self.long_texts.encode(self.task, cleaned, self.tokenizer, length)

    def clean(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with every cleaner of the plan applied to their texts; for tasks of tokens
        meta["alignment"] says which characters of the raw text each one stands for."""
        return preprocess.clean_examples(self.task, self.cleaners, examples)

    def _clean_ids(
        self, examples: Sequence[Example], length: int | None = None
    ) -> dict[str, list[Any]]:
        return self.ids(self.clean(examples), length)

    def _encoding_key(self, length: int) -> str:
        names = [*self.plan.data.cleaners]
        if not self.long_texts.plain:
            names.append(json.dumps(self.plan.model.long_texts, sort_keys=True))
        return preprocess.encoding_key(self.task, self.tokenizer, self.cleaners, names, length)


def _weights_like(task: Task, batch: Batch, weights: np.ndarray) -> Tensor:
    """Weights of rows in the shape that the loss reads: of tokens that of their labels."""
    rows = torch.from_numpy(weights.astype(np.float32))
    if not task.per_token or batch.labels is None:
        return rows
    if batch.lengths is not None:
        return torch.repeat_interleave(rows, batch.lengths)
    return rows[:, None].expand(batch.labels.shape)


def configure(task: Task, tokenizer: Any, config: Any) -> None:
    """Set up a tokenizer and a config for what the task does with texts: read or write them."""
    (configure_writing if task.writes else configure_padding)(tokenizer, config)


def _described(task: Task) -> dict[str, Any]:
    """What config.json says of the answers."""
    return {} if task.writes else {"num_labels": task.outputs, **task.describe()}
