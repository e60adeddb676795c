"""Is a planted weak slice found first among 200, and is nothing found where nothing is planted?

    python benchmarks/weak_slices.py [--runs 1000]

A run draws judged rows with a share of mistakes, ten columns of twenty values each (200 slices that
overlap), and looks at them all. Planted: in one slice right and wrong are turned round, as when the
labels of one source were flipped. Figures go to results/2026-11-24-weak_slices.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.evaluation.slices import Candidate, score_slices
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers

RESULTS = Path(__file__).parent / "results" / "2026-11-24-weak_slices.json"
COLUMNS, VALUES = 10, 20
CELLS = ((500, 0.1), (500, 0.3), (2000, 0.05), (2000, 0.2), (10000, 0.1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    runs, begun = parser.parse_args().runs, time.perf_counter()
    found = [
        cell(kind, rows, wrong, runs) for kind in ("single", "number") for rows, wrong in CELLS
    ]
    told = {"runs": runs, "slices": COLUMNS * VALUES, "cells": found,
            "seconds": round(time.perf_counter() - begun, 1)}  # fmt: skip
    RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for one in found:
        print(one)


def cell(kind: str, rows: int, wrong: float, runs: int) -> dict[str, Any]:
    """How often something is reported with nothing planted, and the planted slice comes first."""
    false, first, weak = 0, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng([rows, round(100 * wrong), seed])
        looked = candidates(rows, rng)
        mistakes = rng.random(rows) < wrong
        sizes = rng.exponential(1, rows)
        false += any(one.weak for one in score_slices(judged(kind, mistakes, sizes), looked))
        bad = looked[int(rng.integers(len(looked)))]
        mistakes[bad.rows] = ~mistakes[bad.rows]
        sizes[bad.rows] *= 3
        top = score_slices(judged(kind, mistakes, sizes), looked)[0]
        first += (top.name, top.value) == (bad.name, bad.value)
        weak += (top.name, top.value) == (bad.name, bad.value) and top.weak
    return {"kind": kind, "rows": rows, "share_wrong": wrong,
            "nothing_planted_but_reported": false / runs, "planted_found_first": first / runs,
            "and_called_weak": weak / runs}  # fmt: skip


def candidates(rows: int, rng: np.random.Generator) -> list[Candidate]:
    found = []
    for column in range(COLUMNS):
        values = rng.integers(0, VALUES, rows)
        found += [
            Candidate("column", f"column {column}", str(value), np.flatnonzero(values == value))
            for value in range(VALUES)
        ]
    return found


def judged(kind: str, mistakes: np.ndarray, sizes: np.ndarray) -> Answers:
    """Answers with these mistakes; numbers are off by these sizes."""
    truth = np.arange(len(mistakes)) % 2
    if kind == "number":
        return Numbers(truth.astype(float), truth + sizes, truth + sizes)
    values = np.where(mistakes, 1 - truth, truth)
    return Labels(truth, values, np.eye(2)[values], ("a", "b"))


if __name__ == "__main__":
    main()
