"""Parsing of sequence labels from cells: a tag for each word, or spans in usual JSON formats."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.core.literals import ARRAYS, CutShort, value_of
from weitiao.i18n.messages import _
from weitiao.labels.tags.schemes import split_tag

# First character, the one behind the last, label; and the text they hold, where the cell says it.
Span = tuple[int, int, str] | tuple[int, int, str, str]
STARTS = ("start", "start_offset", "begin", "start_idx", "startOffset")
ENDS = ("end", "end_offset", "stop", "end_idx", "endOffset")
LABELS = ("label", "labels", "type", "entity", "entity_group", "tag", "entity_type")


class NamesMissing(ValueError):
    """Tags or spans whose labels are numbers: their names stand in another file."""


def answer_of(cell: str) -> list[str] | list[Span]:
    """Parse a cell into tags (texts) or spans (tuples). Raises ValueError with the reason.

    >>> answer_of('["O", "B-x"]'), answer_of("O B-x"), answer_of('[[0, 2, "x"]]')
    (['O', 'B-x'], ['O', 'B-x'], [(0, 2, 'x')])
    >>> answer_of('[{"start": 0, "end": 2, "label": "x"}]'), answer_of('{"x": {"ab": [[0, 1]]}}')
    ([(0, 2, 'x')], [(0, 2, 'x')])
    """
    text = cell.strip()
    if text[:1] not in ("[", "{") and not text.startswith(ARRAYS):
        return text.split()
    try:
        value = value_of(text)
    except CutShort:
        raise ValueError(
            _(
                "{cell!r} was cut by numpy: ... stands in the place of values. Write the lists "
                "whole, as JSON.",
                cell=text[:60],
            )
        ) from None
    except ValueError:
        raise ValueError(_("{cell!r} is no JSON list of tags or spans.", cell=text[:60])) from None
    if isinstance(value, dict):
        return _of_cluener(value)
    if all(isinstance(one, str) for one in value) and value:
        return [str(one) for one in value]
    # `datasets` stores tags as class ids, whose names stand in a schema that a csv file lacks.
    if value and all(isinstance(one, int) for one in value):
        raise NamesMissing(
            _(
                "{cell} has numbers instead of tags: write their names, e.g. {example}",
                cell=text[:60],
                example='["O", "B-PER"]',
            )
        )
    return [_span(one) for one in value]


def written(target: Any) -> Any:
    """Serialize a target to a cell that is parsed as the same target again."""
    if not isinstance(target, list):
        return target
    names = ("start", "end", "label", "text")
    return [
        dict(zip(names, one, strict=True)) if len(one) == 4 and not isinstance(one, str) else one
        for one in target
    ]


def looks_like_spans(cell: str) -> bool:
    """Whether a cell lists spans (or says that there are none)."""
    if cell.strip()[:1] not in ("[", "{"):
        return False
    try:
        answer = answer_of(cell)
    except NamesMissing:
        return cell.strip()[:2] in ("[{", "[[", '{"')
    except ValueError:
        return False
    return not answer or isinstance(answer[0], tuple)


def looks_like_tags(cell: str) -> bool:
    """Whether a cell lists tags of a tagging scheme (BIO and the like)."""
    try:
        answer = answer_of(cell)
    except ValueError:
        return False
    return bool(answer) and all(
        isinstance(tag, str) and split_tag(tag) is not None for tag in answer
    )


def _span(one: Any) -> Span:
    own = None
    if isinstance(one, Mapping):
        own = one.get("text")
        start, end, label = (_first(one, names) for names in (STARTS, ENDS, LABELS))
    elif isinstance(one, Sequence) and not isinstance(one, str) and len(one) >= 3:
        start, end, label = one[:3]
        if isinstance(start, str):  # ["PER", 0, 2]
            start, end, label = one[1], one[2], one[0]
    else:
        start = end = label = None
    if isinstance(label, list) and len(label) == 1:  # Label Studio's
        (label,) = label
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (start, end))
    if whole and isinstance(label, int):
        raise NamesMissing(
            _(
                "{span} has a number as its label. Its name stands in another file (doccano: the "
                "list of labels): write names, e.g. {example}",
                span=json.dumps(one, ensure_ascii=False)[:80],
                example='{"start": 0, "end": 3, "label": "PER"}',
            )
        )
    if not whole or not isinstance(label, str):
        shown = json.dumps(one, ensure_ascii=False)[:80]
        raise ValueError(
            _(
                "{span} is no span: give it a start, an end and a label, e.g. {example}",
                span=shown,
                example='{"start": 0, "end": 3, "label": "PER"}',
            )
        )
    return (start, end, label, own) if isinstance(own, str) and own else (start, end, label)


def _first(one: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((one[name] for name in names if name in one), None)


def _of_cluener(value: Mapping[str, Any]) -> list[Span]:
    """{label: {text: [[first, last], ...]}}, as CLUENER writes it: the last character counts."""
    all_spans: list[Span] = []
    try:
        for label, texts in value.items():
            for text, spans in texts.items():
                for start, last in spans:
                    if last - start + 1 != len(text):
                        raise TypeError
                    all_spans.append((int(start), int(last) + 1, str(label)))
    except (TypeError, ValueError, AttributeError):
        shown = json.dumps(value, ensure_ascii=False)[:80]
        message = _(
            "{value} is no object of spans, {example}.",
            value=shown,
            example='{"label": {"text": [[first, last]]}}',
        )
        raise ValueError(message) from None
    return sorted(all_spans)
