"""What is kept between runs, and its cleaning: cache."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weitiao.cli import terminal
from weitiao.cli.options import Json
from weitiao.core.units import shown
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, joined, plural, translated

if TYPE_CHECKING:
    from weitiao.data.cache.prune import Entry


def cache(
    action: Annotated[
        str | None, typer.Argument(help="nothing: list what is kept; clean: remove some of it")
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(help="clean only this kind: rows, encoded, models, ...")
    ] = None,
    older: Annotated[
        str | None, typer.Option(help="clean what was unused for so long: 30d, 12h")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="clean the longest unused until so much is left: 5GB")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before removing")] = False,
    json_: Json = False,
) -> None:
    """List what is kept between runs, with sizes and last use, or clean it."""
    from weitiao.core.units import bytes_of, seconds_old
    from weitiao.data.cache import prune
    from weitiao.data.cache import store as kept

    if action not in (None, "clean"):
        raise WeitiaoError(
            _("cache: {word!r} is nothing it does; `weitiao cache clean` cleans.", word=action)
        )
    if action is None and (older or keep or yes):
        raise WeitiaoError(_("--older, --keep and --yes belong to `weitiao cache clean`."))
    age = seconds_old(older, "--older") if older else None
    most = bytes_of(keep, "--keep") if keep else None
    root = kept.root()
    found = prune.entries(root)
    if action is None:
        _show(root, found, json_)
        return
    known = sorted({entry.kind for entry in found})
    if kind is not None and kind not in known:
        from weitiao.core.fields import near

        raise WeitiaoError(
            _("nothing of the kind {kind!r} is kept.{near}", kind=kind, near=near(kind, known))
        )
    chosen = prune.choose(found, kind, age, most)
    if chosen and not _agreed(chosen, yes):
        terminal.say(_("Nothing removed."))
        return
    with terminal.counting(_("items")) as step:
        try:
            done = prune.clean(root, chosen, step)
        except TimeoutError as error:
            raise WeitiaoError(
                _("another process holds {lock} and does not let go: end it first.",
                     lock=root / ".lock")
            ) from error  # fmt: skip
    if json_:
        terminal.print_json({"folder": str(root), "removed": len(done.entries),
                             "bytes": done.size, "in_use": len(done.in_use)})  # fmt: skip
        return
    terminal.say(_("{items} removed, {size} set free.",
                      items=plural(len(done.entries), "item"), size=shown(done.size)))  # fmt: skip
    if done.in_use:
        terminal.say(_("{items} left alone: a running process uses them.",
                          items=plural(len(done.in_use), "item")))  # fmt: skip


def _show(root: Path, found: list[Entry], as_json: bool) -> None:
    from weitiao.data.cache import prune

    told, limit = prune.kinds(found), prune.limit_now()
    total = sum(entry.size for entry in found)
    if as_json:
        terminal.print_json({"folder": str(root), "bytes": total, "limit": limit, "kinds": told})
        return
    rows = [
        (str(line["kind"]), translated(str(line["about"])), f"{line['entries']:,}",
         shown(int(str(line["bytes"]))), _day(float(str(line["used"]))))
        for line in told
    ]  # fmt: skip
    columns = (_("kind"), _("what it is"), _("number"), _("size"), _("last use"))
    if not rows:
        terminal.say(_("cache: {folder}", folder=root))
    else:
        terminal.show(_("cache: {folder}", folder=root), columns, rows)
    terminal.say(_("{size} in all.", size=shown(total)) if limit is None else _(
        "{size} in all; above {limit} (WEITIAO_CACHE_LIMIT) the longest unused go.",
        size=shown(total), limit=shown(limit)))  # fmt: skip
    leftovers = sum(entry.leftover for entry in found)
    if leftovers:
        terminal.say(_("{items} half written; `weitiao cache clean` removes what is nobody's.",
                          items=plural(leftovers, "item")))  # fmt: skip


def _agreed(chosen: list[Entry], yes: bool) -> bool:
    """Whether the user wants these removed; where nobody can be asked, --yes must say so."""
    size = shown(sum(entry.size for entry in chosen))
    question = _("Remove {items} ({size})?", items=plural(len(chosen), "item"), size=size)
    if any(entry.kind == "given" for entry in chosen):
        terminal.say(_("Rows given in Python cannot be read again from anywhere: runs on them "
                          "could not be resumed."))  # fmt: skip
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WeitiaoError(joined([question, _("Nobody can be asked here: add --yes.")]))
    return typer.confirm(question, err=True)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
