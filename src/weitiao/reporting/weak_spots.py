"""Error analysis: weak slices, behavioural checks, clusters of mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core.redact import masked
from weitiao.core.sanitize import quoted, shortened
from weitiao.evaluation.behaviour import rewritten
from weitiao.evaluation.checks.base import Check
from weitiao.i18n.messages import _, joined, localized, plural
from weitiao.reporting.render import Row, RowList, Section, Table, Words
from weitiao.results.format import figure, language_name, number, short_label
from weitiao.results.records import CheckResult, Findings, SliceScore
from weitiao.results.run_data import Material
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.labels import Labels

MAX_SLICES = 12
MAX_EXAMPLES = 2  # flipped rows of each check
MAX_READ_CHARACTERS = 2000  # of a text before it is masked
FLIP_TOLERANCE = 0.05  # flipped predictions of a check that should flip none; above, it is said


def weak_spots_section(material: Material, unmasked: bool) -> Section | None:
    """The section; None without an error analysis."""
    findings = material.findings
    if not findings:
        return None
    blocks = [*_slices(findings), *_checks(material, unmasked), *_groups(material, unmasked)]
    return Section("weak", _("Weak slices"), blocks)


# --- slices


def slice_name(one: SliceScore, sentence: bool = False) -> str:
    """A slice in words; in a sentence its words keep their direction."""
    label, column = short_label(localized(one.value)), one.name
    if sentence:
        label, column = quoted(label), quoted(column)
    names = {
        "length": _("length: {value}", value=label),
        "language": _("language: {value}", value=language_name(str(one.value))),
        "label": _("true: {value}", value=label),
        "texts": _("texts with: {value}", value=label),
    }
    return names.get(one.kind) or _("{column}: {value}", column=column, value=label)


def weak_sentences(findings: Findings, most: int = 3, without: tuple[str, ...] = ()) -> list[str]:
    """The weak slices, a sentence each. without: kinds that are reported elsewhere."""
    sentences = []
    weak = [one for one in findings.slices if one.weak and one.kind not in without]
    for one in weak[:most]:
        values = {
            "slice": slice_name(one, sentence=True),
            "rows": plural(one.rows, "row"),
            "score": _score(one.score, findings.number),
            "rest": _score(one.rest, findings.number),
        }
        sentences.append(
            _("Weak slice: {slice} ({rows}), mean error {score}, other rows {rest}.", **values)
            if findings.number
            else _("Weak slice: {slice} ({rows}), {score} right, other rows {rest}.", **values)
        )
    return sentences


def _slices(findings: Findings) -> list[Any]:
    count, numbers = findings.looked, findings.number
    if not count:
        return [Words(_("Too few rows to compare slices."), "note")]
    weak = [one for one in findings.slices if one.weak]
    if weak:
        message = _(
            "Significantly worse than the other rows: {count} of {looked} slices.",
            looked=count,
            count=len(weak),
        )
    else:
        message = _(
            "None of {looked} slices (length, language, label, columns, clusters of texts) is "
            "significantly worse than the other rows.",
            looked=count,
        )
    head = [
        _("slice"),
        _("rows"),
        _("mean error") if numbers else _("right"),
        _("95 % interval"),
        _("other rows"),
        _("corrected p-value"),
    ]
    rows = [
        [
            ("▼ " if one.weak else "") + slice_name(one),
            f"{one.rows:,}",
            _score(one.score, numbers),
            _("{low} to {high}", low=_score(one.low, numbers), high=_score(one.high, numbers)),
            _score(one.rest, numbers),
            "< 0.001" if one.corrected < 0.001 else figure(one.corrected),
        ]
        for one in findings.slices[:MAX_SLICES]
    ]
    table = Table(_("Weakest slices"), head, rows, range(1, 6), folded=not weak)
    note = _(
        "▼ marks a weak slice. Each is compared with all other rows; p-values are corrected by "
        "Holm for {looked} slices (5% family-wise error rate).",
        looked=count,
    )
    return [Words(message), table, Words(note, "note")]


def _score(value: float, numbers: bool) -> str:
    return number(value) if numbers else f"{value:.0%}"


# --- behavioural checks


def check_sentences(findings: Findings) -> list[str]:
    """The checks that should flip no prediction and flip many, a sentence each."""
    return [
        _(
            "{check}: {flipped} of {rows} predictions flip.",
            check=check_name(one.name),
            flipped=one.flipped,
            rows=one.rows,
        )
        for one in findings.checks
        if one.expected == "same" and one.rows and one.flipped > FLIP_TOLERANCE * one.rows
    ]


def check_name(name: str) -> str:
    """What a check changes, in a few words."""
    names = {
        "typos": _("typing mistakes"),
        "case": _("capital letters"),
        "width": _("full and half width"),
        "negation": _("a negation more or less"),
        "script": _("traditional and simplified Chinese"),
        "entities": _("other names and numbers"),
    }
    return names.get(name, name)


def _checks(material: Material, unmasked: bool) -> list[Any]:
    checks = material.findings.checks
    if not checks:
        return []
    head = [
        _("perturbation"),
        _("rows"),
        _("flipped predictions"),
        _("95 % interval"),
        _("correct before, wrong after"),
        _("expected"),
    ]
    rows, shown = [], []
    for one in checks:
        if one.missing:
            rows.append([check_name(one.name), "", "", "", "", localized(one.missing)])
            continue
        share = f"{one.flipped / one.rows:.0%}"
        rows.append(
            [
                check_name(one.name),
                f"{one.rows:,}",
                _("{count} ({share})", count=f"{one.flipped:,}", share=share),
                _("{low} to {high}", low=f"{one.low:.0%}", high=f"{one.high:.0%}"),
                f"{one.worse:,}",
                _("may change") if one.expected == "open" else _("no change"),
            ]
        )
        shown += _flipped_rows(material, one, unmasked)
    blocks: list[Any] = [Table(_("Robustness: perturbed texts"), head, rows, range(1, 5))]
    if shown:
        count = plural(len(shown), "flipped prediction")
        columns = _("before"), _("after"), ""
        blocks.append(RowList("", columns, shown, 0, _("{count} to look at", count=count)))
    return blocks


def _flipped_rows(material: Material, result: CheckResult, unmasked: bool) -> list[Row]:
    """Some flipped rows, changed again in the same way; none where the texts are gone."""
    name, rows = result.name, material.evaluated_rows
    picked = result.examples[:MAX_EXAMPLES]
    if rows is None or not picked or name not in parts.names("checks"):
        return []
    check: Check = parts.build("checks", name, material.plan.evaluate.checks.get(name))
    texts = material.texts(np.array([example.row for example in picked]))
    flipped = []
    for example, own in zip(picked, texts or [], strict=False):
        text = own[rows.text_roles.index(example.role)][1]
        # Only digests are stored, no texts: the check is run again with the row as its seed.
        other = None if check.missing() else rewritten(check, name, text, example.row)
        if other is not None:
            head = other[:MAX_READ_CHARACTERS]
            shown = shortened(head if unmasked else masked(head))
            before, after = _value(example.before), _value(example.after)
            flipped.append(Row(check_name(name), [("", shown)], before, after, ""))
    return flipped


def _value(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return joined(map(short_label, value), ", ") or _("(none)")
    return short_label(str(value))


# --- clusters of mistakes


def _groups(material: Material, unmasked: bool) -> list[Any]:
    """Words of each cluster, the most frequent confusion, an example."""
    groups, stored = material.findings.groups or [], material.stored
    if not groups or stored is None:
        return []
    rows = []
    for group in groups:
        texts = material.texts(np.array(group.rows[:2]))
        example = ""
        if texts:
            whole = " / ".join(text[:1000] for _column, text in texts[0])
            example = shortened(whole if unmasked else masked(whole), 120)
        mostly = _mostly(stored.answers, np.array(group.rows))
        rows.append([" ".join(group.terms) or "–", f"{len(group.rows):,}", mostly, example])
    head = [_("shared words"), _("mistakes"), _("mostly"), _("example")]
    return [Table(_("Clusters of mistakes"), head, rows, [1])]


def _mostly(answers: Answers, rows: np.ndarray) -> str:
    if not isinstance(answers, Labels):
        return ""
    pairs, counts = np.unique(
        np.stack([answers.targets[rows], answers.values[rows]]), axis=1, return_counts=True
    )
    gold, predicted = pairs[:, counts.argmax()]
    return _(
        "{truth} taken for {answer} ({count})",
        truth=short_label(answers.labels[gold]),
        answer=short_label(answers.labels[predicted]),
        count=int(counts.max()),
    )
