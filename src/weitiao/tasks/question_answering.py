"""The passage of a text that answers a question, or that there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from weitiao.core.ragged import Ragged
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Output, Prediction
from weitiao.i18n.messages import _
from weitiao.labels.passages.agreement import agreement, by_characters
from weitiao.labels.passages.best_span import (
    END,
    NULL,
    SPAN,
    START,
    SURE,
    best_spans,
    by_row,
    whole_words,
)
from weitiao.labels.passages.golds import Gold, Golds, texts_of
from weitiao.labels.passages.windows import windows_of
from weitiao.tasks.base import IGNORED, Judged, Kind, Labelled, Task

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded
    from weitiao.losses.base import Loss

BEGINS, ENDS = 1, 2  # labels of tokens; 3 for a token that does both


@dataclass(frozen=True, slots=True)
class Asked:
    """What is right for a question: its passage, and the answers in it (none: ())."""

    context: str
    golds: Golds


class QuestionAnswering(Task):
    """The answer to a question as a passage of a given text (SQuAD, CMRC), or "no answer".

    A text longer than `model.max_length` is read in windows that share `doc_stride` tokens; the
    question stands in each, and the best passage of all windows is the answer. With questions that
    have no answer (SQuAD 2) the answer is "" where "none" scores higher than the best passage by
    more than `null_threshold`, which is chosen on validation rows.
    """

    roles: ClassVar[tuple[str, ...]] = ("question", "context")
    metrics: ClassVar[tuple[str, ...]] = ("f1", "exact_match")
    losses: ClassVar[tuple[str, ...]] = ("span",)
    kind: ClassVar[Kind] = "spans"
    head: ClassVar[Literal["sequence", "tokens", "spans"]] = "spans"
    notes: ClassVar[tuple[str, ...]] = ("starts", "ends")
    problem_type: ClassVar[str] = ""
    doc_stride: int = Field(128, ge=0, description="tokens that two windows on a text share")
    max_answer_length: int = Field(30, ge=1, description="most tokens of an answer")
    units: Literal["auto", "words", "characters"] = Field(
        "auto",
        description="what answers are compared by: words as SQuAD does, characters as CMRC 2018 "
        "does; auto: by the language of the training answers",
    )
    unanswerable: bool = Field(
        False, description='whether "no answer" is one; learned from the training rows'
    )
    null_threshold: float = Field(
        0.0, description='no answer is given where "none" scores higher by more than this'
    )

    @property
    def outputs(self) -> int:
        return 2

    @property
    def encoding(self) -> str:
        return f"{type(self).__name__} {self.doc_stride}"

    def learn(self, targets: Sequence[Any]) -> Self:
        known = [golds for golds in targets if golds]
        if not any(at >= 0 for golds in known for at, _ in golds):
            raise DataError(
                _("No training row has an answer that stands in its context. Are --roles right?")
            )
        words = [text for golds in known for text in texts_of(golds)]
        told = "characters" if by_characters(words) else "words"
        return self.model_copy(
            update={
                "units": told if self.units == "auto" else self.units,
                "unanswerable": self.unanswerable or any(golds == () for golds in targets),
            }
        )

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        found = np.empty(len(targets), object)
        found[:] = list(targets)
        return found

    def truth(self, rows: Labelled) -> Any:
        """An Asked for each row; questions about one passage share its text."""
        passages: dict[str, str] = {}
        asked = [
            Asked(passages.setdefault(text, text), example.target or ())
            for examples in rows.batches()
            for example in examples
            for text in (str(example.inputs["context"]),)
        ]
        found = np.empty(len(asked), object)
        found[:] = asked
        return found

    def labels_for(self, encoded: Encoded, truth: Any) -> Any:
        """Where the first right answer begins and ends, in each window that holds it whole; the
        token of "no answer" in the others. Nothing is learned where it stands nowhere."""
        labels = np.zeros(int(encoded.offsets[-1]), np.int8)
        starts, ends = encoded.values["starts"], encoded.values["ends"]
        owners = encoded.owners
        new = np.r_[True, owners[1:] != owners[:-1], True]  # whether a row begins another passage
        for row, owner in enumerate(owners):
            window = slice(int(encoded.offsets[row]), int(encoded.offsets[row + 1]))
            golds = truth[owner].golds
            gold = next((one for one in golds if one[0] >= 0), None)
            if golds and gold is None:
                labels[window] = IGNORED
                continue
            own = labels[window]
            edges = bool(new[row]), bool(new[row + 1])
            held = None if gold is None else _held(starts[window], ends[window], gold, edges)
            if held is None:
                null = (starts[window] == 0) & (ends[window] == 1)
                own[null] = BEGINS | ENDS
            else:
                own[held[0]] |= BEGINS
                own[held[1]] |= ENDS
        return Ragged(labels, np.asarray(encoded.offsets))

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[Any]]:
        asked = [str(example.inputs["question"]) for example in examples]
        contexts = [str(example.inputs["context"]) for example in examples]
        origins = [(one.meta.get("origins") or {}).get("context") for one in examples]
        return windows_of(asked, contexts, origins, tokenizer, (max_length, self.doc_stride))

    def overlap(self, room: np.ndarray) -> np.ndarray:
        return np.minimum(self.doc_stride, room // 2)

    def loss(self, net: Any, batch: Batch, cost: Loss) -> Output:
        assert batch.labels is not None
        logits = net(batch)
        spread, labels = by_row(logits, batch), batch.labels
        if batch.packed:
            labels = by_row(labels, batch, IGNORED)
        return Output(cost.value(spread, labels), logits)

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """The symmetric Kullback-Leibler distance of where the answer begins, and where it ends."""
        one, other = (by_row(logits, batch).float().log_softmax(1) for logits in (first, second))
        apart = (one - other).masked_fill(one.isinf(), 0.0)
        p, q = one.exp(), other.exp()
        return ((p * apart).sum() - (q * apart).sum()) / 4

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits

    def merged(self, logits: Any, encoded: Encoded) -> Any:
        return best_spans(logits, encoded, self.max_answer_length)

    def answered(self, scores: np.ndarray) -> np.ndarray:
        """Whether each question gets an answer."""
        found = np.isfinite(scores[:, SPAN])
        if self.unanswerable:
            found &= scores[:, NULL] - scores[:, SPAN] <= self.null_threshold
        return np.asarray(found)

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        found, none = [], _none(scores)
        given = self.answered(scores)
        for row, example in enumerate(examples):
            also = {"no_answer": float(none[row])} if self.unanswerable else {}
            if given[row]:
                context = str(example.inputs["context"])
                start, end = _places(scores[row], context)
                text = context[start:end]
                places: Mapping[str, Any] = {"start": start, "end": end}
                found.append(Prediction(text, float(scores[row, SURE]), also, places=places))
            else:
                places = {"start": None, "end": None}
                found.append(Prediction("", float(none[row]), also, places=places))
        return found

    def judge(self, labels: Any, scores: Any) -> Judged:
        targets, values, best = (np.empty(len(labels), object) for _ in range(3))
        for row, asked in enumerate(labels):
            targets[row] = texts_of(asked.golds)
            start, end = _places(scores[row], asked.context)
            best[row] = asked.context[start:end]
        given = self.answered(scores)
        values[:] = [text if is_given else "" for text, is_given in zip(best, given, strict=True)]
        sure = np.where(given, scores[:, SURE], _none(scores))
        by = self.units == "characters"
        figures = [
            (*agreement(values[row], targets[row], by), *agreement(best[row], targets[row], by))
            for row in range(len(labels))
        ]
        counts = np.array(figures, float).reshape(-1, 4)
        margin = np.nan_to_num(scores[:, SPAN] - scores[:, NULL], neginf=-1e9)
        return Judged("spans", targets, values, sure, counts=np.column_stack([counts, margin]))

    def plainly(self) -> Self:
        return self.model_copy(update={"null_threshold": 0.0})

    def describe(self) -> Mapping[str, Any]:
        return {}


def _none(scores: np.ndarray) -> np.ndarray:
    """How likely "no answer" is, beside the best passage alone."""
    apart = np.clip(scores[:, SPAN] - scores[:, NULL], -700.0, 700.0)
    return np.asarray(1 / (1 + np.exp(apart)))


def _places(scores: np.ndarray, context: str) -> tuple[int, int]:
    """The best passage. Where its pieces cut a word, it has the whole word."""
    return whole_words(context, int(scores[START]), int(scores[END]))


def _held(
    starts: np.ndarray, ends: np.ndarray, gold: Gold, edges: tuple[bool, bool]
) -> tuple[int, int] | None:
    """The first and the last token of an answer; None when the window does not hold it whole.

    edges: whether the passage begins and whether it ends with the window. What lies beyond its
    tokens there is in none, such as a byte order mark or an accent that the tokenizer drops.
    """
    begin, end = gold[0], gold[0] + len(gold[1])
    usable = np.flatnonzero(starts > 0)
    if not len(usable):
        return None
    first, last = starts[usable].astype(np.int64) - 1, ends[usable].astype(np.int64)
    inside = usable[(last > begin) & (first < end)]
    cut = (first[0] > begin and not edges[0]) or (last[-1] < end and not edges[1])
    if not len(inside) or cut:
        return None
    return int(inside[0]), int(inside[-1])
