"""Does `weitiao fit --budget` end within its budget, alone and beside busy processes?

    python benchmarks/budgets.py --data ../data --minutes 20   # goes on where it stopped
    python benchmarks/budgets.py --table

A cell is (set, rows, budget, busy loops, round): a whole process from its start to its end, its
cache warm. The script starts so many loops beside it, each of which keeps one core busy, and stops
them. A budget is kept when the process ends within 10 % + 5 s of it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import timing
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
BUDGETS = (30.0, 60.0, 20.0, 120.0, 45.0, 300.0)  # seconds, in the order of importance
LOOPS = (0, 1, 2)
SETS = (("bbc-news", 1000), ("reviews-zh", 1000), ("sst2", 4000))
NAMES = tuple(name for name, _ in SETS)
RELATIVE, SECONDS = 0.10, 5.0  # what a budget may be exceeded by
SPIN = "while True: pass"


def main() -> None:
    options = parse()
    if timing.is_served(options, whole_runs.fit_here, table):
        return
    store = timing.store_of(options.store)
    wanted = cells(options.rounds, options.sets, options.budgets, options.loops)
    records = timing.run_cells(
        wanted, options.results, lambda cell: run(cell, options, store), options.minutes
    )
    print(table(records))


def cells(
    rounds: int,
    sets: Sequence[str] = NAMES,
    budgets: Sequence[float] = BUDGETS,
    loops: Sequence[int] = LOOPS,
) -> Iterator[timing.Record]:
    """A round has every budget beside every load, for one set after the other."""
    sizes = dict(SETS)
    for number in range(1, rounds + 1):
        for name in sets:
            for budget in budgets:
                for count in loops:
                    yield {"set": name, "rows": sizes.get(name, 1000), "budget": budget,
                           "loops": count, "round": number}  # fmt: skip


def run(cell: timing.Record, options: argparse.Namespace, store: Path) -> timing.Record:
    rows = whole_sets.load(cell["set"], cell["rows"], 1, options.data)
    settings = whole_runs.Settings(store, options.threads, cell["budget"])
    whole_runs.warm_up(cell["set"], options.data, settings)
    # The cells take turns, so that the rows of every one have been read before.
    with busy(cell["loops"]):
        record = whole_runs.fit(rows, settings)
    if cell["loops"]:  # the loops are meant, and they are not counted as ours
        record.pop("disturbed", None)
    return {**record, "train_rows": len(rows.train)}


@contextmanager
def busy(count: int) -> Iterator[list[int]]:
    """So many processes that each keep one core busy; their ids. They end with the block."""
    loops = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield [loop.pid for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def is_kept(record: timing.Record) -> bool:
    return bool(record["seconds"] <= limit(record["budget"]))


def limit(budget: float) -> float:
    """The latest end that counts as kept, in seconds.

    >>> limit(30.0)
    38.0
    """
    return round(budget * (1 + RELATIVE) + SECONDS, 6)


def table(records: list[timing.Record]) -> str:
    """Markdown: by load the share that was kept; by budget and load the seconds."""
    good = [r for r in records if "seconds" in r and r.get("score") is not None
            and not r.get("disturbed")]  # fmt: skip
    lines = ["| busy loops | runs | kept (10 % + 5 s) | latest, beyond the budget |",
             "|---|---|---|---|"]  # fmt: skip
    for count in sorted({r["loops"] for r in good}):
        some = [r for r in good if r["loops"] == count]
        kept = sum(map(is_kept, some))
        late = max(some, key=lambda r: r["seconds"] - r["budget"])
        over = f"{late['seconds'] - late['budget']:+.1f} s ({late['set']}, {late['budget']:g} s)"
        lines.append(f"| {count} | {len(some)} | {kept} ({kept / len(some):.0%}) | {over} |")
    loops = sorted({r["loops"] for r in good})
    heads = [f"{count} loops: seconds, median (most), score" for count in loops]
    lines += ["", "| set | rows | budget | " + " | ".join(heads) + " |",
              "|---" * (3 + len(loops)) + "|"]  # fmt: skip
    for name, rows, budget in sorted({(r["set"], r["rows"], r["budget"]) for r in good}):
        texts = []
        for count in loops:
            some = [r for r in good if (r["set"], r["rows"], r["budget"], r["loops"])
                    == (name, rows, budget, count)]  # fmt: skip
            seconds = [r["seconds"] for r in some]
            scores = [r["score"] for r in some]
            texts.append(f"{median(seconds):.1f} ({max(seconds):.1f}), {median(scores):.3f}"
                         if some else "-")  # fmt: skip
        lines.append(f"| {name} | {rows} | {budget:g} s | {' | '.join(texts)} |")
    disturbed = sum(bool(r.get("disturbed")) for r in records)
    if disturbed:
        lines.append(f"\n{disturbed} runs disturbed by other processes, left out.")
    failures = {str(r.get("refused") or r.get("over_seconds"))
                for r in records if r.get("score") is None}  # fmt: skip
    lines += [f"\nwithout a score: {reason}" for reason in sorted(failures)]
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "budgets", rounds=2)
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=NAMES, help="only these")
    parser.add_argument("--budgets", nargs="+", type=float, default=BUDGETS, help="seconds")
    parser.add_argument("--loops", nargs="+", type=int, default=LOOPS, help="busy processes")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
