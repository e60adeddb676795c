"""Columns of flags, one for each label: which belong together, and which say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weitiao.data.infer.column_stats import Column
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

_FLAGS = {"cats", "labels", "label", "categories", "classes", "targets"}  # objects of flags
_SAME = {"0", "0.0", "1", "1.0", "true", "false"}  # in columns of flags, where all are alike


def family(named: str, usable: Mapping[str, Column]) -> list[str]:
    """Columns of one object that are a flag for each label: cats.A, cats.B. Raises DataError where
    they are other numbers: which label they mean is not said."""
    families: dict[str, list[str]] = {}
    for name in usable:
        parent, dot, _last = name.rpartition(".")
        if dot:
            families.setdefault(parent, []).append(name)
    wanted = named.rpartition(".")[0] if named else ""
    for parent, names in families.items():
        if parent != wanted and (named or parent.lower() not in _FLAGS):
            continue
        if len(names) > 1 and all(usable[name].flags for name in names):
            return names
        if len(names) > 1 and all(usable[name].numbers is not None for name in names):
            raise DataError(
                _(
                    "{parent!r} holds several numbers in each row ({names}). Say which is the "
                    "target: --target {first}, or write the name of the right label.",
                    parent=parent,
                    names=name_list(names[:5]),
                    first=names[0],
                )
            )
    return []


def reason_of(flags: Sequence[str], free: Mapping[str, Column]) -> str:
    """The reason for columns of flags, with those of which there is nothing to learn, since no row
    has the label, or each."""
    why = _("{count} columns hold only 0 and 1: {names}", count=len(flags), names=name_list(flags))
    return with_same(why, flags, free)


def with_same(why: str, flags: Sequence[str], free: Mapping[str, Column]) -> str:
    """The reason, with the columns of flags that are left out."""
    parents = {name.rpartition(".")[0] for name in flags}
    same = [
        name
        for name, column in free.items()
        if column.distinct < 2 and name.rpartition(".")[0] in parents
        if {value.lower() for value in column.counts} <= _SAME and _stands_among(name, flags, free)
    ]
    if not same:
        return why
    return _("{why}; left out, as they hold one value: {same}", why=why, same=name_list(same))


def _stands_among(name: str, flags: Sequence[str], free: Mapping[str, Column]) -> bool:
    """Whether a column holds a value, or is an empty one beside or between flags."""
    if free[name].distinct:
        return True
    order = list(free)
    places = [order.index(flag) for flag in flags]
    return min(places) - 1 <= order.index(name) <= max(places) + 1
