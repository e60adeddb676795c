"""Commands that answer with a trained run: predict, explain."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from weitiao.cli import show_results, terminal
from weitiao.cli.options import (
    Executor,
    Force,
    Form,
    Json,
    Precision,
    Predictions,
    RunFolder,
    Sheet,
    SkipBad,
    Threads,
    Workers,
    changes_of,
    loading,
    names_rows,
    on_cluster,
    require_run,
    roles_of,
)
from weitiao.core import notice
from weitiao.core.script import UNSEPARATED
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, joined, plural

STREAM = "-"  # standard input, or standard output
_STREAMS = (STREAM, "/dev/stdin", "/dev/stdout")
SHORT_WORD = 4  # characters of Chinese from which a word without an ending is a text, and no path

_BOTH = "a text to predict, again for each; beside a file: its column with this text"


def predict(
    run: RunFolder,
    rows: Annotated[
        list[str] | None,
        typer.Argument(help="data files, a text in quotes, or - for standard input"),
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help=_BOTH)] = None,
    text_pair: Annotated[list[str] | None, typer.Option(help="the second text of a pair")] = None,
    premise: Annotated[list[str] | None, typer.Option(help="in place of --text")] = None,
    hypothesis: Annotated[list[str] | None, typer.Option(help="in place of --text-pair")] = None,
    question: Annotated[list[str] | None, typer.Option(help="to answer from --context")] = None,
    context: Annotated[list[str] | None, typer.Option(help="the text with the answer")] = None,
    roles: Annotated[
        str | None, typer.Option(help="columns of the file: premise=a,hypothesis=b")
    ] = None,
    output: Predictions = None,
    form: Form = None,
    shape: Annotated[
        str | None,
        typer.Option(help="of names and other spans: long, a row for each, or wide, a list"),
    ] = None,
    force: Force = False,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    threads: Threads = None,
    precision: Precision = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="answer with the run's TF-IDF and linear model")
    ] = False,
    executor: Executor = None,
    workers: Workers = None,
    json_: Json = False,
) -> None:
    """Predict rows: the input's columns plus prediction, score and score_<label>."""
    words = list(rows or [])
    options_of_roles = {
        "text": text, "text_pair": text_pair, "premise": premise, "hypothesis": hypothesis,
        "question": question, "context": context,
    }  # fmt: skip
    by_role = {role: values for role, values in options_of_roles.items() if values}
    require_run(run, "predict")
    files, texts, changes = _sorted(run, words)
    if not (files or texts or by_role) and not sys.stdin.isatty():
        files = [STREAM]
    _require_one_kind(files, texts, by_role)
    columns: dict[str, str] = {}
    if files:
        columns = {role: values[-1] for role, values in by_role.items()}
        columns |= {role: str(column) for role, column in roles_of(None, None, roles).items()}
    to_stream = output in _STREAMS or (output is None and not (files and files[0] not in _STREAMS))
    options = {
        "form": form,
        "shape": shape,
        "roles": columns,
        "sheet": sheet,
        "reader": _reader_of(changes),
        "skip_bad": skip_bad,
        "force": force,
        "threads": threads,
        "precision": precision,
        "baseline": baseline,
    }
    there = on_cluster(executor, workers)
    if there and (to_stream or not files or files[0] in _STREAMS):
        raise WeitiaoError(_("--executor ray reads files and writes one: name them, -o as well."))
    if not to_stream:
        from weitiao.api.written_table import checked_form

        checked_form(output or "predictions.csv", form, force)  # before PyTorch is loaded
    with _opened(files, texts, by_role) as given:
        _check_inputs(run, given, options)
        if not to_stream:
            out = Path(output or "predictions.csv")
            if there:
                count = _predicted_there(run, given, out, options, workers or 2)
            else:
                count = _predicted(run, given, out, options)
            if json_:
                terminal.print_json({"rows": count, "output": str(out)})
            else:
                message = _("predicted {rows}: {path}", rows=plural(count, "row"), path=out)
                terminal.say(message)
        elif json_ or (form is None and output is None and sys.stdout.isatty()):
            lines = io.StringIO()
            count = _predicted(run, given, lines, {**options, "form": "jsonl"})
            answers = [json.loads(line) for line in lines.getvalue().splitlines()]
            if json_:
                terminal.print_json({"rows": count, "output": STREAM, "predictions": answers})
            else:
                show_results.show_predictions(answers)
        else:
            with terminal.output() as stream:
                _predicted(run, given, stream, options)


def _check_inputs(run: Path, given: Any, options: Mapping[str, Any]) -> None:
    """Raises WeitiaoError where the model cannot read these rows; before PyTorch is loaded."""
    from weitiao.api.prediction_input import check_inputs
    from weitiao.data.files.open import ReadOptions

    sheet = {"xlsx": {"sheet": options["sheet"]}} if options["sheet"] else {}
    how = ReadOptions(options["reader"] or sheet, options["skip_bad"])
    with notice.during(_("reading the rows")):
        check_inputs(run, given, how, options["roles"], options["baseline"])


def _predicted(run: Path, given: Any, output: Path | IO[str], options: Mapping[str, Any]) -> int:
    with loading():
        from weitiao.api.predict import predict
    with terminal.counting(_("rows")) as step:
        return predict(run, given, output, step=step, say=terminal.say, **options)


def _predicted_there(
    run: Path, given: Any, output: Path, options: Mapping[str, Any], workers: int
) -> int:
    with loading():
        from weitiao.cluster.predict import predict_on_cluster
    more = {name: value for name, value in options.items() if name != "threads"}
    cpus = options["threads"] or 1
    with terminal.counting(_("rows")) as step:
        return predict_on_cluster(
            run, given, output, workers=workers, cpus=cpus, step=step, say=terminal.say, **more
        )


@contextmanager
def _opened(
    files: Sequence[str], texts: Sequence[str], by_role: Mapping[str, Sequence[str]]
) -> Iterator[Any]:
    """What is to be predicted, as the API takes it; standard input is a file meanwhile."""
    from weitiao.api.prediction_input import Texts, saved_stream

    if files and files[0] in _STREAMS:
        if sys.stdin.isatty():
            terminal.say(_("Type a text on each line; an end of file (Ctrl-D) ends."))
        with saved_stream(sys.stdin.buffer) as path:
            yield str(path)
    elif texts and all(map(_is_json, texts)):
        with saved_stream(io.BytesIO("\n".join(texts).encode())) as path:
            yield str(path)
    elif files:
        yield files[0] if len(files) == 1 else [Path(file) for file in files]
    else:
        yield Texts(by_role, texts)


def _reader_of(changes: Sequence[str]) -> Mapping[str, Any] | None:
    from weitiao.cli.options import how_of

    wanted = changes_of(changes)
    wrong = [path for path in wanted if not path.startswith("data.reader")]
    if wrong:
        message = _(
            "{path}: predict changes nothing but how a file is read: data.reader.csv.header=false",
            path=wrong[0],
        )
        raise WeitiaoError(message)
    return how_of(None, False, wanted).reader or None


# --- what the words are


def _sorted(run: Path, words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Sort words into data files, texts and changes. Raises WeitiaoError for an unclear one."""
    kinds = {word: _kind(word) for word in words}
    unclear = [word for word in words if not kinds[word]]
    if unclear and len(words) > 1 and "file" not in kinds.values():
        message = _(
            "{word}: no such file. Put a text in quotes: weitiao predict {run} {text}",
            word=unclear[0],
            run=str(run),
            text=json.dumps(" ".join(words), ensure_ascii=False),
        )
        raise WeitiaoError(message)
    if unclear:
        raise WeitiaoError(_no_file(run, unclear[0]))
    files, texts, changes = (
        [word for word in words if kinds[word] == kind] for kind in ("file", "text", "change")
    )
    return files, texts, changes


def _kind(word: str) -> str:
    """What a word is by its form: "file", "text", "change", or "" where it may be either."""
    if not word.strip():
        raise WeitiaoError(_("a word is empty: neither a file nor a text."))
    if word in _STREAMS or word.startswith(("sample:", "hf:")):
        return "file"
    if re.match(r"[a-z_]+\.[\w.-]+=", word):
        return "change"
    if _is_json(word):
        return "text"
    try:
        if names_rows(word) and (not re.search(r"\s", word) or Path(word).exists()):
            return "file"
    except OSError:  # longer than a name may be
        return "text"
    if re.match(r"(/|\.\.?/|~|[A-Za-z]:[\\/])\S", word):
        return "file"
    if re.search(r"\s", word.strip()):
        from weitiao.data.files.detect import endings

        ending = word.rpartition(".")[2].lower()
        return "" if ending in endings() else "text"
    spoken = len(re.findall(rf"[{UNSEPARATED}]", word)) >= SHORT_WORD or word[-1:] in "!?！？。…"
    return "text" if word and spoken else ""


def _is_json(word: str) -> bool:
    if not word.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(word), dict)
    except ValueError:
        return False


def _no_file(run: Path, word: str) -> str:
    from weitiao.data.files import find

    try:
        find.find(word)
    except WeitiaoError as error:
        reason = str(error)
    else:
        reason = ""
    remedy = _(
        "If it is a text: weitiao predict {run} --text {text}",
        run=str(run),
        text=json.dumps(word, ensure_ascii=False),
    )
    return joined([reason, remedy])


def _require_one_kind(
    files: Sequence[str], texts: Sequence[str], by_role: Mapping[str, Sequence[str]]
) -> None:
    """Raises WeitiaoError where nothing is to be predicted, or files and texts together."""
    if not (files or texts or by_role):
        message = _(
            "there is nothing to predict. Give a file, a text in quotes, or - for standard input: "
            'weitiao predict RUN new.csv, weitiao predict RUN "a text"'
        )
        raise WeitiaoError(message)
    if texts and (files or by_role):
        other = files[0] if files else option_of(next(iter(by_role)))
        message = _(
            "{text!r} is a text, {other} something else: give one of them.",
            text=texts[0],
            other=other,
        )
        raise WeitiaoError(message)
    if len(files) > 1 and any(file in _STREAMS for file in files):
        raise WeitiaoError(_("- is standard input: it cannot be joined with files."))
    several = [role for role, values in by_role.items() if len(values) > 1]
    if files and several:
        message = _(
            "{option}: beside a file this names one column; to predict texts, leave out the file.",
            option=option_of(several[0]),
        )
        raise WeitiaoError(message)


def option_of(role: str) -> str:
    """The option that gives a role's text: --text-pair."""
    return f"--{role.replace('_', '-')}"


def explain(
    run: RunFolder,
    texts: Annotated[
        list[str], typer.Argument(help="a text, or one for each role, in the order of the model's")
    ],
    label: Annotated[
        str | None, typer.Option(help="explain the confidence in this label instead")
    ] = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Predict one text and show its most influential words."""
    require_run(run, "explain")
    with loading():
        from weitiao.api.predict import explain
    with notice.during(_("explaining: the text is predicted many times with words left out")):
        explanation = explain(run, texts, label=label, threads=threads)
    if json_:
        terminal.print_json(explanation.plain())
    else:
        show_results.show_explanation(explanation)
