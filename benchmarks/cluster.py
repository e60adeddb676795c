"""What does a Ray cluster cost on one machine: training by 1, 2, 4 workers, a million predictions?

    python benchmarks/cluster.py --data ../data             # needs pip install "weitiao[ray]"
    python benchmarks/cluster.py --data ../data --what predict --rows 1000000
    python benchmarks/cluster.py --table

`learn`: minilm-l6 on sst2, batches of 128 rows divided among workers of one thread each; seconds of
an update and bytes over the loopback interface, from the first update that is seen to the last.
`predict`: short texts by the first layer of minilm-l6, two workers; peak memory of this process and
of each worker. More workers than processors share them, so four on two cores show what they send.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hit_rates
import timing

SCRIPT = Path(__file__).resolve()
BATCH, UPDATES, SEED = 128, 12, 7
WORKERS = (1, 2, 4)


def main() -> None:
    options = parse()
    if timing.is_served(options, act, table):
        return
    store = timing.store_of(options.store) / "cluster"
    store.mkdir(exist_ok=True)
    env = {**timing.home_env(store, 1), "RAY_worker_niceness": "0"}

    def run(cell: timing.Record) -> timing.Record:
        job = {**cell, "data": str(options.data), "store": str(store)}
        begun = timing.mark()
        found = timing.in_fresh_process([sys.executable, str(SCRIPT)], job, env)
        return {**found, "whole": timing.between(begun, timing.mark())}

    print(table(timing.run_cells(cells(options), options.results, run, options.minutes)))


def cells(options: argparse.Namespace) -> Iterator[timing.Record]:
    if options.what in ("both", "learn"):
        for workers in WORKERS:
            yield {"what": "learn", "workers": workers, "rows": UPDATES * BATCH * 10 // 9}
    if options.what in ("both", "predict"):
        yield {"what": "predict", "workers": 2, "rows": options.rows}


def act(job: Any) -> timing.Record:
    return {"learn": learned, "predict": predicted}[job["what"]](job)


def learned(job: Any) -> timing.Record:
    """Seconds and bytes of an update."""
    import weitiao

    plan = _plan(job, "minilm-l6", job["rows"], {"train.linear_start": False})
    seen: list[tuple[int, float, int]] = []

    def watch(progress: Any, _left: float) -> None:
        seen.append((progress.step, time.monotonic(), _loopback_bytes()))

    _start(job["workers"])
    fitted = weitiao.train_on_cluster(
        plan, workers=job["workers"], out=Path(job["store"]) / "runs", watch=watch
    )
    (first, begun, before), (last, ended, after) = seen[0], seen[-1]
    return {
        "updates": fitted.run.status().total,
        "timed_updates": last - first,
        "update_seconds": (ended - begun) / max(last - first, 1),
        "update_mb": (after - before) / max(last - first, 1) / 1e6,
    }


def predicted(job: Any) -> timing.Record:
    """Seconds and peak memory of a bulk prediction."""
    import psutil

    import weitiao

    plan = _plan(job, "minilm-l6/1", 200, {})
    run = weitiao.train(plan, out=Path(job["store"]) / "runs", threads=1).run.folder
    path, out = Path(job["store"]) / "many.csv", Path(job["store"]) / "answers.csv"
    _write_many(job, path)
    peaks: dict[str, float] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            for process in psutil.process_iter(["name", "cmdline", "memory_info", "pid"]):
                name = " ".join(process.info["cmdline"] or ())
                own = process.info["pid"] == os.getpid()
                if (own or "_Worker" in name) and process.info["memory_info"]:
                    size = process.info["memory_info"].rss - process.info["memory_info"].shared
                    key = "driver" if own else f"worker {process.info['pid']}"
                    peaks[key] = max(peaks.get(key, 0.0), size / 1e6)

    _start(job["workers"])
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    begun, came = time.monotonic(), []
    count = weitiao.predict_on_cluster(
        run, str(path), out, workers=job["workers"], force=True,
        step=lambda _rows: came.append(time.monotonic()),
    )  # fmt: skip
    ended.set()
    thread.join()
    with out.open(encoding="utf-8", newline="") as file:
        numbers = [row["number"] for row in csv.DictReader(file)]
    workers = [value for key, value in peaks.items() if key != "driver"]
    return {
        "predicted": count,
        "seconds": came[-1] - begun,
        "rows_a_second": (count - count / len(came)) / max(came[-1] - came[0], 1e-9),
        "in_order": numbers == [str(number) for number in range(count)],
        "driver_mb": peaks.get("driver", 0.0),
        "worker_mb": max(workers, default=0.0),
        "file_mb": path.stat().st_size / 1e6,
    }


def _start(workers: int) -> None:
    """A cluster on this machine with a place for each worker."""
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")


def _plan(job: Any, model: str, rows: int, changes: dict[str, Any]) -> Any:
    import weitiao

    here = {**job, "set": "sst2", "model": model, "rows": rows, "epochs": 1}
    files, _judged = hit_rates.files(here)
    return weitiao.plan(
        str(files), model=hit_rates.checkpoint(here), threads=1,
        changes={"train.epochs": 1, "train.batch_size": BATCH, "train.evaluations": 1,
                 "train.refit": "never", "data.validation_size": 0.1, "model.max_length": 64,
                 "evaluate.baselines": False, "evaluate.findings": False, **changes},
    )  # fmt: skip


def _write_many(job: Any, path: Path) -> None:
    here = {**job, "set": "sst2", "model": "minilm-l6/1", "rows": 200, "epochs": 1}
    with hit_rates.files(here)[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    role = next(name for name in rows[0] if name != "label")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([role, "number"])
        for number in range(job["rows"]):
            words = rows[number % len(rows)][role].split()[:8]
            writer.writerow([f"{' '.join(words)} {number}", number])


def _loopback_bytes() -> int:
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines():
        name, _colon, figures = line.partition(":")
        if name.strip() == "lo":
            return int(figures.split()[8])  # sent
    return 0


def table(records: list[timing.Record]) -> str:
    """Markdown: training by workers, then predictions."""
    lines = ["| workers | seconds an update | MB an update |", "|---|---|---|"]
    for one in records:
        if "update_seconds" in one:
            lines.append(
                f"| {one['workers']} | {one['update_seconds']:.2f} | {one['update_mb']:.0f} |"
            )
    for one in records:
        if "predicted" in one:
            order = "in order" if one["in_order"] else "OUT OF ORDER"
            lines.append(
                f"\n{one['predicted']:,} rows ({one['file_mb']:.0f} MB), {one['workers']} workers, "
                f"{order}: {one['seconds']:.0f} s, {one['rows_a_second']:,.0f} rows a second; at "
                f"most {one['driver_mb']:.0f} MB here, {one['worker_mb']:.0f} MB a worker"
            )
    return "\n".join(lines) if len(lines) > 2 else "nothing is stored"


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "cluster", rounds=1)
    parser.add_argument("--what", default="both", choices=["both", "learn", "predict"])
    parser.add_argument("--rows", type=int, default=1_000_000, help="to predict")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
