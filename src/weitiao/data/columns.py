"""Which column is the text and which the target, guessed from names and contents, with reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weitiao import parts
from weitiao.data.evidence import Column, columns_of
from weitiao.data.labels import are_relations, split_labels
from weitiao.data.meaning import guess_task
from weitiao.errors import DataError

__all__ = ["ROLES", "TEXT_ROLES", "Guess", "guess_roles", "guess_task", "split_labels"]

TEXT_ROLES = ("text", "text_pair", "premise", "hypothesis")
ROLES = (*TEXT_ROLES, "target")

Roles = Mapping[str, str | list[str]]


def _words(text: str) -> list[str]:
    return text.split()


# Words of column names. A name is matched whole first, then by the words it is made of.
_TEXT_WORDS = _words(
    "text sentence review content comment comments message tweet body document article utterance "
    "question query sms post abstract description headline title string passage "
    "文本 内容 评论 句子 正文 评价 留言 微博 短信 问题 标题 新闻 文章 描述"
)
_TARGET_WORDS = _words(
    "target label labels gold_label class category categories sentiment intent topic polarity "
    "emotion stars star rating score judgment judgement similarity relatedness quality tag tags y "
    "标签 类别 分类 情感 情绪 意图 主题 星级 评分 分数 得分 打分 极性 相似度 关系"
)
_PAIRED_NAMES = (
    ("text", "text_pair"),
    ("premise", "hypothesis"),
    ("前提", "假设"),
    ("query", "title"),
    ("query", "passage"),
)


@dataclass(frozen=True)
class Guess:
    """role -> column (or columns), and role -> why, in plain words."""

    roles: dict[str, str | list[str]]
    reasons: dict[str, str]


def guess_roles(table: Any, given: Roles) -> Guess:
    """The roles of a table's columns; what is `given` stands. Raises DataError when unclear."""
    found = columns_of(table)
    roles: dict[str, str | list[str]] = {}
    reasons: dict[str, str] = {}
    for role, column in given.items():
        check_role(role, column, found)
        roles[role], reasons[role] = column, "given by you"
    free = {name: column for name, column in found.items() if name not in _flat(roles.values())}
    if not any(role in roles for role in TEXT_ROLES):
        texts, why = _guess_texts(free, found)
        roles |= texts
        reasons |= dict.fromkeys(texts, why)
        free = {name: c for name, c in free.items() if name not in texts.values()}
    if "target" not in roles:
        roles["target"], reasons["target"] = _guess_target(free, found)
    return _as_inference(Guess(_ordered(roles), _ordered(reasons)), found, given)


def check_role(role: str, column: str | list[str], known: Iterable[str]) -> None:
    """Raises DataError when the role or the column does not exist."""
    if role not in ROLES:
        raise DataError(f"no role called {role!r}.{parts.near(role, ROLES)}")
    if isinstance(column, list) and role != "target":
        raise DataError(f"role {role}: takes one column, not {len(column)}; only target has lists.")
    for name in _flat([column]):
        if name not in known:
            raise DataError(f"role {role}: no column called {name!r}.{parts.near(name, [*known])}")


def _guess_texts(
    free: Mapping[str, Column], found: Mapping[str, Column]
) -> tuple[dict[str, str], str]:
    texts = {name: column for name, column in free.items() if column.is_text}
    pair = _pair_in(texts)
    if pair:
        means = " and ".join(f"{texts[name].mean_length:.0f}" for name in pair)
        why = f"{pair[0]!r} and {pair[1]!r} are named as a pair of texts ({means} characters each)"
        return {"text": pair[0], "text_pair": pair[1]}, why
    named = [name for name in free if _matches(name, _TEXT_WORDS) and not free[name].is_id]
    named = [name for name in named if free[name].numbers is None and free[name].distinct > 1]
    likely = [name for name in named if name in texts] or named or list(texts)
    if not likely:
        raise DataError(_unclear("the text", found))
    # Of a title and a body, the body; of several unnamed ones, the one that says most.
    best = max(likely, key=lambda name: free[name].mean_length)
    column = free[best]
    why = (
        f"{'its name, and ' if best in named else ''}{column.mean_length:.0f} characters on "
        f"average, {column.unique_share:.0%} of the values are different"
    )
    others = [name for name in likely if name != best]
    if others:
        why += f"; --text could also name {', '.join(others)}"
    return {"text": best}, why


def _pair_in(texts: Mapping[str, Column]) -> tuple[str, str] | None:
    lower = {name.lower(): name for name in texts}
    for first, second in _PAIRED_NAMES:
        if first in lower and second in lower:
            return lower[first], lower[second]
    for name in texts:
        for one, two in (("1", "2"), ("一", "二"), ("a", "b"), ("A", "B")):
            # A digit counts anywhere (question1), a letter only as a word of its own (text_a).
            pattern = one if not one.isascii() or one.isdigit() else rf"(?<![A-Za-z]){one}(?![a-z])"
            other = re.sub(pattern, two, name, count=1)
            if other != name and other in texts:
                return name, other
    return None


def _guess_target(
    free: Mapping[str, Column], found: Mapping[str, Column]
) -> tuple[str | list[str], str]:
    usable = {
        name: column
        for name, column in free.items()
        if column.distinct > 1 and (not column.is_id or _is_amount(column))
    }
    named = _best_named(usable)
    if named:
        column = usable[named[0]]
        why = f"its name, and {_figures(column)}"
        others = [name for name in named[1:] if usable[name].is_label or usable[name].numbers]
        return named[0], why + (f"; --target could also name {', '.join(others)}" if others else "")
    flags = [name for name, column in usable.items() if column.binary]
    if len(flags) >= 2:
        return flags, f"{len(flags)} columns hold only 0 and 1: {', '.join(flags)}"
    likely = [name for name, c in usable.items() if c.is_label] or [
        name for name, c in usable.items() if c.numbers is not None
    ]
    same = [name for name in free if _matches(name, _TARGET_WORDS) and free[name].distinct == 1]
    if not likely and same:
        raise DataError(
            f"the column {same[0]!r} holds one value only ({free[same[0]].example}): there is "
            "nothing to learn. Is the target another column (--target COLUMN)?"
        )
    if len(likely) != 1:
        raise DataError(_unclear("the target", found))
    return likely[0], f"the only column like a label: {_figures(usable[likely[0]])}"


def _is_amount(column: Column) -> bool:
    """Whether whole numbers that never repeat are meant as a target: only a name can say so."""
    return column.numbers is not None and _matches(column.name, _TARGET_WORDS)


def _best_named(usable: Mapping[str, Column]) -> list[str]:
    """Columns named like a target, the likeliest first: relations, whole names, then words."""
    relations = [name for name, c in usable.items() if are_relations(c.counts)]
    named = [name for name in usable if _matches(name, _TARGET_WORDS)]
    named = [
        name for name in named if not (usable[name].is_text and usable[name].unique_share > 0.5)
    ]
    exact = [name for word in _TARGET_WORDS for name in named if name.lower() == word]
    order = [*exact, *(name for name in named if name in relations), *named]
    return list(dict.fromkeys(order))


def _figures(column: Column) -> str:
    if column.numbers is not None and column.distinct > 20:
        low, high = min(column.numbers), max(column.numbers)
        return f"numbers from {low:g} to {high:g}, {column.distinct} different ones"
    common = ", ".join(value[:20] for value, _ in column.counts.most_common(3))
    more = ", ..." if column.distinct > 3 else ""
    return f"{column.distinct} different values in {len(column.values):,} rows ({common}{more})"


def _as_inference(guess: Guess, found: Mapping[str, Column], given: Roles) -> Guess:
    """A pair whose labels are entailment, neutral, contradiction is a premise and a hypothesis."""
    target = guess.roles["target"]
    if {"text", "text_pair"} & given.keys() or "text_pair" not in guess.roles:
        return guess
    if not isinstance(target, str) or not are_relations(found[target].counts):
        return guess
    names = {"text": "premise", "text_pair": "hypothesis"}
    return Guess(
        {names.get(role, role): column for role, column in guess.roles.items()},
        {names.get(role, role): reason for role, reason in guess.reasons.items()},
    )


def _matches(name: str, words: Iterable[str]) -> bool:
    known = set(words)
    if name.lower() in known:
        return True
    pieces = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[\u4e00-\u9fff]+", name)
    return any(piece.lower() in known for piece in pieces) or any(
        word in name for word in known if not word.isascii()
    )


def _unclear(what: str, found: Mapping[str, Column]) -> str:
    lines = "\n".join(f"  {name}: {column.example or '(empty)'}" for name, column in found.items())
    flag = "--text" if "text" in what else "--target"
    return (
        f"cannot tell which column is {what}. Say it with {flag} COLUMN (or --roles "
        f"text=COLUMN,target=COLUMN). The columns, each with a value:\n{lines}"
    )


def _flat(columns: Iterable[str | list[str]]) -> list[str]:
    return [name for c in columns for name in (c if isinstance(c, list) else [c])]


def _ordered(roles: Mapping[str, Any]) -> dict[str, Any]:
    return {role: roles[role] for role in ROLES if role in roles}
