"""What does fine-tuning gain over a linear model on the frozen encoder? From stored results alone.

    python benchmarks/gains.py            # pairs, and how well intervals of other sets hold a set
    python benchmarks/gains.py --python   # the table of src/weitiao/planning/gains.py
    python benchmarks/gains.py --again    # stored scores of hit_rates.py, foretold by today's code

A pair is the score of `frozen_linear` and that of weitiao on the same judged rows, in a budget of a
minute or more, or without one: updates enough; or what `hit_rates.py` has predicted from a linear
model and what came of it, with its few updates. The gain is the logarithm of the ratio of their
errors (1 less the score): -0.7 halves the errors. Pairs of one set and as many updates are one row
of the table, their mean. Nothing is measured; it is repeated when results are added.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import hit_rates
from weitiao.planning.quality import ENOUGH_UPDATES, Curve, Gain, predicted, usual_gain

RESULTS = Path(__file__).parent / "results"
FILES = re.compile(r"\d{4}-\d\d-\d\d-(anytime|few_rows|linear_start)[\w-]*\.json")
LEAST_BUDGET = 60.0  # seconds; in less, the training is cut short
LINEAR, OURS = "frozen_linear", "weitiao"
LEAST_ERROR = 0.005  # of 300 rows, half a row and a bit: no logarithm of 0
PREDICTED = re.compile(r"\d{4}-\d\d-\d\d-hit_rates[\w-]*\.json")
BATCH = 16  # of the plans of hit_rates.py
RESAMPLES = 200


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="store_true", help="print the table as Python")
    parser.add_argument("--again", action="store_true", help="foretell the stored scores again")
    options = parser.parse_args()
    table = by_set([*pairs(), *predicted_pairs()])
    if options.again:
        print("\n".join(again(table)))
    else:
        print(as_python(table) if options.python else as_markdown(table))


def pairs() -> Iterator[dict[str, Any]]:
    """Every pair of scores on the same rows."""
    for path in sorted(RESULTS.iterdir()):
        if not FILES.fullmatch(path.name):
            continue
        records = [one for one in json.loads(path.read_text(encoding="utf-8"))
                   if one.get("score") is not None]  # fmt: skip
        frozen = {_rows(one): one["score"] for one in records if one.get("contender") == LINEAR}
        for one in records:
            if one.get("contender") != OURS or 0 < one.get("budget", 0) < LEAST_BUDGET:
                continue
            linear = frozen.get(_rows(one), (one.get("saved_baselines") or {}).get(LINEAR))
            if linear is not None and one["metric"] != "entity_f1":  # tags have no such plan
                yield {
                    "set": one["set"].replace("_htl", ""),
                    "updates": ENOUGH_UPDATES,
                    "metric": one["metric"],
                    "linear": linear,
                    "final": one["score"],
                    "gain": gain(linear, one["score"]),
                }


def foretold() -> Iterator[dict[str, Any]]:
    """The records of hit_rates.py that have foretold a score and seen it."""
    for path in sorted(RESULTS.iterdir()):
        if PREDICTED.fullmatch(path.name):
            for one in json.loads(path.read_text(encoding="utf-8")):
                if (one.get("expected") or {}).get("quality") and one.get("score") is not None:
                    yield one


def updates_of(record: dict[str, Any]) -> int:
    return int(record["epochs"] * math.ceil(record["expected"]["quality"]["rows"] / BATCH))


def predicted_pairs() -> Iterator[dict[str, Any]]:
    """Every pair of a linear model, as its curve foretells it for all rows, and a training."""
    for one in foretold():
        quality = one["expected"]["quality"]
        rows, scores = zip(*quality["curve"], strict=True)
        curve = Curve(np.array(rows), 1 - np.array([scores]))
        fall = (quality["rows"] / rows[-1]) ** -float(curve.exponents()[0])
        linear = 1 - (1 - quality["linear"]) * fall
        yield {
            "set": one["set"].replace("_htl", ""),
            "updates": updates_of(one),
            "metric": quality["metric"],
            "linear": linear,
            "final": one["score"],
            "gain": gain(linear, one["score"]),
        }


def again(table: list[dict[str, Any]]) -> list[str]:
    """The rates of hit_rates.py for the stored scores, each set foretold from the gains of others.

    The resamples of a curve are not stored: the noise of its last point is that of so many rows.
    """
    found = []
    for one in foretold():
        name, quality = one["set"].replace("_htl", ""), one["expected"]["quality"]
        own = (name, *hit_rates.KIN.get(name, ()))
        known = [Gain(r["set"], r["updates"], r["gain"]) for r in table if r["set"] not in own]
        rows, scores = zip(*quality["curve"], strict=True)
        error = max(1 - scores[-1], LEAST_ERROR)
        noise = math.sqrt(error * (1 - error) / rows[-1]) / error
        drawn = np.exp(np.random.default_rng(0).normal(0, noise, (RESAMPLES, 1)))
        curve = Curve(np.array(rows), (1 - np.array([scores])) * drawn)
        now = predicted(quality["metric"], curve, quality["rows"], known, updates_of(one))
        expected = {**one["expected"], "quality": {**quality, "score": tuple(now.score)}}
        found.append(hit_rates.outcome({**one, "expected": expected}))
    return hit_rates.rates(found)[2:]


def gain(linear: float, final: float) -> float:
    return math.log(max(1 - final, LEAST_ERROR) / max(1 - linear, LEAST_ERROR))


def _rows(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["set"], record.get("rows_fingerprint"), record.get("seed")


def by_set(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each set and number of updates: means of its pairs."""
    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        groups[one["set"], one["updates"]].append(one)
    return [
        {
            "set": name,
            "updates": updates,
            "pairs": len(some),
            "linear": statistics.fmean(one["linear"] for one in some),
            "final": statistics.fmean(one["final"] for one in some),
            "gain": statistics.fmean(one["gain"] for one in some),
        }
        for (name, updates), some in sorted(groups.items())
    ]


def left_out(table: list[dict[str, Any]]) -> list[bool]:
    """Whether the 80 % interval of all other sets holds the gain of each row of the table."""
    holds = []
    for one in table:
        others = [
            Gain(other["set"], other["updates"], other["gain"])
            for other in table
            if other["set"] != one["set"]
        ]
        low, _mean, high = usual_gain(others, one["updates"])
        holds.append(low <= one["gain"] <= high)
    return holds


def as_markdown(table: list[dict[str, Any]]) -> str:
    lines = ["| set | updates | pairs | linear | fine-tuned | log error ratio | held by others |",
             "|---" * 7 + "|"]  # fmt: skip
    holds = left_out(table)
    for one, held in zip(table, holds, strict=True):
        lines.append(
            f"| {one['set']} | {one['updates']} | {one['pairs']} | {100 * one['linear']:.1f} "
            f"| {100 * one['final']:.1f} | {one['gain']:+.2f} | {'yes' if held else 'no'} |"
        )
    lines.append(f"\nheld by the 80 % interval of the other sets: {sum(holds)} of {len(holds)}")
    return "\n".join(lines)


def as_python(table: list[dict[str, Any]]) -> str:
    lines = [f'    ("{one["set"]}", {one["updates"]}, {one["gain"]:.3f}),' for one in table]
    return "\n".join(["GAINS = (", *lines, ")"])


if __name__ == "__main__":
    main()
