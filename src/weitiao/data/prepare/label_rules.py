"""Label rules of the plan (`data.labels`) applied to rows: renamed, merged and dropped labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weitiao.data.rows import Rows
from weitiao.data.soft_labels import voted
from weitiao.data.targets import TargetChanges, TargetReader, reader_of
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, name_list, plural
from weitiao.labels.renaming import TAGGED, LabelMap, change_lines, resolve
from weitiao.labels.tags.schemes import are_io, are_plain
from weitiao.planfile.sections import LabelsPlan


def with_label_rules(
    rows: Rows,
    labels: LabelsPlan,
    history: list[str],
    *,
    strict: bool = True,
    separator: str = "",
) -> Rows:
    """Rows with the plan's names of labels, without those whose label is dropped.

    `history` says what changed. strict: every name of the rules must occur. separator: of the
    levels of the labels that the model learns, for other files, whose few labels may not show it;
    empty: that of these rows. Raises DataError.
    """
    rules = labels.rules
    if not rules or "target" not in rows.roles:
        return rows
    reader, targets = reader_of(rows.task), rows.targets()
    if reader.row_labels(["a"]) is None or reader.head not in ("sequence", TAGGED):
        raise DataError(
            _("data.labels: the targets of {task} are no labels; leave it out.", task=rows.task)
        )
    counts = reader.label_counts([target for target in targets if target is not None])
    # Annotators may say labels that no row has in the end.
    known = list(dict.fromkeys([*counts, *voted(rows)]))
    try:
        label_map = resolve(rules, known, separator or reader.level_separator(known), strict=strict)
    except DataError as error:
        raise DataError(placed(rows.name, str(error))) from None
    _check_tags(label_map, reader, targets)
    history += change_lines(label_map, counts)
    before = np.array([target is not None for target in targets], bool)
    several = any(isinstance(target, list) for target in targets)
    rows = replace(rows, changes=TargetChanges(label_map))
    gone = [old for old, new in label_map.names.items() if new is None]
    dropped = {old: counts[old] for old in gone if old in counts}
    if not dropped:
        return rows
    names = name_list(f"{label!r} ({count:,})" for label, count in dropped.items())
    if several:
        history.append(_("labels {names} taken out of their rows (data.labels)", names=names))
        return rows
    after = np.array([target is not None for target in rows.targets()], bool)
    lost = before & ~after
    history.append(
        _(
            "{rows} left out whose label is dropped (data.labels): {names}",
            rows=plural(int(lost.sum()), "row"),
            names=names,
        )
    )
    return rows.take(np.flatnonzero(~lost))


def renamed(
    targets: Sequence[Any], labels: LabelsPlan, task: str, separator: str = ""
) -> list[Any]:
    """Targets of another file, such as predictions, under the rules; None for a dropped label.

    separator: as for `with_label_rules`.
    """
    reader = reader_of(task)
    counts = reader.label_counts([target for target in targets if target is not None])
    separator = separator or reader.level_separator(list(counts))
    label_map = resolve(labels.rules, list(counts), separator, strict=False)
    return [label_map.target(target, reader.head) for target in targets]


def _check_tags(label_map: LabelMap, reader: TargetReader, targets: Sequence[object]) -> None:
    """Raises DataError where a tag without a scheme is dropped: each word needs one."""
    dropped = [old for old, new in label_map.names.items() if new is None]
    plain = reader.head == TAGGED and are_plain([one for one in targets if one is not None])
    if dropped and plain and not are_io([one for one in targets if one is not None]):
        raise DataError(
            _(
                "data.labels: the tag {tag!r} cannot be dropped, since each word has one: merge it "
                "into another.",
                tag=dropped[0],
            )
        )
