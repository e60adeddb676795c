"""Constrained decoding of several target columns: the answer is one JSON object with these fields.

The network writes freely inside the values. Tokens that no such object can have at this place are
passed over for the likeliest that fit; where only the room for the rest is left, the rest is
written for it: the value ends, and fields that did not come are null. So every answer can be read
as JSON, by greedy search, beam search and sampling.

A tokenizer that has not all signs of these fields (T5 has no braces, BERT writes blanks around
quotes) is left alone; `weitiao.labels.texts.fields` reads what it wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import regex
import torch
from torch import Tensor

from weitiao.labels.texts.fields import DIGITS

FLOOR = -30.0  # the log-probability of a token where an earlier processor had forbidden all
CANDIDATES = 64  # the likeliest tokens of a step, of which those that fit stay
SPARE = 6  # tokens kept free behind the object: its end, and those of an escape in a text
WINDOW = 12  # tokens in front of a new one that decide what it is as text
ANCHORS = ("0", "§", "a")  # words in front of a text; one may be part of a longer token with it
_TEXT = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_VALUE = rf"(?:null|-?(?:0|[1-9]\d{{0,{DIGITS - 1}}}+)|{_TEXT})"
_WHOLE_VALUE = regex.compile(_VALUE)
NULL = "null"
# Ends of a text or number that stands open, also within an escape such as \\u00e9.
_ENDINGS = ('"', 'n"', '0"', '00"', '000"', '0000"', "0")
_HALF = "\ufffd"  # what a tokenizer of bytes shows for a character whose bytes are not all there


class JsonFields:
    """A logits processor of `generate`.

    fields: names in their order; begun: tokens of the prompt that a causal network continues, or 1;
    most: the longest answer, in tokens; ends: ids that end an answer; single: the likeliest token
    alone is taken (greedy search).
    """

    def __init__(
        self,
        fields: Sequence[str],
        tokenizer: Any,
        begun: int,
        most: int,
        ends: Sequence[int],
        first_is_forced: bool = False,
        single: bool = False,
    ) -> None:
        self.tokenizer, self.begun, self.most = tokenizer, begun, most
        self.ends, self.first_is_forced = list(ends), first_is_forced
        self.width = 1 if single else CANDIDATES
        keys = [json.dumps(name, ensure_ascii=False) for name in fields]
        self.heads = [f"{', ' if at else '{'}{key}: " for at, key in enumerate(keys)]
        self.members = [regex.compile(regex.escape(head) + _VALUE) for head in self.heads]
        # What is forced behind the beginnings of this step, and of the next one.
        self._forced: dict[tuple[int, ...], list[int]] = {}
        self._next: dict[tuple[int, ...], list[int]] = {}
        self._cuts: dict[str, list[list[int]]] = {}
        self._special = set(tokenizer.all_special_ids)
        begin = self.rest_of("")
        self.able = self._ids_of([], "", begin) is not None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if not self.able:
            return scores
        scores = scores.clone()
        likeliest = scores.topk(min(CANDIDATES, scores.shape[1])).indices.tolist()
        self._forced, self._next = self._next, {}
        for place, ids in enumerate(input_ids[:, self.begun :].tolist()):
            if set(ids) & set(self.ends) or (self.first_is_forced and not ids):
                continue
            kept = self._kept(ids[1:] if self.first_is_forced else ids, likeliest[place])
            if kept:
                values = scores[place, kept]
                # Logits of a network may all lie far below any floor: those that count stay.
                if not bool(torch.isfinite(values).any()):
                    values = torch.full_like(values, FLOOR)
                scores[place] = -torch.inf
                scores[place, kept] = values
        return scores

    def _kept(self, ids: list[int], likeliest: Sequence[int]) -> list[int]:
        """The tokens that may come next; none: any, for this is no such object any more."""
        if forced := self._forced.get(tuple(ids)):
            return self._force(ids, forced)
        text = self._text(ids)
        start = self._start(text)
        if start == (len(self.members), len(text)) and text.endswith("}"):
            return self.ends
        if not self._fits(text, start):
            return []
        rest = self.rest_of(text)
        tokens = self._ids_of(ids, text, rest)
        needed = len(tokens or self._spelled(rest))
        if len(ids) + needed + SPARE < self.most:
            # Near the end, also what a token leaves to be written has to fit.
            room = self.most - len(ids) - 2 if len(ids) + 2 * needed + SPARE > self.most else None
            fitting = self._that_go_on(ids, text, start, likeliest, room)
            if kept := list(islice(fitting, self.width)):
                return kept
            tokens = self._next_piece(ids, text, tokens or [])
        return self._force(ids, tokens) if tokens else []

    def _force(self, ids: list[int], tokens: Sequence[int]) -> list[int]:
        first, *others = tokens
        if others:
            self._next[(*ids, first)] = others
        return [first]

    def _next_piece(self, ids: list[int], text: str, tokens: list[int]) -> list[int]:
        """The first of these tokens, with those that make its last character a whole one."""
        for count in range(1, len(tokens) + 1):
            longer = self._text([*ids, *tokens[:count]])
            if longer != text and not longer.endswith(_HALF):
                return tokens[:count]
        return tokens

    def _that_go_on(
        self,
        ids: list[int],
        text: str,
        start: tuple[int, int],
        tokens: Sequence[int],
        room: int | None,
    ) -> Iterator[int]:
        """Those of the tokens behind which an object of these fields may stand.

        room: tokens that the rest may take behind one of them; None: more than enough.
        """
        window, before = self._window(ids)
        whole = len(window) == len(ids)
        for token in tokens:
            if token in self._special or token in self.ends:
                continue
            longer = self._decoded([*window, token])
            if whole or not longer.startswith(before):
                longer = self._text([*ids, token])
            else:
                longer = text + longer[len(before) :]
            # A blank may begin the answer, and bytes of one character show as the same sign.
            new = longer != text or longer.endswith(_HALF) or not ids
            kept = longer.startswith(text[: start[1]])
            if not new or not self._fits(longer, start if kept else (0, 0)):
                continue
            if room is None or len(self._ways(self.rest_of(longer))[0]) <= room:
                yield token

    def _text(self, ids: Sequence[int]) -> str:
        return self._decoded(ids).lstrip(" \n\r\t")

    def _decoded(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    def _start(self, text: str) -> tuple[int, int]:
        """Members that are whole and followed by something, and where they end."""
        count = at = 0
        while count < len(self.members) and (found := self.members[count].match(text, at)):
            if found.end() == len(text):
                break  # a number may go on
            count, at = count + 1, found.end()
        if count == len(self.members) and text[at:] == "}":
            at += 1
        return count, at

    def _fits(self, text: str, start: tuple[int, int] = (0, 0)) -> bool:
        """Whether an object of these fields may begin like this."""
        count, at = start
        while count < len(self.members):
            found = self.members[count].match(text, at)
            if not found:
                return self.members[count].fullmatch(text, at, partial=True) is not None
            count, at = count + 1, found.end()
            if at == len(text):
                return True
        return text[at:] in ("", "}")

    def rest_of(self, text: str) -> str:
        """What makes a whole object of its beginning, in the fewest characters."""
        count = at = 0
        while count < len(self.members) and (found := self.members[count].match(text, at)):
            count, at = count + 1, found.end()
        rest = text[at:]
        if count == len(self.heads):
            return "" if rest else "}"
        head = self.heads[count]
        behind = "".join(one + NULL for one in self.heads[count + 1 :]) + "}"
        if head.startswith(rest):
            return head[len(rest) :] + NULL + behind
        value = rest[len(head) :]
        endings = [NULL[len(value) :]] if NULL.startswith(value) else _ENDINGS
        fitting = (one for one in endings if _WHOLE_VALUE.fullmatch(value + one))
        return next(fitting, "") + behind

    def _ids_of(self, ids: list[int], text: str, rest: str) -> list[int] | None:
        """Tokens that write the rest behind these; None where the tokenizer cannot."""
        whole = self._cut(text + rest) if len(ids) < WINDOW else []
        ways = [whole[len(ids) :]] if whole[: len(ids)] == ids else []
        window, before = self._window(ids)
        wanted = (before + rest).replace(_HALF, "").lstrip(" \n\r\t")
        for tokens in [*ways, *self._ways(rest)]:
            if self._special.isdisjoint(tokens):
                longer = self._decoded([*window, *tokens])
                if longer.replace(_HALF, "").lstrip(" \n\r\t") == wanted:
                    return tokens
        return None

    def _ways(self, rest: str) -> list[list[int]]:
        """How a rest may be cut into tokens, the likeliest way first."""
        if rest not in self._cuts:
            self._cuts[rest] = [self._behind(rest), self._cut(rest), self._spelled(rest)]
        return self._cuts[rest]

    def _window(self, ids: list[int]) -> tuple[list[int], str]:
        """The last tokens, by which those behind them can be told, and their text."""
        text = self._decoded(ids[-WINDOW:])
        # Where a character was cut, some tokenizers show its neighbours wrongly, too.
        return (ids, self._decoded(ids)) if _HALF in text else (ids[-WINDOW:], text)

    def _spelled(self, rest: str) -> list[int]:
        """Tokens of the rest, character by character."""
        signs = {sign: self._behind(sign) for sign in set(rest)}
        return [token for sign in rest for token in signs[sign]]

    def _behind(self, text: str) -> list[int]:
        """Tokens of a text behind a word of its own: many tokenizers put a blank before the first
        one."""
        for anchor in ANCHORS:
            anchored = self._cut(anchor + text)
            for count in range(1, min(len(anchored), 3) + 1):
                if self._text(anchored[:count]) == anchor:
                    return anchored[count:]
        return self._cut(text)

    def _cut(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
