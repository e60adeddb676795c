"""How many labels does each order of `weitiao annotate` save, and does its label meter tell it?

    python benchmarks/annotate.py --data ../data --minutes 15   # goes on where it stopped
    python benchmarks/annotate.py --table

A cell is (set, seed, order): of a pool of 2,000 rows the linear rung (frozen vectors, logistic
regression) learns from what the order chooses, ten labels at a time, up to 600, and on to where
the goal is reached. Labels count until the score on the judged rows is within 2 points of the
score of the whole pool, and stays there for two further readings in the mean. A cell with `arm`
simulates a session with a random arm of this share, and compares what the meter says with what is
true.
"""

from __future__ import annotations

import argparse
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import sets
import timing

SETS = ("sst2", "trec6", "chnsenticorp", "thucnews_titles")
ORDERS = ("random", "least_confident", "margin", "entropy", "diverse", "density", "disagreement")
DEFAULT = "density"
SEEDS = (1, 2, 3, 4, 5)
POOL, LABELS, BATCH = 2_000, 600, 10
STEP = 50  # labels between two readings beyond these
POINTS = 0.02  # below the score of the whole pool
READINGS = 3  # in a row, whose mean counts
ARM, METER_AT = 0.2, (150, 300, 600)
CHECKPOINTS = {"en": "minilm-l6", "zh": "e5-small"}


def main() -> None:
    options = _options()
    if options.table:
        print(table(timing.read_records(options.results)))
        return
    store = timing.store_of(options.store)
    records = timing.run_cells(
        cells(options.sets, options.seeds, options.orders),
        options.results,
        lambda cell: run(cell, options.data, store),
        options.minutes,
    )
    print(table(records))


def cells(
    names: Sequence[str], seeds: Sequence[int], orders: Sequence[str]
) -> Iterator[timing.Record]:
    """Seed by seed, all orders of a set one after the other; the meter of the default order."""
    for seed in seeds:
        for name in names:
            for order in orders:
                yield {"set": name, "seed": seed, "order": order, "arm": 0.0}
            yield {"set": name, "seed": seed, "order": DEFAULT, "arm": ARM}


def run(cell: timing.Record, data: Path, store: Path) -> timing.Record:
    """Simulate one session."""
    pool, judged, labels, answers, outputs = material(cell["set"], cell["seed"], data, store)
    session = Session(pool, answers, outputs, cell["seed"])
    full = session.score(np.arange(len(pool)), judged, labels)
    if cell["arm"]:
        return metered(session, cell, full, judged, labels)
    sizes, scores = session.curve(cell["order"], full - POINTS, judged, labels)
    reached = labels_to(full - POINTS, sizes, scores)
    return {
        "full": round(full, 4),
        "labels": reached,
        "at_600": round(float(scores[bisect_right(sizes, LABELS) - 1]), 4),
        "curve": [round(float(one), 4) for one in scores],
        "sizes": sizes,
    }


class Session:
    """A simulated session: standardised vectors of a pool, its true answers."""

    def __init__(self, pool: np.ndarray, answers: np.ndarray, outputs: int, seed: int) -> None:
        self.pool, self.answers, self.outputs = pool, answers, outputs
        self.rng = np.random.default_rng(seed)
        self.chosen: list[int] = []

    def score(self, at: Any, judged: np.ndarray, labels: np.ndarray) -> float:
        from weitiao.annotation.learner import correct, fitted

        model = fitted(self.pool[at], self.answers[at], self.outputs)
        return float(correct(model(judged), labels).mean())

    def choose(self, order: str, count: int, free: np.ndarray) -> np.ndarray:
        """The next rows, by the very code of the server."""
        from weitiao import parts
        from weitiao.annotation.choose.base import Candidates
        from weitiao.annotation.choose.diversity import central
        from weitiao.annotation.learner import committee, fitted
        from weitiao.annotation.ranking import start_rows

        at, start = np.array(self.chosen, np.int64), start_rows(self.outputs)
        if order == "random":
            return self.rng.permutation(free)[:count]
        if len(at) < start or len(set(self.answers[at])) < 2:
            if not len(at):
                return free[central(self.pool[free], start, self.rng)]
            return self.rng.permutation(free)[:count]
        model = fitted(self.pool[at], self.answers[at], self.outputs)
        some = self.pool[free]
        members = committee(self.pool[at], self.answers[at], self.outputs, some, self.rng)
        rows = Candidates(some, model(some), members, np.full(len(free), -1), count, self.rng)
        return free[parts.build("orders", order).rank(rows)[:count]]

    def grow(self, order: str, most: int, reserved: np.ndarray) -> Iterator[int]:
        """Label batches until so many labels; yields the number after each."""
        while len(self.chosen) < most:
            free = np.setdiff1d(np.arange(len(self.pool)), [*self.chosen, *reserved])
            self.chosen += self.choose(order, min(BATCH, most - len(self.chosen)), free).tolist()
            yield len(self.chosen)

    def curve(
        self, order: str, goal: float, judged: np.ndarray, labels: np.ndarray
    ) -> tuple[list[int], list[float]]:
        """Scores at so many labels, to `LABELS` and on to where the goal is reached."""
        sizes, scores = list[int](), list[float]()
        for size in self.grow(order, len(self.pool), np.zeros(0, np.int64)):
            if size <= LABELS or not (size - sizes[-1]) % STEP:
                sizes.append(size)
                scores.append(self.score(np.array(self.chosen), judged, labels))
            if size > LABELS and (labels_to(goal, sizes, scores) or size) <= sizes[-READINGS]:
                break
        return sizes, scores


def labels_to(goal: float, sizes: Sequence[int], scores: Sequence[float]) -> int | None:
    """The first size from which the mean of so many readings reaches the goal; None: never."""
    for at in range(len(scores)):
        if np.mean(scores[at : at + READINGS]) >= goal and scores[at] >= goal - POINTS:
            return sizes[at]
    return None


def metered(
    session: Session, cell: timing.Record, full: float, judged: np.ndarray, labels: np.ndarray
) -> timing.Record:
    """What the meter says beside a random arm, and the share that is really saved."""
    from weitiao.annotation.meter import Arm, measure, pays

    shuffled = session.rng.permutation(len(session.pool))
    reserved = shuffled[: round(cell["arm"] * len(session.pool))]
    paying, readings = True, []
    for size in session.grow(cell["order"], round(LABELS * (1 - ARM)), reserved):
        total = round(size / (1 - ARM))
        if readings and total < METER_AT[min(len(readings), len(METER_AT) - 1)]:
            continue
        if not readings and total < METER_AT[0]:
            continue
        if len(readings) == len(METER_AT):
            continue
        at, random = np.array(session.chosen), reserved[: total - size]
        reading = measure(
            Arm(session.pool[at], session.answers[at]),
            Arm(session.pool[random], session.answers[random]),
            session.outputs,
            goal=full - POINTS,
        )
        assert reading is not None
        paying = pays(paying, reading)
        readings.append({**reading.plain(), "labels": total, "paying": paying,
                         "true": truth(session, at, len(random), judged, labels)})  # fmt: skip
    return {"full": round(full, 4), "readings": readings}


def truth(
    session: Session, chosen: np.ndarray, random: int, judged: np.ndarray, labels: np.ndarray
) -> float:
    """The share really saved at the score of the random arm's training folds: mean of ten draws."""
    size = random - -(-random // 5)
    draws = [session.rng.permutation(len(session.pool))[:size] for _draw in range(10)]
    goal = np.mean([session.score(one, judged, labels) for one in draws])
    sizes = sorted({int(one) for one in np.geomspace(8, len(chosen), 24).round()})
    scores = [session.score(chosen[:one], judged, labels) for one in sizes]
    needed = labels_to(float(goal), sizes, scores)
    return round(1 - (needed or len(chosen)) / size, 4)


def material(
    name: str, seed: int, data: Path, store: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Vectors of the pool and of the judged rows, standardised by the pool; labels of both."""
    from weitiao.annotation.learner import encoded

    rows, judged, info = sets.load(name, POOL, seed, data)
    vectors = vectors_of(name, info["language"], [*rows, *judged], store)
    mean, std = vectors[: len(rows)].mean(0), vectors[: len(rows)].std(0) + 1e-6
    scaled = ((vectors - mean) / std).astype(np.float32)
    answers, labels = (
        encoded([row["label"] for row in some], info["labels"]) for some in (rows, judged)
    )
    return scaled[: len(rows)], scaled[len(rows) :], labels, answers, len(info["labels"])


def vectors_of(name: str, language: str, rows: Sequence[sets.Row], store: Path) -> np.ndarray:
    """The vectors of rows, kept in the store by their texts."""
    from weitiao.annotation.worker import MAX_TOKENS
    from weitiao.evaluation.frozen_encoder import Encoder

    file = store / f"annotate-{name}.npz"
    known: dict[str, np.ndarray] = {}
    if file.exists():
        with np.load(file) as saved:
            known = dict(zip(saved["texts"].tolist(), saved["vectors"], strict=True))
    missing = [text for text in dict.fromkeys(row["text"] for row in rows) if text not in known]
    if missing:
        encoder = Encoder.of_checkpoint(CHECKPOINTS[language], MAX_TOKENS)
        known |= dict(zip(missing, encoder.features([missing]), strict=True))
        np.savez(file, texts=np.array([*known]), vectors=np.stack([*known.values()]))
    return np.stack([known[row["text"]] for row in rows])


def table(records: list[timing.Record]) -> str:
    """Markdown: labels to the goal by set and order, the share saved against random; the meter."""
    good = [r for r in records if timing.has_figures(r)]
    lines = ["| set | order | seeds | labels | saved against random | score at 600 labels |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    by: dict[tuple[str, str], dict[int, timing.Record]] = defaultdict(dict)
    for record in good:
        if not record["arm"]:
            by[record["set"], record["order"]][record["seed"]] = record
    for (name, order), some in by.items():
        random = by[name, "random"]
        pairs = [(_labels(some[seed]), _labels(random[seed])) for seed in some if seed in random]
        saved = [1 - ours / theirs for ours, theirs in pairs]
        labels = [_labels(record) for record in some.values()]
        scores = [record["at_600"] for record in some.values()]
        shown = ""
        if order != "random" and saved:
            mean, low, high = (100 * each for each in (np.mean(saved), min(saved), max(saved)))
            shown = f"{mean:.0f} % ({low:.0f} to {high:.0f})"
        lines.append(f"| {name} | {order} | {len(some)} | {np.mean(labels):.0f} ({min(labels)} to "
                     f"{max(labels)}) | {shown} | {np.mean(scores):.3f} |")  # fmt: skip
    return "\n".join([*lines, "", *_meter_lines(good)])


def _labels(record: timing.Record) -> int:
    """Labels to the goal; where it was not reached, as many as there were."""
    return int(record["labels"] or record["sizes"][-1])


def _meter_lines(good: list[timing.Record]) -> list[str]:
    lines = ["| set | labels | it gives a share | in the mean | true there | inside the interval |"
             " order goes on |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    by: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    metered_ones = [r for r in good if r["arm"] and r["order"] == DEFAULT]
    for record in metered_ones:
        for at, reading in zip(METER_AT, record.get("readings", ()), strict=False):
            by[record["set"], at].append(reading)
    for (name, labels), some in by.items():
        told = [one for one in some if one["low"] is not None]
        inside = sum(one["low"] <= one["true"] <= one["high"] for one in told)
        going = sum(one["paying"] for one in some)
        said, true = ("–", "–")
        if told:
            said, true = (f"{100 * np.mean([one[key] for one in told]):.0f} %"
                          for key in ("saved", "true"))  # fmt: skip
        lines.append(
            f"| {name} | {labels} | {len(told)} of {len(some)} | {said} | {true} |"
            f" {inside} of {len(told)} | {going} of {len(some)} |"
        )
    return lines


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "annotate", rounds=1, days=True)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--orders", nargs="*", default=list(ORDERS), choices=ORDERS)
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
