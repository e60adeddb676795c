"""Do 95 % intervals hold the true value 95 times in 100?

    python benchmarks/intervals.py                go on until all cells are done (resumable)
    python benchmarks/intervals.py --minutes 3    start no cell after three minutes
    python benchmarks/intervals.py --table        what is known by now; writes the dated result

Rows are drawn from a known distribution, so the true value is known; `bootstrap` of
weitiao.evaluation.intervals gives a user their interval; counted is how often that holds
the true value. A cell is (case, rows, one of the hundreds of draws).

Cases. Labels: a matrix of how often each truth gets each answer. `even`: 2 labels, 85 % right.
`rare`: 2 labels, the second on a tenth of the rows and found 70 times in 100. `five`: 5 labels
(40, 30, 20, 7, 3 %; 90, 80, 80, 60, 50 % found). `twenty`: 20 labels, 80 % right. Numbers:
`similar`: bivariate normal, correlation 0.8. `stars`: truth rounded to 1 to 5 stars, answers not.
`skewed`: both lognormal.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.evaluation.intervals import bootstrap
from weitiao.experiments.store import Store
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

RESULTS = Path(__file__).parent / "results"
ROWS = (200, 1000, 5000)
LABELS = ("even", "rare", "five", "twenty")
NUMBERS = ("similar", "stars", "skewed")
DRAWS = {"labels": 1000, "numbers": 1000}  # intervals for each case and number of rows
LESS = {("numbers", 5000): 500}  # where they take long
CHUNK = 100  # of them in a cell
METRICS = {"labels": ("accuracy", "macro_f1", "mcc"), "numbers": ("pearson", "spearman")}


def main() -> None:
    options = _options()
    store = Store(options.store)
    end = time.monotonic() + 60 * options.minutes
    for key, case, rows, chunk in _cells():
        if options.table or time.monotonic() > end:
            break
        if not store.has(key):
            store.write(key, _cell(case, rows, chunk))
    missing = sum(not store.has(key) for key, *_ in _cells())
    _show(store, missing)


def _cells() -> Iterator[tuple[str, str, int, int]]:
    for chunk in range(max(DRAWS.values()) // CHUNK):
        for rows in ROWS:
            for case in (*LABELS, *NUMBERS):
                kind = _kind(case)
                if chunk < LESS.get((kind, rows), DRAWS[kind]) // CHUNK:
                    yield f"{case}-{rows}-{chunk}", case, rows, chunk


def _cell(case: str, rows: int, chunk: int) -> dict[str, Any]:
    """How often each metric's interval lies below the true value, above it, or is unknown."""
    metrics = {name: parts.build("metrics", name) for name in METRICS[_kind(case)]}
    truth = _truth(case)
    found = {name: {"below": 0, "above": 0, "unknown": 0, "width": 0.0} for name in metrics}
    generator = np.random.default_rng([chunk, rows, (*LABELS, *NUMBERS).index(case)])
    for number in range(CHUNK):
        intervals = bootstrap(_drawn(case, rows, generator), metrics, seed=number)
        for name, (low, high) in intervals.items():
            one = found[name]
            if math.isnan(low):
                one["unknown"] += 1
                continue
            one["below"] += high < truth[name]
            one["above"] += low > truth[name]
            one["width"] += (high - low) / CHUNK
    return {"case": case, "rows": rows, "draws": CHUNK, "truth": truth, "found": found}


def _kind(case: str) -> str:
    return "labels" if case in LABELS else "numbers"


def _drawn(case: str, rows: int, generator: np.random.Generator) -> Answers:
    if case in LABELS:
        chances = _matrix(case)
        cells = generator.choice(chances.size, rows, p=chances.ravel())
        truth, given = np.divmod(cells, len(chances))
        names = tuple(f"label {at}" for at in range(len(chances)))
        return Labels(truth, given, np.zeros((rows, 0)), names)
    truth, noise = generator.normal(size=(2, rows))
    given = 0.8 * truth + 0.6 * noise
    if case == "stars":
        truth, given = np.clip(np.round(3.6 + 1.2 * truth), 1, 5), 3.6 + 1.2 * given
    if case == "skewed":
        truth, given = np.exp(0.7 * truth), np.exp(0.7 * given)
    return Numbers(truth, given, given)


def _matrix(case: str) -> np.ndarray:
    """How often each truth (row) gets each answer (column)."""
    shares, found = {
        "even": ([0.5, 0.5], [0.85, 0.85]),
        "rare": ([0.9, 0.1], [0.98, 0.7]),
        "five": ([0.4, 0.3, 0.2, 0.07, 0.03], [0.9, 0.8, 0.8, 0.6, 0.5]),
        "twenty": ([0.05] * 20, [0.8] * 20),
    }[case]
    often = np.array(shares)
    matrix = np.empty((len(often), len(often)))
    for label, right in enumerate(found):
        matrix[label] = (1 - right) * often / (1 - often[label])
        matrix[label, label] = right
    return matrix * often[:, None]


@cache
def _truth(case: str) -> dict[str, float]:
    """Of labels exactly, from the matrix; of numbers from two million rows."""
    metrics = {name: parts.build("metrics", name) for name in METRICS[_kind(case)]}
    if case in NUMBERS:
        many = _drawn(case, 2_000_000, np.random.default_rng(1))
        return {name: metric.value(many) for name, metric in metrics.items()}
    chances = _matrix(case)
    size = len(chances)
    truth, given = np.divmod(np.arange(size * size), size)
    names = tuple(f"label {at}" for at in range(size))
    every = Labels(truth, given, np.zeros((len(truth), 0)), names)
    return {name: metric.value(every, chances.ravel()) for name, metric in metrics.items()}


def _show(store: Store, missing: int) -> None:
    """Coverage by case, metric and rows; the result file once all is done."""
    sums: dict[tuple[str, str, int], dict[str, float]] = {}
    for _, record in store.records():
        for name, one in record["found"].items():
            at = sums.setdefault((record["case"], name, record["rows"]), {"draws": 0, "cells": 0})
            at["draws"] += record["draws"]
            at["cells"] += 1
            for key, value in one.items():
                at[key] = at.get(key, 0) + value
    lines = []
    for (case, name, rows), one in sorted(sums.items()):
        outside = one["below"] + one["above"]
        known = one["draws"] - one["unknown"]
        line = {"case": case, "metric": name, "rows": rows, "draws": int(one["draws"]),
                "coverage": round(1 - outside / max(known, 1), 4),
                "below": round(one["below"] / max(known, 1), 4),
                "above": round(one["above"] / max(known, 1), 4),
                "unknown": int(one["unknown"]),
                "width": round(one["width"] / one["cells"], 4)}  # fmt: skip
        lines.append(line)
        print(f"{case:8} {name:9} {rows:5} rows: {line['coverage']:.2%} of {known:.0f}")
    print(f"{missing} cells are missing")
    if not missing:
        path = RESULTS / f"{date.today().isoformat()}-intervals.json"
        told = {"question": __doc__.splitlines()[0], "level": 0.95, "lines": lines}
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        print(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    place = Path(tempfile.gettempdir()) / "weitiao-intervals"
    parser.add_argument("--store", type=Path, default=place, help="folder of finished cells")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no cell after this time")
    parser.add_argument("--table", action="store_true", help="only say what is known by now")
    return parser.parse_args()


if __name__ == "__main__":
    main()
