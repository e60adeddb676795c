"""Hints on YAML mistakes: input methods, editors, other formats, and ruamel's syntax errors.

`hints` looks at the text of a file that did not fit, `odd` at one value that YAML took as a text
although something else was meant, `syntax_error` says in plain words what ruamel reports.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ruamel.yaml.error import YAMLError

from weitiao.core.script import has_han
from weitiao.i18n.messages import _, joined

MOST_HINTS = 4
ROWS = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".xls", ".parquet")
BLANKS = "\u3000\u00a0\u2003\u200b\ufeff"  # full-width, no-break, em, zero-width
_PAIRS = {"“": "”", "‘": "’", "「": "」", "『": "』", "［": "］", "｛": "｝", "＂": "＂"}
_PATHS = ("path", "checkpoint")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\[abefnrtv0]")  # what is left of C:\new and ..\table

Sentence = Callable[[], str]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.MULTILINE)


_HINTS: list[tuple[re.Pattern[str], Sentence]] = [
    (_pattern(r"^\s*```"),
     lambda: _("a fence of Markdown (```): take these lines out.")),
    (_pattern(r"^ *\t+ *\S"),
     lambda: _("a tab: YAML wants blanks for indentation.")),
    (_pattern(rf"^ *[{BLANKS}]|^[^#\n]*: ?[{BLANKS}]"),
     lambda: _("a full-width or no-break blank: use the plain one.")),
    (_pattern(r"^\s*(?:- )?[\w.\-]+\s*："),
     lambda: _("a full-width colon (：): YAML wants ': ', a plain colon and a blank.")),
    (_pattern(r"^[^#\n]*[:\[,] *[“”‘’「『＂]"),
     lambda: _("full-width quotes: write plain ones (\") or none.")),
    (_pattern(r"^[^#\n\"']*[\[{［｛【][^#\n]*，"),
     lambda: _("a full-width comma (，): YAML wants ', '.")),
    (_pattern(r"^[^#\n]*: *[［｛【]"),
     lambda: _("full-width brackets: YAML wants [ ] and {{ }}.")),
    (_pattern(r"^ *[–—－] "),
     lambda: _("a long dash: the lists of YAML begin with a plain one (-).")),
    (_pattern(r"^ *[A-Za-z_][\w.]* *= *\S"),
     lambda: _("name = value is no YAML: write name: value.")),
    (_pattern(r"^\[[\w.]+\]\s*$"),
     lambda: _("[name] begins a section in TOML; in YAML write name: and indent what follows.")),
    (_pattern(r"^ *(?:- )?[A-Za-z_]\w+:(?![\s/\\:]|sample)\S"),
     lambda: _("YAML wants a blank after the colon.")),
]  # fmt: skip


def hints(text: str) -> dict[int, str]:
    """Find usual YAML mistakes: line (from 1) -> hint, for the first place of each kind."""
    by_line: dict[int, str] = {}
    for pattern, message in _HINTS:
        match = pattern.search(text)
        if match:
            # A pattern that begins with \s may match from an earlier, empty line on.
            whole = match.group()
            start = match.start() + len(whole) - len(whole.lstrip("\n"))
            line = text.count("\n", 0, start) + 1
            by_line[line] = joined([by_line.get(line, ""), message()])
    return dict(sorted(by_line.items())[:MOST_HINTS])


def odd(value: str, style: str | None, path: str, flow: bool, raw: str = "") -> str:
    """Hint on a string whose spelling is a likely mistake; empty when it is not.

    style: its quotes, None without; flow: whether it stands inside [ ] or { }; raw: as it stands
    in the file (weitiao itself writes such letters by their numbers).
    """
    if style == '"' and path.endswith(_PATHS) and _ESCAPED.search(raw):
        return _(
            "a backslash in double quotes changes the next letter: write / instead, or use "
            "single quotes."
        )
    if style:
        return ""
    if value[:1] and _PAIRS.get(value[0]) == value[-1:] and len(value) > 1:
        return _("{value} stands in full-width quotes or brackets: write plain ones.", value=value)
    if flow and "，" in value:
        return _(
            "{value} holds a full-width comma: write ', ', or put quotes around the text.",
            value=value,
        )
    if value != value.strip(BLANKS):
        return _(
            "{value!r} begins or ends with a full-width or no-break blank: take it away, "
            "or put quotes around the text.",
            value=value,
        )
    return ""


def without_escapes(text: str) -> str:
    """The text with a slash for each backslash in double quotes: C:\\Users becomes C:/Users."""
    return re.sub(r'"[^"\n]*"', lambda quoted: quoted[0].replace("\\", "/"), text)


def needs_quotes(text: str) -> bool:
    """Whether a string needs quotes, because `odd` would take it for a mistake without."""
    return bool(odd(text, None, "", True))


def other_format(name: str, text: str) -> str:
    """Message for a file of data instead of a plan, by its extension or first lines; else empty."""
    lines = [line for line in text.splitlines()[:3] if line.strip()]
    rows = any(
        len(lines) > 1 and lines[0].count(mark) == lines[1].count(mark) > 0
        for mark in (",", "\t", ";")
    )
    named = any(re.match(r"\s*[\w.\-\"']+\s*[:：=]", line) for line in lines)
    objects = bool(lines) and re.match(r'\s*\[?\s*\{\s*"(?!task|data|model)', lines[0]) is not None
    if name.lower().endswith(ROWS) or (rows and not named) or objects:
        return _(
            "this is a file with rows, not a plan: `weitiao plan {name}` writes one.", name=name
        )
    return ""


def encoding_of(raw: bytes) -> str:
    """Detect the character encoding (UTF-16, GBK) of a file that is not UTF-8; else empty."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:200]:
        return "UTF-16"
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return "GBK" if has_han(text) else ""


# A pattern of ruamel's message -> ours, made from the match. The first one that matches counts, so
# special cases stand before general ones.
_WORDS: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (r"found character '\\t' that cannot start",
     lambda m: _("a tab: YAML wants blanks for indentation.")),
    (r"found character '`' that cannot start",
     lambda m: _("a value cannot begin with {mark}: put it in quotes.", mark="`")),
    (r"found character '(.)' that cannot start",
     lambda m: _("a value cannot begin with {mark}: put it in quotes.", mark=m[1])),
    (r"found undefined alias '(.*)'",
     lambda m: _("*{name} is used, but no &{name} stands above.", name=m[1])),
    (r"found another document",
     lambda m: _("a second document begins (---): a file holds one plan.")),
    (r"found unknown escape character|expected escape sequence",
     lambda m: _("a backslash in double quotes changes the next letter: write / instead, or use "
                    "single quotes.")),
    (r"mapping values are not allowed",
     lambda m: _("a second colon, or a line that is indented too far. A text that holds ': ' "
                    "needs quotes.")),
    (r"sequence entries are not allowed",
     lambda m: _("a list begins on a line of its own, or write [one, two].")),
    (r"flow (?:sequence|mapping).*<stream end>",
     lambda m: _("a bracket is opened and never closed.")),
    (r"quoted scalar.*unexpected end|document separator",
     lambda m: _("a quote is opened and never closed.")),
    (r"expected the node content, but found '([\]}])'",
     lambda m: _("{mark} closes nothing.", mark=m[1])),
    (r"expected <block end>|could not find expected ':'|simple key",
     lambda m: _("wrong indentation, or a name without ': '. What belongs together begins in "
                    "the same column.")),
    (r"flow (?:sequence|mapping)",
     lambda m: _("inside brackets YAML wants commas between the values.")),
]  # fmt: skip


def syntax_error(error: YAMLError, text: str) -> tuple[int, str]:
    """Explain a syntax error of ruamel: line (from 1, 0 when unknown) and message."""
    context = str(getattr(error, "context", None) or "")
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "")
    position = getattr(error, "position", None)  # of a character that YAML does not know
    if position is not None:
        code = getattr(error, "character", 0)
        number = ord(code) if isinstance(code, str) else int(code)
        line = text.count("\n", 0, position) + 1
        return line, _("a control character (U+{number:04X}): take it out.", number=number)
    whole = f"{context}: {problem}"
    # Of an unclosed bracket or quote, the problem is at the end of the file; the context mark is
    # where it was opened.
    opened = "end of stream" in problem or "<stream end>" in problem
    mark = getattr(error, "context_mark", None) if opened else None
    mark = mark or getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 0
    for pattern, words in _WORDS:
        match = re.search(pattern, whole)
        if match:
            return line, words(match)
    return line, _("this is no YAML ({reason}).", reason=problem or context)
