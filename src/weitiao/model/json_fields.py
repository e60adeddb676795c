"""Constrained decoding of several target columns: the answer is one JSON object with these fields.

The network writes freely inside the values. Tokens that no such object can have at this place are
passed over for the likeliest that fit; where only the room for the rest is left, the rest is
written for it: the value ends, and fields that did not come are null. So every answer can be read
as JSON, by greedy search, beam search and sampling.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

import regex
import torch
from torch import Tensor

FLOOR = -30.0  # the log-probability of a token that an earlier processor had forbidden
CANDIDATES = 64  # the likeliest tokens of a step, of which those that fit stay
SPARE = 6  # tokens kept free behind the object: its end, and those of an escape in a text
ANCHOR = "0"
_TEXT = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_VALUE = rf"(?:null|-?(?:0|[1-9]\d*+)|{_TEXT})"
_WHOLE_VALUE = regex.compile(_VALUE)
NULL = "null"
# Ends of a text or number that stands open, also within an escape such as \\u00e9.
_ENDINGS = ('"', 'n"', '0"', '00"', '000"', '0000"', "0")
_HALF = "\ufffd"  # what a tokenizer of bytes shows for a character whose bytes are not all there


class JsonFields:
    """A logits processor of `generate`.

    fields: names in their order; begun: tokens of the prompt that a causal network continues, or 1;
    most: the longest answer, in tokens; ends: ids that end an answer.
    """

    def __init__(
        self,
        fields: Sequence[str],
        tokenizer: Any,
        begun: int,
        most: int,
        ends: Sequence[int],
        first_is_forced: bool = False,
    ) -> None:
        self.tokenizer, self.begun, self.most = tokenizer, begun, most
        self.ends, self.first_is_forced = list(ends), first_is_forced
        keys = [json.dumps(name, ensure_ascii=False) for name in fields]
        self.heads = [f"{', ' if at else '{'}{key}: " for at, key in enumerate(keys)]
        members = [regex.escape(head) + _VALUE for head in self.heads]
        self.begins = [regex.compile("".join(members[:count])) for count in range(len(keys) + 1)]
        self.whole = regex.compile("".join(members) + r"\}")
        self._known: dict[str, bool] = {}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.clone()
        for place, ids in enumerate(input_ids[:, self.begun :].tolist()):
            if set(ids) & set(self.ends) or (self.first_is_forced and not ids):
                continue
            kept = self._kept(ids, scores[place])
            if kept:
                values = scores[place, kept].clamp(min=FLOOR)
                scores[place] = -torch.inf
                scores[place, kept] = values
        return scores

    def _kept(self, ids: list[int], scores: Tensor) -> list[int]:
        """The tokens that may come next; none: any, for this is no such object any more."""
        text = self._text(ids)
        if self.whole.fullmatch(text):
            return self.ends
        if not self._fits(text):
            return []
        rest = self.rest_of(text)
        tokens = self._ids_of(ids, text, rest)
        if len(ids) + len(tokens) + SPARE < self.most:
            likeliest = scores.topk(min(CANDIDATES, len(scores))).indices.tolist()
            kept = [one for one in likeliest if self._goes_on(ids, text, one)]
            if kept:
                return kept
        order = chain(tokens[:1], scores.argsort(descending=True).tolist())
        return list(islice((one for one in order if self._ends(ids, text, rest, one)), 1))

    def _ends(self, ids: list[int], text: str, rest: str, token: int) -> bool:
        """Whether a token is the next piece of the rest."""
        longer, wanted = self._text([*ids, token]).replace(_HALF, ""), text.replace(_HALF, "")
        return len(longer) > len(wanted) and (wanted + rest).startswith(longer)

    def _goes_on(self, ids: list[int], text: str, token: int) -> bool:
        if token in self.ends:
            return False
        longer = self._text([*ids, token])
        # A blank may begin the answer, and bytes of one character show as the same sign.
        new = longer != text or longer.endswith(_HALF) or not ids
        return new and self._fits(longer)

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return text.lstrip()

    def _fits(self, text: str) -> bool:
        """Whether an object of these fields may begin like this."""
        if text not in self._known:
            self._known[text] = self.whole.fullmatch(text, partial=True) is not None
        return self._known[text]

    def rest_of(self, text: str) -> str:
        """What makes a whole object of its beginning, in the fewest characters."""
        count = len(self.begins) - 1
        while not (found := self.begins[count].match(text)):
            count -= 1
        rest = text[found.end() :]
        if count == len(self.heads):
            return "" if rest else "}"
        head = self.heads[count]
        behind = "".join(one + "null" for one in self.heads[count + 1 :]) + "}"
        if head.startswith(rest):
            return head[len(rest) :] + "null" + behind
        value = rest[len(head) :]
        endings = [NULL[len(value) :]] if NULL.startswith(value) else _ENDINGS
        fitting = (one for one in endings if _WHOLE_VALUE.fullmatch(value + one))
        return next(fitting, "") + behind

    def _ids_of(self, ids: list[int], text: str, rest: str) -> list[int]:
        """Tokens of the rest as they come behind the text, where the tokenizer cuts it alike."""
        whole = self._cut(text + rest)
        if whole[: len(ids)] == ids:
            return whole[len(ids) :]
        # Behind a word of its own: many tokenizers put a blank before the first one.
        anchored = self._cut(ANCHOR + rest)
        if self._text(anchored[:1]) == ANCHOR:
            return anchored[1:]
        return self._cut(rest)

    def _cut(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
