"""How much memory and time do a million rows take, from csv to token ids? Twice: cold, warm.

    python benchmarks/million_rows.py            # 1,000,000 rows; --rows 20000 for a quick look

A fresh process each time; its anonymous memory (RssAnon, what cannot be given back) is sampled
every 20 ms. The bound that must hold is 1 GB. The result goes to benchmarks/results/.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

BOUND_MB = 1024
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
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--measure", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.measure:
        sys.stdout.write(json.dumps(measure(Path(given.measure))) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        write_rows(file, given.rows)
        time.sleep(1.5)  # a file just written is hashed every time, see weitiao.data.table
        result = {
            "rows": given.rows,
            "megabytes": round(file.stat().st_size / 1e6),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared",
            "python": platform.python_version(),
            "bound_mb": BOUND_MB,
            "cold": in_fresh_process(file, folder),
            "warm": in_fresh_process(file, folder),
        }
    text = json.dumps(result, indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    name = f"{date.today().isoformat()}-million_rows.json"
    if given.rows == 1_000_000:
        (results / name).write_text(text + "\n", encoding="utf-8")
    if max(result["cold"]["peak_mb"], result["warm"]["peak_mb"]) > BOUND_MB:
        raise SystemExit(f"above {BOUND_MB} MB")


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


def in_fresh_process(file: Path, folder: str) -> dict[str, object]:
    """The figures that this script, started anew, finds."""
    home = {"WEITIAO_CACHE": f"{folder}/cache", "WEITIAO_STATE": f"{folder}/state"}
    done = subprocess.run(
        [sys.executable, __file__, "--measure", str(file)],
        env={**os.environ, **home},
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def measure(file: Path) -> dict[str, object]:
    """Seconds and megabytes of each stage."""
    peaks: dict[str, float] = {}
    seconds: dict[str, float] = {}
    stage = ["imports"]
    begun = time.perf_counter()
    threading.Thread(target=watch, args=(stage, peaks), daemon=True).start()

    def finish(following: str) -> None:
        nonlocal begun
        seconds[stage[0]] = round(time.perf_counter() - begun, 2)
        begun, stage[0] = time.perf_counter(), following

    from transformers import AutoTokenizer

    from weitiao.data.columns import guess_roles, guess_task
    from weitiao.data.data import load
    from weitiao.data.encoded import encode
    from weitiao.data.table import open_source
    from weitiao.model.offline import resolve
    from weitiao.plan import DataPlan

    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm-l6").path_or_name)
    finish("read")
    source = open_source(str(file))
    finish("look")
    roles = guess_roles(source.table, {}).roles
    task, _ = guess_task(source.table, roles)
    finish("deduplicate and split")
    data = load(DataPlan(path=str(file), roles=roles), task, source)
    finish("tokenise")

    def encode_batch(examples: list) -> dict:
        texts = [example.inputs["text"] for example in examples]
        options = {"return_attention_mask": False, "return_token_type_ids": False}
        return dict(tokenizer(texts, truncation=True, max_length=128, **options))

    tokens = 0
    for rows in (data.train, data.validation):
        tokens += int(encode(rows, encode_batch, "minilm-l6 128").lengths.sum())
    finish("batches")
    encoded = encode(data.train, encode_batch, "minilm-l6 128")
    for positions in batches(len(encoded)):
        encoded.take(positions)
    finish("end")
    return {
        "seconds": seconds,
        "peak_mb": max(peaks.values()),
        "peak_mb_by_stage": peaks,
        "tokens": tokens,
        "history": data.history,
    }


def batches(count: int) -> Iterator[list[int]]:
    """A thousand updates of 32 rows, drawn anywhere."""
    draw = random.Random(1)
    for _ in range(1000):
        yield [draw.randrange(count) for _ in range(32)]


def watch(stage: list[str], peaks: dict[str, float]) -> None:
    """The largest RssAnon of each stage, in MB."""
    while True:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        now = round(int(line.split()[1]) / 1024, 1)
        peaks[stage[0]] = max(peaks.get(stage[0], 0), now)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
