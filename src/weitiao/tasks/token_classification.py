"""Token classification: named entities and other spans (BIO tags), or a tag for each word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.core.batch_layout import Layout, grid, tensor
from weitiao.core.ragged import Ragged, edges
from weitiao.data.infer.column_stats import Column
from weitiao.data.infer.roles import Evidence, Guess
from weitiao.errors import DataError, placed
from weitiao.example import WORDS, Example, Prediction
from weitiao.i18n.messages import _, name_list
from weitiao.labels.tags import pieces, schemes
from weitiao.labels.tags.cells import answer_of, looks_like_spans, looks_like_tags
from weitiao.labels.tags.labelled import Row, inexact_spans, labelled, misfit
from weitiao.labels.tags.schemes import BEGIN, INSIDE, OUTSIDE, are_plain, bio_tags, split_tag
from weitiao.labels.tags.words import (
    cleaned_places,
    listed,
    listed_places,
    with_words,
    word_places,
)
from weitiao.losses.base import symmetric_kl
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.spans import Spans
from weitiao.tasks.base import IGNORED, HeadKind, Labelled, Task, balanced_weights, softmax

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded
    from weitiao.data.rows import Rows
    from weitiao.example import Batch

SAMPLED_CELLS = 200  # of a column, to see whether it holds tags or spans
NEARLY_ALL = 0.95  # of them
# Usual names of a column of tags beside a column of words, the likeliest first.
TAG_COLUMNS = ("ner_tags", "ner", "tags", "labels", "label", "entities", "spans", "target")


@dataclass(frozen=True, eq=False)
class GoldTags:
    """Gold spans (start, end, type; in characters), offsets of the words, and their tags."""

    spans: Ragged
    words: Ragged
    tags: Ragged

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, rows: Any) -> GoldTags:
        return GoldTags(self.spans[rows], self.words[rows], self.tags[rows])


class TokenClassification(Task):
    """Names and other spans in a text (NER), or a tag for each word (parts of speech).

    Rows have tags (one a word, of any scheme: BIO, IO, IOB1, IOBES, BMES, BILOU) or spans. The
    network learns BIO; the prediction is the most probable valid tag sequence (Viterbi decoding).
    Words are those of the row where its text is a list; else runs of letters, and single Chinese
    characters.
    """

    roles: ClassVar[tuple[str, ...]] = ("text",)
    metrics: ClassVar[tuple[str, ...]] = Spans.metrics
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    answers: ClassVar[type[Answers]] = Spans
    head: ClassVar[HeadKind] = "tokens"
    notes: ClassVar[tuple[str, ...]] = ("unit", "more")
    problem_type: ClassVar[str] = "token_classification"
    pipeline_tag: ClassVar[str] = "token-classification"
    labels: tuple[str, ...] = Field((), description="in the order of the outputs; empty: learned")

    @property
    def outputs(self) -> int:
        return len(self.labels)

    @property
    def choices(self) -> tuple[str, ...]:
        return self.labels

    @property
    def plain(self) -> bool:
        """Whether tags have no scheme: each word has one (parts of speech), there are no spans."""
        return any(split_tag(label) is None for label in self.labels)

    @classmethod
    def parse_target(cls, cell: str, column: str) -> Any:
        return answer_of(cell)

    @classmethod
    def row_labels(cls, targets: Sequence[Any]) -> list[Any]:
        """The types of spans (or plain tags) in each row."""
        plain = are_plain([target for target in targets if target is not None])
        return [
            None if target is None else sorted(schemes.label_counts([target], plain))
            for target in targets
        ]

    @classmethod
    def fewest_labels(cls, targets: Sequence[Any]) -> int:
        """One type of span is enough, since words outside of spans are the other class."""
        return 2 if are_plain(targets) else 1

    @classmethod
    def misfits(cls, rows: Rows) -> Iterator[tuple[int, str]]:
        done = 0
        for examples in rows.batches():
            for at, example in enumerate(examples, done):
                if reason := misfit(example):
                    yield at, reason
            done += len(examples)

    @classmethod
    def problems(cls, rows: Rows, targets: Sequence[Any]) -> Iterator[str]:
        return inexact_spans(rows.batches())

    @classmethod
    def recognizes(cls, column: Column) -> bool:
        return is_tagged(column)

    @classmethod
    def guess_roles(cls, evidence: Evidence, named: bool) -> Guess | None:
        """Words and their tags, or a text and its spans, where that is what the cells hold."""
        columns, roles = evidence.columns, evidence.roles
        if "target" in roles:
            return None
        pair = words_and_tags(columns)
        tagged = [name for name, column in columns.items() if is_tagged(column)]
        if pair and (named or pair[1] in tagged or not tagged):
            words, tags = pair
            guess = Guess({"target": tags}, {"target": why_tagged(columns[tags])})
            if "text" not in roles:
                guess.roles["text"] = words
                guess.reasons["text"] = _("its cells are lists of words")
            return guess
        if tagged:
            return Guess({"target": tagged[0]}, {"target": why_tagged(columns[tagged[0]])})
        return None

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        column, text = evidence.target, evidence.roles.get("text")
        if column is None:
            return None
        pair = words_and_tags(evidence.columns) if isinstance(text, str) else None
        if pair == (text, column.name) or is_tagged(column):
            return 0.8, why_tagged(column)
        return None

    @property
    def default_metrics(self) -> tuple[str, ...]:
        """Token accuracy for tags without a scheme, which form no spans."""
        return ("token_accuracy",) if self.plain else self.metrics

    @property
    def types(self) -> tuple[str, ...]:
        """The entity types, or the tags where they have no scheme."""
        if self.plain:
            return self.labels
        return tuple(label[2:] for label in self.labels if label.startswith("B-"))

    def learn(self, targets: Sequence[Any]) -> Self:
        if self.labels:  # of a plan: types of spans, or all tags; in the order `marked` expects
            spans = not are_plain(targets)
            names = [
                label[2:] if split_tag(label) else label for label in self.labels if label != "O"
            ]
            labels = ["O", *bio_tags(list(dict.fromkeys(names)))] if spans else list(self.labels)
            return self.model_copy(update={"labels": tuple(labels)})
        counts = schemes.label_counts(targets)
        if not counts or (are_plain(targets) and len(counts) < 2):
            raise DataError(
                _(
                    "Tagging needs spans or tags to learn; the training rows have none. "
                    "Is --target the right column?"
                )
            )
        labels = sorted(counts) if are_plain(targets) else ["O", *bio_tags(sorted(counts))]
        return self.model_copy(update={"labels": tuple(labels)})

    def widened(self, targets: Sequence[Any]) -> Self:
        more = sorted(schemes.label_counts(targets, self.plain).keys() - set(self.types))
        new = more if self.plain else bio_tags(more)
        return self.model_copy(update={"labels": (*self.labels, *new)}) if more else self

    def indices(self, targets: Sequence[Any], ids: Sequence[str]) -> np.ndarray:
        raise NotImplementedError("tags need the texts: see gold")

    def gold(self, rows: Labelled) -> GoldTags:
        known = {kind: at for at, kind in enumerate(self.types)}
        gold: list[Row] = []
        io = not self.plain and schemes.are_io(rows.targets())
        for examples in rows.batches():
            for example in self.read(examples):
                try:
                    words, text = word_places(example), str(example.inputs["text"])
                    target = schemes.with_prefixes(example.target or []) if io else example.target
                    all_words = listed_places(example)
                    one = labelled(text, words, target, known, self.plain, all_words)
                except ValueError as error:
                    raise DataError(placed(example.id, str(error))) from None
                gold.append(one)
        columns = zip(*gold, strict=True)
        return GoldTags(*(Ragged.of(list(column)) for column in columns))

    def labels_for(self, encoded: Encoded, gold: GoldTags) -> Ragged:
        # unit: the word that a token represents, -1 for other tokens: these get the IGNORED that is
        # appended behind all tags.
        unit = encoded.values["unit"].astype(np.int64)
        rows = np.repeat(encoded.owners, encoded.lengths)
        tags = np.append(gold.tags.values, IGNORED)
        place = np.where(unit >= 0, gold.tags.offsets[rows] + unit, len(tags) - 1)
        return Ragged(tags[place], encoded.offsets)

    def adapt(self, tokenizer: Any) -> None:
        pieces.adapt(tokenizer)

    def overlap(self, room: np.ndarray) -> np.ndarray:
        return room // pieces.OVERLAP

    def read(self, examples: Sequence[Example]) -> Sequence[Example]:
        return [with_words(example) for example in examples]

    def balanced(self, labels: GoldTags, weights: np.ndarray | None = None) -> tuple[float, ...]:
        """Class weights as scikit-learn's "balanced": words / (tags * words of the tag); 1 for a
        tag that no word has."""
        words = None if weights is None else np.repeat(weights, labels.tags.lengths)
        return balanced_weights(np.bincount(labels.tags.values, words, self.outputs))

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[Any]]:
        examples = self.read(examples)
        texts = [str(example.inputs["text"]) for example in examples]
        return pieces.encoded(texts, [cleaned_places(e) for e in examples], tokenizer, max_length)

    def noted(self, rows: Mapping[str, Any], layout: Layout) -> Mapping[str, Tensor]:
        lengths = np.array([len(unit) for unit in rows["unit"]])
        words = np.concatenate(rows["unit"]) >= 0
        return {WORDS: tensor(words if layout.packed else grid(words, lengths, layout.left, 0))}

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        if batch.labels is not None:
            is_labelled = batch.labels != IGNORED
            first, second = first[is_labelled], second[is_labelled]
            if batch.weights is not None:
                return symmetric_kl(first, second, batch.weights[is_labelled])
        return symmetric_kl(first, second)

    def score(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits)

    def merged(self, logits: Ragged, encoded: Encoded) -> Ragged:
        """Tag probabilities of each word, (words, outputs) for each example, from the token
        that represents it. Words after the last one that a token covers (truncated) are missing."""
        unit, following = (encoded.values[name].astype(np.int64) for name in self.notes)
        is_word = unit >= 0
        rows = np.repeat(encoded.owners, encoded.lengths)[is_word]
        unit, following, scores = (
            unit[is_word],
            following[is_word],
            self.score(logits.values[is_word]),
        )
        # Windows of one example overlap: its length is the highest word number of all of them.
        lengths = np.zeros(encoded.examples, np.int64)
        np.maximum.at(lengths, rows, unit + following + 1)
        offsets = edges(lengths)
        probabilities = self._all_outside(offsets[-1])
        probabilities[offsets[rows] + unit] = scores
        # A token may cover several words (bytes of rare scripts, merged characters): `following`
        # says how many more. offset counts 1, 2, ... within each run of repeated tokens.
        repeated = np.repeat(np.arange(len(unit)), following)
        offset = (
            np.arange(len(repeated)) - np.repeat(np.cumsum(following) - following, following) + 1
        )
        probabilities[offsets[rows[repeated]] + unit[repeated] + offset] = self._continued(
            scores[repeated]
        )
        return Ragged(probabilities, offsets)

    def _all_outside(self, count: int) -> np.ndarray:
        probabilities = np.zeros((count, self.outputs), np.float32)
        probabilities[:, 0] = 1.0
        return probabilities

    def _continued(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities of the later words of one token: P(B-x) is added to P(I-x)."""
        for inner, outer in enumerate(self._begin_of_inside()):
            if outer >= 0:
                scores[:, inner] += scores[:, outer]
                scores[:, outer] = 0
        return scores

    def _begin_of_inside(self) -> np.ndarray:
        """(outputs,) the index of B-x for each I-x, else -1."""
        places = {label: at for at, label in enumerate(self.labels)}
        wanted = [
            label.replace("I-", "B-", 1) if label.startswith("I-") and not self.plain else ""
            for label in self.labels
        ]
        return np.array([places.get(label, -1) for label in wanted], np.int64)

    def decoded(self, scores: Ragged, places: Ragged) -> tuple[Ragged, Ragged, np.ndarray]:
        """Decoded spans (start, end, type) in characters, the mean probability of each, and each
        word's tag."""
        scores = self._padded_to_words(scores, places.lengths)
        tags = schemes.best_tags(scores, self._begin_of_inside())
        confidence = scores.values[np.arange(len(tags)), tags]
        if self.plain:
            words = Ragged(np.column_stack([places.values, tags]), places.offsets)
            return words, Ragged(confidence, places.offsets), tags
        kinds, types = self._tag_parts()
        spans = schemes.spans_of(kinds[tags], types[tags], scores.offsets)
        first = spans.values[:, 0] + scores.offsets[spans.owners]
        past_end = spans.values[:, 1] + scores.offsets[spans.owners]
        span_values = np.stack(
            [places.values[first, 0], places.values[past_end - 1, 1], spans.values[:, 2]], 1
        )
        # Means over ranges by differences of the cumulative sum; float64, since it grows long.
        sums = np.append(0.0, np.cumsum(confidence, dtype=np.float64))
        means = (sums[past_end] - sums[first]) / (past_end - first)
        return Ragged(span_values, spans.offsets), Ragged(means, spans.offsets), tags

    def _tag_parts(self) -> tuple[np.ndarray, np.ndarray]:
        """(outputs,) the position in a span (B, I, O) and the type of each tag."""
        known = {kind: at for at, kind in enumerate(self.types)}
        parts = [(split_tag(label) or (OUTSIDE, "")) for label in self.labels]
        kinds = [BEGIN if kind == BEGIN else INSIDE if kind else OUTSIDE for kind, _ in parts]
        return np.array(kinds), np.array([known.get(kind, -1) for _, kind in parts])

    def _padded_to_words(self, scores: Ragged, lengths: np.ndarray) -> Ragged:
        """Truncated or padded to the words of each text: words without a token are outside."""
        if np.array_equal(scores.lengths, lengths):
            return scores
        offsets = edges(lengths)
        fitted = self._all_outside(offsets[-1])
        common = np.minimum(scores.lengths, lengths)
        within = np.arange(common.sum()) - np.repeat(np.cumsum(common) - common, common)
        to, source = np.repeat(offsets[:-1], common), np.repeat(scores.offsets[:-1], common)
        fitted[to + within] = scores.values[source + within]
        return Ragged(fitted, offsets)

    def decide(self, scores: Ragged, examples: Sequence[Example] = ()) -> list[Prediction]:
        examples = self.read(examples)
        if not examples:
            return []
        spans, confidence, _ = self.decoded(scores, Ragged.of([word_places(e) for e in examples]))
        predictions = []
        for row, example in enumerate(examples):
            text = str(example.inputs["text"])
            value = [
                {
                    "text": text[start:end],
                    "start": start,
                    "end": end,
                    "label": self.types[kind],
                    "score": round(float(score), 6),
                }
                for (start, end, kind), score in zip(
                    spans.row(row).tolist(), confidence.row(row).tolist(), strict=True
                )
            ]
            predictions.append(
                Prediction(value, float(confidence.row(row).min()) if value else 1.0)
            )
        return predictions

    def to_answers(self, gold: GoldTags, scores: Ragged) -> Spans:
        spans, confidence, tags = self.decoded(scores, gold.words)
        hits = gold.words.owners[tags == gold.tags.values]
        counts = np.column_stack([np.bincount(hits, minlength=len(gold)), gold.words.lengths])
        return Spans(gold.spans, spans, confidence, self.types, counts)


def is_tagged(column: Column) -> bool:
    """Whether a column holds tags of words or spans of a text."""
    cells = column.values[:SAMPLED_CELLS]
    if not cells:
        return False
    spans = sum(map(looks_like_spans, cells))
    if spans >= NEARLY_ALL * len(cells) and any(len(cell) > 2 for cell in cells):
        return True
    if sum(map(looks_like_tags, cells)) < NEARLY_ALL * len(cells):
        return False
    # A single "B" or "S" a row is a class of that name: tags stand for the words of a row.
    return sum(len(answer_of(cell)) > 1 for cell in cells) >= len(cells) / 2


def words_and_tags(columns: Mapping[str, Column]) -> tuple[str, str] | None:
    """The column that lists words and the one that has a tag for each of them."""
    lists: dict[str, list[list[str]]] = {}
    for name, column in columns.items():
        sample = column.values[:SAMPLED_CELLS]
        if any('"' in cell or "'" in cell for cell in sample) or name in TAG_COLUMNS:
            cells = [listed(cell) for cell in sample]
            if sum(cell is not None for cell in cells) >= NEARLY_ALL * len(cells):
                lists[name] = [cell or [] for cell in cells]
    if len(lists) < 2:
        return None
    # Words differ far more than tags do.
    text = max(lists, key=lambda name: len({word for cell in lists[name] for word in cell}))
    lengths = {name: [len(cell) for cell in cells] for name, cells in lists.items()}
    aligned = [name for name in lists if name != text and lengths[name] == lengths[text]]
    if not aligned:
        return None
    order = [name for wanted in TAG_COLUMNS for name in aligned if name.lower() == wanted]
    tagged = [name for name in aligned if is_tagged(columns[name])]
    return text, (*[name for name in order if name in tagged], *order, *tagged, *aligned)[0]


def why_tagged(column: Column) -> str:
    """What the cells of the target hold, for the reason of the task."""
    answers, wrong = [], ""
    for cell in column.values[:SAMPLED_CELLS]:
        try:
            answers.append(answer_of(cell))
        except ValueError as error:
            wrong = wrong or str(error)
    if not answers and wrong:  # ids whose names stand nowhere
        raise DataError(placed(column.name, wrong))
    tags = [tag for answer in answers for tag in answer if isinstance(tag, str)]
    name = column.name
    if not tags:
        labels = _some(sorted({span[2] for answer in answers for span in answer}))
        return _("{name!r} holds spans of the text: {labels}", name=name, labels=labels)
    if are_plain(answers):
        labels = _some(sorted(set(tags)))
        return _("{name!r} holds a tag for each word: {labels}", name=name, labels=labels)
    return _(
        "{name!r} holds a tag for each word, by the scheme {scheme}: {labels}",
        name=name,
        scheme="IO" if schemes.are_io(answers) else schemes.scheme_of(tags) or "BIO",
        labels=_some(sorted(schemes.label_counts(answers, plain=False))),
    )


def _some(labels: list[str]) -> str:
    return name_list(labels, 4)
