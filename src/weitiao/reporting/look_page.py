"""look.html: the data and the findings in it, with the rows shown and marked; a csv for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from weitiao.core import atomic
from weitiao.core.sanitize import shortened, visible
from weitiao.data.files.csv_writer import sheet
from weitiao.data.prepare.profile import Profile
from weitiao.data.quality.finding import Case, Finding, ShownRow, ShownText
from weitiao.data.quality.personal_data import hidden, personal_data
from weitiao.errors import RunError
from weitiao.i18n.messages import _, joined, localized, plural
from weitiao.i18n.system import said
from weitiao.reporting.error_plots import plot_label
from weitiao.reporting.page import write_html
from weitiao.reporting.render import (
    CaseList,
    Links,
    Plot,
    Plots,
    Points,
    Section,
    ShownCase,
    ShownSide,
    Table,
    Verdict,
    Words,
    render,
    thinned,
)
from weitiao.results.format import short_label, task_name

MAX_PLOTTED_LABELS = 20
MAX_LANGUAGES = 12
MAX_TABLE_LABELS = 200
MOST_CHARACTERS = 900  # of a text
CONTEXT = 60  # characters before the first mark of a long text
OPEN_CASES = 4  # the others are behind a click
SEVERITY_KIND = {"error": "stop", "warning": "open", "note": "go"}


def write(profile: Profile, path: Path) -> Path:
    """Write the page, in the current language, and a csv file for each finding beside it."""
    files = {one.kind: _write_table(one, path) for one in profile.findings if one.table is not None}
    title = _("Data: {name}", name=visible(profile.name))
    facts = [
        _("task: {task}", task=task_name(profile.task)),
        plural(profile.rows, "row"),
        *([plural(profile.unlabelled, "row without a label")] if profile.unlabelled else []),
    ]
    sections = [
        _summary(profile),
        _pictures(profile),
        *(_finding(one, files.get(one.kind)) for one in profile.findings),
        _columns(profile),
    ]
    return write_html(path, render(title, _("Data"), facts, sections))


def _write_table(finding: Finding, page: Path) -> Path:
    """The csv file of a finding: opens in Excel, no cell is read as a formula."""
    path = page.with_name(f"{page.stem}-{finding.kind}.csv")
    assert finding.table is not None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as sibling, sheet(sibling, finding.table.head) as add:
            for row in finding.table.rows():
                add(row)
    except OSError as error:
        raise RunError(
            _("{path}: the table cannot be written: {reason}.", path=path, reason=said(error))
        ) from None
    return path


# --- sections


def _summary(profile: Profile) -> Section:
    counts = Counter(one.severity for one in profile.findings)
    if counts["error"]:
        verdict = Verdict("stop", _("Mend first"), _("Metrics on these rows would be wrong."))
    elif counts["warning"]:
        verdict = Verdict("open", _("Worth a look"), _("Some rows are likely faulty."))
    else:
        verdict = Verdict("go", _("Good"), _("No faults that matter were found."))
    rows = [
        [
            {"error": _("serious"), "warning": _("warning"), "note": _("note")}[one.severity],
            localized(one.sentence),
            f"{len(one.rows):,}",
        ]
        for one in profile.findings
    ]
    blocks: list[Any] = [verdict]
    if rows:
        head = [_("kind"), _("finding"), _("rows")]
        blocks.append(Table(_("Faults"), head, rows, [2]))
    lines = [one.typed for one in profile.findings if one.plan_line]
    if lines:
        blocks.append(
            Words(_("What mends them, as it is typed behind `weitiao fit` or stands in the plan:"))
        )
        blocks.append(Points([f"`{line}`" for line in dict.fromkeys(lines)]))
    return Section("summary", _("Summary"), blocks, brief=True)


def _pictures(profile: Profile) -> Section:
    plots = []
    if len(profile.labels) > 1:
        plots.append(_label_plot(profile))
    if profile.tokens:
        plots.append(_length_plot(profile.tokens))
    if len(profile.identified) > 1:
        plots.append(_language_plot(profile))
    blocks: list[Any] = [Plots(plots)] if plots else []
    if profile.numbers:
        figures = {
            "lowest": _("minimum"),
            "highest": _("maximum"),
            "mean": _("mean"),
            "median": _("median"),
        }
        cells = [[figures[name], f"{value:,.4g}"] for name, value in profile.numbers.items()]
        blocks.append(Table(_("Target"), [_("figure"), _("value")], cells, [1]))
    if len(profile.identified) == 1:
        blocks.append(Words(_("language: {shares}", shares=next(iter(profile.identified)))))
    if profile.tokens:
        blocks.append(_cut_table(profile.tokens))
    return Section("pictures", _("Labels, lengths, languages"), blocks)


def _label_plot(profile: Profile) -> Plot:
    shown = list(profile.labels)[:MAX_PLOTTED_LABELS]
    drawing = {
        "kind": "bars",
        "categories": [plot_label(label) for label in shown],
        "x": _("rows"),
        "y": "",
        "flat": True,
        "series": [{"name": _("rows"), "values": [profile.labels[label] for label in shown]}],
    }
    about = _(
        "{labels}; the largest has {times:,.1f} times the rows of the smallest.",
        labels=plural(len(profile.labels), "label"),
        times=profile.imbalance,
    )
    cells = [
        [short_label(label), f"{count:,}", f"{profile.shares[label]:.1%}"]
        for label, count in list(profile.labels.items())[:MAX_TABLE_LABELS]
    ]
    title = _("Labels")
    table = Table(title, [_("label"), _("rows"), _("proportion")], cells, [1, 2], folded=True)
    return Plot("labels", title, about, drawing, table)


def _length_plot(tokens: Any) -> Plot:
    step, counts = tokens["step"], tokens["histogram"]
    names = [f"{at * step:,}" for at in range(len(counts))]
    names[-1] += "+"
    marks = [
        {"x": one["limit"] / step - 0.5, "text": _("cut at {cut}", cut=f"{one['limit']:,}")}
        for one in tokens["cut"]
        if one["rows"] and one["limit"] // step < len(counts)
    ]
    drawing: dict[str, Any] = {
        "kind": "bars",
        "categories": names,
        "x": _("tokens"),
        "y": _("rows"),
        "series": [{"name": _("rows"), "values": counts}],
    }
    if marks:
        drawing["mark"] = marks[-1]
    rows = plural(tokens["rows"], "row")
    about = _(
        "Tokens of {rows} by {model}: half have at most {median:,}, 99 % at most {most:,}.",
        rows=rows if tokens["rows"] == tokens["of"] else _("{rows} at even distances", rows=rows),
        model=tokens["checkpoint"],
        median=tokens["p50"],
        most=tokens["p99"],
    )
    title = _("Length of the texts")
    cells = thinned([[name, f"{count:,}"] for name, count in zip(names, counts, strict=True)], 25)
    table = Table(title, [_("tokens from"), _("rows")], cells, [0, 1], folded=True)
    return Plot("lengths", title, about, drawing, table)


def _language_plot(profile: Profile) -> Plot:
    shares = list(profile.identified.items())[:MAX_LANGUAGES]
    drawing = {
        "kind": "bars",
        "categories": [code for code, _share in shares],
        "x": _("share of rows (%)"),
        "y": "",
        "flat": True,
        "series": [
            {"name": _("rows"), "values": [round(100 * share, 2) for _code, share in shares]}
        ],
    }
    title = _("Languages")
    cells = [[code, f"{share:.2%}"] for code, share in shares]
    table = Table(title, [_("language"), _("proportion")], cells, [1], folded=True)
    about = _("Identified by py3langid, of texts that are long enough for it.")
    return Plot("languages", title, about, drawing, table)


def _cut_table(tokens: Any) -> Table:
    rows = [
        [f"{one['limit']:,}", f"{one['rows']:.1%}", f"{one['tokens']:.1%}"] for one in tokens["cut"]
    ]
    head = [_("cut at (model.max_length)"), _("rows that are longer"), _("tokens that are lost")]
    return Table(_("What truncation costs"), head, rows, [0, 1, 2])


def _finding(finding: Finding, table: Path | None) -> Section:
    blocks: list[Any] = [
        Words(
            _("{sentence}.", sentence=localized(finding.sentence)),
            "warning" if finding.severity == "error" else "plain",
        )
    ]
    if finding.remedy:
        blocks.append(Words(_("What to do: {remedy}.", remedy=localized(finding.remedy))))
    if finding.plan_line:
        blocks.append(Words(f"`{finding.typed}`"))
    cases = [_shown(case) for case in finding.cases]
    if cases:
        more = _("{count} more", count=len(cases) - OPEN_CASES) if len(cases) > OPEN_CASES else ""
        blocks.append(CaseList(cases, OPEN_CASES, more))
    if table is not None:
        about = _("{rows}, for Excel", rows=plural(len(finding.rows), "row"))
        blocks.append(Links([(table.name, _address(table.name), about)]))
    return Section(f"finding-{finding.kind}", title_of(finding.kind), blocks)


def title_of(kind: str) -> str:
    """What a kind of finding is called."""
    titles = {
        "exact_duplicates": _("Exact duplicates"),
        "near_duplicates": _("Near duplicates"),
        "conflicts": _("Conflicting targets"),
        "near_conflicts": _("Near duplicates with other targets"),
        "leaks_validation": _("Leaks into validation"),
        "leaks_test": _("Leaks into the test"),
        "leaks_test_file": _("Leaks into the test file"),
        "same_meaning": _("Same meaning"),
        "meaning_outliers": _("Outliers by meaning"),
        "label_names": _("Names of labels"),
        "mojibake": _("Mojibake"),
        "lost_characters": _("Lost characters"),
        "invisible_characters": _("Invisible characters"),
        "mixed_width": _("Mixed widths"),
        "html": _("HTML in texts"),
        "personal_data": _("Personal data"),
        "other_languages": _("Other languages"),
        "long_texts": _("Long texts"),
        "short_texts": _("Short texts"),
        "empty_texts": _("Rows without a text"),
        "wrong_labels": _("Suspicious labels"),
    }
    return titles.get(kind, kind)


def _columns(profile: Profile) -> Section:
    cells = [
        [
            role,
            column if isinstance(column, str) else joined(column, ", "),
            localized(profile.reasons.get(role, "")),
        ]
        for role, column in profile.roles.items()
    ]
    blocks: list[Any] = [Table(_("Columns"), [_("role"), _("column"), _("why")], cells)]
    reason = localized(profile.reasons.get("task", ""))
    blocks.append(Words(_("task: {task} ({reason})", task=profile.task, reason=reason)))
    if profile.history:
        blocks.append(Points([visible(localized(line)) for line in profile.history]))
    return Section("columns", _("Columns"), blocks)


# --- rows


def _shown(case: Case) -> ShownCase:
    return ShownCase([_side(row) for row in case.rows], case.note)


def _side(row: ShownRow) -> ShownSide:
    return ShownSide(
        row.id,
        shortened(hidden(row.target), 200),
        [(one.role if len(row.texts) > 1 else "", _pieces(one)) for one in row.texts],
    )


def _pieces(text: ShownText) -> Sequence[tuple[str, str]]:
    """A text in pieces with the class of each: personal data masked, long texts cut."""
    marks = [one for one in text.marks if one[1] > one[0]]
    begin = max(0, min((start for start, _end in marks), default=0) - CONTEXT)
    if len(text.text) <= MOST_CHARACTERS:
        begin = 0
    while (
        0 < begin < len(text.text)
        and text.text[begin - 1].isascii()
        and (not text.text[begin - 1].isspace())
    ):
        begin -= 1
    end = min(len(text.text), begin + MOST_CHARACTERS)
    # Never half of an address or a number: masking would not recognize it.
    end += len(re.match(r"[^\s]{0,60}", text.text[end:])[0]) if end < len(text.text) else 0  # type: ignore[index]
    around = max(0, begin - CONTEXT)
    for one in personal_data(text.text[around : end + CONTEXT]):
        if one.start < begin - around < one.end:
            begin = around + one.start
        if one.start < end - around < one.end:
            end = around + one.end
    part = text.text[begin:end]
    before, after = "… " if begin else "", " …" if end < len(text.text) else ""
    shown = hidden(part)
    if shown != part:  # places would no longer agree
        return [(before + shown + after, "")]
    edges = sorted({begin, end, *(at for one in marks for at in one if begin < at < end)})
    pieces = [
        (text.text[a:b], "n2" if any(s <= a and b <= e for s, e in marks) else "")
        for a, b in pairwise(edges)
    ]
    return [(before, ""), *pieces, (after, "")]


def _address(name: str) -> str:
    """The address of a file beside the page."""
    from urllib.parse import quote

    return quote(name)
