"""Gold labels of a row for sequence labelling: spans by characters, words, a tag for each word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from weitiao.core.fields import near
from weitiao.core.ragged import edges
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _, plural
from weitiao.labels.tags.schemes import spans_of, split_tag
from weitiao.labels.tags.words import is_invisible, listed_places, with_words, word_places

SHOWN = 40  # characters of a word in a message


class Row(NamedTuple):
    """Gold labels. spans (spans, 3): start, end, type; words (words, 2): start, end; tags (words,):
    label indices."""

    spans: np.ndarray
    words: np.ndarray
    tags: np.ndarray


def labelled(
    text: str,
    words: np.ndarray,
    target: Any,
    types: Mapping[str, int],
    plain: bool,
    listed: np.ndarray | None = None,
) -> Row:
    """Align a row's target (tags of words, or spans) with its words. Raises ValueError with the
    reason.

    listed: all words of the row where some have no form (zero width), and so are none of `words`.
    """
    target = target or []
    if target and isinstance(target[0], str):
        places = _tagged(text, words if listed is None else listed, target)
        spans = _plain(places, target) if plain else _spans(places, target, text)
    else:
        spans = [within(span, text) for span in target]
    unknown = next((kind for _, _, kind in spans if kind not in types), None)
    if unknown is not None:
        message = _(
            "the label {label!r} is not among the labels the model knows.{hint}",
            label=unknown,
            hint=near(unknown, list(types)),
        )
        raise ValueError(message)
    indexed = [(start, end, types[kind]) for start, end, kind in spans]
    # Label indices: 0 is O, 1 + 2k is B- and 2 + 2k is I- of type k.
    tags = np.zeros(len(words), np.int64)
    free = np.ones(len(words), bool)
    # A word belongs to a span that it overlaps, even in part: annotators cut inside words. Of two
    # spans with the same start, the longer one comes first.
    for start, end, kind in sorted(indexed, key=lambda one: (one[0], -one[1])):
        inside = (words[:, 0] < end) & (words[:, 1] > start) & free
        at = np.flatnonzero(inside)
        if len(at):  # of spans that overlap, what the first one leaves
            tags[at] = kind if plain else 2 + 2 * kind
            tags[at[0]] = kind if plain else 1 + 2 * kind
            free[at] = False
    span_array = np.array(indexed, np.int64).reshape(-1, 3)
    if plain:  # each word has its own
        span_array = np.column_stack([words, tags])[~free]
    return Row(span_array, words, tags)


def within(span: Any, text: str) -> tuple[int, int, str]:
    """Trim blanks at a span's ends and check it against the text. Raises ValueError."""
    start, end, kind, *own = span
    if own and not holds(text[start:end], own[0]):  # places as JavaScript counts them?
        start, end = (_from_utf16(text, place) for place in (start, end))
    if not 0 <= start < end <= len(text):
        message = _(
            "the span {start} to {end} ({label!r}) does not lie in the text, which has "
            "{length} characters.",
            start=span[0],
            end=span[1],
            label=kind,
            length=len(text),
        )
        raise ValueError(message)
    held = text[start:end]
    if own and not holds(held, own[0]):
        message = _(
            "the span {start} to {end} ({label!r}) should hold {own!r}, but {held!r} stands there.",
            start=span[0],
            end=span[1],
            label=kind,
            own=own[0][:SHOWN],
            held=text[span[0] : span[1]][:SHOWN],
        )
        raise ValueError(message)
    if not _left(held):
        return start, end, kind
    return start + len(held) - len(_left(held)), start + len(_right(held)), kind


def _left(text: str) -> str:
    """Without the blanks before it; a space of no width is a blank."""
    return text.lstrip().lstrip("\u200b").lstrip()


def _right(text: str) -> str:
    return text.rstrip().rstrip("\u200b").rstrip()


def holds(held: str, own: str) -> bool:
    """Whether texts agree but for blanks; Label Studio writes the end of a line as \\n."""
    plain = "".join(held.split())
    return plain in ("".join(own.split()), "".join(own.replace("\\n", " ").split()))


def _from_utf16(text: str, place: int) -> int:
    """Convert an offset in UTF-16 code units (JavaScript; an emoji has two) to characters."""
    raw = text.encode("utf-16-le", "surrogatepass")[: 2 * max(0, place)]
    return len(raw.decode("utf-16-le", "ignore")) if 2 * place == len(raw) else place


def _tagged(text: str, words: np.ndarray, tags: Sequence[str]) -> np.ndarray:
    """Word spans (tags, 2) that fit the number of tags: the row's own, split at blanks, characters.

    Raises ValueError when none fits.
    """
    if len(words) == len(tags):
        return words
    characters = [(at, at + 1) for at, one in enumerate(text) if not one.isspace()]
    # split(" "), not split(): parts of length 0 between several blanks keep the offsets exact.
    blanks = edges([len(part) + 1 for part in text.split(" ")])
    parted = [
        (a, b - 1)
        for a, b in zip(blanks[:-1].tolist(), blanks[1:].tolist(), strict=True)
        if b - 1 > a
    ]
    # Some tag every character, blanks too.
    every = [(at, at + 1) for at in range(len(text))]
    for spans in (parted, characters, every):
        if len(spans) == len(tags):
            return np.array(spans, np.int64).reshape(-1, 2)
    raise ValueError(
        _(
            "{tags} tags, but {words} words: there must be a tag for each word.",
            tags=len(tags),
            words=len(words),
        )
    )


def _plain(places: np.ndarray, tags: Sequence[str]) -> list[tuple[int, int, str]]:
    return [(start, end, tag) for (start, end), tag in zip(places.tolist(), tags, strict=True)]


def _spans(places: np.ndarray, tags: Sequence[str], text: str) -> list[tuple[int, int, str]]:
    parsed = [split_tag(tag) for tag in tags]
    if None in parsed:
        at = parsed.index(None)
        start, end = places[at].tolist()
        message = _(
            "word {number} ({word!r}) has the tag {tag!r}, which follows no scheme like "
            "B-x, I-x, O.",
            number=at + 1,
            word=text[start:end][:SHOWN],
            tag=tags[at],
        )
        raise ValueError(message)
    parts = [one for one in parsed if one is not None]
    types = list(dict.fromkeys(kind for _, kind in parts))
    kinds = np.array([kind for kind, _ in parts], np.int64)
    which = np.array([types.index(kind) for _, kind in parts], np.int64)
    spans = spans_of(kinds, which, np.array([0, len(kinds)]))
    return [
        (int(places[first, 0]), int(places[beyond - 1, 1]), types[kind])
        for first, beyond, kind in spans.values.tolist()
    ]


def misfit(example: Example) -> str:
    """Why a row's target does not fit its text (places, number of tags); "" where it does."""
    if not example.target:
        return ""
    try:
        read = with_words(example)
        text = str(read.inputs["text"])
        if isinstance(example.target[0], str):
            _tagged(text, listed_places(read), example.target)
        else:
            for span in example.target:
                within(span, text)
    except DataError as error:
        return str(error).removeprefix(f"{example.id}: ")
    except ValueError as error:
        return str(error)
    return ""


def inexact_spans(batches: Iterable[Sequence[Example]]) -> Iterator[str]:
    """Spans whose boundaries are inside a word, and spans that hold nothing to read, as lines of
    the history with an example.

    Predictions end where words do, so these can never be correct. Invalid rows are skipped here:
    `labelled` reports them.
    """
    count, total, example = 0, 0, ("", "", "")
    empty, empty_place = 0, ""
    for examples in batches:
        for one in examples:
            if not one.target or isinstance(one.target[0], str):  # tags are of words
                continue
            read = with_words(one)
            text, words = str(read.inputs["text"]), word_places(read)
            starts, ends = (set(side.tolist()) for side in words.T)
            try:
                spans = [within(span, text) for span in one.target]
            except ValueError:
                continue
            total += len(spans)
            nothing = [(a, b) for a, b, _ in spans if is_invisible(text[a:b])]
            if nothing and not empty:
                empty_place = one.id
            empty += len(nothing)
            cut = [
                (a, b)
                for a, b, _ in spans
                if (a not in starts or b not in ends) and (a, b) not in nothing
            ]
            if cut and not count:
                start, end = cut[0]
                example = (one.id, text[start:end], _overlapping_words(text, words, start, end))
            count += len(cut)
    if empty:
        yield _(
            "{count} of {spans} hold nothing that a network reads (blanks, zero-width "
            "characters; {place}): no answer can name them",
            count=f"{empty:,}",
            spans=plural(total, "span"),
            place=empty_place,
        )
    if count:
        place, cut_text, context = example
        yield _(
            "{count} of {spans} begin or end inside a word (e.g. {held!r} in {around!r}, {place}): "
            "answers end where words do, so these are never right; mend their ends, or give texts "
            "as lists of words (Thai, Korean)",
            count=f"{count:,}",
            spans=plural(total, "span"),
            held=cut_text[:40],
            around=context[:40],
            place=place,
        )


def _overlapping_words(text: str, words: np.ndarray, start: int, end: int) -> str:
    """Text of the words that a span overlaps."""
    overlapping = words[(words[:, 0] < end) & (words[:, 1] > start)]
    first, last = min(overlapping[:, 0], default=start), max(overlapping[:, 1], default=end)
    return text[first:last]
