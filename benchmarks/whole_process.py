"""`weitiao fit` beside a script with the Hugging Face Trainer, as whole processes: time and memory.

    python benchmarks/whole_process.py --data ../data --minutes 20   # goes on where it stopped
    python benchmarks/whole_process.py --data ../data --rows 3600 --rounds 3
    python benchmarks/whole_process.py --table

Both read the same files, learn three epochs in batches of 16 of at most 128 tokens, look at a tenth
of the rows after each epoch, keep the best weights on disk and predict the judged rows. `fit` also
measures the rows, fits its baselines, calibrates, and writes intervals, error analysis and report.
Turn by turn: A B A B. Memory is the peak of the process, as the system counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import epochs
import quality_trainer
import timing
import train_speed
import whole_runs
import whole_sets

SCRIPT = Path(__file__).resolve()
EPOCHS, BATCH, LONGEST, VALIDATION = 3, 16, 128, 0.1
SETS = ("sst2", "chnsenticorp_htl")
CONTENDERS = ("weitiao", "Trainer")
CHANGES = {
    "train.epochs": EPOCHS, "train.batch_size": BATCH, "train.evaluations": EPOCHS,
    "train.refit": "never", "model.max_length": LONGEST, "data.validation_size": VALIDATION,
}  # fmt: skip


def main() -> None:
    given = parse()
    if timing.is_served(given, trainer, table):
        return
    store = timing.store_of(given.store)
    if given.avx2:  # both contenders
        os.environ |= timing.LAPTOP
        os.environ["WEITIAO_COMPILER"] = str(train_speed.compiler_for(timing.AVX2, store))
        store = store / "avx2"  # its own cache: measurements and kernels
        store.mkdir(exist_ok=True)
    ready: list[str] = []

    def run(cell: timing.Record) -> timing.Record:
        rows = whole_sets.load(cell["set"], cell["rows"], 1, given.data)
        settings = whole_runs.Settings(store, given.threads, changes=CHANGES)
        if cell["set"] not in ready:  # kernels, converted weights, what this machine can do
            ready.append(cell["set"])
            whole_runs.warm_up(cell["set"], given.data, settings)
        return process(cell, rows, settings)

    print(table(timing.run_cells(cells(given), given.results, run, given.minutes)))


def cells(given: argparse.Namespace) -> Iterator[timing.Record]:
    processor = {"processor": "AVX2"} if given.avx2 else {}
    for name in given.sets:
        for turn in range(given.rounds):
            for contender in CONTENDERS:
                yield {"set": name, "rows": given.rows, "contender": contender, "turn": turn,
                       **processor}  # fmt: skip


def process(
    cell: timing.Record, rows: whole_sets.Rows, settings: whole_runs.Settings
) -> timing.Record:
    """Run one process from start to end."""
    env = whole_runs.environment(settings, settings.store / whole_runs.WARM)
    with tempfile.TemporaryDirectory(dir=settings.store) as work:
        command = whole_runs.command(rows, settings, Path(work) / "runs")
        if cell["contender"] == "Trainer":
            train, judged = rows.write(settings.store / "rows")
            job = {"train": str(train), "judged": str(judged), "checkpoint": rows.checkpoint,
                   "threads": settings.threads, "out": work}  # fmt: skip
            command = [sys.executable, str(SCRIPT), "--job", json.dumps(job)]
        begin = timing.mark()
        with (Path(work) / "said").open("w+", encoding="utf-8") as said:
            running = subprocess.Popen(command, env=env, stdout=said, stderr=subprocess.DEVNULL)
            _pid, status, used = os.wait4(running.pid, 0)
            figures = timing.between(begin, timing.mark())
            said.seek(0)
            lines = [line for line in said if line.startswith("{")]
    if status or not lines:
        return {"failed": f"status {status}"}
    told = json.loads(lines[-1])
    score = told["metrics"]["accuracy"] if "metrics" in told else told["score"]
    return {**figures, "peak_mb": round(used.ru_maxrss * 1024 / 1e6), "score": score}


def trainer(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: what a user's script does."""
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

    from weitiao.checkpoints.resolve import resolve

    epochs.use_threads(job["threads"])
    rows, judged = (_read(job[name]) for name in ("train", "judged"))
    info = {"task": "classification", "pair": False, "labels": sorted({r["label"] for r in rows})}
    folder = resolve(job["checkpoint"]).path_or_name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded, tested = (quality_trainer._encode(part, tokenizer, info) for part in (rows, judged))
    kept = round(len(encoded) * VALIDATION)
    arguments = TrainingArguments(
        output_dir=job["out"], num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH,
        per_device_eval_batch_size=32, learning_rate=5e-5, use_cpu=True, eval_strategy="epoch",
        save_strategy="epoch", save_total_limit=1, load_best_model_at_end=True, report_to=[],
        logging_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    made = Trainer(
        model=quality_trainer._model(folder, info), args=arguments, train_dataset=encoded[kept:],
        eval_dataset=encoded[:kept], data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
    )  # fmt: skip
    made.train()
    outputs = made.predict(tested)
    return quality_trainer._scores(outputs.predictions, outputs.label_ids, info)


def _read(path: str) -> list[dict[str, Any]]:
    with Path(path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def table(records: list[timing.Record]) -> str:
    """Markdown: medians of both, and their ratios."""
    lines = [
        "| set | rows | seconds: weitiao | Trainer | ratio | MB: weitiao | Trainer "
        "| score: weitiao | Trainer | foreign CPU |",
        "|---" * 10 + "|",
    ]
    good = [one for one in records if timing.has_figures(one)]
    for name, rows, isa in dict.fromkeys(map(_place, good)):
        here = [one for one in good if _place(one) == (name, rows, isa)]
        both = [[one for one in here if one["contender"] == who] for who in CONTENDERS]
        if not all(both):
            continue
        ours, other = ([_median(part, key) for key in ("seconds", "peak_mb", "score")]
                       for part in both)  # fmt: skip
        foreign = max(one["foreign_cpu_seconds"] for one in here)
        lines.append(
            f"| {name}{isa} | {rows} | {ours[0]:.0f} | {other[0]:.0f} | {other[0] / ours[0]:.2f} "
            f"| {ours[1]:.0f} | {other[1]:.0f} | {ours[2]:.3f} | {other[2]:.3f} | {foreign:.0f} s |"
        )
    return "\n".join(lines)


def _place(record: timing.Record) -> tuple[str, int, str]:
    isa = f", {record['processor']}" if "processor" in record else ""
    return record["set"], record["rows"], isa


def _median(records: list[timing.Record], key: str) -> float:
    return statistics.median(one[key] for one in records)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "whole_process", rounds=2)
    parser.add_argument("--rows", type=int, default=1200, help="of training; 3,600 take an hour")
    parser.add_argument("--sets", nargs="+", default=SETS, help="only these")
    parser.add_argument("--avx2", action="store_true", help="AVX2, no bf16, kernels by g++ for it")
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
