"""The command line: the verbs in the order of the help, and what happens to mistakes.

What is for people goes to standard error; standard output holds answers and JSON only. Exit codes:
0 done, 1 a fault of ours (traceback), 2 a mistake in what was asked (one message), 3 doctor has
found a problem, 4 the model is not accepted (`evaluate --gate`), 130 interrupted.
"""

from __future__ import annotations

import sys

import typer

from weitiao.cli import help as usage
from weitiao.cli import terminal
from weitiao.cli.commands import cache, compare, experiment, judge, machine, report, train, use
from weitiao.core import disk
from weitiao.errors import WeitiaoError
from weitiao.i18n import messages
from weitiao.i18n.messages import _

app = typer.Typer(
    cls=usage.Verbs,
    name="weitiao",
    help="weitiao (微调): from labelled text to a fine-tuned, honestly judged language model.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# Every verb, in the order of the help; their functions stand in commands/.
for _verb in (
    train.fit,
    train.look,
    train.plan,
    train.check,
    train.train,
    use.evaluate,
    judge.calibrate,
    report.report,
    compare.compare,
    experiment.experiment,
    use.predict,
    judge.explain,
    use.runs,
    use.parts,
    use.schema,
    machine.doctor,
    machine.probe,
    machine.bundle,
    cache.cache,
):
    app.command(cls=usage.Verb)(_verb)


def main() -> None:
    """Run the command line; a user's mistake is one message, an interruption is no crash."""
    terminal.leave_ascii()
    terminal.open_streams()
    try:
        wanted, words = usage.language_of(sys.argv[1:])
        messages.use(wanted)
        if not (wanted or terminal.can_show(messages.language())):
            messages.use("en")
        code = app(words, standalone_mode=False)
    except WeitiaoError as error:
        terminal.complain(str(error))
        code = 2
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        if not (isinstance(error, OSError) and disk.is_refusal(error)):
            terminal.admit()
            raise SystemExit(1) from None
        terminal.complain(disk.explanation(error))
        code = 2
    if code == 130:
        terminal.say(_("interrupted"))
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main()
