"""What the choices of a plan are reasoned from: the rows measured, the checkpoint, this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from weitiao import parts
from weitiao.data.prepare.profile import Profile
from weitiao.data.rows import Rows
from weitiao.example import WINDOWS, Example
from weitiao.model.long_texts.base import long_text_of
from weitiao.planfile.plan import Plan
from weitiao.planning.cost import Speed
from weitiao.tasks.base import Task

SAMPLE, FEW = 2000, 200  # rows whose tokens are counted
LONGEST = 100_000  # tokens; nobody counts further


@dataclass(frozen=True)
class Network:
    """The size of a checkpoint. encoder: weights that every token is multiplied with."""

    checkpoint: str
    hidden_size: int
    layers: int
    encoder: int
    parameters: int
    max_length: int
    fused: bool = False  # own kernels run it here

    @property
    def inner_size(self) -> int:
        """The width inside a feed-forward part, as `encoder` tells."""
        a_layer = self.encoder // self.layers
        return (a_layer - 4 * self.hidden_size**2) // (2 * self.hidden_size)


class Reading(Protocol):
    """What is read of long texts, as LongText or as Windows say it."""

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Windows:
    """The windows in which a task of tokens reads long texts, each a row of its own to learn from.

    beside: of each row, the tokens that stand in all its windows (a question, special tokens).
    """

    task: Task
    beside: np.ndarray

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray:
        """How many tokens the network sees of rows with so many, (n,), all windows together."""
        beside = np.minimum(self.beside, max_length - max_length // 3)  # longer ones are cut
        room = max_length - beside
        shared = self.task.overlap(room)
        more = np.ceil(np.maximum(tokens - beside - room, 0) / np.maximum(room - shared, 1))
        return np.asarray(tokens + more * (shared + beside))


@dataclass(frozen=True)
class Facts:
    """Everything a choice may look at. rows counts labelled rows after duplicates are gone."""

    profile: Profile
    rows: int
    tokens: np.ndarray  # (n,) tokens of sampled rows, not cut off
    network: Network
    speed: Speed
    budget: float | None = None
    adapter: str = ""  # what the user asked to learn in place of all weights
    reading: Reading = field(default_factory=lambda: long_text_of({"head": {}}))

    @property
    def train_rows(self) -> int:
        """Rows left to learn from after validation and test are set apart (about)."""
        return max(1, round(self.rows * 0.8))

    def tokens_a_row(self, max_length: int) -> float:
        """Mean tokens of a row once it is cut at `max_length`."""
        return float(np.minimum(self.tokens, max_length).mean())

    def windows(self, max_length: int) -> float:
        """How many times as many tokens are read, all windows of a row together."""
        read = self.reading.reads(self.tokens, max_length)
        return float(read.mean()) / self.tokens_a_row(max_length)

    @property
    def apart(self) -> bool:
        """Whether windows are rows of their own: an update has so many windows, not texts."""
        return isinstance(self.reading, Windows)


def tokens_of(task: Task, examples: Sequence[Example], tokenizer: Any) -> np.ndarray:
    """Tokens of each example, not cut off."""
    given = task.encode(examples, tokenizer, LONGEST)
    sizes = np.array([len(row) for row in given["input_ids"]])
    owners = np.repeat(np.arange(len(examples)), given.get(WINDOWS, 1))
    return np.bincount(owners, sizes, len(examples)).astype(np.int64)


def reading_of(task: Task, examples: Sequence[Example], tokenizer: Any, plan: Plan) -> Reading:
    """What the plan wants to be read of long texts; tasks of tokens have windows of their own."""
    if not task.per_token:
        return long_text_of(plan.model.long_texts)
    empty = {task.roles[-1]: ""}
    beside = [Example({**one.inputs, **empty}) for one in examples]
    return Windows(task, tokens_of(task, beside, tokenizer))


def read_a_row(plan: Plan, rows: Rows, tokenizer: Any) -> float:
    """Mean tokens that the network sees of a row by a plan, all windows together."""
    task: Task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    task.adapt(tokenizer)
    examples = rows.examples(sampled(len(rows), FEW))
    reading = long_text_of(plan.model.long_texts)
    given = reading.encode(task, examples, tokenizer, plan.model.max_length)
    return sum(map(len, given["input_ids"])) / max(len(examples), 1)


def sampled(rows: int, most: int) -> np.ndarray:
    """Positions of some rows, evenly spread."""
    return np.linspace(0, rows - 1, min(most, rows)).astype(int)


def network_of(checkpoint: str, revision: str | None) -> tuple[Network, Any]:
    """The size of a checkpoint from its config, and its tokenizer."""
    import torch
    from transformers import AutoConfig

    from weitiao.checkpoints.load import load_tokenizer
    from weitiao.checkpoints.resolve import resolve
    from weitiao.checkpoints.verify import load_errors
    from weitiao.model.fast.shape import is_bert

    source = resolve(checkpoint, revision)
    tokenizer = load_tokenizer(source.path_or_name, source.revision)
    with load_errors(checkpoint):
        config = AutoConfig.from_pretrained(source.path_or_name, revision=source.revision)
    hidden = int(getattr(config, "hidden_size", 0) or getattr(config, "dim", 0) or 768)
    layers = int(getattr(config, "num_hidden_layers", 0) or getattr(config, "n_layers", 0) or 12)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    encoder = layers * (4 * hidden * hidden + 2 * hidden * inner)
    words = int(getattr(config, "vocab_size", 0)) * hidden
    positions = int(getattr(config, "max_position_embeddings", 0) or 512)
    longest = min(int(tokenizer.model_max_length), positions)
    fused = is_bert(config) and not torch.cuda.is_available()
    return Network(checkpoint, hidden, layers, encoder, encoder + words, longest, fused), tokenizer
