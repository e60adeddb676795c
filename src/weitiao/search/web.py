"""The text of a web page, in one pass: a hostile page of 64 MB costs no more than a good one.

Python's html.parser needs time that grows with the square of the length where tags are not closed.
"""

from __future__ import annotations

import html
import re

HIDDEN = {"script", "style", "noscript", "template", "svg"}
SWALLOWS = {"script", "style"}  # not closed, they hide the rest, as in a browser
PARAGRAPHS = {
    "p", "div", "section", "article", "header", "footer", "main", "aside", "nav", "li", "tr",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "dt", "dd", "blockquote",
    "pre", "form", "figure", "title", "body"
}  # fmt: skip
HEADINGS = {"title": "# ", **{f"h{level}": "#" * level + " " for level in range(1, 7)}}
_OPENS = re.compile(r"<(?:!--|[!?]|/?([a-zA-Z][a-zA-Z0-9:-]{0,30}))")
_TAG_STOPS = re.compile(r">|=\s*[\"']")
_BLANKS = re.compile(r"\s+")


def text_of_html(page: str) -> str:
    """The text of a page, a paragraph for each block; headings get a #, as in Markdown. Scripts,
    styles, comments and attributes are dropped.

    >>> text_of_html("<h1>A &amp;\\n b</h1><p onclick='x>y'>c<script>d</script> e<!-- f -->")
    '\\n\\n# A & b\\n\\n\\n\\nc e'
    """
    parts: list[str] = []
    unclosed: set[str] = set()  # of HIDDEN, known not to be closed any more
    at = 0
    while opening := _OPENS.search(page, at):
        _add(parts, page[at : opening.start()])
        name = (opening[1] or "").lower()
        if not name:
            end = "-->" if opening[0] == "<!--" else ">"
            at = _behind(page, end, opening.end())
            continue
        at = _tag_end(page, opening.end())
        closes = opening[0][1] == "/"
        if name in HIDDEN and not closes and name not in unclosed:
            closing = re.compile(f"</{name}", re.IGNORECASE).search(page, at)
            if closing:
                at = _behind(page, ">", closing.end())
            elif name in SWALLOWS:
                return "".join(parts)
            else:
                unclosed.add(name)
        elif name in PARAGRAPHS:
            parts.append("\n\n" + ("" if closes else HEADINGS.get(name, "")))
        elif name == "br":
            parts.append("\n")
        elif name in ("td", "th"):
            parts.append(" ")
    _add(parts, page[at:])
    return "".join(parts)


def _add(parts: list[str], text: str) -> None:
    if text:
        parts.append(_BLANKS.sub(" ", html.unescape(text)))


def _behind(page: str, end: str, start: int) -> int:
    """The place behind the next `end`; that of the page's end where there is none."""
    at = page.find(end, start)
    return len(page) if at < 0 else at + len(end)


def _tag_end(page: str, start: int) -> int:
    """The place behind a tag; > inside the quotes of an attribute does not end it."""
    at = start
    while stop := _TAG_STOPS.search(page, at):
        if stop[0] == ">":
            return stop.end()
        at = _behind(page, stop[0][-1], stop.end())
    return len(page)
