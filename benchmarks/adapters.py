"""Does LoRA learn as well as all weights do, and what does it hold meanwhile?

    python benchmarks/adapters.py --data ../data --minutes 60    # goes on where it stopped
    python benchmarks/adapters.py --table                        # shares of the score and of bytes
    python benchmarks/adapters.py --rows 300 --epochs 1 ...      # smaller, for a first look

A cell is (checkpoint, rows of sst2, epochs, seed, way): e5-small and SmolLM2-135M, all weights or
LoRA, by weitiao's own plan for each way (so LoRA's rate is higher). Bytes are those of gradients
and of the optimizer's state, counted where they are most: just before the last step of the
optimizer, and after it.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import ratios
import sets
import timing

SCRIPT = Path(__file__).resolve()
SEEDS = (1, 2, 3)
ROWS, EPOCHS = 2000, 3.0
CHECKPOINTS = ("e5-small", "smollm2-135m")
WAYS: dict[str, dict[str, Any]] = {"all weights": {}, "lora": {"model.adapter": {"lora": {}}}}


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    wanted = list(cells(given.checkpoints, given.rows, given.epochs, given.seeds))
    print(
        table(timing.run_cells(wanted, given.results, timing.runner(SCRIPT, given), given.minutes))
    )


def cells(
    checkpoints: list[str], rows: int, passes: float, seeds: list[int]
) -> Iterator[timing.Record]:
    """Seed by seed, both ways of a pair one after the other."""
    for seed in seeds:
        for checkpoint in checkpoints:
            for way in WAYS:
                yield {"checkpoint": checkpoint, "rows": rows, "epochs": passes, "seed": seed,
                       "way": way}  # fmt: skip


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: plan, train and judge one cell."""
    import tempfile

    from torch.optim import optimizer

    from weitiao.api.evaluation_rows import rows_to_evaluate
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load
    from weitiao.evaluation.evaluate import evaluate
    from weitiao.planning.advise import Wish, advise
    from weitiao.run import Run
    from weitiao.training.run import train

    epochs.use_threads(job["threads"])
    train_rows, test_rows, info = sets.load("sst2", job["rows"], job["seed"], Path(job["data"]))
    source = from_rows(train_rows, "sst2")
    wish = Wish(
        path=f"memory:{source.fingerprint}", roles={"text": "text", "target": "label"},
        task="classification", model=job["checkpoint"], seed=job["seed"],
        changes={"data.test_size": 0.0, "train.epochs": job["epochs"], "model.max_length": 64,
                 "train.evaluations": 2, **WAYS[job["way"]]},
    )  # fmt: skip
    plan = advise(wish, source).plan
    held: dict[str, int] = {}

    def before(used: Any, *_: Any) -> None:
        params = [p for group in used.param_groups for p in group["params"] if p.grad is not None]
        held["gradients"] = sum(_bytes(p.grad) for p in params)
        held["weights_that_learn"] = sum(p.numel() for p in params)

    def after(used: Any, *_: Any) -> None:
        states = [v for values in used.state.values() for v in values.values()]
        held["optimizer"] = sum(_bytes(value) for value in states if hasattr(value, "numel"))

    optimizer.register_optimizer_step_pre_hook(before)
    optimizer.register_optimizer_step_post_hook(after)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(folder, "cell", plan)
        outcome = train(plan, load(plan.data, plan.task_name, source), run)
        rows = rows_to_evaluate(outcome.model, from_rows(test_rows, "test"), {}, [])
        report, _ = evaluate(outcome.model, rows)
    return {
        "score": report.metrics["accuracy"], "test_rows": report.rows, "validation": outcome.score,
        "learning_rate": plan.train.learning_rate, "rows_fingerprint": info["fingerprint"],
        "train_seconds": round(outcome.seconds, 1), "bytes": held,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "expected_mb": plan.expect["memory_mb"], "threads": job["threads"],
    }  # fmt: skip


def _bytes(tensor: Any) -> int:
    if tensor.is_sparse:
        return int(_bytes(tensor.indices()) + _bytes(tensor.values()))
    return int(tensor.numel() * tensor.element_size())


def table(records: list[timing.Record]) -> str:
    """Markdown: each pair's means over seeds, and LoRA's share of the score and of the bytes."""
    lines = [
        "| checkpoint | rows | epochs | seeds | all weights | LoRA | share | MB, all | MB, LoRA |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    good = [r for r in records if timing.is_good(r)]
    for key in dict.fromkeys((r["checkpoint"], r["rows"], r["epochs"]) for r in good):
        found = {(r["way"], r["seed"]): r for r in good
                 if (r["checkpoint"], r["rows"], r["epochs"]) == key}  # fmt: skip
        seeds = [seed for way, seed in found if way == "lora" and ("all weights", seed) in found]
        if not seeds:
            continue
        scores, held = [], []
        for way in WAYS:
            scores.append(np.mean([found[way, seed]["score"] for seed in seeds]))
            each = [found[way, seed]["bytes"] for seed in seeds]
            held.append(np.mean([b["gradients"] + b["optimizer"] for b in each]) / 1e6)
        lines.append(
            f"| {key[0]} | {key[1]} | {key[2]:g} | {len(seeds)} | {scores[0]:.4f} | {scores[1]:.4f}"
            f" | {scores[1] / scores[0]:.1%} | {held[0]:.1f} | {held[1]:.1f} |"
        )
    failed = {ratios.reason(r) for r in records if not timing.has_figures(r)}
    return "\n".join([*lines, *sorted(failed)])


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "adapters", rounds=1, days=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--checkpoints", nargs="*", default=list(CHECKPOINTS))
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
