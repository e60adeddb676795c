"""The training work that is timed: the rows of an epoch, and weitiao going through them.

Only the loop counts: from before the first update to after the last one. Reading, tokenising,
loading the network and judging stand outside, for every contender alike.
"""

from __future__ import annotations

import importlib
import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sets
import task_sets
from timing import Record, between, mark

BATCH = 32
LEARNING_RATE = 2e-5
# The changes of recipe that a plan of weitiao names, switched off.
SAME_RECIPE = {"train.optimizer": {"adamw": {"lazy_embeddings": False}}}
JUDGED = 32  # rows judged after the last update, outside the time


@dataclass(frozen=True)
class Work:
    """Rows of a set: how many by default (0: all), and how long texts may be, in words."""

    set: str
    rows: int
    max_length: int  # tokens
    words: tuple[int, int] = (0, 1_000_000)


WORKS = {
    "sst2": Work("sst2", 0, 128),
    # Whole articles of 100 to 300 words: 299 tokens in the mean.
    "long": Work("bbc_news", 320, 512, (100, 300)),
    "e5": Work("chnsenticorp", 416, 128),
    "tags": Work("wnut17", 1728, 128),
    "tags_zh": Work("cluener", 416, 128),
    "reading": Work("xquad", 320, 384),
}
# Columns of a work's rows -> their roles, where they are not a text and its label.
ROLES = {
    "token_classification": {"text": "tokens", "target": "tags"},
    "question_answering": {"question": "question", "context": "context", "target": "answers"},
}


def rows_of(name: str, count: int, data_dir: Path) -> list[Record]:
    """A seeded sample of `count` rows, the same for every contender."""
    pool = pool_of(name, data_dir)
    return random.Random(f"{name} speed").sample(pool, min(count, len(pool)))


def pool_of(name: str, data_dir: Path) -> list[Record]:
    """All rows of a work's set, as long as it wants them."""
    work = WORKS[name]
    kind, (fewest, most) = kind_of(name), work.words
    rows = kind.read(data_dir / kind.train_file)
    if task_of(name) in ROLES:
        return rows
    return [row for row in rows if row["text"] and fewest <= len(row["text"].split()) <= most]


def kind_of(name: str) -> Any:
    """The set of a work: of plain texts, or of tags and passages."""
    known = WORKS[name].set
    return task_sets.SETS[known] if known in task_sets.SETS else sets.kind_of(known)


def task_of(name: str) -> str:
    """The task of a work."""
    return getattr(kind_of(name), "task", "classification")


def count_of(name: str, fraction: float, data_dir: Path) -> tuple[int, int]:
    """Rows to go through, and how many an epoch has; a part of it is whole batches."""
    epoch = len(pool_of(name, data_dir))
    whole = WORKS[name].rows or epoch
    part = max(1, round(whole * fraction / BATCH)) * BATCH
    return (whole if fraction >= 1 else min(part, whole)), epoch


def weitiao(job: Mapping[str, Any], shared: Path | None = None) -> Record:
    """One epoch by the plan's defaults and the job's changes; tokens a second.

    shared: where the run goes when several processes train in it.
    """
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import Rows, load
    from weitiao.data.rows import everything
    from weitiao.planfile.plan import Plan
    from weitiao.run import Run
    from weitiao.training.run import train

    use_threads(job["threads"])
    work = WORKS[job["set"]]
    task = task_of(job["set"])
    roles = ROLES.get(task, {"text": "text", "target": "label"})
    rows = rows_of(job["set"], job["rows"], Path(job["data"]))
    source = from_rows([{name: row[name] for name in roles.values()} for row in rows], job["set"])
    plan = Plan.parse({
        "task": task,
        "data": {"path": f"memory:{source.fingerprint}", "roles": roles, "test_size": 0.0},
        "model": {"checkpoint": kind_of(job["set"]).checkpoint, "max_length": work.max_length},
        "train": {"epochs": 1, "batch_size": job.get("batch", BATCH), "evaluations": 1,
                  "learning_rate": LEARNING_RATE, "save_seconds": 1e6,
                  "optimizer": {"adamw": {"lazy_embeddings": True}}},  # as `weitiao plan` writes
    }).with_(job.get("changes", {}))  # fmt: skip
    data = load(plan.data, plan.task_name, source)
    everyone = Rows(source.table, everything(source.table), plan.data.roles, source.name,
                plan.task_name)  # fmt: skip
    data = replace(data, train=everyone, validation=data.validation.take(slice(0, JUDGED)))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, timed(found):
        run = Run.create(folder, "speed", plan) if shared is None else Run(shared)
        train(plan, data, run)
        events = [line for line in run.history() if "event" in line]
    mean = found["mean_tokens"]
    tokens = found["tokens"]
    return {
        **between(found["begin"], found["end"]),
        "rate": tokens / (found["end"].clock - found["begin"].clock),
        "lengths": found["lengths"],
        "updates": found["updates"],
        "about": {"rows": len(rows), "mean_tokens": round(mean, 1), "threads": job["threads"]},
        "told": {**found["told"], "events": events[:5]},
        "marks": [vars(found["begin"]), vars(found["end"])],
    }


@contextmanager
def timed(found: dict[str, Any]) -> Iterator[None]:
    """Note when the loop of `weitiao.training.run` begins and when its last update ended."""
    module = importlib.import_module("weitiao.training.run")
    loop = module.fit

    def watched(model: Any, train: Any, *others: Any, **settings: Any) -> Iterator[Any]:
        found["mean_tokens"] = float(train.encoded.lengths.mean())
        found["lengths"] = train.encoded.lengths.tolist()
        found["tokens"] = int(train.encoded.offsets[-1])
        found["told"] = {"packed": model.packs, "precision": model.plan.train.precision}
        found["begin"] = mark()
        with closing(loop(model, train, *others, **settings)) as steps:
            for progress in steps:
                if progress.report is None:
                    found["end"], found["updates"] = mark(), progress.step
                yield progress

    module.fit = watched  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.fit = loop  # type: ignore[attr-defined]


def use_threads(threads: int) -> None:
    """So many threads for torch; the environment has been set for the others."""
    import torch

    torch.set_num_threads(threads)
