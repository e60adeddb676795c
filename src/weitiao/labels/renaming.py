"""Label mapping of a plan: labels that are renamed, merged or dropped, and targets under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weitiao.core.fields import near
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.labels.tags.schemes import OUTSIDE, split_tag

TAGGED = "tokens"  # the head of tasks whose targets are tags or spans


@dataclass(frozen=True)
class LabelRules:
    """Rules of a plan, as written: old -> new (`rename` and `merge` together), names to drop, and
    the only names to keep (empty: all)."""

    names: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[str] = ()
    keep: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.names or self.drop or self.keep)


@dataclass(frozen=True)
class LabelMap:
    """A resolved mapping: old label -> new label, or None for one that is dropped.

    separator: of the hierarchical labels that it was resolved against.
    """

    names: Mapping[str, str | None]
    separator: str = ""

    def of(self, label: str) -> str | None:
        """The new name of a label; None where it is dropped."""
        return self.names.get(label, label)

    def target(self, target: Any, head: str = "sequence") -> Any:
        """A target under the mapping: a label or None, a list of labels, tags, or spans.

        >>> LabelMap({"bad": "neg", "?": None}).target("bad")
        'neg'
        >>> LabelMap({"a": "c", "b": "c", "?": None}).target(["a", "b", "?"])
        ['c']
        >>> LabelMap({"PER": "person", "LOC": None}).target(["B-PER", "B-LOC"], "tokens")
        ['B-person', 'O']
        """
        if target is None:
            return None
        if not isinstance(target, list):
            return self.of(str(target))
        if head != TAGGED:
            renamed = (self.of(str(label)) for label in target)
            return list(dict.fromkeys(label for label in renamed if label is not None))
        return [one for one in map(self._tag_or_span, target) if one is not None]

    def _tag_or_span(self, one: Any) -> Any:
        if not isinstance(one, str):  # (start, end, label) or (start, end, label, text)
            label = self.of(one[2])
            return None if label is None else (*one[:2], label, *one[3:])
        parts = split_tag(one)
        if parts is None:  # a tag without a scheme
            renamed = self.of(one)
            return "O" if renamed is None else renamed
        kind, name = parts
        if kind == OUTSIDE or name not in self.names:
            return one
        label = self.of(name)
        return "O" if label is None else f"{one[0]}-{label}"


def resolve(
    rules: LabelRules, known: Sequence[str], separator: str = "", *, strict: bool = True
) -> LabelMap:
    """Resolve rules against the labels that rows have. Raises DataError for unknown names.

    separator: of hierarchical labels; the name of a parent then stands for all labels below it.
    strict: whether every name must occur; other rows than those of training need not have all.

    >>> resolve(LabelRules({"a": "b"}, ["c"]), ["a", "c", "d"]).names
    {'a': 'b', 'c': None}
    >>> resolve(LabelRules({"体育": "运动"}), ["体育/足球", "财经/股票"], "/").names
    {'体育/足球': '运动/足球'}
    >>> resolve(LabelRules({"a": "b"}, keep=["a"]), ["b", "c"], strict=False).names
    {'c': None}
    """
    names: dict[str, str | None] = {}
    for old, new in rules.names.items():
        for label in _matching(old, known, separator, strict):
            names[label] = new + label[len(old) :]
    after = {label: names.get(label, label) or "" for label in known}
    # What is dropped or kept may be called by its name before or after the renaming.
    both = list(dict.fromkeys([*known, *after.values()]))
    for name in rules.drop:
        wanted = set(_matching(name, both, separator, strict))
        names |= {label: None for label in known if {label, after[label]} & wanted}
    if rules.keep:
        kept = {one for name in rules.keep for one in _matching(name, both, separator, strict)}
        # Other files may say it in the new spelling.
        after_keep = [rules.names[name] for name in rules.keep if name in rules.names]
        kept |= {one for name in after_keep for one in _matching(name, both, separator, False)}
        names |= {label: None for label in known if not {label, after[label]} & kept}
    return LabelMap({old: new for old, new in names.items() if new != old}, separator)


def _matching(name: str, known: Sequence[str], separator: str, strict: bool) -> list[str]:
    """The label of this name, and all below it in a hierarchy."""
    starts = (f"{name.strip()}{separator}", f"{name.strip()} {separator}")  # "体育 / 足球"
    below = [one for one in known if one == name or (separator and one.startswith(starts))]
    if not below and strict:
        raise DataError(
            _(
                "data.labels: no row has the label {label!r}.{hint}",
                label=name,
                hint=near(name, list(known)),
            )
        )
    return below


def change_lines(label_map: LabelMap, counts: Mapping[str, int]) -> list[str]:
    """What the mapping changed, each a line of the data's history. counts: old label -> rows."""
    merged: dict[str, list[str]] = {}
    for old, new in label_map.names.items():
        if new is not None and counts.get(old):
            merged.setdefault(new, []).append(old)
    lines = []
    for new, olds in merged.items():
        stays = new in counts and new not in label_map.names
        shown = name_list(f"{old!r} ({counts[old]:,})" for old in olds)
        if stays:
            lines.append(
                _(
                    "labels {old} are called {new!r} now, as {rows:,} already were",
                    old=shown,
                    new=new,
                    rows=counts[new],
                )
            )
        else:
            lines.append(_("labels {old} are called {new!r} now", old=shown, new=new))
    return lines
