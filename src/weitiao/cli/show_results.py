"""Tables of results: metrics, calibration, error analysis, explanations, seeds, comparisons."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.cli.show import add_row
from weitiao.cli.show_expected import show_outcome
from weitiao.cli.terminal import (
    console,
    figure,
    print_json,
    say,
    show,
    show_rich,
    table_of,
)
from weitiao.core.clock import duration
from weitiao.core.units import UNDEFINED
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import _, joined, localized, plural, translated

if TYPE_CHECKING:
    from weitiao.api.fitted import Fitted
    from weitiao.api.seeds import Seeded
    from weitiao.evaluation.evaluate import Report
    from weitiao.evaluation.explain import Explanation
    from weitiao.experiments.runner import ExperimentResults
    from weitiao.results.records import Calibration, Findings
    from weitiao.run import Run

TRAINING = ("step", "total", "best_step", "epochs")  # of metrics.json
OVERRUN_FACTOR = 1.1  # of a budget, before a message says so
BAR_WIDTH = 12  # cells of the most influential word's bar
MAX_WORDS = 15
MAX_GROUPS = 4
MAX_LABELS = 10  # of one predicted text
ISOLATES = str.maketrans("", "", "\u2068\u2069")  # direction marks around names, for pages only


def plain(text: str) -> str:
    """A sentence of the report without its bidirectional isolates."""
    return text.translate(ISOLATES)


# --- one run


def finish(fitted: Fitted, as_json: bool) -> None:
    """End fit or train: show the results, print JSON; exit with 130 after an interruption."""
    show_fitted(fitted)
    if as_json:
        print_json(fitted.summary())
    if fitted.state == "interrupted":
        sys.exit(130)


def show_fitted(fitted: Fitted) -> None:
    """Metrics with baselines, calibration, error analysis, time, and where the model is."""
    from weitiao.results.records import Calibration

    show_better(fitted.report, fitted.run.folder)
    show_report(fitted.report, fitted.split, fitted.openings)
    show_calibration(Calibration(**fitted.report.more.get("calibration") or {}))
    show_findings({**training_of(fitted.run), **fitted.summary()}, fitted.findings)
    total, training = duration(fitted.seconds["total"]), duration(fitted.seconds["train"])
    state = translated(fitted.state)
    say(_("{state} after {time} ({training} training)", state=state, time=total, training=training))
    for line in _budget_messages(fitted):
        say(line)
    show_outcome(fitted)
    say(_("model: {path}", path=fitted.run.best))
    say(_("report: {path}", path=fitted.page))
    if fitted.state == "interrupted":
        say(fitted.run.goes_on())
    else:
        run = fitted.run.folder
        say(_("use it: weitiao predict {run} rows.csv -o predictions.csv", run=run))


def show_better(report: Report, run: Path) -> None:
    """First of all: that the saved baseline is ahead of the network on validation."""
    from weitiao.reporting.verdict import better_baseline
    from weitiao.results.records import MetricsRecord

    record = MetricsRecord.model_validate(report.summary())
    if sentence := better_baseline(record, str(run)):
        say(plain(sentence))


def _budget_messages(fitted: Fitted) -> list[str]:
    """Messages when the budget was exceeded, or too small for the model to learn anything."""
    budget, spent = fitted.plan.train.budget, fitted.seconds["total"]
    if budget is None or fitted.state == "interrupted":
        return []
    from weitiao.results.format import baseline

    messages = []
    if spent > OVERRUN_FACTOR * budget:
        message = _(
            "The budget of {budget} was exceeded by {more}: to start, to learn at all and to "
            "evaluate takes longer than that here.",
            budget=duration(budget),
            more=duration(spent - budget),
        )
        messages.append(message)
    if not _learned(fitted.report):
        message = _(
            "In {budget} the model learned no more than the simplest baseline ({baseline}): use "
            "more time or a smaller model.",
            budget=duration(budget),
            baseline=baseline(next(iter(fitted.report.baselines))),
        )
        messages.append(message)
    return messages


def _learned(report: Report) -> bool:
    """Whether the model beats the simplest baseline in the primary metric."""
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
    """A table of the metrics with intervals and baselines."""
    from weitiao.reporting.refit import refit_sentence
    from weitiao.reporting.scores import absent_sentence

    title = _("{split}: {rows}", split=translated(split), rows=plural(report.rows, "row"))
    if openings == 1:
        title = _("{title}, test set used once so far", title=title)
    elif openings:
        title = _("{title}, test set used {count} times so far", title=title, count=openings)
    show_criteria(report.more)
    table = table_of(title)
    table.add_column(_("metric"))
    for name in (_("model"), _("95 % interval"), *report.baselines):
        table.add_column(name, justify="right")
    for name, value in report.metrics.items():
        low, high = report.intervals.get(name, (float("nan"), float("nan")))
        interval = UNDEFINED
        if low == low:
            interval = _("{low} to {high}", low=figure(low), high=figure(high))
        others = [figure(values[name]) for values in report.baselines.values()]
        add_row(table, name, figure(value), interval, *others)
    console().print(table)
    for line in _unknown(report.more.get("unknown")):
        say(plain(line))
    if absent := report.more.get("absent"):
        say(absent_sentence(absent))
    if sentence := refit_sentence(report.more.get("refit")):
        say(sentence)
    for level in report.more.get("levels") or []:
        message = _(
            "level {level}, {labels}: accuracy {accuracy:.1%}",
            level=level["level"],
            labels=plural(level["nodes"], "label"),
            accuracy=level["accuracy"],
        )
        say(message)
    for name, detail in report.details.items():
        if features := detail.get("features"):
            words, score = localized(features), detail.get("validation")
            say(
                _("{name}: {features}", name=name, features=words)
                if score is None
                else _(
                    "{name}: {features} (validation {value})",
                    name=name,
                    features=words,
                    value=figure(score),
                )
            )


def _unknown(figures: Mapping[str, Any] | None) -> list[str]:
    """How unknown inputs are recognized, a sentence each; nothing where they are not."""
    from weitiao.reporting.unknown import sentences
    from weitiao.results.unknown import UnknownFigures

    return sentences(UnknownFigures.model_validate(figures)) if figures else []


def show_criteria(metrics: Mapping[str, Any]) -> None:
    """The plan's acceptance criteria with their results; nothing where it has none."""
    from weitiao.reporting.verdict import criterion_row
    from weitiao.results.records import CriterionResult

    criteria = [CriterionResult.model_validate(one) for one in metrics.get("acceptance") or []]
    if criteria:
        head = [_("criterion"), _("required"), _("result"), _("95 % interval"), _("verdict")]
        title = _("accepted") if all(one.passed for one in criteria) else _("not accepted")
        show(title, head, [criterion_row(one) for one in criteria])


def show_calibration(calibration: Calibration) -> None:
    """The effect of the temperature, and the decisions chosen on validation rows."""
    from weitiao.reporting.calibration import decisions_in_words

    rows = plural(calibration.rows or 0, "row")
    if calibration.temperature is not None and calibration.before and calibration.after:
        message = _(
            "temperature {temperature}: calibration error (ECE) on {rows} of validation "
            "{before} -> {after}",
            temperature=figure(calibration.temperature),
            rows=rows,
            before=figure(calibration.before["ece"]),
            after=figure(calibration.after["ece"]),
        )
        say(message)
    elif calibration.rows is not None and not calibration.get("refused"):
        say(_("too few validation rows for a temperature ({rows})", rows=rows))
    for line in decisions_in_words(calibration):
        say(plain(line))


def training_of(run: Run) -> dict[str, Any]:
    """What metrics.json says of the training: steps, epochs, the step of the best weights."""
    metrics = run.read("metrics")
    return {name: metrics[name] for name in TRAINING if name in metrics}


def show_findings(metrics: Mapping[str, Any], findings: Findings) -> None:
    """Error analysis, a line each: worth, weak slices, behavioural checks, groups of errors."""
    from weitiao.reporting.verdict import fine_tuning_gain
    from weitiao.reporting.weak_spots import check_sentences, weak_sentences
    from weitiao.results.records import MetricsRecord

    for line in metrics.get("left_out") or []:
        say(localized(line))
    if sentence := fine_tuning_gain(MetricsRecord.model_validate(metrics)):
        say(plain(sentence))
    weak = weak_sentences(findings)
    for line in weak:
        say(plain(line))
    if findings.looked and not weak:
        say(_("no weak slice among {count}", count=findings.looked))
    for line in check_sentences(findings):
        say(plain(line))
    for group in (findings.groups or [])[:MAX_GROUPS]:
        errors, words = plural(len(group.rows), "error"), joined(group.terms, ", ")
        say(_("{errors} with: {words}", errors=errors, words=words))


# --- one prediction


def show_explanation(explanation: Explanation) -> None:
    """The text with influential words coloured, then each word's attribution."""
    from rich.text import Text

    value, label, score = explanation.prediction.value, explanation.label, explanation.score
    if not label:
        say(_("prediction: {value}", value=f"{score:.4g}"))
    elif value is None:
        say(_("no prediction: confidence too low"))
    else:
        text = joined(value, ", ") if isinstance(value, list) else str(value)
        say(_("prediction: {value}", value=text))
    if label:
        say(_("explained: confidence in {label}, {score}", label=label, score=figure(score)))
    strongest = max((abs(word.without) for word in explanation.words), default=0.0)
    for role, whole in explanation.texts.items():
        styled = Text(whole)
        for word in (w for w in explanation.words if w.role == role):
            styled.stylize(_style(word.without, strongest), word.start, word.end)
        show_rich(styled)
    if explanation.cut:
        say(_("the text is truncated: it is longer than model.max_length"))
    rows = []
    for word in sorted(explanation.words, key=lambda word: -abs(word.without))[:MAX_WORDS]:
        gradient = "" if word.gradient != word.gradient else f"{word.gradient:+.0%}"
        bar = _bar(word.without, strongest)
        rows.append([word.text, f"{word.without:+.4f}", bar, gradient])
    head = [_("word"), _("confidence lost without it"), "", _("gradient x input")]
    show(_("most influential words"), head, rows)


def show_predictions(answers: Sequence[Mapping[str, Any]]) -> None:
    """A table of texts with their predictions, on stdout; of one text, each label's score."""
    table = table_of(None, _("text"), _("prediction"), _("score"))
    for row in answers:
        texts = " | ".join(str(row[role]) for role in row if role not in _answer_columns(row))
        value, score = row["prediction"], row["score"]
        spans = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        for at, span in enumerate(spans):
            found = f"{span['label']}: {span['text']}"
            table.add_row("" if at else texts, found, figure(span["score"]))
        if not spans:
            table.add_row(texts, _shown(value), "" if score is None else figure(score))
    show_rich(table, stderr=False)
    scores = {name: value for name, value in answers[0].items() if name.startswith("score_")}
    if len(answers) == 1 and len(scores) > 1 and None not in scores.values():
        likeliest = sorted(scores, key=lambda name: -scores[name])[:MAX_LABELS]
        labels = table_of(None, _("label"), _("score"))
        for name in likeliest:
            labels.add_row(name.removeprefix("score_"), figure(scores[name]))
        show_rich(labels, stderr=False)


def _answer_columns(row: Mapping[str, Any]) -> set[str]:
    names = list(row)
    return {*names[names.index("prediction") :]}


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return joined(map(str, value), ", ") or _("none")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _style(value: float, strongest: float) -> str:
    share = abs(value) / strongest if strongest else 0.0
    if share < 0.1:
        return ""
    colour = "blue" if value > 0 else "red"
    return f"bold {colour}" if share > 0.33 else colour


def _bar(value: float, strongest: float) -> str:
    width = round(BAR_WIDTH * abs(value) / strongest) if strongest else 0
    return ("█" if value > 0 else "░") * width


# --- several runs


def finish_seeds(seeded: Seeded, as_json: bool) -> None:
    """End a series of seeds: show it, print JSON; exit with 130 after an interruption."""
    show_seeds(seeded)
    if as_json:
        print_json(seeded.summary())
    if seeded.state == "interrupted":
        sys.exit(130)


def show_seeds(seeded: Seeded) -> None:
    """A row per seed, then mean and standard deviation."""
    record = seeded.record
    if seeded.state == "interrupted" or record.validation is None:
        say(seeded.run.goes_on())
        return
    rows = []
    for one in record.runs:
        note = _("learned nothing, replaced") if one.replaced else ""
        if one.folder == record.best:
            note = _("best on validation")
        rows.append([str(one.seed), _score(one.validation), _score(one.test), note])
    test = record.test
    mean = [_score(record.validation.mean), _score(test.mean if test else None)]
    std = [_score(record.validation.std), _score(test.std if test else None)]
    rows += [[_("mean"), *mean, ""], [_("std"), *std, ""]]
    head = [_("seed"), _("validation"), _("test"), ""]
    count = plural(record.requested, "seed")
    show(_("{metric} of {seeds}", metric=metric_name(record.metric), seeds=count), head, rows)
    show_criteria({"acceptance": seeded.verdicts})
    say(_("model: {path}", path=seeded.run.best))
    say(_("compare with another recipe: weitiao compare {run} OTHER", run=seeded.run.folder))


def show_experiment(results: ExperimentResults) -> None:
    """A row per recipe and peer on each data set."""
    rows, errors = [], []
    for line in results.lines():
        difference, verdict = "", ""
        if line.against is not None:
            value, low, high = line.against.gaps[0].difference
            difference = _(
                "{gap} ({low} to {high})",
                gap=f"{value:+.4f}",
                low=f"{low:+.4f}",
                high=f"{high:+.4f}",
            )
            verdict = _verdicts()[line.against.word]
        done, mean, std = f"{line.done}/{line.cells}", _known(line.mean), _known(line.std)
        rows.append([line.data, line.recipe, done, line.metric, mean, std, difference, verdict])
        if line.error:
            errors.append(_("{name}: {note}", name=line.recipe, note=line.error))
    head = [_("data"), _("recipe"), _("seeds"), _("metric"), _("mean"), _("std")]
    head += [_("difference from the first"), _("verdict")]
    show(_("experiment: {folder}", folder=results.store.root), head, rows)
    for message in dict.fromkeys(errors):
        say(message)
    say(_("all cells: {path}", path=results.store.root / "table.csv"))


def _verdicts() -> dict[str, str]:
    words = {"better": _("better"), "worse": _("worse"), "same": _("the same")}
    return {**words, "open": _("too close to call")}


def _known(value: float) -> str:
    return "–" if value != value else figure(value)


def _score(value: float | None) -> str:
    return "–" if value is None else figure(value)
