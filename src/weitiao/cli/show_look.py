"""The profile of rows and the findings in them, for the terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from weitiao.cli.show import add_row
from weitiao.cli.terminal import say, show_rich, table_of
from weitiao.core.sanitize import shortened
from weitiao.i18n.messages import _, joined, localized, plural, translated

if TYPE_CHECKING:
    from weitiao.data.prepare.profile import Profile
    from weitiao.data.quality.finding import Case, Finding

MAX_LABELS = 12  # rows in a profile's table; the rest is counted
EXAMPLES = 2  # of each finding
MOST_CHARACTERS = 70  # of an example
SHOWN_LIMITS = (64, 128, 256, 512)
SIGNS = {"error": "✕", "warning": "!", "note": "·"}


def show_profile(profile: Profile) -> None:
    """The profile of the data: roles, labels, lengths, languages, problems."""
    for line in profile.history:
        say(localized(line))
    reason = localized(profile.reasons.get("task", ""))
    say(_("task: {task} ({reason})", task=profile.task, reason=reason))
    table = table_of(_("columns"), _("role"), _("column"), _("why"))
    for role, column in profile.roles.items():
        name = column if isinstance(column, str) else joined(column, ", ")
        add_row(table, role, name, localized(profile.reasons.get(role, "")))
    show_rich(table)
    if profile.labels:
        table = table_of(_("labels"), _("label"), _("rows"), _("proportion"))
        for label, count in list(profile.labels.items())[:MAX_LABELS]:
            add_row(table, label, f"{count:,}", f"{profile.shares[label]:.1%}")
        if len(profile.labels) > MAX_LABELS:
            add_row(table, _("({count} more)", count=len(profile.labels) - MAX_LABELS), "", "")
        show_rich(table)
    names = {"lowest": _("minimum"), "highest": _("maximum"), "mean": _("mean")}
    names |= {"median": _("median"), "max": _("maximum")}
    for name, value in profile.numbers.items():
        say(_("target, {name}: {value:.4g}", name=names.get(name, name), value=value))
    for role, lengths in profile.lengths.items():
        texts = [f"{names.get(name, name)} {value:,}" for name, value in lengths.items()]
        say(_("characters of {role}: {lengths}", role=role, lengths=joined(texts, ", ")))
    languages = [f"{translated(name)} {share:.0%}" for name, share in profile.languages.items()]
    say(
        _(
            "language: {language} ({shares})",
            language=profile.language,
            shares=joined(languages, ", "),
        )
    )
    if profile.identified:
        shares = [f"{code} {share:.1%}" for code, share in list(profile.identified.items())[:6]]
        say(_("languages (py3langid): {shares}", shares=joined(shares, ", ")))
    for line in _lengths(profile):
        say(line)
    if profile.unlabelled:
        say(_("rows without a label: {count:,}", count=profile.unlabelled))
    show_findings(profile)


def _lengths(profile: Profile) -> list[str]:
    """Lengths in tokens and what truncation costs."""
    tokens = profile.tokens
    if not tokens:
        return []
    lines = [
        _(
            "tokens of a row ({model}): median {p50:,}, 90 % {p90:,}, 99 % {p99:,}, maximum "
            "{max:,}",
            model=tokens["checkpoint"],
            **{name: tokens[name] for name in ("p50", "p90", "p99", "max")},
        )
    ]
    cut = [
        _(
            "{limit:,}: {rows:.1%} of the rows are longer, {tokens:.1%} of all tokens are lost",
            limit=one["limit"],
            rows=one["rows"],
            tokens=one["tokens"],
        )
        for one in tokens["cut"]
        if one["rows"] and one["limit"] in SHOWN_LIMITS
    ]
    return [*lines, _("cut at {costs}", costs=joined(cut, "; "))] if cut else lines


def show_findings(profile: Profile) -> None:
    """The findings, the gravest first: count, examples, what mends it."""
    if not profile.findings:
        say(_("No faults found in the rows."))
        return
    counts = Counter[str](one.severity for one in profile.findings)
    shown = {
        "error": plural(counts["error"], "error"),
        "warning": plural(counts["warning"], "warning"),
        "note": plural(counts["note"], "note"),
    }
    named = [text for severity, text in shown.items() if counts[severity]]
    say(_("findings: {counts}", counts=joined(named, ", ")))
    for one in profile.findings:
        _show_finding(one)


def _show_finding(finding: Finding) -> None:
    sentence = _("{sentence}.", sentence=localized(finding.sentence))
    say(f"{SIGNS[finding.severity]} {sentence}")
    for case in finding.cases[:EXAMPLES]:
        say(f"    {_example(case)}")
    if finding.remedy:
        say(_("    -> {remedy}", remedy=localized(finding.remedy)))
    if finding.plan_line:
        say(_("    plan: {line}", line=finding.typed))


def _example(case: Case) -> str:
    from weitiao.data.quality.finding import MOST_READ
    from weitiao.data.quality.personal_data import hidden

    shown = []
    for row in case.rows:
        texts = " | ".join(
            shortened(hidden(one.text[:MOST_READ]), MOST_CHARACTERS) for one in row.texts
        )
        target = f" [{shortened(hidden(row.target), 20)}]" if row.target else ""
        shown.append(f"{row.id} “{texts}”{target}".strip())
    pair = " ~ ".join(shown)
    return _("{text} ({note})", text=pair, note=case.note) if case.note else pair
