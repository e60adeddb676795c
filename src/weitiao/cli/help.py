"""Help pages of the command line, in the user's language; what a usage error says is in usage.py.

Typer brings its own copy of click, whose texts are English and whose line breaks count a Chinese
character as one cell. So the pages are rendered here, from the declared parameters.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from weitiao.cli import usage
from weitiao.cli.usage import LANG, names_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import LANGUAGES, _, translated

HELP_OPTIONS = ["-h", "--help"]
MAX_WIDTH = 100  # cells
_UsageError: Any = typer.BadParameter.__base__  # of whichever click typer stands on
# Line breaking of Chinese (kinsoku): closing marks never begin a line, opening ones never end one.
_CLOSING = re.escape("，。：；、）」』！？》”’)]}…")
_PIECES = re.compile(rf"\s+|[（「『《\[(]*(?:[^\s\u2e80-\uffee]+|[\u2e80-\uffee])[{_CLOSING}]*")


class Verb(TyperCommand):
    """A command whose help and usage errors are in the user's language."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # Else click raises for surplus arguments, in English and without saying which they are.
        ctx.allow_extra_args = True
        words = usage.with_hyphens(args, [name for p in self.get_params(ctx) for name in p.opts])
        try:
            rest = super().parse_args(ctx, list(words))
        except _UsageError as error:
            raise WeitiaoError(usage.message_of(error, self, ctx, words)) from None
        if ctx.args and not ctx.resilient_parsing:
            raise usage.surplus(ctx)
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_page(self, ctx))


class Verbs(TyperGroup):
    """The command group: help, usage errors and unknown commands in the user's language."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:  # `weitiao help fit`
            args = [*args[1:2], "--help"]
        try:
            return super().parse_args(ctx, args or ["--help"])
        except _UsageError as error:
            raise WeitiaoError(usage.message_of(error, self, ctx, args)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise usage.unknown_command(args[0], args[1:], list(self.commands), ctx)
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_page(self, ctx))


def language_of(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Extract the option `--lang`, before or after the command; returns it and the other words."""
    # Not an option of click: its value decides in which language click's errors are reported, and
    # click would take a group's option only before the command. Behind "--" all words are values.
    language, rest, waiting = None, [], list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *waiting]
            break
        if name != LANG:
            rest.append(word)
            continue
        language = value if equals else waiting.pop(0) if waiting else ""
    if language is not None and language.split("_")[0].split("-")[0].lower() not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        message = _("--lang: no language {name!r}; there are: {names}.", name=language, names=known)
        raise WeitiaoError(message)
    return language, rest


# --- the help page


def _page(command: Any, ctx: Any) -> str:
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    params = [p for p in command.get_params(ctx) if not getattr(p, "hidden", False)]
    arguments = [p for p in params if p.param_type_name == "argument"]
    options = [p for p in params if p.param_type_name == "option" and p.name != "help"]
    verbs = getattr(command, "commands", {})
    words = [ctx.command_path, *(_metavar(p) for p in arguments)]
    words += [_("COMMAND ...")] if verbs else [_("[OPTIONS]")]
    argument_rows = [(_metavar(p), _about(p)) for p in arguments]
    option_rows = [(names_of(p), _about(p)) for p in options]
    option_rows += [
        ("--lang LANG", _("zh or en; default: the language of the system")),
        (", ".join(HELP_OPTIONS), _("Show this message and exit.")),
    ]
    lines = [_("Usage: {usage}", usage=" ".join(words)), ""]
    lines += [f"  {line}" for line in wrapped(translated(command.help or ""), width - 2)]
    for title, rows in (
        (_("Arguments:"), argument_rows),
        (_("Options:"), option_rows),
        (_("Commands:"), [(name, translated(verb.help)) for name, verb in verbs.items()]),
    ):
        if rows:
            lines += ["", title, *_columns(rows, width)]
    return "\n".join(lines) + "\n"


def _columns(rows: list[tuple[str, str]], width: int) -> list[str]:
    left = max(cells(name) for name, _ in rows) + 4
    lines = []
    for name, about in rows:
        first, *rest = wrapped(about, max(width - left, 20)) or [""]
        lines.append(f"  {name}{' ' * (left - 2 - cells(name))}{first}".rstrip())
        lines += [" " * left + line for line in rest]
    return lines


def _metavar(argument: Any) -> str:
    name = argument.name.upper()
    metavar = f"{name}..." if argument.nargs == -1 else name
    return metavar if argument.required else f"[{metavar}]"


def _about(param: Any) -> str:
    about = translated(param.help or "")
    default = param.default
    if default in (None, False) or callable(default) or param.required:
        return about
    return _("{help} (default: {default})", help=about, default=default)


def cells(text: str) -> int:
    """Display width of a text in terminal cells; a Chinese character takes two.

    >>> cells("ab微调")
    6
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, width: int) -> list[str]:
    """Wrap a text to lines of at most `width` cells, at blanks and between Chinese characters.

    >>> wrapped("微调一个模型。", 8)
    ['微调一个', '模型。']
    """
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and cells(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines
