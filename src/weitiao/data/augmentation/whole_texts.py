"""Base class of steps that write texts anew as a whole, by a network or a service."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic import Field, PrivateAttr

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.data.augmentation.rewriting import FIXED_ROLES
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.cache import checked, store
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _, plural

MOST_TEXTS = 20_000  # beyond, the others have no copy
MOST_KEPT = 100_000  # texts of one writer in the cache
LONGER = 3.0  # a new text of more times the length, or its inverse, is dropped
SHORT = 20  # characters, up to which length says nothing
_NUMBERS = re.compile(r"\d+")


class WholeTexts(Augmentation):
    """One text of a row is written anew. What is written is kept in the cache, so that a resumed
    run reads the same; new texts with other numbers, or of a far other length, are dropped."""

    times: int = Field(1, ge=1, le=1, description="new rows for each row: one text is written")
    _new: dict[str, str] = PrivateAttr(default_factory=dict)
    _dropped: int = PrivateAttr(0)
    _beyond: int = PrivateAttr(0)

    def writer(self) -> tuple[str, dict[str, Any]]:
        """Name and settings of the part that writes."""
        raise NotImplementedError

    def prepare(self, task: str) -> None:
        if reader_of(task).head == "tokens":
            raise DataError(
                _(
                    "step {step}: a text written anew loses its spans or tags (task {task}); "
                    "entity_swap and synonyms keep them.",
                    step=self.mark,
                    task=task,
                )
            )

    def learn(self, examples: Iterable[Example]) -> None:
        """Write all texts that are not written yet."""
        self._dropped = self._beyond = 0
        wanted: dict[str, None] = {}
        for example in examples:
            if "made_by" not in example.meta:
                wanted |= dict.fromkeys(_texts_of(example).values())
        texts = [text for text in wanted if text.strip()]
        self._beyond = max(0, len(texts) - MOST_TEXTS)
        if not set(texts[:MOST_TEXTS]) <= self._new.keys():
            self._new |= self._written(texts[:MOST_TEXTS])

    def _written(self, texts: Sequence[str]) -> dict[str, str]:
        """New texts by their old ones, from the cache where they were written before."""
        name, settings = self.writer()
        writer = parts.build("writers", name, settings)
        path = store.folder("written") / f"{fingerprint.of_texts(name, writer.identity())}.json"
        known: dict[str, str] = {}
        with suppress(OSError, ValueError, TypeError):
            known = {str(old): str(new) for old, new in dict(checked.read_json(path)).items()}
            store.touch(path)
        missing = [text for text in texts if text not in known]
        for first in range(0, len(missing), writer.at_once):  # what is written is never lost
            texts_now = missing[first : first + writer.at_once]
            known |= dict(zip(texts_now, writer.rewrite(texts_now), strict=True))
            kept = dict(list(known.items())[-MOST_KEPT:])
            with suppress(OSError):  # a full disk: written again the next time
                checked.write_json(path, kept)
        return {text: known[text] for text in texts}

    def changed(self, example: Example, rng: random.Random) -> Example | None:
        texts = _texts_of(example)
        roles = sorted(texts)
        rng.shuffle(roles)
        for role in roles:
            new = self._new.get(texts[role], "").strip()
            if not new or _same(new, texts[role]):
                continue
            if not _is_like(texts[role], new):
                self._dropped += 1
                continue
            return replace(example, inputs={**example.inputs, role: new})
        return None

    def notes(self) -> list[str]:
        lines = super().notes()
        if self._dropped:
            lines.append(
                _(
                    "{step}: {texts} dropped, of another length or with other numbers",
                    step=self.mark,
                    texts=plural(self._dropped, "new text"),
                )
            )
        if self._beyond:
            lines.append(
                _(
                    "{step}: of many rows {most:,} texts are written anew; {count:,} are not",
                    step=self.mark,
                    most=MOST_TEXTS,
                    count=self._beyond,
                )
            )
        return lines


def _texts_of(example: Example) -> dict[str, str]:
    return {role: str(text) for role, text in example.inputs.items() if role not in FIXED_ROLES}


def _same(new: str, old: str) -> bool:
    return re.sub(r"\W+", "", new).lower() == re.sub(r"\W+", "", old).lower()


def _is_like(old: str, new: str) -> bool:
    """Whether a new text may say what the old one does.

    >>> _is_like("It took 3 days.", "That took 3 days."), _is_like("It took 3 days.", "It took 5.")
    (True, False)
    """
    longest, shortest = max(len(old), len(new)), min(len(old), len(new))
    if longest > SHORT and longest > LONGER * shortest:
        return False
    return sorted(_NUMBERS.findall(old)) == sorted(_NUMBERS.findall(new))
