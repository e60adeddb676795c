"""Columns of tags or spans: found by what their cells hold, before other roles are guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.data.infer.column_stats import Column
from weitiao.i18n.messages import _
from weitiao.labels.tags.cells import answer_of, looks_like_spans, looks_like_tags
from weitiao.labels.tags.schemes import are_io, are_plain, label_counts, scheme_of
from weitiao.labels.tags.words import listed

SEEN = 200  # cells that are looked at
MOST = 0.95  # share of them that must be so
NAMED = ("ner_tags", "ner", "tags", "labels", "label", "entities", "spans", "target")
TASK = "token_classification"


def is_tagged(column: Column) -> bool:
    """Whether a column holds tags of words or spans of a text."""
    cells = column.values[:SEEN]
    if not cells:
        return False
    spans = sum(map(looks_like_spans, cells))
    if spans >= MOST * len(cells) and any(len(cell) > 2 for cell in cells):
        return True
    return sum(map(looks_like_tags, cells)) >= MOST * len(cells) and _several(cells)


def pair_of(found: Mapping[str, Column]) -> tuple[str, str] | None:
    """The column that lists words and the one that has a tag for each of them."""
    lists = {name: [listed(cell) for cell in column.values[:SEEN]]
             for name, column in found.items()
             if any('"' in cell for cell in column.values[:SEEN])}  # fmt: skip
    full = {name: [cell or [] for cell in cells] for name, cells in lists.items()
            if cells and sum(cell is not None for cell in cells) >= MOST * len(cells)}  # fmt: skip
    if len(full) < 2:
        return None
    different = {name: len({word for cell in cells for word in cell})
                 for name, cells in full.items()}  # fmt: skip
    text = max(different, key=lambda name: different[name])
    lengths = {name: [len(cell) for cell in cells] for name, cells in full.items()}
    same = [name for name in full if name != text and lengths[name] == lengths[text]]
    if not same:
        return None
    order = [name for want in NAMED for name in same if name.lower() == want]
    spans = [name for name in same if is_tagged(found[name])]
    return text, (*[name for name in order if name in spans], *order, *spans, *same)[0]


def why_tagged(column: Column) -> str:
    """What the cells of the target hold, for the reason of the task."""
    answers = [answer_of(cell) for cell in column.values[:SEEN]]
    tags = [tag for answer in answers for tag in answer if isinstance(tag, str)]
    if not tags:
        labels = sorted({span[2] for answer in answers for span in answer})
        return _("{name!r} holds spans of the text: {labels}", name=column.name,
                    labels=_some(labels))  # fmt: skip
    if are_plain(answers):
        return _("{name!r} holds a tag for each word: {labels}", name=column.name,
                    labels=_some(sorted(set(tags))))  # fmt: skip
    labels = sorted(label_counts(answers, plain=False))
    scheme = "IO" if are_io(answers) else scheme_of(tags) or "BIO"
    return _("{name!r} holds a tag for each word, by the scheme {scheme}: {labels}",
                name=column.name, scheme=scheme, labels=_some(labels))  # fmt: skip


def labels_of_rows(targets: Sequence[Any], task: str) -> Sequence[Any]:
    """Targets as labels that rows can be told apart by: of tags and spans, the types in a row."""
    if task != TASK:
        return targets
    plain = are_plain([target for target in targets if target is not None])
    return [None if target is None else sorted(label_counts([target], plain)) for target in targets]


def fewest_labels(targets: Sequence[Any], task: str) -> int:
    """How many different labels there must be: one where a row, or a word, may also have none."""
    spans = task == TASK and not are_plain([target for target in targets if target is not None])
    return 1 if spans or task == "multilabel" else 2


def _several(cells: tuple[str, ...]) -> bool:
    """Whether tags stand for words of a row, and are not one label each."""
    return sum(len(answer_of(cell)) > 1 for cell in cells) >= len(cells) / 2


def _some(labels: list[str]) -> str:
    return ", ".join(labels[:4]) + (", ..." if len(labels) > 4 else "")
