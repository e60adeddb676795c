"""Rows that repeat others: exact and near duplicates, and their conflicting targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from weitiao.data.quality.finding import (
    Case,
    Finding,
    FindingTable,
    Inspected,
    cell_of,
    ids_of,
    shown_row,
    target_of,
    texts_of,
)
from weitiao.data.quality.near_duplicates import Likeness
from weitiao.data.quality.shingles import SIZE, SIZE_UNSEPARATED
from weitiao.data.targets import comparable, reader_of
from weitiao.i18n.messages import _, plural

MOST_CASES = 12
SPAN = 2048
FAR_NUMBERS = 1.0  # standard deviations between the targets of near duplicates


def repeats(inspected: Inspected, like: Likeness) -> Iterator[Finding]:
    """Findings of exact duplicates, near duplicates and conflicting targets."""
    codes = target_codes(comparable(inspected.targets, reader_of(inspected.rows.task).label_sets))
    yield from _exact(inspected, like, codes)
    yield from _near(inspected, like)
    if reader_of(inspected.rows.task).one_target and "target" in inspected.rows.roles:
        yield from _conflicts(inspected, like, codes)
        yield from _near_conflicts(inspected, like, codes)


def target_codes(targets: Sequence[object]) -> np.ndarray:
    """A number for each distinct target; -1 where there is none."""
    known: dict[str, int] = {}
    memo: dict[object, int] = {}
    codes = np.full(len(targets), -1, np.int64)
    for at, target in enumerate(targets):
        if target is None:
            continue
        if isinstance(target, str):
            code = memo.get(target)
            if code is None:
                code = memo[target] = known.setdefault(repr(target), len(known))
        else:
            code = known.setdefault(repr(target), len(known))
        codes[at] = code
    return codes


def first_rows(groups: np.ndarray) -> np.ndarray:
    """(rows,) position of the first row of each row's group."""
    first = np.full(int(groups.max(initial=-1)) + 1, len(groups), np.int64)
    np.minimum.at(first, groups, np.arange(len(groups)))
    return first[groups]


def pair_table(
    inspected: Inspected, pairs: np.ndarray, values: Sequence[object], measure: str = ""
) -> FindingTable:
    """A csv of pairs of rows: the row, the one that it is like, their targets and texts. measure:
    what the values are; the Jaccard similarity, if nothing is said."""
    head = [_("row"), _("like row"), measure or _("Jaccard similarity")]
    head += [_("target"), _("other target")]
    roles = inspected.rows.text_columns

    def lines() -> Iterator[list[object]]:
        for start in range(0, len(pairs), SPAN):
            some = pairs[start : start + SPAN]
            left, right = some[:, 0], some[:, 1]
            columns = [ids_of(inspected.rows, side) for side in (left, right)]
            texts = [texts_of(inspected.rows, side) for side in (left, right)]
            for at, (first, second) in enumerate(some.tolist()):
                yield [
                    columns[0][at],
                    columns[1][at],
                    values[start + at],
                    target_of(inspected.targets[first]),
                    target_of(inspected.targets[second]),
                    *(
                        cell_of(text)
                        for pair in zip(texts[0][at], texts[1][at], strict=True)
                        for text in pair
                    ),
                ]

    named = [name for role in roles for name in (role, f"{role} ({_('like row')})")]
    return FindingTable([*head, *named], lines)


def pair_cases(
    inspected: Inspected, pairs: np.ndarray, values: Sequence[object] | None = None
) -> list[Case]:
    """The first pairs, with the characters that differ marked."""
    cases = []
    for at in spread(len(pairs), MOST_CASES):
        first, second = map(int, pairs[at])
        texts = texts_of(inspected.rows, pairs[at])
        marks = [differences(*both) for both in zip(texts[0], texts[1], strict=True)]
        note = "" if values is None else _("similarity {value}", value=values[at])
        rows = [
            shown_row(inspected.rows, inspected.targets, place, [one[side] for one in marks])
            for side, place in enumerate((first, second))
        ]
        cases.append(Case(rows, note))
    return cases


def differences(first: str, second: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The spans of two texts that differ (longest common blocks, Ratcliff and Obershelp 1988).

    >>> differences("a good film", "a bad film")
    ([(2, 5)], [(2, 4)])
    """
    from difflib import SequenceMatcher

    if max(len(first), len(second)) > MOST_COMPARED:  # quadratic time
        first, second = first[:MOST_COMPARED], second[:MOST_COMPARED]
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    wrong = [block for block in blocks if block[0] != "equal"]
    return (
        [(a, b) for _tag, a, b, _c, _d in wrong if b > a],
        [(c, d) for _tag, _a, _b, c, d in wrong if d > c],
    )


MOST_COMPARED = 1_500  # characters


def spread(count: int, most: int) -> list[int]:
    """At most so many numbers below `count`, at even distances."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)).tolist()


def _exact(inspected: Inspected, like: Likeness, codes: np.ndarray) -> Iterator[Finding]:
    n = len(inspected.rows)
    equal, same = like.equal[:n], like.same[:n]
    groups = _paired(equal, codes)
    first = first_rows(groups)
    repeated = np.flatnonzero((first != np.arange(n)) & ~like.empty[:n])
    if not len(repeated):
        return
    identical = first_rows(_paired(same, codes))[repeated] != repeated
    exactly, alike = int(identical.sum()), int((~identical).sum())
    counts = {"exact": exactly, "alike": alike, "share": len(repeated) / n}
    rows, share = plural(len(repeated), "row"), f"{len(repeated) / n:.1%}"
    if alike:
        sentence = _(
            "{rows} ({share}) equal to an earlier row: {exact:,} exactly, {alike:,} but for case, "
            "width, blanks or punctuation",
            rows=rows,
            share=share,
            exact=exactly,
            alike=alike,
        )
        remedy = _("`fit` leaves exact ones out by itself, the step deduplicate the others, too")
        line = "data.steps.deduplicate={}"
    else:
        sentence = _("{rows} ({share}) exactly equal to an earlier row", rows=rows, share=share)
        remedy = _("`fit` leaves them out by itself, before the rows are split")
        line = "data.deduplicate=true"
    pairs = np.stack([repeated, first[repeated]], 1)
    order = np.argsort(identical, kind="stable")  # those that differ are shown first
    yield Finding(
        "exact_duplicates",
        "warning" if alike or len(repeated) > 0.01 * n else "note",
        repeated,
        sentence,
        remedy,
        line,
        pair_table(inspected, pairs, [1] * len(pairs)),
        pair_cases(inspected, pairs[order[: MOST_CASES if alike else 4]]),
        counts,
    )


def _near(inspected: Inspected, like: Likeness) -> Iterator[Finding]:
    n = len(inspected.rows)
    inside = (like.links < n).all(1)
    links, values = like.links[inside], like.values[inside]
    if not len(links):
        return
    near, equal = like.near[:n], like.equal[:n]
    # Clusters of more than one normal form: the others are exact duplicates.
    members = np.isin(near, np.unique(near[links[:, 0]]))
    rows = np.flatnonzero(members)
    clusters = len(np.unique(near[rows]))
    order = np.argsort(values, kind="stable")
    shown = [f"{value:.2f}" for value in values[order]]
    fewer = len(np.unique(equal[rows])) - clusters
    remedy = _(
        "the step deduplicate keeps one of each group for training; data.near_duplicates keeps a "
        "group in one part of the split"
    )
    yield Finding(
        "near_duplicates",
        "warning",
        rows,
        _(
            "{rows} in {groups} of near duplicates: Jaccard similarity of shingles of {size} "
            "characters ({chinese} in Chinese) of {similarity:g} and more{more}",
            rows=plural(len(rows), "row"),
            groups=plural(clusters, "group"),
            size=SIZE,
            chinese=SIZE_UNSEPARATED,
            similarity=inspected.similarity,
            more=_unchecked(like),
        ),
        remedy,
        f"data.near_duplicates={inspected.similarity:g}",
        pair_table(inspected, links[order], shown),
        pair_cases(inspected, links[order], shown),
        {"groups": clusters, "surplus": fewer, "unchecked": like.unchecked},
    )


def _unchecked(like: Likeness) -> str:
    if not like.unchecked:
        return ""
    return _(
        " ({count:,} candidates were too many to check, so that there may be more)",
        count=like.unchecked,
    )


def _conflicts(inspected: Inspected, like: Likeness, codes: np.ndarray) -> Iterator[Finding]:
    n = len(inspected.rows)
    usable = np.flatnonzero((codes >= 0) & ~like.empty[:n])
    equal = like.equal[:n]
    both = np.unique(_paired(equal, codes)[usable], return_index=True)[1]
    groups = np.bincount(equal[usable[both]], minlength=1)
    rows = usable[groups[equal[usable]] > 1]
    if not len(rows):
        return
    first = first_rows(np.where(codes >= 0, equal, equal.max(initial=0) + 1 + np.arange(n)))
    other = rows[codes[rows] != codes[first[rows]]]
    pairs = np.stack([first[other], other], 1)
    exactly = duplicates_differ(like.same[:n], codes, usable)
    texts = len(np.unique(equal[rows]))
    yield Finding(
        "conflicts",
        "warning",
        rows,
        _(
            "{texts} with different targets, in {rows} ({exact:,} of them exactly, the "
            "others but for case, width, blanks or punctuation)",
            texts=plural(texts, "text"),
            rows=plural(len(rows), "row"),
            exact=exactly,
        ),
        _("decide which target is right, or do not learn from these rows: step drop_conflicts"),
        "data.steps.drop_conflicts={}",
        pair_table(inspected, pairs, [1] * len(pairs)),
        pair_cases(inspected, pairs),
        {"texts": texts, "exact": exactly},
    )


def duplicates_differ(groups: np.ndarray, codes: np.ndarray, usable: np.ndarray) -> int:
    """Number of groups whose rows have more than one target."""
    both = np.unique(_paired(groups, codes)[usable], return_index=True)[1]
    return int((np.bincount(groups[usable[both]], minlength=1) > 1).sum())


def _near_conflicts(inspected: Inspected, like: Likeness, codes: np.ndarray) -> Iterator[Finding]:
    n = len(inspected.rows)
    inside = (like.links < n).all(1)
    links, values = like.links[inside], like.values[inside]
    left, right = (codes[links[:, side]] for side in (0, 1))
    differ = (left >= 0) & (right >= 0) & (left != right)
    if reader_of(inspected.rows.task).numeric and differ.any():
        numbers = np.array([np.nan if t is None else float(t) for t in inspected.targets])
        apart = np.abs(numbers[links[:, 0]] - numbers[links[:, 1]])
        differ &= apart > FAR_NUMBERS * np.nanstd(numbers)
    links, values = links[differ], values[differ]
    if not len(links):
        return
    order = np.argsort(-values, kind="stable")
    shown = [f"{value:.2f}" for value in values[order]]
    several = len(inspected.rows.text_roles) > 1
    yield Finding(
        "near_conflicts",
        "note" if several else "warning",
        np.unique(links),
        _(
            "{pairs} of near duplicates with different targets",
            pairs=plural(len(links), "pair"),
        ),
        _("read them: a small change of the text may change the target, or one of them is wrong"),
        "",
        pair_table(inspected, links[order], shown),
        pair_cases(inspected, links[order], shown),
    )


def _paired(groups: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """One number for each distinct pair of group and target code."""
    return np.unique(groups * np.int64(codes.max(initial=0) + 2) + codes + 1, return_inverse=True)[
        1
    ]
