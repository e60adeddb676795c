"""Compare verb: the difference between runs, recipes and files of predictions, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from weitiao import parts
from weitiao.errors import WeitiaoError
from weitiao.evaluation import compare as statistics
from weitiao.evaluation.metrics.base import Metric
from weitiao.i18n.messages import _
from weitiao.reporting import compare_page
from weitiao.results import comparison
from weitiao.results.comparison import Aligned, aligned
from weitiao.results.contender_names import names_of
from weitiao.results.contenders import (
    Columns,
    Contender,
    common_split,
    contender_of,
    is_of_runs,
    of_file,
    of_runs,
)

PAGE = "compare.html"
FAMILY_ALPHA = 0.05  # probability of any false difference, over all comparisons


@dataclass(frozen=True, eq=False)
class Compared(comparison.Compared):
    """The comparison, and the page that shows it."""

    def write(self, path: str | Path = PAGE, *, unmasked: bool = False) -> Path:
        """Write the comparison as an HTML page; returns its path."""
        return compare_page.write(self, Path(path), unmasked=unmasked)


def compare(
    *things: str | Path,
    prediction: str | None = None,
    id: str | None = None,
    text: str | None = None,
    target: str | None = None,
    metric: str | None = None,
    task: str | None = None,
    on: str | None = None,
) -> Compared:
    """Compare everything with the first: runs, recipes and files of predictions, on the same rows.

    things: a run's folder; a recipe (a run of several seeds, a folder of runs, a pattern, or
    "a,b,c"); or a file with a column of predictions and an id or the text. prediction, id, text,
    target: columns of the files, where their names do not say it. metric: the one that decides.
    task: of the files, when no run says it. on: "test" or "validation" rows of runs; by default the
    test set where every run was evaluated on it, else validation. Raises WeitiaoError.

    The interval of each comparison allows for how many there are (Bonferroni).
    """
    if len(things) < 2:
        raise WeitiaoError(_("compare needs two things: runs, recipes or files of predictions."))
    if on not in (None, "test", "validation"):
        raise WeitiaoError(_("--on: {split!r}; it takes validation or test.", split=on))
    contenders = _opened(
        [str(thing) for thing in things], Columns(prediction, id, text, target), task, on
    )
    rows = aligned(contenders)
    metrics = _metrics(contenders, rows, metric)
    # Bonferroni: k intervals of level 1 - alpha / k are all right with probability 1 - alpha.
    level = 1 - FAMILY_ALPHA / (len(contenders) - 1)
    first, *others = rows.answers
    comparisons = tuple(statistics.compare(first, other, metrics, level=level) for other in others)
    return Compared(rows, comparisons, names_of(contenders))


def _opened(
    things: list[str], columns: Columns, task: str | None, on: str | None
) -> list[Contender]:
    """Open everything, runs first: they know the task and the names of the text columns."""
    materials = {thing: of_runs(thing) for thing in things if is_of_runs(thing)}
    split = on or common_split(list(materials.values()))
    of_run = {thing: contender_of(thing, one, split) for thing, one in materials.items()}
    for one in of_run.values():
        assert one.plan is not None
        task = task or one.plan.task_name
    texts = next((one.sets[0].columns for one in of_run.values()), ())
    run = next(iter(of_run.values()), None)
    contenders = []
    for thing in things:
        one = of_run.get(thing) or of_file(thing, columns, task, texts, run)
        if one.kind == "file":
            texts = texts or one.sets[0].columns
            task = task or one.task
        contenders.append(one)
    return contenders


def _metrics(contenders: list[Contender], rows: Aligned, chosen: str | None) -> dict[str, Metric]:
    """The primary metric, then the others; metrics of scores (such as AUC) are left out."""
    # Files of predictions may hold no scores, so that such a metric could not be compared.
    answers = type(rows.base.answers)
    plan = next((one.plan for one in contenders if one.plan), None)
    named = list(plan.evaluate.metrics) if plan else []
    own = answers.metrics or (parts.find("tasks", plan.task_name).metrics if plan else ())
    names = dict.fromkeys([*([chosen] if chosen else named), *own])
    metrics: dict[str, Metric] = {name: parts.build("metrics", name) for name in names}
    if chosen and (metrics[chosen].of_scores or not metrics[chosen].fits(answers)):
        fitting = ", ".join(
            name
            for name in parts.names("metrics")
            if parts.find("metrics", name).fits(answers)
            and not parts.find("metrics", name).of_scores
        )
        raise WeitiaoError(
            _(
                "--metric: {metric} cannot decide here; these can: {metrics}.",
                metric=chosen,
                metrics=fitting,
            )
        )
    return {n: m for n, m in metrics.items() if not m.of_scores and m.fits(answers)}
