"""The command `look`: describe the data and find its faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import show_look, terminal
from weitiao.cli.options import (
    Json,
    Model,
    Roles,
    Rows,
    Sheet,
    SkipBad,
    Target,
    Task,
    Test,
    Text,
    Words,
    check_columns,
    how_of,
    loading,
    open_rows,
    parted,
    roles_of,
)
from weitiao.core import notice
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _


def look(
    rows: Rows,
    words: Words = None,
    text: Text = None,
    target: Target = None,
    roles: Roles = None,
    task: Task = None,
    model: Model = None,
    test: Test = None,
    similarity: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="least Jaccard similarity of near duplicates")
    ] = 0.8,
    meaning: Annotated[
        bool, typer.Option("--meaning", help="compare by vectors of the frozen encoder, too")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="look for wrong labels, too, by an encoder's vectors")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="write a page, and a csv file for each finding beside it")
    ] = None,
    sheet: Sheet = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Describe the data and find its faults: duplicates, leaks, conflicts, damaged texts."""
    if page:
        check_page(page)
    paths, changes = parted(rows, words)
    columns = roles_of(text, target, roles)
    source = open_rows(paths, [test], how_of(sheet, skip_bad, changes))
    check_columns(source, columns, task, changes)
    with loading():
        from weitiao.api.look import look

    with notice.during(_("reading the rows")), terminal.working() as watch:
        profile = look(
            paths,
            roles=columns,
            task=task,
            model=model,
            test=test,
            similarity=similarity,
            meaning=meaning,
            labels=labels,
            page=page,
            sheet=sheet,
            skip_bad=skip_bad,
            changes=changes,
            watch=watch,
        )
    if json_:
        terminal.print_json(profile.to_json())
    else:
        show_look.show_profile(profile)
    if page:
        terminal.say(_("page: {path}", path=page))


def check_page(path: Path) -> None:
    """Raises WeitiaoError where something else than a page would be overwritten."""
    if path.is_dir():
        raise WeitiaoError(_("--page: {path} is a folder; name a file.", path=path))
    if path.exists() and path.suffix.lower() not in (".html", ".htm"):
        raise WeitiaoError(
            _("--page: {path} is there already, and is no page; name an .html file.", path=path)
        )
