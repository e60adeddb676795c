"""The rows of anytime.py, few_rows.py and linear_start.py: one loader for labels, numbers and tags.

    rows = load("bbc-news", 200, seed=1, data_dir=Path("../data"))
    few = load_few("sst2", per_class=8, seed=1, data_dir=Path("../data"))

The judged rows of a set are the same whatever the size and the seed, and none of them trains.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import sets
import task_sets

Row = sets.Row

MOST_ROWS = 4_000  # "all rows"
JUDGED = 300  # predicting them is part of a budget; 95 % of 300 has an interval of 5 points

# Name in the tables -> its name in sets.py. Those of TAGGED are of task_sets.py.
LABELLED = {
    "bbc-news": "sample_bbc_news",
    "reviews-zh": "sample_reviews_zh",
    "sst2": "sst2",
    "chnsenticorp_htl": "chnsenticorp",
    "banking77": "banking77",
    "two_topics": "two_topics",
    "stsb_zh": "stsb_zh",
    "trec6": "trec6",
    "thucnews_titles": "thucnews_titles",
    "mrpc": "mrpc",
    "lcqmc": "lcqmc",
}
MULTILABEL = ("two_topics",)
TAGGED = ("wnut17", "cluener")
ANYTIME = ("bbc-news", "reviews-zh", "sst2", "chnsenticorp_htl", "banking77", "two_topics",
           "stsb_zh", "wnut17")  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Rows to train on and to judge by. roles: role -> column, as a plan wants them."""

    name: str
    train: list[Row]
    judged: list[Row]
    task: str
    roles: dict[str, str]
    checkpoint: str
    fingerprint: str

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Both parts as JSON lines; files that are there already are left as they are."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for part, rows in (("train", self.train), ("judged", self.judged)):
            path = folder / f"{self.name}-{len(self.train)}-{self.fingerprint}-{part}.jsonl"
            if not path.exists():
                lines = [json.dumps(row, ensure_ascii=False) for row in rows]
                new = path.with_suffix(".new")
                new.write_text("\n".join(lines) + "\n", encoding="utf-8")
                new.replace(path)
            paths.append(path)
        return paths[0], paths[1]


def load(name: str, rows: int, seed: int, data_dir: Path, judged: int = JUDGED) -> Rows:
    """`rows` training rows of a set (as many as it has, if these are fewer), and judged rows.

    Raises KeyError for an unknown set.
    """
    if name in TAGGED:
        kind = task_sets.SETS[name]
        train, test, _ = task_sets.load(name, seed, data_dir, rows - kind.rows)
        roles = {"text": "tokens", "target": "tags"}
        return _rows(name, train, test[:judged], (kind.task, roles, kind.checkpoint))
    inner = LABELLED[name]
    available = len(sets.pools(inner, data_dir)[0])
    train, test, info = sets.load(inner, min(rows, available), seed, data_dir)
    return _rows(name, train, test[:judged], _facts(name, info))


def load_few(name: str, per_class: int, seed: int, data_dir: Path, judged: int = JUDGED) -> Rows:
    """So many training rows of each label; for smaller ones the same seed gives a part of these."""
    inner = LABELLED[name]
    pool, test = sets.pools(inner, data_dir)
    draw = random.Random(f"{name} few {seed}")
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in pool:
        groups[row["label"]].append(row)
    picked: list[Row] = []
    for label in sorted(groups):
        draw.shuffle(groups[label])
        picked += groups[label][:per_class]
    random.Random(f"{name} order {seed} {per_class}").shuffle(picked)
    kind = sets.kind_of(inner)
    info = {"task": "classification", "pair": "text_pair" in pool[0], "checkpoint": kind.checkpoint}
    return _rows(name, picked, test[:judged], _facts(name, info))


def _facts(name: str, info: Row) -> tuple[str, dict[str, str], str]:
    roles = {"text": "text", "target": "label"}
    if info["pair"]:
        roles["text_pair"] = "text_pair"
    task = "multilabel" if name in MULTILABEL else info["task"]
    task = "similarity" if name == "stsb_zh" else task
    return task, roles, info["checkpoint"]


def _rows(
    name: str, train: list[Row], judged: list[Row], facts: tuple[str, dict[str, str], str]
) -> Rows:
    task, roles, checkpoint = facts
    columns = list(roles.values())
    train = [{column: row[column] for column in columns} for row in train]
    judged = [{column: row[column] for column in columns} for row in judged]
    mark = sets.fingerprint(train, judged)
    return Rows(name, train, judged, task, roles, checkpoint, mark)
