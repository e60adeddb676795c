"""Sliding windows for question answering: token ids of question and passage with overlap (stride),
and for each token its character offsets in the passage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core.alignment import Alignment
from weitiao.example import WINDOWS

FEWEST = 8  # tokens of the passage that a window has room for, however long the question is


def windows_of(
    questions: Sequence[str],
    contexts: Sequence[str],
    alignments: Sequence[Alignment | None],
    tokenizer: Any,
    room: tuple[int, int],
) -> dict[str, list[Any]]:
    """Tokenize questions with passages in overlapping windows: ragged arrays of all windows, and
    under WINDOWS how many each question has.

    room: (most tokens of a window, tokens that two windows share). The question stands whole in
    each window (one that would leave no room for the passage is cut at its end); windows share
    fewer tokens where the question leaves little room. alignments: of each context with what it
    was before cleaning, None where it was not changed.

    `starts` and `ends` are aligned with the ids: a token that may begin or end an answer stands for
    the characters starts - 1 up to ends of the passage as it came. The others have 0 and 0; the
    one token that speaks for "no answer" has 0 and 1. Where nothing follows the passage (decoders),
    the end of text is put there: only what comes last has read all.
    """
    most, overlap = room
    end = _end_of(tokenizer)
    most -= end is not None
    questions, sizes = _cut(questions, tokenizer, most)
    # The tokenizer takes one stride a call, so questions are grouped by theirs: at most half of the
    # room that a question leaves, or windows would hardly advance.
    left = most - tokenizer.num_special_tokens_to_add(pair=True)
    alike: dict[int, list[int]] = defaultdict(list)
    for at, size in enumerate(sizes):
        alike[max(0, min(overlap, (left - size) // 2))].append(at)
    blanks = {context: _blanks(context) for context in dict.fromkeys(contexts)}
    by_question: list[list[dict[str, Any]]] = [[] for _ in questions]
    for stride, members in alike.items():
        encoding = tokenizer(
            [questions[at] for at in members],
            [contexts[at] for at in members],
            truncation="only_second",
            max_length=most,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        names = [name for name in ("input_ids", "token_type_ids") if name in encoding]
        for row, owner in enumerate(encoding["overflow_to_sample_mapping"]):
            at = members[owner]
            arrays = {name: encoding[name][row] for name in names}
            sides, offsets = encoding.sequence_ids(row), encoding["offset_mapping"][row]
            if end is not None:
                arrays["input_ids"] = [*arrays["input_ids"], end]
                if "token_type_ids" in arrays:
                    arrays["token_type_ids"] = [*arrays["token_type_ids"], 0]
                sides, offsets = [*sides, None], [*offsets, (0, 0)]
            inside = np.array([side == 1 for side in sides], bool)
            ids = np.array(arrays["input_ids"])
            inside &= ids != _blank_of(tokenizer)
            starts, ends = _places(offsets, inside, blanks[contexts[at]], alignments[at])
            ends[_null_of(ids, sides, tokenizer) if end is None else -1] = 1
            by_question[at].append({**arrays, "starts": starts.tolist(), "ends": ends.tolist()})
    windows = [window for each in by_question for window in each]
    names = list(windows[0]) if windows else ["input_ids", "starts", "ends"]
    return {
        **{name: [window[name] for window in windows] for name in names},
        WINDOWS: [len(each) for each in by_question],
    }


def _cut(questions: Sequence[str], tokenizer: Any, most: int) -> tuple[list[str], list[int]]:
    """Truncate questions that leave no room for a passage; returns them and their token counts."""
    if not questions:
        return [], []
    longest = max(1, most - tokenizer.num_special_tokens_to_add(pair=True) - max(FEWEST, most // 3))
    encoding = tokenizer(
        list(questions), add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    # Cut as text at a token's last character, not as ids: the tokenizer itself builds the windows.
    shortened, sizes = [], []
    for question, ids, offsets in zip(
        questions, encoding["input_ids"], encoding["offset_mapping"], strict=True
    ):
        shortened.append(question if len(ids) <= longest else question[: offsets[longest - 1][1]])
        sizes.append(min(len(ids), longest))
    return shortened, sizes


def _end_of(tokenizer: Any) -> int | None:
    """The token to append behind a passage; None where the family ends rows with one itself."""
    if tokenizer("a", "a").sequence_ids(0)[-1] is None:
        return None
    token = tokenizer.eos_token_id
    return int(tokenizer.pad_token_id if token is None else token)


def _blank_of(tokenizer: Any) -> int:
    """The id of SentencePiece's bare word-start piece "▁", or -1. XLM-R puts it before Chinese, and
    its offsets name the first character all the same: no border of an answer."""
    token = tokenizer.convert_tokens_to_ids("▁")
    return -1 if token is None or token == tokenizer.unk_token_id else int(token)


def _null_of(ids: np.ndarray, sides: Sequence[int | None], tokenizer: Any) -> int:
    """Index of the token for "no answer": [CLS] of the family, else the last one."""
    cls = tokenizer.cls_token_id
    own: list[int] = [] if cls is None else np.flatnonzero(ids == cls).tolist()
    outside = [at for at in own if sides[at] is None]
    return int(outside[0]) if outside else len(ids) - 1


def _blanks(context: str) -> np.ndarray:
    """(characters + 1,) bool: whether each is whitespace; False for the end behind the last one."""
    return np.array([character.isspace() for character in context] + [False])


def _places(
    offsets: Sequence[tuple[int, int]],
    inside: np.ndarray,
    blank: np.ndarray,
    alignment: Alignment | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Character offsets (tokens,) of starts and ends, 0 for none, blanks at token edges cut off."""
    # Byte-level tokenizers (GPT-2) put the blank before a word into its token. All tokens move by a
    # character at once, until no edge is blank.
    edges = np.array(offsets, np.int64).reshape(-1, 2)
    starts, ends = (np.where(inside, edge, 0) for edge in edges.T)  # others' are the question's
    while True:
        ahead = inside & (starts < ends) & blank[np.minimum(starts, len(blank) - 1)]
        behind = inside & (starts < ends) & ~ahead & blank[np.maximum(ends - 1, 0)]
        if not (ahead.any() or behind.any()):
            break
        starts[ahead] += 1
        ends[behind] -= 1
    real = inside & (starts < ends)
    if alignment is not None and real.any():
        # Back to offsets before cleaning: the end is that of the last character, since a cleaner
        # may have dropped characters between it and the next one.
        last = alignment.ends[np.where(real, ends - 1, 0)]
        starts, ends = alignment.starts[np.where(real, starts, 0)], last
    return np.where(real, starts + 1, 0), np.where(real, ends, 0)
