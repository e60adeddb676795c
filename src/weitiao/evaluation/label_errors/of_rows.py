"""Suspicion of the targets of rows, for every task whose targets are labels, numbers or tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core.ragged import Ragged
from weitiao.data.prepare import duplicates
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.evaluation.baselines.features import stacked, views_for
from weitiao.evaluation.label_errors import neighbours
from weitiao.evaluation.label_errors.out_of_fold import (
    TFIDF_RIDGE,
    TFIDF_STRENGTHS,
    View,
    folds_of,
    out_of_fold,
    vector_view,
)
from weitiao.evaluation.label_errors.suspicion import (
    SINGLE,
    Suspicion,
    estimated,
    of_classes,
    of_numbers,
    of_sets,
)
from weitiao.evaluation.label_errors.vectors import TOKENS, vectors_of
from weitiao.i18n.messages import _, name_list
from weitiao.model.model import Model
from weitiao.model.output_layer import features
from weitiao.planfile.plan import Plan
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.answers.spans import Spans
from weitiao.tasks.base import Task

FEWEST_ROWS = 6  # below this nothing is held out
CHARACTERS = 10_000_000  # of texts that are cut into n-grams: half a minute
SHORTEST_CUT = 64  # characters of a text that are always read
MANY_ROWS = 5_000  # from here on an n-gram must occur in two texts
LEARNED_TOKENS = 30_000  # of tags, in one fold
TOKEN_STRENGTH = (0.03, 1e-2)


@dataclass(frozen=True, eq=False)
class Suspects:
    """The rows with their suspicion. suggested: a target for each row, as the task writes it.

    neighbours: (rows, nearest) positions, -1 for none; None where rows have no one label. groups:
    of equal texts.
    """

    rows: Rows
    task: Task
    suspicion: Suspicion
    suggested: Sequence[Any]
    neighbours: np.ndarray | None = None
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def reason(self, at: int) -> str:
        """Why a row is suspicious."""
        values, predicted = self.suspicion, self.suspicion.predicted
        if issubclass(self.task.answers, Spans):
            assert values.details is not None
            word, given, likely = values.details["worst"][at]
            if given == likely:  # the list is filled up with what models are least sure of
                return _(
                    "{word!r} is given {given}, which models would also give, but not surely",
                    word=word,
                    given=given,
                )
            return _(
                "{word!r} is given {given}, likelier {likely}",
                word=word,
                given=given,
                likely=likely,
            )
        if issubclass(self.task.answers, Numbers):
            assert values.details is not None
            return _(
                "models expect {number:.3g}; that is {scale:.1f} times the usual error away",
                number=float(predicted[at, 0]),
                scale=float(values.details["z"][at]),
            )
        targets = self.gold
        if issubclass(self.task.answers, LabelSets):
            doubts = np.flatnonzero(np.asarray(values.suggested[at]) != (targets[at] > 0.5))
            if not len(doubts):
                doubts = np.array([np.abs(predicted[at] - targets[at]).argmax()])
            shown = (
                f"{self.task.choices[label]} {predicted[at, label]:.0%}"
                for label in sorted(
                    doubts, key=lambda label: -abs(predicted[at, label] - targets[at, label])
                )
            )
            return _("models say: {labels}", labels=name_list(shown, 3))
        given, best = int(targets[at]), int(values.suggested[at])
        sentence = _(
            "models give {best!r} {high:.0%} and {given!r} {low:.0%}",
            best=self.task.choices[best],
            high=float(predicted[at, best]),
            given=self.task.choices[given],
            low=float(predicted[at, given]),
        )
        if self.neighbours is None:
            return sentence
        near = self.neighbours[at][self.neighbours[at] >= 0]
        return _(
            "{sentence}; {same} of the {count} nearest texts have the given label",
            sentence=sentence,
            same=int((targets[near] == given).sum()),
            count=len(near),
        )

    @property
    def gold(self) -> np.ndarray:
        """Targets as the task numbers them."""
        return self.task.indices(self.rows.targets(), self.rows.ids())


def suspects_of(
    rows: Rows, checkpoint: str, *, revision: str | None = None, seed: int = 13
) -> Suspects:
    """Look for wrong targets. rows: labelled. Raises DataError where targets cannot be judged."""
    targets = rows.targets()
    task: Task = parts.build("tasks", rows.task)
    if len(rows) < FEWEST_ROWS:
        raise DataError(
            _(
                "{file}: {count} labelled rows are too few to judge.",
                file=rows.name,
                count=len(rows),
            )
        )
    if not issubclass(task.answers, (Labels, LabelSets, Numbers, Spans)) or task.contrasts:
        raise DataError(
            _(
                "the targets of {task} are texts or passages: these are not reviewed.",
                task=rows.task,
            )
        )
    task = task.learn(targets)
    groups = duplicates.groups_of(duplicates.text_keys(rows.table, rows.text_columns, rows.indices))
    if issubclass(task.answers, Spans):
        return _of_tags(rows, task, groups, checkpoint, revision, seed)
    numeric = issubclass(task.answers, Numbers)
    vectors = vectors_of(rows, checkpoint, revision)
    views = [vector_view(vectors, numeric), _tfidf(rows, task, numeric)]
    if numeric:
        numbers = np.array(targets, float)
        suspicion = of_numbers(views, numbers, groups, seed)
        return Suspects(rows, task, suspicion, suspicion.suggested.tolist())
    gold = task.indices(targets, rows.ids())
    if issubclass(task.answers, LabelSets):
        suspicion = of_sets(views, gold, groups, seed)
        sets = [
            [label for label, flag in zip(task.choices, row, strict=True) if flag]
            for row in suspicion.suggested
        ]
        return Suspects(rows, task.spelled_like(rows), suspicion, sets)
    near = neighbours.nearest(vectors, groups)
    suspicion = of_classes(views, gold, task.outputs, groups, seed)
    suggested = [task.choices[at] for at in suspicion.suggested]
    return Suspects(rows, task, suspicion, suggested, near, groups)


def _tfidf(rows: Rows, task: Task, numeric: bool) -> View:
    texts: list[list[str]] = [[] for _role in rows.text_roles]
    for examples in rows.batches():
        for role, some in zip(texts, task.texts(examples), strict=True):
            role += some
    longest = max(CHARACTERS // (len(rows) * len(texts)), SHORTEST_CUT)
    fewest = 1 if len(rows) < MANY_ROWS else 2
    matrix = stacked([view.fit(texts, fewest) for view in views_for(texts, longest)])
    return View("tfidf", matrix, TFIDF_RIDGE if numeric else TFIDF_STRENGTHS)


def _of_tags(
    rows: Rows, task: Task, groups: np.ndarray, checkpoint: str, revision: str | None, seed: int
) -> Suspects:
    """Suspicion of tags: that of the most doubtful word of a row, by models of token vectors."""
    plan = Plan.parse(
        {
            "task": rows.task,
            "data": {"path": "memory:none", "roles": dict(rows.roles)},
            "model": {"checkpoint": checkpoint, "revision": revision, "max_length": TOKENS},
        }
    )
    model = Model.start(plan, rows)
    model.net.eval()
    task, gold = model.task, model.task.gold(rows)
    encoded = model.encode(rows)
    labels = task.labels_for(encoded, gold).values
    tokens: Ragged = features(model, encoded, np.arange(len(encoded)))
    owners = encoded.owners[tokens.owners]
    known = np.flatnonzero(labels >= 0)
    strata = np.zeros(len(rows), np.int64)
    np.maximum.at(strata, owners[known], labels[known])
    fold = folds_of(strata, groups, seed)[owners]
    logits = np.full((len(labels), task.outputs), np.log(1e-6), np.float32)
    view = vector_view(tokens.values[known], False)
    weights = np.ones(len(known))
    if len(known) > LEARNED_TOKENS:
        chosen = np.random.default_rng(seed).permutation(len(known))[LEARNED_TOKENS:]
        weights[chosen] = 0.0
    scores = out_of_fold(
        view, labels[known], task.outputs, SINGLE, fold[known], TOKEN_STRENGTH, weights
    )
    logits[known] = np.log(scores.clip(1e-6))
    words: Ragged = task.merged(Ragged(logits, tokens.offsets), encoded)
    examples = task.read(rows.examples())
    return _of_words(rows, task, gold, words, examples)


def _of_words(rows: Rows, task: Any, gold: Any, words: Ragged, examples: Sequence[Any]) -> Suspects:
    from weitiao.labels.tags.words import word_places

    values, worst, suggested = np.full(len(rows), np.nan), [], []
    targets = rows.targets()
    predictions = task.decide(words, examples)
    for row, example in enumerate(examples):
        own, tags = words.row(row), gold.tags.row(row)[: len(words.row(row))]
        places = word_places(example)
        if not len(own):
            worst.append(("", "", ""))
            suggested.append(targets[row])
            continue
        confidence = own[np.arange(len(own)), tags]
        at = int(confidence.argmin())
        values[row] = 1 - confidence[at]
        text = str(example.inputs["text"])
        start, end = places[at]
        likely = task.labels[int(own[at].argmax())]
        worst.append((text[start:end], task.labels[tags[at]], likely))
        if targets[row] and isinstance(targets[row][0], str):
            best = own.argmax(1)
            new = [task.labels[tag] for tag in best]
            suggested.append([*new, *targets[row][len(new) :]])
        else:
            names = ("start", "end", "label")
            suggested.append([[one[name] for name in names] for one in predictions[row].value])
    judged = ~np.isnan(values)
    flat = words.values
    tags = np.concatenate([gold.tags.row(r)[: len(words.row(r))] for r in range(len(rows))])
    low, value, high = estimated(flat, tags)
    details = {"worst": worst, "accuracy": float((flat.argmax(1) == tags).mean())}
    wrong = (low, value, high) if judged.any() else None
    suspicion = Suspicion(values, flat, np.zeros(0), wrong, details)
    return Suspects(rows, task, suspicion, suggested)
