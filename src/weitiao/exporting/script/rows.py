"""Rows of a script: the user's own file where a few lines read the same, else a file of its own."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.example import Example
from weitiao.model import preprocess
from weitiao.model.model import Model
from weitiao.tasks.base import Task

ENCODINGS = ("utf-8-sig", "gb18030", "utf-16", "latin-1")
DELIMITERS = (",", "\t", ";")
MAX_BYTES = 1 << 28  # of a file that is read twice to compare
TARGET = "target"


@dataclass(frozen=True)
class Reading:
    """How the script gets its rows. kind: csv, jsonl, or own (a file that is written for it).

    texts, target: names of the columns; split: part -> positions of the rows in the file.
    """

    kind: str
    path: Path
    texts: tuple[str, ...]
    target: str
    split: dict[str, list[int]]
    encoding: str = "utf-8"
    delimiter: str = ","
    lines: tuple[str, ...] = ()  # of a file of its own


def reading_of(model: Model, data: Data, train: Rows, own: Path) -> Reading:
    """The simplest way in which a script reads these rows. own: the file to write, where the
    user's has another form, or a plan changes texts or targets.

    train: the rows that are learned, after the plan's steps.
    """
    parts = {"train": train, "validation": data.validation}
    simple = _simple(model, data, parts)
    return simple or _own(model, parts, own)


def target_of(task: Task, example: Example) -> Any:
    """A target in JSON: a label, a list of labels, a number."""
    return example.target


def _simple(model: Model, data: Data, parts: dict[str, Rows]) -> Reading | None:
    """The user's file, where csv or json of the standard library give the same texts and targets
    at the same places."""
    plan, task = model.plan, model.task
    path = plan.data.path
    tables = {id(rows.table) for rows in parts.values()}
    one_value = not (task.per_token or task.problem_type == "multi_label_classification")
    if not isinstance(path, str) or len(tables) > 1 or not one_value or plan.data.cleaners:
        return None
    file, target = Path(path), plan.data.roles["target"]
    texts = tuple(str(plan.data.roles[role]) for role in parts["train"].text_roles)
    if not isinstance(target, str) or "columns" in plan.data.roles or not _is_small(file):
        return None
    split = {name: [int(at) for at in rows.indices] for name, rows in parts.items()}
    examples = [example for rows in parts.values() for example in rows.examples()]
    places = [at for positions in split.values() for at in positions]
    for kind, encoding, delimiter, rows in _readings(file):
        if _same(rows, places, examples, texts, target):
            return Reading(kind, file, texts, target, split, encoding, delimiter)
    return None


def _is_small(file: Path) -> bool:
    try:
        return file.is_file() and file.stat().st_size <= MAX_BYTES
    except OSError:
        return False


def _readings(file: Path) -> Iterator[tuple[str, str, str, list[Any]]]:
    """The rows of a file, read in the ways that a script may."""
    if file.suffix.lower() in (".jsonl", ".ndjson"):
        try:
            with file.open(encoding="utf-8") as lines:
                yield "jsonl", "utf-8", "", [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError):
            return
        return
    for encoding in ENCODINGS:
        for delimiter in DELIMITERS:
            try:
                with file.open(encoding=encoding, newline="") as lines:
                    rows: list[Any] = list(csv.DictReader(lines, delimiter=delimiter))
            except (OSError, ValueError, csv.Error):
                break
            yield "csv", encoding, delimiter, rows


def _same(
    rows: Sequence[Any],
    places: Sequence[int],
    examples: Sequence[Example],
    texts: Sequence[str],
    target: str,
) -> bool:
    if not places or max(places) >= len(rows):
        return False
    for at, example in zip(places, examples, strict=True):
        row = rows[at]
        if not isinstance(row, dict):
            return False
        if [row.get(name) for name in texts] != [*example.inputs.values()]:
            return False
        if not _same_target(row.get(target), example.target):
            return False
    return True


def _same_target(cell: Any, target: Any) -> bool:
    if isinstance(target, float):
        try:
            return float(cell) == target
        except (TypeError, ValueError):
            return False
    return isinstance(cell, str) and cell == str(target)


def _own(model: Model, parts: dict[str, Rows], file: Path) -> Reading:
    """A JSON Lines file with the texts as the network reads them, and the targets."""
    lines: list[str] = []
    names: tuple[str, ...] = ()
    split: dict[str, list[int]] = {}
    for part, rows in parts.items():
        split[part] = list(range(len(lines), len(lines) + len(rows)))
        for examples in rows.batches():
            for row in _plain_rows(model, examples):
                names = tuple(name for name in row if name != TARGET)
                lines.append(json.dumps({"part": part, **row}, ensure_ascii=False))
    return Reading("own", file, names, TARGET, split, lines=tuple(lines))


def _plain_rows(model: Model, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
    task = model.task
    if task.per_token:
        yield from _tagged(task, examples)
        return
    cleaned = preprocess.clean_examples(task, model.cleaners, examples)
    for example in cleaned:
        yield {**{k: str(v) for k, v in example.inputs.items()}, TARGET: example.target}


def _tagged(task: Any, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
    """Words with their tags in BIO."""
    from weitiao.labels.tags.labelled import labelled
    from weitiao.labels.tags.words import listed_places, word_places

    known = {kind: at for at, kind in enumerate(task.types)}
    for example in task.read(examples):
        words, text = word_places(example), str(example.inputs["text"])
        row = labelled(text, words, example.target, known, task.plain, listed_places(example))
        yield {
            "words": [text[start:end] for start, end in words.tolist()],
            TARGET: [task.labels[at] for at in row.tags.tolist()],
        }
