"""Two texts read together, or each alone and compared by the cosine: which tells more?

    python benchmarks/similarity.py --data ../data    # goes on where it stopped
    python benchmarks/similarity.py --table

A cell is (way, seed): SICK's relatedness by minilm-l6, 960 rows to learn from (a part of them is
validation), three epochs at 1e-4, 500 rows of the test file judged. The seed draws the rows and
starts the head.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import task_sets
import timing

SCRIPT = Path(__file__).resolve()
ROWS, JUDGED, SEEDS = 960, 500, (1, 2, 3)
WAYS: dict[str, dict[str, Any]] = {
    "pair, native head": {"task": {"similarity": {"way": "pair"}}},
    "pair, mean of the tokens": {
        "task": {"similarity": {"way": "pair"}},
        "model.head": {"pooled": {"pooling": "mean"}},
    },
    "pair, mean of all layers": {
        "task": {"similarity": {"way": "pair"}},
        "model.head": {"weighted_layers": {"pooling": "mean"}},
    },
    "cosine": {
        "task": {"similarity": {"way": "cosine"}},
        "model.head": {"cosine": {}},
    },
}


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [{"way": way, "seed": seed} for seed in given.seeds for way in WAYS]
    found = timing.run_cells(cells, given.results, timing.runner(SCRIPT, given), given.minutes)
    print(table(found))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The pairs of one of SICK's files with their score of 1 to 5."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {"text": row["sentence_A"], "text_pair": row["sentence_B"],
             "label": float(row["relatedness_score"])}
            for row in csv.DictReader(file, delimiter="\t")
        ]  # fmt: skip


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train and judge one cell."""
    import weitiao
    from weitiao.planning.advise import Wish, advise

    epochs.use_threads(job["threads"])
    folder = Path(job["data"]) / "sick"
    train, test = rows_of(folder / "SICK_train.txt"), rows_of(folder / "SICK_test_annotated.txt")
    random.Random("sick judged").shuffle(test)
    random.Random(f"sick {job['seed']}").shuffle(train)
    changes = {
        "data.test_size": 0.0,
        "model.max_length": 128,
        "train.epochs": 3,
        "train.learning_rate": 1e-4,
        "train.batch_size": 32,
        **WAYS[job["way"]],
    }
    with tempfile.TemporaryDirectory() as place:
        rows = task_sets.write(train[:ROWS], Path(place) / "train.jsonl")
        judged = task_sets.write(test[:JUDGED], Path(place) / "judged.jsonl")
        wish = Wish(path=str(rows), task="similarity", model="minilm-l6", seed=job["seed"],
                    changes=changes)  # fmt: skip
        fitted = weitiao.train(advise(wish).plan, out=place)
        report, _, _ = weitiao.evaluate(fitted.run.folder, str(judged))
    kept = {name: float(report.metrics[name]) for name in ("pearson", "spearman", "mae")}
    return {**kept, "rows": ROWS, "judged": JUDGED, "epochs": 3}


def table(records: list[timing.Record]) -> str:
    """Markdown: the means over the seeds, and the lowest and highest Pearson."""
    lines = ["| way | seeds | Pearson | lowest to highest | Spearman | MAE |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    good = [r for r in records if timing.has_figures(r)]
    for way in dict.fromkeys(r["way"] for r in good):
        some = [r for r in good if r["way"] == way]
        mean = {name: np.mean([r[name] for r in some]) for name in ("pearson", "spearman", "mae")}
        each = [r["pearson"] for r in some]
        lines.append(
            f"| {way} | {len(some)} | {mean['pearson']:.3f} | {min(each):.3f} to {max(each):.3f}"
            f" | {mean['spearman']:.3f} | {mean['mae']:.3f} |"
        )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "similarity", rounds=1, days=True)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
