"""The plain loops of transformers' examples: one label or number a text, a tag a word, a passage.

What `tasks_quality.py` holds weitiao against: the same checkpoint, rows, epochs, learning rate and
batch size; dynamic padding, autocast to bf16, linear warm-up and decay, the weights after the last
update.
"""

from __future__ import annotations

import collections
import math
import random
import re
import string
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]
SETTINGS: dict[str, Any] = {
    "learning_rate": 1e-4, "batch_size": 16, "weight_decay": 0.01, "warmup_ratio": 0.1,
}  # fmt: skip
STRIDE = 128  # tokens that windows of a passage share
LONGEST_ANSWER = 30  # tokens


def score(train: list[Row], test: list[Row], kind: Any, folder: str, seed: int) -> float:
    """Train on `train`, judge on `test`; the set's metric."""
    run = {"token_classification": _tags, "question_answering": _passages}.get(kind.task, _texts)
    return run(train, test, kind, folder, seed)


def _texts(train: list[Row], test: list[Row], kind: Any, folder: str, seed: int) -> float:
    from scipy.stats import pearsonr
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed

    tokenizer = AutoTokenizer.from_pretrained(folder)
    number = kind.task == "regression"
    labels = [] if number else sorted({row["label"] for row in train})
    settings: Row = {"num_labels": 1, "problem_type": "regression"} if number else {
        "num_labels": len(labels)
    }  # fmt: skip
    set_seed(seed)
    network = AutoModelForSequenceClassification.from_pretrained(folder, **settings)

    def encode(rows: list[Row]) -> list[Row]:
        encoded = tokenizer([r["text"] for r in rows], [r["text_pair"] for r in rows],
                            truncation=True, max_length=kind.max_length)  # fmt: skip
        known = [r["label"] if number else labels.index(r["label"]) for r in rows]
        return [{**_one(encoded, i), "labels": known[i]} for i in range(len(rows))]

    _train(network, encode(train), tokenizer, seed, kind.epochs)
    test = [row for row in test if number or row["label"] in labels]
    rows = encode(test)
    logits = np.concatenate([out.logits.numpy() for out, _ in _answers(network, rows, tokenizer)])
    truth = np.array([row["labels"] for row in rows])
    if number:
        return float(pearsonr(logits[:, 0], truth).statistic)
    return float((logits.argmax(-1) == truth).mean())


def start(
    rows: list[Row], task: str, folder: str, tokenizer: Any, length: int
) -> tuple[Any, list[Row]]:
    """A network for tags or passages, and the rows encoded with their labels."""
    from transformers import AutoModelForQuestionAnswering, AutoModelForTokenClassification

    if task == "question_answering":
        network = AutoModelForQuestionAnswering.from_pretrained(folder)
        return network, _windows(rows, tokenizer, length)[0]
    labels = labels_of(rows)
    network = AutoModelForTokenClassification.from_pretrained(folder, num_labels=len(labels))
    return network, _tagged(rows, labels, tokenizer, length)[0]


def labels_of(rows: list[Row]) -> list[str]:
    """All tags of these rows."""
    return sorted({tag for row in rows for tag in row["tags"]})


def _tagged(
    rows: list[Row], labels: list[str], tokenizer: Any, length: int
) -> tuple[list[Row], list[list[int | None]]]:
    """Encoded rows, labels at the first piece of each word; and which word that is."""
    encoded = tokenizer([r["tokens"] for r in rows], is_split_into_words=True, truncation=True,
                        max_length=length)  # fmt: skip
    found, words = [], []
    for i, row in enumerate(rows):
        ids = encoded.word_ids(i)
        first = [
            w if w is not None and (at == 0 or ids[at - 1] != w) else None
            for at, w in enumerate(ids)
        ]
        known = [
            labels.index(row["tags"][w]) if w is not None and row["tags"][w] in labels else -100
            for w in first
        ]
        found.append({**_one(encoded, i), "labels": known})
        words.append(first)
    return found, words


def _tags(train: list[Row], test: list[Row], kind: Any, folder: str, seed: int) -> float:
    from seqeval.metrics import f1_score
    from transformers import AutoTokenizer, set_seed

    tokenizer, labels = AutoTokenizer.from_pretrained(folder), labels_of(train)
    set_seed(seed)
    network, known = start(train, kind.task, folder, tokenizer, kind.max_length)
    _train(network, known, tokenizer, seed, kind.epochs)
    rows, words = _tagged(test, labels, tokenizer, kind.max_length)
    answers = [["O"] * len(row["tokens"]) for row in test]
    at = 0
    for out, _ in _answers(network, rows, tokenizer):
        for best in out.logits.argmax(-1).numpy():
            for place, word in enumerate(words[at]):
                if word is not None:
                    answers[at][word] = labels[best[place]]
            at += 1
    return float(f1_score([row["tags"] for row in test], answers))


def _passages(train: list[Row], test: list[Row], kind: Any, folder: str, seed: int) -> float:
    from transformers import AutoTokenizer, set_seed

    tokenizer = AutoTokenizer.from_pretrained(folder)
    set_seed(seed)
    network, rows = start(train, kind.task, folder, tokenizer, kind.max_length)
    _train(network, rows, tokenizer, seed, kind.epochs)
    rows, places = _windows(test, tokenizer, kind.max_length)
    best: dict[int, tuple[float, str]] = {}
    at = 0
    for out, _ in _answers(network, rows, tokenizer):
        for first, last in zip(out.start_logits.numpy(), out.end_logits.numpy(), strict=True):
            owner, offsets = places[at]
            value, where = _best(first, last, offsets)
            if where and (owner not in best or value > best[owner][0]):
                best[owner] = (value, test[owner]["context"][slice(*where)])
            at += 1
    scores = [
        max(answer_f1(best.get(i, (0, ""))[1], a["text"], kind.language) for a in row["answers"])
        for i, row in enumerate(test)
    ]
    return float(np.mean(scores))


def _windows(rows: list[Row], tokenizer: Any, length: int) -> tuple[list[Row], list[Any]]:
    """Features as run_qa.py makes them; the place of the first answer, or the first token."""
    encoded = tokenizer([r["question"].lstrip() for r in rows], [r["context"] for r in rows],
                        truncation="only_second", max_length=length, stride=STRIDE,
                        return_overflowing_tokens=True, return_offsets_mapping=True)  # fmt: skip
    owners, found, places = encoded["overflow_to_sample_mapping"], [], []
    for i, owner in enumerate(owners):
        sides = encoded.sequence_ids(i)
        offsets = [o if side == 1 else None for o, side in zip(
            encoded["offset_mapping"][i], sides, strict=True)]  # fmt: skip
        answer = rows[owner]["answers"][0]
        first, last = answer["answer_start"], answer["answer_start"] + len(answer["text"])
        inside = [t for t, o in enumerate(offsets) if o and o[0] < last and o[1] > first]
        real = [o for o in offsets if o and o[1] > o[0]]
        whole = bool(inside and real and real[0][0] <= first and real[-1][1] >= last)
        row = {k: encoded[k][i] for k in encoded
               if k not in ("overflow_to_sample_mapping", "offset_mapping")}  # fmt: skip
        row["start_positions"] = inside[0] if whole else 0
        row["end_positions"] = inside[-1] if whole else 0
        found.append(row)
        places.append((owner, offsets))
    return found, places


def _best(start: Any, end: Any, offsets: list[Any]) -> tuple[float, tuple[int, int] | None]:
    value, where = -math.inf, None
    for first in np.argsort(-start)[:20]:
        for last in np.argsort(-end)[:20]:
            there = first < len(offsets) and last < len(offsets)
            if not there or not offsets[first] or not offsets[last]:
                continue
            if first <= last < first + LONGEST_ANSWER and start[first] + end[last] > value:
                value = float(start[first] + end[last])
                where = (offsets[first][0], offsets[last][1])
    return value, where


def answer_f1(answer: str, gold: str, language: str) -> float:
    """SQuAD's F1 over words; for Chinese over characters and runs of Latin letters."""
    mine, right = _words(answer, language), _words(gold, language)
    if not mine or not right:
        return float(mine == right)
    same = sum((collections.Counter(mine) & collections.Counter(right)).values())
    if not same:
        return 0.0
    precision, recall = same / len(mine), same / len(right)
    return 2 * precision * recall / (precision + recall)


def _words(text: str, language: str) -> list[str]:
    text = text.lower()
    if language == "zh":
        return re.findall(r"[a-z0-9]+|[^\W_]", text)
    text = "".join(c for c in text if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def _one(encoded: Any, i: int) -> Row:
    return {key: encoded[key][i] for key in encoded}


def _train(network: Any, rows: list[Row], tokenizer: Any, seed: int, epochs: int) -> None:
    import torch
    from transformers import get_linear_schedule_with_warmup

    size = SETTINGS["batch_size"]
    steps = epochs * math.ceil(len(rows) / size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=SETTINGS["learning_rate"],
                                  weight_decay=SETTINGS["weight_decay"], fused=True)  # fmt: skip
    schedule = get_linear_schedule_with_warmup(
        optimizer, round(SETTINGS["warmup_ratio"] * steps), steps
    )
    draw, order = random.Random(seed), list(range(len(rows)))
    network.train()
    for _ in range(epochs):
        draw.shuffle(order)
        for at in range(0, len(order), size):
            batch = batch_of([rows[i] for i in order[at : at + size]], tokenizer)
            with torch.autocast("cpu", torch.bfloat16):
                loss = network(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    network.eval()


def _answers(network: Any, rows: Sequence[Row], tokenizer: Any) -> Iterator[tuple[Any, Any]]:
    import torch

    for at in range(0, len(rows), 32):
        batch = batch_of(list(rows[at : at + 32]), tokenizer)
        with torch.inference_mode():
            yield network(**batch), batch


def batch_of(rows: list[Row], tokenizer: Any) -> Any:
    """Encoded rows with their labels as one padded batch."""
    import torch

    beside = ("labels", "start_positions", "end_positions")
    batch = dict(tokenizer.pad([{k: v for k, v in r.items() if k not in beside} for r in rows],
                               return_tensors="pt"))  # fmt: skip
    longest = batch["input_ids"].shape[1]
    for name in beside:
        if name in rows[0]:
            values = [row[name] for row in rows]
            if isinstance(values[0], list):
                values = [[*v, *[-100] * (longest - len(v))] for v in values]
            batch[name] = torch.tensor(values)
    return batch
