"""Do two processes of one thread learn nearly twice as fast as one?

    python benchmarks/processes.py --data ../data          # 2,048 rows of sst2, batches of 128
    python benchmarks/processes.py --table

Both runs see the same rows in batches of 128 (over all processes) and exchange gradients by gloo,
started by torchrun. Timed as in train_speed.py; the processor time of all ranks counts as ours.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import epochs
import ratios
import timing

SCRIPT = Path(__file__).resolve()
BATCH = 128
COUNTS = {"1 process": 1, "2 processes": 2}


def table(records: list[timing.Record]) -> str:
    """Markdown: two processes of one thread beside one."""
    return ratios.table(records, ["2 processes"], "tokens/s")


def main() -> None:
    given = _options()
    if timing.is_served(given, rank, table):
        return
    store = timing.store_of(given.store)
    env = {**timing.home_env(store, 1), "ACCELERATE_USE_CPU": "true"}

    def launch(count: int, rows: int) -> timing.Record:
        with tempfile.TemporaryDirectory(dir=store) as folder:
            job = {"set": given.set, "rows": rows, "data": str(given.data), "threads": 1,
                   "batch": BATCH, "changes": timing.changes_of(given.changes),
                   "folder": folder}  # fmt: skip
            port = str(29_500 + os.getpid() % 500)
            told = timing.in_fresh_process(
                [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(count),
                 "--master_port", port, str(SCRIPT)],
                job, env,
            )  # fmt: skip
            return told if not timing.has_figures(told) else together(Path(folder), count)

    ready: list[int] = []

    def run(cell: timing.Record) -> timing.Record:
        count = COUNTS[cell["contender"]]
        if count not in ready:  # compiles, probes, fills the cache
            ready.append(count)
            launch(count, BATCH * 2)
        return launch(count, cell["rows"])

    timing.run_cells(cells(given), given.results, run, given.minutes)


def cells(given: argparse.Namespace) -> Iterator[timing.Record]:
    changes = f", {given.changes}" if given.changes else ""
    for number in range(1, given.rounds + 1):
        for contender in COUNTS:
            yield {
                "work": f"{given.set}, {given.rows:,} rows, batch {BATCH}{changes}",
                "rows": given.rows,
                "round": number,
                "contender": contender,
            }


def rank(job: Mapping[str, Any]) -> timing.Record:
    """In each of the processes: the epoch; what it saw goes into the folder."""
    found = epochs.weitiao(job, Path(job["folder"]))
    file = Path(job["folder"]) / f"rank-{os.environ['RANK']}.json"
    file.write_text(json.dumps(found), encoding="utf-8")
    return found


def together(folder: Path, count: int) -> timing.Record:
    """The figures of all ranks: from the first that began to the last that ended."""
    found = [
        json.loads((folder / f"rank-{number}.json").read_text(encoding="utf-8"))
        for number in range(count)
    ]
    begin = min((timing.Mark(**f["marks"][0]) for f in found), key=lambda one: one.clock)
    end = max((timing.Mark(**f["marks"][1]) for f in found), key=lambda one: one.clock)
    own = sum(f["own_cpu_seconds"] for f in found)
    tokens = found[0]["rate"] * found[0]["seconds"]
    about = {**found[0]["about"], "processes": count}
    return {**timing.between(begin, end, own), "rate": tokens / (end.clock - begin.clock),
            "updates": found[0]["updates"], "about": about, "told": found[0]["told"]}  # fmt: skip


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "processes", rounds=5)
    parser.add_argument("--set", default="sst2", choices=epochs.WORKS)
    parser.add_argument("--rows", type=int, default=2048, help="whole batches of 128")
    parser.add_argument("--changes", default="", help='plan changes, "train.layout=packed ..."')
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
