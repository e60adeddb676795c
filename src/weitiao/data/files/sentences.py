"""Tables with a word and its tag a row and the number of its sentence: grouped into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT, as_text
from weitiao.data.infer.cells import is_missing
from weitiao.data.readers.base import Batches, Numbered, Reading, batched
from weitiao.i18n.messages import _
from weitiao.labels.tags.schemes import split_tag

_SENTENCE = re.compile(
    r"(?i)\W*(sent(ence)?[\s_.]*(#|id|idx|no|num|nr|number|index)?)\W*|句子?(编?号|id)"
)
_WORD = re.compile(r"(?i)words?|tokens?|词语?|单词")
_TAG = re.compile(r"(?i)(ner|iob2?|bio|pos)?[\s_]*(tags?|labels?)|ner|pos|iob2?|标签|词性")
FEWEST_WORDS = 1.5  # of a sentence on average
NEARLY_ALL = 0.95


def by_sentence(reading: Reading) -> Reading:
    """A row for each sentence where rows are words; other tables as they are.

    Names and cells must both say so: a column for the sentence (its number in each row, or in its
    first row alone), one of words, and one of tags.
    """
    columns = list(reading.columns)
    sentence = next((name for name in columns if _SENTENCE.fullmatch(name.strip())), "")
    word = next((name for name in columns if _WORD.fullmatch(name.strip())), "")
    tags = [name for name in columns if _TAG.fullmatch(name.strip())]
    if not (sentence and word and tags):
        return reading
    first = next(reading.batches, [])
    rest = chain([first], reading.batches)
    if not _are_words([row for row in first if not isinstance(row, Bad)], sentence, word, tags):
        return Reading(reading.columns, rest, reading.notes)
    note = _(
        "each row is a word ({word!r}) of a sentence ({sentence!r}): a sentence is one row here, "
        "with lists of words and of tags",
        word=word,
        sentence=sentence,
    )
    others = [name for name in columns if name != sentence]
    kinds = {sentence: TEXT, **dict.fromkeys(others, TEXT)}
    return Reading(kinds, _grouped(rest, sentence, word, others), (*reading.notes, note))


def _are_words(rows: Sequence[Numbered], sentence: str, word: str, tags: Sequence[str]) -> bool:
    cells = [row for _line, row in rows]
    words = [_text(row, word) for row in cells if not is_missing(_text(row, word))]
    single = sum(not any(c.isspace() for c in one.strip()) for one in words)
    if len(words) < 3 or single < NEARLY_ALL * len(words):
        return False
    starts = sum(1 for _one in _runs([_text(row, sentence) for row in cells]))
    if not starts or len(cells) < FEWEST_WORDS * starts:
        return False
    filled = [[_text(row, tag) for row in cells if _text(row, tag)] for tag in tags]
    # Tags of a scheme, or tags that come again and again.
    return any(
        values
        and (
            all(split_tag(value) for value in set(values))
            or len(set(values)) <= max(3, len(values) / 2)
        )
        for values in filled
    )


def _runs(ids: Sequence[str]) -> Iterator[str]:
    before = ""
    for one in ids:
        if one.strip() and one != before:
            before = one
            yield one


def _grouped(batches: Batches, sentence: str, word: str, columns: Sequence[str]) -> Batches:
    return batched(_sentences(chain.from_iterable(batches), sentence, word, columns))


def _sentences(
    rows: Iterator[Numbered | Bad], sentence: str, word: str, columns: Sequence[str]
) -> Iterator[Numbered | Bad]:
    line, number, words = 0, "", list[dict[str, str]]()
    done: set[str] = set()

    def whole() -> Iterator[Numbered | Bad]:
        if not words:
            return
        if number in done:
            yield Bad(line, _("the sentence {number!r} stands in two places.", number=number))
        else:
            done.add(number)
            cells: dict[str, Any] = {name: [one[name] for one in words] for name in columns}
            yield line, {sentence: number, **cells}

    for row in rows:
        if isinstance(row, Bad):
            yield row
            continue
        at, cells = row
        here = _text(cells, sentence).strip()
        if here and here != number:
            yield from whole()
            line, number, words = at, here, []
        if not line:
            line = at
        texts = {name: _text(cells, name).strip() for name in columns}
        if texts[word]:  # a row without a word between sentences
            words.append(texts)
    yield from whole()


def _text(row: Any, name: str) -> str:
    value = row.get(name)
    return "" if value is None else as_text(value)
