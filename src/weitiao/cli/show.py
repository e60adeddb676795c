"""Tables of plans, runs, parts and machines: plan, runs, parts, doctor, probe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from weitiao.cli.show_expected import show_expectation
from weitiao.cli.terminal import console, figure, say, table_of
from weitiao.core.clock import duration
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import N_, _, localized, translated

if TYPE_CHECKING:
    from pathlib import Path

    from weitiao.hardware.probe import Probe
    from weitiao.model.fast.timing import KernelTimes
    from weitiao.planfile.plan import Plan
    from weitiao.support.doctor.finding import Finding

WIDE = 110  # cells of a terminal in which runs have a column for each fact
WHOLE_PATH = 28  # cells of a run's path that is never broken

# Run states, splits and kinds of parts: names in the code and in JSON, translated where shown.
WORDS = (
    (N_("new"), N_("running"), N_("finished"), N_("early"), N_("failed"), N_("interrupted")),
    (N_("validation"), N_("test")),
    (N_("tasks"), N_("losses"), N_("readers"), N_("cleaners"), N_("steps"), N_("metrics")),
    (N_("optimizers"), N_("schedules"), N_("strategies"), N_("models"), N_("decisions")),
    (N_("checks"), N_("executors"), N_("peers"), N_("orders")),
)


@dataclass(frozen=True)
class RunLine:
    """A row of `weitiao runs`."""

    run: str
    date: str
    task: str | None
    data: str | None
    model: str | None
    state: str
    step: int | None
    total: int | None
    metric: str | None
    value: float | None
    split: str | None
    seconds_left: float | None
    error: str = ""  # of a run that cannot be read


def show_plan(plan: Plan, path: Path) -> None:
    """The plan's settings with their reasons, and the expected time and memory."""
    from weitiao.planning.check import warnings_of

    table = table_of(_("plan: {path}", path=path), _("setting"), _("value"), _("why"))
    for key, reason in plan.why.items():
        value = plan.get(key)
        text = str(value)
        if isinstance(value, dict):
            text = ", ".join(f"{k}: {_flow(v)}" if v else k for k, v in value.items())
        why = _("set by you")
        if value == reason.value:
            why = localized(reason.reason)
            why += f" [{localized(reason.evidence)}]" if reason.evidence else ""
        add_row(table, key, text, why)
    console().print(table)
    time, memory = duration(plan.expect["train_seconds"]), plan.expect["memory_mb"]
    say(_("expected: {time} of training, {memory:,} MB", time=time, memory=memory))
    show_expectation(plan)
    for warning in warnings_of(plan):
        say(_("warning: {text}", text=warning))
    say(_("next: weitiao check {path} · weitiao document {path} · weitiao train {path}", path=path))


def _flow(value: Any) -> str:
    """A setting as the plan writes it: {lazy_embeddings: true}, not Python's braces."""
    from weitiao.planfile.write import dump

    if not isinstance(value, (dict, list)):
        return str(value)
    return dump({"why": value}, short=True).partition(": ")[2].strip()  # why: on one line


def show_runs(runs: Sequence[Mapping[str, Any]], root: Path) -> None:
    """The runs of a folder, one per row."""
    from rich.cells import cell_len

    if not runs:
        say(_("no runs in {root}; `weitiao fit rows.csv` creates one.", root=root))
        return
    lines = [RunLine(**values) for values in runs]
    apart = console().width >= WIDE
    about = [_("task"), _("data"), _("model")]
    places = [_("date"), *about] if apart else ["\n".join(about)]
    state = _("state") if apart else "\n".join([_("state"), _("date")])
    table = table_of(None, _("run"), *places, state, _("metric"))
    for run in lines:
        score = ""
        if run.value is not None:
            value, split = figure(run.value), translated(run.split or "")
            score = _(
                "{metric} {value} ({split})",
                metric=metric_name(run.metric or ""),
                value=value,
                split=split,
            )
        data = "" if (run.data or "").startswith("memory:") else PurePath(run.data or "").name
        facts = [translated(run.task or ""), data, PurePath(run.model or "").name]
        this_year = run.date.startswith(f"{datetime.now(UTC):%Y}-")
        date = run.date[5 if this_year else 0 : 16].replace("T", " ")
        if apart:
            add_row(table, run.run, date, *facts, _state(run), score)
        else:
            stacked = ("\n".join(filter(None, words)) for words in (facts, [_state(run), date]))
            add_row(table, run.run, *stacked, score)
    whole = [table.columns[1], table.columns[-2]]  # short words, never broken
    if max(cell_len(run.run) for run in lines) <= WHOLE_PATH:  # to be copied into a command
        whole.append(table.columns[0])
    for column in whole:
        column.no_wrap = True
    console().print(table)
    for run in lines:
        if run.error:
            say(run.error)


def _state(run: RunLine) -> str:
    """State of a run; of one that trains, how far it is and how long it takes yet."""
    state = translated(run.state)
    if run.state not in ("running", "interrupted") or not run.total:
        return state
    done = f"{state} {run.step}/{run.total}"
    if run.seconds_left is None:
        return done
    return _("{state}, {time} left", state=done, time=duration(run.seconds_left))


# Names of kinds of parts that are no words of the field, or have another meaning elsewhere.
TITLES = {
    "steps": N_("data steps"),
    "writers": N_("text writers"),
    "adapters": N_("adapters"),
    "heads": N_("heads"),
    "long_texts": N_("long texts"),
}


def show_parts(kinds: Mapping[str, Mapping[str, str]]) -> None:
    """The parts a plan may name, with their descriptions, a table per kind."""
    for kind, names in kinds.items():
        named = translated(TITLES.get(kind, kind))
        title = kind if kind == named else f"{kind} · {named}"
        table = table_of(title, _("name"), _("description"))
        for name, description in names.items():
            table.add_row(name, description)
        console().print(table)


def show_checks(title: str, findings: Sequence[Finding]) -> None:
    """The doctor's findings: each check with its state and remedy."""
    marks = {"ok": ("ok", "green"), "note": (_("note"), "yellow")}
    marks["problem"] = (_("problem"), "bold red")
    table = table_of(title, "", _("check"), _("result"))
    for finding in findings:
        word, style = marks[finding.state]
        remedy = finding.remedy and f"→ {finding.remedy}"
        lines = "\n".join(filter(None, [finding.message, remedy]))
        add_row(table, word, finding.subject, lines, style=style)
    console().print(table)


def show_probe(probe: Probe) -> None:
    """Speed and error of each precision, and which one `auto` chooses here."""
    from weitiao.hardware.probe import BUSY, MAX_ERRORS
    from weitiao.model.fast import compiler

    line = _(
        "{processor}; {cores} cores, {threads} threads in use; torch {torch}",
        processor=probe.processor,
        cores=probe.cores,
        threads=probe.threads,
        torch=probe.torch,
    )
    say(line)
    head = (_("precision"), _("GFLOP/s"), _("speed-up over fp32"), _("error against fp64"), "")
    table = table_of("", *head)
    for kind, rate in sorted(probe.operations.items(), key=lambda item: item[1]):
        remark = "" if probe.errors[kind] <= MAX_ERRORS[kind] else _("error too large")
        remark = _("chosen by auto") if kind == probe.best else remark
        speed, error = f"{rate / 1e9:,.0f}", f"{probe.errors[kind]:.1e}"
        table.add_row(kind, speed, f"{probe.gain(kind):.2f}", error, remark)
    console().print(table)
    for count, rate in probe.by_threads.items():
        say(_("{threads} threads: {rate:,.0f} GFLOP/s", threads=count, rate=rate / 1e9))
    say(compiler.described())
    say(_("memory bandwidth: {rate:.1f} GB/s", rate=probe.bytes / 1e9))
    if probe.busy > BUSY:
        line = _(
            "Other programs used {share:.0%} of the processors during the measurement; without "
            "them, repeat it: weitiao probe --again",
            share=probe.busy,
        )
        say(line)
    elif probe.best_threads != probe.threads:
        say(_("--threads {count} was fastest.", count=probe.best_threads))


def show_kernels(times: KernelTimes) -> None:
    """The time of each own kernel, compiled and in PyTorch, and which one runs."""
    from weitiao.model.fast.timing import COMPILED, TORCH

    head = (_("kernel"), _("tokens"), _("compiled, ms"), _("PyTorch, ms"), _("used"))
    table = table_of("", *head)
    for group, cases in times.seconds.items():
        used = "PyTorch" if group in times.in_torch else _("compiled")
        for tokens, seconds in cases.items():
            figures = (f"{1000 * seconds[name]:.2f}" for name in (COMPILED, TORCH))
            table.add_row(group, tokens, *figures, used)
    console().print(table)


def add_row(table: Any, first: str, *others: str, style: str = "") -> None:
    """Add a row to a table; the style is that of its first cell."""
    from rich.text import Text

    table.add_row(Text(first, style) if style else first, *others)
