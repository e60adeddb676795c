"""What does each cleaner gain or cost, against none?

    python benchmarks/cleaners.py --data ../data --minutes 20   # goes on where it stopped
    python benchmarks/cleaners.py --table                       # paired differences, Markdown

A cell is (set, rows, seed): a linear model on the frozen encoder's mean of the tokens, and one on
TF-IDF of words, each with the texts as they are and after every cleaner. All see the same training
rows and the same judged rows, which are cleaned alike; the score is macro F1. A cleaner that
changes no text of a set has no pair there. The interval is a bootstrap over sets and the pairs
within them.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import pooled
import sets
import timing

SETS = ("sst2", "sms_spam", "trec6", "tweets", "bbc_news",
        "chnsenticorp", "thucnews_titles", "sample_reviews_zh")  # fmt: skip
ROWS = (100, 500)
SEEDS = (1, 2, 3)
JUDGED = 300
LONGEST = 96  # tokens
BATCH = 32
C = 0.1  # of the linear models, whose inputs are standardized
NONE = "none"
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "unicode (NFKC)": {"unicode": {"form": "NFKC"}},
    "width": {"width": {}},
    "whitespace": {"whitespace": {}},
    "invisible": {"invisible": {}},
    "mojibake": {"mojibake": {}},
    "html": {"html": {}},
    "links, tokens": {"links": {}},
    "links, removed": {"links": {"urls": "", "mentions": "", "emails": ""}},
    "emoji, names": {"emoji": {}},
    "repeats": {"repeats": {}},
    "personal_data": {"personal_data": {}},
    "chinese_script": {"chinese_script": {}},
    "lower_case": {"lower_case": {}},
    "stop_words": {"stop_words": {}},
    "stop_words (iso)": {"stop_words": {"words": "iso"}},
    "segmentation": {"segmentation": {}},
}
SAME = ("set", "rows", "seed")
Rows = list[dict[str, Any]]


def main() -> None:
    options = parse()
    if options.table:
        print(table(timing.read_records(options.results)))
        return
    records = timing.run_cells(
        cells(options.sets, options.rows, options.seeds),
        options.results,
        lambda cell: run(cell, options),
        options.minutes,
    )
    print(table(records))


def cells(
    names: Sequence[str] = SETS, rows: Sequence[int] = ROWS, seeds: Sequence[int] = SEEDS
) -> Iterator[timing.Record]:
    """Every set at each size and seed, so that a run that is cut short is a smaller one."""
    for size in rows:
        for seed in seeds:
            for name in names:
                yield {"set": name, "rows": size, "seed": seed}


def run(cell: timing.Record, options: argparse.Namespace) -> timing.Record:
    """Scores of both models with every cleaner, and the share of texts that each changes."""
    import torch

    torch.set_num_threads(options.threads)
    train, judged, checkpoint = rows_of(cell["set"], cell["rows"], cell["seed"], options.data)
    gold = [np.array([row["label"] for row in part]) for part in (train, judged)]
    texts = [[row["text"] for row in part] for part in (train, judged)]
    scores: dict[str, dict[str, float]] = {"encoder": {}, "tfidf": {}}
    changed: dict[str, float] = {}
    for variant, clean in {NONE: str, **cleaners()}.items():
        new = [[clean(text) for text in part] for part in texts]
        pairs = [pair for old, part in zip(texts, new, strict=True)
                 for pair in zip(old, part, strict=True)]  # fmt: skip
        share = sum(old != cleaned for old, cleaned in pairs) / len(pairs)
        if variant != NONE and not share:
            continue
        changed[variant] = round(share, 4)
        vectors = [encoded(checkpoint, part) for part in new]
        scores["encoder"][variant] = fitted(*vectors, *gold)
        scores["tfidf"][variant] = fitted(*weighted(new), *gold, scale=False)
    return {"scores": scores, "changed": changed, "score": scores["encoder"][NONE]}


def rows_of(name: str, rows: int, seed: int, data: Path) -> tuple[Rows, Rows, str]:
    """Training rows, judged rows and the checkpoint of a set."""
    if name != "tweets":
        train, judged, info = sets.load(name, rows, seed, data)
        return train, judged[:JUDGED], info["checkpoint"]
    from weitiao.data.files.samples import open_sample

    table = open_sample("tweets").table
    every = [
        {"text": text, "label": label}
        for text, label in zip(
            *(table.column(c).to_pylist() for c in ("text", "label")), strict=True
        )
        if text and label
    ]
    random.Random("tweets").shuffle(every)
    pool = every[JUDGED : JUDGED + 5_000]
    return random.Random(seed).sample(pool, rows), every[:JUDGED], "minilm-l6"


@cache
def cleaners() -> dict[str, Callable[[str], str]]:
    """Variant -> a function that cleans a text."""
    from weitiao import parts
    from weitiao.data.cleaners.base import clean_text

    def of(settings: dict[str, dict[str, Any]]) -> Callable[[str], str]:
        chain = [parts.build("cleaners", name, values) for name, values in settings.items()]
        return cache(lambda text: clean_text(chain, text))

    return {variant: of(settings) for variant, settings in VARIANTS.items()}


@cache
def network(checkpoint: str) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    from weitiao.checkpoints.resolve import resolve

    folder = resolve(checkpoint).path_or_name
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


_VECTORS: dict[tuple[str, str], np.ndarray] = {}


def encoded(checkpoint: str, texts: list[str]) -> np.ndarray:
    """The mean of the tokens' vectors of each text, by the frozen encoder; each text once."""
    import torch

    tokenizer, net = network(checkpoint)
    new = sorted({text for text in texts if (checkpoint, text) not in _VECTORS}, key=len)
    for start in range(0, len(new), BATCH):
        part = new[start : start + BATCH]
        batch = tokenizer(
            part, truncation=True, max_length=LONGEST, padding=True, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = net(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        mean = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        _VECTORS.update(((checkpoint, text), row) for text, row in zip(part, mean, strict=True))
    return np.stack([_VECTORS[checkpoint, text] for text in texts])


def weighted(texts: list[list[str]]) -> list[Any]:
    """TF-IDF of words and pairs of words; of Chinese by jieba."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from weitiao.core.script import has_han
    from weitiao.data.segmentation import chinese_words

    chinese = sum(map(has_han, texts[0])) > len(texts[0]) / 2
    words = cache(chinese_words) if chinese else None
    view = TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        tokenizer=words,
        token_pattern=None if words else r"\w+|[^\w\s]",
    )
    return [view.fit_transform(texts[0]), view.transform(texts[1])]


def fitted(
    train: Any, judged: Any, gold: np.ndarray, truth: np.ndarray, scale: bool = True
) -> float:
    """Macro F1 of a linear model."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    line = LogisticRegression(C=C if scale else 10.0, max_iter=2_000)
    model = make_pipeline(StandardScaler(), line) if scale else line
    model.fit(train, gold)
    return float(f1_score(truth, model.predict(judged), average="macro"))


# --- results


def table(records: Sequence[timing.Record]) -> str:
    """Markdown: the paired gain of each cleaner in points, for both models."""
    if not records:
        return "nothing is stored"
    lines = [
        "| cleaner | sets | texts changed | frozen encoder, points (95 % interval) | TF-IDF |",
        "|---|---|---|---|---|",
    ]
    for variant in VARIANTS:
        mine = [r for r in records if variant in r["changed"]]
        if not mine:
            continue
        gains = [pooled.pooled(differences(mine, model, variant)) for model in ("encoder", "tfidf")]
        share = np.mean([record["changed"][variant] for record in mine])
        lines.append(f"| {variant} | {gains[0].sets} | {share:.0%} | {gains[0]} | {gains[1]} |")
    lines += ["", f"{len(records)} cells: {', '.join(sorted({r['set'] for r in records}))}"]
    return "\n".join([*lines, "", by_set(records)])


def differences(
    records: Sequence[timing.Record], model: str, variant: str
) -> dict[str, list[float]]:
    """By set: the score with the cleaner less the score without, in points."""
    gains: dict[str, list[float]] = {}
    for record in records:
        scores = record["scores"][model]
        gains.setdefault(record["set"], []).append(100 * (scores[variant] - scores[NONE]))
    return gains


def by_set(records: Sequence[timing.Record]) -> str:
    """Markdown: the mean gain on the frozen encoder, by set."""
    names = sorted({record["set"] for record in records})
    lines = [f"| encoder, mean gain | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for variant in VARIANTS:
        mine = [r for r in records if variant in r["changed"]]
        gains = differences(mine, "encoder", variant)
        cells_of = [f"{np.mean(gains[name]):+.2f}" if name in gains else "" for name in names]
        if gains:
            lines.append(f"| {variant} | {' | '.join(cells_of)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = timing.options(__doc__, "cleaners", 1, days=True)
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
