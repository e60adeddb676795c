"""Augmentation by what writes: translation and back, words of a language model, a service."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from weitiao import parts
from weitiao.core.alignment import Edit
from weitiao.core.script import has_han
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.augmentation.whole_texts import WholeTexts
from weitiao.data.augmentation.words import WordsOf, is_protected


class BackTranslation(WholeTexts):
    """Copies that were translated into another language and back (Sennrich et al. 2016).

    When to use it: few rows, and good translations both ways; a trial (`weitiao augment --try`)
    says whether it helps.
    """

    mark: ClassVar[str] = "back_translation"
    there: str = Field(description="a run of translation, a marian checkpoint, or apertium:eng-spa")
    back: str = Field(description="the way back, likewise")

    def writer(self) -> tuple[str, dict[str, Any]]:
        return "round_trip", {"there": self.there, "back": self.back}


class Rewriting(WholeTexts):
    """Copies in other words, by a language model at `$WEITIAO_CHAT_URL` (an interface like
    OpenAI's): the training texts are sent there.

    When to use it: texts that may leave this machine, or a service on it; a trial says whether it
    helps.
    """

    mark: ClassVar[str] = "rewriting"
    model: str = Field(description="name of the model, as the service calls it")
    instruction: str | None = Field(None, description="what it is told; default: in other words")

    def writer(self) -> tuple[str, dict[str, Any]]:
        return "chat", {"model": self.model, "instruction": self.instruction}


class ContextualWords(Augmentation):
    """Copies with words put in, or in place of others, that a masked or causal checkpoint expects
    there (Kobayashi 2018). Negations, numbers and spans stay, and no negation is put in.

    When to use it: few rows; a masked checkpoint reads both sides of the place, a causal one (GPT)
    the beginning alone.
    """

    mark: ClassVar[str] = "contextual_words"
    checkpoint: str = Field(description="one with a layer that predicts words, e.g. smollm2-135m")
    share: float = Field(0.1, gt=0, le=1, description="of the words that are changed")
    replace: bool = Field(False, description="in place of a word, instead of before one")
    top_k: int = Field(20, ge=1, le=1000, description="drawn from so many words")
    _writer: Any = PrivateAttr(None)

    def prepare(self, task: str) -> None:
        settings = {"checkpoint": self.checkpoint, "top_k": self.top_k}
        self._writer = parts.build("writers", "language_model", settings)

    def edits(self, words: WordsOf, rng: random.Random) -> Sequence[Edit]:
        if self.replace:
            places = words.drawn(self.share, rng)
        else:
            drawn = rng.sample(words.gaps, min(words.count(self.share), len(words.gaps)))
            places = [(place, place) for place in sorted(drawn)]
        edits = []
        for start, end in places:
            new = self._writer.word(words.text[:start], words.text[end:], rng)
            near = words.text[start : start + 1]
            if not new or is_protected(new) or has_han(new) != has_han(near):
                continue
            if new == words.text[start:end]:
                continue
            space = "" if self.replace or has_han(new) else " "
            edits.append(Edit(start, end, new + space))
        return edits
