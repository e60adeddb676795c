"""Rows to evaluate a model on: columns by the roles of training, rows with a text and a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from weitiao.api.trained import Trained, open_other, trained
from weitiao.core.fields import nearest
from weitiao.data.files.bad_rows import Bad, set_aside
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.infer.column_names import alike
from weitiao.data.infer.roles import OF_TRAINING
from weitiao.data.prepare.declared import without_refused
from weitiao.data.prepare.filter import without_blank, without_misfits
from weitiao.data.prepare.label_rules import with_label_rules
from weitiao.data.prepare.unknown_labels import as_list, likeness
from weitiao.data.readers.sql import is_address
from weitiao.data.rows import Rows, everything
from weitiao.data.targets import reader_of
from weitiao.errors import DataError, RunError
from weitiao.i18n.messages import _, name_list, plural

Roles = Mapping[str, str | list[str]]


def check_columns(run: str | Path, path: str, how: ReadOptions, roles: Roles) -> None:
    """Raises WeitiaoError where a file lacks a column to evaluate on; neither the model nor PyTorch
    is loaded.

    The file is read into the cache. A database is read once, later.
    """
    if is_address(path):
        return
    try:
        known = trained(run)
    except RunError:  # whoever loads it knows more: a run of several seeds may be incomplete
        return
    _columns(known, open_other(known, path, how), roles, [])


def rows_to_evaluate(
    model: Trained,
    source: Source,
    roles: Roles,
    notes: list[str],
    aside: list[Bad] | None = None,
) -> Rows:
    """Rows of a source with a text and a target; `notes` say what is left out.

    roles: role -> column, where columns are not called as in training. Rows with a malformed
    target go to `aside`; without it, DataError is raised, as for a column that is missing.
    """
    columns = _columns(model, source, roles, notes)
    rows = Rows(source.table, everything(source.table), columns, source.name, model.plan.task_name)
    rows = without_refused(without_blank(rows, notes), notes)
    rows = without_misfits(rows, aside is not None, [], aside if aside is not None else [])
    separator = reader_of(rows.task).level_separator(model.task.choices)
    rows = with_label_rules(rows, model.plan.data.labels, notes, strict=False, separator=separator)
    known = [i for i, target in enumerate(rows.targets()) if target is not None]
    if not known:
        message = _("{file}: no row has a target; `weitiao predict` needs none.", file=source.name)
        raise DataError(message)
    if len(known) < len(rows):
        count = plural(len(rows) - len(known), "row")
        notes.append(reader_of(rows.task).unlabelled_message(count))
    return rows.take(known)


def labelled_rows(
    model: Trained, source: Source, how: ReadOptions, roles: Roles | None = None
) -> tuple[Rows, list[str]]:
    """`rows_to_evaluate` with what they leave out, rows that cannot be read among it."""
    aside, notes = list(source.bad), list[str]()
    rows = rows_to_evaluate(model, source, roles or {}, notes, aside if how.skip_bad else None)
    return rows, notes + ([set_aside(aside)] if aside else [])


def unknown_labels(model: Trained, rows: Rows) -> Iterator[str]:
    """Warning for labels that the model does not know, with the number of their rows.

    Raises DataError where it knows none of them: they are spelt otherwise.
    """
    task = model.task
    known = set(getattr(task, "types", ()) or task.choices)
    targets = [one for one in rows.targets() if one is not None]
    labels = type(task).label_counts(targets) if known else {}
    unknown = labels.keys() - known
    if not unknown:
        return
    if not labels.keys() & known:
        raise DataError(
            _(
                "{file}: the model knows none of its labels ({labels}); it knows {known}. "
                "{likeness}Write them as in the rows that it learned from.",
                file=rows.name,
                labels=name_list(labels, 5, quoted=True),
                known=name_list(sorted(known), 5, quoted=True),
                likeness=likeness([*labels], sorted(known)),
            )
        )
    of_rows = type(task).row_labels(targets) or []
    count = sum(not unknown.isdisjoint(as_list(one)) for one in of_rows)
    yield _(
        "{rows} with a label that the model does not know ({labels}): always wrong",
        rows=plural(count, "row"),
        labels=name_list(sorted(unknown), 3, quoted=True),
    )


def _columns(
    model: Trained, source: Source, given: Roles, notes: list[str]
) -> dict[str, str | list[str]]:
    """Role -> column. A column under another case, or under the name of its role, is found."""
    trained = dict(model.plan.data.roles)
    for role in OF_TRAINING:  # a file to evaluate on needs no groups, and weights if they count
        wanted = role == "weight" and model.plan.evaluate.weighted
        if not (wanted and trained.get(role) in source.columns):
            trained.pop(role, None)
    if unknown := [role for role in given if role not in trained]:
        raise DataError(
            _(
                "this model reads {roles}, and has no role {role!r}.",
                roles=name_list(trained),
                role=unknown[0],
            )
        )
    columns = {**trained, **given}
    for role, column in columns.items():
        if role in given or not isinstance(column, str) or column in source.columns:
            continue
        if other := _by_name(role, column, source, columns):
            columns[role] = other
            notes.append(
                _(
                    "{file}: no column {trained!r}; its column {column!r} is read instead",
                    file=source.name,
                    trained=column,
                    column=other,
                )
            )
    # A table may leave the places of answers out: they are searched in the passage then.
    if "start" not in given and columns.get("start") not in source.columns:
        columns.pop("start", None)
    _require_columns(columns, given, source)
    return columns


def _by_name(role: str, column: str, source: Source, taken: Roles) -> str | None:
    free = [name for name in source.columns if name not in taken.values()]
    for wanted in (column, role):
        if found := alike(wanted, free):
            return found
    return None


def _require_columns(columns: Roles, given: Roles, source: Source) -> None:
    for role, named in columns.items():
        for column in [named] if isinstance(named, str) else named:
            if column in source.columns:
                continue
            if role in given:
                raise DataError(
                    _(
                        "{file}: no column {column!r}; it has {names}.{hint}",
                        file=source.name,
                        column=column,
                        names=name_list(source.columns),
                        hint=nearest(column, source.columns),
                    )
                )
            raise DataError(
                _(
                    "{file}: no column {column!r}, which the model was trained on; it has {names}. "
                    "Say which one it is: {remedy}",
                    file=source.name,
                    column=column,
                    names=name_list(source.columns),
                    remedy=_remedy(columns, source),
                )
            )


def _remedy(columns: Roles, source: Source) -> str:
    """The options for all columns that are missing, so that one more command is enough."""
    missing = [
        role for role, named in columns.items()
        if not {*([named] if isinstance(named, str) else named)} <= {*source.columns}
    ]  # fmt: skip
    if roles := [role for role in missing if role not in ("text", "target")]:
        listed = ",".join(f"{role}={_('COLUMN')}" for role in roles)
        plain = [f"--{role} {_('COLUMN')}" for role in missing if role not in roles]
        return " ".join([*plain, f"--roles {listed}"])
    return " ".join(f"--{role} {_('COLUMN')}" for role in missing)
