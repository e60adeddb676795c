"""Options shared by several commands, and the parsing of their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import terminal
from weitiao.core import notice
from weitiao.core.clock import seconds
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, joined, plural

if TYPE_CHECKING:
    from weitiao.data.files.open import ReadOptions
    from weitiao.data.files.table import Source

FEW_FILES = 200  # in a folder: fewer are asked about before their folders become labels

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
SourceLang = Annotated[
    str | None, typer.Option(help="language of the texts of a translation: en, zh, de, ...")
]
TargetLang = Annotated[str | None, typer.Option(help="language of the translations")]
Test = Annotated[str | None, typer.Option(help="file with test rows; default: split off")]
Validation = Annotated[
    str | None, typer.Option(help="file with validation rows; default: split off")
]
MaxRows = Annotated[
    int | None, typer.Option("--rows", min=10, help="use a random sample of this many rows")
]
Corrections = Annotated[
    str | None, typer.Option(help="review table of `weitiao review` with decisions about rows")
]
Unknown = Annotated[
    bool,
    typer.Option("--unknown", help="answer `unknown` to inputs that belong to none of the labels"),
]
UnknownLabel = Annotated[
    list[str] | None,
    typer.Option(
        "--unknown-label",
        help="label of rows that are such inputs: not learned, they choose and test --unknown "
        "(may be repeated)",
    ),
]
Budget = Annotated[str | None, typer.Option(help="total time, e.g. 90s, 5m, 1h")]
Seed = Annotated[int | None, typer.Option(min=0, help="random seed of head, dropout and row order")]
Seeds = Annotated[
    int | None, typer.Option(min=2, help="number of runs that differ only in the seed")
]
Threads = Annotated[int | None, typer.Option(min=1, help="number of processor threads")]
Executor = Annotated[
    str | None, typer.Option(help="where it runs: local (this process), ray (a cluster)")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="with --executor ray: processes at once; default 2")
]
Precision = Annotated[
    str | None, typer.Option(help="auto, fp32, onednn or bf16; default: the plan's")
]
Out = Annotated[Path, typer.Option(help="folder for runs")]
Resume = Annotated[Path | None, typer.Option(help="resume this run where it stopped")]
RunFolder = Annotated[Path, typer.Argument(help="a run, or a saved model")]
PlanFile = Annotated[Path, typer.Option("-o", "--output", help="file for the plan")]
FullPlan = Annotated[
    bool, typer.Option("--full", help="write every setting, also those with their default")
]
Measure = Annotated[
    bool,
    typer.Option(
        "--measure", help="expected time, memory and score, from a rehearsal: takes a minute"
    ),
]
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
Yes = Annotated[bool, typer.Option("--yes", help="do not ask before removing")]
Name = Annotated[
    str | None, typer.Option(help="name of the run's folder; default: of the rows, with a number")
]
FolderLabels = Annotated[
    bool,
    typer.Option("--folder-labels", help="take names of sub-folders for labels, without asking"),
]
Form = Annotated[
    str | None,
    typer.Option("--format", help="csv, tsv, jsonl, json, xlsx or parquet; default: the ending"),
]
FineTune = Annotated[
    bool, typer.Option("--fine-tune", help="with --try: train each time, which takes long")
]
TrialSeeds = Annotated[int, typer.Option(min=2, help="with --try: paired seeds")]
Force = Annotated[bool, typer.Option("--force", help="overwrite the output")]
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


def refuse_existing(path: Path | None, force: bool) -> None:
    """Raise WeitiaoError where a file is there already, before the work that it is for."""
    if path and path.exists() and not force:
        message = _("{file}: this file exists already. --force overwrites it.", file=path)
        raise WeitiaoError(message)


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


def files_of(paths: str | list[str]) -> str | list[Path]:
    """Data files as the API takes them, for which a list of plain words is a list of texts."""
    return paths if isinstance(paths, str) else [Path(path) for path in paths]


def part_settings(
    place: str, names: Sequence[str] | None, changes: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Name -> settings of the parts that an option names (--step aeda) and that changes do
    (data.steps.aeda.share=0.2), None where none is; and the other changes."""
    from weitiao.planfile.sections import as_parts

    settings: dict[str, Any] = {name: {} for name in names or []}
    others: dict[str, Any] = {}
    for path, value in changes.items():
        name, dot, setting = path.removeprefix(f"{place}.").partition(".")
        if path == place:
            settings |= {one: dict(own) for one, own in as_parts(value).items()}
        elif not path.startswith(f"{place}."):
            others[path] = value
        elif dot:
            settings.setdefault(name, {})[setting] = value
        else:
            settings[name] = dict(value or {})
    return settings or None, others


def names_rows(word: str) -> bool:
    """Whether a word names a data file, by what is there or by its form."""
    from weitiao.data.files.detect import endings
    from weitiao.data.files.find import expanded

    if any(Path(one).exists() for one in expanded(word)):
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


def confirm_folder_labels(rows: Paths, wanted: bool) -> None:
    """Ask before the names of sub-folders with few files become labels: it may be any folder.

    Raises WeitiaoError when the answer is no, or nobody can be asked.
    """
    from weitiao.data.files import find
    from weitiao.data.files.detect import endings

    for folder in [Path(name) for name in ([rows] if isinstance(rows, str) else rows)]:
        if wanted or not folder.is_dir():
            continue
        labels = find.folder_shape(folder, set(endings())).labels
        if not labels or sum(map(len, labels.values())) >= FEW_FILES:
            continue
        counts = joined([f"{name} ({len(files):,})" for name, files in labels.items()], ", ")
        question = _(
            "{folder}: its sub-folders hold texts, a file each: {counts}. Are their names the "
            "labels?",
            folder=str(folder),
            counts=counts,
        )
        if not terminal.confirmed(question, "--folder-labels"):
            raise WeitiaoError(_("{folder}: name a file with rows instead.", folder=str(folder)))


def loading() -> AbstractContextManager[None]:
    """Around the import of the API, which imports PyTorch: seconds, when it is not in memory."""
    return notice.during(_("loading PyTorch and transformers"))


def open_rows(
    rows: Paths | None, others: Iterable[Paths | None], how: ReadOptions
) -> Source | None:
    """Read the data files into the cache, so that mistakes in them are reported before torch is
    imported. A database is read once, later: None."""
    from weitiao.data.readers.sql import is_address

    if not rows or is_address(rows):
        return None
    with notice.during(_("reading the rows")):
        source = how.open(rows)
        for other in filter(None, others):
            how.open_other(other, rows)
    return source


def check_columns(
    source: Source | None,
    roles: Mapping[str, Any] | None,
    task: str | None,
    changes: Mapping[str, Any],
    languages: tuple[str | None, str | None] = (None, None),
) -> None:
    """Raises DataError where the columns do not tell what they mean, before torch is imported.

    A plan's own `task` and `data.roles` among the changes are looked at later, with the plan.
    """
    if source is None or any(path.startswith(("task", "data.roles")) for path in changes):
        return
    from weitiao.data.infer.column_stats import columns_of
    from weitiao.data.infer.roles import guess_roles
    from weitiao.labels.texts.languages import columns_in

    of_languages = {}
    if all(languages):
        of_languages = columns_in(columns_of(source.table), *map(str, languages))
    guess_roles(source.table, {**of_languages, **(roles or {})}, task)


def on_cluster(executor: str | None, workers: int | None) -> bool:
    """Whether --executor names the cluster. Raises WeitiaoError for another name."""
    if executor not in (None, "local", "ray"):
        raise WeitiaoError(_("--executor: {name!r} is neither local nor ray.", name=executor))
    if workers and executor != "ray":
        raise WeitiaoError(_("--workers is for --executor ray."))
    return executor == "ray"


def require_run(folder: Path, command: str) -> None:
    """Raises WeitiaoError where a run cannot be, naming one that may be meant.

    command: that takes it as its first argument.
    """
    try:
        is_file, exists = folder.is_file(), folder.exists()
    except OSError:  # a text, longer than a name may be
        is_file = exists = False
    if is_file:
        message = _(
            "{file}: this is a file. The run comes first: weitiao {command} RUN {file}; "
            "`weitiao runs` lists runs.",
            file=str(folder),
            command=command,
        )
        raise WeitiaoError(message)
    if not exists:
        from weitiao.api.runs import nearest_run  # imports pydantic

        close = nearest_run(folder.name, [one.parent for one in Path("runs").glob("*/plan.yaml")])
        hint = _(" Did you mean {name!r}?", name=str(close)) if close else ""
        if command != "predict" and (not hint or folder.parent == Path()):
            return  # the command says what is missing
        message = _(
            "{folder}: no such run.{hint} `weitiao runs` lists runs; the run comes first: "
            "weitiao {command} RUN ...",
            folder=str(folder),
            command=command,
            hint=hint,
        )
        raise WeitiaoError(message)
    inner = sorted(folder.glob("*/plan.yaml"), key=lambda path: path.stat().st_mtime)
    if inner and not any((folder / name).exists() for name in ("plan.yaml", "weitiao.json")):
        message = _(
            "{folder}: holds {runs}; name one of them, e.g. the newest: {newest}",
            folder=str(folder),
            runs=plural(len(inner), "run"),
            newest=str(inner[-1].parent),
        )
        raise WeitiaoError(message)
