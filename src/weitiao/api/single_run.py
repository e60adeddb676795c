"""Train and evaluate one run: from a plan and its rows to a folder with model, metrics and page."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.api import budget as budgeting
from weitiao.api import distributed, stages
from weitiao.api import findings as analysis
from weitiao.api import refit as refitting
from weitiao.api.baselines import baselines_of, fit_before_training
from weitiao.api.fitted import Evaluation, Fitted
from weitiao.api.inputs import check_known_labels, open_other, rows_of, same_rows
from weitiao.api.predict import load
from weitiao.api.surroundings import environment_of
from weitiao.checkpoints.resolve import resolve
from weitiao.core.clock import awake
from weitiao.data.cache import checked, prune
from weitiao.data.files import bad_rows
from weitiao.data.files.bad_rows import set_aside
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.data.prepare.sealed import open_test
from weitiao.data.rows import Rows
from weitiao.errors import RunError, WeitiaoError
from weitiao.evaluation.acceptance import known_criteria
from weitiao.evaluation.baselines import Baseline
from weitiao.evaluation.baselines.saved import FOLDER as BASELINES
from weitiao.evaluation.evaluate import Evaluated, Report
from weitiao.evaluation.evaluate import evaluate as evaluate_model
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.model import saved
from weitiao.model.fast import compiler
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check
from weitiao.reporting import page
from weitiao.reporting.page import write_artifacts, write_unfinished_page
from weitiao.results import better
from weitiao.results.records import Calibration, Findings
from weitiao.results.refitted import Refitted
from weitiao.run import JUDGED, Run
from weitiao.training.budget import Clock
from weitiao.training.run import Outcome, train

LEAST_FINDINGS_SECONDS = 2.0  # of an error analysis that says anything

Say = Callable[[str], None]
Watch = Callable[[Any, float], None]


def train_run(
    plan: Plan | str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    threads: int | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
) -> Fitted:
    """Train a plan in a new run, and evaluate it on validation; the test stays sealed."""
    begun = awake() if since is None else since
    compiler.prepare()
    set_threads(threads)
    file = None if isinstance(plan, Plan) else Path(plan)
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    check(plan, here=True)
    return Job(plan, begun, say or silent, watch).start(out, plan_file=file)


def resume_run(
    folder: str | Path,
    *,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
) -> Fitted:
    """Resume a run exactly from its last checkpoint."""
    begun = awake() if since is None else since
    compiler.prepare()
    run = Run.open(folder)
    state = run.status().state
    if state == "running":  # before anything is written into it
        raise run.busy()
    if state in ("finished", "early"):
        raise RunError(
            _("{folder}: this run has ended; `weitiao evaluate {folder}` judges it.", folder=folder)
        )
    plan = run.plan()
    data = load_data(plan.data, plan.task_name)
    final = bool(run.read("environment").get("final"))
    job = Job(plan, begun, say or silent, watch, final)
    with stages.resumable(run):
        return job.judge(run, data) if run.status().stage else job.run_in(run, data, resume=True)


def evaluate_run(
    folder: str | Path,
    path: str | None = None,
    *,
    final: bool = False,
    how: ReadOptions | None = None,
    say: Say | None = None,
    precision: str | None = None,
) -> Evaluation:
    """Evaluate a run's best model: on a file, on the sealed test (`final`), else on validation."""
    model = load(folder, precision=precision)
    if path:
        how = how or ReadOptions()
        report, _split, openings = evaluate_rows(model, open_other(model, path, how), how, say)
        return Evaluation(report, path, openings)
    if not (Path(folder) / "plan.yaml").is_file():
        raise RunError(
            _(
                "{folder}: a saved model has no rows of its own; give a file to judge it on.",
                folder=folder,
            )
        )
    run = Run.open(folder)
    if not final and run.selected.is_dir():  # the model in best/ has learned from these rows
        model = Model.load(run.selected, precision=precision)
    plan = run.plan()
    # Criteria may have been added to the run's plan after training.
    model = replace(model, plan=model.plan.model_copy(update={"acceptance": plan.acceptance}))
    data = same_rows(run, load_data(plan.data, plan.task_name))
    rows, openings = open_test(data, str(run.folder)) if final else (data.validation, 0)
    split = "test" if final else "validation"
    # metrics.json of the test set is worth more: validation does not replace it.
    keeps = final or run.read("metrics").get("split") != "test"
    calibration = Calibration.read(run) if keeps else Calibration()
    report, answers, findings = evaluated(model, rows, data, calibration, run=run)
    ahead = {name: value for name, value in run.read("metrics").items() if name in better.KEYS}
    report = replace(report, more={**ahead, **report.more, **Refitted.read(run).summary(split)})
    # A run that is training writes its own results in the end.
    if keeps and run.status().state != "running":
        metrics = _updated_metrics(run, report, split, openings)
        write_artifacts(run, model, data, answers, metrics, findings)
    return Evaluation(_with_findings(report, findings), split, openings)


def evaluate_rows(model: Model, source: Source, how: ReadOptions, say: Say | None) -> Evaluation:
    """Evaluate a model on labelled rows other than the run's own."""
    aside = list(source.bad)
    notes: list[str] = []  # rows that annotators refused
    rows = rows_of(model, source, labelled=True, aside=aside if how.skip_bad else None, notes=notes)
    if say:
        for note in notes:
            say(note)
    if aside and say:
        say(set_aside(aside))
    check_known_labels(model, rows)
    report, _answers, findings = evaluated(model, rows, None, Calibration())
    return Evaluation(_with_findings(report, findings), source.name, 0)


def evaluated(
    model: Model,
    rows: Rows,
    data: Data | None,
    calibration: Calibration,
    *,
    run: Run | None = None,
    baseline_seconds: float | None = None,
    findings_seconds: float | None = None,
) -> tuple[Report, Evaluated, Findings]:
    """Evaluate rows: metrics with baselines (which need training rows: `data`), calibration
    quality, acceptance criteria, and the error analysis of what the plan wants.

    run: whose baselines were fitted before training. baseline_seconds, findings_seconds: time
    limits; by default they follow from how long the evaluation takes.
    """
    plan, left_out = model.plan.evaluate, list[str]()
    baselines: dict[str, Baseline] = {}
    if data is not None and plan.baselines:
        baselines, left_out = baselines_of(
            model,
            data,
            len(rows),
            baseline_seconds,
            run,
        )
    begun = time.monotonic()
    report, answers = evaluate_model(model, rows, baselines)
    report = analysis.with_more(model, report, answers, calibration, left_out)
    findings = Findings()
    if plan.findings:
        if findings_seconds is None:
            findings_seconds = analysis.within(time.monotonic() - begun)
        if findings_seconds >= LEAST_FINDINGS_SECONDS:
            findings = analysis.findings_of(model, answers, data, findings_seconds)
        else:
            left_out = [*left_out, _("error analysis was left out: the budget is used up")]
            report = replace(report, more={**report.more, "left_out": left_out})
    return report, answers, findings


def _with_findings(report: Report, findings: Findings) -> Report:
    return replace(report, more={**report.more, "findings": findings.plain()})


def _updated_metrics(run: Run, report: Report, split: str, openings: int) -> dict[str, Any]:
    """Content of metrics.json with a new evaluation; figures of training stay."""
    return {
        "run": str(run.folder),
        "state": run.status().state,
        **{k: v for k, v in run.read("metrics").items() if k not in stages.OF_EVALUATION},
        **report.summary(),
        "details": report.details,
        "split": split,
        "rows": report.rows,
        "openings": openings,
    }


@dataclass(frozen=True)
class Job:
    """Training and evaluation of one plan. say and watch: messages and progress for the caller."""

    plan: Plan
    begun: float
    say: Say
    watch: Watch | None
    final: bool = False  # evaluate on the sealed test

    def __post_init__(self) -> None:
        prune.limit_now()  # an invalid WEITIAO_CACHE_LIMIT raises now, not after hours of training

    def start(
        self, out: str | Path, source: Source | None = None, plan_file: Path | None = None
    ) -> Fitted:
        """Train in a new run; problems in the rows are raised before its folder is made."""
        data = load_data(self.plan.data, self.plan.task_name, source)
        _check_criteria(self.plan, data)
        for line in (*data.history, *checked.remarks()):
            self.say(line)
        run = Run.create(out, name_of(self.plan.data.path), self.plan)
        self.say(_("run: {folder}", folder=run.folder))
        with stages.resumable(run):
            if plan_file:
                run.keep(plan_file)
            bad_rows.write(run.folder / bad_rows.FILE, data.bad)
            return self.run_in(run, data)

    def run_in(self, run: Run, data: Data, *, resume: bool = False) -> Fitted:
        """Train inside the run's folder, then evaluate."""
        clock = budgeting.clock_of(self.plan, self.begun)
        source = resolve(self.plan.model.checkpoint, self.plan.model.revision)
        if source.remark:
            self.say(source.remark)
        run.write("environment", environment_of(self.plan, data, source, self.final))
        distributed.announce_run(run, resume)
        try:
            outcome = train(
                self.plan,
                data,
                run,
                resume=resume,
                watch=self.watch,
                clock=clock,
                before=partial(self._before_training, run, data, clock),
            )
        except WeitiaoError:
            write_unfinished_page(run)
            raise
        except KeyboardInterrupt:
            write_unfinished_page(run)
            raise
        return self._judge(run, data, outcome, clock.left())

    def _before_training(self, run: Run, data: Data, clock: Clock, model: Model) -> None:
        fit_before_training(run, data, model, say=self.say)
        budgeting.reserve(clock, model, data, self.final)

    def judge(self, run: Run, data: Data) -> Fitted:
        """Go on with a run that was killed after its training, at the stage it had reached."""
        distributed.announce_nothing()
        return self._judge(run, data, stages.outcome_of(run, data.fingerprint))

    def _judge(self, run: Run, data: Data, outcome: Outcome, left: float | None = None) -> Fitted:
        """Evaluate what was trained; the run keeps its stage when this is cut short."""
        with stages.judging(run):
            if run.status().stage == JUDGED:
                fitted = self._judged(run, data, outcome)
            else:
                fitted = self._finish(run, data, outcome, left)
            page.write_page(run)
            if outcome.state != "interrupted":
                stages.mark(run, outcome.state)
        if pruned := prune.prune():
            self.say(pruned)
        return fitted

    def _judged(self, run: Run, data: Data, outcome: Outcome) -> Fitted:
        """The result of a run whose evaluation is written."""
        metrics = run.read("metrics")
        report, seconds = stages.report_of(run), metrics["seconds"]
        used = metrics["split"], outcome.state, seconds, metrics["openings"]
        return Fitted(run, self.plan, report, *used, data.history, Findings.read(run))

    def _finish(self, run: Run, data: Data, outcome: Outcome, left: float | None) -> Fitted:
        model = outcome.model
        remarks = saved.remarks(self.plan, model.net.remark, model.head, model.folds)
        for line in (*checked.remarks(), *remarks):
            self.say(line)
        split, openings = "validation", 0
        if outcome.state == "interrupted":  # a quick look at validation; the rest comes at the end
            report, answers = evaluate_model(model, data.validation, {})
            report = analysis.with_more(model, report, answers, Calibration())
            findings = Findings()
        else:
            refit = refitting.Refit(run, self.plan, data, self.say, self.watch)
            selected, kept, calibration = refit.of(outcome, left)
            model, rows = selected, data.validation
            if self.final and data.sealed_test is not None:
                rows, openings = open_test(data, str(run.folder), stages.use_of_test(run))
                model, split = kept, "test"
            for_baselines, for_findings = budgeting.seconds_to_judge(
                self.plan.train.budget, self.begun, outcome.seconds
            )
            report, answers, findings = evaluated(
                model,
                rows,
                data,
                calibration,
                run=run,
                baseline_seconds=for_baselines,
                findings_seconds=for_findings,
            )
            ahead = better.better_baseline(selected, data, run.folder / BASELINES, outcome.score)
            more = {**report.more, **(ahead or {}), **Refitted.read(run).summary(split)}
            report = replace(report, more=more)
        total = awake() - self.begun
        seconds = {"total": round(total, 2), "train": round(outcome.seconds, 2)}
        fitted = Fitted(
            run, self.plan, report, split, outcome.state, seconds, openings, data.history, findings
        )
        metrics = {
            **fitted.summary(),
            "details": report.details,
            "openings": openings,
            "step": outcome.step,
            "total": outcome.total,
            "best_step": outcome.best_step,
            "epochs": round(outcome.step * self.plan.train.batch_size / len(data.train), 3),
        }
        page.write_results(run, model, data, answers, metrics, findings)
        if outcome.state != "interrupted":
            stages.mark(run, JUDGED)
        return fitted


def _check_criteria(plan: Plan, data: Data) -> None:
    """Validate the labels of acceptance criteria before training. Raises PlanError."""
    if plan.acceptance:
        task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
        known_criteria(plan.acceptance, task.learn(data.train.targets()))


def name_of(path: str | Sequence[str]) -> str:
    """A run's name, by its rows: reviews.csv.gz gives reviews, a list its first file."""
    first = path if isinstance(path, str) else path[0]
    name = Path(first.replace(":", "-")).name.lstrip(".").split(".")[0]
    return re.sub(r"[*?\[\]\s]+", "-", name).strip("-") or "rows"


def silent(text: str) -> None:
    """Discard a message: for callers that want none."""
