"""What a closer look found, as tables and lines for people: criteria, slices, words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weitiao.cli.terminal import figure, say, show, show_rich
from weitiao.i18n.messages import _, plural

if TYPE_CHECKING:
    from weitiao.evaluation.explain import Explanation
    from weitiao.results.records import Findings

BAR = 12  # cells of the strongest word's bar
MOST_WORDS = 15
MOST_GROUPS = 4


def show_criteria(metrics: Mapping[str, Any]) -> None:
    """The plan's criteria, each with its judgement; nothing where it has none."""
    from weitiao.reporting.verdict import criterion_row
    from weitiao.results.records import CriterionResult

    criteria = [CriterionResult.model_validate(one) for one in metrics.get("acceptance") or []]
    if criteria:
        head = [_("criterion"), _("wanted"), _("reached"), _("95 % interval"),
                _("judgement")]  # fmt: skip
        title = _("accepted") if all(one.passed for one in criteria) else _("not accepted")
        show(title, head, [criterion_row(one) for one in criteria])


def show_calibration(told: Mapping[str, Any]) -> None:
    """What a temperature changed, and what was chosen."""
    from weitiao.reporting.calibration import decisions_in_words
    from weitiao.results.records import Calibration

    if "temperature" in told:
        say(_("temperature {temperature}: on {rows} of validation the calibration error goes "
                 "from {before} to {after}",
                 temperature=figure(told["temperature"]), rows=plural(told["rows"], "row"),
                 before=figure(told["before"]["ece"]),
                 after=figure(told["after"]["ece"])))  # fmt: skip
    elif "rows" in told:
        say(_("too few rows of validation for a temperature ({rows})",
                 rows=plural(told["rows"], "row")))  # fmt: skip
    for line in decisions_in_words(Calibration.model_validate(told)):
        say(_bare(line))


def show_findings(metrics: Mapping[str, Any], findings: Findings) -> None:
    """Worth, weak slices, checks that flip answers, groups of mistakes: a line each."""
    from weitiao.reporting.verdict import fine_tuning_gain
    from weitiao.reporting.weak_spots import check_sentences, weak_sentences
    from weitiao.results.records import MetricsRecord

    for line in metrics.get("left_out") or []:
        say(line)
    gain = fine_tuning_gain(MetricsRecord.model_validate(metrics))
    if gain:
        say(_bare(gain))
    for line in weak_sentences(findings):
        say(_bare(line))
    if findings and findings.get("looked") and not weak_sentences(findings):
        say(_("of {looked} parts of the rows none is weak", looked=findings["looked"]))
    for line in check_sentences(findings):
        say(_bare(line))
    for group in (findings.get("groups") or [])[:MOST_GROUPS]:
        say(_("{mistakes} with: {words}", mistakes=plural(len(group["rows"]), "mistake"),
                 words=" ".join(group["terms"])))  # fmt: skip


def show_explanation(found: Explanation) -> None:
    """The text with its words coloured, then each word's figures."""
    from rich.text import Text

    value = found.prediction.value
    told = ", ".join(value) if isinstance(value, list) else str(value)
    if not found.asked:
        say(_("answer: {value}", value=f"{found.score:.4g}"))
    elif value is None:
        say(_("no answer: it is not sure enough"))
    else:
        say(_("answer: {value}", value=told))
    if found.asked:
        say(_("explained: the score of {label}, {score}", label=found.asked,
                 score=figure(found.score)))  # fmt: skip
    strongest = max((abs(word.without) for word in found.words), default=0.0)
    for role, whole in found.texts.items():
        text = Text(whole)
        for word in (w for w in found.words if w.role == role):
            text.stylize(_style(word.without, strongest), word.start, word.end)
        show_rich(text)
    if found.cut:
        say(_("the end of the text is not read: it is longer than the model's length"))
    ranked = sorted(found.words, key=lambda word: -abs(word.without))
    rows = [
        [word.text, f"{word.without:+.4f}", _bar(word.without, strongest),
         "" if word.gradient != word.gradient else f"{word.gradient:+.0%}"]
        for word in ranked[:MOST_WORDS]
    ]  # fmt: skip
    head = [_("word"), _("score lost without it"), "", _("gradient x input")]
    show(_("words, the weightiest first"), head, rows)


def _style(value: float, strongest: float) -> str:
    share = abs(value) / strongest if strongest else 0.0
    if share < 0.1:
        return ""
    colour = "blue" if value > 0 else "red"
    return f"bold {colour}" if share > 0.33 else colour


def _bar(value: float, strongest: float) -> str:
    cells = round(BAR * abs(value) / strongest) if strongest else 0
    return ("█" if value > 0 else "░") * cells


def _bare(text: str) -> str:
    """Without the marks that keep a word's direction on a page."""
    return text.replace("\u2068", "").replace("\u2069", "")
