"""Does a model know when a paragraph does not answer a question?

    python benchmarks/reading.py --data ../data --minutes 30    # goes on where it stopped
    python benchmarks/reading.py --table

xquad in English, split by article. Of the judged questions every second one stands beside another
paragraph of its article in place of the one that answers it. Training rows have both: each question
beside its paragraph, and beside a sibling of it ("no answer"). A cell is (checkpoint, seed); told
are the AUROC of answered against unanswered questions, F1 and exact match as SQuAD 2 has them with
the tuned threshold, and how many of the questions left without an answer had one.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import epochs
import timing

SCRIPT = Path(__file__).resolve()
FILE = "xquad_en_zh/xquad.en.json"
SEEDS = (1, 2, 3)
SETTINGS: dict[str, Any] = {
    "train.epochs": 5, "train.learning_rate": 1e-4, "train.batch_size": 16,
    "model.max_length": 384, "data.test_size": 0.0,
}  # fmt: skip
METRICS = ("answerable_auroc", "f1", "exact_match")


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [
        {"checkpoint": name, "seed": seed} for seed in given.seeds for name in given.checkpoints
    ]
    print(
        table(timing.run_cells(cells, given.results, timing.runner(SCRIPT, given), given.minutes))
    )


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train and judge one cell."""
    import weitiao
    from weitiao.planning.advise import Wish, advise

    epochs.use_threads(job["threads"])
    begun = time.perf_counter()
    articles = json.loads((Path(job["data"]) / FILE).read_text(encoding="utf-8"))["data"]
    random.Random("xquad test").shuffle(articles)
    third = len(articles) // 3
    with tempfile.TemporaryDirectory() as folder:
        train = write(articles[third:], Path(folder) / "train.json", both=True)
        judged = write(articles[:third], Path(folder) / "judged.json", both=False)
        changes = {**SETTINGS, "evaluate.metrics": list(METRICS)}
        wish = Wish(path=str(train), task="question_answering", model=job["checkpoint"],
                    seed=job["seed"], changes=changes)  # fmt: skip
        fitted = weitiao.train(advise(wish).plan, out=folder)
        report, _, _ = weitiao.evaluate(fitted.run.folder, str(judged))
        metrics = {name: float(report.metrics[name]) for name in METRICS}
    return {**metrics, "seconds": round(time.perf_counter() - begun, 1), "settings": SETTINGS}


def write(articles: list[Any], path: Path, both: bool) -> Path:
    """The questions of these articles as SQuAD 2: beside their own paragraph and a sibling, or
    beside one of them by turns."""
    draw, found, turn = random.Random(path.name), [], 0
    for article in articles:
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        asked: dict[str, list[Any]] = {text: [] for text in texts}
        for paragraph in article["paragraphs"]:
            others = [text for text in texts if text != paragraph["context"]]
            for qa in paragraph["qas"]:
                turn += 1
                name = {"id": str(turn), "question": qa["question"]}
                if both or turn % 2:
                    own = {**name, "answers": qa["answers"], "is_impossible": False}
                    asked[paragraph["context"]].append(own)
                if both or not turn % 2:
                    name["id"] += " beside another paragraph"
                    none = {**name, "answers": [], "is_impossible": True}
                    asked[draw.choice(others)].append(none)
        paragraphs = [{"context": text, "qas": qas} for text, qas in asked.items() if qas]
        found.append({"title": article["title"], "paragraphs": paragraphs})
    text = json.dumps({"version": "v2.0", "data": found}, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def table(records: list[timing.Record]) -> str:
    """Markdown: means over seeds, and the range of the AUROC."""
    lines = [
        "| checkpoint | seeds | AUROC | F1 | exact match |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(r["checkpoint"] for r in records if timing.has_figures(r)):
        some = [r for r in records if r["checkpoint"] == name and timing.has_figures(r)]
        means = {metric: float(np.mean([r[metric] for r in some])) for metric in METRICS}
        aurocs = [r["answerable_auroc"] for r in some]
        lines.append(
            f"| {name} | {len(some)} | {means['answerable_auroc']:.3f} "
            f"({min(aurocs):.3f} to {max(aurocs):.3f}) | {means['f1']:.3f} | "
            f"{means['exact_match']:.3f} |"
        )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "reading", rounds=1, days=True)
    parser.add_argument("--checkpoints", nargs="*", default=["minilm-l6"])
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
