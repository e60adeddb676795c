"""Usage errors of the command line in the user's language: unknown options, commands and values.

Options of other programs (`--epochs 3`, `--per_device_train_batch_size 8`) are settings of a plan
here: one message gives the whole command as it is written.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, joined, translated

LANG = "--lang"
TAKES_SETTINGS = {"words", "changes"}  # parameters of commands that take path=value
# Settings of a plan that commands have an option for.
OPTIONS = {
    "model.checkpoint": "--model",
    "model.revision": "--revision",
    "data.test_path": "--test",
    "data.validation_path": "--validation",
    "data.max_rows": "--rows",
    "train.seed": "--seed",
    "train.budget": "--budget",
}
# Options that other programs have -> ours.
SAME_OPTION = {
    "--label": "--target", "--labels": "--target", "--label-column": "--target",
    "--target-column": "--target", "--text-column": "--text", "--input-column": "--text",
    "--column": "--target", "--columns": "--roles", "--out-dir": "--out", "--outdir": "--out",
    "--output-dir": "--out", "--run-name": "--name", "--checkpoint": "--model", "--eval": "--test",
    "--val": "--validation", "--dev": "--validation", "--limit": "--rows", "--max-rows": "--rows",
    "--sample": "--rows", "--time": "--budget", "--timeout": "--budget", "--max-time": "--budget",
    "--language": LANG, "--locale": LANG, "-v": "--version", "--force": "--yes", "-y": "--yes",
    "-f": "--yes", "--format": "--json", "--out": "--output", "--jobs": "--processes",
    "--workers": "--processes", "--nthreads": "--threads", "--cores": "--threads",
}  # fmt: skip
_DASHES = re.compile(r"^(?!--?[a-z])[-‐‑‒–—―−－]+(?=[a-z])")
# Settings of readers that are taken for options.
OF_READERS = {
    "table": "data.reader.sqlite.table", "query": "data.reader.sqlite.query",
    "sql": "data.reader.sqlite.query", "delimiter": "data.reader.csv.delimiter",
    "sep": "data.reader.csv.delimiter", "encoding": "data.reader.csv.encoding",
    "header": "data.reader.csv.header", "quotes": "data.reader.csv.quotes",
    "header-row": "data.reader.xlsx.header_row",
}  # fmt: skip
# Commands that other programs have -> ours.
SAME_COMMAND = {
    "finetune": "fit", "fine-tune": "fit", "tune": "fit", "learn": "fit", "start": "fit",
    "eval": "evaluate", "test": "evaluate", "score": "evaluate", "metrics": "evaluate",
    "infer": "predict", "inference": "predict", "classify": "predict", "tag": "predict",
    "list": "runs", "ls": "runs", "history": "runs", "rm": "runs rm", "delete": "runs rm",
    "remove": "runs rm", "describe": "look", "inspect": "look", "stats": "look", "view": "look",
    "validate": "check", "lint": "check", "verify": "check", "resume": "train --resume",
    "continue": "train --resume", "models": "parts models", "tasks": "parts tasks",
    "benchmark": "probe", "version": "--version", "diff": "compare", "ab": "compare",
    "clean": "cache clean", "config": "plan", "init": "plan", "page": "report", "info": "doctor",
}  # fmt: skip


def with_hyphens(args: Sequence[str], options: Sequence[str]) -> list[str]:
    """Options whose hyphens a word processor or a Chinese keyboard made dashes, as they are meant.

    >>> with_hyphens(["fit.csv", "—budget", "30s", "－－rows=9", "——so"], ["--budget", "--rows"])
    ['fit.csv', '--budget', '30s', '--rows=9', '——so']
    """
    meant = [_DASHES.sub("--", word) for word in args]
    return [
        option if option.partition("=")[0] in options else word
        for word, option in zip(args, meant, strict=True)
    ]


def message_of(error: Any, command: Any, ctx: Any, args: Sequence[str]) -> str:
    """Translate a usage error of click; args: what stood behind the command."""
    # By class name: typer ships a copy of click, so its classes are not those of an installed one.
    kind, param = type(error).__name__, getattr(error, "param", None)
    option = getattr(error, "option_name", "")
    if kind == "NoSuchOption":
        names = [name for p in command.get_params(ctx) for name in p.opts]
        known = [name for name in names if name.startswith("-")] + [LANG]
        if message := _as_settings(command, ctx, args, known):
            return message
        message = _("there is no option {name}.{near}", name=option, near=_like(option, known))
    elif kind == "MissingParameter" and param is not None:
        message = _(
            "`{command}` needs {name}: {what}.",
            command=ctx.command_path,
            name=names_of(param) if param.opts[0].startswith("-") else param.name.upper(),
            what=translated(param.help or ""),
        )
    elif kind == "BadOptionUsage" and "does not take" in error.message:
        message = _("{name} takes no value.", name=option)
    elif kind == "BadOptionUsage":
        message = _("{name} needs a value.", name=option)
    elif kind == "BadParameter" and param is not None:
        return _("{name}: {message}", name=names_of(param), message=_reason(error))
    else:
        message = str(error.format_message())
    return joined([message, hint(ctx)])


def surplus(ctx: Any) -> WeitiaoError:
    """The error for arguments that a command has no place for."""
    message = _(
        "{words}: too many arguments for `{command}`.",
        words=" ".join(ctx.args),
        command=ctx.command_path,
    )
    return WeitiaoError(joined([message, hint(ctx)]))


def unknown_command(name: str, rest: Sequence[str], known: Sequence[str], ctx: Any) -> WeitiaoError:
    """The error for a command that does not exist, with the one that was most likely meant."""
    meant = SAME_COMMAND.get(name.lower()) or _command_for(name)
    if meant:
        line = shlex.join([*ctx.command_path.split(), *meant.split(), *rest])
        near = _(" Did you mean `{command}`?", command=line)
    else:
        near = _near(name, known)
    message = _("there is no command {name!r}.{near}", name=name, near=near)
    return WeitiaoError(message if meant else joined([message, hint(ctx)]))


def _command_for(name: str) -> str:
    """The command for a file or run that stands in its place; empty for anything else."""
    path = Path(name)
    if (path / "plan.yaml").is_file():
        return shlex.join(["evaluate", name])
    if path.suffix.lower() in (".yaml", ".yml"):
        return shlex.join(["train", name])
    if name.startswith(("sample:", "hf:")) or (path.suffix and path.is_file()):
        return shlex.join(["fit", name])
    return ""


def names_of(option: Any) -> str:
    """An option as it is written in help: all names and its value."""
    names = ", ".join(sorted(option.opts, key=len))
    value = max(option.opts, key=len).lstrip("-").upper().replace("-", "_")
    return names if option.is_flag else f"{names} {value}"


def hint(ctx: Any) -> str:
    """Where the help of a command is."""
    return _("See `{command} --help`.", command=ctx.command_path)


def _as_settings(command: Any, ctx: Any, args: Sequence[str], known: Sequence[str]) -> str:
    """Message about options that are settings of a plan; empty where none is, or a command takes
    none."""
    if not TAKES_SETTINGS & {p.name for p in command.get_params(ctx)}:
        return ""
    kept, settings, notes, named = [], [], [], []
    for option, value in _pairs(args, known):
        same = SAME_OPTION.get(option.replace("_", "-"), "")
        path = "" if option in known or same in known else _setting(option)
        own = same if same in known else OPTIONS.get(path, "")
        if path or (option not in known and own in known):
            named.append(option)
        if option not in known and own in known:
            kept += [own, *value]
        elif option in known or not option.startswith("-"):
            kept += [option, *value]
        elif not path:
            near = _like(option, known)
            notes.append(_("there is no option {name}.{near}", name=option, near=near))
        elif remark := _remark(option.lstrip("-").replace("-", "_")):
            notes.append(remark)
        else:
            settings.append(f"{path}={value[0] if value else 'true'}")
    if not named:
        return ""
    names = ", ".join(named)
    lines = [
        _("{names}: no such option; settings of the plan follow as name=value.", names=names)
        if settings or notes
        else _("{names}: no such option.", names=names),
        *notes,
    ]
    if settings or not notes:
        line = shlex.join([*ctx.command_path.split(), *kept, *settings])
        lines.append(_("Write: {command}", command=line))
    return joined(lines)


def _pairs(args: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each word with the value that follows an unknown option: --epochs 3, --epochs=3."""
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or name in known:
            yield word, []
        elif equals:
            yield name, [value]
        elif waiting and not waiting[0].startswith("-"):
            yield name, [waiting.pop(0)]
        else:
            yield name, []


def _setting(option: str) -> str:
    """The path of the plan's setting that an option of this name means; empty for none."""
    from weitiao.planfile import aliases
    from weitiao.planfile.plan import homes, likely_home

    if not option.startswith("-"):
        return ""
    name = option.lstrip("-").replace("-", "_")
    if path := OF_READERS.get(name.replace("_", "-")):
        return path
    if name in aliases.INSTEAD:
        return name
    if name in aliases.ALIASES:
        return aliases.ALIASES[name]
    _section, dot, field = name.partition(".")
    found = [path for path in homes(field) if path == name] if dot else homes(name)
    return found[0] if found else likely_home(name) if len(name) > 3 else ""


def _remark(name: str) -> str:
    """What else there is to know of a setting whose value cannot be taken over as it is."""
    from weitiao.planfile import aliases

    takes_over = name in aliases.ALIASES and name not in aliases.NOTES
    rows = aliases.ALIASES.get(name) == "train.batch_size"
    return "" if takes_over or rows else aliases.counterpart(name)


def _like(option: str, known: Sequence[str]) -> str:
    same = SAME_OPTION.get(option.replace("_", "-"), "")
    if same in known:
        return _(" Did you mean {name!r}?", name=same)
    dashed = option.replace("_", "-").lower()
    return _near(dashed if dashed in known else option, known)


def _reason(error: Any) -> str:
    items = getattr(error.__cause__, "errors", None)
    if items is None:  # typer before 0.20: English only
        return str(error.message)
    from weitiao.core.fields import sentence

    return sentence(items()[:1])


def _near(name: str, known: Sequence[str]) -> str:
    from weitiao.core.fields import near

    return near(name, known)
