"""Train and evaluate one run: from a plan and its rows to a folder with model, metrics and page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.api import budget as budgeting
from weitiao.api import distributed, stages
from weitiao.api import findings as analysis
from weitiao.api import refit as refitting
from weitiao.api.baselines import fit_before_training
from weitiao.api.fitted import Fitted
from weitiao.api.measured_outcome import past_run
from weitiao.api.run_evaluation import Say, evaluated
from weitiao.api.surroundings import environment_of
from weitiao.api.unknown import choose_before_training
from weitiao.checkpoints import kept_tokenizers
from weitiao.checkpoints.resolve import resolve
from weitiao.core import notice
from weitiao.core.clock import awake
from weitiao.data.cache import checked, prune
from weitiao.data.files import bad_rows
from weitiao.data.files.table import Source
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.data.prepare.sealed import open_test
from weitiao.errors import RunError, WeitiaoError
from weitiao.evaluation.acceptance import known_criteria
from weitiao.evaluation.baselines.saved import FOLDER as BASELINES
from weitiao.evaluation.evaluate import Evaluated, Report, answers_of, judged_part
from weitiao.evaluation.evaluate import evaluate as evaluate_model
from weitiao.hardware import phases
from weitiao.hardware.machine import set_threads
from weitiao.hardware.phases import PhaseClock
from weitiao.hardware.probe import Disturbance
from weitiao.i18n.messages import _, plural
from weitiao.model import saved
from weitiao.model.fast import compiler
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.planning import history
from weitiao.planning.check import check, warnings_of
from weitiao.reporting import page
from weitiao.reporting.page import write_unfinished_page
from weitiao.results import better
from weitiao.results.format import figure, metric
from weitiao.results.model_card import write_card
from weitiao.results.records import Calibration, Findings, MetricsRecord
from weitiao.results.refitted import Refitted
from weitiao.results.run_data import plan_of, write_answers, write_reasons
from weitiao.results.run_phases import RunPhases
from weitiao.run import JUDGED, Run
from weitiao.training.budget import Clock
from weitiao.training.run import Hooks, Outcome, train

Watch = Callable[[Any, float], None]

ENDED = ("finished", "early")  # states of a run that has nothing left to do


def train_run(
    plan: Plan | str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    name: str | None = None,
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
    return Job(plan, begun, say or silent, watch, name=name).start(out, plan_file=file)


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
    if run.status().state == "running":  # before anything is written into it
        raise run.busy()
    require_unended(run)
    plan = plan_of(run)
    data = load_data(plan.data, plan.task_name)
    final = bool(run.read("environment").get("final"))
    job = Job(plan, begun, say or silent, watch, final)
    with stages.resumable(run), phases.recorded(PhaseClock("loading")):
        return job.judge(run, data) if run.status().stage else job.run_in(run, data, resume=True)


def require_unended(run: Run) -> None:
    """Raise RunError where a run has nothing left to do."""
    if run.status().state in ENDED:
        raise RunError(
            _(
                "{folder}: this run has ended; `weitiao evaluate {folder}` evaluates it.",
                folder=run.folder,
            )
        )


@dataclass(frozen=True)
class Job:
    """Training and evaluation of one plan. say and watch: messages and progress for the caller."""

    plan: Plan
    begun: float
    say: Say
    watch: Watch | None
    final: bool = False  # evaluate on the sealed test
    name: str | None = None  # of the run's folder
    disturbed: Disturbance = field(default_factory=Disturbance)

    def __post_init__(self) -> None:
        prune.limit_now()  # an invalid WEITIAO_CACHE_LIMIT raises now, not after hours of training

    def start(
        self, out: str | Path, source: Source | None = None, plan_file: Path | None = None
    ) -> Fitted:
        """Train in a new run; problems in the rows are raised before its folder is made."""
        clock = PhaseClock("loading")
        clock.add("starting", awake() - self.begun)
        with phases.recorded(clock):
            return self._start(out, source, plan_file)

    def _start(self, out: str | Path, source: Source | None, plan_file: Path | None) -> Fitted:
        run, data = self.create(out, source, plan_file)
        with stages.resumable(run):
            return self.run_in(run, data)

    def create(
        self, out: str | Path, source: Source | None = None, plan_file: Path | None = None
    ) -> tuple[Run, Data]:
        """A new run of the plan, and its rows, in which nothing is trained yet."""
        with notice.during(_("splitting the rows")):
            data = load_data(self.plan.data, self.plan.task_name, source)
        _check_criteria(self.plan, data)
        for line in (*data.history, *checked.remarks()):
            self.say(line)
        for warning in warnings_of(self.plan):
            self.say(_("warning: {text}", text=warning))
        name = self.name or name_of(self.plan.data.path)
        run = Run.create(out, name, self.plan, exact=self.name is not None)
        # At once: a run that is killed from here on is resumed as what it was.
        run.write("environment", {"final": self.final})
        self.say(_("run: {folder}", folder=run.folder))
        if plan_file:
            run.keep(plan_file)
        bad_rows.write(run.folder / bad_rows.FILE, data.bad)
        return run, data

    def run_in(self, run: Run, data: Data, *, resume: bool = False) -> Fitted:
        """Train inside the run's folder, then evaluate."""
        with kept_tokenizers.sharing():
            return self._run_in(run, data, resume)

    def _run_in(self, run: Run, data: Data, resume: bool) -> Fitted:
        clock = budgeting.clock_of(self.plan, self.begun)
        source = resolve(self.plan.model.checkpoint, self.plan.model.revision)
        if source.remark:
            self.say(source.remark)
        run.write("environment", environment_of(self.plan, data, source, self.final))
        write_reasons(run, self.plan)
        distributed.announce_run(run, resume)
        try:
            outcome = train(
                self.plan,
                data,
                run,
                resume=resume,
                watch=self.watch,
                clock=clock,
                hooks=Hooks(partial(self._before_training, run, data, clock), self._started),
            )
        except WeitiaoError:
            write_unfinished_page(run)
            raise
        except KeyboardInterrupt:
            write_unfinished_page(run)
            raise
        return self._judge(run, data, outcome, clock.left())

    def _before_training(self, run: Run, data: Data, clock: Clock, model: Model) -> None:
        fit_before_training(run, data, model, clock.left(), say=self.say)
        choose_before_training(run, model, data, self.say)
        budgeting.reserve(clock, model, data, self.final, self.disturbed.proportion())

    def _started(self, report: Report) -> None:
        """Say how good the linear start is, from which fine-tuning goes on."""
        self.say(
            _(
                "linear start: {metric} {value} on {rows}",
                metric=metric(report.primary),
                value=figure(report.metrics[report.primary]),
                rows=plural(report.rows, "validation row"),
            )
        )

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
                with phases.during("judging"):
                    fitted = self._finish(run, data, outcome, left)
                if outcome.state != "interrupted":
                    self._record_phases(run)
            with phases.during("report"):
                page.write_page(run)
            if outcome.state != "interrupted":
                stages.mark(run, outcome.state)
        if pruned := prune.prune():
            self.say(pruned)
        return fitted

    def _record_phases(self, run: Run) -> None:
        """Write phases.json; only of a run that one process took from start to end."""
        clock = phases.current()
        if clock is None or "starting" not in clock.costs:
            return
        took = RunPhases(phases=clock.plain(), busy=self.disturbed.proportion())
        took.write(run)
        if past := past_run(self.plan, took, MetricsRecord.read(run), run.status().step or 1):
            history.add(past)

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
            with notice.during(_("evaluating what was trained so far")):
                part = judged_part(model, data.validation)
                report, answers = evaluate_model(model, part, {})
            report = analysis.with_more(model, report, answers, Calibration())
            findings = Findings()
        else:
            watch = budgeting.within_budget(self.watch, self.plan.train.budget, self.begun)
            refit = refitting.Refit(run, self.plan, data, self.say, watch)
            selected, kept, calibration = refit.of(outcome, left)
            model, rows, unknown = selected, data.validation, data.unknown
            if self.final and data.sealed_test is not None:
                # Comparisons may be on validation too.
                rows = judged_part(selected, rows)
                _task, _gold, known = answers_of(selected, rows)
                write_answers(run, Evaluated(rows, known, {}), "validation")
                rows, openings = open_test(data, str(run.folder), stages.use_of_test(run))
                model, split, unknown = kept, "test", data.sealed_unknown
            for_baselines, for_findings = budgeting.seconds_to_judge(
                self.plan.train.budget, self.begun, outcome.seconds
            )
            report, answers, findings = evaluated(
                model,
                rows,
                data,
                calibration,
                run=run,
                unknown=unknown,
                baseline_seconds=for_baselines,
                findings_seconds=for_findings,
            )
            ahead = better.better_baseline(selected, data, run.folder / BASELINES, outcome.score)
            learned = {
                "best_step": outcome.best_step,
                "epochs": round(outcome.step * self.plan.train.batch_size / len(data.train), 3),
            }
            more = {**report.more, **(ahead or {}), **Refitted.read(run).summary(split), **learned}
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
        }
        with phases.during("report"), notice.during(_("writing the results")):
            page.write_results(run, model, data, answers, metrics, findings)
            write_card(run, model)
        if outcome.state != "interrupted":
            stages.mark(run, JUDGED)
        return fitted


def opened(run: Run) -> Fitted:
    """The result of a run that has ended."""
    metrics, state = run.read("metrics"), run.status().state
    used = metrics["split"], state, metrics["seconds"], metrics["openings"]
    history = tuple(run.read("environment").get("history", ()))
    return Fitted(run, plan_of(run), stages.report_of(run), *used, history, Findings.read(run))


def _check_criteria(plan: Plan, data: Data) -> None:
    """Validate the labels of acceptance criteria before training. Raises PlanError."""
    if plan.acceptance:
        task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
        known_criteria(plan.acceptance, task.learn(data.train.targets()))


def name_of(path: str | Sequence[str]) -> str:
    """A run's name, by its rows: reviews.csv.gz gives reviews, a list its first file."""
    first = path if isinstance(path, str) else path[0]
    if first.startswith("memory:"):  # rows given in Python, known by their hash alone
        return "rows"
    name = Path(first.replace(":", "-")).name.lstrip(".").split(".")[0]
    return re.sub(r"\W+", "-", name).strip("-") or "rows"


def silent(text: str) -> None:
    """Discard a message: for callers that want none."""
