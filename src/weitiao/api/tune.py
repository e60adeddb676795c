"""The verb tune: search better settings for a plan within a time budget.

tuning/NAME/
  tuning.journal     every trial and result: what a search that was stopped goes on from
  tuned.yaml         the plan with the values that won, each with its reason
  candidate.yaml     that of the best candidate, where it is ahead but not beyond noise
  tuning.html        history, importance, slices, trials
  trials/            trainings under way
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from weitiao import parts
from weitiao.api.tune_trials import Trainings
from weitiao.core import notice
from weitiao.core.clock import awake, seconds
from weitiao.data.prepare.load import Data
from weitiao.data.prepare.load import load as load_data
from weitiao.errors import RunError, WeitiaoError
from weitiao.evaluation.compare import compare
from weitiao.evaluation.metrics.base import Metric
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, plural
from weitiao.model.fast import compiler
from weitiao.planfile.plan import Plan, Reason
from weitiao.planfile.search_space import TunePlan
from weitiao.planning.check import check
from weitiao.reporting import tune_page
from weitiao.results import run_data
from weitiao.results.format import metric as metric_name
from weitiao.tasks.answers.base import Answers
from weitiao.tuning.default_space import default_dimensions
from weitiao.tuning.journal import Journal
from weitiao.tuning.objective import OverLimit, Unreached
from weitiao.tuning.outcome import CANDIDATE, Compared, Tuned
from weitiao.tuning.records import Trial
from weitiao.tuning.search import Clock as SearchClock
from weitiao.tuning.search import Search
from weitiao.tuning.space import Space, space_of

JOURNAL, TUNED, TRIALS = "tuning.journal", "tuned.yaml", "trials"
FAMILY_ALPHA = 0.05  # of all candidates together
LEAST_BUDGET = 10.0  # seconds

Say = Callable[[str], None]
Watch = Callable[[str, int, int], None]


def tune(
    plan: Plan | str | Path,
    *,
    budget: float | str,
    space: Mapping[str, Any] | None = None,
    latency: float | str | None = None,
    memory: int | str | None = None,
    trials: int | None = None,
    changes: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    say: Say | None = None,
    watch: Watch | None = None,
    since: float | None = None,
    elsewhere: Callable[[Space, Data, Path], Trainings] = Trainings,
) -> Tuned:
    """Search better settings for a plan, and keep them only where fresh seeds confirm them.

    budget: seconds or "30m", for all sessions together. space: setting -> "1e-5..1e-4:log" or a
    list of choices; default: `tune.space` of the plan, else by the rows and the task. latency: at
    most so long to predict one row ("20ms"); memory: at most so much in training ("4g"). trials: at
    most so many. out: tuning/NAME by default; called again with the same folder it goes on.
    elsewhere: what trains the trials, where that is not this process (`tune_on_cluster`). The test
    set is not read. Raises WeitiaoError.
    """
    begun = awake() if since is None else since
    allowed = budget_of(budget)
    compiler.prepare()
    set_threads(threads)
    name = "plan" if isinstance(plan, Plan) else Path(plan).stem
    plan = plan.with_(changes or {}) if isinstance(plan, Plan) else Plan.load(plan, changes)
    plan = _with_options(plan, space, latency, memory)
    check(plan, here=elsewhere is Trainings)
    folder = Path(out) if out else Path("tuning") / name
    with _locked(folder), notice.during(_("splitting the rows")):
        data = load_data(plan.data, plan.task_name)
    dimensions = plan.tune.dimensions() or default_dimensions(plan, len(data.train))
    searched = space_of(plan, dimensions)
    settings = {
        "plan": plan.model_copy(update={"tune": TunePlan(), "why": {}, "expect": {}}).model_dump(
            mode="json"
        ),
        "space": {one.path: one.spelled() for one in searched.dimensions},
        "limits": {"latency": plan.tune.latency, "memory": plan.tune.memory},
        "rows": data.fingerprint,
        "seed": seed,
    }
    with _locked(folder):
        journal = Journal(folder / JOURNAL, settings)
        if not journal.history().trials:  # trainings of a search whose journal was deleted
            shutil.rmtree(folder / TRIALS, ignore_errors=True)
        trainings = elsewhere(searched, data, folder / TRIALS)
        clock = SearchClock(allowed, journal.history().seconds, begun)
        search = Search(
            searched,
            journal,
            trainings,
            clock,
            seed,
            trials,
            say or (lambda text: None),
            watch or (lambda what, done, total: None),
        )
        trainings.watch = lambda progress, left: search.progress()
        _say_space(search)
        if plan.train.budget:
            search.say(_("train.budget of the plan is left out: trials train all their epochs"))
        try:
            search.run()
        except OverLimit as error:
            raise WeitiaoError(_over(searched, str(error))) from None
        except Unreached as error:
            reason = str(error).rstrip(".")
            message = _("{reason}. The same command goes on from here.", reason=reason)
            raise WeitiaoError(message) from None
        tuned = outcome_of(search, trainings, folder)
        _write(tuned, finished=search.stopped != "interrupted")
    if search.stopped == "interrupted":
        raise KeyboardInterrupt(
            _("best so far in {file}; go on with the same command", file=folder / TUNED)
        )
    return tuned


def outcome_of(search: Search, trainings: Trainings, folder: Path) -> Tuned:
    """Compare the candidates with the plan on fresh seeds, and name the winner."""
    history, found = search.history, list[Compared]()
    candidates = search.candidates() if history.trials and history.trials[0].reached else []
    for one in candidates:
        compared = _compared(one, history.scores_of(0), search, trainings, len(candidates))
        if compared:
            found.append(compared)
    found.sort(key=lambda one: -one.gain)
    won = next((one for one in found if one.better), None)
    refused = "" if won else "noise" if found else "unconfirmed" if candidates else "none"
    refused = "short" if search.stopped == "short" else refused
    space, winner = search.space, won.trial if won else 0
    plan = space.plan.model_copy(update={"tune": TunePlan()})
    if won:
        plan = _tuned_plan(space, history.trials[winner], won)
    elif search.stopped == "interrupted" and candidates:
        plan = space.plan_of(candidates[0].values)
    return Tuned(
        folder=folder,
        plan=plan,
        winner=winner,
        refused=refused,
        metric=trainings.metric_logged(),
        sign=trainings.sign,
        space=space,
        trials=tuple(history.trials),
        fresh=tuple(history.fresh),
        compared=tuple(found),
        levels=search.rungs.levels,
        stopped=search.stopped or "budget",
        bound=search.bound,
        seconds=search.clock.used(),
        budget=search.clock.budget,
        rows=(trainings.rows, len(trainings.fold.validation)),
        note=trainings.fold_note if found else "",
    )


def _compared(
    trial: Trial, plan_scores: Sequence[float], search: Search, trainings: Trainings, count: int
) -> Compared | None:
    """A candidate against the plan, seed by seed; None before two seeds of it have been run."""
    seeds = [one.seed for one in search.history.fresh if one.trial == trial.number]
    first = [_answers(trainings, 0, seed) for seed in seeds]
    second = [_answers(trainings, trial.number, seed) for seed in seeds]
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a and b]
    if len(pairs) < 2:
        return None
    name, metric = _deciding(pairs[0][0], trainings)
    level = 1 - FAMILY_ALPHA / count
    comparison = compare(
        [a for a, _b in pairs], [b for _a, b in pairs], {name: metric}, level=level, paired=True
    )
    gap = comparison.gaps[0]
    change = gap.change
    return Compared(
        trial.number,
        name,
        *gap.means,
        change.value,
        change.low,
        change.high,
        len(pairs),
        comparison.word == "better",
    )


def _deciding(answers: Answers, trainings: Trainings) -> tuple[str, Metric]:
    """The plan's first metric of predictions; where all are of scores, the first that fits."""
    names = [*trainings.space.plan.evaluate.metrics, *trainings.task.metrics, *answers.metrics]
    for name in dict.fromkeys(names):
        metric: Metric = parts.build("metrics", name)
        if not metric.of_scores:
            return name, metric
    raise WeitiaoError(_("the task has no metric that two models can be compared by."))


def _answers(trainings: Trainings, trial: int, seed: int) -> Answers | None:
    folder = trainings.answers_folder(trial, seed)
    stored = run_data.read_answers(folder, trainings.space.plan.task_name)
    return stored.answers if stored else None


def _tuned_plan(space: Space, trial: Trial, won: Compared) -> Plan:
    """The plan with the values that won, each with its reason and evidence."""
    plan = space.plan_of(trial.values)
    evidence = _(
        "{metric} {mean} against {own} with {seeds} fresh seeds; gain {gain} ({low} to {high})",
        metric=metric_name(won.metric),
        mean=f"{won.mean:.4f}",
        own=f"{won.plan_mean:.4f}",
        seeds=won.seeds,
        gain=f"{won.gain:+.4f}",
        low=f"{won.low:+.4f}",
        high=f"{won.high:+.4f}",
    )
    why = dict(plan.why)
    for path, value in trial.values.items():
        if value == space.own[path]:
            continue
        place = ".".join(path.split(".")[:2])
        reason = _("found by a search; it was {own}", own=_shown(space.own[path]))
        why[place] = Reason(value=plan.get(place), reason=reason, evidence=evidence)
    return plan.model_copy(update={"why": why, "expect": {}})


def _shown(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _write(tuned: Tuned, finished: bool) -> None:
    """The files for people. Weights of trials go once nothing is trained any more: a larger budget
    trains again what it promotes, with equal results."""
    tuned.plan.save(tuned.folder / TUNED)
    (tuned.folder / CANDIDATE).unlink(missing_ok=True)  # of an earlier session
    if ahead := tuned.candidate:
        plan = _tuned_plan(tuned.space, tuned.trials[ahead.trial], ahead)
        plan.model_copy(update={"tune": TunePlan()}).save(tuned.folder / CANDIDATE)
    with notice.during(_("writing the results")):
        tune_page.write(tuned, tuned.folder / tune_page.NAME)
    if finished:  # answers of fresh seeds stay
        for path in (tuned.folder / TRIALS).glob("trial-*"):
            shutil.rmtree(path, ignore_errors=True)


def budget_of(budget: float | str) -> float:
    """The seconds of a budget. Raises WeitiaoError."""
    known = seconds(budget) if isinstance(budget, str) else float(budget)
    if known is None:
        message = _("--budget: {budget!r} is not a time; write 90s, 5m or 1h30m.", budget=budget)
        raise WeitiaoError(message)
    if not math.isfinite(known) or known < LEAST_BUDGET:
        raise WeitiaoError(
            _("--budget: a search takes at least {least:.0f} s.", least=LEAST_BUDGET)
        )
    return known


def _with_options(
    plan: Plan,
    space: Mapping[str, Any] | None,
    latency: float | str | None,
    memory: int | str | None,
) -> Plan:
    """The plan with what options say of the search. Raises PlanError."""
    raw = plan.tune.model_dump()
    raw |= {"space": dict(space)} if space else {}
    raw |= {"latency": latency} if latency is not None else {}
    raw |= {"memory": memory} if memory is not None else {}
    return plan.with_({"tune": raw})


def _locked(folder: Path) -> AbstractContextManager[Any]:
    """Lock of the folder: one search at a time. Raises RunError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        raise RunError(
            _("{folder}: another search is running in it. Wait, or stop it.", folder=folder)
        ) from None
    except OSError as error:
        from weitiao.i18n.system import said

        raise RunError(
            _("{folder}: cannot be written here: {reason}.", folder=folder, reason=said(error))
        ) from None


def _over(space: Space, problem: str) -> str:
    """The message where the plan as it stands is over a limit."""
    if space.changes_network():
        return _(
            "the plan as it stands is over the limit: {problem}. Start from one that is not.",
            problem=problem,
        )
    return _(
        "the plan as it stands is over the limit: {problem}. Nothing in the space changes that: "
        "take another model.checkpoint.",
        problem=problem,
    )


def _say_space(search: Search) -> None:
    dimensions = search.space.dimensions
    search.say(_("search space: {settings}", settings=plural(len(dimensions), "setting")))
    for one in dimensions:
        search.say(f"  {one.path}: {one.spelled()}")
    if search.history.trials:
        search.say(
            _(
                "going on after {trials}, {seconds:.0f} s used",
                trials=plural(len(search.history.trials), "trial"),
                seconds=search.history.seconds,
            )
        )
