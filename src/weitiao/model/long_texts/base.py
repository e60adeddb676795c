"""Base class of truncation and windowing: which tokens beyond `model.max_length` are read.

Rows that fit are encoded whole, whatever the choice.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from weitiao import parts
from weitiao.core.batch_layout import filled
from weitiao.example import WINDOWS, Example
from weitiao.parts import Part

if TYPE_CHECKING:
    from weitiao.tasks.base import Task

Side = Literal["left", "right"]


class LongText(Part):
    """Truncation or windowing: selects the tokens of a long text; special tokens are always read.

    Of a pair, the shorter text gets at most half of the tokens and the longer one the rest, as with
    transformers' "longest_first". Where a long text becomes several rows (windows), the longer text
    of a pair is cut, and every window has the whole of what is read of the other.
    """

    windowed: ClassVar[bool] = False  # a text may become several rows, whose logits are pooled
    side: ClassVar[Side] = "right"  # the tokenizer's truncation_side
    plain: ClassVar[bool] = True  # transformers' own truncation on that side reads the same

    @abstractmethod
    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        """Indices of the tokens that are read of `length`, where `room` fit: one array a row."""

    def note(self, max_length: int) -> str:
        """What users of the plain folder must do to get the same predictions; empty for `head`."""
        return ""

    @property
    def pool(self) -> Literal["mean", "max"]:
        """How the logits of windows are pooled."""
        return "mean"

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray:
        """Tokens that go through the network for rows of so many tokens, (n,)."""
        return np.minimum(tokens, max_length)

    def adapt(self, tokenizer: Any) -> None:
        """Set the truncation side of the tokenizer, also in the saved one."""
        tokenizer.truncation_side = self.side
        tokenizer.init_kwargs["truncation_side"] = self.side  # save_pretrained writes these

    def encode(
        self, task: Task, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[Any]]:
        """As `Task.encode`: token ids of rows, and under WINDOWS the rows of each example."""
        if task.per_token or self.plain:
            return task.encode(examples, tokenizer, max_length)
        encoding = tokenizer(
            *task.texts(examples), truncation=False, return_attention_mask=False, verbose=False
        )
        # Tokens are picked from the whole encoding instead of cutting the text: special tokens stay
        # where the family has them, and no piece is tokenized without its neighbours.
        rows: dict[str, list[Any]] = {name: [] for name in encoding}
        counts = []
        for example, ids in enumerate(encoding["input_ids"]):
            fits = len(ids) <= max_length
            picks = [None] if fits else self.picks(encoding.sequence_ids(example), max_length)
            counts.append(len(picks))
            for name, pick in ((name, pick) for name in encoding for pick in picks):
                values = encoding[name][example]
                rows[name].append(values if pick is None else [values[i] for i in pick.tolist()])
        rows = filled(rows, tokenizer)
        return {**rows, WINDOWS: counts} if self.windowed else rows

    def picks(self, sequences: Sequence[int | None], max_length: int) -> list[np.ndarray]:
        """Indices of the tokens that are read of an example, one array a row.

        sequences: the text of each token (0, 1), None for special tokens.
        """
        if len(sequences) <= max_length:
            return [np.arange(len(sequences))]
        text_ids = np.array([-1 if text is None else text for text in sequences])
        special = np.flatnonzero(text_ids < 0)
        texts = [np.flatnonzero(text_ids == text) for text in range(text_ids.max() + 1)]
        rooms = split_room([len(tokens) for tokens in texts], max_length - len(special))
        read = [
            [tokens[piece] for piece in self.pieces(len(tokens), room)]
            if len(tokens) > room
            else [tokens]
            for tokens, room in zip(texts, rooms, strict=True)
        ]
        longest = int(np.argmax([len(tokens) for tokens in texts]))
        other = [pieces[0] for text, pieces in enumerate(read) if text != longest]
        return [np.sort(np.concatenate([special, *other, piece])) for piece in read[longest]]


def long_text_of(setting: Mapping[str, Mapping[str, Any]]) -> LongText:
    """The part that `model.long_texts` of a plan names."""
    ((name, settings),) = setting.items()
    part: LongText = parts.build("long_texts", name, settings)
    return part


def split_room(lengths: Sequence[int], room: int) -> list[int]:
    """Longest-first truncation: tokens for each of one or two texts that together do not fit.

    >>> split_room([90], 50), split_room([90, 10], 50), split_room([30, 90], 51)
    ([50], [40, 10], [25, 26])
    """
    if len(lengths) == 1:
        return [room]
    first, second = lengths
    short = min(first, second, room // 2)
    return [short, room - short] if first <= second else [room - short, short]
