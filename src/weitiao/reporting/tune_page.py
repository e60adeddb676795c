"""tuning.html: the verdict of a search, its history, and what each setting did to the scores."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weitiao.core.clock import duration
from weitiao.core.sanitize import shortened
from weitiao.i18n.messages import _, joined, localized, plural
from weitiao.planfile.search_space import Dimension
from weitiao.reporting.error_plots import plot_label
from weitiao.reporting.page import write_html
from weitiao.reporting.render import (
    Interval,
    Intervals,
    Plot,
    Plots,
    Points,
    Section,
    Table,
    Verdict,
    Words,
    render,
)
from weitiao.results.comparison import signed
from weitiao.results.format import figure, metric, setting
from weitiao.tuning.outcome import CANDIDATE, REFUSED, Compared, Tuned, complete
from weitiao.tuning.records import DONE, FAILED, OVER, Trial
from weitiao.tuning.search import STOPPED, name_of

NAME = "tuning.html"
MAX_SLICES = 12
MAX_LINES = 60  # of the parallel coordinates; the best are drawn
MAX_TABLE_TRIALS = 300


def write(tuned: Tuned, path: Path) -> Path:
    """Write the page, in the current language."""
    facts = [
        plural(len(tuned.trials), "trial"),
        _("time used: {used} of {budget}", used=duration(tuned.seconds),
          budget=duration(tuned.budget)),
        _("evaluated on: {part}", part=plural(tuned.rows[0], "validation row")),
    ]  # fmt: skip
    title = _("Tuning: {name}", name=tuned.folder.name)
    return write_html(path, render(title, _("Tuning"), facts, sections(tuned)))


def sections(tuned: Tuned) -> list[Section]:
    """The page from top to bottom."""
    made = [_summary(tuned), _history(tuned)]
    if _plotted(tuned):
        made += [_importance(tuned), _slices(tuned), _parallel(tuned)]
    return [*made, _trials(tuned), _method(tuned)]


def reason(tuned: Tuned) -> str:
    """Why the winner won, or why the plan stays."""
    if tuned.refused:
        return localized(REFUSED[tuned.refused])
    won = next(one for one in tuned.compared if one.trial == tuned.winner)
    return _(
        "{metric} {mean} against {own} of the plan, the mean of {seeds} each; gain {gain} "
        "({low} to {high})",
        metric=metric(won.metric),
        mean=figure(won.mean),
        own=figure(won.plan_mean),
        seeds=plural(won.seeds, "fresh seed"),
        gain=signed(won.gain),
        low=signed(won.low),
        high=signed(won.high),
    )


def candidate_text(tuned: Tuned) -> str:
    """What can be said of the best candidate where none is better beyond noise; else empty."""
    if (ahead := tuned.candidate) is None:
        return ""
    return _(
        "Trial {trial} is ahead by {gain} ({low} to {high}, {seeds}), which may be chance: its "
        "plan is {file}.",
        trial=ahead.trial,
        gain=signed(ahead.gain),
        low=signed(ahead.low),
        high=signed(ahead.high),
        seeds=plural(ahead.seeds, "fresh seed"),
        file=CANDIDATE,
    )


def optimism_text(tuned: Tuned) -> str:
    """How much better the search saw its best candidate than fresh seeds on fresh rows do."""
    if tuned.optimism is None:
        return ""
    searched, fresh = tuned.optimism
    return _(
        "Optimism: {searched} in the search, {fresh} with fresh seeds: {difference}. The search "
        "score is that of the best of many, so it flatters; the sealed test was not read.",
        searched=figure(searched),
        fresh=figure(fresh),
        difference=signed(searched - fresh),
    )


# --- sections


def _summary(tuned: Tuned) -> Section:
    if tuned.winner:
        verdict = Verdict("go", _("Better settings found"), reason(tuned))
    else:
        verdict = Verdict("open", _("The plan stays as it is"), reason(tuned))
    blocks: list[Any] = [verdict]
    if changes := _changes(tuned, tuned.best):
        head = [_("setting"), _("before"), _("now")]
        blocks.append(Table(_("What changes"), head, changes))
    if tuned.compared:
        blocks.append(_intervals(tuned))
    lines = [
        _("The search ended: {reason}.", reason=localized(STOPPED[tuned.stopped])),
        *([_bound(tuned)] if math.isfinite(tuned.bound.gain) else []),
        *([candidate_text(tuned)] if tuned.candidate else []),
        *([optimism_text(tuned)] if tuned.optimism else []),
        *([tuned.note] if tuned.note else []),
    ]
    blocks.append(Points(lines))
    blocks.append(Words(_("Train it: `weitiao train {plan}`", plan=tuned.folder / "tuned.yaml")))
    return Section("answer", _("Summary"), blocks, brief=True)


def _bound(tuned: Tuned) -> str:
    return _(
        "Still to gain in this space: at most {gain}; two seeds of one plan differ by {noise} "
        "(one standard deviation).",
        gain=figure(tuned.bound.gain),
        noise=figure(tuned.bound.noise),
    )


def _changes(tuned: Tuned, trial: Trial) -> list[list[str]]:
    return [
        [path, setting(tuned.space.own[path]), setting(value)]
        for path, value in trial.values.items()
        if value != tuned.space.own[path]
    ]


def _intervals(tuned: Tuned) -> Intervals:
    ends = [abs(end) for one in tuned.compared for end in (one.low, one.high, one.gain)]
    most = max((end for end in ends if math.isfinite(end)), default=1.0) or 1.0
    items = [
        Interval(
            _trial_name(one.trial),
            _(
                "{gain} ({interval})",
                gain=signed(one.gain),
                interval=_("{low} to {high}", low=signed(one.low), high=signed(one.high)),
            ),
            _scaled(one.gain, most),
            _scaled(one.low, most),
            _scaled(one.high, most),
            _kind(one),
        )
        for one in tuned.compared
    ]
    caption = _(
        "{metric}: gain over the plan with fresh seeds on {rows}, positive is better; the line is "
        "0",
        metric=metric(tuned.compared[0].metric),
        rows=plural(tuned.rows[1], "row"),
    )
    return Intervals(caption, items)


def _scaled(value: float, most: float) -> float | None:
    return value / most if math.isfinite(value) else None


def _kind(one: Compared) -> str:
    return "go" if one.better else "stop" if one.high < 0 else "open"


def _trial_name(number: int) -> str:
    return _("trial {number}", number=number) if number else _("the plan")


def _history(tuned: Tuned) -> Section:
    scored = [one for one in tuned.trials if one.reached]
    whole = [_point(tuned, one) for one in scored if one.state == DONE]
    paused = [_point(tuned, one) for one in scored if one.state != DONE]
    best, line = -math.inf, []
    for one in scored:
        best = max(best, one.score)
        line.append([one.number, _short(tuned.value(best))])
    name = metric(tuned.metric)
    series: list[dict[str, Any]] = [
        {"name": _("trained to the end"), "points": whole},
        {"name": _("stopped at a rung"), "points": paused, "faint": True},
        {"name": _("best so far"), "points": line, "line": True},
    ]
    drawing = {
        "kind": "dots",
        "x": _("trial"),
        "y": name,
        "whole": True,
        "series": [one for one in series if one["points"]],
    }
    table = Table(
        _("History"),
        [_("trial"), name, _("epochs"), _("seconds")],
        [[str(one.number), figure(tuned.value(one.score)), f"{one.reached[-1].epochs:.3g}",
          f"{one.seconds:.0f}"] for one in scored[:MAX_TABLE_TRIALS]],
        [0, 1, 2, 3],
        folded=True,
    )  # fmt: skip
    about = _(
        "The best validation score that each trial reached; {done} of {trials} were trained to "
        "their end.",
        done=complete(tuned.trials),
        trials=len(tuned.trials),
    )
    plot = Plot("history", _("History"), about, drawing, table, wide=True)
    return Section("history", _("History"), [Plots([plot])])


def _importance(tuned: Tuned) -> Section:
    shares = tuned.importance()
    title = _("Importance")
    if not shares:
        return Section("importance", title, [Words(_("Too few trials to tell."), "note")])
    names = sorted(shares, key=lambda name: -shares[name])
    drawing = {
        "kind": "bars",
        "categories": [plot_label(name) for name in names],
        "x": _("share of the variance"),
        "y": "",
        "flat": True,
        "series": [{"name": _("importance"), "values": [shares[name] for name in names]}],
    }
    about = _(
        "How much of the variance of the scores each setting explains over this space (functional "
        "ANOVA). Of few trials this is rough."
    )
    table = Table(
        title,
        [_("setting"), _("share of the variance")],
        [[name, f"{shares[name]:.2f}"] for name in names],
        [1],
        folded=True,
    )
    plot = Plot("importance-plot", title, about, drawing, table, wide=True)
    return Section("importance", title, [Plots([plot])])


def _slices(tuned: Tuned) -> Section:
    plots = [_slice(tuned, one, at) for at, one in enumerate(tuned.space.dimensions[:MAX_SLICES])]
    return Section("slices", _("Setting by setting"), [Plots(plots, narrow=True)])


def _slice(tuned: Tuned, one: Dimension, at: int) -> Plot:
    trials, name = _plotted(tuned), metric(tuned.metric)
    best = tuned.winner or tuned.ranked[0].number
    choices = [setting(value) for value in one.choices]
    points = [
        [
            choices.index(_choice(trial, one)) if choices else trial.params[one.path],
            _short(tuned.value(trial.score)),
            str(name_of(trial)),
            trial.number == best,
        ]
        for trial in trials
    ]
    series: list[dict[str, Any]] = [
        {"name": _("trials"), "points": [point[:3] for point in points if not point[3]]},
        {
            "name": _trial_name(best),
            "points": [point[:3] for point in points if point[3]],
            "large": True,
        },
    ]
    drawing: dict[str, Any] = {
        "kind": "dots",
        "x": one.path,
        "y": name,
        "log": one.log,
        "series": [part for part in series if part["points"]],
    }
    if choices:
        drawing["categories"] = [plot_label(choice) for choice in choices]
    rows = [
        [setting(trial.values.get(one.path, tuned.space.own[one.path])),
         figure(tuned.value(trial.score))]
        for trial in sorted(trials, key=lambda trial: -trial.score)[:16]
    ]  # fmt: skip
    table = Table(one.path, [one.path, name], rows, [1], folded=True)
    return Plot(f"slice-{at}", one.path, _("searched: {range}", range=_range(one)), drawing, table)


def _parallel(tuned: Tuned) -> Section:
    trials = sorted(_plotted(tuned), key=lambda one: -one.score)[:MAX_LINES]
    dimensions = tuned.space.dimensions
    low, high = min(one.score for one in trials), max(one.score for one in trials)
    best = tuned.winner or tuned.ranked[0].number
    rows: list[dict[str, Any]] = []
    for rank, trial in enumerate(trials):
        places = [round(_place(one, trial.params[one.path]), 4) for one in dimensions]
        score = (trial.score - low) / (high - low) if high > low else 0.5
        values = [
            setting(trial.values.get(one.path, tuned.space.own[one.path])) for one in dimensions
        ]
        rows.append(
            {
                "name": str(name_of(trial)),
                "places": [*places, round(score, 4)],
                "texts": [*values, figure(tuned.value(trial.score))],
                "rank": round(1 - rank / max(1, len(trials) - 1), 3),
                "best": trial.number == best,
            }
        )
    axes = [*(one.path for one in dimensions), metric(tuned.metric)]
    drawing = {"kind": "parallel", "axes": [plot_label(one) for one in axes], "rows": rows}
    table = Table(
        _("Trials"), [_("trial"), *axes], [[row["name"], *row["texts"]] for row in rows[:16]],
        folded=True,
    )  # fmt: skip
    about = _(
        "A line is a trial: the darker, the better; the thick one is {best}. Each axis goes from "
        "the lowest value of its range to the highest.",
        best=_trial_name(best),
    )
    plot = Plot("parallel-plot", _("Parallel coordinates"), about, drawing, table, wide=True)
    return Section("parallel", _("Parallel coordinates"), [Plots([plot])])


def _trials(tuned: Tuned) -> Section:
    states = {DONE: _("done"), FAILED: _("failed"), OVER: _("over the limit")}
    rows = [
        [
            str(one.number),
            figure(tuned.value(one.score)) if one.reached else "—",
            f"{one.reached[-1].epochs:.3g}" if one.reached else "0",
            f"{one.seconds:.0f}",
            states.get(one.state, _("stopped")),
            _settings(tuned, one),
        ]
        for one in [*tuned.ranked, *(t for t in tuned.trials if not t.reached)][:MAX_TABLE_TRIALS]
    ]
    head = [
        _("trial"), metric(tuned.metric), _("epochs"), _("seconds"), _("state"), _("settings"),
    ]  # fmt: skip
    blocks: list[Any] = [Table(_("All trials"), head, rows, [0, 1, 2, 3], folded=len(rows) > 20)]
    fresh = [
        [_trial_name(one.trial), str(one.seed), figure(tuned.value(one.score)),
         f"{one.seconds:.0f}"]
        for one in tuned.fresh
    ]  # fmt: skip
    if fresh:
        head = [_("trial"), _("seed"), metric(tuned.metric), _("seconds")]
        blocks.append(Table(_("Fresh seeds"), head, fresh, [1, 2, 3]))
    return Section("trials", _("All trials"), blocks)


def _settings(tuned: Tuned, trial: Trial) -> str:
    if trial.reason:
        return shortened(trial.reason, 200)
    changes = [f"{path}={new}" for path, _old, new in _changes(tuned, trial)]
    return joined(changes, ", ") if changes else _("as the plan stands")


def _method(tuned: Tuned) -> Section:
    levels = joined([f"{level:.3g}" for level in tuned.levels], ", ")
    lines = [
        _("Proposals: TPE of Optuna; trial 0 is the plan as it stands."),
        _(
            "Rungs at {levels} epochs: a third of a rung goes on from its checkpoint; the top rung "
            "rises only while the order of the trials still changes (PASHA).",
            levels=levels,
        ),
        _("A trial is judged by the best score so far, since those weights are kept."),
        _(
            "The search ends when the bound on what is still to gain (a Gaussian process, 95 % "
            "bounds) is not above the standard deviation of the difference between two seeds."
        ),
        _(
            "Candidates and plan run again with the same fresh seeds on rows that did not choose "
            "them; without a gain beyond noise the plan stays."
        ),
    ]
    space = [[one.path, _range(one), setting(tuned.space.own[one.path])]
             for one in tuned.space.dimensions]  # fmt: skip
    head = [_("setting"), _("searched"), _("the plan")]
    return Section(
        "method", _("How it was searched"), [Points(lines), Table(_("Search space"), head, space)]
    )


# --- values


def _plotted(tuned: Tuned) -> list[Trial]:
    """Trials that have a place in the space and a score."""
    return [one for one in tuned.trials if one.params and one.reached]


def _point(tuned: Tuned, one: Trial) -> list[Any]:
    return [one.number, _short(tuned.value(one.score)), str(name_of(one))]


def _place(one: Dimension, param: Any) -> float:
    """The place of a parameter between the ends of its dimension, 0 to 1."""
    if one.choices:
        names = [json.dumps(v, ensure_ascii=False, sort_keys=True) for v in one.choices]
        return names.index(param) / max(1, len(names) - 1)
    value, low, high = float(param), one.low, one.high
    if one.log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def _choice(trial: Trial, one: Dimension) -> str:
    return setting(json.loads(trial.params[one.path]))


def _range(one: Dimension) -> str:
    if one.choices:
        return joined([setting(value) for value in one.choices], ", ")
    return one.spelled()


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def best_lines(tuned: Tuned, most: int) -> Sequence[tuple[str, str, str, str]]:
    """The best trials as lines of a table: name, score, epochs, changed settings."""
    return [
        (
            str(name_of(one)),
            figure(tuned.value(one.score)),
            f"{one.reached[-1].epochs:.3g}",
            _settings(tuned, one),
        )
        for one in tuned.ranked[:most]
    ]
