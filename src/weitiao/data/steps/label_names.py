"""Label names: what a label is called, as a row of it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar, Self

from pydantic import Field, PrivateAttr

from weitiao.data.steps.base import Step, made_from
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.example import Example
from weitiao.i18n.messages import _

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")


class LabelNames(Step):
    """Adds a row for each label: its name as the text (Meng et al. 2020 learn from names alone).

    A pre-trained encoder knows what "refund not showing up" means before it has seen a row. When to
    use it: few rows a label, and labels that are called what they mean, or that you name here.
    """

    makes_rows: ClassVar[bool] = True
    names: dict[str, str] = Field(
        default_factory=dict,
        description="label: what it means, in words; a label left out stands for itself",
    )
    _label_sets: bool = PrivateAttr(False)
    _unnamed: list[str] = PrivateAttr(default_factory=list)

    def for_task(self, task: str) -> Self:
        reader = reader_of(task)
        if reader.numeric or reader.head != "sequence":
            raise DataError(
                _(
                    "step label_names: rows of the task {task} have no labels with names. Take the "
                    "step out of data.steps.",
                    task=task,
                )
            )
        step = self.model_copy()
        step._label_sets = reader.label_sets
        return step

    def __call__(self, examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
        firsts: dict[str, Example] = {}
        texts = set[str]()
        for example in examples:
            if list(example.inputs) != ["text"]:
                raise DataError(
                    _(
                        "step label_names: the name of a label is no row of several texts "
                        "({roles}). Take the step out of data.steps.",
                        roles=", ".join(example.inputs),
                    )
                )
            texts.add(str(example.inputs["text"]))
            for label in self._labels_of(example):
                firsts.setdefault(label, example)
            yield example
        self._check(firsts)
        for label, example in firsts.items():
            text = self._name_of(label)
            if text and text not in texts:
                target = [label] if self._label_sets else label
                row = made_from(example, "label_names", 1)
                yield replace(row, inputs={"text": text}, target=target)

    def _labels_of(self, example: Example) -> list[str]:
        target = example.target
        return list(target or []) if self._label_sets else [] if target is None else [str(target)]

    def _name_of(self, label: str) -> str:
        """The name in words; "" where it has no letter."""
        if label in self.names:
            return self.names[label].strip()
        return name_of(label)

    def _check(self, labels: Iterable[str]) -> None:
        known = list(labels)
        unknown = [label for label in self.names if label not in known]
        if unknown:
            raise DataError(
                _(
                    "step label_names: no row has the label {label!r}. Labels: {known}",
                    label=unknown[0],
                    known=", ".join(known[:20]),
                )
            )
        self._unnamed = [label for label in known if not self._name_of(label)]
        if known and len(self._unnamed) == len(known):
            raise DataError(
                _(
                    "step label_names: {label!r} says nothing in words. Say what the labels mean: "
                    "data.steps.label_names.names.{label}=...",
                    label=known[0],
                )
            )

    def notes(self) -> list[str]:
        if not self._unnamed:
            return []
        return [
            _(
                "label_names: labels without a name in words have no row of it: {labels}",
                labels=", ".join(self._unnamed[:20]),
            )
        ]


def name_of(label: str) -> str:
    """A label as words; "" for one without letters.

    >>> name_of("Refund_not_showing_up"), name_of("体育/足球"), name_of("sportsNews"), name_of("-1")
    ('Refund not showing up', '体育 足球', 'sports News', '')
    """
    text = _NO_WORD.sub(" ", _CAPITAL.sub(" ", label)).strip()
    return text if any(one.isalpha() for one in text) else ""
