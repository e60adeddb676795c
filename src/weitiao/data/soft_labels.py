"""Soft labels: the share of each label in a row, by several annotators or columns of probabilities.

    roles: {text: text, target: label, annotators: [ann, bob, cem]}
    roles: {text: text, target: label, probabilities: [p_pos, p_neg]}

The network learns the shares; metrics, baselines and the split read the target.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weitiao.core.fields import near
from weitiao.data.files.cells import cell_texts
from weitiao.data.infer.cells import is_missing, number
from weitiao.data.rows import Rows
from weitiao.data.targets import read_targets
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _

ANNOTATORS, PROBABILITIES = "annotators", "probabilities"
SOFT_ROLES = (ANNOTATORS, PROBABILITIES)
PREFIXES = ("p_", "score_", "prob_", "votes_")  # before a label in the name of its column


def columns_of(rows: Rows, role: str) -> list[str]:
    """The columns of a role that may be several."""
    columns = rows.roles.get(role, [])
    return [columns] if isinstance(columns, str) else list(columns)


def voted(rows: Rows) -> list[str]:
    """The labels that annotators say, as their columns have them."""
    votes = set[str]()
    for column in columns_of(rows, ANNOTATORS):
        cells = read_targets(rows.table, {"target": column}, rows.task, rows.indices, rows.id_of)
        votes |= {str(vote) for vote in cells if vote is not None}
    return sorted(votes)


def shares_of(rows: Rows, labels: Sequence[str]) -> np.ndarray | None:
    """(rows, labels) the share of each label, in sums of 1; None where no role says so.

    A row without any opinion has its target alone, and so has one whose target was corrected.
    Raises DataError, naming the row.
    """
    if not set(SOFT_ROLES) & rows.roles.keys():
        return None
    places = {label: at for at, label in enumerate(labels)}
    shares = np.zeros((len(rows), len(labels)), np.float32)
    if ANNOTATORS in rows.roles:
        _add_votes(shares, rows, places)
    else:
        _add_probabilities(shares, rows, places)
    sums = shares.sum(1)
    corrected = rows.changes.corrected if rows.changes else {}
    alone = (sums <= 0) | np.isin(rows.indices, np.array(list(corrected), np.int64))
    hard = [places[str(target)] for target in rows.targets()]
    shares[alone] = np.eye(len(labels), dtype=np.float32)[np.array(hard, np.int64)[alone]]
    sums = np.where(alone, 1.0, sums)
    return np.asarray(shares / sums[:, None], np.float32)


def _add_votes(shares: np.ndarray, rows: Rows, places: dict[str, int]) -> None:
    for column in columns_of(rows, ANNOTATORS):
        votes = read_targets(rows.table, {"target": column}, rows.task, rows.indices, rows.id_of)
        for row, vote in enumerate(votes):
            if rows.changes is not None:
                vote = rows.changes.labels.target(vote)
            if vote is None:
                continue
            if str(vote) not in places:
                raise DataError(
                    placed(
                        rows.id_of(int(rows.indices[row])),
                        _(
                            "{column} says {label!r}, which is no target of any row.{hint}",
                            column=column,
                            label=str(vote),
                            hint=near(str(vote), list(places)),
                        ),
                    )
                )
            shares[row, places[str(vote)]] += 1


def _add_probabilities(shares: np.ndarray, rows: Rows, places: dict[str, int]) -> None:
    for column in columns_of(rows, PROBABILITIES):
        name: str | None = _label_of(column, rows, places)
        cells = cell_texts(rows.table.column(column), rows.indices)
        for row, cell in enumerate(cells):
            value = 0.0 if is_missing(cell) else number(cell)
            if value is None or not 0 <= value < np.inf:
                raise DataError(
                    placed(
                        rows.id_of(int(rows.indices[row])),
                        _(
                            "{column} is {cell!r}: write a probability or a number of votes.",
                            column=column,
                            cell=cell[:40],
                        ),
                    )
                )
            if name is not None:
                shares[row, places[name]] += value


def _label_of(column: str, rows: Rows, places: dict[str, int]) -> str | None:
    """The label that a column is about, by its name; None where the plan drops it."""
    names = [column, *(column.removeprefix(one) for one in PREFIXES if column.startswith(one))]
    for name in names:
        renamed = name if rows.changes is None else rows.changes.labels.of(name)
        if renamed is None:
            return None
        if renamed in places:
            return renamed
    raise DataError(
        _(
            "data.roles: probabilities: no label is called like the column {column!r}.{hint}",
            column=column,
            hint=near(names[-1], list(places)),
        )
    )
