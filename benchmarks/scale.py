"""Do time and memory a row stay the same from ten thousand to a million rows?

    python benchmarks/scale.py                          # 10^4, 10^5, 10^6 rows
    python benchmarks/scale.py --sizes 2000 20000       # a quick look
    python benchmarks/scale.py --table

A csv is read, its rows deduplicated and split, tokenised; a tiny network goes through one epoch and
answers the whole file. A fresh process with an empty cache for each size, and one more (`again`)
that finds what the first left. Anonymous memory (RssAnon, what cannot be given back) is sampled
every 20 ms; the table has the marginal time of a row, from one size to the next, how much it grows
from the first step to the last, and how much the peak grows. Beside it stands the bound of 1 GB.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import timing

SCRIPT = Path(__file__).resolve()
BOUND_MB = 1024
STAGES = ("read", "deduplicate and split", "tokenise", "epoch", "predict")
ENGLISH = (
    "the a film story room service price phone battery screen hotel staff food very good "
    "bad slow fast clean dirty cheap friendly boring great terrible really never always would "
    "again recommend money time day night breakfast location delivery quality broken happy"
)
CHINESE = (
    "房间 服务 价格 手机 电池 屏幕 酒店 前台 早餐 非常 很好 太差 干净 便宜 热情 无聊 推荐 再也 "
    "不会 一直 质量 物流 包装 满意 失望 电影 故事 演员 内容 这本书 真的 还是 比较 位置 交通"
)


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    with tempfile.TemporaryDirectory(dir=timing.store_of(given.store)) as folder:

        def run(cell: timing.Record) -> timing.Record:
            home = Path(folder) / f"{cell['rows']}-{cell['round']}"
            env = timing.home_env(home, given.threads)
            job = {**cell, "home": str(home), "threads": given.threads}
            command = [sys.executable, str(SCRIPT)]
            if not home.exists():
                home.mkdir()
                write_rows(home / "rows.csv", cell["rows"])
                time.sleep(
                    1.5
                )  # a file just written is hashed every time, see weitiao.data.files.table
                if cell["again"]:
                    timing.in_fresh_process(command, {**job, "again": False}, env)
            return timing.in_fresh_process(command, job, env)

        records = timing.run_cells(cells(given), given.results, run, given.minutes)
    print(table(records))


def cells(given: argparse.Namespace) -> Iterator[timing.Record]:
    """Small sizes first; the second process of each directly after its first."""
    for number in range(1, given.rounds + 1):
        for rows in sorted(given.sizes):
            for again in (False, True):
                yield {"rows": rows, "round": number, "again": again}


def write_rows(file: Path, count: int) -> None:
    """Sentences of about 20 words, half of them Chinese, 5 % exact duplicates, two labels."""
    draw = random.Random(13)
    recent: list[tuple[str, str]] = []
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "label"])
        for number in range(count):
            if recent and draw.random() < 0.05:
                writer.writerow(draw.choice(recent))
                continue
            words, joint = (CHINESE, "，") if number % 2 else (ENGLISH, " ")
            text = joint.join(draw.choices(words.split(), k=draw.randint(10, 30)))
            row = (text, draw.choice(["good", "bad"]))
            recent = [*recent[-999:], row]
            writer.writerow(row)


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: seconds and the largest memory of each stage."""
    import torch

    torch.set_num_threads(job["threads"])
    peaks: dict[str, float] = {}
    seconds: dict[str, float] = {}
    stage = ["imports"]
    threading.Thread(target=watch, args=(stage, peaks), daemon=True).start()
    start = begin = timing.mark()
    for name in stages(Path(job["home"]), job["again"]):
        now = timing.mark()
        seconds[stage[0]] = round(now.clock - begin.clock, 3)
        begin, stage[0] = now, name
    return {
        **timing.between(start, timing.mark()),
        "stage_seconds": seconds,
        "stage_peak_mb": peaks,
        "peak_mb": max(peaks.values()),
    }


def stages(home: Path, again: bool) -> Iterator[str]:
    """Do the work; yields the name of each stage before it begins."""
    from weitiao.api.predict import predict
    from weitiao.data.files.open import open_source
    from weitiao.data.infer.roles import guess_roles
    from weitiao.data.prepare.load import load
    from weitiao.model.model import Model
    from weitiao.planfile.plan import Plan
    from weitiao.run import Run
    from weitiao.training.run import train

    file, checkpoint = home / "rows.csv", tiny(home / "tiny")
    yield "read"
    source = open_source(str(file))
    roles = guess_roles(source.table, {}).roles
    yield "deduplicate and split"
    plan = Plan.parse({
        "task": "classification",
        "data": {"path": str(file), "roles": roles},
        "model": {"checkpoint": str(checkpoint)},
        "train": {"epochs": 1, "batch_size": 256, "evaluations": 1, "save_seconds": 1e6},
    })  # fmt: skip
    data = load(plan.data, plan.task_name, source)
    yield "tokenise"
    model = Model.start(plan, data.train, data.validation)
    for rows in (data.train, data.validation):
        model.encode(rows)
    if not again:
        yield "epoch"
        run = Run.create(home / "runs", "scale", plan)
        train(plan, data, run)
        yield "predict"
        predict(run.folder, str(file), home / "answers.csv")
    yield "end"


def tiny(folder: Path) -> Path:
    """A network of one narrow layer with the tokenizer of minilm-l6, whose pieces are real."""
    if folder.exists():
        return folder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from weitiao.checkpoints.resolve import resolve

    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm-l6").path_or_name)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def watch(stage: list[str], peaks: dict[str, float]) -> None:
    """The largest RssAnon of each stage, in MB."""
    while True:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        now = round(int(line.split()[1]) / 1024, 1)
        peaks[stage[0]] = max(peaks.get(stage[0], 0), now)
        time.sleep(0.02)


def table(records: list[timing.Record]) -> str:
    """Markdown: each stage's marginal microseconds a row, and how time and memory grow."""
    good = [r for r in records if timing.is_good(r)]
    lost = len(records) - len(good)
    told = [f"{len(good)} processes, {lost} disturbed or failed and left out"]
    for again in (False, True):
        mine = [r for r in good if r["again"] == again]
        sizes = sorted({r["rows"] for r in mine})
        if len(sizes) < 2:
            continue
        steps = [f"{left:,} to {right:,}" for left, right in pairwise(sizes)]
        heads = ["again" if again else "first", *(f"us a row, {step}" for step in steps),
                 "growth", f"MB at {sizes[0]:,}", f"MB at {sizes[-1]:,}", "more MB"]  # fmt: skip
        lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        lines += [_row(name, mine, sizes) for name in STAGES if name in mine[0]["stage_seconds"]]
        told.append("\n".join(lines))
        most = max(r["peak_mb"] for r in mine)
        told.append(f"peak {most:.0f} MB, {'within' if most <= BOUND_MB else 'ABOVE'} 1 GB")
    return "\n\n".join(told)


def _row(name: str, records: list[timing.Record], sizes: list[int]) -> str:
    def at(rows: int, key: str) -> float:
        return median(r[key][name] for r in records if r["rows"] == rows)

    cost = [
        1e6 * (at(b, "stage_seconds") - at(a, "stage_seconds")) / (b - a)
        for a, b in pairwise(sizes)
    ]
    grows = f"{100 * (cost[-1] / cost[0] - 1):+.0f} %" if cost[0] > 0 else "-"
    low, high = at(sizes[0], "stage_peak_mb"), at(sizes[-1], "stage_peak_mb")
    figures = [*(f"{one:.1f}" for one in cost), grows, f"{low:.0f}", f"{high:.0f}",
               f"{high - low:+.0f}"]  # fmt: skip
    return "| " + " | ".join([name, *figures]) + " |"


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "scale", rounds=1, data=False)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
