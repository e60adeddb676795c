"""Two texts and how alike they are: read together, or compared by their vectors.

The frozen network says which is nearer to the user's numbers: a line through the cosine of the two
vectors, or a linear model on what it reads of both texts together.
"""

from __future__ import annotations

import numpy as np

from weitiao.data.rows import Rows
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan, Reason
from weitiao.planning import pooling
from weitiao.planning.facts import sampled

TASK, FIELD = "similarity", "way"
WORTH = 0.1  # the least correlation by which vectors say anything


def way(plan: Plan, rows: Rows) -> Reason:
    """`way` of the task similarity, as the task with its settings. rows: labelled ones."""
    settings = dict(plan.task[TASK])
    budget = plan.train.budget
    if len(rows) < pooling.FEWEST_ROWS or (budget and budget < pooling.SHORTEST_BUDGET):
        return Reason(
            value={TASK: {**settings, FIELD: "cosine"}},
            reason=_(
                "the vectors of two texts are comparable before the network has learned anything; "
                "way: pair reads both together, which needs more rows and more time"
            ),
            evidence=_("not compared here: too few rows")
            if len(rows) < pooling.FEWEST_ROWS
            else _("not compared here: the budget is too short"),
        )
    rows = rows.take(sampled(len(rows), pooling.ROWS))
    alike = correlation(plan, rows)
    _count, together, _first = pooling.compared(_with_way(plan, "pair"), rows)
    apart = 1 - alike**2  # the rest that a line through the cosine leaves of the variance
    chosen = "cosine" if alike > WORTH and apart < together else "pair"
    reason = (
        _("the cosine of the two vectors is nearer to the numbers, before any training")
        if chosen == "cosine"
        else _("both texts read together say more of the numbers, before any training")
    )
    evidence = _(
        "{rows} rows, frozen network: cosine correlates at {alike:.2f}, squared error {apart:.2f}; "
        "read together {together:.2f}",
        rows=len(rows),
        alike=alike,
        apart=apart,
        together=together,
    )
    return Reason(value={TASK: {**settings, FIELD: chosen}}, reason=reason, evidence=evidence)


def correlation(plan: Plan, rows: Rows) -> float:
    """Pearson's r of the frozen network's cosines and the numbers; 0 where one does not vary."""
    from weitiao.model.model import Model

    plan = _with_way(plan, "cosine").with_(
        {"model.max_length": min(pooling.LENGTH, plan.model.max_length), "model.head": "native"}
    )
    model = Model.start(plan, rows)
    cosines = np.asarray(model.logits(model.encode(rows)))[:, 0]
    numbers = np.array([float(target) for target in rows.targets()])
    if np.ptp(cosines) == 0 or np.ptp(numbers) == 0:
        return 0.0
    return float(np.corrcoef(cosines, numbers)[0, 1])


def _with_way(plan: Plan, chosen: str) -> Plan:
    return plan.with_({"task": {TASK: {**plan.task[TASK], FIELD: chosen}}})
