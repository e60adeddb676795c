"""Do tasks other than plain classification come out as well as with transformers' own loop?

    python benchmarks/tasks_quality.py --data ../data --minutes 60    # goes on where it stopped
    python benchmarks/tasks_quality.py --data ../data --list          # the cells still to run
    python benchmarks/tasks_quality.py --table                        # the pooled paired difference

A cell is (set, seed, contender): weitiao and the loops of `references.py`, with the same
checkpoint, rows, epochs, learning rate and batch size; everything else of weitiao is by its
defaults (it keeps the best of its checkpoints by rows cut off from the training rows; the loop
learns from all of them). "weitiao, validation beside" has further rows for validation, so that it
learns from as many as the loop. Seed by seed, so that stopping early leaves whole pairs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import references
import task_sets
import timing

SCRIPT = Path(__file__).resolve()
SEEDS = (1, 2, 3)
CONTENDERS = ("reference", "weitiao")
BESIDE = "weitiao, validation beside"
SHARE = 0.15  # so many further rows, of those that train
LIMIT = -0.5  # points
NEAR = 10  # points: where one side learned nothing, its pair would hide all others


def main() -> None:
    given = _options()
    if timing.is_served(given, act, compare):
        return
    wanted = [
        cell
        for cell in cells()
        if cell["contender"] in given.contenders
        and cell["set"] in (given.sets or [cell["set"]])
        and cell["seed"] in (given.seeds or [cell["seed"]])
    ]
    if given.list:
        done = {_key(r) for r in timing.read_records(given.results) if timing.has_figures(r)}
        print("\n".join(str(cell) for cell in wanted if _key(cell) not in done))
        return
    print(
        compare(
            timing.run_cells(wanted, given.results, timing.runner(SCRIPT, given), given.minutes)
        )
    )


def cells() -> Iterator[timing.Record]:
    """Seed by seed, set by set, both contenders one after the other."""
    for seed in SEEDS:
        for name in task_sets.SETS:
            for contender in (*CONTENDERS, BESIDE):
                yield {"set": name, "seed": seed, "contender": contender}


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train and judge one cell."""
    from weitiao.checkpoints.resolve import resolve

    epochs.use_threads(job["threads"])
    begun = time.perf_counter()
    data, beside = Path(job["data"]), job["contender"] == BESIDE
    train, test, kind = task_sets.load(job["set"], job["seed"], data)
    held: list[Any] = []
    if beside:
        more, _, _ = task_sets.load(job["set"], job["seed"], data, round(SHARE * kind.rows))
        held = more[len(train) :]
    if job["contender"] == "reference":
        folder = resolve(kind.checkpoint).path_or_name
        score = references.score(train, test, kind, folder, job["seed"])
    else:
        score = weitiao(train, test, held, kind, job["seed"])
    return {
        "score": score,
        "metric": kind.metric,
        "seconds": round(time.perf_counter() - begun, 1),
        "rows": len(train),
        "further": len(held),
        "judged": len(test),
        "settings": {"epochs": kind.epochs, **references.SETTINGS},
    }


def weitiao(train: list[Any], test: list[Any], held: list[Any], kind: Any, seed: int) -> float:
    """The same by weitiao: files in, the metric out. held: rows for validation; none: cut off."""
    import weitiao
    from weitiao.planning.advise import Wish, advise

    settings = references.SETTINGS
    changes = {
        "data.test_size": 0.0,
        "model.max_length": kind.max_length,
        "train.epochs": kind.epochs,
        **{f"train.{name}": value for name, value in settings.items()},
    }
    with tempfile.TemporaryDirectory() as folder:
        endings = ".json" if "context" in train[0] else ".jsonl"
        there = [
            task_sets.write(rows, Path(folder) / f"{name}{endings}")
            for name, rows in (("train", train), ("judged", test), ("held", held))
            if rows
        ]
        wish = Wish(path=str(there[0]), task=kind.task, model=kind.checkpoint, seed=seed,
                    changes=changes, validation_path=str(there[2]) if held else None)  # fmt: skip
        fitted = weitiao.train(advise(wish).plan, out=folder)
        report, _, _ = weitiao.evaluate(fitted.run.folder, str(there[1]))
    return float(report.metrics[kind.metric])


def compare(records: list[timing.Record]) -> str:
    """Markdown: both scores of each set, and the pooled paired difference in points (x 100)."""
    tables = [_table(records, "weitiao")]
    if any(r["contender"] == BESIDE and timing.has_figures(r) for r in records):
        tables.append(_table(records, BESIDE))
    return "\n\n".join(tables)


def _table(records: list[timing.Record], ours: str) -> str:
    good = {_key(r): r["score"] for r in records if timing.has_figures(r)}
    lines = [
        f"| set | seeds | transformers' loop | {ours} | difference, points |",
        "|---|---|---|---|---|",
    ]
    pooled = []
    for name in task_sets.SETS:
        pairs = [
            (good[name, seed, "reference"], good[name, seed, ours])
            for seed in SEEDS
            if (name, seed, "reference") in good and (name, seed, ours) in good
        ]
        if not pairs:
            continue
        gains = [100 * (mine - theirs) for theirs, mine in pairs]
        pooled += gains
        theirs, mine = np.mean(pairs, axis=0)
        lines.append(
            f"| {name} | {len(pairs)} | {theirs:.3f} | {mine:.3f} | {np.mean(gains):+.1f} |"
        )
    near = [gain for gain in pooled if abs(gain) <= NEAR]
    for name, some in (("all", pooled), (f"those at most {NEAR} points apart", near)):
        if some:
            lines.append(_pooled(name, some))
    return "\n".join(lines)


def _pooled(name: str, gains: list[float]) -> str:
    draws = np.random.default_rng(0).choice(gains, (10_000, len(gains))).mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    verdict = "not below" if np.mean(gains) >= LIMIT else "below"
    return (
        f"\n{len(gains)} pairs ({name}): {np.mean(gains):+.2f} points, "
        f"95 % {low:+.2f} to {high:+.2f}: {verdict} {LIMIT}"
    )


def _key(record: Mapping[str, Any]) -> tuple[str, int, str]:
    return record["set"], record["seed"], record["contender"]


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "tasks_quality", rounds=1, days=True)
    parser.add_argument("--sets", nargs="*", choices=list(task_sets.SETS))
    parser.add_argument("--seeds", type=int, nargs="*")
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS),
                        choices=[*CONTENDERS, BESIDE])  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only show the cells still to run")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
