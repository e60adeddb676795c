"""Reference scores: the Hugging Face `Trainer` with the settings of its classification example.

    python benchmarks/quality_trainer.py --data ../data --threads 1    # goes on where it stopped
    python benchmarks/quality_trainer.py --table

A cell is (set, training rows, seed). The seed picks the training rows and starts the new head, the
shuffling and dropout. The model after the last step is judged; no row of the test set has any say
in it.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import epochs
import sets
import timing

SCRIPT = Path(__file__).resolve()
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


def main() -> None:
    given = options(__doc__, "quality_trainer")
    if timing.is_served(given, act, table):
        return
    wanted = asked(given)
    print(
        table(timing.run_cells(wanted, given.results, timing.runner(SCRIPT, given), given.minutes))
    )


def cells() -> Iterator[timing.Record]:
    """All cells seed by seed, small ones first: stopping early leaves whole seeds."""
    for seed in SEEDS:
        for name in sets.SETS:
            yield {"set": name, "rows": SMALL_ROWS, "seed": seed}
        for name, kind in sets.SETS.items():
            yield {"set": name, "rows": kind.full_rows, "seed": seed}


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train and judge one cell."""
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, set_seed

    from weitiao.checkpoints.resolve import resolve

    epochs.use_threads(job["threads"])
    seed = job["seed"]
    wall, processor = time.perf_counter(), time.process_time()
    train, test, info = sets.load(job["set"], job["rows"], seed, Path(job["data"]))
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
        "test_rows": len(test),
        **_scores(outputs.predictions, outputs.label_ids, info),
        "train_seconds": round(between - before, 2),
        "predict_seconds": round(time.perf_counter() - between, 2),
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - processor, 2),
        "threads": job["threads"],
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


def table(records: list[timing.Record]) -> str:
    """Markdown: the mean score of each set and size."""
    lines = ["| set | rows | score | majority | seeds |", "|---|---|---|---|---|"]
    good = [r for r in records if timing.has_figures(r)]
    for key in dict.fromkeys((r["set"], r["rows"]) for r in good):
        some = [r for r in good if (r["set"], r["rows"]) == key]
        score = sum(r["score"] for r in some) / len(some)
        lines.append(
            f"| {key[0]} | {key[1]} | {score:.4f} | {some[0].get('majority', '-')} | {len(some)} |"
        )
    return "\n".join(lines)


def asked(given: argparse.Namespace) -> list[timing.Record]:
    """The cells that the options ask for."""
    wanted = {"set": given.sets, "rows": given.rows, "seed": given.seeds}
    return [
        cell
        for cell in cells()
        if all(chosen is None or cell[key] in chosen for key, chosen in wanted.items())
    ]


def options(about: str | None, name: str) -> argparse.Namespace:
    """What this script and quality_weitiao.py take."""
    parser = timing.options(about, name, rounds=1, days=True)
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--rows", type=int, nargs="*", help="only these numbers of training rows")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these seeds")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
