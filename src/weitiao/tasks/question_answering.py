"""Extractive question answering (SQuAD 1.1 and 2.0, CMRC 2018)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from weitiao.core.ragged import Ragged
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.infer.column_names import by_plain_name, words
from weitiao.data.infer.column_stats import FEW_CLASSES, Column, sample_positions
from weitiao.data.infer.roles import Evidence, Guess
from weitiao.data.targets import Locate, Roles, parse_cells
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Output, Prediction
from weitiao.i18n.messages import _, plural
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
from weitiao.labels.passages.golds import Gold, Golds, parse_answers, placed, texts_of
from weitiao.labels.passages.windows import windows_of
from weitiao.labels.tags.words import is_invisible
from weitiao.losses.base import weighted_sum
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.base import IGNORED, HeadKind, Labelled, Task

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded
    from weitiao.data.rows import Rows
    from weitiao.losses.base import Loss

SAMPLED_ROWS = 200
ROWS_PER_CLASS = 10  # FEW_CLASSES different values in so many times the rows are labels
QUESTION_COLUMNS = words("question questions query 问题 提问 问句")
PASSAGE_COLUMNS = words(
    "context contexts passage paragraph document article text 上下文 段落 原文 材料 文章 "
    "文章内容 正文 篇章 阅读材料"
)
ANSWER_COLUMNS = words("answers answer answer_text gold_answer gold_answers label target 答案 回答")
START_COLUMNS = words("answer_start start answer_begin 起始位置 答案位置")
BEGINS, ENDS = 1, 2  # bits of the label of a token; 3 for an answer of one token


@dataclass(frozen=True, slots=True)
class GoldPassage:
    """The gold answers of a question and the passage they are in (unanswerable: ())."""

    context: str
    golds: Golds


class QuestionAnswering(Task):
    """The answer to a question as a passage of a given text (SQuAD, CMRC), or "no answer".

    Extractive question answering as in BERT (Devlin et al., 2019): the score of a span is the start
    logit of its first token plus the end logit of its last. A text longer than `model.max_length`
    is read in windows that share `doc_stride` tokens, each with the question; the best span of all
    windows is the prediction. With unanswerable questions (SQuAD 2) the prediction is "" where the
    null score exceeds that of the best span by more than `null_threshold`, tuned on validation.
    """

    roles: ClassVar[tuple[str, ...]] = ("question", "context")
    metrics: ClassVar[tuple[str, ...]] = ("f1", "exact_match")
    losses: ClassVar[tuple[str, ...]] = ("span",)
    answers: ClassVar[type[Answers]] = Passages
    head: ClassVar[HeadKind] = "spans"
    notes: ClassVar[tuple[str, ...]] = ("starts", "ends")
    problem_type: ClassVar[str] = ""
    pipeline_tag: ClassVar[str] = "question-answering"
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

    @classmethod
    def read_targets(
        cls,
        table: Any,
        roles: Roles,
        positions: np.ndarray,
        locate: Locate,
        wrong: dict[int, str] | None = None,
    ) -> list[Any]:
        """The gold answers with their places; None where the cell is empty, () where it is []."""
        columns = [str(roles[role]) for role in ("target", "context", "start") if role in roles]
        # Without the memo: it would hold thousands of passages, and hardly a row repeats.
        return parse_cells(table, columns, positions, parse_golds, locate, wrong, memo_size=0)

    @classmethod
    def missing_markers(cls, table: Any, roles: Roles, at: np.ndarray) -> Counter[str]:
        return Counter()  # "NULL" may be an answer

    @classmethod
    def row_labels(cls, targets: Sequence[Any]) -> None:
        return None

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> list[bool]:
        """Whether each question has an answer."""
        return [bool(golds) for golds in targets]

    @classmethod
    def check_learnable(cls, targets: Sequence[Any], file: str) -> None:
        if not any(targets):
            super().check_learnable(targets, file)

    @classmethod
    def problems(cls, rows: Rows, targets: Sequence[Any]) -> Iterator[str]:
        nowhere = sum(bool(golds) and all(at < 0 for at, _ in golds) for golds in targets)
        if nowhere:
            yield _(
                "{rows} whose answers do not stand in the context: evaluated, not trained on",
                rows=plural(nowhere, "row"),
            )
        moved = _moved(rows, targets)
        if moved:
            yield _(
                "{rows} whose answers do not stand where their starts say: the nearest place in "
                "the context is taken",
                rows=plural(moved, "row"),
            )
        lost = sum(
            bool(golds) and all(is_invisible(text) for _at, text in golds) for golds in targets
        )
        if lost:
            yield _(
                "{rows} whose answers hold nothing that a network reads (blanks, zero-width "
                "characters): no answer can name them",
                rows=plural(lost, "row"),
            )

    @classmethod
    def guess_roles(cls, evidence: Evidence, named: bool) -> Guess | None:
        """A question, a passage, and answers most of which the passage holds."""
        named = named or bool({"context", "question"} & evidence.roles.keys())
        if not named and {"text", "text_pair", "premise"} & evidence.roles.keys():
            return None
        columns = by_plain_name(evidence.columns)
        guess = Guess({}, {})

        def by_name(role: str, wanted: Sequence[str]) -> None:
            taken = [*evidence.roles.values(), *guess.roles.values()]
            free = (
                columns[name] for name in wanted if name in columns and columns[name] not in taken
            )
            column = next(free, None)
            if role not in evidence.roles and column is not None:
                guess.roles[role], guess.reasons[role] = column, _("its name")

        by_name("question", QUESTION_COLUMNS)
        by_name("context", PASSAGE_COLUMNS)
        by_name("target", ANSWER_COLUMNS)
        roles = {**evidence.roles, **guess.roles}
        if not {"question", "context", "target"} <= roles.keys():
            return None
        context, target = str(roles["context"]), str(roles["target"])
        starts = any(name in columns for name in START_COLUMNS)
        if not named and not starts and _are_labels(evidence.columns[target]):
            return None
        proportion = _proportion_held(evidence.table, context, target)
        squad = all(cell.lstrip()[:1] == "{" for cell in evidence.columns[target].values[:100])
        if not named and proportion < 0.5 and not squad:
            return None
        guess.reasons["target"] = _(
            "{share:.0%} of the answers stand in their passage", share=proportion
        )
        by_name("start", START_COLUMNS)
        by_name("group", ["article"])
        return guess

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        # A text with a context is a prompt and what it is about.
        if not {"question", "context"} <= evidence.roles.keys():
            return None
        return 1.0, _("questions, each with a passage and the answers in it")

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
        units = "characters" if by_characters(words) else "words"
        return self.model_copy(
            update={
                "units": units if self.units == "auto" else self.units,
                "unanswerable": self.unanswerable or any(golds == () for golds in targets),
            }
        )

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        objects = np.empty(len(targets), object)
        objects[:] = list(targets)
        return objects

    def gold(self, rows: Labelled) -> Any:
        """A GoldPassage for each row; questions about the same passage share its text."""
        texts: dict[str, str] = {}
        passages = [
            GoldPassage(texts.setdefault(text, text), example.target or ())
            for examples in rows.batches()
            for example in examples
            for text in (str(example.inputs["context"]),)
        ]
        gold = np.empty(len(passages), object)
        gold[:] = passages
        return gold

    def labels_for(self, encoded: Encoded, gold: Any) -> Any:
        """Start and end labels of the first gold answer, in each window that contains it entirely;
        the null token ([CLS]) in the others. IGNORED where the passage does not contain it."""
        labels = np.zeros(int(encoded.offsets[-1]), np.int8)
        starts, ends = encoded.values["starts"], encoded.values["ends"]
        owners = encoded.owners
        new = np.r_[True, owners[1:] != owners[:-1], True]  # whether a row begins another passage
        for row, owner in enumerate(owners):
            window = slice(int(encoded.offsets[row]), int(encoded.offsets[row + 1]))
            golds = gold[owner].golds
            first = next((one for one in golds if one[0] >= 0), None)
            if golds and first is None:
                labels[window] = IGNORED
                continue
            own = labels[window]
            edges = bool(new[row]), bool(new[row + 1])
            held = None if first is None else _held(starts[window], ends[window], first, edges)
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
        questions = [str(example.inputs["question"]) for example in examples]
        contexts = [str(example.inputs["context"]) for example in examples]
        alignments = [(one.meta.get("alignment") or {}).get("context") for one in examples]
        return windows_of(questions, contexts, alignments, tokenizer, (max_length, self.doc_stride))

    def overlap(self, room: np.ndarray) -> np.ndarray:
        return np.minimum(self.doc_stride, room // 2)

    def loss(self, net: Any, batch: Batch, cost: Loss) -> Output:
        assert batch.labels is not None
        logits = net(batch)
        by_text, labels, weights = by_row(logits, batch), batch.labels, batch.weights
        if batch.packed:
            labels = by_row(labels, batch, IGNORED)
            weights = None if weights is None else by_row(weights, batch, 0.0)
        return Output(cost.value(by_text, labels, *(() if weights is None else (weights,))), logits)

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        """Symmetric Kullback-Leibler divergence, mean of the start and the end distribution."""
        one, other = (by_row(logits, batch).float().log_softmax(1) for logits in (first, second))
        # Masked tokens have log p = -inf in both: -inf - -inf is nan, though they contribute 0.
        log_ratio = (one - other).masked_fill(one.isinf(), 0.0)
        p, q = one.exp(), other.exp()
        if batch.weights is None:
            return ((p * log_ratio).sum() - (q * log_ratio).sum()) / 4
        weights = by_row(batch.weights, batch, 0.0) if batch.packed else batch.weights
        return weighted_sum((p - q) * log_ratio, weights.amax(1)) / 4

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits

    def merged(self, logits: Any, encoded: Encoded) -> Any:
        return best_spans(logits, encoded, self.max_answer_length)

    def answered(self, scores: np.ndarray) -> np.ndarray:
        """Whether each question gets an answer: null - span <= threshold."""
        is_answered = np.isfinite(scores[:, SPAN])
        if self.unanswerable:
            is_answered &= scores[:, NULL] - scores[:, SPAN] <= self.null_threshold
        return np.asarray(is_answered)

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        predictions, null = [], _null_probability(scores)
        answered = self.answered(scores)
        for row, example in enumerate(examples):
            also = {"no_answer": float(null[row])} if self.unanswerable else {}
            if answered[row]:
                context = str(example.inputs["context"])
                start, end = _places(scores[row], context)
                text = context[start:end]
                places: Mapping[str, Any] = {"start": start, "end": end}
                predictions.append(Prediction(text, float(scores[row, SURE]), also, places=places))
            else:
                places = {"start": None, "end": None}
                predictions.append(Prediction("", float(null[row]), also, places=places))
        return predictions

    def to_answers(self, gold: Any, scores: Any) -> Passages:
        targets, values, best = (np.empty(len(gold), object) for _ in range(3))
        for row, passage in enumerate(gold):
            targets[row] = texts_of(passage.golds)
            start, end = _places(scores[row], passage.context)
            best[row] = passage.context[start:end]
        answered = self.answered(scores)
        values[:] = [
            text if is_answered else "" for text, is_answered in zip(best, answered, strict=True)
        ]
        confidence = np.where(answered, scores[:, SURE], _null_probability(scores))
        by = self.units == "characters"
        figures = [
            (*agreement(values[row], targets[row], by), *agreement(best[row], targets[row], by))
            for row in range(len(gold))
        ]
        counts = np.array(figures, float).reshape(-1, 4)
        margin = np.nan_to_num(scores[:, SPAN] - scores[:, NULL], neginf=-1e9)
        return Passages(targets, values, confidence, counts=np.column_stack([counts, margin]))

    def decisions_for(self, planned: Mapping[str, Any]) -> Mapping[str, Any]:
        """The threshold of "no answer", where questions may have none."""
        return (planned or {"no_answer": {}}) if self.unanswerable else {}

    def without_decisions(self) -> Self:
        return self.model_copy(update={"null_threshold": 0.0})

    def describe(self) -> Mapping[str, Any]:
        return {}


def _null_probability(scores: np.ndarray) -> np.ndarray:
    """The probability of "no answer" against the best span alone: sigmoid(null - span)."""
    apart = np.clip(scores[:, SPAN] - scores[:, NULL], -700.0, 700.0)
    return np.asarray(1 / (1 + np.exp(apart)))


def _places(scores: np.ndarray, context: str) -> tuple[int, int]:
    """Character offsets of the best span, extended to whole words."""
    return whole_words(context, int(scores[START]), int(scores[END]))


def _held(
    starts: np.ndarray, ends: np.ndarray, gold: Gold, edges: tuple[bool, bool]
) -> tuple[int, int] | None:
    """The first and the last token of an answer; None if the window does not contain all of it.

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


def parse_golds(cell: str, context: str, start: str = "") -> Golds | None:
    """The right answers in a cell, placed in their passage. Raises ValueError saying why not."""
    try:
        answers = parse_answers(cell, start)
    except (ValueError, OverflowError):
        raise ValueError(
            _("where the answer starts is {start!r}, no number.", start=start[:40])
        ) from None
    return None if answers is None else placed(answers, context)


def _are_labels(target: Column) -> bool:
    """Whether a target has few different values, each in many rows: yes and no, 0 and 1."""
    often = len(target.values) >= ROWS_PER_CLASS * target.distinct
    few = 2 <= target.distinct <= FEW_CLASSES and often
    return few and not any(value[0] in "[{" for value in target.counts)


def _moved(rows: Rows, targets: Sequence[Any]) -> int:
    """Rows of which no answer stands at its start, but elsewhere."""
    column, count, done = rows.table.column(str(rows.roles["target"])), 0, 0
    if "start" in rows.roles:
        return 0
    for span in position_batches(rows.indices, SAMPLED_ROWS):
        for cell, golds in zip(
            cell_texts(column, span), targets[done : done + len(span)], strict=False
        ):
            starts = [at for at, _text in parse_answers(cell) or () if at is not None]
            if starts and golds and all(abs(at - start) for at, _t in golds for start in starts):
                count += any(at >= 0 for at, _text in golds)
        done += len(span)
    return count


def _proportion_held(table: Any, context: str, target: str) -> float:
    """The proportion of rows with an answer whose passage holds it."""
    positions = sample_positions(table.num_rows, SAMPLED_ROWS)
    passages, cells = (cell_texts(table.column(name), positions) for name in (context, target))
    held = [
        any(text.strip() in passage for _, text in answers)
        for passage, cell in zip(passages, cells, strict=True)
        if (answers := parse_answers(cell))
    ]
    return sum(held) / max(len(held), 1)
