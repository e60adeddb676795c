"""Evaluation verb: metrics of a run on a file, on validation or on the sealed test set."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from weitiao.api import seeds
from weitiao.api.evaluation_rows import Roles, labelled_rows
from weitiao.api.fitted import Evaluation
from weitiao.api.inputs import how_of, require_pairs
from weitiao.api.predict import load
from weitiao.api.run_evaluation import Say, evaluate_rows, evaluate_run
from weitiao.api.trained import trained
from weitiao.data.files.table import from_rows
from weitiao.data.python_rows import list_of
from weitiao.errors import PlanError, WeitiaoError
from weitiao.evaluation.evaluate import Report
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.model.row_reader import RowReader
from weitiao.run import Run


def evaluate(
    run: str | Path,
    rows: Any = None,
    targets: Any = None,
    *,
    final: bool = False,
    text: str | None = None,
    target: str | None = None,
    roles: Roles | None = None,
    sheet: str | None = None,
    skip_bad: bool = False,
    threads: int | None = None,
    precision: str | None = None,
    say: Say | None = None,
) -> Evaluation:
    """Evaluate a run's best model: on labelled rows, on the sealed test set (`final`), else on
    validation.

    rows: a path, or rows from Python as for `model(...)` with the column of the targets, or with
    `targets`. text, target, roles: columns of a file, where they are not called as in training.
    With `final`, every seed of a run of several seeds is evaluated, which counts as one use of the
    test set; the result is that of the best seed. precision: as for `load`. say: called with what
    is left out, and what is worth knowing; without it, warnings say so. Raises WeitiaoError.
    """
    columns = {role: name for role, name in (("text", text), ("target", target)) if name}
    roles = {**(roles or {}), **columns}
    if rows is None and roles:
        raise WeitiaoError(
            _("--text, --target, --roles name columns of a file to evaluate on: give one, too.")
        )
    if rows is not None and final:
        why = _("--final is about the run's own sealed test: leave out the file.")
        raise WeitiaoError(why)
    set_threads(threads)
    if final and seeds.is_several(run):
        return seeds.evaluate_seeds(run, say=say)
    if seeds.is_several(run) and Run.open(run).best_folder() is None:
        seeds.require_complete(run)
    say = say or _warn
    how = how_of(sheet, skip_bad)
    if targets is None and (rows is None or isinstance(rows, (str, Path))):
        path = None if rows is None else str(rows)
        return evaluate_run(
            run, path, final=final, how=how, say=say, precision=precision, roles=roles
        )
    if roles:
        raise WeitiaoError(
            _(
                "text, target and roles name columns of a file. Call the columns of rows from "
                "Python as in training."
            )
        )
    known = trained(run)
    listed = None if targets is None else list_of(targets)
    named = list(RowReader(known.task, known.plan.data.roles).labelled(rows, listed))
    if listed is not None:
        require_pairs(named, listed)
    labelled, notes = labelled_rows(known, from_rows(named), how)
    return evaluate_rows(load(run, precision=precision), labelled, notes, say, Path(run))


def _warn(message: str) -> None:
    """What rows to evaluate leave out, where nobody listens: a program is told by a warning."""
    warnings.warn(message, stacklevel=5)


def require_criteria(folder: str | Path) -> None:
    """Raise PlanError when the plan of a run has no acceptance criteria."""
    own = Path(folder) / "plan.yaml"
    plan = Run.open(folder).plan() if own.is_file() else load(folder).plan
    if not plan.acceptance:
        message = _("--gate: the plan has no section acceptance, so there is nothing to reach.")
        raise PlanError([message], str(folder))


def passed(report: Report) -> bool:
    """Whether every acceptance criterion of the plan is met."""
    return all(one["passed"] for one in report.more.get("acceptance") or [])
