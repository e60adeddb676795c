"""Span decoding for extractive question answering: the best span over all windows of a text, and
how its ends are moved to the ends of words."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.example import Batch

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded

# Columns of a question's scores: the characters of the best passage, its logits (start and end
# added), those of "no answer", how likely the passage is beside all others.
START, END, SPAN, NULL, SURE = range(5)


def best_spans(logits: Any, encoded: Encoded, longest: int) -> np.ndarray:
    """Decode the best answer span of each question over its windows: scores (questions, 5).

    logits: Ragged, (tokens, 2) start and end logits, aligned with the ids of `encoded`.

    A passage begins and ends in one window, at tokens of the text alone, and has at most `longest`
    tokens. "No answer" counts with the window that is surest that there is one, as SQuAD's scripts
    do. A text without a token has the passage 0 to 0 with the logits minus infinity.
    """
    scores = np.tile(np.array([0, 0, -np.inf, np.inf, 0.0]), (encoded.examples, 1))
    # Log-sum-exp of start and of end logits over the candidates of all windows. The probability of
    # a span is exp(start_i + end_j) / (sum_k exp(start_k) * sum_k exp(end_k)): softmax over all
    # tokens of the text and those for "no answer", start and end taken as independent. In
    # logarithms, exp cannot overflow.
    sums = np.full((encoded.examples, 2), -np.inf)
    starts, ends = encoded.values["starts"], encoded.values["ends"]
    for row, owner in enumerate(encoded.owners):
        window = slice(int(encoded.offsets[row]), int(encoded.offsets[row + 1]))
        values = logits.row(row).astype(float)
        first, last = starts[window], ends[window]
        usable = first > 0
        # The token for "no answer" is the one with starts 0 and ends 1 (see windows_of).
        null = int(np.flatnonzero(~usable & (last == 1))[0])
        scores[owner, NULL] = min(scores[owner, NULL], float(values[null].sum()))
        candidates = values[usable | (np.arange(len(first)) == null)]
        sums[owner] = np.logaddexp(sums[owner], np.logaddexp.reduce(candidates, axis=0))
        if not usable.any():
            continue
        begin, end, value = _best(np.where(usable[:, None], values, -np.inf), longest)
        if value > scores[owner, SPAN]:
            scores[owner, :NULL] = int(first[begin]) - 1, int(last[end]), value
    known = np.isfinite(scores[:, SPAN])
    scores[known, SURE] = np.exp(scores[known, SPAN] - sums[known].sum(1))
    scores[np.isposinf(scores[:, NULL]), NULL] = 0.0
    return scores


def _best(values: np.ndarray, longest: int) -> tuple[int, int, float]:
    """First and last token of the span with the highest sum of logits, and that sum."""
    # For each start, the best end within `longest` tokens: a sliding maximum, tokens x longest
    # instead of tokens x tokens. The window is a view; padding by -inf ends it at the text's end.
    size = len(values)
    ahead = np.concatenate([values[:, 1], np.full(longest - 1, -np.inf)])
    reach = np.lib.stride_tricks.sliding_window_view(ahead, longest)  # row i: the ends from i on
    steps = reach.argmax(1)
    sums = values[:, 0] + reach[np.arange(size), steps]
    begin = int(np.where(np.isnan(sums), -np.inf, sums).argmax())
    return begin, begin + int(steps[begin]), float(sums[begin])


def by_row(values: Tensor, batch: Batch, fill: float = -math.inf) -> Tensor:
    """Token values of a batch, padded or packed, as (rows, longest, ...) with `fill` at padding."""
    import torch

    if batch.lengths is None:
        real = batch.tensors["attention_mask"].bool()
        real = real.reshape(*real.shape, *([1] * (values.dim() - 2)))
        return values.masked_fill(~real, fill)
    columns = torch.arange(int(batch.lengths.max()), device=values.device)
    real = columns[None, :] < batch.lengths[:, None].to(values.device)
    grid = values.new_full((*real.shape, *values.shape[1:]), fill)
    grid[real] = values
    return grid


# Scripts that write words without blanks between them, and Korean, whose particles stand at the
# word: an answer may end anywhere there.
_FREE = re.compile(
    "[\u0e00-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u1aaf\u2e80-\u9fff\ua960-\ua97f\ua9e0-\ua9ff"
    "\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff]"
)


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Snap a span to word boundaries: it grows to whole runs of letters and digits.

    >>> text = "enjoying the match of 1.5 hours"
    >>> start, end = whole_words(text, 5, 16)
    >>> text[start:end]
    'enjoying the match'
    """
    while _inside(text, start):
        start -= 1
    while _inside(text, end):
        end += 1
    return start, end


def _inside(text: str, place: int) -> bool:
    """Whether this place lies inside a word."""
    return 0 < place < len(text) and _of_word(text[place - 1]) and _of_word(text[place])


def _of_word(character: str) -> bool:
    # Combining marks (category M) are no letters to isalnum, but Indic and Arabic words hold them.
    letter = character.isalnum() or unicodedata.category(character).startswith("M")
    return letter and not _FREE.match(character)
