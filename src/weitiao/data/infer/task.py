"""Which task the target's values speak of: labels, several labels, numbers, relations."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from weitiao.data.answers import TASK as READING
from weitiao.data.infer.cells import are_relations, is_json_list, split_labels
from weitiao.data.infer.column_stats import Column, columns_of
from weitiao.data.infer.tags import TASK, is_tagged, pair_of, why_tagged
from weitiao.errors import DataError
from weitiao.i18n.messages import _

FEW = 20  # so many different whole numbers are still labels
_NAMES_OF_CLASSES = re.compile(r"label|class|categor|intent|topic|类|标签|意图|主题", re.IGNORECASE)


def guess_task(table: Any, roles: Mapping[str, str | list[str]]) -> tuple[str, str]:
    """The name of the task and why, with figures. Raises DataError when nothing fits."""
    if "context" in roles:
        return READING, _("questions, each with a passage and the answers in it")
    target = roles["target"]
    if isinstance(target, list) and len(target) > 1:
        return "multilabel", _(
            "the target has {count} columns: {names}", count=len(target), names=", ".join(target)
        )
    name = target if isinstance(target, str) else target[0]
    column = columns_of(table)[name]
    if not column.values:
        raise DataError(
            _("the target column {name!r} is empty: there is nothing to learn from.", name=name)
        )
    text = roles.get("text")
    pair = pair_of(columns_of(table)) if isinstance(text, str) else None
    if pair == (text, name) or is_tagged(column):
        return TASK, why_tagged(column)
    is_pair = "premise" in roles or "text_pair" in roles
    if is_pair and ("premise" in roles or are_relations(column.counts)):
        return "nli", _(
            "two texts and the labels {labels} say how they relate", labels=_some(column)
        )
    if column.numbers is not None:
        return _of_numbers(column)
    several = _several_labels(column)
    if several:
        return "multilabel", several
    if column.unique_share > 0.5 and column.distinct > FEW:
        raise DataError(
            _(
                "the target column {name!r} has {distinct:,} different values in {rows:,} rows "
                "(e.g. {example!r}): these are no labels. Say which column is the target: "
                "--target COLUMN.",
                name=name,
                distinct=column.distinct,
                rows=len(column.values),
                example=column.example,
            )
        )
    return "classification", _(
        "{name!r} holds {distinct} different labels: {labels}",
        name=name,
        distinct=column.distinct,
        labels=_some(column),
    )


def why_relations(table: Any, roles: Mapping[str, str | list[str]]) -> str:
    """What is not known when a user calls pairs with numbers for labels an inference task."""
    target = roles.get("target")
    column = columns_of(table).get(target) if isinstance(target, str) else None
    if column is None or column.numbers is None:
        return _("given by you")
    return _(
        "given by you; the labels are numbers ({labels}): which of them means entailment is not "
        "known, and the answers are these numbers",
        labels=_some(column),
    )


def _of_numbers(column: Column) -> tuple[str, str]:
    assert column.numbers is not None
    low, high = min(column.numbers), max(column.numbers)
    figures: dict[str, Any] = {"name": column.name, "distinct": column.distinct}
    between = {"low": low, "high": high}
    if not column.whole:
        return "regression", _with_odd(column, _(
            "{name!r} holds numbers with fractions from {low:g} to {high:g}",
            name=column.name, **between,
        ))  # fmt: skip
    if column.distinct <= FEW:
        if column.distinct > 2:
            return "classification", _(
                "{name!r} holds {distinct} different whole numbers ({labels}); if their order "
                "matters: --task regression",
                labels=_some(column), **figures,
            )  # fmt: skip
        return "classification", _(
            "{name!r} holds {distinct} different whole numbers ({labels})",
            labels=_some(column), **figures,
        )  # fmt: skip
    gapless = high - low + 1 == column.distinct and low in (0, 1)
    if gapless and column.unique_share <= 0.2 and _NAMES_OF_CLASSES.search(column.name):
        return "classification", _(
            "{name!r} numbers {distinct} classes from {low:g} to {high:g} without a gap; if these "
            "are amounts: --task regression",
            **figures, **between,
        )  # fmt: skip
    return "regression", _with_odd(column, _(
        "{name!r} holds {distinct} different whole numbers from {low:g} to {high:g}; if they only "
        "name classes: --task classification",
        **figures, **between,
    ))  # fmt: skip


def _with_odd(column: Column, why: str) -> str:
    if not column.odd:
        return why
    return _("{why}; a few cells are none ({cells})", why=why, cells=", ".join(column.odd[:3]))


def _several_labels(column: Column) -> str:
    """Why the cells hold several labels each; empty when they hold one."""
    cells = {cell: split_labels(cell) for cell in column.counts}
    listed = sum(count for cell, count in column.counts.items() if is_json_list(cell))
    if listed >= 0.9 * len(column.values):
        return _(
            "the cells of {name!r} are lists, e.g. {example}",
            name=column.name,
            example=column.example,
        )
    owners: dict[str, set[str]] = defaultdict(set)
    uses: Counter[str] = Counter()
    for cell, pieces in cells.items():
        for piece in pieces:
            owners[piece].add(cell)
            uses[piece] += column.counts[cell]
    parted = [cell for cell, pieces in cells.items() if len(pieces) > 1]
    share = sum(column.counts[cell] for cell in parted) / len(column.values)
    # "Arts, crafts" is one label: its pieces stand in no other cell. Real label sets recombine.
    recombined = sum(len(owners[p]) > 1 for cell in parted for p in cells[cell])
    total = sum(len(cells[cell]) for cell in parted)
    if not parted or share < 0.02 or recombined < 0.6 * total:
        return ""
    if len(owners) > len(cells) or sum(uses.values()) < 3 * len(owners):
        return ""
    return _(
        "{share:.0%} of the cells of {name!r} hold several labels (e.g. {example!r}), made of "
        "{count} different ones",
        share=share,
        name=column.name,
        example=parted[0],
        count=len(owners),
    )


def _some(column: Column) -> str:
    common = [value[:30] for value, _ in column.counts.most_common(4)]
    return ", ".join(common) + (", ..." if column.distinct > 4 else "")
