"""Annotation scheme: the task, its labels and its columns; validation of answers, cells of export.

An answer is stored as plain JSON by its kind:

    label     "sport"                        labels    ["sport", "news"], in the scheme's order
    number    3.5                            spans     [[0, 2, "PER"], ...], code points
    passage   [[17, "in Paris"]], [] = none  text      "a free text"
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from weitiao.annotation.offsets import Offsets
from weitiao.core.fields import near
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.labels.hierarchy import separator_of

Kind = Literal["label", "labels", "number", "spans", "passage", "text"]
KINDS: Mapping[str, Kind] = {
    "classification": "label",
    "nli": "label",
    "multilabel": "labels",
    "regression": "number",
    "similarity": "number",
    "token_classification": "spans",
    "question_answering": "passage",
    "generation": "text",
    "translation": "text",
}
PAIRS = ("nli", "similarity", "question_answering")  # tasks of two texts
MAX_TEXT = 200_000  # characters of a free text, a comment, a guideline
MAX_LABELS = 2_000
_SCALE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|\.\.|,|to)\s*(-?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Scheme:
    """What is labelled: the task, role -> column of the texts, labels, bounds of numbers."""

    task: str
    roles: Mapping[str, str]
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.task]

    @property
    def separator(self) -> str:
        """Between the levels of hierarchical labels; "" where they are flat."""
        return separator_of(self.labels) if self.kind == "label" else ""

    @property
    def learnable(self) -> bool:
        """Whether a linear model can order the rows: single labels, and sets of them."""
        return self.kind in ("label", "labels") and len(self.labels) > 1

    def plain(self) -> dict[str, Any]:
        """The scheme as JSON, for the journal's header."""
        return {
            "task": self.task,
            "roles": dict(self.roles),
            "labels": list(self.labels),
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Scheme:
        return cls(
            plain["task"], plain["roles"], tuple(plain["labels"]), plain["low"], plain["high"]
        )

    @property
    def marked_role(self) -> str:
        """The role of the text in which spans and passages are marked."""
        return "context" if self.kind == "passage" else next(iter(self.roles))

    def parse(self, answer: Any, texts: Mapping[str, str]) -> Any:
        """Validate an answer that a page sent; spans count UTF-16 units there.

        Raises DataError with the reason.
        """
        parsers = {
            "label": self._label,
            "labels": self._label_set,
            "number": self._number,
            "text": self._text,
        }
        if self.kind in parsers:
            return parsers[self.kind](answer)
        offsets = Offsets(texts[self.marked_role])
        return self._spans(answer, offsets) if self.kind == "spans" else _passage(answer, offsets)

    def _label(self, answer: Any) -> str:
        if not isinstance(answer, str) or answer not in self.labels:
            hint = near(answer, self.labels) if isinstance(answer, str) else ""
            message = _("{answer!r} is none of the labels.{hint}", answer=str(answer), hint=hint)
            raise DataError(message)
        return answer

    def _label_set(self, answer: Any) -> list[str]:
        if not isinstance(answer, list):
            raise DataError(_("the answer is a list of labels."))
        chosen = {self._label(one) for one in answer}
        return [label for label in self.labels if label in chosen]

    def _number(self, answer: Any) -> float:
        if isinstance(answer, str):
            try:
                answer = float(answer.strip().replace("，", ".").replace(",", "."))
            except ValueError:
                answer = None
        if isinstance(answer, bool) or not isinstance(answer, int | float):
            raise DataError(_("the answer is a number."))
        if not math.isfinite(answer):
            raise DataError(_("the answer is a number."))
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not low <= answer <= high:
            message = _("{number:g} is not between {low:g} and {high:g}.",
                        number=answer, low=low, high=high)  # fmt: skip
            raise DataError(message)
        return float(answer)

    def _text(self, answer: Any) -> str:
        if not isinstance(answer, str) or not answer.strip():
            raise DataError(_("the answer is empty; skip the row where there is none."))
        if len(answer) > MAX_TEXT:
            raise DataError(_("the answer is longer than {most:,} characters.", most=MAX_TEXT))
        return checked_text(answer)

    def _spans(self, answer: Any, offsets: Offsets) -> list[list[Any]]:
        if not isinstance(answer, list):
            raise DataError(_("the answer is a list of spans."))
        spans = []
        for one in answer:
            start, end, quote = _place(one, offsets)
            spans.append([start, end, self._label(one.get("label"))])
            offsets.check(start, end, quote)
        return [list(span) for span in sorted({tuple(span) for span in spans})]

    def cell(self, answer: Any, texts: Mapping[str, str]) -> Any:
        """An answer as a cell that `weitiao fit` reads: text, number or JSON."""
        if self.kind == "labels":
            return json.dumps(answer, ensure_ascii=False)
        if self.kind == "spans":
            text = texts[self.marked_role]
            spans = [
                {"start": start, "end": end, "label": label, "text": text[start:end]}
                for start, end, label in answer
            ]
            return json.dumps(spans, ensure_ascii=False)
        if self.kind == "passage":
            golds = {
                "text": [text for _, text in answer],
                "answer_start": [start for start, _ in answer],
            }
            return json.dumps(golds, ensure_ascii=False)
        return answer

    def spread_out(self, answer: Any, texts: Mapping[str, str]) -> Any:
        """A stored answer as the page takes it: spans count UTF-16 units."""
        if self.kind not in ("spans", "passage"):
            return answer
        text = texts[self.marked_role]
        offsets = Offsets(text)
        if self.kind == "passage":
            answer = [[start, start + len(quote), ""] for start, quote in answer]
        return [
            {
                "start": offsets.to_units(start),
                "end": offsets.to_units(end),
                "label": label,
                "quote": text[start:end],
            }
            for start, end, label in answer
        ]


def _place(one: Any, offsets: Offsets) -> tuple[int, int, str]:
    """Start and end in code points of a span of a page, and its quote. Raises DataError."""
    fields = one if isinstance(one, Mapping) else {}
    units, quote = (fields.get("start"), fields.get("end")), fields.get("quote")
    numbers = [unit for unit in units if isinstance(unit, int) and not isinstance(unit, bool)]
    if len(numbers) != 2 or not isinstance(quote, str):
        raise DataError(_("a span has a start, an end and the text between."))
    start, end = map(offsets.to_points, numbers)
    if start >= end:
        raise DataError(_("a span holds at least one character."))
    return start, end, quote


def _passage(answer: Any, offsets: Offsets) -> list[list[Any]]:
    if not isinstance(answer, list) or len(answer) > 1:
        raise DataError(_("the answer is one passage, or none."))
    golds = []
    for one in answer:
        start, end, quote = _place(one, offsets)
        offsets.check(start, end, quote)
        golds.append([start, offsets.text[start:end]])
    return golds


def checked_text(text: str) -> str:
    """The text itself. Raises DataError for half a character, which has no UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(_("the text holds half a character (a lone surrogate).")) from None
    return text


def labels_in(words: str) -> tuple[str, ...]:
    """Split the option --labels: commas or line breaks between labels. Raises DataError."""
    mark = "\n" if "\n" in words else ","
    labels = tuple(
        dict.fromkeys(one.strip() for one in words.replace("，", ",").split(mark) if one.strip())
    )
    if len(labels) > MAX_LABELS:
        raise DataError(_("{count:,} labels are too many to choose from.", count=len(labels)))
    return labels


def scale_in(words: str) -> tuple[float, float]:
    """Parse the option --scale, the bounds of numbers: 1-5. Raises DataError."""
    match = _SCALE.fullmatch(words)
    if not match or float(match[1]) >= float(match[2]):
        raise DataError(_("--scale: {words!r} is no range; write 1-5.", words=words))
    return float(match[1]), float(match[2])


def check_task(task: str, roles: Mapping[str, str], labels: Sequence[str]) -> None:
    """Raises DataError where the task cannot be labelled with these columns and labels."""
    if task not in KINDS:
        known = [*KINDS]
        message = _("--task: {task!r} cannot be labelled here.{hint} These can: {known}",
                    task=task, hint=near(task, known), known=name_list(known))  # fmt: skip
        raise DataError(message)
    wanted = reader_of(task).roles
    missing = [role for role in wanted if role not in roles]
    if missing:
        message = _(
            "--task {task}: which column is the {role}? --roles {role}=COLUMN",
            task=task,
            role=missing[0],
        )
        raise DataError(message)
    if KINDS[task] in ("label", "labels", "spans"):
        needed = 2 if KINDS[task] == "label" else 1
        if len(labels) < needed:
            message = _(
                "name the labels, e.g. --labels positive,negative, or a file with one a line."
            )
            raise DataError(message)
