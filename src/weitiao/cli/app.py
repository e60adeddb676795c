"""Entry point of the command line: commands in the order of the help, error handling, exit codes.

Messages go to stderr; stdout holds JSON and requested output only. Exit codes: 0 success, 1 a bug
(traceback), 2 a user error (one message), 3 doctor found a problem, 4 the model does not meet its
criteria (`evaluate --gate`), 130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from weitiao.cli import help as usage
from weitiao.cli import terminal
from weitiao.cli.commands import compare, evaluate, listing, machine, predict, train
from weitiao.core import disk
from weitiao.errors import WeitiaoError
from weitiao.i18n import messages
from weitiao.i18n.messages import _

app = typer.Typer(
    cls=usage.Verbs,
    name="weitiao",
    help="weitiao (微调): from labelled text to a fine-tuned, honestly evaluated language model.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# Every command, in the order of the help.
for _verb in (
    train.fit,
    train.look,
    train.plan,
    train.check,
    train.train,
    evaluate.evaluate,
    evaluate.calibrate,
    compare.report,
    compare.compare,
    compare.experiment,
    predict.predict,
    predict.explain,
    listing.runs,
    listing.parts,
    listing.schema,
    machine.doctor,
    machine.probe,
    machine.bundle,
    listing.cache,
):
    app.command(cls=usage.Verb)(_verb)


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
        # Not standalone: click would print its errors in English and exit with its own codes.
        code = app(words, standalone_mode=False)
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


def _remarks_of_cache() -> list[str]:
    module = sys.modules.get("weitiao.data.cache.checked")  # commands that read no rows load none
    return module.remarks() if module else []


if __name__ == "__main__":
    main()
