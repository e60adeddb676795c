"""Names of labels that may mean one: they differ by case, width, blanks, plural, script or a
letter."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from weitiao.data.cleaners import chinese_script
from weitiao.data.quality.finding import Case, Finding, FindingTable, Inspected, ShownRow, ShownText
from weitiao.data.targets import reader_of
from weitiao.i18n.messages import _, name_list, plural

FEWEST_LETTERS = 5  # of names that differ by one letter
MOST_LABELS = 5_000
# Signs stay, as do gaps between digits: -1 and 1, C and C++, 1.5 and 15 are not one label.
_LETTER = r"[^\W\d_]"
_GAPS = re.compile(rf"(?<!\d)[\s_]|[\s_](?!\d)|(?<={_LETTER})[-\u2010-\u2015](?={_LETTER})")


def label_names(inspected: Inspected) -> Iterator[Finding]:
    """One finding of all pairs of labels with nearly the same name."""
    reader = reader_of(inspected.rows.task)
    if "target" not in inspected.rows.roles or reader.numeric:
        return
    counts = reader.label_counts([one for one in inspected.targets if one is not None])
    pairs = alike_names(counts)
    if not pairs:
        return
    merged = merged_names(pairs, counts)
    rare = {name for names in merged.values() for name in names}
    row_labels = reader.row_labels(inspected.targets) or []
    rows = [at for at, labels in enumerate(row_labels) if rare & set(_listed(labels))]
    shown = [
        _(
            "{first!r} ({rows:,}) ~ {second!r} ({others:,})",
            first=first,
            rows=counts[first],
            second=second,
            others=counts[second],
        )
        for first, second, _why in pairs
    ]

    def lines() -> Iterator[list[object]]:
        for first, second, why in pairs:
            yield [first, second, why, counts[first], counts[second]]

    cases = [
        Case([ShownRow("", [ShownText("", f"{first}  ~  {second}")])], why)
        for first, second, why in pairs[:12]
    ]
    yield Finding(
        "label_names",
        "warning",
        np.array(rows, np.int64),
        _(
            "{pairs} of labels with nearly the same name: {names}",
            pairs=plural(len(pairs), "pair"),
            names=name_list(shown, 3),
        ),
        _("if they are one label, make them one"),
        f"data.labels.merge={json.dumps(merged, ensure_ascii=False)}",
        FindingTable([_("label"), _("other label"), _("difference"), _("rows"), _("rows")], lines),
        cases,
        {"pairs": [list(pair) for pair in pairs[:100]]},
    )


def alike_names(counts: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Pairs of labels with nearly the same name, and what differs: (first, second, why)."""
    names = [str(name) for name in counts][:MOST_LABELS]
    forms: list[tuple[str, Callable[[str], str]]] = [
        (_("case, width or blanks"), _folded),
        (_("plural"), lambda name: _singular(_folded(name))),
        (_("traditional and simplified characters"), lambda name: _simplified(_folded(name))),
    ]
    pairs: dict[tuple[str, str], str] = {}
    for why, form in forms:
        known: dict[str, str] = {}
        for name in names:
            key = form(name) or name
            other = known.setdefault(key, name)
            if other != name:
                pairs.setdefault((other, name), why)
    for first, second in _one_letter(names):
        pairs.setdefault((first, second), _("one letter"))
    return [(*pair, why) for pair, why in pairs.items()]


def _folded(name: str) -> str:
    return _GAPS.sub("", unicodedata.normalize("NFKC", name).casefold())


def _singular(name: str) -> str:
    for ending, single in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if name.endswith(ending) and not name.endswith("ss") and len(name) > 3:
            return name[: -len(ending)] + single
    return name


def _simplified(name: str) -> str:
    if name.isascii() or not chinese_script.is_installed():
        return name
    simplified: str = chinese_script.converter("t2s").convert(name)
    return simplified


def _one_letter(names: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of names at an edit distance of one letter (symmetric deletes, Garbe 2012)."""
    known: dict[str, list[str]] = {}
    folded = {name: _folded(name) for name in names}
    for name in names:
        word = folded[name]
        if len(word) < FEWEST_LETTERS or not word.isascii():
            continue
        seen = set[str]()
        for key in {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}:
            for other in known.get(key, []):
                if other not in seen and _is_one_letter(folded[other], word):
                    seen.add(other)
                    yield other, name
            known.setdefault(key, []).append(name)


def _is_one_letter(first: str, second: str) -> bool:
    """Whether two words differ by one letter, not by a digit (`class1`) or a sign (`rated+`)."""
    if first == second or abs(len(first) - len(second)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    if start is None:
        return max(first, second, key=len)[-1].isalpha()
    rest = first[start:], second[start:]
    if any(one[:1].isdigit() for one in rest):
        return False
    if len(first) == len(second):
        return rest[0][0].isalpha() and rest[1][0].isalpha() and rest[0][1:] == rest[1][1:]
    longer, shorter = sorted(rest, key=len, reverse=True)
    return longer[0].isalpha() and longer[1:] == shorter


def _listed(labels: object) -> list[object]:
    return labels if isinstance(labels, list) else [labels]


def merged_names(
    pairs: Sequence[tuple[str, str, str]], counts: Mapping[str, int]
) -> dict[str, list[str]]:
    """The names that pairs connect: the most frequent -> the others."""
    groups: list[set[str]] = []
    for first, second, _why in pairs:
        touching = [group for group in groups if group & {first, second}]
        groups = [group for group in groups if group not in touching]
        groups.append({first, second}.union(*touching))
    merged = {}
    for group in groups:
        kept, *lost = sorted(group, key=lambda name: (-counts[name], name))
        merged[kept] = lost
    return merged
