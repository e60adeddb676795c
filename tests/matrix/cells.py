"""The matrix: every task with every family. A line a task; what cannot be, with its reason."""

import itertools

from conftest import toy_plan
from matrix.families import FAMILIES

# Name -> (task of toy_rows, changes of the plan). Tasks are tried with heads and ways of theirs.
TASKS = {
    "classification": ("classification", {}),
    "pairs": ("nli", {}),
    "multilabel": ("multilabel", {}),
    "regression": ("regression", {}),
    "similarity": ("similarity", {}),
    "similarity, cosine": ("similarity", {"task": {"similarity": {"way": "cosine"}}}),
    "pooled": ("classification", {"model.head": {"pooled": {"pooling": "mean"}}}),
    "mean": ("classification", {"model.head": "mean"}),
    "multi_layer": ("multilabel", {"model.head": {"multi_layer": {"pooling": "max"}}}),
    "multi_sample_dropout": ("regression", {"model.head": {"multi_sample_dropout": {}}}),
    "weighted_layers": ("nli", {"model.head": {"weighted_layers": {"pooling": "attention"}}}),
    "question_answering": ("question_answering", {}),
    "token_classification": ("token_classification", {}),
    "crf": ("token_classification", {"model.head": "crf"}),
    "whole text": ("classification", {"model.attention": "full"}),
}
DECODERS = {"gpt2", "llama", "qwen2", "qwen3", "smollm3", "gemma3_text"}
# What cannot be: (task, family) -> why. The docs show this table.
BOTH_WAYS = "it attends both ways already"
CANNOT = {("whole text", family): BOTH_WAYS for family in FAMILIES.keys() - DECODERS}
SAID = {"en": {BOTH_WAYS: BOTH_WAYS}, "zh": {BOTH_WAYS: "它本来就是双向的"}}
CELLS = [cell for cell in itertools.product(TASKS, FAMILIES) if cell not in CANNOT]
# Every family and every task at least once, and each kind of head with each kind of padding.
QUICK = [
    cell
    for number, cell in enumerate(CELLS)
    if list(TASKS).index(cell[0]) == list(FAMILIES).index(cell[1]) % len(TASKS)
    or cell in {("pairs", "gpt2"), ("token_classification", "xlnet"), ("crf", "qwen2")}
]  # fmt: skip


def plan_of(name, checkpoint, **changes):
    task, own = TASKS[name]
    settings = {"train.epochs": 1, "train.evaluations": 1, **own, **changes}
    return toy_plan(task, checkpoint).with_(settings)
