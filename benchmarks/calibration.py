"""Does the calibration error fall on real sets, and does transformers' pipeline give those scores?

    python benchmarks/calibration.py --data ../data [--sets sst2 ...]     a cell a set (resumable)

A cell trains on 600 rows (a part of them is validation, where the temperature is fitted) and judges
on rows that neither has seen: calibration error, negative log-likelihood and Brier score with the
temperature and without, and how far the pipeline's scores are from weitiao's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "2026-11-24-calibration.json"
SETS = ("sst2", "trec6", "sms_spam", "chnsenticorp", "thucnews")
ROWS, SEED, BUDGET, ASKED = 600, 1, 100.0, 100


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    for name in options.sets:
        if name in found:
            continue
        found[name] = run(name, options.data)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(found[name]), flush=True)


def run(name: str, data_dir: Path) -> dict[str, Any]:
    """Train, calibrate on validation, judge on other rows."""
    import sets
    from weitiao.api.calibrate import calibrate_in
    from weitiao.api.evaluation_rows import rows_to_evaluate
    from weitiao.core.clock import awake
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load
    from weitiao.evaluation.calibration import quality
    from weitiao.evaluation.evaluate import evaluate
    from weitiao.planning.advise import Wish, advise
    from weitiao.run import Run
    from weitiao.training.budget import Clock
    from weitiao.training.run import train

    begun = awake()
    sets.SETS["thucnews"] = sets.Kind(
        "thucnews_titles/dev.txt", "thucnews_titles/test.txt", _read_titles, 1000, 2000, "e5-small",
        "zh",
    )  # fmt: skip
    train_rows, test_rows, info = sets.load(name, ROWS, SEED, data_dir)
    source = from_rows(train_rows, name)
    wish = Wish(
        path=f"memory:{source.fingerprint}", roles={"text": "text", "target": "label"},
        task=info["task"], model=info["checkpoint"], seed=SEED, budget=BUDGET,
        changes={"data.test_size": 0.0, "data.validation_size": 0.2, "model.max_length": 96},
    )  # fmt: skip
    plan = advise(wish, source).plan
    data = load(plan.data, plan.task_name, source)
    with tempfile.TemporaryDirectory() as folder:
        made = Run.create(folder, "cell", plan)
        outcome = train(plan, data, made, clock=Clock(BUDGET))
        model, told = calibrate_in(made, outcome.model, data.validation)
        report, answers = evaluate(model, rows_to_evaluate(model, from_rows(test_rows), {}, []))
        apart = _apart(made.best, model, test_rows[:ASKED])
    judged, divisor = answers.answers, told.temperature
    before = quality(judged.tempered(divisor))
    return {
        "train_rows": len(data.train), "validation_rows": told.rows, "test_rows": report.rows,
        "checkpoint": info["checkpoint"], "rows_fingerprint": info["fingerprint"],
        "accuracy": report.metrics["accuracy"], "temperature": divisor,
        "before": before.plain(), "after": quality(judged).plain(),
        "pipeline_differs_by": apart, "seconds": round(awake() - begun, 1),
        "made": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def _read_titles(path: Path) -> list[dict[str, Any]]:
    """Headlines, a tab, the number of the topic."""
    pairs = (line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return [{"text": text.strip(), "label": f"topic {number}"} for text, number in pairs]


def _apart(best: Path, model: Any, rows: list[dict[str, Any]]) -> float:
    """The largest distance of a score of transformers' pipeline from weitiao's."""
    from transformers import pipeline

    pipe = pipeline("text-classification", model=str(best), truncation=True, top_k=None)
    ours = model.predict_proba([row["text"] for row in rows])
    theirs = pipe([row["text"] for row in rows])
    return max(
        abs(item["score"] - float(ours[at, model.task.choices.index(item["label"])]))
        for at, items in enumerate(theirs)
        for item in items
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets")
    parser.add_argument("--sets", nargs="*", default=SETS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
