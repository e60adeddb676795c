"""Column statistics (types, distinct values, lengths): evidence to infer roles and tasks from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from weitiao.core.script import han_count, has_han
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.table import OURS
from weitiao.data.infer.cells import (
    has_decimal_commas,
    has_unit,
    is_ambiguous,
    is_missing,
    number,
    with_point,
)
from weitiao.data.infer.times import is_date
from weitiao.i18n.messages import name_list

SAMPLE_ROWS = 5000
FEW_CLASSES = 20  # so many different whole numbers are still labels
FEW_ODD = 0.02  # share of cells that may be no numbers in a column of numbers
_ID = re.compile(r"[\w.:/#-]*\d[\w.:/#-]*")
_NAMES_OF_CLASSES = re.compile(r"label|class|categor|intent|topic|类|标签|意图|主题", re.IGNORECASE)

_DEGREES = re.compile(r"similarity|relatedness|相似度|相关度", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """Statistics of a column, from at most 5,000 rows spread evenly over the table."""

    name: str
    values: tuple[str, ...]  # what is not empty (nor NULL and the like), stripped
    rows: int

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(self.values)

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @cached_property
    def unique_share(self) -> float:
        """Distinct values per value: 1 for ids and texts, near 0 for labels."""
        return self.distinct / max(1, len(self.values))

    @cached_property
    def mean_length(self) -> float:
        return sum(map(len, self.values)) / max(1, len(self.values))

    @cached_property
    def numbers(self) -> tuple[float, ...] | None:
        """The values as numbers, or None when more than a few of them are not numeric."""
        values = [value for value in self.values if not _no_number(value)]
        if any(map(is_ambiguous, self.counts)) and has_decimal_commas(self.counts):
            values = list(map(with_point, values))
        numbers = [_number(value) for value in values]
        good = tuple(value for value in numbers if value is not None)
        few = max(1, FEW_ODD * len(numbers)) if len(numbers) >= 20 else 0
        return good if good and len(numbers) - len(good) <= few else None

    @cached_property
    def odd(self) -> tuple[str, ...]:
        """Values of a numeric column that are no numbers (n/a and the like are missing values)."""
        return tuple(v for v in self.counts if _number(v) is None and not _no_number(v))

    @property
    def among_numbers(self) -> tuple[str, ...]:
        """Values that are no numbers where three quarters are; empty where fewer are."""
        none = [v for v in self.values if _number(v) is None and not _no_number(v)]
        few = len(none) <= len(self.values) / 4
        numeric = any(_number(v) is not None for v in self.values)
        return tuple(dict.fromkeys(none)) if few and numeric else ()

    @property
    def whole(self) -> bool:
        return self.numbers is not None and all(value.is_integer() for value in self.numbers)

    @property
    def binary(self) -> bool:
        """Whether all values are 0 or 1."""
        return self.numbers is not None and not self.odd and set(self.numbers) <= {0.0, 1.0}

    @property
    def flags(self) -> bool:
        """Whether all values are 0 or 1, or true or false."""
        return self.binary or {value.lower() for value in self.counts} == {"true", "false"}

    @cached_property
    def is_id(self) -> bool:
        """Whether a column is an id: unique values, whole numbers or codes with digits."""
        # 0.98: a few repeated ids, as in merged exports, are ids still.
        if not self.values or self.unique_share < 0.98 or len(self.values) < 3:
            return False
        if self.numbers is not None:
            return self.whole
        return all(_ID.fullmatch(value) and not has_han(value) for value in self.values[:200])

    @cached_property
    def is_date(self) -> bool:
        """Whether a column holds dates or times: neither texts nor labels."""
        return bool(self.values) and all(is_date(value) for value in self.counts)

    @cached_property
    def is_text(self) -> bool:
        """Whether a column is free text: no numbers, no ids, longer or more varied than labels."""
        if not self.values or self.numbers is not None or self.is_id or self.is_date:
            return False
        # 24 letters are a short sentence; labels are rarely so long on average. Shorter texts
        # (queries, titles) must differ from row to row, as labels do not.
        weight = sum(_weight(value) for value in self.values[:500]) / len(self.values[:500])
        return self.distinct > 1 and (weight >= 24 or (weight >= 8 and self.unique_share > 0.3))

    @cached_property
    def is_label(self) -> bool:
        """Whether a column holds labels: short values that repeat."""
        # In small samples every second row may be a new class; then few distinct values decide.
        return (
            self.distinct >= 2
            and self.mean_length <= 60
            and (self.unique_share <= 0.3 or (self.distinct <= 10 and self.unique_share <= 0.6))
        )

    @property
    def without_gap(self) -> bool:
        """Whether a column holds contiguous class indices from 0 or 1, under a name for classes."""
        if self.numbers is None or not self.whole:
            return False
        low, high = min(self.numbers), max(self.numbers)
        every = high - low + 1 == self.distinct and low in (0, 1)
        return every and self.unique_share <= 0.2 and bool(_NAMES_OF_CLASSES.search(self.name))

    @property
    def is_class_index(self) -> bool:
        """Whether whole numbers are class indices: few distinct ones, or contiguous."""
        if not self.whole or self.some_units or (self.distinct > 2 and _DEGREES.search(self.name)):
            return False
        return self.distinct <= FEW_CLASSES or self.without_gap

    @cached_property
    def some_units(self) -> str:
        """A number with a unit (5分) where others have none (4): amounts, since as labels 5 and 5分
        would be two; empty where there is none."""
        if self.numbers is None:
            return ""
        units = [value for value in self.counts if has_unit(value)]
        plain = (_number(value) is not None for value in self.counts if value not in units)
        return units[0] if units and any(plain) else ""

    def most_common(self, count: int = 4) -> str:
        """The most frequent values as one line of text."""
        return name_list((value[:30] for value in self.ranked), count)

    @property
    def ranked(self) -> list[str]:
        """The different values, most frequent first."""
        return [value for value, _ in self.counts.most_common()]

    @property
    def example(self) -> str:
        value = self.values[0] if self.values else ""
        flat = " ".join(value.split())
        return flat if len(flat) <= 40 else flat[:40] + "..."


def _number(value: str) -> float | None:
    """Parse a number, also an ambiguous one (1,234): the column is numeric in either case."""
    return number(value.replace(",", "")) if is_ambiguous(value) else number(value)


def _no_number(value: str) -> bool:
    return is_missing(value, among_numbers=True)


def _weight(value: str) -> float:
    """Text length in units of Latin letters: a Chinese character counts as three."""
    return len(value) + 2 * han_count(value[:200])


def sample_positions(rows: int, size: int) -> np.ndarray:
    """Systematic sample of at most `size` positions, so that a sorted file shows all its labels."""
    return np.unique(np.linspace(0, max(0, rows - 1), min(rows, size)).astype(np.int64))


def columns_of(table: Any) -> dict[str, Column]:
    """Column statistics of all columns of the user's."""
    positions = sample_positions(table.num_rows, SAMPLE_ROWS)
    columns = {}
    for name in table.column_names:
        if name not in OURS:
            values = (value.strip() for value in cell_texts(table.column(name), positions))
            filled = tuple(value for value in values if not is_missing(value))
            columns[name] = Column(name, filled, len(positions))
    return columns
