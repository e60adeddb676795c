"""Role inference: which column is the text and which the target, from names and cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.core.fields import near
from weitiao.data.infer import flags as flags_of
from weitiao.data.infer.alike_texts import require_one, why_text
from weitiao.data.infer.column_names import (
    ANNOTATIONS,
    PAIRED_NAMES,
    SURE_PAIRS,
    TARGET_WORDS,
    TEXT_WORDS,
    by_plain_name,
    folded,
    matches,
    plain,
)
from weitiao.data.infer.column_stats import Column, columns_of
from weitiao.data.infer.declared import decision_of, declaring
from weitiao.data.infer.unclear import no_labels, unclear
from weitiao.data.targets import Roles, TargetReader, all_readers, reader_of, target_columns
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list

TEXT_ROLES = ("text", "text_pair", "premise", "hypothesis", "question", "context")
_NAMES = ("_text", "_name", "_names", "_str", "_string", "_title")  # behind a target's name
_NUMBERED = re.compile(r"[12一二]|(?<![A-Za-z])[ABab](?![a-z])")  # sentence1, text_b
_SPEAKERS = {"system", "user", "assistant", "tool", "human", "gpt", "function"}
# Roles that may have several columns.
LISTED = ("columns", "target", "annotators", "probabilities")
# Roles that only a training needs. group: kept on one side of the split; time: the newest rows are
# the test; weight: how much a row counts.
OF_TRAINING = ("group", "time", "weight", "annotators", "probabilities")
# start: of an answer
ROLES = (*TEXT_ROLES, *LISTED, "start", "group", "time", "weight")


@dataclass(frozen=True)
class Guess:
    """Inferred roles: role -> column (or columns), and role -> reason."""

    roles: dict[str, str | list[str]]
    reasons: dict[str, str]


@dataclass(frozen=True)
class Evidence:
    """Evidence for role and task inference: column statistics, and the known roles."""

    table: Any
    columns: Mapping[str, Column]
    roles: Roles

    @property
    def target(self) -> Column | None:
        """The target's column; None where there is no target, or one of several columns."""
        names = target_columns(self.roles) if "target" in self.roles else []
        return self.columns[names[0]] if len(names) == 1 else None

    @property
    def texts(self) -> list[str]:
        """The columns of free texts."""
        return [name for name, column in self.columns.items() if column.is_text]

    def annotated(self, besides: Iterable[str]) -> bool:
        """Whether another column holds labels or numbers, by its name and its cells."""
        others = self.columns.keys() - set(besides)
        return any(
            plain(name) in ANNOTATIONS and not column.is_text and column.distinct > 1
            for name, column in ((other, self.columns[other]) for other in others)
        )


def guess_roles(table: Any, known: Roles, task: str | None = None) -> Guess:
    """Infer the roles of a table's columns; the `known` ones stand. Raises DataError when unclear.

    task: named by the user; it tells which columns can be the target.
    """
    columns = columns_of(table)
    decisions = [name for name, column in columns.items() if decision_of(name, column.counts)]
    for name in declaring(columns) - set(_flat(known.values())):
        del columns[name]
    roles: dict[str, str | list[str]] = {}
    reasons: dict[str, str] = {}
    for role, column in known.items():
        check_role(role, column, columns)
        roles[role], reasons[role] = column, _("given by you")
    # Cells come before names: tags of words or answers with offsets are unmistakable.
    reader = reader_of(task) if task else None
    readers = [reader] if reader else list(all_readers().values())
    for one in readers:
        by_cells = one.guess_roles(Evidence(table, columns, known), reader is not None)
        if by_cells:
            roles |= by_cells.roles
            reasons |= by_cells.reasons
            break
    free = {name: column for name, column in columns.items() if name not in _flat(roles.values())}
    texts: dict[str, str] = {}
    if not any(role in roles for role in TEXT_ROLES):
        wants_pair = reader is not None and len(reader.roles) == 2
        texts, why = _guess_texts(free, columns, wants_pair=wants_pair)
        roles |= texts
        reasons |= dict.fromkeys(texts, why)
        free = {name: c for name, c in free.items() if name not in texts.values()}
    if "target" not in roles:
        roles["target"], reasons["target"] = _guess_target(
            free, columns, reader, readers, decisions
        )
    if texts.keys() == {"text"} and not matches(texts["text"], TEXT_WORDS):
        taken = set(_flat(roles.values())) - {texts["text"]}
        others = {name: c for name, c in columns.items() if c.is_text and name not in taken}
        require_one(others, columns[texts["text"]])
    new_names = _pair_names(Evidence(table, columns, roles), known)
    return Guess(_ordered(roles, new_names), _ordered(reasons, new_names))


def guess_task(table: Any, roles: Roles) -> tuple[str, str]:
    """Infer the task, with the reason in figures. Raises DataError when nothing fits."""
    evidence = Evidence(table, columns_of(table), roles)
    column = evidence.target
    if column and not column.values:
        raise DataError(
            _(
                "the target column {name!r} is empty: there is nothing to learn from.",
                name=column.name,
            )
        )
    guesses = {name: reader.guess(evidence) for name, reader in all_readers().items()}
    likely = {name: guess for name, guess in guesses.items() if guess is not None}
    if not likely:
        assert column is not None, "two target columns or more fit a task"
        if odd := column.among_numbers:
            raise DataError(
                _(
                    "the target column {name!r} holds numbers, but also {cells}: mend these cells "
                    "or leave them empty; --task regression --skip-bad sets their rows aside.",
                    name=column.name,
                    cells=name_list(odd, 3, quoted=True),
                )
            )
        raise DataError(no_labels(column))
    task = max(likely, key=lambda name: likely[name][0])
    return task, likely[task][1]


def check_role(role: str, column: str | list[str], known: Iterable[str]) -> None:
    """Raises DataError when the role or the column does not exist."""
    if role not in ROLES:
        raise DataError(_("no role called {role!r}.{hint}", role=role, hint=near(role, ROLES)))
    if isinstance(column, list) and role not in LISTED:
        raise DataError(
            _(
                "role {role}: takes one column, not {count}; only {listed} have lists.",
                role=role,
                count=len(column),
                listed=name_list(LISTED),
            )
        )
    for name in _flat([column]):
        if name not in known:
            hint = near(name, [*known])
            raise DataError(
                _("role {role}: no column called {name!r}.{hint}", role=role, name=name, hint=hint)
            )


def guess_texts(columns: Mapping[str, Column], *, wants_pair: bool) -> dict[str, str]:
    """The roles text, and text_pair where there are two, of rows without a target. Raises DataError
    when unclear."""
    return _guess_texts(columns, columns, wants_pair=wants_pair)[0]


def _guess_texts(
    free: Mapping[str, Column], columns: Mapping[str, Column], *, wants_pair: bool
) -> tuple[dict[str, str], str]:
    texts = {name: column for name, column in free.items() if column.is_text}
    pair = pair_in(texts) or pair_in(_named_texts(free))
    if pair is None and wants_pair and len(texts) == 2:
        first, second = texts
        pair = (first, second)
    if pair:
        one, two = (free[name].mean_length for name in pair)
        why = _(
            "{first!r} and {second!r} are a pair of texts ({one:.0f} and {two:.0f} characters)",
            first=pair[0],
            second=pair[1],
            one=one,
            two=two,
        )
        return {"text": pair[0], "text_pair": pair[1]}, why
    named = [name for name in free if matches(name, TEXT_WORDS) and not free[name].is_id]
    named = [name for name in named if free[name].numbers is None and free[name].distinct > 1]
    likely = [name for name in named if name in texts] or named or list(texts)
    if not likely:
        raise DataError(unclear(columns, text=True))
    # Of a title and a body, the body; of several unnamed ones, the one that says most.
    best = max(likely, key=lambda name: free[name].mean_length)
    why = why_text(free[best], named=best in named)
    others = [name for name in likely if name != best]
    if others:
        names = name_list(others, quoted=True)
        why = _("{why}; --text could also name {names}", why=why, names=names)
    return {"text": best}, why


def _named_texts(free: Mapping[str, Column]) -> dict[str, Column]:
    """Columns that are texts by their names, however short their cells are: text_pair, sentence1.

    Names of pairs that may be labels too (title, context) are left to the cells.
    """
    sure = {name for pair in SURE_PAIRS for name in pair}
    return {
        name: column
        for name, column in free.items()
        if column.distinct > 1
        and column.numbers is None
        and 2 * len(column.values) > column.rows
        and (
            plain(name) in sure
            or (re.search(_NUMBERED, folded(name)) and matches(name, TEXT_WORDS))
        )
    }


def pair_in(texts: Mapping[str, Column]) -> tuple[str, str] | None:
    named = by_plain_name(texts)
    for first, second in PAIRED_NAMES:
        if first in named and second in named:
            return named[first], named[second]
    wide = {folded(name): name for name in texts}
    for name in wide:
        for one, two in (("1", "2"), ("一", "二"), ("a", "b"), ("A", "B")):
            # A digit counts anywhere (question1), a letter only as a word of its own (text_a).
            pattern = one if not one.isascii() or one.isdigit() else rf"(?<![A-Za-z]){one}(?![a-z])"
            other = re.sub(pattern, two, name, count=1)
            if other != name and other in wide:
                return wide[name], wide[other]
    return None


def _guess_target(
    free: Mapping[str, Column],
    columns: Mapping[str, Column],
    reader: TargetReader | None,
    readers: Sequence[TargetReader],
    decisions: Sequence[str] = (),
) -> tuple[str | list[str], str]:
    usable = {
        name: column
        for name, column in free.items()
        if column.distinct > 1
        and (not column.is_id or _is_amount(column))
        and not column.is_date
        and not {value.lower() for value in column.counts} <= _SPEAKERS  # turns of conversations
    }
    if reader:
        usable = {name: c for name, c in usable.items() if reader.fits(c)} or usable
    # A name wins over contents; without one, only an unambiguous candidate is taken: a wrong target
    # trains a model that looks fine.
    named = _best_named(usable, readers)
    same = [name for name in free if matches(name, TARGET_WORDS) and free[name].distinct == 1]
    _require_values(free, named, [] if decisions else same)
    family = flags_of.family(named[0] if named else "", usable)
    if family and (reader is None or reader.flag_columns):
        return family, flags_of.reason_of(family, free)
    names = _names_of(named[0], free) if named else ""
    labels = reader is None or not reader.numeric  # the task that the user names, if any
    if names and names in usable and labels:
        return names, _("its values are the names of {column!r}", column=named[0])
    if named:
        why = _("its name, and {figures}", figures=_figures(usable[named[0]]))
        others = [name for name in named[1:] if usable[name].is_label or usable[name].numbers]
        if others:
            names = name_list(others, quoted=True)
            why = _("{why}; --target could also name {names}", why=why, names=names)
        return named[0], why
    flags = [name for name, column in usable.items() if column.binary]
    if len(flags) >= 2 and (reader is None or reader.flag_columns):
        return flags, flags_of.reason_of(flags, free)
    likely = [
        name
        for name, c in usable.items()
        if labels and (c.is_label or any(one.recognizes(c) for one in readers))
    ] or [name for name, c in usable.items() if c.numbers is not None]
    if not likely and same and decisions:
        raise DataError(
            _(
                "the column {name!r} holds one value only ({value}), and annotators decided on it "
                "in {decisions!r}: --target {decisions} learns their decisions.",
                name=same[0],
                value=free[same[0]].example,
                decisions=decisions[0],
            )
        )
    if not likely and same:
        raise DataError(_one_value(free[same[0]]))
    # Numbers without a telling name beside further texts are places, lessons, counts: were they
    # the target, a text would be left out in silence.
    one = usable[likely[0]] if len(likely) == 1 else None
    if one is None or (one.numbers and not one.binary and any(c.is_text for c in free.values())):
        raise DataError(unclear(columns, text=False))
    why = _("the only column like a target: {figures}", figures=_figures(usable[likely[0]]))
    if likely == flags:
        why = flags_of.with_same(why, flags, free)
    return likely[0], why


def _require_values(free: Mapping[str, Column], named: Sequence[str], same: Sequence[str]) -> None:
    """Raise DataError where the column that is called a target has no values, or one only: another
    column that looks like one is not meant. same: columns of one value, by their names a target."""
    empty = [n for n, c in free.items() if not c.values and plain(n) in TARGET_WORDS]
    if empty and not (named and plain(named[0]) in TARGET_WORDS[:4]):
        raise DataError(
            _(
                "the column {name!r} is empty. If another one is the target: --target COLUMN. In "
                "a workbook, formulas have no values until a spreadsheet program has saved it.",
                name=empty[0],
            )
        )
    if not named and any(plain(name) in TARGET_WORDS[:6] for name in same):
        raise DataError(_one_value(free[same[0]]))


def _one_value(column: Column) -> str:
    return _(
        "the column {name!r} holds one value only ({value}): there is nothing to learn. "
        "Is the target another column (--target COLUMN)?",
        name=column.name,
        value=column.example,
    )


def _names_of(target: str, columns: Mapping[str, Column]) -> str:
    """The column that names each number of a target of numbers, as label_text does of label."""
    for suffix in _NAMES:
        other = next((name for name in columns if name.lower() == target.lower() + suffix), "")
        if not other or columns[target].numbers is None or columns[other].numbers is not None:
            continue
        if len(columns[target].values) != len(columns[other].values):
            continue
        pairs = set(zip(columns[target].values, columns[other].values, strict=True))
        if len(pairs) == columns[target].distinct == columns[other].distinct:
            return other
    return ""


def _is_amount(column: Column) -> bool:
    """Whether unique whole numbers are a regression target and no id: only the name can tell."""
    return column.numbers is not None and matches(column.name, TARGET_WORDS)


def _best_named(usable: Mapping[str, Column], readers: Sequence[TargetReader]) -> list[str]:
    """Rank columns named like a target: whole names, then those that a task recognizes by the
    cells, then words in names."""
    named = [name for name in usable if matches(name, TARGET_WORDS)]
    named = [
        name for name in named if not (usable[name].is_text and usable[name].unique_share > 0.5)
    ]
    exact = [name for word in TARGET_WORDS for name in named if plain(name) == word]
    clear = [name for name in named if any(one.recognizes(usable[name]) for one in readers)]
    return list(dict.fromkeys([*exact, *clear, *named]))


def _figures(column: Column) -> str:
    if column.numbers is not None and column.distinct > 20:
        return _(
            "numbers from {low:g} to {high:g}, {distinct} different ones",
            low=min(column.numbers),
            high=max(column.numbers),
            distinct=len(set(column.numbers)),
        )
    return _(
        "{distinct} different values in {rows:,} rows ({values})",
        distinct=column.distinct,
        rows=len(column.values),
        values=name_list((value[:20] for value in column.ranked), 3),
    )


def _pair_names(evidence: Evidence, known: Roles) -> dict[str, str]:
    """Rename the roles of a text pair as the task that recognizes the target calls them: premise
    and hypothesis where labels are entailment, neutral, contradiction."""
    target = evidence.target
    if {"text", "text_pair"} & known.keys() or "text_pair" not in evidence.roles or target is None:
        return {}
    for reader in all_readers().values():
        if len(reader.roles) == 2 and reader.recognizes(target):
            return dict(zip(("text", "text_pair"), reader.roles, strict=True))
    return {}


def _flat(columns: Iterable[str | list[str]]) -> list[str]:
    return [name for c in columns for name in (c if isinstance(c, list) else [c])]


def _ordered(roles: Mapping[str, Any], new_names: Mapping[str, str]) -> dict[str, Any]:
    """Entries under the tasks' names of roles, in the order of ROLES."""
    renamed = {new_names.get(role, role): value for role, value in roles.items()}
    return {role: renamed[role] for role in ROLES if role in renamed}
