"""Unknown inputs in the report: how they are recognized, how many are caught, coverage curve."""

from __future__ import annotations

from typing import Any

from weitiao.i18n.messages import _, plural
from weitiao.reporting.render import Plot, Plots, Section, Table, Words
from weitiao.results.format import figure
from weitiao.results.run_data import Material
from weitiao.results.unknown import UnknownFigures, UnknownRecord


def unknown_section(material: Material) -> Section | None:
    """The section; None where the plan recognizes no unknown inputs."""
    figures = material.metrics.unknown
    if figures is None:
        return None
    blocks: list[Any] = [Words(sentence) for sentence in sentences(figures)]
    blocks.append(Plots([_curve(figures)]))
    if figures.choice.aurocs:
        blocks.append(_compared(figures.choice))
    return Section("unknown", _("Unknown inputs"), blocks)


def sentences(figures: UnknownFigures) -> list[str]:
    """What the detector does on the evaluated rows, a sentence each."""
    lines = [_chosen(figures.choice, score_name(figures.score))]
    if not figures.can_refuse:
        lines.append(
            _(
                "With {rows} of validation no input can be refused so that {keep:.0%} of the known "
                "are answered: label more rows, or set evaluate.keep_known lower.",
                rows=plural(figures.validation_rows, "row"),
                keep=figures.keep,
            )
        )
    low, high = figures.refused_interval or (None, None)
    lines.append(
        _(
            "Of {rows} with known labels {refused} are refused (95% CI {low} to {high}; "
            "{wanted} by the threshold); of those answered {accuracy} are correct, {all} of all.",
            rows=plural(figures.known_rows, "row"),
            refused=_percent(figures.refused),
            low=_percent(low),
            high=_percent(high),
            wanted=_percent(1 - figures.keep),
            accuracy=_percent(figures.accuracy_answered),
            all=_percent(figures.accuracy),
        )
    )
    if not figures.unknown_rows:
        lines.append(
            _(
                "How many unknown inputs are caught is not known: no row is one. Name the label of "
                "such rows: data.labels.unknown."
            )
        )
        return lines
    low, high = figures.caught_interval or (None, None)
    auroc_low, auroc_high = figures.auroc_interval or (None, None)
    lines.append(
        _(
            "Of {rows} of unknown inputs {caught} are caught (95% CI {low} to {high}). AUROC "
            "{auroc} ({auroc_low} to {auroc_high}); where 95% of the known are answered, {fpr95} "
            "of the unknown are, too. With {answer} as their right answer, {both} of all answers "
            "are correct.",
            rows=plural(figures.unknown_rows, "row"),
            caught=_percent(figures.caught),
            low=_percent(low),
            high=_percent(high),
            auroc=figure(figures.auroc),
            auroc_low=figure(auroc_low),
            auroc_high=figure(auroc_high),
            fpr95=_percent(figures.fpr95),
            answer=figures.answer,
            both=_percent(figures.accuracy_both),
        )
    )
    return lines


def score_name(score: str) -> str:
    """A detection score as people write it."""
    names = {
        "max_probability": _("maximum softmax probability"),
        "energy": _("energy score"),
        "mahalanobis": _("Mahalanobis distance"),
    }
    return names.get(score, score)


def _chosen(choice: UnknownRecord, score: str) -> str:
    if choice.chosen_by == "held_out_labels":
        return _(
            "Unknown inputs are recognized by the {score}: before training it told rows of "
            "held-out labels apart best.",
            score=score,
        )
    if choice.chosen_by == "unknown_rows":
        return _(
            "Unknown inputs are recognized by the {score}, which was best on the unknown inputs of "
            "training and validation.",
            score=score,
        )
    if choice.chosen_by == "plan":
        return _("Unknown inputs are recognized by the {score}, as the plan says.", score=score)
    return _(
        "Unknown inputs are recognized by the {score}; other scores were not compared.",
        score=score,
    )


def _curve(figures: UnknownFigures) -> Plot:
    """Coverage curve: accuracy of the answered rows, and unknown inputs answered, by coverage."""
    title = _("Coverage")
    x = _("proportion of known rows answered")
    names = [_("proportion correct of these"), _("proportion of unknown inputs answered")]
    points = figures.curve
    has_unknown = bool(figures.unknown_rows)
    series: list[dict[str, Any]] = [
        {"name": names[0], "points": [[one.known, one.accuracy] for one in points], "dots": True}
    ]
    if has_unknown:
        others = [[one.known, one.unknown] for one in points]
        series.append({"name": names[1], "points": others, "dots": True, "second": True})
    head = [x, *names[: len(series)]]
    rows = [
        [
            _percent(one.known),
            _percent(one.accuracy),
            *([_percent(one.unknown)] if has_unknown else []),
        ]
        for one in points
    ]
    about = _("By the threshold, from strict (left) to answering everything (right).")
    drawing = {
        "kind": "lines",
        "x": x,
        "y": _("proportion"),
        "share": True,
        "series": series,
    }
    table = Table(title, head, rows, range(len(head)), True)
    return Plot("unknown", title, about, drawing, table)


def _compared(choice: UnknownRecord) -> Table:
    """The AUROC of each score that was compared."""
    caption = (
        _("AUROC on unknown inputs of training and validation")
        if choice.chosen_by == "unknown_rows"
        else _("AUROC on held-out labels, before training")
    )
    rows = [[score_name(name), figure(value)] for name, value in choice.aurocs.items()]
    return Table(caption, [_("score"), "AUROC"], rows, [1])


def _percent(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.1%}"
