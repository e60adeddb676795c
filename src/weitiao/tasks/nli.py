"""Natural language inference: whether a premise entails a hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from weitiao.data.infer.cells import is_missing, number
from weitiao.i18n.messages import _, name_list
from weitiao.tasks.classification import Classification

if TYPE_CHECKING:
    from weitiao.data.infer.column_stats import Column
    from weitiao.data.infer.roles import Evidence
    from weitiao.data.rows import Rows

# The three relations, as data sets spell them.
RELATIONS = {
    "entailment": {"entailment", "entail", "entails", "entailed", "e", "蕴含", "蕴涵"},
    "neutral": {"neutral", "neutrality", "n", "中立", "中性"},
    "contradiction": {"contradiction", "contradict", "contradicts", "c", "矛盾"},
}
NO_MAJORITY = "-"  # SNLI and MultiNLI write it where annotators disagreed: no gold label
SHOWN = 3


class NLI(Classification):
    """Natural language inference: entailment, neutral or contradiction."""

    roles: ClassVar[tuple[str, ...]] = ("premise", "hypothesis")
    optional_roles: ClassVar[tuple[str, ...]] = ()
    small_batches: ClassVar[bool] = False

    @classmethod
    def parse_target(cls, cell: str, column: str) -> str | None:
        relation = super().parse_target(cell, column)
        return None if relation == NO_MAJORITY else relation

    @classmethod
    def problems(cls, rows: Rows, targets: Sequence[Any]) -> Iterator[str]:
        """Relations that are numbers: only the user knows which of them means entailment."""
        labels = sorted(set(map(str, targets)))
        if labels and all(number(label) is not None for label in labels):
            yield _(
                "the labels of these pairs are numbers ({labels}): which of them means entailment "
                "is not known, and the answers are these numbers",
                labels=name_list(labels[:SHOWN]),
            )

    @classmethod
    def recognizes(cls, column: Column) -> bool:
        return are_relations(column.counts)

    @classmethod
    def fits(cls, column: Column) -> bool:
        return are_relations(column.counts) or column.distinct <= 5

    @classmethod
    def guess(cls, evidence: Evidence) -> tuple[float, str] | None:
        column = evidence.target
        if column is None or not (
            "premise" in evidence.roles
            or ("text_pair" in evidence.roles and are_relations(column.counts))
        ):
            return None
        return 0.7, _(
            "two texts and the labels {labels} say how they relate", labels=column.most_common()
        )

    @classmethod
    def named_reason(cls, evidence: Evidence) -> str:
        column = evidence.target
        if column is None or column.numbers is None:
            return super().named_reason(evidence)
        return _(
            "given by you; the labels are numbers ({labels}): which of them means entailment is "
            "not known, and the answers are these numbers",
            labels=column.most_common(),
        )


def are_relations(values: Iterable[str]) -> bool:
    """Whether labels are those of inference: at least two of the three, and nothing else but "-".

    >>> are_relations(["蕴含", "矛盾"]), are_relations(["e", "x"])
    (True, False)
    """
    labels = {value.strip().lower() for value in values} - {NO_MAJORITY, ""}
    labels = {value for value in labels if not is_missing(value)}
    relations = [name for name, spellings in RELATIONS.items() if labels & spellings]
    known = set().union(*RELATIONS.values())
    return labels <= known and len(relations) >= 2 and len(labels) == len(relations)
