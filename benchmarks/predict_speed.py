"""How many texts a second does weitiao answer, and how many do the others, with one checkpoint?

    python benchmarks/predict_speed.py --data ../data      # 2,000 texts, five rounds
    python benchmarks/predict_speed.py --table             # Markdown of what is stored

Texts in, answers out: tokenising counts, loading does not. Every contender first answers all texts
once, untimed (`first_seconds`), so that nothing is built inside the time. The checkpoint is
fine-tuned once, on sst2, and kept outside the project (--store or $WEITIAO_BENCH); all contenders
read the same folder. The texts are those of sst2's test and dev files, with accuracy beside.
Needs the extra `bench`; a contender whose library is missing is reported as such.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import exports
import ratios
import sets
import timing
from epochs import use_threads

SCRIPT = Path(__file__).resolve()
MAX_LENGTH = 128
BATCH = 32
LEARNING = {"epochs": 3, "batch_size": 32, "learning_rate": 5e-5, "evaluations": 3}
CONTENDERS: dict[str, dict[str, Any]] = {
    "pipeline, batch 1": {"act": "pipeline", "batch": 1},
    "pipeline, batch 32": {"act": "pipeline", "batch": 32},
    "transformers fp32, sorted": {"act": "sorted", "run": "torch_fp32"},
    "transformers bf16, sorted": {"act": "sorted", "run": "torch_bf16"},
    "ONNX Runtime fp32, sorted": {"act": "sorted", "run": "onnx_fp32"},
    "ONNX Runtime int8, sorted": {"act": "sorted", "run": "onnx_int8"},
    "OpenVINO bf16, sorted": {"act": "sorted", "run": "openvino_bf16"},
    "weitiao": {"act": "weitiao"},
    "weitiao, no compiler": {"act": "weitiao", "env": {"WEITIAO_COMPILER": "none"}},
}

Answer = Callable[[Sequence[str]], list[str]]


def table(records: list[timing.Record]) -> str:
    """Markdown: how many times as fast."""
    return ratios.table(records, ["weitiao"], "texts/s", "accuracy")


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    store = timing.store_of(given.store)
    variants = {n: {"act": "weitiao", "changes": timing.changes_of(c)} for n, c in given.variant}
    jobs = {**CONTENDERS, **variants}
    shared = {
        "threads": given.threads,
        "data": str(given.data),
        "texts": given.texts,
        "store": str(store),
    }
    env = timing.home_env(store, given.threads)
    command = [sys.executable, str(SCRIPT)]
    ready = timing.in_fresh_process(command, {**shared, "act": "prepare", "rows": given.rows}, env)
    if not timing.has_figures(ready):
        raise SystemExit(f"no checkpoint to ask: {ready}")

    def run(cell: timing.Record) -> timing.Record:
        job = jobs[cell["contender"]]
        told = {**shared, **job, "folder": ready["folder"]}
        return timing.in_fresh_process(command, told, {**env, **job.get("env", {})})

    timing.run_cells(cells(given, list(jobs)), given.results, run, given.minutes)


def cells(given: argparse.Namespace, contenders: list[str]) -> Iterator[timing.Record]:
    """Round by round, in each all contenders."""
    for number in range(1, given.rounds + 1):
        for contender in contenders:
            if contender in (given.contenders or [contender]):
                yield {
                    "work": f"{given.texts:,} texts of sst2, {given.threads} threads",
                    "round": number,
                    "contender": contender,
                }


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: make the checkpoint, or one contender's answers."""
    use_threads(job["threads"])
    data_dir = Path(job["data"])
    if job["act"] == "prepare":
        return {"folder": str(prepared(data_dir, Path(job["store"]), job["rows"]))}
    rows = texts_of(data_dir, job["texts"])
    texts = [row["text"] for row in rows]
    try:
        answer = {"pipeline": pipeline, "sorted": in_order_of_length, "weitiao": weitiao}[
            job["act"]
        ](job)
    except ImportError as error:
        return {"failed": f"{error}: pip install -e '.[bench]'"}
    first = timing.mark()
    answer(texts)
    begin = timing.mark()
    answers = answer(texts)
    end = timing.mark()
    right = sum(row["label"] == one for row, one in zip(rows, answers, strict=True))
    return {
        **timing.between(begin, end),
        "rate": len(texts) / (end.clock - begin.clock),
        "accuracy": round(right / len(texts), 4),
        "first_seconds": round(begin.clock - first.clock, 3),
        "about": {"rows": len(texts), "threads": job["threads"], "checkpoint": job["folder"][-16:]},
    }


def texts_of(data_dir: Path, count: int) -> list[timing.Record]:
    """The texts to be answered, with their labels: the test file's, then the dev file's."""
    read = sets.SETS["sst2"].read
    rows = read(data_dir / "sst2/test.tsv") + read(data_dir / "sst2/dev.tsv")
    return rows[:count]


def prepared(data_dir: Path, store: Path, count: int) -> Path:
    """The folder of the fine-tuned checkpoint and its exports; made when it is not there."""
    from weitiao import Plan
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load
    from weitiao.run import Run
    from weitiao.training.run import train

    rows, _, _ = sets.load("sst2", count, 1, data_dir)
    source = from_rows(rows, "sst2")
    plan = Plan.parse({
        "task": "classification",
        "data": {"path": f"memory:{source.fingerprint}",
                 "roles": {"text": "text", "target": "label"}, "test_size": 0.0},
        "model": {"checkpoint": "minilm-l6", "max_length": MAX_LENGTH},
        "train": LEARNING,
    })  # fmt: skip
    key = hashlib.blake2b(plan.model_dump_json().encode("utf-8"), digest_size=8).hexdigest()
    folder = store / f"predict-{key}"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=store) as draft:
            run = Run.create(draft, "predict", plan)
            train(plan, load(plan.data, plan.task_name, source), run)
            shutil.copytree(run.best, Path(draft) / "whole")
            (Path(draft) / "whole").rename(folder)
    exports.make(folder)
    return folder


def pipeline(job: Mapping[str, Any]) -> Answer:
    """transformers' pipeline, rows in the order they come."""
    from transformers import pipeline as made

    asked = made("text-classification", model=job["folder"], device="cpu")

    def answer(texts: Sequence[str]) -> list[str]:
        settings = {"truncation": True, "max_length": MAX_LENGTH}
        found = asked(list(texts), batch_size=job["batch"], **settings)
        return [one["label"] for one in found]

    return answer


def in_order_of_length(job: Mapping[str, Any]) -> Answer:
    """Batches of 32 sorted by length, through one of the engines of exports.py."""
    import numpy as np
    from transformers import AutoConfig, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job["folder"])
    labels = AutoConfig.from_pretrained(job["folder"]).id2label
    run = getattr(exports, job["run"])(Path(job["folder"]), job["threads"])

    def answer(texts: Sequence[str]) -> list[str]:
        encoded = tokenizer(list(texts), truncation=True, max_length=MAX_LENGTH)
        order = sorted(range(len(texts)), key=lambda i: -len(encoded["input_ids"][i]))
        found = [0] * len(texts)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            inputs = {key: [encoded[key][i] for i in part] for key in exports.INPUTS}
            padded = tokenizer.pad(inputs, return_tensors="np")
            logits = run({key: padded[key].astype(np.int64) for key in exports.INPUTS})
            for i, best in zip(part, logits.argmax(-1).tolist(), strict=True):
                found[i] = best
        return [labels[one] for one in found]

    return answer


def weitiao(job: Mapping[str, Any]) -> Answer:
    """What `weitiao.load` gives, with the plan it was trained by or the job's changes."""
    from dataclasses import replace

    import weitiao

    model = weitiao.load(job["folder"])
    if job.get("changes"):
        model = replace(model, plan=model.plan.with_(job["changes"]))

    def answer(texts: Sequence[str]) -> list[str]:
        return [str(value) for value in model.predict(texts)]

    return answer


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "predict_speed", rounds=5)
    parser.add_argument("--texts", type=int, default=2000, help="how many are answered")
    parser.add_argument("--rows", type=int, default=2000, help="that the checkpoint learns from")
    parser.add_argument("--contenders", nargs="*", help="only these, by name")
    parser.add_argument("--variant", nargs=2, action="append", default=[],
                        metavar=("NAME", "CHANGES"), help="a further plan of weitiao")  # fmt: skip
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
