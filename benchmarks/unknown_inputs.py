"""Which score recognizes inputs of labels that a classifier never saw, and do held-out labels
choose it well?

    python benchmarks/unknown_inputs.py --data ../data    # goes on where it stopped
    python benchmarks/unknown_inputs.py --table

A cell is (set, seed): a quarter of the labels, drawn by the seed, are unknown inputs. `frozen` is
the AUROC by held-out labels before training (what `evaluate.unknown: auto` sees without such rows);
`trained` that of the fine-tuned model on test rows: known ones against those of the unknown labels.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import sets
import weitiao
from weitiao.api.unknown import fitted_gaussians, held_out_choice, read_rows
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.evaluation.unknown import auroc, fpr_at_tpr
from weitiao.model.model import Model
from weitiao.model.unknown import SCORES, detection_scores

SETS = ("banking77", "trec6", "thucnews_titles")
SEEDS = (1, 2, 3)
ROWS, TEST_ROWS, EPOCHS = 800, 600, 3
UNKNOWN_SHARE = 0.25  # of the labels
RESULTS = Path(__file__).parent / "results" / "2026-11-29-unknown_inputs.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../data"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="show what is measured")
    options = parser.parse_args()
    path = options.results
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    done = {(one["set"], one["seed"]) for one in records}
    for name in [] if options.table else options.sets:
        for seed in options.seeds:
            if (name, seed) not in done:
                records.append(cell(name, seed, options.data))
                path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    show(records)


def cell(name: str, seed: int, data: Path) -> dict[str, Any]:
    """Figures of one draw of unknown labels."""
    train, judged, info = sets.load(name, ROWS, seed, data)
    labels = sorted(info["labels"])
    unknown = random.Random(seed).sample(labels, max(1, round(UNKNOWN_SHARE * len(labels))))
    rows = [{"text": row["text"], "label": row["label"]} for row in train]
    tested = [{"text": row["text"], "label": row["label"]} for row in judged[:TEST_ROWS]]
    changes = {
        "evaluate.unknown": "mahalanobis", "data.labels.unknown": unknown, "data.test_size": 0.0,
        "train.epochs": EPOCHS, "train.refit": "never", "evaluate.baselines": False,
        "evaluate.findings": False,
    }  # fmt: skip
    plan = weitiao.plan(rows, model=info["checkpoint"], seed=seed, changes=changes)
    begun = time.monotonic()
    source = from_rows(rows)
    parts = load(plan.data, plan.task_name, source)
    frozen = held_out_choice(Model.start(plan, parts.train, parts.validation), parts.train)
    choice_seconds = time.monotonic() - begun
    with tempfile.TemporaryDirectory() as folder:
        fitted = weitiao.fit(rows, model=info["checkpoint"], seed=seed, changes=changes, out=folder)
        model = Model.load(fitted.run.best)
    other = load(plan.data.model_copy(update={"labels": type(plan.data.labels)()}),
                 plan.task_name, from_rows(tested))  # fmt: skip
    all_rows = [part for part in (other.train, other.validation) if part is not None]
    gaussians = fitted_gaussians(model, parts.train)
    logits, features, gold = [], [], []
    for part in all_rows:
        one, two = read_rows(model, part)
        logits.append(one)
        features.append(two)
        gold += [str(target) for target in part.targets()]
    is_known = ~np.isin(np.array(gold), unknown)
    figures = {}
    for score in SCORES:
        values = detection_scores(
            score, np.concatenate(logits), np.concatenate(features), gaussians
        )
        known, strange = values[is_known], values[~is_known]
        figures[score] = {"auroc": auroc(known, strange), "fpr95": fpr_at_tpr(known, strange)}
    assert model.detector is not None
    refused = model.detector.refuses(model.detector.p_values(-gaussians.distances(
        np.concatenate(features))))  # fmt: skip
    return {
        "set": name, "seed": seed, "date": datetime.now(UTC).date().isoformat(),
        "checkpoint": info["checkpoint"], "head": next(iter(model.head)),
        "labels": len(labels), "unknown_labels": len(unknown), "train": len(parts.train),
        "validation": len(parts.validation), "known": int(is_known.sum()),
        "unknown": int((~is_known).sum()), "frozen": frozen.aurocs, "trained": figures,
        "choice_seconds": round(choice_seconds, 1),
        "mahalanobis_refused": {"known": float(refused[is_known].mean()),
                                "unknown": float(refused[~is_known].mean())},
    }  # fmt: skip


def show(records: list[dict[str, Any]]) -> None:
    """A line a set: means over the seeds."""
    for name in dict.fromkeys(one["set"] for one in records):
        cells = [one for one in records if one["set"] == name]
        for score in SCORES:
            frozen = np.mean([one["frozen"].get(score, np.nan) for one in cells])
            trained = np.mean([one["trained"][score]["auroc"] for one in cells])
            fpr = np.mean([one["trained"][score]["fpr95"] for one in cells])
            print(
                f"{name:16} {score:16} frozen {frozen:.3f}  trained {trained:.3f}  fpr95 {fpr:.3f}"
            )


if __name__ == "__main__":
    main()
