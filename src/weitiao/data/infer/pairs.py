"""Two columns of texts, where the user has named a task that needs just these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weitiao.data.infer.column_names import TARGET_WORDS, TEXT_WORDS, matches
from weitiao.i18n.messages import _

if TYPE_CHECKING:
    from weitiao.data.infer.roles import Evidence, Guess


def text_and_target(evidence: Evidence) -> Guess | None:
    """The roles text and target, where the columns without a role can be nothing else.

    By their names first, else in the order of the file; of more than two columns only those that
    hold texts count.
    """
    from weitiao.data.infer.roles import Guess

    wanted = [role for role in ("text", "target") if role not in evidence.roles]
    taken = [name for name in evidence.roles.values() if isinstance(name, str)]
    free = [name for name in evidence.columns if name not in taken]
    why = _("the only columns that are left")
    if len(free) > len(wanted):
        why = _("the only columns of texts that are left")
        free = [name for name in free if evidence.columns[name].is_text]
    if not wanted or len(free) != len(wanted):
        return None
    if len(wanted) == 2 and _swapped(*free):
        free.reverse()
    roles: dict[str, str | list[str]] = dict(zip(wanted, free, strict=True))
    return Guess(roles, dict.fromkeys(wanted, why))


def _swapped(first: str, second: str) -> bool:
    """Whether the names say that the target stands before the text."""
    target_first = matches(first, TARGET_WORDS) and not matches(second, TARGET_WORDS)
    text_last = matches(second, TEXT_WORDS) and not matches(first, TEXT_WORDS)
    return target_first or text_last
