"""Review verb: rows whose target is probably wrong, as a table to decide in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from weitiao.api.fine_tuned_folds import with_fine_tuning
from weitiao.api.inputs import RowOptions, source_of, wish_of, with_targets
from weitiao.checkpoints.catalogue import default_for
from weitiao.core import notice
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import as_text, cell_texts
from weitiao.data.files.table_writers import format_of
from weitiao.data.prepare.corrections import keys_of
from weitiao.data.prepare.filter import usable
from weitiao.data.prepare.review_file import CHANGE, KEEP, REMOVE, Vocabulary, key_text
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.evaluation.label_errors.of_rows import Suspects, suspects_of
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, plural
from weitiao.labels.tags.cells import written
from weitiao.planfile.plan import DataPlan
from weitiao.planning import advise
from weitiao.reporting.review_table import write_review

FEWEST_LISTED = 20  # rows, where nothing says how many
MOST_LISTED = 1_000


@dataclass(frozen=True)
class Doubt:
    """A row whose target is doubted. suspicion: from 0 to 1; position: among the labelled rows."""

    row: str
    position: int
    texts: tuple[str, ...]
    given: Any
    suggested: Any
    suspicion: float
    reason: str


@dataclass(frozen=True, repr=False)
class Review:
    """The doubted rows, the most suspicious first.

    wrong: the estimated number of wrong targets, low, value, high; None where there is no estimate.
    accuracy: of the models out of fold, by the given targets; None for numbers. unjudged: rows
    whose label no other text has.
    """

    rows: int
    unjudged: int
    wrong: tuple[float, float, float] | None
    accuracy: float | None
    unit: str  # what `wrong` counts: row, label, word
    seconds: float
    history: tuple[str, ...]
    doubts: Sequence[Doubt] = ()
    output: str | None = None
    suspicion: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __repr__(self) -> str:
        return f"Review({self.rows} rows, {len(self.doubts)} listed)"

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "rows": self.rows,
            "listed": len(self.doubts),
            "unjudged": self.unjudged,
            "wrong": None if self.wrong is None else [round(one, 1) for one in self.wrong],
            "unit": self.unit,
            "accuracy": self.accuracy,
            "seconds": self.seconds,
            "output": self.output,
        }


def review(
    rows: Any,
    targets: Any = None,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    revision: str | None = None,
    most: int | None = None,
    seed: int = 13,
    fine_tune: bool = False,
    force: bool = False,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
    **options: Unpack[RowOptions],
) -> Review:
    """Look for wrong targets by out-of-fold models, and write the doubted rows as a review table.

    rows and targets: as for `fit`. output: .xlsx, .csv or another table; an existing one is not
    overwritten (it may hold decisions) unless `force`. model: whose frozen vectors are read; by
    default that of the rows' language. most: rows that are listed; by default as many as are
    probably wrong. fine_tune: also train a network for each of three folds, by the plan that `plan`
    would make; far slower. Raises WeitiaoError.
    """
    begun = time.monotonic()
    set_threads(threads)
    if output is not None:
        _require_free(Path(output), force)
    path, source = source_of(rows, targets)
    wish = wish_of(path, with_targets(options, source, targets))
    known, source = advise.look(wish, source)
    plan = DataPlan.model_validate(
        {
            "path": wish.path if isinstance(wish.path, str) else list(wish.path),
            "roles": dict(known.roles),
            "skip_bad": wish.skip_bad,
            "labels": wish.labels.model_dump(),
        }
    )
    history, bad = list(source.history), list[Bad]()
    labelled, _unlabelled = usable(source, plan, known.task, history, bad)
    for line in history if say else ():
        say(line)  # type: ignore[misc]
    with notice.during(_("looking for wrong targets: vectors, then models on parts of the rows")):
        checkpoint = model or default_for(known.language)
        suspects = suspects_of(labelled, checkpoint, revision=revision, seed=seed)
    if fine_tune:
        wish = replace(wish, model=model, revision=revision)
        suspects = with_fine_tuning(suspects, advise.advise(wish, source).plan, seed, say)
    values = suspects.suspicion.values
    order = suspects.suspicion.order[: _listed(suspects, most)]
    doubts = list(_doubts(suspects, order))
    if output is not None:
        _write(Path(output), suspects, order, doubts)
    details = suspects.suspicion.details or {}
    return Review(
        rows=len(labelled),
        unjudged=int(np.isnan(values).sum()),
        wrong=suspects.suspicion.wrong,
        accuracy=details.get("accuracy"),
        unit=_unit(suspects),
        seconds=round(time.monotonic() - begun, 2),
        history=tuple(history),
        doubts=doubts,
        output=None if output is None else str(output),
        suspicion=values,
    )


def _unit(suspects: Suspects) -> str:
    if suspects.task.head == "tokens":
        return "word"
    return "label" if suspects.task.problem_type == "multi_label_classification" else "row"


def _require_free(path: Path, force: bool) -> None:
    format_of(path)
    if path.exists() and not force:
        raise DataError(
            _(
                "{file}: exists already, and may hold decisions; give another name, or --force.",
                file=str(path),
            )
        )


def _listed(suspects: Suspects, most: int | None) -> int:
    """How many rows are listed: as many as are probably wrong, by the upper end."""
    if most is not None:
        return most
    wrong = suspects.suspicion.wrong
    wanted = FEWEST_LISTED if wrong is None else math.ceil(wrong[2])
    if wrong is None:
        wanted = max(wanted, len(suspects.rows) // 50)
    return min(max(wanted, FEWEST_LISTED), MOST_LISTED)


def _doubts(suspects: Suspects, order: np.ndarray) -> Iterator[Doubt]:
    rows, task = suspects.rows.take(order), suspects.task
    columns = [
        cell_texts(rows.table.column(str(rows.roles[role])), rows.indices)
        for role in rows.text_roles
    ]
    given = replace(rows, changes=None).targets()
    texts = list(zip(*columns, strict=True))
    for line, (at, identity) in enumerate(zip(order.tolist(), rows.ids(), strict=True)):
        yield Doubt(
            identity,
            at,
            texts[line],
            task.written(given[line]),
            task.written(suspects.suggested[at]),
            round(float(suspects.suspicion.values[at]), 4),
            str(suspects.reason(at)),
        )


def _write(path: Path, suspects: Suspects, order: np.ndarray, doubts: Sequence[Doubt]) -> None:
    rows: Rows = suspects.rows.take(order)
    vocabulary = Vocabulary.of(suspects.rows)
    words = [vocabulary.word(word) for word in (KEEP, CHANGE, REMOVE)]
    if suspects.task.problem_type == "single_label_classification":
        words += list(suspects.task.choices)
    lines = [
        [
            doubt.row, *doubt.texts, _cell(doubt.given), _cell(doubt.suggested), doubt.suspicion,
            doubt.reason, "", key_text(key),
        ]
        for doubt, key in zip(doubts, keys_of(rows), strict=True)
    ]  # fmt: skip
    write_review(path, rows.text_roles, lines, words)


def _cell(target: Any) -> str:
    if isinstance(target, float):
        return f"{target:.6g}"
    return as_text(written(target))


def found_line(review: Review) -> str:
    """How many rows are probably wrong, as a sentence."""
    if review.wrong is None:
        return _("{rows} judged; the most unusual come first", rows=plural(review.rows, "row"))
    low, value, high = (round(one) for one in review.wrong)
    figures = {"value": value, "low": low, "high": high, "rows": plural(review.rows, "row")}
    sentences = {
        "word": _(
            "of {rows}, about {value:,} words are tagged wrongly (95 % interval {low:,} to "
            "{high:,})",
            **figures,
        ),
        "label": _(
            "of {rows}, about {value:,} labels are wrong (95 % interval {low:,} to {high:,})",
            **figures,
        ),
        "row": _(
            "of {rows}, about {value:,} are labelled wrongly (95 % interval {low:,} to {high:,})",
            **figures,
        ),
    }
    return sentences[review.unit]
