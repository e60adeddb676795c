"""Entry point of the command line: commands in the order of the help, error handling, exit codes.

Messages go to stderr; stdout holds JSON and requested output only. Exit codes: 0 success, 1 a bug
(traceback), 2 a user error (one message), 3 doctor found a problem, 4 the model does not meet its
criteria (`evaluate --gate`), 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Annotated, Any

import typer
from typer import completion
from typer.main import get_command

from weitiao.api.distributed import rank
from weitiao.cli import help as usage
from weitiao.cli import terminal
from weitiao.cli.commands import (
    annotate,
    ask,
    augment,
    choose,
    clean,
    code,
    compare,
    convert,
    document,
    evaluate,
    export,
    listing,
    look,
    machine,
    predict,
    review,
    train,
    tune,
)
from weitiao.core import disk, notice
from weitiao.errors import WeitiaoError
from weitiao.i18n import messages
from weitiao.i18n.messages import _
from weitiao.version import __version__

COMPLETE = "_WEITIAO_COMPLETE"  # variable in which the shell says what it wants

app = typer.Typer(
    cls=usage.Verbs,
    name="weitiao",
    help="weitiao (微调): from labelled text to a fine-tuned, honestly evaluated language model.",
    add_completion=False,
    context_settings={"help_option_names": usage.HELP_OPTIONS},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        terminal.print_text(f"weitiao {__version__}")
        raise typer.Exit


def _install_completion(wanted: bool) -> None:
    if wanted:
        shell, path = completion.install()  # type: ignore[attr-defined]
        message = _(
            "completion for {shell} is set up in {path}; it works in a new terminal.",
            shell=shell,
            path=path,
        )
        terminal.say(message)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    completed: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            callback=_install_completion,
            is_eager=True,
            help="complete commands and options by the tab key, in this shell",
        ),
    ] = False,
) -> None:
    """Options without a command."""


# Every command, in the order of the help.
for _verb in (
    train.fit,
    look.look,
    clean.clean,
    convert.convert,
    annotate.annotate,
    review.review,
    augment.augment,
    choose.choose,
    train.plan,
    train.check,
    document.document,
    code.code,
    train.train,
    tune.tune,
    evaluate.evaluate,
    evaluate.calibrate,
    compare.report,
    compare.compare,
    compare.experiment,
    predict.predict,
    predict.explain,
    ask.ask,
    export.export,
    listing.runs,
    listing.parts,
    choose.models,
    listing.schema,
    machine.doctor,
    machine.probe,
    machine.bundle,
    listing.cache,
):
    app.command(cls=usage.Verb)(_verb)


@cache
def _command() -> Any:
    """The commands as click has them, which takes a tenth of a second to build."""
    return get_command(app)


def main() -> None:
    """Run the command line: user errors become one message, Ctrl-C no traceback."""
    # First of all: it may replace the process, and a message before it would be printed twice.
    terminal.leave_ascii()
    terminal.open_streams()
    try:
        lang, words = usage.language_of(sys.argv[1:])
        messages.use(lang)
        if not (lang or terminal.can_show(messages.language())):
            messages.use("en")
        if COMPLETE in os.environ:  # a shell asks for completions
            completion.completion_init()  # type: ignore[attr-defined]
        # Not standalone: click would print its errors in English and exit with its own codes.
        with notice.listening(terminal.say if rank() == 0 else _ignored):
            code = _command()(words, prog_name="weitiao", standalone_mode=False)
    except WeitiaoError as error:
        terminal.complain(str(error))
        code = 2
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        if not (isinstance(error, OSError) and disk.is_refusal(error)):
            terminal.report_bug()
            raise SystemExit(1) from None
        terminal.complain(disk.explanation(error))
        code = 2
    for line in _remarks_of_cache():
        terminal.say(line)
    if code == 130:
        terminal.say(_("interrupted"))
    if code:
        sys.exit(code)


def _ignored(text: str) -> None:
    """Of several processes, the first one speaks."""


def _remarks_of_cache() -> list[str]:
    module = sys.modules.get("weitiao.data.cache.checked")  # commands that read no rows load none
    return module.remarks() if module else []


if __name__ == "__main__":
    main()
