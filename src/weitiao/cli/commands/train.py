"""Commands from data to a trained run: fit, plan, check, train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show, show_results, terminal
from weitiao.cli.options import (
    Budget,
    Changes,
    Corrections,
    Executor,
    FolderLabels,
    FullPlan,
    Json,
    MaxRows,
    Measure,
    Model,
    Name,
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
    SourceLang,
    Target,
    TargetLang,
    Task,
    Test,
    Text,
    Threads,
    Unknown,
    UnknownLabel,
    Validation,
    Words,
    Workers,
    changes_of,
    check_columns,
    confirm_folder_labels,
    how_of,
    loading,
    on_cluster,
    open_rows,
    parted,
    roles_of,
    seconds_of,
)
from weitiao.core import notice
from weitiao.core.clock import awake
from weitiao.errors import PlanError, WeitiaoError
from weitiao.i18n.messages import _, joined

STARTED = awake()  # a budget includes the imports


def fit(
    rows: Rows,
    words: Words = None,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    revision: Revision = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    test: Test = None,
    validation: Validation = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    folder_labels: FolderLabels = False,
    max_rows: MaxRows = None,
    corrections: Corrections = None,
    unknown: Unknown = False,
    unknown_label: UnknownLabel = None,
    budget: Budget = None,
    seed: Seed = None,
    seeds: Seeds = None,
    threads: Threads = None,
    out: Out = Path("runs"),
    name: Name = None,
    json_: Json = False,
) -> None:
    """Look, plan, train and evaluate in one call: the main command."""
    columns, seconds = roles_of(text, target, roles), seconds_of(budget)
    paths, changes = parted(rows, words)
    if name:
        from weitiao.api.runs import require_free

        require_free(out, name)
    confirm_folder_labels(paths, folder_labels)
    from weitiao.model.fast import compiler

    compiler.prepare()
    # The API imports torch, which takes seconds: a typing mistake in a path is reported before.
    source = open_rows(paths, [test, validation], how_of(sheet, skip_bad, changes))
    languages = source_lang, target_lang
    check_columns(source, columns, _task_of(task, *languages), changes, languages)
    with loading():
        from weitiao.api.fit import fit

    options: dict[str, Any] = {
        "roles": columns,
        "task": task,
        "model": model,
        "revision": revision,
        "source_lang": source_lang,
        "target_lang": target_lang,
        "test": test,
        "validation": validation,
        "sheet": sheet,
        "skip_bad": skip_bad,
        "max_rows": max_rows,
        "corrections": corrections,
        "unknown": unknown,
        "unknown_label": unknown_label,
        "budget": seconds,
        "seed": seed,
        "seeds": seeds,
        "changes": changes,
        "threads": threads,
        "out": out,
        "name": name,
        "since": STARTED,
    }
    with terminal.progress() as watch:
        result: Any = fit(paths, say=terminal.say, watch=watch, **options)
    if seeds:
        show_results.finish_seeds(result, json_)
    else:
        show_results.finish(result, json_)


def plan(
    rows: Rows,
    words: Words = None,
    output: PlanFile = Path("plan.yaml"),
    full: FullPlan = False,
    measure: Measure = False,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    revision: Revision = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    test: Test = None,
    validation: Validation = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    folder_labels: FolderLabels = False,
    max_rows: MaxRows = None,
    corrections: Corrections = None,
    unknown: Unknown = False,
    unknown_label: UnknownLabel = None,
    budget: Budget = None,
    seed: Seed = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Choose task, model and settings for the data, and write them with their reasons."""
    columns, wanted_task = roles_of(text, target, roles), _task_of(task, source_lang, target_lang)
    paths, changes = parted(rows, words)
    confirm_folder_labels(paths, folder_labels)
    source = open_rows(paths, [test, validation], how_of(sheet, skip_bad, changes))
    check_columns(source, columns, wanted_task, changes, (source_lang, target_lang))
    with loading():
        from weitiao.api.plan import plan
    planned = plan(
        paths,
        roles=columns,
        task=task,
        model=model,
        revision=revision,
        source_lang=source_lang,
        target_lang=target_lang,
        test=test,
        validation=validation,
        sheet=sheet,
        skip_bad=skip_bad,
        max_rows=max_rows,
        corrections=corrections,
        unknown=unknown,
        unknown_label=unknown_label,
        budget=seconds_of(budget),
        seed=seed,
        changes=changes,
        threads=threads,
        measure=measure,
        say=terminal.say,
    )
    planned.save(output, full=full)
    if json_:
        terminal.print_json({"plan": str(output), **planned.model_dump(mode="json")})
    else:
        show.show_plan(planned, output)


def _task_of(task: str | None, source_lang: str | None, target_lang: str | None) -> str | None:
    """The task that options name: languages alone mean a translation."""
    return task or ("translation" if source_lang or target_lang else None)


def check(
    path: Annotated[Path, typer.Argument(help="a plan")] = Path("plan.yaml"),
    changes: Changes = None,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="check the plan alone, not its rows and checkpoint")
    ] = False,
    json_: Json = False,
) -> None:
    """Report all problems of a plan at once: its settings, rows, columns and checkpoint."""
    from weitiao.planfile.plan import Plan
    from weitiao.planning.check import warnings_of
    from weitiao.planning.full_check import problems_of

    warnings: list[str] = []
    try:
        draft = Plan.draft(path, changes_of(changes))
        warnings = warnings_of(draft.plan) if draft.plan else []
        with notice.during(_("checking rows and checkpoint")):
            problems = problems_of(draft, files=not no_files)
    except PlanError as error:
        problems = error.problems
    if json_:
        terminal.print_json({"plan": str(path), "problems": problems, "warnings": warnings})
    for warning in warnings:
        terminal.say(_("warning: {text}", text=warning))
    if problems:
        raise PlanError(problems, str(path))
    if no_files:
        terminal.say(_("{path}: no problems; rows and checkpoint were not looked at.", path=path))
    else:
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
    executor: Executor = None,
    workers: Workers = None,
    out: Out = Path("runs"),
    name: Name = None,
    json_: Json = False,
) -> None:
    """Train a plan, or resume a run; the test set stays sealed."""
    from weitiao.api import distributed
    from weitiao.planfile.plan import Plan

    # Under torchrun every process gets the same command line; only rank 0 acts on it.
    if distributed.rank():
        from weitiao.hardware.machine import set_threads

        set_threads(threads)
        distributed.join()
        return

    there = on_cluster(executor, workers)
    options = {
        _("a plan or changes"): path or changes,
        "--budget": budget,
        "--seed": seed,
        "--seeds": seeds,
        "--threads": threads and not there,  # there they are the processors of a worker
        "--out": out != Path("runs"),
        "--name": name,
        "--skip-bad": skip_bad,
    }
    conflicting = [name for name, value in options.items() if value]
    if resume and conflicting:
        names = joined(conflicting, ", ")
        raise WeitiaoError(_("a resumed run keeps its plan: leave out {names}.", names=names))
    if not resume and path is None:
        raise WeitiaoError(_("name a plan to train, or --resume RUN to resume a run."))
    if there and seeds:
        raise WeitiaoError(_("--seeds with --executor ray: use `weitiao experiment`."))
    seconds = seconds_of(budget)
    settings = {
        "train.budget": seconds and seconds / (seeds or 1),
        "train.seed": seed,
        "data.skip_bad": skip_bad or None,
    }
    wanted = changes_of(changes) | {k: v for k, v in settings.items() if v is not None}
    plan = Plan.load(path, wanted) if path else None
    from weitiao.model.fast import compiler

    compiler.prepare()
    if plan:
        how = how_of(None, plan.data.skip_bad, {"data.reader": plan.data.reader})
        open_rows(plan.data.path, [plan.data.test_path, plan.data.validation_path], how)
    if name:
        from weitiao.api.runs import require_free

        require_free(out, name)
    if there:
        _train_on_cluster(path, resume, wanted, workers, threads, out, name, json_)
        return
    with loading():
        from weitiao.api import fit as fitting
        from weitiao.api.seeds import Seeded

    result: Any
    with terminal.progress() as watch:
        if resume:
            result = fitting.resume(resume, say=terminal.say, watch=watch, since=STARTED)
        else:
            result = fitting.train(
                path or "",
                seeds=seeds,
                changes=wanted,
                out=out,
                name=name,
                threads=threads,
                say=terminal.say,
                watch=watch,
                since=STARTED,
            )
    if isinstance(result, Seeded):
        show_results.finish_seeds(result, json_)
    else:
        show_results.finish(result, json_)


def _train_on_cluster(
    path: Path | None,
    resume: Path | None,
    changes: dict[str, Any],
    workers: int | None,
    threads: int | None,
    out: Path,
    name: str | None,
    json_: bool,
) -> None:
    with loading():
        from weitiao.cluster.train import resume_on_cluster, train_on_cluster
    with terminal.progress() as watch:
        options: dict[str, Any] = {
            "workers": workers or 2,
            "cpus": threads or 1,
            "say": terminal.say,
            "watch": watch,
        }
        if resume:
            result = resume_on_cluster(resume, **options)
        else:
            result = train_on_cluster(path or "", changes=changes, out=out, name=name, **options)
    show_results.finish(result, json_)
