"""Slice finding: subsets of the evaluated rows on which the model is significantly worse.

Each candidate is compared with all rows outside it by a one-sided test: Fisher's exact test of the
errors, or for numbers the Wilcoxon rank-sum test of the absolute errors. With many candidates some
look weak by coincidence; so p-values are corrected by Holm (1979), which bounds the family-wise
error rate (5%) for overlapping slices too.

Candidates are by length, language, label, every further column, and clusters of texts. All are made
without a look at the predictions; otherwise the test would be invalid.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from weitiao.data.files.cells import take
from weitiao.data.files.table import OURS
from weitiao.data.prepare.profile import language_of
from weitiao.data.rows import Rows
from weitiao.evaluation.intervals import wilson
from weitiao.i18n.messages import N_
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels

FEWEST = 10  # rows of a slice, and outside it
# The corrected p-value of a weak slice; below 1 in 20, since the rank test is approximate.
SLICE_ALPHA = 0.04


@dataclass(frozen=True)
class Candidate:
    """A subset of the rows. kind: length, language, label, column, texts."""

    kind: str
    name: str  # the column; empty where the kind says it
    value: str
    rows: np.ndarray  # positions among the evaluated rows


@dataclass(frozen=True)
class Slice:
    """A slice with its score and test. For numbers `score` is the mean absolute error."""

    kind: str
    name: str
    value: str
    rows: int
    score: float  # accuracy, or the mean absolute error
    low: float
    high: float
    rest: float  # the score of all other rows
    p: float  # one-sided p-value; the name in findings.json
    corrected: float  # by Holm
    weak: bool

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def score_slices(answers: Answers, candidates: Sequence[Candidate]) -> list[Slice]:
    """Significance test of every candidate with enough rows, the lowest p-value first."""
    total = len(answers.targets)
    large = [c for c in candidates if FEWEST <= len(c.rows) <= total - FEWEST]
    if not large:
        return []
    number = answers.numeric
    losses = answers.losses().astype(float)
    sizes = np.array([len(c.rows) for c in large])
    sums = np.array([losses[c.rows].sum() for c in large])
    if number:
        p = _ranks(losses, large, sizes)
    else:
        from scipy.stats import hypergeom

        # One-sided Fisher: P(X >= errors inside), X hypergeometric given all margins.
        p = hypergeom.sf(sums - 1, total, losses.sum(), sizes)
    corrected = holm(p)
    rest = (losses.sum() - sums) / (total - sizes)
    slices = []
    for at, one in enumerate(large):
        own = sums[at] / sizes[at]
        score, others = (own, rest[at]) if number else (1 - own, 1 - rest[at])
        low, high = _mean_interval(losses[one.rows]) if number else wilson(score, int(sizes[at]))
        weak = bool(corrected[at] < SLICE_ALPHA and own > rest[at])
        slices.append(
            Slice(
                kind=one.kind,
                name=one.name,
                value=one.value,
                rows=int(sizes[at]),
                score=float(score),
                low=low,
                high=high,
                rest=float(others),
                p=float(p[at]),
                corrected=float(corrected[at]),
                weak=weak,
            )
        )
    return sorted(slices, key=lambda one: (one.p, one.rows))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm-Bonferroni correction of p-values (Holm, 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    # The i-th smallest of m is multiplied by m - i + 1; the running maximum keeps them monotonic.
    order = np.argsort(p)
    steps = p[order] * (len(p) - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _ranks(losses: np.ndarray, candidates: Sequence[Candidate], sizes: np.ndarray) -> np.ndarray:
    """One-sided p-values of the Wilcoxon rank-sum test: errors in the slice are larger.

    Normal approximation; the variance from the ranks themselves, so that ties are accounted for:
    Var(W) = m (n - m) / (n (n - 1)) sum((r - mean r)^2).
    """
    from scipy.stats import norm, rankdata

    ranks = rankdata(losses)
    total, mean = len(ranks), ranks.mean()
    sums = np.array([ranks[one.rows].sum() for one in candidates])
    variance = ((ranks - mean) ** 2).sum() / (total - 1) / total
    deviation = np.sqrt(np.maximum(variance * sizes * (total - sizes), 1e-30))
    return np.asarray(norm.sf((sums - sizes * mean) / deviation))


def _mean_interval(errors: np.ndarray) -> tuple[float, float]:
    """The 95% normal interval of a mean error."""
    half = 1.96 * errors.std(ddof=1) / np.sqrt(len(errors))
    return float(max(errors.mean() - half, 0)), float(errors.mean() + half)


LENGTH_QUARTERS = (
    N_("shortest quarter"),
    N_("second quarter"),
    N_("third quarter"),
    N_("longest quarter"),
)
NUMBER_QUARTERS = (
    N_("lowest quarter"),
    N_("second quarter"),
    N_("third quarter"),
    N_("highest quarter"),
)
MOST_VALUES = 60  # of one column, the most frequent
MOST_DIFFERENT = 0.5  # distinct values a row; above, a column is an id or a text
LONGEST_VALUE = 80  # characters; longer cells are texts, no categories
# "id", "row_id", "userID", "编号", "index", "Unnamed: 0" (an index that pandas has written).
_ID_NAME = re.compile(
    r"(?i:^|[\W_])(?i:ids?|uuid|guid|idx|index|row|rownum|no|nr)(?i:$|[\W_\d])|[a-z]I[dD]$|^Unnamed"
    r"|编号|序号|行号|编码|索引"
)
FEWEST_NUMBERS = 12  # distinct; up to these, numbers are categories


def candidates_of(
    rows: Rows, answers: Answers, texts: Sequence[str], groups: np.ndarray | None = None
) -> list[Candidate]:
    """All candidates. texts: one a row; groups: the cluster of each row's text, if any."""
    lengths = np.array([len(text) for text in texts])
    candidates = _quarters("length", "", lengths, LENGTH_QUARTERS)
    candidates += _values("language", "", [language_of(text) for text in texts])
    candidates += _of_targets(answers)
    if groups is not None:
        candidates += [
            Candidate("texts", "", str(group), np.flatnonzero(groups == group))
            for group in np.unique(groups)
        ]
    return candidates + _of_columns(rows)


@singledispatch
def _of_targets(answers: Answers) -> list[Candidate]:
    return _quarters("label", "", answers.targets, NUMBER_QUARTERS) if answers.numeric else []


@_of_targets.register
def _of_labels(answers: Labels) -> list[Candidate]:
    return _values("label", "", [answers.labels[at] for at in answers.targets])


@_of_targets.register
def _of_label_sets(answers: LabelSets) -> list[Candidate]:
    return [
        Candidate("label", "", label, np.flatnonzero(answers.has_label(at)))
        for at, label in enumerate(answers.labels)
    ]


def _of_columns(rows: Rows) -> list[Candidate]:
    """Of metadata columns: those that are neither inputs nor targets."""
    taken = {*OURS}
    for column in rows.roles.values():
        taken |= {column} if isinstance(column, str) else set(column)
    candidates = []
    for name in rows.table.column_names:
        if name in taken:
            continue
        values = take(rows.table.column(name), rows.indices).to_pylist()
        numbers = _numbers(values)
        if numbers is not None and is_identifier(name, numbers, rows.indices):
            continue
        if numbers is not None:
            candidates += _quarters("column", name, numbers, NUMBER_QUARTERS)
            continue
        cells = ["" if value is None else str(value).strip() for value in values]
        if len(set(cells)) <= MOST_DIFFERENT * len(cells):
            candidates += _values("column", name, cells)
    return candidates


def is_identifier(name: str, numbers: np.ndarray, positions: np.ndarray) -> bool:
    """Whether a column of numbers names rows instead of measuring something.

    That is an id by its name, or a row number: whole numbers that rise evenly with the position.
    """
    known = ~np.isnan(numbers)
    whole = numbers[known]
    if not np.array_equal(whole, np.rint(whole)):
        return False
    if _ID_NAME.search(name):
        return True
    order = np.argsort(positions[known])
    steps, places = np.diff(whole[order]), np.diff(positions[known][order])
    return bool(len(steps) and (steps != 0).all() and np.ptp(steps / places) == 0)


def _values(kind: str, name: str, values: Sequence[str]) -> list[Candidate]:
    """A candidate for each frequent value; none for a constant."""
    counts = Counter(values)
    if len(counts) < 2:
        return []
    frequent = [
        value
        for value, count in counts.most_common(MOST_VALUES)
        if count >= FEWEST and value and len(value) <= LONGEST_VALUE
    ]
    column = np.array(values, dtype=object)
    return [Candidate(kind, name, value, np.flatnonzero(column == value)) for value in frequent]


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    """The cells of a numeric column; None for others and for few distinct numbers."""
    parsed = np.full(len(values), np.nan)
    for at, value in enumerate(values):
        if isinstance(value, bool) or value is None:
            continue
        try:
            parsed[at] = float(value)
        except (TypeError, ValueError):
            continue
    known = parsed[~np.isnan(parsed)]
    many = len(np.unique(known)) > FEWEST_NUMBERS
    return parsed if many and len(known) > 0.9 * len(parsed) else None


def _quarters(kind: str, name: str, numbers: np.ndarray, names: Sequence[str]) -> list[Candidate]:
    """Quartile bins; fewer than four where many values are equal."""
    known = numbers[~np.isnan(numbers.astype(float))]
    edges = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else []
    which = np.searchsorted(edges, numbers, side="left")
    candidates = []
    for at, value in enumerate(names):
        inside = np.flatnonzero((which == at) & ~np.isnan(numbers.astype(float)))
        if len(inside) and len(inside) < len(numbers):
            candidates.append(Candidate(kind, name, value, inside))
    return candidates
