"""Whether targets are enough to learn from, and what is shared out evenly between the parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from weitiao.data.answers import TASK as READING
from weitiao.data.targets import NUMBERS
from weitiao.errors import DataError
from weitiao.messages import tell

FEWEST = 10  # labelled rows; below this no split means anything


def strata(targets: Sequence[Any], task: str) -> Sequence[Any]:
    """What is shared out evenly: labels, numbers; of questions, whether they have an answer."""
    return [bool(target) for target in targets] if task == READING else targets


def enough(targets: Sequence[Any], task: str, name: str, fewest: int = 2) -> None:
    """Raises DataError where rows are too few, or have fewer than `fewest` different labels."""
    if len(targets) < FEWEST:
        raise DataError(
            tell(
                "{file}: {count} labelled rows are too few to learn from: label at least {fewest}, "
                "better some hundreds.",
                file=name,
                count=len(targets),
                fewest=FEWEST,
            )
        )
    if task == READING and any(targets):
        return
    if task in NUMBERS:
        if len(set(targets)) < 2:
            raise DataError(
                tell(
                    "{file}: every target is {target:g}: there is nothing to learn.",
                    file=name,
                    target=targets[0],
                )
            )
        return
    labels = Counter(
        label for target in targets for label in (target if isinstance(target, list) else [target])
    )
    if len(labels) < fewest:
        raise DataError(
            tell(
                "{file}: every target is {label!r}: there is nothing to learn. Is the target role "
                "right?",
                file=name,
                label=next(iter(labels)),
            )
            if labels
            else tell(
                "{file}: no row has a label: there is nothing to learn. Is the target role right?",
                file=name,
            )
        )
