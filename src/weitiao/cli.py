"""The command line: one short function a verb. Heavy imports stand inside, so --help is instant.

What is for people goes to standard error; standard output holds answers and JSON only. Exit codes:
0 done, 2 a mistake in what was asked (one message, no traceback),
130 interrupted.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from weitiao import terminal
from weitiao.errors import PlanError, WeitiaoError
from weitiao.options import (
    Answers,
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
    RunFolder,
    Seed,
    Target,
    Task,
    Test,
    Text,
    Threads,
    changes_of,
    open_rows,
    roles_of,
    seconds_of,
)

BEGUN = time.monotonic()  # a budget counts the start-up too

app = typer.Typer(
    name="weitiao",
    help="weitiao (微调): from labelled text to a fine-tuned, honestly judged language model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def fit(
    rows: Rows,
    changes: Changes = None,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    revision: Revision = None,
    test: Test = None,
    max_rows: MaxRows = None,
    budget: Budget = None,
    seed: Seed = None,
    threads: Threads = None,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Look, plan, train and judge in one go: the main job."""
    chosen, seconds, changed = (
        roles_of(text, target, roles),
        seconds_of(budget),
        changes_of(changes),
    )
    open_rows(rows, test)
    from weitiao.verbs import fitting

    with terminal.progress() as watch:
        fitted = fitting.fit(
            rows, out=out, threads=threads, say=terminal.say, watch=watch, since=BEGUN,
            roles=chosen, task=task, model=model, revision=revision, test_path=test,
            max_rows=max_rows, budget=seconds, seed=seed, changes=changed,
        )  # fmt: skip
    terminal.finish(fitted, json_)


@app.command()
def look(
    rows: Rows,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    test: Test = None,
    json_: Json = False,
) -> None:
    """Say what is in the rows: columns, labels, lengths, duplicates, leaks."""
    from weitiao.advise import advise

    wish = advise.Wish(rows, roles=roles_of(text, target, roles), task=task, test_path=test)
    profile, _ = advise.look(wish)
    if json_:
        terminal.print_json(profile.to_json())
    else:
        terminal.show_profile(profile)


@app.command()
def plan(
    rows: Rows,
    changes: Changes = None,
    output: PlanFile = Path("plan.yaml"),
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    revision: Revision = None,
    test: Test = None,
    max_rows: MaxRows = None,
    budget: Budget = None,
    seed: Seed = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Decide task, model and settings from the rows, and write them with their reasons."""
    from weitiao.advise import advise
    from weitiao.model.machine import set_threads

    set_threads(threads)
    wish = advise.Wish(
        rows, roles=roles_of(text, target, roles), task=task, model=model, revision=revision,
        test_path=test, max_rows=max_rows, budget=seconds_of(budget), seed=seed,
        changes=changes_of(changes),
    )  # fmt: skip
    advice = advise.advise(wish)
    advice.plan.save(output)
    if json_:
        terminal.print_json({"plan": str(output), **advice.plan.model_dump(mode="json")})
    else:
        terminal.show_plan(advice.plan, output)


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="a plan")] = Path("plan.yaml"),
    changes: Changes = None,
    json_: Json = False,
) -> None:
    """Find everything that is wrong with a plan, at once."""
    from weitiao.advise.advise import check
    from weitiao.plan import Plan

    try:
        check(Plan.load(path, changes_of(changes)))
    except PlanError as error:
        if json_:
            terminal.print_json({"plan": str(path), "problems": error.problems})
        raise
    if json_:
        terminal.print_json({"plan": str(path), "problems": []})
    terminal.say(f"{path}: no problems.")


@app.command()
def train(
    path: Annotated[Path | None, typer.Argument(help="a plan")] = None,
    changes: Changes = None,
    resume: Resume = None,
    budget: Budget = None,
    seed: Seed = None,
    threads: Threads = None,
    out: Out = Path("runs"),
    json_: Json = False,
) -> None:
    """Carry out a plan, or go on with a run. The test stays sealed."""
    from weitiao.plan import Plan

    given = {"a plan or changes": path or changes, "--budget": budget, "--seed": seed,
             "--threads": threads, "--out": out != Path("runs")}  # fmt: skip
    named = [name for name, value in given.items() if value]
    if resume and named:
        raise WeitiaoError(f"a resumed run keeps its plan: leave out {', '.join(named)}.")
    if not resume and path is None:
        raise WeitiaoError("give a plan to carry out, or --resume RUN to go on with one.")
    extra = {"train.budget": seconds_of(budget), "train.seed": seed}
    asked = {key: value for key, value in extra.items() if value is not None}
    plan = Plan.load(path, {**changes_of(changes), **asked}) if path else None
    open_rows(plan.data.path if plan else None)
    from weitiao.verbs import fitting

    with terminal.progress() as watch:
        if plan:
            fitted = fitting.train_plan(
                plan, out=out, threads=threads, say=terminal.say, watch=watch, since=BEGUN
            )
        else:
            assert resume is not None
            fitted = fitting.resume(resume, say=terminal.say, watch=watch, since=BEGUN)
    terminal.finish(fitted, json_)


@app.command()
def evaluate(
    run: RunFolder,
    rows: Annotated[str | None, typer.Argument(help="labelled rows; else validation")] = None,
    final: Annotated[bool, typer.Option("--final", help="open the sealed test")] = False,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Judge a run's best model on a file, on its validation rows, or on the sealed test."""
    from weitiao.model.machine import set_threads
    from weitiao.verbs import judging

    if rows and final:
        raise WeitiaoError("--final is about the run's own sealed test: leave out the file.")
    set_threads(threads)
    report, split, openings = judging.evaluate_run(run, rows, final=final)
    if json_:
        told = {"run": str(run), "split": split, "rows": report.rows, "openings": openings}
        terminal.print_json({**told, **report.summary()})
    else:
        terminal.show_report(report, split, openings)


@app.command()
def predict(
    run: RunFolder,
    rows: Rows,
    output: Answers = Path("predictions.csv"),
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Answer rows: the input's columns plus prediction, score and score_<label>."""
    from weitiao.model.machine import set_threads
    from weitiao.verbs import judging

    set_threads(threads)
    with terminal.counting("rows") as step:
        count = judging.predict_file(run, rows, output, step)
    if json_:
        terminal.print_json({"rows": count, "output": str(output)})
    else:
        terminal.say(f"{count:,} rows answered: {output}")


@app.command()
def runs(
    root: Annotated[Path, typer.Argument(help="folder with runs")] = Path("runs"),
    json_: Json = False,
) -> None:
    """List runs: state, score, time left."""
    from weitiao.verbs import listing

    found = listing.list_runs(root)
    if json_:
        terminal.print_json({"runs": found})
    else:
        terminal.show_runs(found, root)


@app.command()
def parts(
    kind: Annotated[str | None, typer.Argument(help="tasks, strategies, models, ...")] = None,
    json_: Json = False,
) -> None:
    """List everything a plan may name."""
    from weitiao.verbs import listing

    found = listing.list_parts(kind)
    if json_:
        terminal.print_json(found)
    else:
        terminal.show_parts(found)


def main() -> None:
    """Run the command line; a user's mistake is one message, an interruption is no crash."""
    try:
        app()
    except WeitiaoError as error:
        terminal.say(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        terminal.say("interrupted")
        sys.exit(130)


if __name__ == "__main__":
    main()
