"""Ranking in the background: vectors of the rows, the linear model, the order, the label meter.

A process of its own computes the vectors (`worker`); until they are there, and where the task has
no linear model, rows come in random order. A thread fits the model again every few labels and puts
the new order into the queue; no page ever waits for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weitiao.annotation.choose.base import Candidates, Order
from weitiao.annotation.choose.diversity import central
from weitiao.annotation.learner import as_choices, committee, encoded, fitted, standardised
from weitiao.annotation.meter import Arm, Reading, measure, pays
from weitiao.annotation.session import Session
from weitiao.annotation.standing import CHOSEN, RANDOM
from weitiao.i18n.messages import _

MOST_ROWS = 20_000  # that are ranked; of more, a random sample
MOST_RANDOM = 2_000  # rows of the random arm whose vectors are computed
READY_ROWS = 200  # vectors, before anything is ranked
START_ROWS = 10  # typical rows that are labelled before a model learns; at least two a label
MOST_START = 40
METER_GROWTH = 1.15  # the meter is read again when the labels have grown so much


def start_rows(labels: int) -> int:
    """How many typical rows are labelled before the first model."""
    return min(max(START_ROWS, 2 * labels), MOST_START)


@dataclass
class Ranking:
    """The state of the ranking. positions: rows with vectors, in the order they are computed;
    vectors: of the first of them. every: labels between two fits."""

    session: Session
    order: Order
    every: int = 10
    goal: float | None = None
    seed: int = 0
    positions: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    reading: Reading | None = None
    paying: bool = True
    state: str = ""  # a line for the page
    learns: bool = True  # whether a model orders the rows; else there is no meter
    _ranked_at: tuple[int, int] = (0, 0)  # labels and vectors of the last ranking
    _features: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    _measured_at: int = 0
    _started: bool = False
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopped: bool = False

    def __post_init__(self) -> None:
        self.positions = rows_to_encode(self.session)
        self._rng = np.random.default_rng(self.seed)
        self.session.changed = self._wake.set

    # --- the thread

    def run(self) -> None:
        """Rank whenever there are new vectors or labels, until `stop`."""
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopped:
                return
            self.step()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def add_vectors(self, vectors: np.ndarray) -> None:
        """The vectors that are there now, of the first rows of `positions`."""
        self.vectors = vectors
        self._wake.set()

    def step(self) -> None:
        """Rank and measure once, where there is anything new."""
        vectors = self.vectors
        enough = len(vectors) >= min(READY_ROWS, len(self.positions))
        if not enough or not self.session.scheme.learnable:
            return
        with self.session.lock:
            standing = self.session.standing
            final = [(at, standing.arms[at], standing.final(at)) for at in standing.order]
        place = {int(at): number for number, at in enumerate(self.positions[: len(vectors)])}
        labelled = [(at, arm, value) for at, arm, (ok, value) in final if ok and at in place]
        arms = {
            name: [(place[at], value) for at, arm, value in labelled if arm == name]
            for name in (CHOSEN, RANDOM)
        }
        if not self._can_learn([value for _, value in arms[CHOSEN]]):
            if not self._started:
                self._start(self._standardised(vectors))
            return
        known = len(arms[CHOSEN]), len(vectors)
        grown = abs(known[0] - self._ranked_at[0]) >= self.every
        if grown or known[1] != self._ranked_at[1]:
            self._ranked_at = known
            self._rank(self._standardised(vectors), arms[CHOSEN])
        if len(labelled) >= max(METER_GROWTH * self._measured_at, 1):
            self._measured_at = len(labelled)
            self._measure(self._standardised(vectors), arms)

    def _standardised(self, vectors: np.ndarray) -> np.ndarray:
        if len(self._features) != len(vectors):
            self._features = standardised(vectors)
        return self._features

    def _can_learn(self, values: list[Any]) -> bool:
        several = len({str(value) for value in values}) > 1
        return several and len(values) >= start_rows(len(self.session.scheme.labels))

    def _free(self, vectors: int) -> np.ndarray:
        """Places of the rows that an order may choose: unlabelled, outside the random arm."""
        with self.session.lock:
            answers = self.session.standing.answers
            candidates = np.isin(self.positions[:vectors], self.session.queue.candidates)
            taken = np.isin(self.positions[:vectors], list(answers))
        return np.flatnonzero(candidates & ~taken)

    def _start(self, features: np.ndarray) -> None:
        self._started = True
        free = self._free(len(features))
        count = start_rows(len(self.session.scheme.labels))
        first = free[central(features[free], count, self._rng)]
        self._put(first)
        self.state = _("typical rows first: a model learns from {count} labels on", count=count)

    def _rank(self, features: np.ndarray, rows: list[tuple[int, Any]]) -> None:
        scheme = self.session.scheme
        at = np.array([place for place, _ in rows])
        targets = encoded([value for _, value in rows], scheme.labels)
        outputs = len(scheme.labels)
        free = self._free(len(features))
        if not len(free):
            return
        model = fitted(features[at], targets, outputs)
        candidates = Candidates(
            features[free],
            as_choices(model(features[free]), scheme.kind),
            committee(features[at], targets, outputs, features[free], self._rng),
            self._suggested(free),
            self.every,
            self._rng,
        )
        order = free[self.order.rank(candidates)] if self.paying else self._rng.permutation(free)
        self._put(order)
        self.state = _("ordered by a model of {labels} labels", labels=len(rows))
        if not self.paying:
            self.state = _("random order: the chosen one does not save labels here")

    def _suggested(self, places: np.ndarray) -> np.ndarray:
        labels = {label: at for at, label in enumerate(self.session.scheme.labels)}
        if self.session.scheme.kind != "label":
            return np.full(len(places), -1)
        suggestions = self.session.suggestions
        return np.array(
            [labels.get(suggestions.get(int(self.positions[at]), ""), -1) for at in places]
        )

    def _put(self, places: np.ndarray) -> None:
        """Put rows to the front of the queue; the others keep their random order."""
        queue = self.session.queue
        first = self.positions[places]
        rest = queue.candidates[~np.isin(queue.candidates, first)]
        with self.session.lock:
            queue.order = np.concatenate([first, rest])

    def _measure(self, features: np.ndarray, arms: dict[str, list[tuple[int, Any]]]) -> None:
        labels = self.session.scheme.labels
        chosen, random = (
            Arm(
                features[np.array([place for place, _ in arms[name]], np.int64)],
                encoded([value for _, value in arms[name]], labels),
            )
            for name in (CHOSEN, RANDOM)
        )
        reading = measure(chosen, random, len(labels), goal=self.goal, seed=self.seed)
        if reading is not None:
            self.paying = pays(self.paying, reading)
            self.reading = reading


def rows_to_encode(session: Session) -> np.ndarray:
    """Rows whose vectors are computed: the labelled ones, then both arms in proportion."""
    queue = session.queue
    labelled = np.array([at for at in session.standing.order if at not in session.gold], np.int64)
    arms = (queue.reserved[:MOST_RANDOM], queue.candidates[:MOST_ROWS])
    keys = np.concatenate([np.arange(len(arm)) / max(len(arm), 1) for arm in arms])
    both = np.concatenate(arms)[np.argsort(keys, kind="stable")]
    return np.concatenate([labelled, both[~np.isin(both, labelled)]])
