"""What ruamel says about a text that is no YAML, in our words: the line and what to do there."""

from __future__ import annotations

import re
from collections.abc import Callable

from ruamel.yaml.error import YAMLError

from weitiao.i18n.messages import _

# A pattern of ruamel's own words -> ours; the groups of the pattern are handed over.
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
    (r"found unknown escape character",
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


def told(error: YAMLError, text: str) -> tuple[int, str]:
    """Line (from 1, 0 when unknown) and sentence."""
    context = str(getattr(error, "context", None) or "")
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "")
    position = getattr(error, "position", None)  # of a character that YAML does not know
    if position is not None:
        code = getattr(error, "character", 0)
        number = ord(code) if isinstance(code, str) else int(code)
        line = text.count("\n", 0, position) + 1
        return line, _("a control character (U+{number:04X}): take it out.", number=number)
    whole = f"{context}: {problem}"
    opened = "end of stream" in problem or "<stream end>" in problem
    mark = getattr(error, "context_mark", None) if opened else None
    mark = mark or getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 0
    for pattern, words in _WORDS:
        found = re.search(pattern, whole)
        if found:
            return line, words(found)
    return line, _("this is no YAML ({reason}).", reason=problem or context)
