"""Constrained decoding: texts that an answer must contain, each row its own.

The network writes freely. Where it would end before all of them have come, or where the room that
is left is needed for them, their tokens are forced one after another; so every answer contains
them, by greedy search and by beam search. Beam search prefers hypotheses that contain them by
themselves: forced tokens keep their own, low probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from weitiao.labels.texts.terms import plain

FLOOR = -30.0  # the log-probability of a forced token that an earlier processor had forbidden
FREE = 2  # tokens of an answer that are no terms: the language before it, the end behind it


class Required:
    """A logits processor of `generate` that forces the token sequences each row still lacks.

    terms: token ids of each row's texts, in the order of its source; begun: tokens of the prompt
    that a causal network continues, or 1; most: the longest answer, in tokens.
    """

    def __init__(
        self,
        terms: Sequence[Sequence[Sequence[int]]],
        tokenizer: Any,
        begun: int,
        most: int,
        ends: Sequence[int],
        beams: int = 1,
        first_is_forced: bool = False,
    ) -> None:
        self.terms = [_that_fit(row, most - FREE) for row in terms]
        self.tokenizer, self.begun, self.most, self.beams = tokenizer, begun, most, beams
        self.ends, self.first_is_forced = list(ends), first_is_forced
        self.texts = [[self._text(one) for one in row] for row in self.terms]
        # What was forced behind which beginning of an answer: beams change places between steps.
        self.forcing: dict[tuple[int, ...], Sequence[int]] = {}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.clone()
        for place, ids in enumerate(input_ids[:, self.begun :].tolist()):
            row = place // self.beams
            if not self.terms[row] or set(ids) & set(self.ends):
                continue
            if self.first_is_forced and not ids:
                continue
            token = self._forced(row, ids, scores[place])
            if token is not None:
                value = scores[place, token].clamp(min=FLOOR)
                scores[place] = -torch.inf
                scores[place, token] = value
        return scores

    def _forced(self, row: int, ids: list[int], scores: Tensor) -> int | None:
        """The next token of a hypothesis where it is not free; the rest of its term is noted."""
        rest = self.forcing.get((row, *ids), ())
        if not rest:
            missing = self._missing(row, ids)
            if not missing:
                return None
            room = self.most - len(ids) - 1
            if sum(map(len, missing)) < room and int(scores.argmax()) not in self.ends:
                scores[self.ends] = -torch.inf
                return None
            rest = missing[0]
        token, *rest = rest
        if rest:
            self.forcing[(row, *ids, token)] = rest
        return token

    def _missing(self, row: int, ids: list[int]) -> list[Sequence[int]]:
        text = self._text(ids)
        missing = []
        for at in sorted(range(len(self.terms[row])), key=lambda one: -len(self.texts[row][one])):
            term = self.texts[row][at]
            if term in text:  # a placeholder that comes twice must be written twice
                text = text.replace(term, "\0", 1)
            else:
                missing.append(at)
        return [self.terms[row][at] for at in sorted(missing)]

    def _text(self, ids: Sequence[int]) -> str:
        return plain(self.tokenizer.decode(list(ids), skip_special_tokens=True))


def _that_fit(terms: Sequence[Sequence[int]], room: int) -> list[Sequence[int]]:
    fitting: list[Sequence[int]] = []
    for term in terms:
        if len(term) <= room:
            fitting.append(term)
            room -= len(term)
    return fitting
