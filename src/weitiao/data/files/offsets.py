"""How the spans of a file count their places: told by all its rows, and brought to characters.

Tools count characters, UTF-16 units (JavaScript), bytes, or words; from 0 or from 1; and the end
counts, or does not. Rows tell it: spans hold their own text where it stands beside them, or begin
and end where words do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT, as_text
from weitiao.data.infer.column_names import TEXT_WORDS, matches
from weitiao.data.readers.base import Batches, Numbered, Reading
from weitiao.errors import DataError
from weitiao.i18n.messages import N_, _, localized
from weitiao.labels.tags.cells import answer_of, written
from weitiao.labels.tags.labelled import holds
from weitiao.labels.tags.words import joined, listed, split_words

LOOKED_AT = 2000  # spans
FEWEST = 5  # spans that one way of counting explains and the other does not
FEW_WRONG = 0.02  # of the spans, under the way that is taken
TEXT_COLUMNS = [*TEXT_WORDS, "data", "tokens", "words"]
NO_SINGLE = 20  # spans of words; when none of so many has one word, ends do not count
Place = tuple[int, int]
Way = Callable[[str, int, int], Place]


def _of_units(text: str, start: int, end: int, codec: str, size: int) -> Place:
    raw = text.encode(codec, "surrogatepass")
    head, held = raw[: size * max(0, start)], raw[size * max(0, start) : size * max(0, end)]
    first = len(head.decode(codec, "ignore"))
    last = first + len(held.decode(codec, "ignore"))
    # Half a character in front: no such place.
    whole = head == text[:first].encode(codec, "surrogatepass")
    return (first, last) if whole and size * end <= len(raw) else (-1, -1)


WAYS: dict[str, Way] = {
    N_("characters, the last one too"): lambda _text, start, end: (start, end + 1),
    N_("characters from 1, the last one too"): lambda _text, start, end: (start - 1, end),
    N_("characters from 1"): lambda _text, start, end: (start - 1, end - 1),
    N_("UTF-16 units"): lambda text, start, end: _of_units(text, start, end, "utf-16-le", 2),
    N_("bytes"): lambda text, start, end: _of_units(text, start, end, "utf-8", 1),
}
WORDS, WORDS_TOO = N_("words"), N_("words, the last one too")


@dataclass(frozen=True)
class _Spans:
    """Spans of a row, and the text that they are of; its words where the cell lists them."""

    text: str
    spans: Sequence[Any]
    words: Sequence[Place] | None

    @cached_property
    def borders(self) -> tuple[set[int], set[int]]:
        """Where words begin, and where they end."""
        places = split_words(self.text).tolist() if self.words is None else self.words
        return {start for start, _end in places}, {end for _start, end in places}


def counted(reading: Reading) -> Reading:
    """The same rows with spans in characters, whose end does not count. Raises DataError."""
    if not any(kind == TEXT for kind in reading.columns.values()):
        return reading
    first = next(reading.batches, [])
    rest: Batches = chain([first], reading.batches)
    rows = [row for _line, row in (one for one in first if not isinstance(one, Bad))]
    columns = [name for name in reading.columns if _holds_spans(rows, name)]
    ways: dict[str, tuple[str, str]] = {}
    notes = list(reading.notes)
    for name in columns:
        text = _text_column(rows, name, columns)
        if not text:
            continue
        way, note = _way([_spans_of(row, name, text) for row in rows])
        if note:
            notes.append(_("the spans of {column!r}: {note}", column=name, note=note))
        if way:
            ways[name] = (text, way)
    if ways:
        rest = _rewritten(rest, ways)
    return Reading(reading.columns, rest, tuple(notes))


def _holds_spans(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    seen = 0
    for row in rows[:400]:
        value = row.get(name)
        if value is None or value == "" or value == []:
            continue
        spans = _parsed(value)
        if spans is None:
            return False
        seen += bool(spans)
    return seen > 0


def _parsed(value: Any) -> list[Any] | None:
    cell = as_text(value).strip()
    if cell[:1] not in ("[", "{") or not any(sign.isdigit() for sign in cell[:400]):
        return None
    try:
        spans = answer_of(cell)
    except (ValueError, DataError):
        return None
    return spans if all(isinstance(one, tuple) for one in spans) else None


def _text_column(rows: Sequence[Mapping[str, Any]], name: str, columns: Sequence[str]) -> str:
    """The column that the spans are of: one of texts or lists of words, by name or length."""
    lengths: dict[str, int] = {}
    for row in rows[:400]:
        for other, value in row.items():
            words = isinstance(value, list) and all(isinstance(one, str) for one in value)
            if other not in columns and (words or isinstance(value, str)):
                lengths[other] = lengths.get(other, 0) + len(as_text(value))
    named = [other for other in lengths if matches(other, TEXT_COLUMNS)]
    return max(named or lengths, key=lambda other: lengths[other], default="")


def _spans_of(row: Mapping[str, Any], name: str, text: str) -> _Spans:
    value = row.get(name)
    spans = [] if value is None else _parsed(value) or []
    cell = as_text(row.get(text) or "")
    words = listed(cell)
    if words is None:
        return _Spans(cell, spans, None)
    whole, places = joined(words)
    return _Spans(whole, spans, places)


def _way(rows: Sequence[_Spans]) -> tuple[str, str]:
    """How the spans count, "" for characters; and what is said of it. Raises DataError."""
    sample = list(_sampled(rows))
    if not sample:
        return "", ""
    right = sum(_fits(row, row.spans[at][:2], at) for row, at in sample)
    wrong = len(sample) - right
    if wrong and sample[0][0].words is not None and wrong * 2 > len(sample):
        return _way_of_words(sample)
    scores = {
        way: sum(_fits(row, convert(row.text, *row.spans[at][:2]), at) for row, at in sample)
        for way, convert in WAYS.items()
    }
    best = max(scores, key=lambda way: scores[way])
    misses = len(sample) - scores[best]
    alone = sum(score == scores[best] for score in scores.values()) == 1
    if wrong >= FEWEST and misses <= min(FEW_WRONG * len(sample), wrong / 10) and alone:
        return best, _said(best, len(sample) - misses, right, len(sample))
    inclusive = next(iter(WAYS))
    if not wrong and scores[inclusive] == len(sample) and len(sample) >= FEWEST:
        row, at = sample[0]
        start, end, label = row.spans[at][:3]
        if len(row.spans[at]) == 3:
            return "", _(
                "the rows do not tell whether the end counts; it is read as if not, e.g. {held!r} "
                "is {label!r}",
                held=row.text[start:end],
                label=label,
            )
    return "", ""


def _way_of_words(sample: Sequence[tuple[_Spans, int]]) -> tuple[str, str]:
    places = [(row, *row.spans[at][:2], at) for row, at in sample]
    exclusive = [0 <= start < end <= len(row.words or ()) for row, start, end, _at in places]
    inclusive = [0 <= start <= end < len(row.words or ()) for row, start, end, _at in places]
    single = any(start == end for _row, start, end, _at in places)
    if all(inclusive) and single:
        return WORDS_TOO, _said(WORDS_TOO, len(places), 0, len(places))
    if all(exclusive) and (not all(inclusive) or len(places) >= NO_SINGLE):
        return WORDS, _said(WORDS, len(places), 0, len(places))
    if all(exclusive) and all(inclusive):
        raise DataError(
            _(
                "the spans seem to count words, and so few do not tell whether the last one "
                "counts: write a tag for each word, or places in characters."
            )
        )
    return "", ""


def _said(way: str, count: int, right: int, spans: int) -> str:
    return _(
        "places count {way} ({count:,} of {spans:,} fit so, {right:,} as characters): converted",
        way=localized(way),
        count=count,
        spans=spans,
        right=right,
    )


def _sampled(rows: Sequence[_Spans]) -> Iterator[tuple[_Spans, int]]:
    count = 0
    for row in rows:
        for at in range(len(row.spans)):
            yield row, at
            count += 1
            if count >= LOOKED_AT:
                return


def _fits(row: _Spans, place: Place, at: int) -> bool:
    """Whether a place holds the span's own text, or begins and ends where words do."""
    start, end = place
    if not 0 <= start < end <= len(row.text):
        return False
    held, span = row.text[start:end], row.spans[at]
    if len(span) > 3:
        return holds(held, span[3])
    return start in row.borders[0] and end in row.borders[1]


def _rewritten(batches: Batches, ways: Mapping[str, tuple[str, str]]) -> Batches:
    for batch in batches:
        yield [one if isinstance(one, Bad) else _in_characters(one, ways) for one in batch]


def _in_characters(one: Numbered, ways: Mapping[str, tuple[str, str]]) -> Numbered:
    line, row = one
    new = dict(row)
    for name, (text, way) in ways.items():
        spans = _spans_of(row, name, text)
        if spans.spans:
            new[name] = written([_converted(spans, span, way) for span in spans.spans])
    return line, new


def _converted(row: _Spans, span: Any, way: str) -> Any:
    start, end, *others = span
    if way in WAYS:
        start, end = WAYS[way](row.text, start, end)
    else:
        last = end if way == WORDS_TOO else end - 1
        if row.words is None or not 0 <= start <= last < len(row.words):
            return [-1, -1, *others]  # refused with the row's line
        start, end = row.words[start][0], row.words[last][1]
    return [start, end, *others]
