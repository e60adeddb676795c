"""Two columns of texts: those that a named task needs, and those that could both be the text."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from weitiao.data.infer.column_names import (
    ANSWER_WORDS,
    TARGET_WORDS,
    TEXT_WORDS,
    matches,
)
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

if TYPE_CHECKING:
    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence, Guess

ALIKE_TEXTS = 1.5  # so many times as long as another text, and a column is the likelier one


def text_and_target(evidence: Evidence) -> Guess | None:
    """The roles text and target, where the columns without a role can be nothing else.

    By their names first, else in the order of the file; of more than two columns only those that
    hold texts count.
    """
    from weitiao.data.infer.roles import Guess

    wanted = [role for role in ("text", "target") if role not in evidence.roles]
    taken = [name for name in evidence.roles.values() if isinstance(name, str)]
    free = [name for name in evidence.columns if name not in taken]
    if len(free) > len(wanted):
        free = [name for name in free if evidence.columns[name].is_text]
    if not wanted or len(free) != len(wanted):
        return None
    if len(wanted) == 2 and _swapped(*free):
        free.reverse()
    why = _("the only columns that are left")
    roles: dict[str, str | list[str]] = dict(zip(wanted, free, strict=True))
    return Guess(roles, dict.fromkeys(wanted, why))


def _swapped(first: str, second: str) -> bool:
    """Whether the names say that the target stands before the text."""
    target_first = matches(first, TARGET_WORDS) and not matches(second, TARGET_WORDS)
    text_last = matches(second, TEXT_WORDS) and not matches(first, TEXT_WORDS)
    return target_first or text_last


def require_one(texts: Mapping[str, Column], best: Column) -> None:
    """Raises DataError where several columns without a telling name could be the text alike: a
    model that reads a premise without its hypothesis looks fine, and has not seen half of it.

    best: the likeliest of them.
    """
    alike = [
        name
        for name, column in texts.items()
        if _is_alike(column, best) and (column is best or not matches(name, ANSWER_WORDS))
    ]
    if len(alike) < 2:
        return
    raise DataError(
        _(
            "{columns} hold texts alike. Say whether one is the text or two are a pair: --text "
            "COLUMN, or --roles {pair}.",
            columns=name_list(alike, quoted=True),
            pair=shlex.quote(f"text={alike[0]},text_pair={alike[1]}"),
        )
    )


def _is_alike(column: Column, best: Column) -> bool:
    """Whether a column is nearly as long, and its values nearly as different."""
    return (
        ALIKE_TEXTS * column.mean_length >= best.mean_length
        and ALIKE_TEXTS * column.unique_share >= best.unique_share
    )
