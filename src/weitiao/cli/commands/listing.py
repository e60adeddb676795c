"""Commands that list things: runs, parts, schema, cache."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import show, terminal
from weitiao.cli.options import Json, Yes
from weitiao.core.units import shown
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, joined, plural, translated

if TYPE_CHECKING:
    from weitiao.data.cache.prune import Entry


def runs(
    folder: Annotated[
        list[str] | None,
        typer.Argument(help="folder with runs; default: runs. Or rm NAME ...: remove these runs"),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """List runs by date: task, data, model, state, metric; or remove some."""
    from weitiao.api.runs import DEFAULT_FOLDER, runs

    first, *rest = folder or [DEFAULT_FOLDER]
    if first == "rm":
        _remove_runs(rest, yes, json_)
        return
    if rest:
        message = _("runs: one folder at a time; `weitiao runs rm NAME` removes a run.")
        raise WeitiaoError(message)
    if yes:
        raise WeitiaoError(_("--yes belongs to `weitiao runs rm NAME`."))
    lines = runs(first)
    if json_:
        terminal.print_json({"runs": lines})
    else:
        show.show_runs(lines, Path(first))


def _remove_runs(names: list[str], yes: bool, as_json: bool) -> None:
    from weitiao.api.runs import open_all, remove

    if not names:
        raise WeitiaoError(_("name the runs to remove: weitiao runs rm NAME ..."))
    found = open_all(names)
    folders = joined([str(run.folder) for run in found], ", ")
    question = _("Remove {folders}, with its models and reports?", folders=folders)
    if not (yes or terminal.confirmed(question, "--yes")):
        terminal.say(_("Nothing removed."))
        return
    for run in found:
        remove(run)
    if as_json:
        terminal.print_json({"removed": [str(run.folder) for run in found]})
    else:
        terminal.say(_("removed: {folders}", folders=folders))


def parts(
    kind: Annotated[str | None, typer.Argument(help="tasks, strategies, models, ...")] = None,
    json_: Json = False,
) -> None:
    """List everything a plan may name."""
    from weitiao.api.runs import parts

    names = parts(kind)
    if json_:
        terminal.print_json(names)
    else:
        show.show_parts(names)


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="file for the schema; default: stdout")
    ] = None,
) -> None:
    """JSON Schema of a plan, with which editors complete and check plan.yaml."""
    from weitiao.core import disk
    from weitiao.planfile.plan import Plan

    text = terminal.json_text(Plan.json_schema(), indent=1)
    if output is None:
        terminal.print_text(text)
        return
    with disk.writing(output):
        output.write_text(text + "\n", encoding="utf-8")
    terminal.say(_("schema: {path}", path=output))


def cache(
    action: Annotated[
        str | None, typer.Argument(help="nothing: list the contents; clean: remove some of them")
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(help="clean only this kind: rows, encoded, models, ...")
    ] = None,
    older: Annotated[
        str | None, typer.Option(help="clean items unused for this long: 30d, 12h")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="clean the least recently used down to this size: 5GB")
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """List the cache's contents with sizes and last use, or clean it."""
    from weitiao.core.units import bytes_of, seconds_old
    from weitiao.data.cache import prune, store

    if action not in (None, "clean"):
        message = _("cache: no action {word!r}; `weitiao cache clean` cleans.", word=action)
        raise WeitiaoError(message)
    if action is None and (older or keep or yes):
        raise WeitiaoError(_("--older, --keep and --yes belong to `weitiao cache clean`."))
    age = seconds_old(older, "--older") if older else None
    limit = bytes_of(keep, "--keep") if keep else None
    root = store.root()
    entries = prune.entries(root)
    if action is None:
        _show_cache(root, entries, json_)
        return
    known = sorted({entry.kind for entry in entries})
    if kind is not None and kind not in known:
        from weitiao.core.fields import near

        hint = near(kind, known) or _(" It is empty.")
        message = _("the cache has no kind {kind!r}.{near}", kind=kind, near=hint)
        raise WeitiaoError(message)
    chosen = prune.choose(entries, kind, age, limit)
    if chosen and not _confirmed(chosen, yes):
        terminal.say(_("Nothing removed."))
        return
    with terminal.counting(_("items")) as step:
        try:
            cleaned = prune.clean(root, chosen, step)
        except TimeoutError as error:
            message = _(
                "another process holds {lock} and does not release it: end it first.",
                lock=root / ".lock",
            )
            raise WeitiaoError(message) from error
    removed, in_use = len(cleaned.entries), len(cleaned.in_use)
    if json_:
        result = {"folder": str(root), "removed": removed, "bytes": cleaned.size, "in_use": in_use}
        terminal.print_json(result)
        return
    items, size = plural(removed, "item"), shown(cleaned.size)
    terminal.say(_("{items} removed, {size} freed.", items=items, size=size))
    if in_use:
        items = plural(in_use, "item")
        terminal.say(_("{items} kept: a running process uses them.", items=items))


def _show_cache(root: Path, entries: list[Entry], as_json: bool) -> None:
    from weitiao.data.cache import prune

    kinds: list[dict[str, Any]] = prune.kinds(entries)
    limit = prune.limit_now()
    total = sum(entry.size for entry in entries)
    if as_json:
        terminal.print_json({"folder": str(root), "bytes": total, "limit": limit, "kinds": kinds})
        return
    title = _("cache: {folder}", folder=root)
    if kinds:
        names = {str(line["kind"]): translated(str(line["about"])) for line in kinds}
        rows = []
        for kind, about in names.items():
            mine = [entry for entry in entries if entry.kind == kind]
            size, used = sum(one.size for one in mine), max(one.used for one in mine)
            rows.append((kind, about, f"{len(mine):,}", shown(size), _day(used)))
        terminal.show(
            title, (_("kind"), _("description"), _("items"), _("size"), _("last use")), rows
        )
    else:
        terminal.say(title)
    if limit is None:
        terminal.say(_("{size} in total.", size=shown(total)))
    else:
        message = _(
            "{size} in total; above {limit} (WEITIAO_CACHE_LIMIT) the least recently used items "
            "are removed.",
            size=shown(total),
            limit=shown(limit),
        )
        terminal.say(message)
    if leftovers := sum(entry.leftover for entry in entries):
        items = plural(leftovers, "item")
        message = _(
            "{items} incomplete; `weitiao cache clean` removes abandoned ones.", items=items
        )
        terminal.say(message)


def _confirmed(chosen: list[Entry], yes: bool) -> bool:
    """Ask before removing; without a terminal, --yes is required."""
    size = shown(sum(entry.size for entry in chosen))
    question = _("Remove {items} ({size})?", items=plural(len(chosen), "item"), size=size)
    if any(entry.kind == "given" for entry in chosen):
        message = _(
            "Rows passed in Python exist only here: without them, runs on them cannot be resumed."
        )
        terminal.say(message)
    return yes or terminal.confirmed(question, "--yes")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
