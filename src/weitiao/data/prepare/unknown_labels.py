"""Label vocabulary across parts: labels of a validation or test set that no training row has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, plural

Part = Literal["validation", "test"]
MAX_NAMED_LABELS = 3  # in a line of the history
MAX_NAMED_IN_ERROR = 5
HIDDEN = {"-1", "-1.0"}  # in place of the labels of a published test set, as in GLUE


def label_counts(row_labels: Sequence[Any]) -> Counter[str]:
    """Label -> rows that have it."""
    return Counter(label for labels in row_labels for label in as_list(labels))


def as_list(labels: Any) -> list[Any]:
    """The labels of a row as a list."""
    return labels if isinstance(labels, list) else [labels]


def are_hidden(train: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether a part says -1 in each row and no training row does, as benchmarks hide labels."""
    return bool(others) and {*map(str, others)} <= HIDDEN and HIDDEN.isdisjoint(map(str, train))


def require_known_labels(
    train: Sequence[Any], others: Sequence[Any], part: Part, file: str, declared: bool
) -> None:
    """Raise DataError where no label of a part is known: every score on it would be 0.

    train, others: the labels of their rows. declared: whether a column of the file says the part.
    """
    known, labels = label_counts(train), label_counts(others)
    if not known or not labels or known.keys() & labels.keys():
        return
    names = {
        "labels": name_list([*labels], MAX_NAMED_IN_ERROR, quoted=True),
        "known": name_list([*known], MAX_NAMED_IN_ERROR, quoted=True),
        "likeness": likeness([*labels], [*known]),
        "remedy": (
            _("Spell them alike, or split the rows again: data.declared_split=false")
            if declared
            else _("Spell them alike, or leave this file out; then rows are split off.")
        ),
    }
    raise DataError(
        _(
            "{file}: no training row has any label of the test ({labels}); training rows have "
            "{known}. {likeness}{remedy}",
            file=file,
            **names,
        )
        if part == "test"
        else _(
            "{file}: no training row has any label of the validation ({labels}); training rows "
            "have {known}. {likeness}{remedy}",
            file=file,
            **names,
        )
    )


def unknown_labels(train: Sequence[Any], others: Sequence[Any], part: Part) -> Iterator[str]:
    """Warning for labels of a part that no training row has, with the number of their rows."""
    unknown = label_counts(others).keys() - label_counts(train).keys()
    if not unknown:
        return
    count = sum(not unknown.isdisjoint(as_list(labels)) for labels in others)
    named = name_list(map(repr, sorted(unknown)), MAX_NAMED_LABELS)
    labels, rows = plural(len(unknown), "label"), plural(count, "row")
    yield (
        _(
            "the test has {labels} that no training row has: {some} (in {rows}: always wrong)",
            labels=labels,
            some=named,
            rows=rows,
        )
        if part == "test"
        else _(
            "the validation has {labels} that no training row has: {some} (in {rows})",
            labels=labels,
            some=named,
            rows=rows,
        )
    )


def likeness(labels: Sequence[str], known: Sequence[str]) -> str:
    """The first label that looks like a known one, as a sentence; else an empty text."""
    plain = {one.casefold().strip(): one for one in known}
    for label in labels:
        folded = label.casefold().strip()
        alike = (
            name
            for other, name in plain.items()
            if other and folded and (folded.startswith(other) or other.startswith(folded))
        )
        close = plain.get(folded) or next(alike, None)
        if close:
            return _("Is {label!r} meant as {known!r}? ", label=label, known=close)
    return ""
