"""weitiao's own defaults on exactly the rows of quality_trainer.py, and how far both differ.

    python benchmarks/quality_weitiao.py --data ../data --threads 1    # goes on where it stopped
    python benchmarks/quality_weitiao.py --table                       # and the pooled difference

A cell is (set, rows, seed). The plan is made from the training rows alone; validation rows are
split off from them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import quality_trainer
import sets
import timing

SCRIPT = Path(__file__).resolve()
LONGEST = 128  # tokens, as the reference has


def main() -> None:
    given = quality_trainer.options(__doc__, "quality_weitiao")
    if timing.is_served(given, act, table):
        return
    wanted = quality_trainer.asked(given)
    print(
        table(timing.run_cells(wanted, given.results, timing.runner(SCRIPT, given), given.minutes))
    )


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: one cell by the defaults."""
    epochs.use_threads(job["threads"])
    return run((job["set"], job["rows"], job["seed"]), Path(job["data"]), {})


def run(cell: tuple[str, int, int], data_dir: Path, changes: dict[str, Any]) -> timing.Record:
    """Plan, train and judge one cell; the record that is stored. changes: of the plan."""
    from weitiao.api.inputs import rows_of
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load
    from weitiao.evaluation.evaluate import evaluate
    from weitiao.planning.advise import Wish, advise
    from weitiao.run import Run
    from weitiao.training.run import train

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
    plan = advise(wish, source).plan
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


def table(ours: list[timing.Record]) -> str:
    """Markdown: both scores of each set, and the pooled paired difference in points (x 100)."""
    stored = timing.newest(timing.dated("quality_trainer"))
    theirs = {_key(r): r for r in timing.read_records(stored) if timing.has_figures(r)}
    pairs = [(r, theirs[_key(r)]) for r in ours if timing.has_figures(r) and _key(r) in theirs]
    lines = ["| set | rows | weitiao | Trainer | seeds |", "|---|---|---|---|---|"]
    for mine, other in pairs:
        assert mine["rows_fingerprint"] == other["rows_fingerprint"], f"{_key(mine)}: other rows"
    for name, rows in dict.fromkeys((r["set"], r["rows"]) for r, _ in pairs):
        some = [(a["score"], b["score"]) for a, b in pairs if (a["set"], a["rows"]) == (name, rows)]
        mine, other = np.mean(some, axis=0)
        lines.append(f"| {name} | {rows} | {mine:.3f} | {other:.3f} | {len(some)} |")
    small = [one for one in pairs if one[0]["rows"] == quality_trainer.SMALL_ROWS]
    full = [one for one in pairs if one not in small]
    labels = [one for one in full if one[0]["metric"] == "accuracy"]
    for told, some in (("200 rows", small), ("full size", full), ("full size, labels", labels)):
        if some:
            lines.append(_pooled(told, [100 * (a["score"] - b["score"]) for a, b in some]))
    return "\n".join(lines)


def _pooled(told: str, gains: list[float]) -> str:
    draws = np.random.default_rng(0).choice(gains, (10_000, len(gains))).mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    mean = np.mean(gains)
    return f"\n{told}, {len(gains)} pairs: {mean:+.2f} points, 95 % {low:+.2f} to {high:+.2f}"


def _key(record: Mapping[str, Any]) -> tuple[str, int, int]:
    return record["set"], record["rows"], record["seed"]


if __name__ == "__main__":
    main()
