"""What a closer look found, as tables and lines for people: criteria, slices, words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weitiao.messages import counted, tell
from weitiao.terminal import figure, say, show, show_rich

if TYPE_CHECKING:
    from weitiao.evaluate.explain import Explanation

BAR = 12  # cells of the strongest word's bar
MOST_WORDS = 15
MOST_GROUPS = 4


def show_criteria(metrics: Mapping[str, Any]) -> None:
    """The plan's criteria, each with its judgement; nothing where it has none."""
    from weitiao.report import accepted

    verdicts = metrics.get("acceptance") or []
    if verdicts:
        head = [tell("criterion"), tell("wanted"), tell("reached"), tell("95 % interval"),
                tell("judgement")]  # fmt: skip
        title = tell("accepted") if accepted.passed(verdicts) else tell("not accepted")
        show(title, head, [accepted.line(one) for one in verdicts])


def show_calibration(told: Mapping[str, Any]) -> None:
    """What a temperature changed, and what was chosen."""
    from weitiao.report.calibrated import decisions_told

    if "temperature" in told:
        say(tell("temperature {temperature}: on {rows} of validation the calibration error goes "
                 "from {before} to {after}",
                 temperature=figure(told["temperature"]), rows=counted(told["rows"], "row"),
                 before=figure(told["before"]["ece"]),
                 after=figure(told["after"]["ece"])))  # fmt: skip
    elif "rows" in told:
        say(tell("too few rows of validation for a temperature ({rows})",
                 rows=counted(told["rows"], "row")))  # fmt: skip
    for line in decisions_told(told):
        say(_bare(line))


def show_findings(metrics: Mapping[str, Any], findings: Mapping[str, Any]) -> None:
    """Worth, weak slices, checks that flip answers, groups of mistakes: a line each."""
    from weitiao.report.closer import check_sentences, weak_sentences
    from weitiao.report.worth import worth

    for line in metrics.get("left_out") or []:
        say(line)
    told = worth(metrics)
    if told:
        say(_bare(told))
    for line in weak_sentences(findings):
        say(_bare(line))
    if findings and findings.get("looked") and not weak_sentences(findings):
        say(tell("of {looked} parts of the rows none is weak", looked=findings["looked"]))
    for line in check_sentences(findings):
        say(_bare(line))
    for group in (findings.get("groups") or [])[:MOST_GROUPS]:
        say(tell("{mistakes} with: {words}", mistakes=counted(len(group["rows"]), "mistake"),
                 words=" ".join(group["terms"])))  # fmt: skip


def show_explanation(found: Explanation) -> None:
    """The text with its words coloured, then each word's figures."""
    from rich.text import Text

    value = found.prediction.value
    told = ", ".join(value) if isinstance(value, list) else str(value)
    if not found.asked:
        say(tell("answer: {value}", value=f"{found.score:.4g}"))
    elif value is None:
        say(tell("no answer: it is not sure enough"))
    else:
        say(tell("answer: {value}", value=told))
    if found.asked:
        say(tell("explained: the score of {label}, {score}", label=found.asked,
                 score=figure(found.score)))  # fmt: skip
    strongest = max((abs(word.without) for word in found.words), default=0.0)
    for role, whole in found.texts.items():
        text = Text(whole)
        for word in (w for w in found.words if w.role == role):
            text.stylize(_style(word.without, strongest), word.start, word.end)
        show_rich(text)
    if found.cut:
        say(tell("the end of the text is not read: it is longer than the model's length"))
    ranked = sorted(found.words, key=lambda word: -abs(word.without))
    rows = [
        [word.text, f"{word.without:+.4f}", _bar(word.without, strongest),
         "" if word.gradient != word.gradient else f"{word.gradient:+.0%}"]
        for word in ranked[:MOST_WORDS]
    ]  # fmt: skip
    head = [tell("word"), tell("score lost without it"), "", tell("gradient x input")]
    show(tell("words, the weightiest first"), head, rows)


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
