"""The options that several verbs share, and how their texts become values."""

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
    str, typer.Argument(help="file with rows (csv, xlsx, jsonl, ...), a folder, or sample:NAME")
]
Changes = Annotated[list[str] | None, typer.Argument(help="changes, e.g. train.learning_rate=3e-5")]
Words = Annotated[
    list[str] | None,
    typer.Argument(help="more files with rows, and changes, e.g. train.learning_rate=3e-5"),
]
Text = Annotated[str | None, typer.Option(help="column with the text")]
Target = Annotated[
    str | None, typer.Option(help="column with the label or number (several: a,b,c)")
]
Roles = Annotated[
    str | None,
    typer.Option(help="more columns: premise=a,hypothesis=b; beside the text: columns=price"),
]
Task = Annotated[
    str | None,
    typer.Option(help="what is asked of a row; `weitiao parts tasks` lists them"),
]
Model = Annotated[str | None, typer.Option(help="minilm-l6, e5-small, a hub name or a folder")]
Revision = Annotated[str | None, typer.Option(help="branch, tag or commit of a hub model")]
Test = Annotated[str | None, typer.Option(help="file with test rows; else they are split off")]
Validation = Annotated[
    str | None, typer.Option(help="file with validation rows; else they are split off")
]
MaxRows = Annotated[int | None, typer.Option("--rows", min=10, help="use a sample of so many rows")]
Budget = Annotated[str | None, typer.Option(help="time for everything, e.g. 90s, 5m, 1h")]
Seed = Annotated[int | None, typer.Option(min=0, help="seed of head, dropout and row order")]
Seeds = Annotated[
    int | None, typer.Option(min=2, help="so many runs that differ in the seed alone")
]
Threads = Annotated[int | None, typer.Option(min=1, help="processor threads to use")]
Precision = Annotated[
    str | None, typer.Option(help="auto, fp32, onednn or bf16; else what the model's plan says")
]
Out = Annotated[Path, typer.Option(help="folder for runs")]
Resume = Annotated[Path | None, typer.Option(help="go on with this run where it stopped")]
RunFolder = Annotated[Path, typer.Argument(help="a run, or a saved model")]
PlanFile = Annotated[Path, typer.Option("-o", "--output", help="where the plan goes")]
Answers = Annotated[Path, typer.Option("-o", "--output", help=".csv, .tsv or .jsonl")]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="set rows aside that cannot be read, and go on")
]
Sheet = Annotated[str | None, typer.Option(help="sheet of a workbook; else the one with most rows")]
Json = Annotated[bool, typer.Option("--json", help="one line of JSON at the end of the output")]


def roles_of(text: str | None, target: str | None, roles: str | None) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for pair in (roles or "").split(","):
        role, equals, column = pair.partition("=")
        if pair and not (equals and role.strip() and column.strip()):
            told = _("--roles: {pair!r} is not role=column, e.g. premise=a,hypothesis=b.",
                        pair=pair)  # fmt: skip
            raise WeitiaoError(told)
        if pair:
            found[role.strip()] = _more(found.get(role.strip()), column.strip())
    if text:
        found["text"] = text
    if target:
        found["target"] = target.split(",") if "," in target else target
    return found


def _more(before: str | list[str] | None, column: str) -> str | list[str]:
    """One column, or the columns of a role that is named several times."""
    if before is None:
        return column
    return [*([before] if isinstance(before, str) else before), column]


def changes_of(given: Sequence[str] | None) -> dict[str, Any]:
    from weitiao.planfile import read

    found = {}
    for change in given or []:
        path, equals, value = change.partition("=")
        if not equals or not re.fullmatch(r"[\w.-]+", path):
            told = _("{change!r} is not path=value, e.g. train.learning_rate=3e-5.",
                        change=change)  # fmt: skip
            raise WeitiaoError(told)
        found[path], _unused = read.parse(value, f"{path}=")
    return found


def seconds_of(budget: str | None) -> float | None:
    """ "90s", "5m", "1h30m" or plain seconds, as seconds."""
    if budget is None:
        return None
    total = seconds(budget)
    if total is None:
        told = _("--budget: {budget!r} is not a time; write 90s, 5m or 1h30m.", budget=budget)
        raise WeitiaoError(told)
    if total < 1:
        raise WeitiaoError(_("--budget: less than a second is no time to learn."))
    return total


def parted(rows: str, words: Sequence[str] | None) -> tuple[str | list[str], dict[str, Any]]:
    """The files with rows and the changes: a word without "=", or one that is a file, is a file."""
    more = [word for word in words or [] if _names_rows(word)]
    changes = changes_of([word for word in words or [] if word not in more])
    return [rows, *more] if more else rows, changes


def _names_rows(word: str) -> bool:
    from weitiao.data.files.detect import endings

    if Path(word).exists():
        return True
    return "=" not in word and (
        re.search(r"[/\\*?]", word) is not None or word.rpartition(".")[2].lower() in endings()
    )


def how_of(
    sheet: str | None, skip_bad: bool, changes: Mapping[str, Any] | None = None
) -> ReadOptions:
    """How the rows are read, by the options and the changes."""
    from weitiao.data.files.open import ReadOptions

    return ReadOptions({"xlsx": {"sheet": sheet}} if sheet else {}, skip_bad).changed(changes)


def open_rows(rows: Paths | None, others: Iterable[Paths | None], how: ReadOptions) -> None:
    """Read the rows' files once (they stay in the cache): what is wrong with them is said before
    anything heavy is imported."""
    if rows:
        how.open(rows)
        for other in filter(None, others):
            how.open_other(other, rows)
