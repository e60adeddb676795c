"""Several columns that could be the text alike: asked about, since a wrong choice looks fine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from weitiao.data.infer.column_names import ANSWER_WORDS, matches
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

if TYPE_CHECKING:
    from weitiao.data.infer.column_stats import Column

ALIKE_TEXTS = 1.5  # so many times as long as another text, and a column is the likelier one


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


def why_text(column: Column, *, named: bool) -> str:
    """Why a column is the text, in figures."""
    figures = {"length": column.mean_length, "share": column.unique_share}
    if named:
        return _(
            "its name, and {length:.0f} characters on average, {share:.0%} of the values are "
            "different",
            **figures,
        )
    return _(
        "{length:.0f} characters on average, {share:.0%} of the values are different", **figures
    )
