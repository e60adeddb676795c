"""weitiao's own defaults on exactly the rows of quality_trainer.py, and how far both differ.

    python benchmarks/quality_weitiao.py --data ../data             run the cells (resumable)
    python benchmarks/quality_weitiao.py --compare                  the pooled paired difference

A cell is (set, rows, seed). The plan is made from the training rows alone; validation rows are
split off from them. `--changes train.epochs=3` tries other settings (give another --results).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from quality_trainer import Cell, cells
from timing import changes_of, read_records, write_records

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "quality_weitiao.json"
REFERENCE = HERE / "results" / "quality_trainer.json"
LONGEST = 128  # tokens, as the reference has


def main() -> None:
    options = _options()
    if options.compare:
        compare(read_records(options.results), read_records(REFERENCE))
        return
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    done = read_records(options.results)
    finished = {(record["set"], record["rows"], record["seed"]) for record in done}
    end = time.monotonic() + 60 * options.minutes
    for cell in [cell for cell in cells() if cell not in finished and _is_asked(cell, options)]:
        if time.monotonic() > end:
            break
        record = run(cell, options.data, changes_of(shlex.join(options.changes)))
        done.append(record)
        write_records(options.results, done)
        shown = {key: record[key] for key in ("metric", "score", "train_seconds", "epochs")}
        print(f"{time.strftime('%H:%M:%S')} {cell} {shown}", flush=True)


def run(cell: Cell, data_dir: Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Plan, train and judge one cell; the record that is stored."""
    import sets
    from weitiao import Wish, make_plan
    from weitiao.data.data import load
    from weitiao.data.table import from_rows
    from weitiao.evaluate.evaluate import evaluate
    from weitiao.run import Run
    from weitiao.train.train import train
    from weitiao.verbs.judging import rows_of

    name, count, seed = cell
    begun = time.perf_counter()
    train_rows, test_rows, info = sets.load(name, count, seed, data_dir)
    source = from_rows(train_rows, name)
    roles = {
        "text": "text",
        "target": "label",
        **({"text_pair": "text_pair"} if info["pair"] else {}),
    }
    wish = Wish(path=f"memory:{source.fingerprint}", roles=roles, task=info["task"],
                model=info["checkpoint"], seed=seed, changes={"data.test_size": 0.0})  # fmt: skip
    plan = make_plan(wish, source).plan
    plan = plan.with_({"model.max_length": min(LONGEST, plan.model.max_length)})
    plan = plan.with_(changes)
    data = load(plan.data, plan.task_name, source)
    with tempfile.TemporaryDirectory() as folder:
        outcome = train(plan, data, Run.create(folder, "cell", plan))
        model = outcome.model
        model = type(model)(model.net, model.tokenizer, model.task, model.plan.with_(
            {"evaluate.metrics": []}))  # fmt: skip
        report, _ = evaluate(model, rows_of(model, from_rows(test_rows, "test"), labelled=True))
    return {
        "set": name, "rows": count, "seed": seed, "test_rows": report.rows,
        "metric": report.primary, "score": report.metrics[report.primary],
        "metrics": dict(report.metrics), "validation": outcome.score,
        "train_seconds": round(outcome.seconds, 2),
        "seconds": round(time.perf_counter() - begun, 2),
        "epochs": plan.train.epochs, "learning_rate": plan.train.learning_rate,
        "batch_size": plan.train.batch_size, "max_length": plan.model.max_length,
        "rows_fingerprint": info["fingerprint"], "changes": changes,
    }  # fmt: skip


def compare(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Points (x 100) by set, and pooled over (set, seed) with a 95 % bootstrap interval."""
    reference = {(r["set"], r["rows"], r["seed"]): r for r in theirs}
    for small in (True, False):
        gains, by_set = [], {}
        for record in ours:
            key = (record["set"], record["rows"], record["seed"])
            other = reference.get(key)
            if other is None or (record["rows"] == 200) != small:
                continue
            assert other["rows_fingerprint"] == record["rows_fingerprint"], f"{key}: other rows"
            gains.append(100 * (record["score"] - other["score"]))
            by_set.setdefault(record["set"], []).append((record["score"], other["score"]))
        if not gains:
            continue
        print("200 rows" if small else "full size", f"({len(gains)} cells)")
        for name, pairs in by_set.items():
            mine, other = np.mean(pairs, axis=0)
            print(f"  {name:13} weitiao {mine:.4f}  trainer {other:.4f}  ({len(pairs)} seeds)")
        draws = np.random.default_rng(0).choice(gains, (10_000, len(gains))).mean(1)
        low, high = np.percentile(draws, [2.5, 97.5])
        told = f"95 % [{low:+.2f}, {high:+.2f}]"
        print(f"  pooled paired difference {np.mean(gains):+.2f} points, {told}")


def _is_asked(cell: Cell, options: argparse.Namespace) -> bool:
    wanted = (options.sets, options.rows, options.seeds)
    return all(chosen is None or part in chosen for part, chosen in zip(cell, wanted, strict=True))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the labelled sets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--minutes", type=float, default=1e9, help="start no cell after this time")
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--rows", type=int, nargs="*")
    parser.add_argument("--seeds", type=int, nargs="*")
    parser.add_argument("--changes", nargs="*", default=[], help="plan changes, path=value")
    parser.add_argument("--compare", action="store_true", help="compare what is stored")
    return parser.parse_args()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
