"""The model card of a run's best model, with the figures of its evaluation."""

from __future__ import annotations

from weitiao.core import atomic
from weitiao.model import card
from weitiao.model.card import Figure, Results
from weitiao.model.model import Model
from weitiao.results.format import metric
from weitiao.results.records import MetricsRecord, RowStatistics
from weitiao.run import Run


def write_card(run: Run, model: Model) -> None:
    """Write README.md of best/ again, with what is known of the run. model: the one in best/."""
    if run.best.is_dir():
        text = card.card(model.described, results_of(run))
        atomic.replace_text(run.best / card.NAME, text, errors="backslashreplace")


def results_of(run: Run) -> Results:
    """Figures, rows and languages of an evaluated run."""
    metrics, rows = MetricsRecord.read(run), RowStatistics.read(run)
    figures = []
    for name, value in metrics.metrics.items():
        low, high = metrics.intervals.get(name) or (None, None)
        interval = None if low is None or high is None else (low, high)
        if value is not None:
            figures.append(Figure(name, metric(name), value, interval))
    return Results(
        run.folder.name,
        metrics.split,
        metrics.rows,
        figures,
        rows.rows,
        rows.languages,
        metrics.split == "validation" and run.selected.is_dir(),
    )
