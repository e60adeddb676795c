"""Cleaner of HTML: tags and entities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import ClassVar

from pydantic import Field

from weitiao.core.alignment import Alignment, Edit, edited
from weitiao.data.cleaners.base import Cleaner

# Elements that begin on a line of their own; a cell of a table is parted by a blank.
_BLOCK_NAMES = (
    "address article aside blockquote body br caption center dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html li main "
    "menu nav ol option p pre section summary table tbody tfoot thead title tr ul"
)
_CELLS = frozenset(("td", "th", "select", "textarea", "button", "input"))
_INLINE_NAMES = (
    "a abbr acronym area audio b base basefont bdi bdo big canvas cite code col colgroup data "
    "datalist del dfn em embed font frame frameset i iframe img ins kbd label legend link map mark "
    "marquee meta meter nobr noframes noscript object optgroup output param picture progress q rp "
    "rt ruby s samp script slot small source span strike strong style sub sup svg path template "
    "time track tt u var video wbr"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_KNOWN = _BLOCKS | _CELLS | frozenset(_INLINE_NAMES.split())
_FLAG_NAMES = (
    "async autoplay checked compact controls defer disabled hidden itemscope loop multiple muted "
    "noshade nowrap readonly required reversed selected"
)
_FLAGS = frozenset(_FLAG_NAMES.split())  # attributes without a value
_BREAK = "break"  # stands for a line break or a blank, whichever the settings want
_HIDDEN = ("script", "style", "template", "noscript")  # what stands in them is no text

# A tag never runs across the next "<", so that each character is looked at a fixed number of times;
# *+ and ++ (possessive) never go back. In quotes, ">" belongs to the attribute.
_TOKEN = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*+)"
    r"(?P<rest>(?:\s(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+|/)?+)>"
    r"|<(?P<close2>/?)(?P<name2>[A-Za-z][A-Za-z0-9:-]*+)(?P<rest2>\s[^<>]*+)>"  # quotes not closed
    r"|<!--|<!\[CDATA\[|\]\]>|<!doctype[^<>]*+>|<\?xml[^<>]*+>"
    r"|&(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    re.IGNORECASE,
)


class Html(Cleaner):
    """Removes HTML tags, comments and scripts, and decodes entities (&amp;); paragraphs and lines
    end with a line break, cells with a blank.

    When to use it: texts out of web pages. Only elements of HTML are tags: <name> and a < b stay.
    """

    lines: bool = Field(True, description="line breaks where blocks end; else blanks")
    passes: int = Field(1, ge=1, le=3, description="2 for HTML that was escaped twice: &lt;p&gt;")
    idempotent: ClassVar[bool] = False  # &amp;lt; is &lt;, which is <

    def clean(self, text: str) -> tuple[str, Alignment]:
        alignment = Alignment.identity(len(text))
        for _pass in range(self.passes):
            changed, again = edited(text, _without_last_break(text, [*self.edits(text)]))
            if changed == text:
                break
            text, alignment = changed, alignment.then(again)
        return text, alignment

    def edits(self, text: str) -> Iterator[Edit]:
        if "<" not in text and "&" not in text:
            return
        # Comments and scripts that never end are searched for their end once: `missing` holds what
        # stands nowhere further on.
        missing: set[str] = set()
        done, blank = 0, True  # whether a blank or nothing is right before
        for token in _TOKEN.finditer(text):
            start, end = token.span()
            if start < done:
                continue
            put = _put_for(token)
            if put is None:
                continue
            name = (token["name"] or token["name2"] or token[0]).lower()
            if not (token["close"] or token["close2"]):
                end = _end_of_hidden(text, name, end, missing)
            if start > done:
                blank = text[start - 1].isspace()
            if put == _BREAK:
                put = "" if blank else "\n" if self.lines else " "
                put = " " if put and name in _CELLS else put
            yield Edit(start, end, put)
            blank = put[-1].isspace() if put else blank
            done = end


def _without_last_break(text: str, edits: list[Edit]) -> list[Edit]:
    """The edits, without breaks and blanks behind the last word."""
    end = len(text)
    for at in reversed(range(len(edits))):
        if edits[at].end != end or not (edits[at].put.isspace() or not edits[at].put):
            break
        edits[at] = edits[at]._replace(put="")
        end = edits[at].start
    return edits


def _put_for(token: re.Match[str]) -> str | None:
    """What stands in the place of a token; None where it is no HTML."""
    whole = token[0]
    if whole[0] == "&":
        put = unescape(whole)
        return None if put == whole else put.replace("\xa0", " ")
    if whole[:2] in ("<!", "<?") or whole == "]]>":
        return ""
    name = (token["name"] or token["name2"]).lower()
    rest = (token["rest"] or token["rest2"] or "").strip()
    if name not in _KNOWN:
        return None
    # "a <b and c> d" is no tag: attributes have values, but for a few.
    if "=" not in rest and not {*rest.lower().removesuffix("/").split()} <= _FLAGS:
        return None
    return _BREAK if name in _BLOCKS or name in _CELLS else ""


_ENDS = {"<!--": re.compile("-->")} | {
    name: re.compile(rf"</{name}\s*+>", re.IGNORECASE) for name in _HIDDEN
}


def _end_of_hidden(text: str, name: str, end: int, missing: set[str]) -> int:
    """The end of a comment or of an element whose content is no text; else `end`."""
    if name not in _ENDS or name in missing:
        return end
    closing = _ENDS[name].search(text, end)
    if closing is None:
        missing.add(name)
        return end
    return closing.end()
