"""Which columns are shown, and which labels there are, before anything is labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from weitiao.annotation.pool import Pool
from weitiao.annotation.scheme import KINDS, check_task, labels_in
from weitiao.data.files.table import Source
from weitiao.data.infer.cells import split_labels
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import check_role, guess_texts
from weitiao.data.targets import reader_of
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.labels.hierarchy import separator_of
from weitiao.tasks.question_answering import PASSAGE_COLUMNS, QUESTION_COLUMNS

MOST_GUESSED = 100  # labels that are taken from a column


def roles_for(
    source: Source, task: str, known: Mapping[str, str], besides: Sequence[str] = ()
) -> dict[str, str]:
    """Role -> column of the texts that a task shows. Raises DataError when unclear.

    known: roles that the user has named; besides: columns that are no texts to label.
    """
    if task not in KINDS:
        check_task(task, {}, ())
    for role, column in known.items():
        check_role(role, column, source.columns)
    wanted = reader_of(task).roles
    named = {name.strip().lower(): name for name in source.columns if name not in besides}
    known = {role: named[role] for role in (*wanted, "text_pair")
             if role in named and not known} | dict(known)  # fmt: skip
    roles = {role: known[role] for role in wanted if role in known}
    optional = [role for role in ("text_pair",) if role in known and role not in wanted]
    if all(role in roles for role in wanted):
        return roles | {role: known[role] for role in optional}
    if task == "question_answering":
        names = {"question": QUESTION_COLUMNS, "context": PASSAGE_COLUMNS}
        for role, words in names.items():
            fitting = [one for one in source.columns if one.strip().lower() in words]
            if fitting and role not in roles:
                roles[role] = fitting[0]
        return {role: roles[role] for role in wanted if role in roles}
    columns = {name: one for name, one in columns_of(source.table).items()
               if name not in {*besides, *known.values()}}  # fmt: skip
    texts = list(columns)
    if len(columns) != 1:
        texts = list(guess_texts(columns, wants_pair=len(wanted) == 2).values())
    free = [role for role in (*wanted, *(["text_pair"] if len(wanted) == 1 else []))
            if role not in known]  # fmt: skip
    roles |= dict(zip(free, texts, strict=False))
    ordered = {role: roles[role] for role in (*wanted, "text_pair") if role in roles}
    return ordered | {role: known[role] for role in optional}


def labels_of(
    words: str | Sequence[str] | None, pool: Pool, task: str, column: str | None
) -> tuple[str, ...]:
    """The labels: given, in a file, or those of a column of pre-labels or gold labels."""
    kind = KINDS[task]
    if kind not in ("label", "labels", "spans"):
        return ()
    if isinstance(words, str):
        return labels_in(_content_of(words))
    if words is not None:
        return tuple(dict.fromkeys(str(word) for word in words))
    if column is None or kind == "spans":
        return ()
    cells = pool.values(column).values()
    values = [cell for one in cells for cell in (split_labels(one) if kind == "labels" else [one])]
    counts = Counter(values)
    if len(counts) > MOST_GUESSED:
        message = _(
            "column {column!r} has {count:,} different values: name the labels with --labels.",
            column=column,
            count=len(counts),
        )
        raise DataError(message)
    ranked = tuple(label for label, _count in counts.most_common())
    return tuple(sorted(ranked)) if separator_of(ranked) else ranked


def _content_of(words: str) -> str:
    """The text of a file of labels, where a file is so called; else the words themselves."""
    try:
        path = Path(words)
        if path.is_file():
            return path.read_text(encoding="utf-8-sig").replace("\r", "\n").rstrip("\n") + "\n"
    except OSError:  # longer than a name may be
        pass
    except UnicodeDecodeError:
        raise DataError(_("{file}: write the labels in UTF-8, one a line.", file=words)) from None
    return words
