"""What a comparison came to: the first contender, and each other one against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.core.sanitize import quoted
from weitiao.evaluation.compare import Comparison, Gap
from weitiao.i18n.messages import _, plural
from weitiao.results.align import Aligned
from weitiao.results.entries import differences
from weitiao.results.format import figure, metric


@dataclass(frozen=True, eq=False)
class Compared:
    """`comparisons`: each contender after the first, against the first. `names`: short ones."""

    aligned: Aligned
    comparisons: tuple[Comparison, ...]
    names: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """better, worse, open or same: the second contender against the first."""
        return self.comparisons[0].word

    @property
    def split(self) -> str:
        """test, validation, "" when only files are compared or when it is mixed."""
        found = {split for one in self.aligned.contenders for split in one.splits}
        return found.pop() if len(found) == 1 else ""

    def settings(self) -> dict[str, list[Any]]:
        """The settings of the plans that differ -> the value of each contender."""
        plans = [one.plan for one in self.aligned.contenders]
        found = differences(plans)
        several = any(one.kind == "recipe" for one in self.aligned.contenders)
        return {k: v for k, v in found.items() if not (several and k == "train.seed")}

    def summary(self) -> dict[str, Any]:
        """The line that `--json` ends with."""
        return {
            "rows": self.comparisons[0].rows,
            "split": self.split,
            "contenders": [
                {"name": one.name, "kind": one.kind, "sets": len(one.sets)}
                for one in self.aligned.contenders
            ],
            "comparisons": [
                {"first": self.names[0], "second": name, **one.summary()}
                for name, one in zip(self.names[1:], self.comparisons, strict=True)
            ],
            "settings": self.settings(),
            "notes": list(self.aligned.notes),
        }


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """The ends of paths, as long as they must be to be told apart.

    >>> short_names(["runs/a-001", "runs/b-001"]), short_names(["x/a", "y/a", "y/b.csv"])
    (('a-001', 'b-001'), ('x/a', 'y/a', 'b.csv'))
    """
    cut = [name.replace("\\", "/").rstrip("/").split("/") for name in names]
    short = ["/".join(parts[-_size(parts, cut) :]) for parts in cut]
    seen: dict[str, int] = {}
    for at, name in enumerate(short):
        seen[name] = seen.get(name, 0) + 1
        short[at] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return tuple(short)


def _size(parts: list[str], every: list[list[str]]) -> int:
    """How many of its last parts tell a path apart from the others."""
    others = [one for one in every if one != parts]
    sizes = range(1, len(parts) + 1)
    return next((n for n in sizes if all(one[-n:] != parts[-n:] for one in others)), len(parts))


def word(comparison: Comparison) -> str:
    """The verdict in a word or two."""
    told = {
        "better": _("Better"),
        "worse": _("Worse"),
        "open": _("Cannot tell with these rows"),
        "same": _("The same"),
    }
    return told[comparison.word]


def reason(first: str, second: str, comparison: Comparison) -> str:
    """The verdict in a sentence."""
    gap = comparison.gaps[0]
    told = {"first": quoted(first), "second": quoted(second), **_figures(gap)}
    rows = plural(comparison.rows, "row")
    if comparison.word == "same":
        return _("{second} and {first} answer all of the {rows} alike.",
                    **_only(told, "first", "second"), rows=rows)  # fmt: skip
    if comparison.word == "better":
        return _(
            "{second} is better than {first}: {metric} {two} against {one} on {rows}, a difference "
            "of {gap} with a {level} interval from {low} to {high}.",
            **told, rows=rows, level=share(comparison.level),
        )  # fmt: skip
    if comparison.word == "worse":
        return _(
            "{second} is worse than {first}: {metric} {two} against {one} on {rows}, a difference "
            "of {gap} with a {level} interval from {low} to {high}.",
            **told, rows=rows, level=share(comparison.level),
        )  # fmt: skip
    return _(
        "{metric} is {two} for {second} and {one} for {first} on {rows}: the difference of {gap} "
        "may be chance, its {level} interval runs from {low} to {high}.",
        **told, rows=rows, level=share(comparison.level),
    ) + " " + needed(comparison)  # fmt: skip


def needed(comparison: Comparison) -> str:
    """How much more would tell."""
    change = comparison.gaps[0].change
    rows, seeds = change.rows_needed, change.seeds_needed
    if rows and seeds:
        return _(
            "If it stays what it is, about {rows} would tell, or on these rows {seeds} each.",
            rows=plural(rows, "row"),
            seeds=plural(seeds, "seed"),
        )
    if rows:
        return _("If it stays what it is, about {rows} would tell.", rows=plural(rows, "row"))
    if seeds:
        return _(
            "If it stays what it is, {seeds} each would tell; more rows alone would not.",
            seeds=plural(seeds, "seed"),
        )
    return _("It is so small that no reasonable number of rows would tell.")


def share(level: float) -> str:
    """A level as people say it.

    >>> share(0.95), share(0.975)
    ('95 %', '97.5 %')
    """
    return _("{share} %", share=f"{100 * level:.4g}")


def signed(value: float) -> str:
    """A difference with its sign."""
    told = figure(value)
    return f"+{told}" if value > 0 else told.replace("-", "−")


def _figures(gap: Gap) -> dict[str, str]:
    one, two = gap.means
    change = gap.change
    return {
        "metric": metric(gap.name),
        "one": figure(one),
        "two": figure(two),
        "gap": signed(change.value),
        "low": signed(change.low),
        "high": signed(change.high),
    }


def _only(told: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: told[name] for name in names}
