"""Reference scores: the Hugging Face `Trainer` with the settings of its classification example.

    python benchmarks/quality_trainer.py --data ../shared/data --threads 1

A cell is (set, training rows, seed). Each finished cell is written to the results file at once,
and a cell that stands there is not run again. The seed picks the training rows and starts the new
head, the shuffling and dropout. The model after the last step is judged; no row of the test set
has any say in it.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from timing import read_records, write_records

SETTINGS: dict[str, Any] = {
    "learning_rate": 2e-5,
    "per_device_train_batch_size": 32,
    "num_train_epochs": 3,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0,
    "weight_decay": 0.0,
}
MAX_LENGTH = 128
SMALL_ROWS = 200
SEEDS = (1, 2, 3, 4, 5)
RESULTS = Path(__file__).parent / "results" / "quality_trainer.json"

Cell = tuple[str, int, int]


def main() -> None:
    options = _options()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    done = read_records(options.results)
    finished = {(record["set"], record["rows"], record["seed"]) for record in done}
    wanted = [cell for cell in cells() if cell not in finished and _is_asked(cell, options)]
    end = time.monotonic() + 60 * options.minutes
    for number, cell in enumerate(wanted, 1):
        if time.monotonic() > end:
            print(f"time is up: {len(wanted) - number + 1} cells left; run again to go on")
            break
        record = run(cell, options.data, options.threads)
        done.append(record)
        write_records(options.results, done)
        shown = {key: record[key] for key in ("metric", "score", "train_seconds", "seconds")}
        print(f"{time.strftime('%H:%M:%S')} {number}/{len(wanted)} {cell} {shown}", flush=True)


def cells() -> list[Cell]:
    """All cells seed by seed, small ones first: stopping early leaves whole seeds."""
    from sets import SETS

    order: list[Cell] = []
    for seed in SEEDS:
        order += [(name, SMALL_ROWS, seed) for name in SETS]
        order += [(name, kind.full_rows, seed) for name, kind in SETS.items()]
    return order


def run(cell: Cell, data_dir: Path, threads: int) -> dict[str, Any]:
    """Train and judge one cell; the record that is stored."""
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, set_seed

    import sets
    from weitiao.model.offline import resolve

    name, rows, seed = cell
    wall, processor = time.perf_counter(), time.process_time()
    train, test, info = sets.load(name, rows, seed, data_dir)
    source = resolve(info["checkpoint"])
    tokenizer = AutoTokenizer.from_pretrained(source.path_or_name)
    set_seed(seed)
    model = _model(source.path_or_name, info)
    judged = sorted(_encode(test, tokenizer, info), key=lambda row: len(row["input_ids"]))
    trainer = Trainer(
        model=model,
        args=_arguments(seed),
        train_dataset=_encode(train, tokenizer, info),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
    )
    before = time.perf_counter()
    trainer.train()
    between = time.perf_counter()
    outputs = trainer.predict(judged)
    return {
        "set": name,
        "rows": rows,
        "seed": seed,
        "test_rows": len(test),
        **_scores(outputs.predictions, outputs.label_ids, info),
        "train_seconds": round(between - before, 2),
        "predict_seconds": round(time.perf_counter() - between, 2),
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - processor, 2),
        "threads": threads,
        "checkpoint": info["checkpoint"],
        "checkpoint_sha256": source.sha256,
        "rows_fingerprint": info["fingerprint"],
        "settings": {**SETTINGS, "max_length": MAX_LENGTH, "optimizer": trainer.args.optim.value},
        "versions": _versions(),
    }


def _model(folder: str, info: dict[str, Any]) -> Any:
    """The checkpoint with a new head: one number for regression, else one logit a label."""
    from transformers import AutoModelForSequenceClassification

    if info["task"] == "regression":
        settings: dict[str, Any] = {"num_labels": 1, "problem_type": "regression"}
    else:
        settings = {"num_labels": len(info["labels"])}
    return AutoModelForSequenceClassification.from_pretrained(folder, **settings)


def _arguments(seed: int) -> Any:
    """The example's settings; what is added only turns off saving, logging and bars."""
    import tempfile

    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=tempfile.gettempdir(),
        seed=seed,
        per_device_eval_batch_size=32,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        **SETTINGS,
    )


def _encode(rows: list[dict[str, Any]], tokenizer: Any, info: dict[str, Any]) -> list[Any]:
    """Token ids with `labels`, cut at MAX_LENGTH; the collator pads each batch."""
    texts = [row["text"] for row in rows]
    pairs = [row["text_pair"] for row in rows] if info["pair"] else None
    encoded = tokenizer(texts, pairs, truncation=True, max_length=MAX_LENGTH)
    if info["task"] == "regression":
        labels: list[Any] = [row["label"] for row in rows]
    else:
        labels = [info["labels"].index(row["label"]) for row in rows]
    return [
        {**{key: encoded[key][index] for key in encoded}, "labels": label}
        for index, label in enumerate(labels)
    ]


def _scores(predictions: Any, labels: Any, info: dict[str, Any]) -> dict[str, Any]:
    """`score` is the one to compare; the second figure stands under its own name."""
    import numpy as np
    from scipy.stats import pearsonr, spearmanr
    from sklearn.metrics import accuracy_score, f1_score

    if info["task"] == "regression":
        values = np.asarray(predictions).reshape(-1)
        return {
            "metric": "pearson",
            "score": float(pearsonr(values, labels).statistic),
            "spearman": float(spearmanr(values, labels).statistic),
        }
    answers = np.asarray(predictions).argmax(-1)
    return {
        "metric": "accuracy",
        "score": float(accuracy_score(labels, answers)),
        "macro_f1": float(f1_score(labels, answers, average="macro", zero_division=0)),
        "majority": float(np.bincount(labels).max() / len(labels)),
    }


def _versions() -> dict[str, str]:
    names = ("torch", "transformers", "tokenizers", "accelerate", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _is_asked(cell: Cell, options: argparse.Namespace) -> bool:
    name, rows, seed = cell
    fits_rows = not options.rows or rows in options.rows
    return fits_rows and name in (options.sets or [name]) and seed in (options.seeds or [seed])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reference scores of the Hugging Face Trainer")
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file to add to")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no cell after this time")
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--rows", type=int, nargs="*", help="only these numbers of training rows")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these seeds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
