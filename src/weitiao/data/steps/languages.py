"""Step for texts in several languages: some of them are learned from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import Field, PrivateAttr

from weitiao.data.quality.languages import SURE, language_of
from weitiao.data.steps.base import Step
from weitiao.example import Example
from weitiao.i18n.messages import _, name_list, plural


class LanguageFilter(Step):
    """Keeps rows none of whose texts is surely in another language than these (py3langid). Texts
    too short to say are kept.

    When to use it: rows collected from the web, of which `look` finds some in other languages.
    """

    languages: tuple[str, ...] = Field(
        min_length=1, description="ISO 639-1 codes, e.g. [en, zh]; nothing else is learned from"
    )
    _left_out: Counter[str] = PrivateAttr(default_factory=Counter)

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        self._left_out.clear()
        for example in examples:
            other = self._other(example)
            if other is None:
                yield example
            else:
                self._left_out[other] += 1

    def notes(self) -> list[str]:
        total = self._left_out.total()
        if not total:
            return []
        codes = name_list([f"{code} {count:,}" for code, count in self._left_out.most_common()], 6)
        rows = plural(total, "row")
        return [_("{rows} in other languages left out ({languages})", rows=rows, languages=codes)]

    def _other(self, example: Example) -> str | None:
        """The language of the first text that is surely in another one."""
        for text in example.inputs.values():
            code, probability = language_of(str(text))
            if code and probability >= SURE and code not in self.languages:
                return code
        return None
