"""From rows to a run: fit, look, plan, check, train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show, show_runs, terminal
from weitiao.cli.options import (
    Budget,
    Changes,
    Json,
    MaxRows,
    Model,
    Out,
    PlanFile,
    Resume,
    Revision,
    Roles,
    Rows,
    Seed,
    Seeds,
    Sheet,
    SkipBad,
    Target,
    Task,
    Test,
    Text,
    Threads,
    Validation,
    Words,
    changes_of,
    how_of,
    open_rows,
    parted,
    roles_of,
    seconds_of,
)
from weitiao.core.clock import awake
from weitiao.errors import PlanError, WeitiaoError
from weitiao.i18n.messages import _

BEGUN = awake()  # a budget counts the start-up too


def fit(
    rows: Rows,
    words: Words = None,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    revision: Revision = None,
    test: Test = None,
    validation: Validation = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    max_rows: MaxRows = None,
    budget: Budget = None,
    seed: Seed = None,
    seeds: Seeds = None,
    threads: Threads = None,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Look, plan, train and judge in one go: the main job."""
    chosen, seconds = roles_of(text, target, roles), seconds_of(budget)
    paths, changed = parted(rows, words)
    how = how_of(sheet, skip_bad, changed)
    open_rows(paths, [test, validation], how)
    from weitiao.api.fit import fit

    options: dict[str, Any] = {
        "roles": chosen, "task": task, "model": model, "revision": revision, "test": test,
        "validation": validation, "sheet": sheet, "skip_bad": skip_bad, "max_rows": max_rows,
        "budget": seconds, "seed": seed, "seeds": seeds, "changes": changed, "threads": threads,
        "out": out, "say": terminal.say, "since": BEGUN,
    }  # fmt: skip
    with terminal.progress() as watch:
        fitted: Any = fit(paths, watch=watch, **options)
    if seeds:
        show_runs.finish_seeds(fitted, json_)
    else:
        show.finish(fitted, json_)


def look(
    rows: Rows,
    words: Words = None,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    test: Test = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Say what is in the rows: columns, labels, lengths, duplicates, leaks."""
    from weitiao.api.plan import look

    paths, changed = parted(rows, words)
    profile = look(
        paths, roles=roles_of(text, target, roles), task=task, test=test, sheet=sheet,
        skip_bad=skip_bad, changes=changed,
    )  # fmt: skip
    if json_:
        terminal.print_json(profile.to_json())
    else:
        show.show_profile(profile)


def plan(
    rows: Rows,
    words: Words = None,
    output: PlanFile = Path("plan.yaml"),
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    revision: Revision = None,
    test: Test = None,
    validation: Validation = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    max_rows: MaxRows = None,
    budget: Budget = None,
    seed: Seed = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Decide task, model and settings from the rows, and write them with their reasons."""
    from weitiao.api.plan import plan

    paths, changed = parted(rows, words)
    made = plan(
        paths, roles=roles_of(text, target, roles), task=task, model=model, revision=revision,
        test=test, validation=validation, sheet=sheet, skip_bad=skip_bad, max_rows=max_rows,
        budget=seconds_of(budget), seed=seed, changes=changed, threads=threads,
    )  # fmt: skip
    made.save(output)
    if json_:
        terminal.print_json({"plan": str(output), **made.model_dump(mode="json")})
    else:
        show.show_plan(made, output)


def check(
    path: Annotated[Path, typer.Argument(help="a plan")] = Path("plan.yaml"),
    changes: Changes = None,
    json_: Json = False,
) -> None:
    """Find everything that is wrong with a plan, at once."""
    from weitiao.planfile.plan import Plan
    from weitiao.planning.check import check

    try:
        check(Plan.load(path, changes_of(changes)))
    except PlanError as error:
        if json_:
            terminal.print_json({"plan": str(path), "problems": error.problems})
        raise
    if json_:
        terminal.print_json({"plan": str(path), "problems": []})
    terminal.say(_("{path}: no problems.", path=path))


def train(
    path: Annotated[Path | None, typer.Argument(help="a plan")] = None,
    changes: Changes = None,
    resume: Resume = None,
    skip_bad: SkipBad = False,
    budget: Budget = None,
    seed: Seed = None,
    seeds: Seeds = None,
    threads: Threads = None,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Carry out a plan, or go on with a run. The test stays sealed."""
    from weitiao.api import distributed
    from weitiao.planfile.plan import Plan

    if distributed.rank():
        from weitiao.hardware.machine import set_threads

        set_threads(threads)
        distributed.join()
        return

    given = {_("a plan or changes"): path or changes, "--budget": budget, "--seed": seed,
             "--seeds": seeds, "--threads": threads, "--out": out != Path("runs"),
             "--skip-bad": skip_bad}  # fmt: skip
    named = [name for name, value in given.items() if value]
    if resume and named:
        told = _("a resumed run keeps its plan: leave out {names}.", names=", ".join(named))
        raise WeitiaoError(told)
    if not resume and path is None:
        raise WeitiaoError(_("give a plan to carry out, or --resume RUN to go on with one."))
    seconds = seconds_of(budget)
    extra = {"train.budget": seconds and seconds / (seeds or 1), "train.seed": seed,
             "data.skip_bad": skip_bad or None}  # fmt: skip
    asked = changes_of(changes) | {k: v for k, v in extra.items() if v is not None}
    plan = Plan.load(path, asked) if path else None
    if plan:
        how = how_of(None, plan.data.skip_bad, {"data.reader": plan.data.reader})
        open_rows(plan.data.path, [plan.data.test_path, plan.data.validation_path], how)
    from weitiao.api import fit as fitting
    from weitiao.api.seeds import Seeded

    ended: Any
    with terminal.progress() as watch:
        if resume:
            ended = fitting.resume(resume, say=terminal.say, watch=watch, since=BEGUN)
        else:
            ended = fitting.train(
                path or "", seeds=seeds, changes=asked, out=out, threads=threads,
                say=terminal.say, watch=watch, since=BEGUN,
            )  # fmt: skip
    if isinstance(ended, Seeded):
        show_runs.finish_seeds(ended, json_)
    else:
        show.finish(ended, json_)
