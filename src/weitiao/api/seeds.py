"""Train one plan with several random seeds: one folder, mean and std, the best by validation.

runs/reviews-001/            a run like any other: a copy of the best seed's
  seeds.json                 every seed with its scores, their mean and standard deviation
  seeds/reviews-001/ ...     the runs themselves

What is done stands in seeds.json, so an interrupted series can be resumed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.api import predict, single_run
from weitiao.api.fitted import Evaluation
from weitiao.api.run_evaluation import Say, evaluate_run
from weitiao.api.single_run import Watch
from weitiao.data.prepare.sealed import one_look
from weitiao.errors import DivergedError, RunError, WeitiaoError
from weitiao.evaluation.compare import degenerate
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import _, joined, plural
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check
from weitiao.reporting import page
from weitiao.results import run_data
from weitiao.results.records import SeedRun, SeedScores, SeedsRecord
from weitiao.run import Run, now
from weitiao.tasks.answers.base import Answers

MIN_SEEDS = 2
FOLDER = "seeds"  # below the run's folder
# Files of the folder itself: the best seed's do not replace them.
OWN = {FOLDER, f"{SeedsRecord.NAME}.json", "last", ".lock", page.NAME}


@dataclass(frozen=True, repr=False)
class Seeded:
    """The result of several seeds. `run` is the folder of all of them, and opens as the best."""

    run: Run
    state: str  # finished or interrupted
    record: SeedsRecord

    def __repr__(self) -> str:
        known = self.record.test or self.record.validation
        mean = f", {self.record.metric} {known.mean:.4f} ± {known.std:.4f}" if known else ""
        return f"Seeded({self.record.requested} seeds{mean}, {str(self.run.folder)!r})"

    @classmethod
    def read(cls, folder: str | Path) -> Seeded:
        """Read the present results of a series of seeds."""
        run = Run.open(folder)
        interrupted = run.status().state == "interrupted"
        return cls(run, "interrupted" if interrupted else "finished", SeedsRecord.read(run))

    @cached_property
    def model(self) -> Any:
        """The best model."""
        return predict.load(self.run.folder)

    def __call__(self, *rows: Any) -> Any:
        """One Prediction by the best model; for several rows, a list of them."""
        return self.model(*rows)

    def predict(self, rows: Any) -> Any:
        """The values that the best model predicts: see `Model.predict`."""
        return self.model.predict(rows)

    @property
    def verdicts(self) -> list[Mapping[str, Any]]:
        """The plan's acceptance criteria, evaluated for the best seed."""
        verdicts: list[Mapping[str, Any]] = self.run.read("metrics").get("acceptance") or []
        return verdicts

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        return {
            "run": str(self.run.folder),
            "state": self.state,
            **self.record.plain(),
            **({"acceptance": self.verdicts} if self.verdicts else {}),
            "model": str(self.run.best),
            "report": str(self.run.folder / page.NAME),
        }


def train_seeds(
    plan: Plan | str | Path,
    *,
    seeds: int = 5,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    final: bool = False,
) -> Seeded:
    """Train a plan with several seeds: the plan's own and those after it.

    final: evaluate all on the sealed test at the end; else the test stays sealed. Raises
    WeitiaoError.
    """
    require_enough(seeds)
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    check(plan, here=True)
    run = Run.create(out, name or single_run.name_of(plan.data.path), plan, exact=name is not None)
    record = SeedsRecord(requested=seeds, seed=plan.train.seed, final=final)
    record.write(run)
    return _SeedSeries(run, record, say or single_run.silent, watch).train()


def resume_seeds(
    folder: str | Path, *, say: Say | None = None, watch: Watch | None = None
) -> Seeded:
    """Resume an interrupted series of seeds; finished seeds stay."""
    run = Run.open(folder)
    record = SeedsRecord.read(run)
    if record.validation and run.status().state != "interrupted":
        raise RunError(
            _(
                "{folder}: this run has ended; `weitiao evaluate {folder}` evaluates it.",
                folder=folder,
            )
        )
    return _SeedSeries(run, record, say or single_run.silent, watch).train()


def evaluate_seeds(folder: str | Path, *, say: Say | None = None) -> Evaluation:
    """Evaluate every seed on the sealed test, which counts as one use; returns that of the best.

    Raises WeitiaoError, also while seeds are missing: then the test stays sealed.
    """
    run = Run.open(folder)
    series = _SeedSeries(run, SeedsRecord.read(run), say or single_run.silent, None)
    best = series.finish(final=True)
    assert best is not None
    return best


def require_complete(folder: str | Path) -> None:
    """Raise RunError, naming the seeds that are missing, unless every seed is trained."""
    run = Run.open(folder)
    _SeedSeries(run, SeedsRecord.read(run), single_run.silent, None).require_complete()


def is_several(folder: str | Path) -> bool:
    """Whether a run's folder holds several seeds."""
    return (Path(folder) / f"{SeedsRecord.NAME}.json").is_file()


def require_enough(seeds: int) -> None:
    """Raise WeitiaoError for fewer seeds than a standard deviation needs."""
    if seeds < MIN_SEEDS:
        raise WeitiaoError(
            _(
                "--seeds: {seeds} would have no spread; take {least} or more, best 5.",
                seeds=plural(seeds, "seed"),
                least=MIN_SEEDS,
            )
        )


@dataclass
class _SeedSeries:
    """State of a series of seeds in one folder: trains, replaces and evaluates them."""

    run: Run
    record: SeedsRecord
    say: Say
    watch: Watch | None

    def train(self) -> Seeded:
        """Train every seed that is missing, then replacements for those that learned nothing."""
        record = self.record
        with self._running():
            while len(record.valid) < record.requested:
                if not self._train_next():
                    self.run.write("status", {"state": "interrupted"})
                    return Seeded(self.run, "interrupted", record)
                if len(record.valid) == record.requested:
                    self._replace_degenerate()
                record.write(self.run)
        self.finish(final=record.final)
        return Seeded(self.run, "finished", record)

    def finish(self, *, final: bool) -> Evaluation | None:
        """Choose the best seed by validation, evaluate all on the test if final, write it down."""
        self.require_complete()
        record, valid = self.record, self.record.valid
        self._copy_criteria(valid)
        sign = 1.0 if parts.find("metrics", record.metric).higher_is_better else -1.0
        best = max(valid, key=lambda one: sign * _score(one.validation))
        evaluations: dict[str, Evaluation] = {}
        if final:
            with one_look():
                for one in valid:
                    evaluation = evaluate_run(self._folder(one), final=True)
                    one.test = evaluation.report.metrics[record.metric]
                    evaluations[one.folder] = evaluation
            record.test = _scores([_score(one.test) for one in valid])
        record.best = best.folder
        record.validation = _scores([_score(one.validation) for one in valid])
        record.final = final or record.final
        self.run.mirror(Run(self._folder(best)), leave=OWN)
        record.write(self.run)
        page.write(self.run)
        return evaluations.get(best.folder)

    def _folder(self, one: SeedRun) -> Path:
        return self.run.folder / FOLDER / one.folder

    def require_complete(self) -> None:
        record, folder = self.record, self.run.folder
        valid, tried = len(record.valid), len(record.runs)
        if not valid and tried > record.requested:  # more are not tried
            raise RunError(
                _("{folder}: every seed diverged; lower train.learning_rate.", folder=folder)
            )
        if valid < record.requested:
            raise RunError(
                _(
                    "{folder}: {done} of {requested} seeds are trained; {missing} missing. Go on "
                    "first: weitiao train --resume {folder}",
                    folder=folder,
                    done=valid,
                    requested=record.requested,
                    missing=joined([str(seed) for seed in record.missing], ", "),
                )
            )

    def _copy_criteria(self, valid: list[SeedRun]) -> None:
        """Copy the acceptance criteria, which may be added to the plan after training."""
        criteria = self.run.plan().acceptance
        for run in (Run(self._folder(one)) for one in valid):
            plan = run.plan()
            if plan.acceptance != criteria:
                plan.model_copy(update={"acceptance": criteria}).save(run.plan_path)

    def _train_next(self) -> bool:
        """Train one more seed; False when it was interrupted."""
        record = self.record
        begun = self._unfinished()
        seed, number = record.seed + len(record.runs), len(record.runs) + 1
        count = max(record.requested, number)
        self.say(_("seed {seed} ({number} of {count})", seed=seed, number=number, count=count))
        entry = SeedRun(seed=seed)
        try:
            if begun is None:
                plan = self.run.plan().with_({"train.seed": seed})
                root = self.run.folder / FOLDER
                fitted = single_run.train_run(plan, out=root, say=self.say, watch=self.watch)
            else:
                fitted = single_run.resume_run(begun.folder, say=self.say, watch=self.watch)
        except DivergedError as error:
            self.say(str(error))
            diverged = self._unfinished()
            entry.folder, entry.replaced = diverged.folder.name if diverged else "", True
            record.runs.append(entry)
            self._limit_failures()
            return True
        if fitted.state == "interrupted":
            return False
        shutil.rmtree(fitted.run.last, ignore_errors=True)  # finished: nothing resumes from it
        record.metric = fitted.report.primary
        entry.folder = fitted.run.folder.name
        entry.validation = fitted.report.metrics[fitted.report.primary]
        record.runs.append(entry)
        return True

    def _unfinished(self) -> Run | None:
        """A seed that was begun and is not in the record."""
        known = {one.folder for one in self.record.runs}
        for path in sorted((self.run.folder / FOLDER).glob("*/plan.yaml")):
            run = Run(path.parent)
            if run.folder.name in known:
                continue
            if run.status().state not in ("finished", "early"):
                return run
            # Killed before it came into the record: its report is not kept, so it is trained again.
            shutil.rmtree(run.folder)
        return None

    def _replace_degenerate(self) -> None:
        """Mark seeds that learned nothing, so that others take their place."""
        record, valid = self.record, self.record.valid
        saved = [run_data.read_answers(self._folder(one)) for one in valid]
        evaluated = [one.answers for one in saved if one is not None]
        if len(evaluated) < MIN_SEEDS:
            return
        name = record.metric
        if parts.find("metrics", name).of_scores:
            if not evaluated[0].metrics:  # of another package: nothing else decides
                return
            name = evaluated[0].metrics[0]
        metric = parts.build("metrics", name)
        constant = evaluated[0].constant()
        for one, bad in zip(valid, degenerate(evaluated, constant, name, metric), strict=True):
            if bad:
                one.replaced = True
                message = _(
                    "seed {seed} learned nothing: {metric} {value} in validation, always the most "
                    "frequent answer has {constant}. It is run again with another seed.",
                    seed=one.seed,
                    metric=metric_name(record.metric),
                    value=f"{one.validation:.4f}",
                    constant=f"{_constant(constant, record.metric):.4f}",
                )
                self.say(message)
        self._limit_failures()

    def _limit_failures(self) -> None:
        """After as many failures as seeds were requested, it is the plan and not the seed."""
        failed = [one for one in self.record.runs if one.replaced]
        if len(failed) > self.record.requested:
            self.record.write(self.run)
            raise WeitiaoError(
                _(
                    "{count} seeds learned nothing: it is the plan and not the seed. A lower "
                    "train.learning_rate or a longer train.warmup_ratio may help.",
                    count=len(failed),
                )
            )

    @contextmanager
    def _running(self) -> Iterator[None]:
        before = self.run.read("status")
        self.run.write("status", {"state": "running", "pid": os.getpid(), "started": now()})
        try:
            yield
        except WeitiaoError:
            self.run.write("status", {**before, "state": "failed"})
            raise
        except KeyboardInterrupt:
            self.run.write("status", {**before, "state": "interrupted"})
            raise KeyboardInterrupt(self.run.goes_on()) from None


def _constant(judged: Answers, name: str) -> float:
    if parts.find("metrics", name).of_scores:
        name = judged.metrics[0]
    return float(parts.build("metrics", name).value(judged))


def _score(value: float | None) -> float:
    assert value is not None, "a seed that counts has been evaluated"
    return value


def _scores(values: list[float]) -> SeedScores:
    return SeedScores(
        mean=float(np.mean(values)),
        std=float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        lowest=min(values),
        highest=max(values),
    )
