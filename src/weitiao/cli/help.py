"""Help and mistakes of the command line, in the person's language.

Typer brings its own copy of click, whose words are English and whose lines count a Chinese
character as one cell. So the pages are written here, from what the commands declare.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Sequence
from typing import Any

import typer
from rich.containers import Lines
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import LANGUAGES, _, joined, translated

LANG = "--lang"
WIDEST = 100
_UsageError: Any = typer.BadParameter.__base__  # of whichever click typer stands on
_CLOSING = re.escape("，。：；、）」』！？》”’)]}…")  # never begin a line, as these never end one:
_PIECES = re.compile(rf"\s+|[（「『《\[(]*(?:[^\s\u2e80-\uffee]+|[\u2e80-\uffee])[{_CLOSING}]*")


class Verb(TyperCommand):
    """A command whose help and mistakes are told in the person's language."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        try:
            rest = super().parse_args(ctx, args)
        except _UsageError as error:
            raise WeitiaoError(_told(error, self, ctx)) from None
        if ctx.args and not ctx.resilient_parsing:
            told = _("{words}: too many words for `{command}`.",
                        words=" ".join(ctx.args), command=ctx.command_path)  # fmt: skip
            raise WeitiaoError(joined([told, _hint(ctx)]))
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_page(self, ctx))


class Verbs(TyperGroup):
    """All commands: the same for what stands before a verb, and for a verb that there is not."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args or ["--help"])
        except _UsageError as error:
            raise WeitiaoError(_told(error, self, ctx)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:
            near = _near(args[0], list(self.commands))
            told = _("there is no command {name!r}.{near}", name=args[0], near=near)
            raise WeitiaoError(joined([told, _hint(ctx)]))
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_page(self, ctx))


def language_of(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The language that `--lang` asks for, wherever it stands, and the other words."""
    wanted, rest, waiting = None, [], list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *waiting]
            break
        if name != LANG:
            rest.append(word)
            continue
        wanted = value if equals else waiting.pop(0) if waiting else ""
    if wanted is not None and wanted.split("_")[0].split("-")[0].lower() not in LANGUAGES:
        told = _("--lang: {name!r} is no language here; there are: {names}.",
                    name=wanted, names=", ".join(LANGUAGES))  # fmt: skip
        raise WeitiaoError(told)
    return wanted, rest


# --- the help page


def _page(command: Any, ctx: Any) -> str:
    width = min(shutil.get_terminal_size().columns, WIDEST)
    given = [p for p in command.get_params(ctx) if not getattr(p, "hidden", False)]
    arguments = [p for p in given if p.param_type_name == "argument"]
    options = [p for p in given if p.param_type_name == "option" and p.name != "help"]
    verbs = getattr(command, "commands", {})
    words = [ctx.command_path, *(_metavar(p) for p in arguments)]
    words += [_("COMMAND ...")] if verbs else [_("[OPTIONS]")]
    rows = [(_metavar(p), _about(p)) for p in arguments]
    asked = [(_names(p), _about(p)) for p in options]
    asked += [("--lang LANG", _("zh or en; else the language of the system")),
              ("--help", _("Show this message and exit."))]  # fmt: skip
    lines = [_("Usage: {usage}", usage=" ".join(words)), ""]
    lines += [f"  {line}" for line in wrapped(translated(command.help or ""), width - 2)]
    for title, table in (
        (_("Arguments:"), rows),
        (_("Options:"), asked),
        (_("Commands:"), [(name, translated(verb.help)) for name, verb in verbs.items()]),
    ):
        if table:
            lines += ["", title, *_columns(table, width)]
    return "\n".join(lines) + "\n"


def _columns(rows: list[tuple[str, str]], width: int) -> list[str]:
    left = max(cells(name) for name, _ in rows) + 4
    lines = []
    for name, told in rows:
        first, *rest = wrapped(told, max(width - left, 20)) or [""]
        lines.append(f"  {name}{' ' * (left - 2 - cells(name))}{first}".rstrip())
        lines += [" " * left + line for line in rest]
    return lines


def _metavar(argument: Any) -> str:
    name = argument.name.upper()
    told = f"{name}..." if argument.nargs == -1 else name
    return told if argument.required else f"[{told}]"


def _names(option: Any) -> str:
    told = ", ".join(sorted(option.opts, key=len))
    value = max(option.opts, key=len).lstrip("-").upper().replace("-", "_")
    return told if option.is_flag else f"{told} {value}"


def _about(param: Any) -> str:
    told = translated(param.help or "")
    default = param.default
    if default in (None, False) or callable(default) or param.required:
        return told
    return _("{told} (default: {default})", told=told, default=default)


def cells(text: str) -> int:
    """How many columns of a terminal a text fills.

    >>> cells("ab微调")
    6
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells: broken at blanks, and between Chinese characters.

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


# --- mistakes


def _told(error: Any, command: Any, ctx: Any) -> str:
    """Click's complaint as one sentence of ours."""
    kind, param = type(error).__name__, getattr(error, "param", None)
    option = getattr(error, "option_name", "")
    if kind == "NoSuchOption":
        known = [name for p in command.get_params(ctx) for name in p.opts] + [LANG]
        told = _("there is no option {name}.{near}", name=option, near=_near(option, known))
    elif kind == "MissingParameter" and param is not None:
        told = _("`{command}` needs {name}: {what}.", command=ctx.command_path,
                    name=param.name.upper(), what=translated(param.help or ""))  # fmt: skip
    elif kind == "BadOptionUsage" and "does not take" in error.message:
        told = _("{name} takes no value.", name=option)
    elif kind == "BadOptionUsage":
        told = _("{name} needs a value.", name=option)
    elif kind == "BadParameter" and param is not None:
        return _("{name}: {told}", name=_names(param), told=_bad(error))
    else:
        told = str(error.format_message())
    return joined([told, _hint(ctx)])


def _bad(error: Any) -> str:
    items = getattr(error.__cause__, "errors", None)
    if items is None:  # typer before 0.20 has English words only
        return str(error.message)
    from weitiao.core.fields import sentence

    return sentence(items()[:1])


def _near(name: str, known: list[str]) -> str:
    from weitiao.core.fields import near

    return near(name, known)


def _hint(ctx: Any) -> str:
    return _("See `{command} --help`.", command=ctx.command_path)


class Prose(Text):
    """Rich takes a Chinese sentence for one long word, and cuts it off where the column ends."""

    def wrap(self, console: Any, width: int, **options: Any) -> Lines:
        lines = Lines()
        for told in self.plain.split("\n"):
            for line in wrapped(told, width) or [""]:
                text = Text(line, self.style)
                whole = cells(line) <= width
                lines.extend([text] if whole else text.wrap(console, width, overflow="fold"))
        lines.justify(console, width, options.get("justify") or "left", "fold")
        return lines
