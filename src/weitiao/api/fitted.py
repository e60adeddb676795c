"""Results of the training and evaluation verbs: Fitted and Evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from weitiao.core import html
from weitiao.core.units import score
from weitiao.evaluation.evaluate import Report
from weitiao.hardware.machine import peak_memory_mb
from weitiao.i18n.messages import _, plural, translated
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.reporting import page
from weitiao.results import better
from weitiao.results.records import Findings
from weitiao.run import Run


@dataclass(frozen=True, repr=False)
class Fitted:
    """The result of `fit` and `train`: the run, its best model and its evaluation."""

    run: Run
    plan: Plan
    report: Report
    split: str  # "test" or "validation": the rows the report is about
    state: str  # finished, early, interrupted
    seconds: Mapping[str, float]
    openings: int = 0  # evaluations on this test set so far, this one included
    history: tuple[str, ...] = field(default=())
    findings: Findings = field(default_factory=Findings)  # error analysis

    def __repr__(self) -> str:
        run = str(self.run.folder)
        return f"Fitted({self.plan.task_name}, {_figure(self.report)} on {self.split}, {run!r})"

    def _repr_html_(self) -> str:
        rows = plural(self.report.rows, "row")
        caption = _("{split}: {rows}", split=translated(self.split), rows=rows)
        link = f'<a href="{html.text(self.page)}">{html.text(self.page)}</a>'
        return f"{self.report._repr_html_(caption)}<div>{link}</div>"

    @property
    def page(self) -> Path:
        """Path of the HTML report."""
        return self.run.folder / page.NAME

    @cached_property
    def model(self) -> Model:
        """The best model."""
        return Model.load(self.run.best)

    @property
    def metrics(self) -> Mapping[str, float]:
        return self.report.metrics

    def __call__(self, *rows: Any) -> Any:
        """One Prediction by the best model; for several rows, a list of them."""
        return self.model(*rows)

    def predict(self, rows: Any) -> Any:
        """The values that the best model predicts: see `Model.predict`."""
        return self.model.predict(rows)

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Scores (n, labels), the columns as in `classes_`."""
        return self.model.predict_proba(rows)

    @property
    def classes_(self) -> np.ndarray:
        """The labels as an array, as in scikit-learn."""
        return self.model.classes_

    @property
    def labels_(self) -> tuple[str, ...]:
        """The labels; empty for numbers."""
        return self.model.labels_

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with. A baseline that is ahead on validation comes first."""
        more = self.report.more
        return {
            **{name: more[name] for name in better.KEYS if name in more},
            "run": str(self.run.folder),
            "task": self.plan.task_name,
            **self.report.summary(),
            "seconds": dict(self.seconds),
            "peak_memory_mb": peak_memory_mb(),
            "best": str(self.run.best),
            "report": str(self.page),
            "split": self.split,
            "rows": self.report.rows,
            "state": self.state,
        }


class Evaluation(NamedTuple):
    """A report, what it is about ("test", "validation" or a file), and how often the test set has
    been used so far (0 for other rows)."""

    report: Report
    split: str
    openings: int

    def __repr__(self) -> str:
        rows = plural(self.report.rows, "row")
        return f"Evaluation({_figure(self.report)} on {self.split}, {rows})"

    def _repr_html_(self) -> str:
        rows = plural(self.report.rows, "row")
        caption = _("{split}: {rows}", split=translated(self.split), rows=rows)
        return self.report._repr_html_(caption)


def _figure(report: Report) -> str:
    return f"{report.primary} {score(report.metrics[report.primary], decimals=4)}"
