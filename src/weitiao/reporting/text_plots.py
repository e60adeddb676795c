"""Texts that were written: chrF by length, and the words that differ from the reference."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

import numpy as np

from weitiao.core.redact import masked
from weitiao.core.script import LETTER, UNSEPARATED
from weitiao.i18n.messages import _
from weitiao.reporting.render import Bar, Bars, Plot, Table
from weitiao.results.format import number, whole_baseline
from weitiao.results.run_data import StoredAnswers
from weitiao.tasks.answers.texts import Texts

GROUPS = 5  # of lengths, with as many rows each
FEWEST = 5  # rows of a group
MOST_CHARACTERS = 900  # of a text with marks
_WORD = re.compile(rf"[{UNSEPARATED}]|{LETTER}+|\s+|.", re.DOTALL)
Pieces = list[tuple[str, str]]  # text, CSS class


def by_length(answers: Texts) -> list[Plot]:
    """The mean chrF of groups of rows by the length of their reference; none for few rows."""
    lengths = np.array([len(target) for target in answers.targets])
    if len(lengths) < GROUPS * FEWEST or len(np.unique(lengths)) < GROUPS:
        return []
    groups = np.array_split(np.argsort(lengths, kind="stable"), GROUPS)
    names = [f"{lengths[rows].min()}–{lengths[rows].max()}" for rows in groups]
    means = [100 * float(answers.counts[rows, 0].mean()) for rows in groups]
    drawing = {
        "kind": "bars",
        "categories": names,
        "x": _("characters of the reference"),
        "y": "chrF",
        "stacked": False,
        "flat": False,
        "series": [{"name": "chrF", "values": [round(value, 1) for value in means]}],
    }
    cells = [
        [name, f"{len(rows):,}", number(mean)]
        for name, rows, mean in zip(names, groups, means, strict=True)
    ]
    title, head = _("chrF by length"), [_("characters of the reference"), _("rows"), "chrF"]
    message = _("The mean chrF of the rows, in groups by the length of the reference.")
    return [
        Plot("by-length", title, message, drawing, Table(title, head, cells, [1, 2], folded=True))
    ]


def likeness(answers: Texts, stored: StoredAnswers) -> tuple[Bars, list[str]]:
    """The mean chrF of the rows, of the model and of the baselines."""
    own = float(answers.counts[:, 0].mean())
    bars = [Bar(_("this model"), own, f"{100 * own:.1f}", ours=True)]
    for name, values in stored.baselines.items():
        other = Texts.of(answers.targets, list(values), np.zeros(len(values)))
        mean = float(other.counts[:, 0].mean())
        bars.append(Bar(whole_baseline(name), mean, f"{100 * mean:.1f}"))
    sentence = _(
        "{same:.0%} of the texts are equal to their reference; the mean chrF of a row is {mean}, "
        "of 100.",
        same=float(answers.right().mean()),
        mean=f"{100 * own:.1f}",
    )
    return Bars(_("Likeness to the reference (chrF)"), bars, 1.0), [sentence]


def edits(answers: Texts, at: int, unmasked: bool) -> list[tuple[str, Pieces]]:
    """Reference and answer with the words marked that only one of them has. Nothing where something
    has to be masked."""
    target, value = str(answers.targets[at]), str(answers.values[at])
    if not unmasked and (masked(target) != target or masked(value) != value):
        return []
    first = _WORD.findall(target[:MOST_CHARACTERS])
    second = _WORD.findall(value[:MOST_CHARACTERS])
    reference, answer = Pieces(), Pieces()
    for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        mark = "" if kind == "equal" else "n2"
        reference.append(("".join(first[a:b]), mark))
        answer.append(("".join(second[c:d]), mark))
    pairs = ((_("reference"), reference), (_("answer"), answer))
    return [(name, [piece for piece in pieces if piece[0]]) for name, pieces in pairs]
