"""The names of labels as rows, where the pre-trained network understands them.

Each row is given the label whose name is nearest to it, before anything is learned (dataless
classification, Chang et al. 2008). Where this is right far more often than the most frequent label,
names teach what few rows cannot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.data.steps.label_names import name_of
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning import pooling
from weitiao.planning.facts import Facts, sampled

if TYPE_CHECKING:
    from weitiao.model.model import Model

# Training rows. Fine-tuned, three rows a label gained 6.1 points, eight and more nothing certain.
MOST_A_LABEL = 4
SHORTEST_BUDGET = 60.0  # seconds; with less, the time is better spent on training
LEAST_GAIN = 1.3  # times the share of the most frequent label
P_VALUE = 0.01  # of as many right ones by the most frequent label


def possible(plan: Plan, facts: Facts) -> bool:
    """Whether names may help: single texts, few rows a label, time to look."""
    budget = plan.train.budget
    few = facts.train_rows <= MOST_A_LABEL * len(facts.profile.labels)
    alone = plan.task_name == "classification" and set(plan.data.roles) == {"text", "target"}
    return few and alone and not plan.data.steps and not (budget and budget < SHORTEST_BUDGET)


def steps(plan: Plan, rows: Rows, facts: Facts) -> dict[str, Reason]:
    """The step label_names, with how often the nearest name is right; nothing where the names say
    nothing.

    rows: labelled rows, of which some are read.
    """
    labels = sorted({str(one) for one in rows.targets()})
    names = {label: name_of(label) for label in labels}
    if len(labels) < 2 or not all(names.values()):
        return {}
    count, right, usual = nearest_names(plan, rows, names)
    if right < LEAST_GAIN * usual or _p_value(count, right, usual) > P_VALUE:
        return {}
    named = Reason(
        value={"label_names": {}},
        reason=_(
            "{rows:.1f} training rows a label, and the network understands the names of the "
            "labels: each name is learned from as one more row",
            rows=facts.train_rows / len(labels),
        ),
        evidence=_(
            "{rows} rows, frozen network: the label with the nearest name is right for "
            "{right:.0%}, the most frequent label for {usual:.0%}",
            rows=count,
            right=right,
            usual=usual,
        ),
    )
    return {"data.steps": named}


def nearest_names(plan: Plan, rows: Rows, names: Mapping[str, str]) -> tuple[int, float, float]:
    """Rows that were read, the share of them whose nearest name is right, and the share of the most
    frequent label."""
    from weitiao.model.model import Model

    rows = rows.take(sampled(len(rows), pooling.ROWS))
    changes = {
        "model.head": {"mean": {}},
        "model.max_length": min(pooling.LENGTH, plan.model.max_length),
        "model.long_texts": {"head": {}},
        "train.class_weights": "none",
    }
    model = Model.start(plan.with_(changes), rows)
    texts = _unit(_means(model, rows))
    called = _unit(_means(model, _rows_of(plan, list(names.items()))))
    labels, golds = np.array(list(names)), np.array([str(one) for one in rows.targets()])
    right = float((labels[(texts @ called.T).argmax(1)] == golds).mean())
    return len(rows), right, max(Counter(golds.tolist()).values()) / len(golds)


def _rows_of(plan: Plan, names: Sequence[tuple[str, str]]) -> Rows:
    """The names as rows of the same columns."""
    text, target = str(plan.data.roles["text"]), str(plan.data.roles["target"])
    source = from_rows([{text: name, target: label} for label, name in names])
    return Rows(source.table, everything(source.table), plan.data.roles, "names", plan.task_name)


def _means(model: Model, rows: Rows) -> np.ndarray:
    return np.asarray(pooling.vectors(model, rows)[0])


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 around their mean: sentences and names have each a direction of their
    own."""
    centred = vectors - vectors.mean(0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9))


def _p_value(rows: int, right: float, usual: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(round(right * rows), rows, usual, alternative="greater").pvalue)
