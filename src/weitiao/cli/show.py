"""What verbs found, as tables and lines for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weitiao.cli import show_findings as closeup
from weitiao.cli.terminal import console, duration, figure, print_json, say, table_of
from weitiao.i18n.messages import N_, _, plural, retold, translated

if TYPE_CHECKING:
    from pathlib import Path

    from weitiao.api.single_run import Fitted
    from weitiao.data.prepare.profile import Profile
    from weitiao.evaluation.evaluate import Report
    from weitiao.hardware.probe import Probe
    from weitiao.model.fast.timing import KernelTimes
    from weitiao.planfile.plan import Plan
    from weitiao.support.doctor.finding import Finding

MOST_LABELS = 12  # shown in a profile; the rest is counted
OVERRUN = 1.1  # of a budget, before it is said

# How a run stands, which rows were judged, and kinds of parts: words of the code, shown translated.
WORDS = (
    N_("new"), N_("running"), N_("finished"), N_("early"), N_("failed"),
    N_("interrupted"), N_("validation"), N_("test"), N_("tasks"),
    N_("losses"), N_("readers"), N_("cleaners"), N_("steps"), N_("metrics"),
    N_("optimizers"), N_("schedules"), N_("strategies"), N_("models"),
    N_("decisions"), N_("checks"),
    N_("executors"), N_("peers"),
)  # fmt: skip


def finish(fitted: Fitted, as_json: bool) -> None:
    """What fit and train end with; an interrupted run ends the program with code 130."""
    show_fitted(fitted)
    if as_json:
        print_json(fitted.summary())
    if fitted.state == "interrupted":
        sys.exit(130)


def show_fitted(fitted: Fitted) -> None:
    """The scores beside the baselines, and where the model is."""
    show_report(fitted.report, fitted.split, fitted.openings)
    closeup.show_calibration(fitted.report.more.get("calibration") or {})
    closeup.show_findings(fitted.summary(), fitted.findings)
    seconds = fitted.seconds
    say(_("{state} after {time} ({training} training)", state=translated(fitted.state),
             time=duration(seconds["total"]), training=duration(seconds["train"])))  # fmt: skip
    for line in about_budget(fitted):
        say(line)
    say(_("model: {path}", path=fitted.run.best))
    say(_("report: {path}", path=fitted.page))
    if fitted.state == "interrupted":
        say(fitted.run.goes_on())
    else:
        say(_("use it: weitiao predict {run} rows.csv -o answers.csv", run=fitted.run.folder))


def about_budget(fitted: Fitted) -> list[str]:
    """A sentence when the budget was overrun, or too small for anything to be learned."""
    budget, spent = fitted.plan.train.budget, fitted.seconds["total"]
    if budget is None or fitted.state == "interrupted":
        return []
    told = []
    if spent > OVERRUN * budget:
        told.append(_("The budget of {budget} was overrun by {more}: starting, one update and "
                         "judging need longer than that here.",
                         budget=duration(budget), more=duration(spent - budget)))  # fmt: skip
    if not _learned(fitted.report):
        told.append(_("In {budget} the model learned no more than {baseline} knows: give it "
                         "more time, or a smaller model.",
                         budget=duration(budget), baseline=next(iter(fitted.report.baselines)),
                         ))  # fmt: skip
    return told


def _learned(report: Report) -> bool:
    """Whether the model beats the simplest baseline in the metric that counts."""
    from weitiao import parts

    if not report.baselines:
        return True
    simplest = next(iter(report.baselines.values())).get(report.primary)
    ours = report.metrics[report.primary]
    if simplest is None or simplest != simplest:
        return True
    higher = parts.find("metrics", report.primary).higher_is_better
    return bool(ours > simplest if higher else ours < simplest)


def show_report(report: Report, split: str, openings: int) -> None:
    """A table: each metric with its interval and the baselines' figures."""
    title = _("{split}: {rows}", split=translated(split), rows=plural(report.rows, "row"))
    if openings:
        title = _("{title}, this test opened {times}",
                     title=title, times=plural(openings, "time"))  # fmt: skip
    closeup.show_criteria(report.more)
    table = table_of(title)
    table.add_column(_("metric"))
    table.add_column(_("model"), justify="right")
    table.add_column(_("95 % interval"), justify="right")
    for name in report.baselines:
        table.add_column(name, justify="right")
    for name, value in report.metrics.items():
        low, high = report.intervals.get(name, (float("nan"), float("nan")))
        others = [figure(values[name]) for values in report.baselines.values()]
        between = (
            _("unknown") if low != low else _("{low} to {high}", low=figure(low), high=figure(high))
        )
        _add(table, name, figure(value), between, *others)
    console().print(table)
    for one in report.more.get("levels") or []:
        say(_("level {level}, {labels}: {accuracy} right", level=one["level"],
                 labels=plural(one["nodes"], "label"),
                 accuracy=f"{one['accuracy']:.1%}"))  # fmt: skip
    for name, detail in report.details.items():
        if "features" in detail:
            say(_("{name}: {features} (validation {value})", name=name,
                     features=retold(str(detail["features"])),
                     value=figure(detail["validation"])))  # fmt: skip


def show_probe(probe: Probe) -> None:
    """How fast this machine computes in each arithmetic, how right, and what `auto` takes."""
    from weitiao.hardware.probe import BUSY, FARTHEST
    from weitiao.model.fast import compiler

    say(_("{processor}; {cores} cores, {threads} threads in use; torch {torch}",
             processor=probe.processor, cores=probe.cores, threads=probe.threads,
             torch=probe.torch))  # fmt: skip
    table = table_of("", _("arithmetic"), _("10^9 operations a second"), _("beside fp32"),
                   _("error beside fp64"), "")  # fmt: skip
    for kind, rate in sorted(probe.operations.items(), key=lambda item: item[1]):
        right = probe.errors[kind] <= FARTHEST[kind]
        table.add_row(
            kind, f"{rate / 1e9:,.0f}", f"{probe.gain(kind):.2f}", f"{probe.errors[kind]:.1e}",
            _("auto takes this one") if kind == probe.best else "" if right
            else _("not right enough"),
        )  # fmt: skip
    console().print(table)
    for count, rate in probe.by_threads.items():
        say(_("{threads} threads: {rate:,.0f} x 10^9 operations a second",
                 threads=count, rate=rate / 1e9))  # fmt: skip
    say(compiler.described())
    say(_("memory: {rate:.1f} GB a second", rate=probe.bytes / 1e9))
    if probe.busy > BUSY:
        say(_("Other programs had {share:.0%} of the processors meanwhile; when they are gone: "
                 "weitiao probe --again", share=probe.busy))  # fmt: skip
    elif probe.best_threads != probe.threads:
        say(_("--threads {count} was fastest.", count=probe.best_threads))


def show_kernels(times: KernelTimes) -> None:
    """The seconds of own kernels, compiled and in PyTorch, and which ones run."""
    from weitiao.model.fast.timing import COMPILED, TORCH

    table = table_of("", _("kernel"), _("tokens"), _("compiled, ms"), _("PyTorch, ms"),
                     _("used"))  # fmt: skip
    for group, cases in times.seconds.items():
        used = _("PyTorch") if group in times.in_torch else _("compiled")
        for tokens, seconds in cases.items():
            figures = (f"{1000 * seconds[name]:.2f}" for name in (COMPILED, TORCH))
            table.add_row(group, tokens, *figures, used)
    console().print(table)


def show_profile(profile: Profile) -> None:
    """What is in the rows."""
    for line in profile.history:
        say(retold(line))
    say(_("task: {task} ({reason})",
             task=profile.task, reason=retold(profile.reasons.get("task", ""))))  # fmt: skip
    table = table_of(_("columns"), _("role"), _("column"), _("why"))
    for role, column in profile.roles.items():
        name = column if isinstance(column, str) else ", ".join(column)
        _add(table, role, name, retold(profile.reasons.get(role, "")))
    console().print(table)
    if profile.labels:
        table = table_of(_("labels"), _("label"), _("rows"), _("share"))
        for label, count in list(profile.labels.items())[:MOST_LABELS]:
            _add(table, label, f"{count:,}", f"{profile.shares[label]:.1%}")
        if len(profile.labels) > MOST_LABELS:
            _add(table, _("({count} more)", count=len(profile.labels) - MOST_LABELS), "", "")
        console().print(table)
    names = {"lowest": _("lowest"), "highest": _("highest"), "mean": _("mean"),
             "median": _("median")}  # fmt: skip
    for name, value in profile.numbers.items():
        say(_("target, {name}: {value:.4g}", name=names.get(name, name), value=value))
    for role, lengths in profile.lengths.items():
        most = {"max": _("longest")}
        told = ", ".join(f"{most.get(name, name)} {value:,}" for name, value in lengths.items())
        say(_("characters of {role}: {lengths}", role=role, lengths=told))
    spoken = profile.languages.items()
    shares = ", ".join(f"{translated(name)} {share:.0%}" for name, share in spoken)
    say(_("language: {language} ({shares})", language=profile.language, shares=shares))
    for line in _facts(profile):
        say(line)


def _facts(profile: Profile) -> list[str]:
    facts = {
        _("exact duplicates: {count:,}", count=profile.duplicates): profile.duplicates,
        _("texts with several targets: {count:,}", count=profile.conflicts): profile.conflicts,
        _("rows without a text: {count:,}", count=profile.empty_texts): profile.empty_texts,
        _("rows without a target: {count:,}", count=profile.unlabelled): profile.unlabelled,
        _("rows also in the test file: {count:,}", count=profile.leaks or 0): profile.leaks,
    }
    return [told for told, count in facts.items() if count]


def show_plan(plan: Plan, path: Path) -> None:
    """Each decision with its reason."""
    table = table_of(_("plan: {path}", path=path), _("setting"), _("value"), _("why"))
    for key, reason in plan.why.items():
        value = plan.get(key)
        shown = ", ".join(f"{k}: {v}" if v else k for k, v in value.items()) if isinstance(
            value, dict) else str(value)  # fmt: skip
        told = retold(reason.reason) + (f" [{retold(reason.evidence)}]" if reason.evidence else "")
        _add(table, key, shown, told if value == reason.value else _("set by you"))
    console().print(table)
    expect = plan.expect
    say(_("expected: {time} of training, {memory:,} MB",
             time=duration(expect["train_seconds"]), memory=expect["memory_mb"]))  # fmt: skip
    say(_("next: weitiao check {path} · weitiao train {path}", path=path))


def show_runs(found: Sequence[Mapping[str, Any]], root: Path) -> None:
    """A line a run."""
    if not found:
        say(_("no runs in {root}; `weitiao fit rows.csv` makes one.", root=root))
        return
    table = table_of(None, _("run"), _("state"), _("updates"), _("score"),
                   _("time left"))  # fmt: skip
    for run in found:
        score = ""
        if run["value"] is not None:
            score = _("{metric} {value} ({split})", metric=run["metric"],
                         value=figure(run["value"]), split=translated(run["split"]))  # fmt: skip
        left = "" if run["seconds_left"] is None else duration(run["seconds_left"])
        steps = f"{run['step']}/{run['total']}" if run["total"] else ""
        _add(table, run["run"], translated(run["state"]), steps, score, left)
    console().print(table)


def show_parts(found: Mapping[str, Mapping[str, str]]) -> None:
    """Kinds, names and what each is for."""
    for kind, names in found.items():
        title = kind if kind == translated(kind) else f"{kind} · {translated(kind)}"
        table = table_of(title, _("name"), _("what it is"))
        for name, told in names.items():
            table.add_row(name, told)
        console().print(table)


def show_findings(title: str, found: Sequence[Finding]) -> None:
    """What the doctor says: each check, how it is, and what to do."""
    marks = {"ok": ("ok", "green"), "note": (_("note"), "yellow"),
             "problem": (_("problem"), "bold red")}  # fmt: skip
    table = table_of(title, "", _("what"), _("result"))
    for finding in found:
        word, style = marks[finding.state]
        lines = "\n".join(filter(None, [finding.told, finding.remedy and f"→ {finding.remedy}"]))
        _add(table, word, finding.about, lines, style=style)
    console().print(table)


def _add(table: Any, *told: str, style: str = "") -> None:
    """A row; the style is that of its first cell."""
    from rich.text import Text

    first, *rest = told
    table.add_row(Text(first, style) if style else first, *rest)
