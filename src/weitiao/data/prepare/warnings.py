"""What is odd about the labels of a split, as lines of its history."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from weitiao.i18n.messages import _, plural

SHOWN = 3
FEWEST = 10  # rows of a validation file; with fewer, chance decides


def few_rows(validation: int) -> Iterator[str]:
    """A validation file with hardly any rows."""
    if validation < FEWEST:
        yield _(
            "the validation file has {rows} only: better weights can hardly be told from worse "
            "ones by so few",
            rows=plural(validation, "row"),
        )


def unknown_labels(
    train: Sequence[Any], others: Sequence[Any], part: Literal["validation", "test"]
) -> Iterator[str]:
    """Labels that a part has and no training row."""
    unknown = sorted(_labels(others).keys() - _labels(train).keys())
    if unknown:
        labels, some = plural(len(unknown), "label"), _some(map(repr, unknown), len(unknown))
        if part == "test":
            yield _("the test has {labels} that no training row has: {some}", labels=labels,
                       some=some)  # fmt: skip
        else:
            yield _("the validation has {labels} that no training row has: {some}",
                       labels=labels, some=some)  # fmt: skip


def single_labels(targets: Sequence[Any], ids: Sequence[str]) -> Iterator[str]:
    """Labels of one row only: it teaches, so that nothing is left to judge the label by."""
    often = _labels(targets)
    alone = {label: "" for label, count in often.items() if count == 1}
    for target, place in zip(targets, ids, strict=True):
        for label in alone.keys() & set(_flat(target)):
            alone[label] = place
    if alone:
        named = [f"{label!r} ({place})" for label, place in alone.items()]
        yield _(
            "{labels} with one row only, which teaches and cannot be judged: {some}",
            labels=plural(len(alone), "label"),
            some=_some(named, len(named)),
        )


def alike_labels(targets: Sequence[Any]) -> Iterator[str]:
    """Labels that differ by case or width only: they stay two labels, which may be a slip."""
    known: dict[str, str] = {}
    for label in sorted(map(str, _labels(targets))):
        plain = " ".join(unicodedata.normalize("NFKC", label).casefold().split())
        other = known.setdefault(plain, label)
        if other != label:
            yield _(
                "the labels {first!r} and {second!r} differ only in how they are written; they are "
                "taken as two",
                first=other,
                second=label,
            )


def _labels(targets: Sequence[Any]) -> Counter[str]:
    return Counter(label for target in targets for label in _flat(target))


def _flat(target: Any) -> list[Any]:
    return target if isinstance(target, list) else [target]


def _some(named: Any, count: int) -> str:
    return ", ".join(list(named)[:SHOWN]) + (", ..." if count > SHOWN else "")
