"""Alignment of words with subword tokens, in overlapping windows on long texts: a word's label
stands at its first piece, in the window with the most context around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core.batch_layout import filled
from weitiao.example import WINDOWS

BLANKS = ("▁", "Ġ", "##", "Ċ")  # pieces without a character of their own
OVERLAP = 4  # a window repeats this part of the one before
Words = Sequence[np.ndarray]


def adapt(tokenizer: Any) -> None:
    """Make the tokenizer split at each Chinese character, so that spans can end there: 银行 becomes
    银, 行."""
    from tokenizers import Regex, pre_tokenizers

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or _single(backend.pre_tokenizer):
        return
    split = pre_tokenizers.Split(Regex(r"[\p{Han}\p{Hiragana}\p{Katakana}]"), "isolated")
    own = backend.pre_tokenizer
    if own is None:
        backend.pre_tokenizer = split
        return
    # Behind its own rule, which may put a mark before words; before it where it makes bytes.
    later = pre_tokenizers.Sequence([own, split])
    backend.pre_tokenizer = later if _single(later) else pre_tokenizers.Sequence([split, own])


def _single(rule: Any) -> bool:
    return rule is not None and len(rule.pre_tokenize_str("a中国人")) >= 4


def encoded(
    texts: Sequence[str], words: Words, tokenizer: Any, max_length: int
) -> dict[str, list[Any]]:
    """Tokenize texts and align tokens with words: tensors as of `Task.encode`, notes unit and more.

    words: (words, 2) places in each text. unit: the word a piece speaks for, -1 for none; more:
    how many words behind it the same piece covers.
    """
    tensors = _tokenized(texts, words, tokenizer, max_length)
    owners, offsets = tensors.pop("owners"), [spans or [(0, 0)] for spans in tensors.pop("offsets")]
    tensors = filled(tensors, tokenizer)
    blanks = {i for i in tokenizer.convert_tokens_to_ids(list(BLANKS)) if i is not None}
    blanks.discard(tokenizer.unk_token_id)
    counts = np.bincount(owners, minlength=len(texts))
    units: list[Any] = []
    more: list[Any] = []
    window = 0
    for text, places, count in zip(texts, words, counts.tolist(), strict=True):
        part = slice(window, window + count)
        some = _words_of_pieces(text, places, tensors["input_ids"][part], offsets[part], blanks)
        units += [unit for unit, _ in some]
        more += [further for _, further in some]
        window += count
    return {**tensors, "unit": units, "more": more, WINDOWS: counts.tolist()}


def _tokenized(
    texts: Sequence[str], words: Words, tokenizer: Any, max_length: int
) -> dict[str, list[Any]]:
    if not tokenizer.is_fast:
        return _word_by_word(texts, words, tokenizer, max_length)
    room = max_length - tokenizer.num_special_tokens_to_add()
    encoding = dict(
        tokenizer(
            list(texts),
            truncation=True,
            max_length=max_length,
            stride=max(room // OVERLAP, 0),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
    )
    encoding["owners"] = encoding.pop("overflow_to_sample_mapping")
    encoding["offsets"] = encoding.pop("offset_mapping")
    return {name: list(values) for name, values in encoding.items()}


def _word_by_word(
    texts: Sequence[str], words: Words, tokenizer: Any, max_length: int
) -> dict[str, list[Any]]:
    """Tokenize word by word, for slow tokenizers, which have no offset mapping."""
    room = max_length - tokenizer.num_special_tokens_to_add()
    ids, owners, offsets = [], [], []
    for row, (text, places) in enumerate(zip(texts, words, strict=True)):
        pieces = [
            (piece, span)
            for span in places.tolist()
            for piece in tokenizer.convert_tokens_to_ids(
                tokenizer.tokenize(text[span[0] : span[1]])
            )
        ]
        step = room - room // OVERLAP
        for start in range(0, max(len(pieces) - room // OVERLAP, 1), step):
            part = pieces[start : start + room]
            whole = tokenizer.build_inputs_with_special_tokens([piece for piece, _ in part])
            before = len(tokenizer.build_inputs_with_special_tokens([])) and next(
                i for i in range(len(whole) + 1) if whole[i : i + len(part)] == [p for p, _ in part]
            )
            ids.append(whole)
            owners.append(row)
            after = len(whole) - before - len(part)
            offsets.append([[0, 0]] * before + [span for _, span in part] + [[0, 0]] * after)
    return {"input_ids": ids, "owners": owners, "offsets": offsets}


def _words_of_pieces(
    text: str, places: np.ndarray, ids: Sequence[Any], offsets: Sequence[Any], blanks: set[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each window of a text: the word of each piece (-1: none), and how many more it covers."""
    result = [(np.full(len(row), -1, np.int64), np.zeros(len(row), np.int64)) for row in ids]
    if not len(places):
        return result
    seen: list[tuple[int, int, int, int]] = []  # word, window, piece, words more
    room: list[int] = []  # pieces to the nearer end of the window
    # Words that a cleaner has replaced together (an address by [url]) stand at one place: its
    # pieces speak for the first of them and cover the others.
    places_once, first, which_place = np.unique(places, True, True, axis=0)
    first = first[which_place.ravel()] if len(places_once) < len(places) else np.arange(len(places))
    for window, (row, spans) in enumerate(zip(ids, offsets, strict=True)):
        start, stop = np.array(spans, np.int64).reshape(-1, 2).copy().T
        blank = np.isin(np.asarray(row), list(blanks)) | (stop <= start)
        for piece in np.flatnonzero(~blank):
            while start[piece] < stop[piece] and text[start[piece]].isspace():
                start[piece] += 1
        real = np.flatnonzero(~blank & (start < stop))
        word = np.searchsorted(places[:, 0], start[real], "right") - 1
        inside = (word >= 0) & (start[real] < places[np.maximum(word, 0), 1])
        real, word = real[inside], first[word[inside]]
        word, at, which = np.unique(word, return_index=True, return_inverse=True)
        piece, ends = real[at], np.zeros(len(word), np.int64)
        np.maximum.at(ends, which.ravel(), stop[real])
        # A piece can cover several words: those that begin in it and have no piece of their own.
        reach = np.searchsorted(places[:, 0], ends, "left") - 1
        following = np.append(word[1:], len(places)) - 1
        further = np.maximum(np.minimum(reach, following) - word, 0)
        seen += zip(
            word.tolist(), [window] * len(word), piece.tolist(), further.tolist(), strict=True
        )
        room += np.minimum(piece, len(row) - 1 - piece).tolist()
    if not seen:
        return result
    # Of a word that stands in several windows, the piece farthest from a window's ends is taken
    # ("max context" in BERT's script for SQuAD): lexsort puts it first among those of its word.
    table = np.array(seen, np.int64)
    order = np.lexsort((-np.array(room), table[:, 0]))
    best = order[np.unique(table[order, 0], return_index=True)[1]]
    covered: set[int] = set()
    for word, window, piece, further in table[best].tolist():
        result[window][0][piece], result[window][1][piece] = word, further
        covered.update(range(word, word + further + 1))
    for word, window, piece, further in table.tolist():
        # Begun in another window than the piece that covers it and the one before.
        lacking = [one for one in range(word + 1, word + further + 1) if one not in covered]
        if lacking and result[window][0][piece] < 0:
            result[window][0][piece], result[window][1][piece] = (
                lacking[0],
                lacking[-1] - lacking[0],
            )
            covered.update(lacking)
    return result
