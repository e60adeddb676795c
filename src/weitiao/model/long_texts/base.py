"""What is read of a row that has more tokens than the network may see.

Rows that fit are read whole, whatever the choice: they come out of `encode` as they always did.
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
    """A choice says which tokens of a long text are read; special tokens are always kept.

    Of a pair, the shorter text keeps at most half of the room and the longer one has the rest, as
    transformers' "longest first". Where a long text becomes several rows (windows), those are of
    the longer one, and each has the other beside it.
    """

    several: ClassVar[bool] = False  # a long text may become several rows, whose logits are pooled
    side: ClassVar[Side] = "right"  # where a reader of the plain folder must cut
    plain: ClassVar[bool] = True  # transformers' own truncation on that side reads the same

    @abstractmethod
    def pieces(self, length: int, room: int) -> list[np.ndarray]:
        """Which of `length` tokens are read where only `room` fit: one array a row."""

    def note(self, max_length: int) -> str:
        """What a reader of the plain folder must do to get our answers; nothing for our default."""
        return ""

    @property
    def pool(self) -> Literal["mean", "max"]:
        """How the logits of several rows become one."""
        return "mean"

    def reads(self, tokens: np.ndarray, max_length: int) -> np.ndarray:
        """How many tokens the network sees of rows with so many, (n,)."""
        return np.minimum(tokens, max_length)

    def adapt(self, tokenizer: Any) -> None:
        """Let a tokenizer that is asked to truncate do it on our side; it is saved so."""
        tokenizer.truncation_side = self.side
        tokenizer.init_kwargs["truncation_side"] = self.side  # what is saved

    def encode(
        self, task: Task, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[Any]]:
        """As `Task.encode`: ids of rows, and under WINDOWS how many rows each example has."""
        if task.per_token or self.plain:
            return task.encode(examples, tokenizer, max_length)
        told = tokenizer(
            *task.texts(examples), truncation=False, return_attention_mask=False, verbose=False
        )
        found: dict[str, list[Any]] = {name: [] for name in told}
        counts = []
        for row, ids in enumerate(told["input_ids"]):
            fits = len(ids) <= max_length
            picks = [None] if fits else self.picks(told.sequence_ids(row), max_length)
            counts.append(len(picks))
            for name, pick in ((name, pick) for name in told for pick in picks):
                values = told[name][row]
                found[name].append(values if pick is None else [values[at] for at in pick.tolist()])
        found = filled(found, tokenizer)
        return {**found, WINDOWS: counts} if self.several else found

    def picks(self, sequences: Sequence[int | None], max_length: int) -> list[np.ndarray]:
        """The places of the tokens that are read, one array a row.

        sequences: the text each token is of (0, 1), None for special tokens.
        """
        if len(sequences) <= max_length:
            return [np.arange(len(sequences))]
        of = np.array([-1 if one is None else one for one in sequences])
        special = np.flatnonzero(of < 0)
        texts = [np.flatnonzero(of == text) for text in range(of.max() + 1)]
        rooms = shares([len(places) for places in texts], max_length - len(special))
        read = [
            [places[piece] for piece in self.pieces(len(places), room)]
            if len(places) > room
            else [places]
            for places, room in zip(texts, rooms, strict=True)
        ]
        longest = int(np.argmax([len(places) for places in texts]))
        beside = [pieces[0] for text, pieces in enumerate(read) if text != longest]
        return [np.sort(np.concatenate([special, *beside, piece])) for piece in read[longest]]


def chosen(named: Mapping[str, Mapping[str, Any]]) -> LongText:
    """The choice that a plan names."""
    ((name, settings),) = named.items()
    found: LongText = parts.build("long_texts", name, settings)
    return found


def shares(lengths: Sequence[int], room: int) -> list[int]:
    """How much of the room each of one or two texts gets, which do not both fit.

    >>> shares([90], 50), shares([90, 10], 50), shares([30, 90], 51)
    ([50], [40, 10], [25, 26])
    """
    if len(lengths) == 1:
        return [room]
    first, second = lengths
    short = min(first, second, room // 2)
    return [short, room - short] if first <= second else [room - short, short]
