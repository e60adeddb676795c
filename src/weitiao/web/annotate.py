"""The verb `annotate`: rows, scheme and journal opened together; served as a page, or exported."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.annotation import columns, scheme, suggest
from weitiao.annotation.export import Exported, check_target
from weitiao.annotation.export import export as export_labels
from weitiao.annotation.journal import Journal
from weitiao.annotation.pool import Pool
from weitiao.annotation.queue import Shares
from weitiao.annotation.scheme import Scheme
from weitiao.annotation.session import Session
from weitiao.annotation.statistics import Figures, figures
from weitiao.core import disk
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source, from_rows
from weitiao.data.infer.roles import check_role
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, plural

FOLDER = Path("annotations")  # of journals that the user does not name
TARGET = "label"
MOST_GUIDELINE_BYTES = 5_000_000


@dataclass
class Annotation:
    """Rows that are being labelled; a context manager. `session` serves rows and takes answers."""

    session: Session
    target: str
    notes: list[str]
    order: str = "density"
    every: int = 10
    goal: float | None = None
    model: str | None = None
    prelabels: str | None = None
    _stops: list[Callable[[], None]] = field(default_factory=list)

    def __enter__(self) -> Annotation:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def next(self, annotator: str) -> dict[str, Any] | None:
        """The next row of an annotator, as the page gets it; None when all is done."""
        return self.session.next(annotator)

    def answer(self, annotator: str, row: Mapping[str, Any], value: Any) -> int:
        """Record an answer to a row of `next`; returns its number once it is on the disk."""
        return self.session.answer(annotator, row["ticket"], row["print"], value)

    def figures(self) -> Figures:
        """Progress, agreement, reliability, anchoring."""
        return figures(self.session)

    def export(self, path: str | Path) -> Exported:
        """Write the labelled rows (.csv, .xlsx, .jsonl, ...), with an honest split."""
        one = self.session
        return export_labels(one.pool, one.scheme, one.standing, one.queue, Path(path), self.target)

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8765,
        say: Callable[[str], None] = lambda text: None,
        opened: Callable[[str], None] = lambda address: None,
    ) -> None:
        """Serve the page until it is interrupted. opened: called with the address.

        Raises RunError when a package is missing or the port is taken.
        """
        from weitiao.web.serve import serve

        serve(self, host=host, port=port, say=say, opened=opened)

    def on_close(self, stop: Callable[[], None]) -> None:
        """Have something stopped by `close`, the last one first."""
        self._stops.insert(0, stop)

    def close(self) -> None:
        """Stop what runs beside, and close the journal."""
        for stop in self._stops:
            stop()
        self._stops.clear()
        self.session.journal.close()


def annotate(
    rows: Any,
    *,
    task: str | None = None,
    text: str | None = None,
    roles: Mapping[str, str] | None = None,
    labels: str | Sequence[str] | None = None,
    scale: str | None = None,
    target: str | None = None,
    journal: str | Path | None = None,
    guideline: str | Path | None = None,
    prelabels: str | None = None,
    gold: str | None = None,
    order: str = "density",
    every: int = 10,
    goal: float | None = None,
    model: str | None = None,
    shares: Shares | Mapping[str, float] | None = None,
    seed: int | None = None,
    sheet: str | None = None,
    skip_bad: bool = False,
) -> Annotation:
    """Open rows for labelling; `serve` shows the page, `export` writes the labels.

    rows: a file, a folder, a DataFrame or a list of dicts. task, labels, roles: as of the journal
    where it exists already. labels: names, or a file with one a line. scale: bounds of numbers,
    "1-5". journal: default annotations/NAME.jsonl. guideline: a text file. prelabels: a column, the
    folder of a run, or "names" (zero-shot by the labels' names). gold: a column of known labels,
    which are mixed in to check annotators. order: a part of `weitiao parts orders`. goal: the
    acceptance line from 0 to 1. shares: of "random" rows, of those that two annotators label
    ("double"), of "gold" rows, of "hidden" pre-labels; they and the seed stay those that a journal
    was begun with. Raises WeitiaoError.
    """
    options: dict[str, Any] = {
        "task": task, "text": text, "roles": roles, "labels": labels, "scale": scale,
        "target": target, "journal": journal, "prelabels": prelabels, "gold": gold,
        "shares": shares, "seed": seed, "sheet": sheet, "skip_bad": skip_bad,
    }  # fmt: skip
    parts.find("orders", order)
    _check_shares(_named(shares))
    session, notes, target, from_run = _open(rows, write=True, **options)
    if from_run == suggest.NAMES and (session.scheme.kind != "label" or model == "none"):
        session.journal.close()
        raise DataError(_("--prelabels names needs one label a row, and an encoder (--model)."))
    if guideline is not None and not session.set_guideline(_text_of(Path(guideline)), file=True):
        notes.append(_("{file} holds an earlier version of the guideline; the last one, written on "
                       "the page, stays", file=guideline))  # fmt: skip
    return Annotation(session, target, notes, order, every, goal, model, from_run)


def exported(rows: Any, path: str | Path, **options: Any) -> tuple[Exported, str]:
    """Export the labels of a journal, also while a server writes it; and the command that learns
    from them. options: as for `annotate`. Raises WeitiaoError."""
    unused = ("guideline", "order", "every", "goal", "model")
    options = {name: value for name, value in options.items() if name not in unused}
    session, _notes, target, _run = _open(rows, write=False, **options)
    done = Annotation(session, target, []).export(path)
    scheme_, words = session.scheme, ["weitiao", "fit", str(path), "--task", session.scheme.task]
    words += ["--roles", ",".join(f"{role}={name}" for role, name in scheme_.roles.items())]
    return done, shlex.join([*words, "--target", target])


def _open(
    rows: Any,
    *,
    write: bool,
    task: str | None = None,
    text: str | None = None,
    roles: Mapping[str, str] | None = None,
    labels: str | Sequence[str] | None = None,
    scale: str | None = None,
    target: str | None = None,
    journal: str | Path | None = None,
    prelabels: str | None = None,
    gold: str | None = None,
    shares: Shares | Mapping[str, float] | None = None,
    seed: int | None = None,
    sheet: str | None = None,
    skip_bad: bool = False,
) -> tuple[Session, list[str], str, str | None]:
    """The session, notes for the user, the target's column, pre-labels that are no column."""
    source = _opened(rows, sheet, skip_bad)
    path = Path(journal) if journal else FOLDER / f"{_stem(rows, source)}.jsonl"
    with _locked(path, write) as book:
        known = _known(book.records)
        wanted = dict(roles or {}) | ({"text": text} if text else {})
        column = prelabels if prelabels in source.columns else None
        asked = task or (known.task if known else _task_of(labels, scale, column or gold))
        besides = [name for name in (column, gold) if name]
        if known and not wanted:
            shown = dict(known.roles)
            for role, name in shown.items():
                check_role(role, name, source.columns)
        else:
            shown = columns.roles_for(source, asked, wanted, besides)
        pool = Pool.of(source, shown)
        plan = _scheme(pool, asked, shown, labels, scale, known, column or gold)
        settings = _settings(book.records, _named(shares), seed)
        target = target or TARGET
        check_target(pool, target)
        known_labels, unfit_gold = _cells(pool, plan, gold, "--gold") if gold else ({}, 0)
        session = Session(
            pool,
            plan,
            book,
            shares=Shares(**settings["shares"]),
            seed=settings["seed"],
            gold=known_labels,
        )
        if write and known and plan != known:
            session.widen(plan)
    notes = _notes(session, book)
    if gold:
        notes.append(_("{count:,} gold labels of column {column!r}; {unfit:,} do not fit",
                       count=len(known_labels), column=gold, unfit=unfit_gold))  # fmt: skip
    if column:
        session.suggestions, unfit = _cells(pool, plan, column, "--prelabels")
        notes.append(_("{count:,} pre-labels of column {column!r}; {unfit:,} do not fit",
                       count=len(session.suggestions), column=column, unfit=unfit))  # fmt: skip
    elif prelabels and prelabels != suggest.NAMES and not Path(prelabels).is_dir():
        book.close()
        message = _("--prelabels: {name!r} is no column of the rows and no run. {names} makes "
                    "them of the labels' names.", name=prelabels, names=suggest.NAMES)  # fmt: skip
        raise DataError(message)
    return session, notes, target, None if column else prelabels


@contextmanager
def _locked(path: Path, write: bool) -> Iterator[Journal]:
    """A journal that is closed again where opening fails."""
    book = Journal(path, write=write)
    try:
        yield book
    except BaseException:
        book.close()
        if write and not book.records:
            path.unlink(missing_ok=True)  # made a moment ago, and nothing is in it
        raise


def _opened(rows: Any, sheet: str | None, skip_bad: bool) -> Source:
    if not isinstance(rows, (str, Path)):
        return from_rows(rows)
    how = ReadOptions({"xlsx": {"sheet": sheet}} if sheet else {}, skip_bad)
    return how.open(str(rows))


def _stem(rows: Any, source: Source) -> str:
    name = Path(source.name).name if isinstance(rows, (str, Path)) else "rows"
    return name.split(".")[0].replace(":", "-") or "rows"


def _known(records: Sequence[Mapping[str, Any]]) -> Scheme | None:
    """The scheme of a journal: of its header, or as it was widened later."""
    plain = [record["scheme"] for record in records if record["kind"] in ("header", "scheme")]
    return Scheme.of(plain[-1]) if plain else None


def _named(shares: Shares | Mapping[str, float] | None) -> dict[str, float]:
    return shares.plain() if isinstance(shares, Shares) else dict(shares or {})


def _settings(
    records: Sequence[Mapping[str, Any]], shares: Mapping[str, float], seed: int | None
) -> dict[str, Any]:
    """Shares and seed: of the journal, else as wanted. Raises DataError where both differ."""
    if not records:
        return {"shares": Shares(**shares).plain(), "seed": seed or 0}
    begun: dict[str, float] = {**records[0]["shares"], "seed": records[0]["seed"]}
    wanted = {**shares} if seed is None else {**shares, "seed": seed}
    for name, value in wanted.items():
        if value != begun[name]:
            option = "--seed" if name == "seed" else f"--{name}-share"
            message = _("{option} {value:g}: the journal was begun with {begun:g}, which stays. "
                        "Leave the option out, or begin another one: --journal FILE",
                        option=option, value=value, begun=begun[name])  # fmt: skip
            raise DataError(message)
    return dict(records[0])


def _task_of(labels: Any, scale: str | None, column: str | None) -> str:
    if scale:
        return "regression"
    if labels is not None or column:
        return "classification"
    message = _(
        "say what to label: --labels positive,negative for one label a row, --scale 1-5 for "
        "numbers, or --task: {known}",
        known=name_list(scheme.KINDS),
    )
    raise DataError(message)


def _scheme(
    pool: Pool,
    task: str,
    roles: Mapping[str, str],
    labels: Any,
    scale: str | None,
    known: Scheme | None,
    column: str | None,
) -> Scheme:
    low, high = scheme.scale_in(scale) if scale else (None, None)
    if known:
        _check_same(known, task, roles)
        given = known.labels if labels is None else columns.labels_of(labels, pool, task, column)
        if gone := [label for label in known.labels if label not in given]:
            message = _("the journal has the label {label!r}, which --labels leaves out: labels "
                        "can be added, not removed.", label=gone[0])  # fmt: skip
            raise DataError(message)
        wanted = Scheme(
            task,
            roles,
            given,
            known.low if low is None else low,
            known.high if high is None else high,
        )
    else:
        given = columns.labels_of(labels, pool, task, column)
        wanted = Scheme(task, roles, given, low, high)
    scheme.check_task(task, roles, wanted.labels)
    return wanted


def _check_same(known: Scheme, task: str, roles: Mapping[str, str]) -> None:
    if (known.task, dict(known.roles)) != (task, dict(roles)):
        message = _(
            "the journal is about {task} of {columns}. Leave out --task and --roles to go on with "
            "it, or name another one: --journal FILE",
            task=known.task,
            columns=", ".join(known.roles.values()),
        )
        raise DataError(message)


def _cells(pool: Pool, plan: Scheme, column: str, option: str) -> tuple[dict[int, Any], int]:
    """Position -> the answer that a column's cell holds, and how many hold none that fits."""
    answers, unfit = {}, 0
    for at, cell in pool.values(column).items():
        try:
            answers[at] = suggest.of_cell(plan, cell, pool.texts(at))
        except (ValueError, DataError):
            unfit += 1
    if not answers:
        message = _("{option}: no cell of column {column!r} fits the labels.",
                    option=option, column=column)  # fmt: skip
        raise DataError(message)
    return answers, unfit


def _notes(session: Session, book: Journal) -> list[str]:
    """What a user should know of the rows and of the journal."""
    pool, standing = session.pool, session.standing
    notes = [_("{name}: {rows} to label", name=pool.source.name,
               rows=plural(len(pool.positions), "row"))]  # fmt: skip
    if pool.repeated:
        notes.append(_("not shown: {rows} with the text of an earlier row",
                       rows=plural(pool.repeated, "row")))  # fmt: skip
    if pool.empty:
        notes.append(_("not shown: {rows} without a text", rows=plural(pool.empty, "row")))
    if book.torn:
        notes.append(_("the last line of the journal was torn ({count} bytes, never "
                       "acknowledged): it was cut off", count=book.torn))  # fmt: skip
    if standing.answers:
        notes.append(_("{rows} labelled already, in {path}",
                       rows=plural(len(standing.answers), "row"), path=book.path))  # fmt: skip
    if standing.lost:
        notes.append(_(
            "{rows} that were labelled stand no more in the rows, or their text has changed (e.g. "
            "{place}): their labels stay in the journal and are not exported",
            rows=plural(len(standing.lost), "row"), place=sorted(standing.lost)[0],
        ))  # fmt: skip
    return notes


def _check_shares(shares: Mapping[str, float]) -> None:
    for name, value in shares.items():
        if name not in Shares().plain():
            message = _("{name!r} is no share; known: {known}.",
                        name=name, known=", ".join(Shares().plain()))  # fmt: skip
            raise DataError(message)
        if not 0 <= value <= (0.9 if name == "random" else 1):
            message = _("the share of {name} rows is {value}: write one from 0 to {most}.",
                        name=name, value=value, most=0.9 if name == "random" else 1)  # fmt: skip
            raise DataError(message)


def _text_of(path: Path) -> str:
    try:
        return disk.content_of(path, MOST_GUIDELINE_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise DataError(_("{file}: no such file.", file=path)) from None
    except UnicodeDecodeError:
        raise DataError(_("{file}: write the guideline in UTF-8.", file=path)) from None
