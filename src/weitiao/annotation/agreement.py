"""Inter-annotator agreement: Krippendorff's alpha, Fleiss' kappa, Cohen's kappa of each pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from typing import Any, Literal

import numpy as np

from weitiao.annotation.standing import key_of
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

Level = Literal["nominal", "interval"]
Votes = Mapping[int, Mapping[str, Any]]  # position -> annotator -> answer


@dataclass(frozen=True)
class Agreement:
    """Agreement on the rows that two annotators or more have labelled.

    same: the share of pairs of answers that are equal. alpha: Krippendorff's (2011), of
    numbers with squared differences; fleiss: kappa (1971), where all rows have the same number of
    answers; cohen: (one, other, rows, kappa) of each pair (1960). None: not defined.
    """

    rows: int
    same: float | None
    alpha: float | None
    fleiss: float | None
    cohen: tuple[tuple[str, str, int, float | None], ...]
    overlap: float | None = None  # mean F1 of the spans of two annotators

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def agreement(votes: Votes, kind: str) -> Agreement:
    """Measure the agreement. kind: of the answers, as in a scheme."""
    shared = {at: mine for at, mine in votes.items() if len(mine) > 1}
    names = sorted({name for mine in shared.values() for name in mine})
    keys = {at: {who: key_of(v) for who, v in mine.items()} for at, mine in shared.items()}
    pairs = [(one, two) for mine in keys.values() for one, two in combinations(mine.values(), 2)]
    same = sum(one == two for one, two in pairs) / len(pairs) if pairs else None
    comparable = kind in ("label", "labels", "number")
    return Agreement(
        rows=len(shared),
        same=same,
        alpha=_alpha(shared, names, kind) if comparable else None,
        fleiss=_fleiss(list(keys.values())) if kind == "label" else None,
        cohen=tuple(_cohens(keys, names)) if kind in ("label", "labels") else (),
        overlap=_overlap(shared) if kind == "spans" else None,
    )


def _alpha(shared: Votes, names: Sequence[str], kind: str) -> float | None:
    """Krippendorff's alpha; of label sets the mean over the labels that somebody gave."""
    if not shared:
        return None

    def alpha(code: Callable[[Any], float], level: Level) -> float | None:
        return _krippendorff(
            [
                [code(mine[who]) if who in mine else np.nan for mine in shared.values()]
                for who in names
            ],
            level,
        )

    if kind == "number":
        return alpha(float, "interval")
    given = [value for mine in shared.values() for value in mine.values()]
    if kind == "label":
        places = {label: float(at) for at, label in enumerate(sorted(set(given)))}
        return alpha(places.__getitem__, "nominal")
    labels = sorted({label for chosen in given for label in chosen})
    alphas = [alpha(partial(_has, label), "nominal") for label in labels]
    defined = [one for one in alphas if one is not None]
    return float(np.mean(defined)) if defined else None


def _has(label: str, chosen: Sequence[str]) -> float:
    return float(label in chosen)


def _krippendorff(values: list[list[float]], level: Level) -> float | None:
    try:
        import krippendorff
    except ImportError:
        raise WeitiaoError(missing_message("krippendorff")) from None
    table = np.array(values, float)
    if len(np.unique(table[~np.isnan(table)])) < 2:
        return None  # everybody always says the same: nothing could be told apart
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))


def missing_message(package: str) -> str:
    """What to install where a package of the extra is missing."""
    return _(
        "{package} is missing: `weitiao annotate` needs some packages more: "
        'pip install "weitiao[annotate]"',
        package=package,
    )


def _cohens(
    keys: Mapping[int, Mapping[str, str]], names: Sequence[str]
) -> list[tuple[str, str, int, float | None]]:
    rows = []
    for one, two in combinations(names, 2):
        pairs = [(mine[one], mine[two]) for mine in keys.values() if one in mine and two in mine]
        if pairs:
            rows.append((one, two, len(pairs), cohen(pairs)))
    return rows


def cohen(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of pairs of labels; None where chance alone would agree always.

    >>> cohen([("a", "a"), ("b", "b")]), cohen([("a", "a")])
    (1.0, None)
    """
    observed = sum(one == two for one, two in pairs) / len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(two for _, two in pairs)
    expected = sum(first[label] * second[label] for label in first) / len(pairs) ** 2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def _fleiss(rows: Sequence[Mapping[str, str]]) -> float | None:
    """Fleiss' kappa; None unless all rows have the same number of answers."""
    sizes = {len(mine) for mine in rows}
    if len(sizes) != 1:
        return None
    (raters,) = sizes
    counts = [Counter(mine.values()) for mine in rows]
    agreeing = [
        (sum(n * n for n in one.values()) - raters) / (raters * (raters - 1)) for one in counts
    ]
    total: Counter[str] = sum(counts, Counter())
    expected = sum((n / (raters * len(rows))) ** 2 for n in total.values())
    if expected == 1:
        return None
    return float((np.mean(agreeing) - expected) / (1 - expected))


def _overlap(shared: Votes) -> float | None:
    """The mean F1 of the spans of two annotators; two empty lists agree."""
    values = []
    for mine in shared.values():
        for one, two in combinations(mine.values(), 2):
            first, second = {tuple(span) for span in one}, {tuple(span) for span in two}
            size = len(first) + len(second)
            values.append(2 * len(first & second) / size if size else 1.0)
    return float(np.mean(values)) if values else None
