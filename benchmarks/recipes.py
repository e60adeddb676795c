"""Are recipes that differ by the seed alone called different too often, and true gains found?

    python benchmarks/recipes.py                go on until all cells are done (resumable)
    python benchmarks/recipes.py --minutes 3    start no cell after three minutes
    python benchmarks/recipes.py --table        what is known by now; writes the dated result

The model of the answers. Two labels, half of the rows each. Row i of a test set is right for seed s
of recipe r when

    base + gain_r + d_i + r_ri + g_rs + e_rsi > 0,

d the difficulty of the row (spread 1.6), r how the recipe takes it (0.35; 0 for recipes that differ
by the seed alone, which are one recipe), g the luck of the seed (0.06) and e what the seed makes of
the row (0.75), all normal. So about 84 % are right, seeds spread by about 0.9 points on 2,000 rows,
and two seeds of one recipe disagree on about 12 rows of 100: what fine-tuning small encoders on
some thousand rows shows. `wild`: the luck of the seed has heavy tails (Student's t, 3 degrees).
Every comparison draws new rows and new seeds.

Cells. `compare`: 200 comparisons by weitiao.evaluation.compare, as a user gets them. `contrast`:
5,000 by the same formula alone, for a surer figure.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.evaluation.compare import compare
from weitiao.evaluation.significance import contrast
from weitiao.experiments.store import Store
from weitiao.tasks.answers.labels import Labels

RESULTS = Path(__file__).parent / "results"
BASE, ROW, TASTE, LUCK, NOISE = 1.75, 1.6, 0.35, 0.06, 0.75
COUNTS = {"compare": 200, "contrast": 5000}
CHUNK = {"compare": 20, "contrast": 500}
# name -> seeds of each, rows, true gain in accuracy, luck of the seeds
CASES: dict[str, tuple[int, int, float, str]] = {
    "same, 3 seeds": (3, 2000, 0.0, "normal"),
    "same, 3 seeds, wild": (3, 2000, 0.0, "wild"),
    "same, 5 seeds": (5, 2000, 0.0, "normal"),
    "same, 3 seeds, 200 rows": (3, 200, 0.0, "normal"),
    "same, 3 seeds, 20,000 rows": (3, 20_000, 0.0, "normal"),
    "2 points, 3 seeds": (3, 2000, 0.02, "normal"),
    "2 points, 5 seeds": (5, 2000, 0.02, "normal"),
}


def main() -> None:
    options = _options()
    store = Store(options.store)
    end = time.monotonic() + 60 * options.minutes
    cells = [
        (f"{how}-{number}-{chunk}", how, name, chunk)
        for how in COUNTS
        for chunk in range(COUNTS[how] // CHUNK[how])
        for number, name in enumerate(CASES)
    ]
    for key, how, name, chunk in cells:
        if options.table or time.monotonic() > end:
            break
        if not store.has(key):
            store.write(key, _cell(how, name, chunk))
    _show(store, sum(not store.has(key) for key, *_ in cells))


def _cell(how: str, name: str, chunk: int) -> dict[str, Any]:
    """How often the second recipe was called better and worse."""
    seeds, rows, gain, luck = CASES[name]
    generator = np.random.default_rng([chunk, list(CASES).index(name), how == "compare"])
    shift = _shift(gain) if gain else 0.0
    found = {"better": 0, "worse": 0, "gap": 0.0, "spread": 0.0, "disagree": 0.0}
    for _ in range(CHUNK[how]):
        right = _right(generator, (seeds, rows), shift, luck)
        sign, gap = _by_compare(right, seeds) if how == "compare" else _by_contrast(right, seeds)
        found["better"] += sign > 0
        found["worse"] += sign < 0
        found["gap"] += gap / CHUNK[how]
        found["spread"] += right[:seeds].mean(1).std(ddof=1) / CHUNK[how]
        found["disagree"] += (right[0] != right[1]).mean() / CHUNK[how]
    return {"how": how, "case": name, "comparisons": CHUNK[how], "found": found}


def _right(
    generator: np.random.Generator, size: tuple[int, int], shift: float, luck: str
) -> np.ndarray:
    """(seeds of both recipes, rows): which rows are right."""
    seeds, rows = size
    hard = ROW * generator.normal(size=rows)
    found = []
    for gain in (0.0, shift):
        taste = TASTE * generator.normal(size=rows) if shift else np.zeros(rows)
        for _ in range(seeds):
            wild = generator.standard_t(3) / np.sqrt(3)
            lucky = LUCK * (wild if luck == "wild" else generator.normal())
            noise = NOISE * generator.normal(size=rows)
            found.append(BASE + gain + hard + taste + lucky + noise > 0)
    return np.array(found)


def _shift(gain: float) -> float:
    """What a gain in accuracy is on the scale of the sum, which is normal."""
    from statistics import NormalDist

    spread = float(np.sqrt(ROW**2 + TASTE**2 + LUCK**2 + NOISE**2))
    before = NormalDist().cdf(BASE / spread)
    return NormalDist().inv_cdf(before + gain) * spread - BASE


def _by_compare(right: np.ndarray, seeds: int) -> tuple[int, float]:
    truth = np.arange(right.shape[1]) % 2
    sets = [Labels(truth, np.where(one, truth, 1 - truth), np.zeros((len(truth), 0)),
                   ("no", "yes")) for one in right]  # fmt: skip
    metrics = {"accuracy": parts.build("metrics", "accuracy")}
    found = compare(sets[:seeds], sets[seeds:], metrics, samples=200)
    return {"better": 1, "worse": -1}.get(found.word, 0), found.gaps[0].change.value


def _by_contrast(right: np.ndarray, seeds: int) -> tuple[int, float]:
    scores = right.mean(1)
    rows = right.shape[1]
    spread = np.cov(right.astype(float)) / rows
    found = contrast(scores[:seeds], scores[seeds:], spread, rows)
    return found.sign, found.value


def _show(store: Store, missing: int) -> None:
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for _, record in store.records():
        at = sums.setdefault((record["case"], record["how"]), {"comparisons": 0, "cells": 0})
        at["comparisons"] += record["comparisons"]
        at["cells"] += 1
        for key, value in record["found"].items():
            at[key] = at.get(key, 0) + value
    lines = []
    for name in CASES:
        for how in COUNTS:
            if (name, how) not in sums:
                continue
            one = sums[name, how]
            count, cells = one["comparisons"], one["cells"]
            line = {"case": name, "how": how, "comparisons": int(count),
                    "better": round(one["better"] / count, 4),
                    "worse": round(one["worse"] / count, 4),
                    "mean_gap": round(one["gap"] / cells, 5),
                    "spread_of_seeds": round(one["spread"] / cells, 5),
                    "disagree": round(one["disagree"] / cells, 4)}  # fmt: skip
            lines.append(line)
            told = f"better {line['better']:.2%}, worse {line['worse']:.2%} of {count:.0f}"
            print(f"{name:28} {how:9} {told}")
    print(f"{missing} cells are missing")
    if not missing:
        path = RESULTS / f"{date.today().isoformat()}-recipes.json"
        model = {"base": BASE, "row": ROW, "taste": TASTE, "luck": LUCK, "noise": NOISE}
        told_all = {"question": __doc__.splitlines()[0], "model": model, "lines": lines}
        path.write_text(json.dumps(told_all, indent=1) + "\n", encoding="utf-8")
        print(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    place = Path(tempfile.gettempdir()) / "weitiao-recipes"
    parser.add_argument("--store", type=Path, default=place, help="folder of finished cells")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no cell after this time")
    parser.add_argument("--table", action="store_true", help="only say what is known by now")
    return parser.parse_args()


if __name__ == "__main__":
    main()
