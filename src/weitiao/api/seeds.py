"""Several runs of a plan that differ in the seed alone: one folder, a spread, and the best of them.

runs/reviews-001/            a run like any other: that of the seed best in validation
  seeds.json                 every seed with its scores, the mean, the spread
  seeds/reviews-001/ ...     the runs themselves
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.api import evaluate, fit
from weitiao.api.inputs import source_of
from weitiao.api.seed_choice import FILE, FOLDER, judged
from weitiao.errors import DivergedError, RunError, WeitiaoError
from weitiao.evaluation.degenerate import degenerate
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, plural
from weitiao.planfile.plan import Plan
from weitiao.planning.advise import Wish, advise, check
from weitiao.reporting import page
from weitiao.results import answers
from weitiao.run import Run, now
from weitiao.tasks.answers.base import Answers

LEAST = 2

Say = Callable[[str], None]
Watch = Callable[[Any, float], None]


@dataclass(frozen=True)
class Seeded:
    """What several seeds came to. `run` is the folder with all of them, and opens as the best."""

    run: Run
    state: str  # finished or interrupted
    told: Mapping[str, Any]  # what seeds.json says

    @property
    def model(self) -> Any:
        """The best model."""
        return evaluate.load_run(self.run.folder)

    @property
    def verdicts(self) -> list[Mapping[str, Any]]:
        """The plan's criteria, as the best one reaches them."""
        found: list[Mapping[str, Any]] = self.run.read("metrics").get("acceptance") or []
        return found

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        return {
            "run": str(self.run.folder),
            "state": self.state,
            **self.told,
            **({"acceptance": self.verdicts} if self.verdicts else {}),
            "model": str(self.run.best),
            "report": str(self.run.folder / page.NAME),
        }


def fit_seeds(
    rows: Any,
    targets: Any = None,
    *,
    seeds: int = 5,
    out: str | Path = "runs",
    say: Say | None = None,
    watch: Watch | None = None,
    **wishes: Any,
) -> Seeded:
    """Look, plan, train with several seeds, and judge all of them on the test, in one look.

    rows, targets and wishes as for `fit`; a budget is shared out among the seeds, and threads is
    one of the wishes. Raises WeitiaoError.
    """
    set_threads(wishes.pop("threads", None))
    _enough(seeds)
    path, source = source_of(rows, targets)
    if wishes.get("budget"):
        wishes["budget"] = wishes["budget"] / seeds
    plan = advise(Wish(path=path, **wishes), source).plan
    return train_seeds(plan, seeds=seeds, out=out, say=say, watch=watch, final=True)


def train_seeds(
    plan: Plan | str | Path,
    *,
    seeds: int = 5,
    changes: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    say: Say | None = None,
    watch: Watch | None = None,
    final: bool = False,
) -> Seeded:
    """Carry out a plan with several seeds: the plan's own and those after it.

    final: judge all on the sealed test at the end; else the test stays sealed. Raises WeitiaoError.
    """
    _enough(seeds)
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    check(plan, here=True)
    run = Run.create(out, fit.name_of(plan.data.path), plan)
    run.write(FILE, {"asked": seeds, "seed": plan.train.seed, "final": final, "runs": []})
    return _Seeds(run, say or _silent, watch).carry_out()


def resume_seeds(
    folder: str | Path, *, say: Say | None = None, watch: Watch | None = None
) -> Seeded:
    """Go on where several seeds stopped; those that are done stay."""
    run = Run.open(folder)
    if "validation" in run.read(FILE) and run.status().state != "interrupted":
        told = _("{folder}: this run has ended; `weitiao evaluate {folder}` judges it.",
                    folder=folder)  # fmt: skip
        raise RunError(told)
    return _Seeds(run, say or _silent, watch).carry_out()


def judge_seeds(folder: str | Path, *, say: Say | None = None) -> Seeded:
    """Judge every seed on the sealed test, in one look at it. Raises WeitiaoError, also while
    seeds are missing: then the test stays sealed."""
    seeds = _Seeds(Run.open(folder), say or _silent, None)
    return seeds.finish(final=True)


def is_several(folder: str | Path) -> bool:
    """Whether a run's folder holds several seeds."""
    return (Path(folder) / f"{FILE}.json").is_file()


@dataclass
class _Seeds:
    """The work on one folder of seeds. What is done stands in seeds.json, so it can go on."""

    run: Run
    say: Say
    watch: Watch | None

    def carry_out(self) -> Seeded:
        """Every seed that is missing, then those again that learned nothing."""
        told = self.run.read(FILE)
        with self._running():
            while len(kept := [one for one in told["runs"] if not one["replaced"]]) < told["asked"]:
                if not self._another(told):
                    return self._interrupted(told)
                kept = [one for one in told["runs"] if not one["replaced"]]
                if len(kept) == told["asked"]:
                    self._replace(told)
                self.run.write(FILE, told)
        return self.finish(final=bool(told["final"]))

    def finish(self, *, final: bool) -> Seeded:
        """Choose the best by validation, judge on the test if asked, and write it all down."""
        told = judged(self.run, self.run.read(FILE), final=final)
        self.run.write(FILE, told)
        page.write(self.run)
        return Seeded(self.run, "finished", told)

    def _another(self, told: dict[str, Any]) -> bool:
        """One more seed; False when it was interrupted."""
        begun = self._unfinished(told)
        seed = told["seed"] + len(told["runs"])
        number, count = len(told["runs"]) + 1, max(told["asked"], len(told["runs"]) + 1)
        self.say(_("seed {seed} ({number} of {count})", seed=seed, number=number, count=count))
        entry = {"seed": seed, "folder": "", "validation": None, "test": None, "replaced": False}
        try:
            if begun is None:
                plan = self.run.plan().with_({"train.seed": seed})
                root = self.run.folder / FOLDER
                fitted = fit.train_plan(plan, out=root, say=self.say, watch=self.watch)
            else:
                fitted = fit.resume(begun.folder, say=self.say, watch=self.watch)
        except DivergedError as error:
            self.say(str(error))
            left = self._unfinished(told)
            entry |= {"folder": left.folder.name if left else "", "replaced": True}
            told["runs"].append(entry)
            self._not_endless(told)
            return True
        if fitted.state == "interrupted":
            return False
        shutil.rmtree(fitted.run.last, ignore_errors=True)  # it has ended: nobody goes on from it
        told["metric"] = fitted.report.primary
        entry |= {"folder": fitted.run.folder.name,
                  "validation": fitted.report.metrics[fitted.report.primary]}  # fmt: skip
        told["runs"].append(entry)
        return True

    def _unfinished(self, told: dict[str, Any]) -> Run | None:
        """A seed that was begun and is not in the list."""
        known = {one["folder"] for one in told["runs"]}
        for path in sorted((self.run.folder / FOLDER).glob("*/plan.yaml")):
            run = Run(path.parent)
            if run.folder.name in known:
                continue
            if run.status().state not in ("finished", "early"):
                return run
            shutil.rmtree(run.folder)  # killed while it was judged: quicker anew than half done
        return None

    def _replace(self, told: dict[str, Any]) -> None:
        """Mark seeds that learned nothing, so that others take their place."""
        kept = [one for one in told["runs"] if not one["replaced"]]
        found = [answers.read(self.run.folder / FOLDER / one["folder"]) for one in kept]
        given = [one.judged for one in found if one is not None]
        if len(given) < LEAST:
            return
        name = told["metric"]
        if parts.find("metrics", name).of_scores:
            if not given[0].metrics:  # of another package: nothing else decides
                return
            name = given[0].metrics[0]
        metric = parts.build("metrics", name)
        constant = given[0].constant()
        for one, bad in zip(kept, degenerate(given, constant, name, metric), strict=True):
            if bad:
                one["replaced"] = True
                told_ = _(
                    "seed {seed} learned nothing: {metric} {value} in validation, always the most "
                    "frequent answer has {constant}. It is run again with another seed.",
                    seed=one["seed"], metric=told["metric"], value=f"{one['validation']:.4f}",
                    constant=f"{_constant(constant, told['metric']):.4f}",
                )  # fmt: skip
                self.say(told_)
        self._not_endless(told)

    def _not_endless(self, told: dict[str, Any]) -> None:
        """After as many failures as seeds were asked for, it is the plan and not the seed."""
        failed = [one for one in told["runs"] if one["replaced"]]
        if len(failed) > told["asked"]:
            self.run.write(FILE, told)
            raise WeitiaoError(
                _("{count} seeds learned nothing: it is the plan and not the seed. A lower "
                     "train.learning_rate or a longer train.warmup_ratio may help.",
                     count=len(failed))
            )  # fmt: skip

    def _interrupted(self, told: dict[str, Any]) -> Seeded:
        self.run.write("status", {"state": "interrupted"})
        return Seeded(self.run, "interrupted", told)

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


def _enough(seeds: int) -> None:
    if seeds < LEAST:
        told = _("--seeds: {seeds} would have no spread; take {least} or more, best 5.",
                    seeds=plural(seeds, "seed"), least=LEAST)  # fmt: skip
        raise WeitiaoError(told)


def _silent(text: str) -> None:
    pass
