"""Where it is weak: slices of the rows, groups of mistakes, and texts written differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from weitiao import parts
from weitiao.core.redact import masked
from weitiao.core.sanitize import quoted, shortened
from weitiao.evaluation.behaviour import rewritten
from weitiao.evaluation.checks.base import Check
from weitiao.i18n.messages import _, plural, retold
from weitiao.reporting.blocks import Row, RowList, Section, Table, Words
from weitiao.results.format import figure, number, short_label
from weitiao.results.records import Findings
from weitiao.results.run_data import Material
from weitiao.tasks.answers.labels import Labels

MOST_SLICES = 12
SHOWN = 2  # flipped rows of each check
READ = 2000  # characters of a text that are looked at
CHECKED = 0.05  # flipped answers of a check that should flip none; above, it is said first


def closer(material: Material, unmasked: bool) -> Section | None:
    """The section; None where nobody looked."""
    found = material.findings
    if not found:
        return None
    blocks = [*_slices(found), *_checks(material, unmasked), *_groups(material, unmasked)]
    return Section("weak", _("Where it is weak"), blocks)


def about(one: Mapping[str, Any], sentence: bool = False) -> str:
    """A slice in words; in a sentence its words keep their direction."""
    kept: Callable[[str], str] = quoted if sentence else str
    value = kept(short_label(retold(str(one["value"]))))
    kinds = {
        "length": _("length: {value}", value=value),
        "language": _("language: {value}", value=_language(str(one["value"]))),
        "label": _("truth: {value}", value=value),
        "texts": _("texts with: {value}", value=value),
    }
    told = kinds.get(one["kind"])
    return told or _("{column}: {value}", column=kept(one["name"]), value=value)


def weak_sentences(found: Findings, most: int = 3, but: tuple[str, ...] = ()) -> list[str]:
    """The weak slices, a sentence each; but: kinds that are told of elsewhere."""
    numbers = found.get("number", False)
    said = []
    weak = [s for s in found.get("slices", []) if s["weak"] and s["kind"] not in but]
    for one in weak[:most]:
        told = {"slice": about(one, sentence=True), "rows": plural(one["rows"], "row"),
                "score": score(one["score"], numbers),
                "rest": score(one["rest"], numbers)}  # fmt: skip
        said.append(
            _("Weak part: {slice} ({rows}), {score} off on average, elsewhere {rest}.", **told)
            if numbers
            else _("Weak part: {slice} ({rows}), {score} right, elsewhere {rest}.", **told)
        )
    return said


def check_sentences(found: Findings) -> list[str]:
    """The checks that should flip no answer and flip many, a sentence each."""
    said = []
    for one in found.get("checks", []):
        if one["expected"] == "same" and one["rows"] and one["flipped"] > CHECKED * one["rows"]:
            said.append(
                _("{check}: {flipped} of {rows} answers flip.", check=check_name(one["name"]),
                     flipped=one["flipped"], rows=one["rows"])
            )  # fmt: skip
    return said


def score(value: float, numbers: bool) -> str:
    return number(value) if numbers else f"{value:.0%}"


def check_name(name: str) -> str:
    """What a check changes, in a few words."""
    names = {
        "typos": _("typing mistakes"), "case": _("capital letters"),
        "width": _("full and half width"), "negation": _("a negation more or less"),
        "script": _("traditional and simplified Chinese"),
        "entities": _("other names and numbers"),
    }  # fmt: skip
    return names.get(name, name)


def _language(code: str) -> str:
    names = {"zh": _("Chinese"), "en": _("English or another in Latin script"),
             "other": _("other")}  # fmt: skip
    return names.get(code, code)


def _slices(found: Findings) -> list[Any]:
    looked, numbers = int(found.get("looked", 0)), found.get("number", False)
    if not looked:
        return [Words(_("Too few rows to look at parts of them."), "note")]
    weak = [one for one in found["slices"] if one["weak"]]
    if weak:
        first = Words(
            _("Of {looked} parts of the rows {count} are worse than the others, by more than "
                 "chance explains.", looked=looked, count=len(weak))
        )  # fmt: skip
    else:
        first = Words(
            _("Of {looked} parts of the rows (length, language, truth, columns, kinds of texts) "
                 "none is worse than the others by more than chance explains.", looked=looked)
        )  # fmt: skip
    head = [_("part of the rows"), _("rows"),
            _("mean error") if numbers else _("right"), _("95 % interval"),
            _("elsewhere"), _("p, corrected")]  # fmt: skip
    rows = [
        [("▼ " if one["weak"] else "") + about(one), f"{one['rows']:,}",
         score(one["score"], numbers),
         _("{low} to {high}", low=score(one["low"], numbers), high=score(one["high"], numbers)),
         score(one["rest"], numbers), _p(one["corrected"])]
        for one in found["slices"][:MOST_SLICES]
    ]  # fmt: skip
    table = Table(_("The weakest parts"), head, rows, range(1, 6), folded=not weak)
    note = _(
        "▼ marks a weak part. Each is compared with all other rows, corrected by Holm for {looked} "
        "looks: where nothing is weak, at most one look in twenty reports something.",
        looked=looked,
    )  # fmt: skip
    return [first, table, Words(note, "note")]


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else figure(value)


def _checks(material: Material, unmasked: bool) -> list[Any]:
    checks = material.findings.get("checks") or []
    if not checks:
        return []
    head = [_("written differently"), _("rows"), _("flipped answers"),
            _("95 % interval"), _("right before, wrong after"),
            _("what is expected")]  # fmt: skip
    rows, shown = [], []
    for one in checks:
        expected = _("may change") if one["expected"] == "open" else _("the same answer")
        if one["missing"]:
            rows.append([check_name(one["name"]), "", "", "", "", retold(one["missing"])])
            continue
        between = _("{low} to {high}", low=f"{one['low']:.0%}", high=f"{one['high']:.0%}")
        rows.append([check_name(one["name"]), f"{one['rows']:,}",
                     f"{one['flipped']:,} ({one['flipped'] / one['rows']:.0%})", between,
                     f"{one['worse']:,}", expected])  # fmt: skip
        shown += _examples(material, one, unmasked)
    blocks: list[Any] = [Table(_("The same texts written differently"), head, rows, range(1, 5))]
    if shown:
        count = plural(len(shown), "flipped answer")
        wanted = _("before"), _("after"), ""
        blocks.append(RowList("", wanted, shown, 0, _("{count} to look at", count=count)))
    return blocks


def _examples(material: Material, one: Mapping[str, Any], unmasked: bool) -> list[Row]:
    """Some flipped rows, changed again in the same way; none where the texts are gone."""
    name, rows = str(one["name"]), material.judged_rows
    picked = one["examples"][:SHOWN]
    if rows is None or not picked or name not in parts.names("checks"):
        return []
    check: Check = parts.build("checks", name, material.plan.evaluate.checks.get(name))
    texts = material.texts(np.array([example["row"] for example in picked]))
    found = []
    for example, own in zip(picked, texts or [], strict=False):
        text = own[rows.text_roles.index(example["role"])][1]
        other = None if check.missing() else rewritten(check, name, text, int(example["row"]))
        if other is not None:
            told = shortened(other[:READ] if unmasked else masked(other[:READ]))
            found.append(Row(check_name(name), [("", told)], _value(example["before"]),
                             _value(example["after"]), ""))  # fmt: skip
    return found


def _value(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(map(short_label, value)) or _("(none)")
    return short_label(str(value))


def _groups(material: Material, unmasked: bool) -> list[Any]:
    """The groups of mistakes: words, what is mostly taken for what, some rows."""
    groups, kept = material.findings.get("groups") or [], material.kept
    if not groups or kept is None:
        return []
    rows = []
    for group in groups:
        picked = np.array(group["rows"][:2])
        texts = material.texts(picked)
        first = ""
        if texts:
            whole = " / ".join(text[:1000] for _, text in texts[0])
            first = shortened(whole if unmasked else masked(whole), 120)
        rows.append([" ".join(group["terms"]) or "–", f"{len(group['rows']):,}",
                     _mostly(kept.judged, np.array(group["rows"])), first])  # fmt: skip
    head = [_("words they share"), _("mistakes"), _("mostly"), _("one of them")]
    return [Table(_("The mistakes in groups"), head, rows, [1])]


def _mostly(judged: Any, rows: np.ndarray) -> str:
    if not isinstance(judged, Labels):
        return ""
    pairs, counts = np.unique(
        np.stack([judged.targets[rows], judged.values[rows]]), axis=1, return_counts=True
    )
    truth, answer = pairs[:, counts.argmax()]
    return _("{truth} taken for {answer} ({count})", truth=short_label(judged.labels[truth]),
                answer=short_label(judged.labels[answer]), count=int(counts.max()))  # fmt: skip
