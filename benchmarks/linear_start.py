"""Do the mean of the tokens and an output layer that is fitted first learn better, and what do they
cost?

    python benchmarks/linear_start.py --data ../data --minutes 15   # goes on where it stopped
    python benchmarks/linear_start.py --table                       # pooled paired differences

A cell is (set, rows, seed, variant): the head `mean` or the checkpoint's own (`native`: the first
token), with `train.linear_start` or without. The four variants of a cell see the same rows by the
same plan but for these two fields, one after the other; small sizes first, seed by seed. The
difference is paired by (set, rows, seed) and pooled; its interval is a bootstrap over sets and the
pairs within them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pooled
import timing
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
SETS = ("sst2", "thucnews_titles", "banking77", "trec6", "chnsenticorp_htl", "stsb_zh",
        "two_topics", "wnut17")  # fmt: skip
ROWS = (200, 1000, 4000)
SEEDS = (1, 2, 3, 4, 5)
LONGEST = 128  # tokens
VARIANTS: dict[str, dict[str, Any]] = {
    f"{head}, {'linear start' if start else 'no start'}": {
        "model.head": head,
        "train.linear_start": start,
    }
    for head in ("mean", "native")
    for start in (True, False)
}
# What is compared: a name, the variant before, the variant after.
COMPARISONS = (
    ("both, against neither", "native, no start", "mean, linear start"),
    ("mean against first token, with linear start", "native, linear start", "mean, linear start"),
    ("mean against first token, without", "native, no start", "mean, no start"),
    ("linear start against none, mean", "mean, no start", "mean, linear start"),
    ("linear start against none, first token", "native, no start", "native, linear start"),
)
SAME = ("set", "rows", "seed")


def main() -> None:
    options = parse()
    if timing.is_served(options, whole_runs.fit_here, table):
        return
    store = timing.store_of(options.store)
    wanted = cells(options.sets, options.rows, options.seeds, options.variants)
    records = timing.run_cells(
        wanted, options.results, lambda cell: run(cell, options, store), options.minutes
    )
    print(table(records))


def cells(
    sets: Sequence[str] = SETS,
    rows: Sequence[int] = ROWS,
    seeds: Sequence[int] = SEEDS,
    variants: Sequence[str] = tuple(VARIANTS),
) -> Iterator[timing.Record]:
    """By size and seed, the variants of a pair one after the other.

    Larger sizes wait for three seeds of the smaller ones, not for all.
    """
    order = [(place + 1.5 * ROWS.index(size), size, seed)
             for size in rows for place, seed in enumerate(seeds)]  # fmt: skip
    for _, size, seed in sorted(order):
        for name in sets:
            for variant in variants:
                yield {"set": name, "rows": size, "seed": seed, "variant": variant}


def run(cell: timing.Record, options: argparse.Namespace, store: Path) -> timing.Record:
    rows = whole_sets.load(cell["set"], cell["rows"], cell["seed"], options.data)
    changes = {"model.max_length": LONGEST, **VARIANTS[cell["variant"]]}
    return fit_cell(rows, cell["seed"], changes, options, SCRIPT, store)


def fit_cell(
    rows: whole_sets.Rows,
    seed: int,
    changes: dict[str, Any],
    options: argparse.Namespace,
    script: Path,
    store: Path,
) -> timing.Record:
    """One training by the plan's defaults and `changes`, in a fresh process."""
    job = {
        "files": [str(path) for path in rows.write(store / "rows")],
        "task": rows.task,
        "roles": rows.roles,
        "checkpoint": rows.checkpoint,
        "seed": seed,
        "threads": options.threads,
        "changes": whole_runs.known_changes(changes, options.smoke),
    }
    env = timing.home_env(store, options.threads, whole_runs.WARM)
    record = timing.in_fresh_process([sys.executable, str(script)], job, env)
    return {**record, "train_rows": len(rows.train), "rows_fingerprint": rows.fingerprint}


def table(records: list[timing.Record]) -> str:
    """Markdown: pooled differences by size and overall; mean score and seconds of each variant."""
    if not records:
        return "nothing is stored"
    return "\n\n".join([comparisons(records), variants(records), *reasons(records)])


def comparisons(records: Sequence[timing.Record]) -> str:
    lines = [
        "**Paired difference, points (95 % interval)**\n",
        "| | rows | sets | pairs | difference | seconds, after less before |",
        "|---|---|---|---|---|---|",
    ]
    for name, before, after in COMPARISONS:
        for size in (*sorted({r["rows"] for r in records}), None):
            chosen = [r for r in records if size is None or r["rows"] == size]
            result, seconds = compared(chosen, before, after)
            if result.pairs:
                lines.append(f"| {name} | {size or 'all'} | {result.sets} | {result.pairs} "
                             f"| {result} | {seconds:+.1f} |")  # fmt: skip
    return "\n".join(lines)


def compared(
    records: Sequence[timing.Record], before: str, after: str
) -> tuple[pooled.Pooled, float]:
    """The pooled difference of two variants, and the mean difference of their seconds."""

    def of(variant: str) -> Any:
        return lambda record: record["variant"] == variant

    scores = pooled.differences(records, of(before), of(after), SAME)
    seconds = pooled.differences(records, of(before), of(after), SAME, lambda r: r["seconds"])
    every = [value for values in seconds.values() for value in values]
    return pooled.pooled(scores), float(np.mean(every)) if every else float("nan")


def variants(records: Sequence[timing.Record]) -> str:
    """Mean score and seconds by set, rows and variant."""
    lines = [
        "| set | rows | seeds | " + " | ".join(VARIANTS) + " |",
        "|---" * (3 + len(VARIANTS)) + "|",
    ]
    good = [record for record in records if record.get("score") is not None]
    for name, size in dict.fromkeys((r["set"], r["rows"]) for r in good):
        texts, counts = [], set()
        for variant in VARIANTS:
            some = [r for r in good if (r["set"], r["rows"], r["variant"]) == (name, size, variant)]
            counts.add(len(some))
            score = 100 * np.mean([r["score"] for r in some]) if some else 0.0
            seconds = np.mean([r["seconds"] for r in some]) if some else 0.0
            texts.append(f"{score:.1f} ({seconds:.0f} s)" if some else "-")
        lines.append(f"| {name} | {size} | {max(counts)} | {' | '.join(texts)} |")
    return "\n".join(lines)


def reasons(records: Sequence[timing.Record]) -> list[str]:
    """Why cells have no score, each reason once."""
    found = {str(r.get("refused") or r.get("failed")) for r in records if r.get("score") is None}
    return [f"without a score: {reason}" for reason in sorted(found)]


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "linear_start", rounds=1, days=True)
    parser.add_argument("--sets", nargs="+", default=SETS, help="only these")
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="only these sizes")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    parser.add_argument("--smoke", action="store_true",
                        help="leave out fields that this version does not have")  # fmt: skip
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
