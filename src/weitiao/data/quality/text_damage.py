"""Damaged texts: mojibake, lost and invisible characters, mixed widths, remains of HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from weitiao.core.script import UNSEPARATED
from weitiao.data.quality.finding import Finding, Inspected, Severity
from weitiao.data.quality.scan import Spans, part_line, texts_by_span, with_rows
from weitiao.i18n.messages import _, plural

# What GBK and UTF-8 make of each other's replacement characters, and of uninitialized memory.
_GBK_DAMAGE = re.compile("锟斤拷|锟斤|烫烫烫|屯屯屯|锘縷?")
_LOST = re.compile("\ufffd+")
# Controls, zero-width characters, marks of direction, soft hyphens, tags; not those inside emoji.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a]+|(?<![\U0001f000-\U0001ffff\u2600-\u27bf\ufe0f])\u200d+"
)
_WIDE = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]+")
_NARROW_KANA = re.compile("[\uff66-\uff9d]+")
_NARROW = re.compile("[0-9A-Za-z]")
_HTML = re.compile(
    r"</?(?:a|b|br|i|p|em|div|img|span|strong|font|table|td|tr|li|ul|ol|h[1-6]|script|style|sup|sub|"
    r"blockquote|input|iframe|hr|u)\b[^<>]{0,300}/?>|&(?:[a-z]{2,8}|#\d{2,6}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
_FAR = re.compile(f"[^\x00-\x7f{UNSEPARATED}\u3001-\u3002\uff01\uff0c\uff1a\uff1b\uff1f]")


@dataclass(frozen=True)
class Damage:
    """A kind of damage: where it is in a text."""

    kind: str
    severity: Severity
    spans: Callable[[str], Spans]
    possible: Callable[[str], bool]  # quickly, before `spans`


def text_damage(inspected: Inspected) -> Iterator[Finding]:
    """Findings of damaged texts, one for each kind of damage."""
    kinds = (
        Damage("mojibake", "warning", mojibake_spans, lambda text: not text.isascii()),
        Damage("lost_characters", "warning", _spans_of(_LOST), lambda text: "\ufffd" in text),
        Damage("invisible_characters", "warning", _spans_of(_INVISIBLE), _has(_INVISIBLE)),
        Damage("mixed_width", "note", width_spans, lambda text: not text.isascii()),
        Damage("html", "note", _spans_of(_HTML), lambda text: "<" in text or "&" in text),
    )
    hits: dict[str, list[int]] = {kind.kind: [] for kind in kinds}
    total = len(inspected.rows)
    for done, roles in texts_by_span(inspected):
        for kind in kinds:
            at = {
                done + place
                for role in roles
                for place, text in enumerate(role)
                if kind.possible(text) and kind.spans(text)
            }
            hits[kind.kind] += sorted(at)
        inspected.advance(_("damaged texts"), done, total)
    for kind in kinds:
        if hits[kind.kind]:
            rows = np.array(hits[kind.kind], np.int64)
            sentence, remedy, line = _said(kind.kind, plural(len(rows), "row"))
            finding = Finding(kind.kind, kind.severity, rows, sentence, remedy, line)
            yield with_rows(finding, inspected, mark=kind.spans)


def mojibake_spans(text: str) -> Spans:
    """Characters that come from decoding with a wrong encoding (ftfy's heuristic; for GBK, its
    usual remains)."""
    spans = [match.span() for match in _GBK_DAMAGE.finditer(text)]
    if _FAR.search(text) is not None:  # plain Chinese is none, and is most of Chinese texts
        from ftfy.badness import BADNESS_RE

        spans += [match.span() for match in BADNESS_RE.finditer(text.replace("\ufffd", "?"))]
    return sorted(spans)


def width_spans(text: str) -> Spans:
    """Wide letters, digits and blanks of a text that has narrow ones, too; half-width kana."""
    spans = [match.span() for match in _NARROW_KANA.finditer(text)]
    if _NARROW.search(text):
        spans += [match.span() for match in _WIDE.finditer(text)]
    return sorted(spans)


def _spans_of(pattern: re.Pattern[str]) -> Callable[[str], Spans]:
    return lambda text: [match.span() for match in pattern.finditer(text)]


def _has(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: not text.isprintable() and pattern.search(text) is not None


def _said(kind: str, rows: str) -> tuple[str, str, str]:
    """Sentence, remedy and plan line."""
    if kind == "mojibake":
        return (
            _("{rows} with text decoded in a wrong encoding (mojibake)", rows=rows),
            _("read the file with its own encoding (data.reader), or repair the texts"),
            part_line("cleaners", "mojibake"),
        )
    if kind == "lost_characters":
        return (
            _("{rows} with lost characters (U+FFFD in their place)", rows=rows),
            _("they cannot be brought back from this file: export it anew as UTF-8"),
            "",
        )
    if kind == "invisible_characters":
        return (
            _("{rows} with control or invisible characters", rows=rows),
            _("take them out, in training and in use"),
            part_line("cleaners", "invisible"),
        )
    if kind == "mixed_width":
        return (
            _("{rows} with both full-width and half-width letters or digits", rows=rows),
            _("write them in one width, in training and in use"),
            part_line("cleaners", "width") or "data.cleaners.unicode={form: NFKC}",
        )
    return (
        _("{rows} with HTML tags or entities", rows=rows),
        _("take the markup out, in training and in use"),
        part_line("cleaners", "html"),
    )
