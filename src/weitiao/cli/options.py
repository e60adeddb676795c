"""Options shared by several commands, and the parsing of their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.core.clock import seconds
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

if TYPE_CHECKING:
    from weitiao.data.files.open import ReadOptions

Paths = str | Sequence[str]
Rows = Annotated[
    str, typer.Argument(help="data file (csv, xlsx, jsonl, ...), a folder, or sample:NAME")
]
Changes = Annotated[list[str] | None, typer.Argument(help="changes, e.g. train.learning_rate=3e-5")]
Words = Annotated[
    list[str] | None,
    typer.Argument(help="more data files, and changes, e.g. train.learning_rate=3e-5"),
]
Text = Annotated[str | None, typer.Option(help="column with the text")]
Target = Annotated[
    str | None, typer.Option(help="column with the label or number (several: a,b,c)")
]
Roles = Annotated[
    str | None,
    typer.Option(help="more columns: premise=a,hypothesis=b; extra input: columns=price"),
]
Task = Annotated[
    str | None,
    typer.Option(help="classification, regression, ...; `weitiao parts tasks` lists them"),
]
Model = Annotated[
    str | None, typer.Option(help="pre-trained model: minilm-l6, e5-small, a hub name or a folder")
]
Revision = Annotated[str | None, typer.Option(help="branch, tag or commit of a hub model")]
Test = Annotated[str | None, typer.Option(help="file with test rows; default: split off")]
Validation = Annotated[
    str | None, typer.Option(help="file with validation rows; default: split off")
]
MaxRows = Annotated[
    int | None, typer.Option("--rows", min=10, help="use a random sample of this many rows")
]
Budget = Annotated[str | None, typer.Option(help="total time, e.g. 90s, 5m, 1h")]
Seed = Annotated[int | None, typer.Option(min=0, help="random seed of head, dropout and row order")]
Seeds = Annotated[
    int | None, typer.Option(min=2, help="number of runs that differ only in the seed")
]
Threads = Annotated[int | None, typer.Option(min=1, help="number of processor threads")]
Precision = Annotated[
    str | None, typer.Option(help="auto, fp32, onednn or bf16; default: the plan's")
]
Out = Annotated[Path, typer.Option(help="folder for runs")]
Resume = Annotated[Path | None, typer.Option(help="resume this run where it stopped")]
RunFolder = Annotated[Path, typer.Argument(help="a run, or a saved model")]
PlanFile = Annotated[Path, typer.Option("-o", "--output", help="file for the plan")]
Predictions = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        help=".csv, .xlsx, .jsonl, .parquet, .tsv, .json; - for standard output; default: "
        "predictions.csv",
    ),
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="skip rows that cannot be read")]
Sheet = Annotated[
    str | None, typer.Option(help="sheet of a workbook; default: the one with most rows")
]
Json = Annotated[bool, typer.Option("--json", help="print one line of JSON to stdout")]


def roles_of(text: str | None, target: str | None, roles: str | None) -> dict[str, str | list[str]]:
    """Parse --text, --target and --roles: role -> column, or columns where a role stands several
    times. Raises WeitiaoError."""
    columns: dict[str, str | list[str]] = {}
    for pair in filter(None, (roles or "").split(",")):
        role, equals, column = (piece.strip() for piece in pair.partition("="))
        if not (equals and role and column):
            message = _(
                "--roles: {pair!r} is not role=column, e.g. premise=a,hypothesis=b.", pair=pair
            )
            raise WeitiaoError(message)
        earlier = columns.get(role, [])
        earlier = [earlier] if isinstance(earlier, str) else earlier
        columns[role] = [*earlier, column] if earlier else column
    if text:
        columns |= {"text": text}
    if target:
        columns |= {"target": target.split(",") if "," in target else target}
    return columns


def changes_of(words: Sequence[str] | None) -> dict[str, Any]:
    """Parse path=value arguments to dotted path -> value, as YAML. Raises WeitiaoError."""
    from weitiao.planfile import read

    changes = {}
    for word in words or []:
        path, equals, value = word.partition("=")
        if not equals or not re.fullmatch(r"[\w.-]+", path):
            message = _("{change!r} is not path=value, e.g. train.learning_rate=3e-5.", change=word)
            raise WeitiaoError(message)
        changes[path], _unused = read.parse(value, f"{path}=")
    return changes


def seconds_of(budget: str | None) -> float | None:
    """Parse --budget ("90s", "5m", "1h30m", plain seconds) to seconds. Raises WeitiaoError."""
    if budget is None:
        return None
    total = seconds(budget)
    if total is None:
        message = _("--budget: {budget!r} is not a time; write 90s, 5m or 1h30m.", budget=budget)
        raise WeitiaoError(message)
    if total < 1:
        raise WeitiaoError(_("--budget: less than a second is too short."))
    return total


def parted(rows: str, words: Sequence[str] | None) -> tuple[str | list[str], dict[str, Any]]:
    """Split arguments into data files and changes: path=value is a change unless a file is so
    called."""
    # click has one list of further arguments, and a shell expands data/*.csv to many words: so the
    # order is free, and each word says by its form what it is.
    more = [word for word in words or [] if names_rows(word)]
    changes = changes_of([word for word in words or [] if word not in more])
    return [rows, *more] if more else rows, changes


def names_rows(word: str) -> bool:
    """Whether a word names a data file, by what is there or by its form."""
    from weitiao.data.files.detect import endings

    if Path(word).exists():
        return True
    # A path that does not exist counts as a file all the same: "no such file" helps more than "not
    # path=value" with a typing mistake in rows-2.csv.
    return "=" not in word and (
        re.search(r"[/\\*?]", word) is not None or word.rpartition(".")[2].lower() in endings()
    )


def how_of(
    sheet: str | None, skip_bad: bool, changes: Mapping[str, Any] | None = None
) -> ReadOptions:
    """ReadOptions from the options --sheet and --skip-bad and the plan changes."""
    from weitiao.data.files.open import ReadOptions

    return ReadOptions({"xlsx": {"sheet": sheet}} if sheet else {}, skip_bad).changed(changes)


def open_rows(rows: Paths | None, others: Iterable[Paths | None], how: ReadOptions) -> None:
    """Read the data files into the cache, so that mistakes in them are reported before torch is
    imported."""
    if rows:
        how.open(rows)
        for other in filter(None, others):
            how.open_other(other, rows)
