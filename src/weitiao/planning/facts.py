"""Statistics that a plan is chosen from: token counts, network size, speed of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from weitiao import parts
from weitiao.data.prepare.profile import Profile
from weitiao.example import WINDOWS, Example
from weitiao.model.long_texts.base import long_text_of
from weitiao.planfile.plan import Plan
from weitiao.planning.cost import Network, Speed
from weitiao.tasks.base import Task

SAMPLE, FEW = 2000, 200  # rows whose tokens are counted
LONGEST = 100_000  # tokens; longer texts count as this


class Reading(Protocol):
    """How many tokens of long texts are read: a LongText, or Windows."""

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Windows:
    """Overlapping windows in which a token-level task reads long texts, each a training row.

    repeated: of each row, the tokens that stand in all its windows (a question, special tokens).
    """

    task: Task
    repeated: np.ndarray

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray:
        """Tokens that the network reads of each row, (n,), all windows together.

        A row of t tokens, r of them repeated, needs 1 + ceil((t - r - room) / stride) windows,
        where room = max_length - r and stride = room - overlap. Each window after the first reads
        overlap + r tokens again.
        """
        repeated = np.minimum(self.repeated, max_length - max_length // 3)  # longer ones are cut
        room = max_length - repeated
        overlap = self.task.overlap(room)
        stride = np.maximum(room - overlap, 1)
        more = np.ceil(np.maximum(tokens - repeated - room, 0) / stride)
        return np.asarray(tokens + more * (overlap + repeated))


@dataclass(frozen=True)
class Facts:
    """Everything a choice may look at. rows counts labelled rows after duplicates are gone."""

    profile: Profile
    rows: int
    tokens: np.ndarray  # (n,) tokens of sampled rows, not cut off
    network: Network
    speed: Speed
    budget: float | None = None
    adapter: str = ""  # parameter-efficient method, by the user
    reading: Reading = field(default_factory=lambda: long_text_of({"head": {}}))
    train_share: float = 0.8  # of the rows: without validation and test rows
    sentences: bool = False  # whether the network is one of `catalogue.ENCODERS`

    @property
    def task(self) -> type[Task]:
        """The class of the task, which says what it is by its ClassVars."""
        return parts.find("tasks", self.profile.task)

    @property
    def train_rows(self) -> int:
        """Training rows after validation and test are split off (about)."""
        return max(1, round(self.rows * self.train_share))

    @property
    def single_texts(self) -> bool:
        """Whether a row is one text with one label."""
        single = self.task.problem_type == "single_label_classification"
        return single and self.task.roles == ("text",) and "text_pair" not in self.profile.roles

    def tokens_a_row(self, max_length: int) -> float:
        """Mean tokens of a row truncated at `max_length`."""
        return float(np.minimum(self.tokens, max_length).mean())

    def windows(self, max_length: int) -> float:
        """Tokens read in all windows of a row, as a multiple of the truncated row."""
        read = self.reading.reads(self.tokens, max_length)
        return float(read.mean()) / self.tokens_a_row(max_length)

    @property
    def apart(self) -> bool:
        """Whether windows are training rows: a batch has so many windows, not texts."""
        return isinstance(self.reading, Windows)


def tokens_of(task: Task, examples: Sequence[Example], tokenizer: Any) -> np.ndarray:
    """Tokens of each example, not truncated."""
    encoded = task.encode(examples, tokenizer, LONGEST)
    sizes = np.array([len(row) for row in encoded["input_ids"]])
    # A task with windows gives several pieces for one example: they are added up.
    owners = np.repeat(np.arange(len(examples)), encoded.get(WINDOWS, 1))
    return np.bincount(owners, sizes, len(examples)).astype(np.int64)


def reading_of(task: Task, examples: Sequence[Example], tokenizer: Any, plan: Plan) -> Reading:
    """How the plan reads long texts; token-level tasks have windows of their own."""
    if not task.per_token or task.writes:
        return long_text_of(plan.model.long_texts)
    empty = {task.roles[-1]: ""}
    # With an empty text, what is left is what stands in every window: question, special tokens.
    without_text = [Example({**one.inputs, **empty}) for one in examples]
    return Windows(task, tokens_of(task, without_text, tokenizer))


def sampled(rows: int, most: int) -> np.ndarray:
    """Systematic sample: positions of some rows at even distances."""
    # Not random: the same rows give the same plan, and files that are sorted by label are covered.
    return np.linspace(0, rows - 1, min(most, rows)).astype(int)


def network_of(
    checkpoint: str, revision: str | None, texts: Sequence[str] | None = None
) -> tuple[Network, Any]:
    """The size of a checkpoint from its config, and its tokenizer. texts: of some rows, for the
    vocabulary of a network from nothing."""
    from weitiao.checkpoints.load import load_config, load_tokenizer
    from weitiao.checkpoints.resolve import resolve

    source = resolve(checkpoint, revision, texts)
    trusted = source.kind in ("package", "new")
    tokenizer = load_tokenizer(source.path_or_name, source.revision, trusted=trusted)
    return size_of(checkpoint, load_config(source), int(tokenizer.model_max_length)), tokenizer


def size_of(checkpoint: str, config: Any, longest: int) -> Network:
    """The size of a network from its config. longest: tokens that its tokenizer allows."""
    import torch

    from weitiao.model.fast.shape import is_bert

    if getattr(config, "is_encoder_decoder", False):
        return _size_of_pair(checkpoint, config, longest)
    # Names of the fields differ: distilbert has dim and n_layers.
    hidden = int(getattr(config, "hidden_size", 0) or getattr(config, "dim", 0) or 768)
    layers = int(getattr(config, "num_hidden_layers", 0) or getattr(config, "n_layers", 0) or 12)
    inner = int(getattr(config, "intermediate_size", 0) or 4 * hidden)
    # Attention has four square matrices (Q, K, V, output), the feed-forward part two.
    encoder = layers * (4 * hidden * hidden + 2 * hidden * inner)
    words = int(getattr(config, "vocab_size", 0)) * hidden
    positions = int(getattr(config, "max_position_embeddings", 0) or 512)
    if positions < 1:  # XLNet and other relative positions: -1, no limit
        positions = longest
    fused = is_bert(config) and not torch.cuda.is_available()
    longest = min(longest, positions)
    return Network(checkpoint, hidden, layers, encoder, encoder + words, longest, fused)


def _size_of_pair(checkpoint: str, config: Any, longest: int) -> Network:
    """The size of an encoder-decoder. Half of the tokens go through the encoder, half through the
    decoder and the last layer: a token costs half of both."""
    one = getattr(config, "encoder", None) or config  # of a pair of encoders
    width = int(getattr(one, "d_model", 0) or getattr(one, "hidden_size", 0) or 512)
    layers = int(getattr(config, "encoder_layers", 0) or getattr(one, "num_hidden_layers", 0) or 6)
    inner = int(
        getattr(config, "encoder_ffn_dim", 0)
        or getattr(one, "d_ff", 0)
        or getattr(one, "intermediate_size", 0)
        or 4 * width
    )
    words = int(getattr(config, "vocab_size", 0) or getattr(one, "vocab_size", 0)) * width
    # The decoder has attention to the source, too: 8 square matrices a layer instead of 4.
    body = layers * (12 * width * width + 4 * width * inner)
    positions = int(getattr(config, "max_position_embeddings", 0) or longest)
    return Network(
        checkpoint,
        width,
        2 * layers,
        (body + words) // 2,
        body + words,
        min(longest, positions),
        causal=False,
    )
