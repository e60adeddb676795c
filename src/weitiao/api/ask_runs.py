"""Which runs can answer questions, score passages and judge support: told by their plan and task,
before a network or PyTorch is loaded."""

from __future__ import annotations

from pathlib import Path

from weitiao.api.trained import Trained, trained
from weitiao.errors import RunError
from weitiao.i18n.messages import _, name_list
from weitiao.model.row_reader import RowReader
from weitiao.tasks.base import Task
from weitiao.tasks.retrieval import Retrieval

# Labels of pairs by which a text follows from another, or fits it.
POSITIVE = {"entailment", "entailed", "蕴含", "relevant", "相关", "yes", "是", "true", "1"}


def check_runs(
    run: str | Path | None, rerank: str | Path | None = None, support: str | Path | None = None
) -> None:
    """Raises WeitiaoError where a run's task does not fit what `ask` needs it for."""
    if run is not None:
        known = trained(run)
        if not (finds(known.task) or answers(known.task)):
            raise RunError(
                _(
                    "{run}: this run is for {task}; questions are answered by a run of "
                    "question_answering or of generation.",
                    run=run,
                    task=known.plan.task_name,
                )
            )
    if support:
        positive_label(_reading_pairs(support))
    if rerank and (scoring := _reading_pairs(rerank)).task.choices:
        positive_label(scoring)


def finds(task: Task) -> bool:
    """Whether a run of the task gives vectors: it finds passages."""
    return isinstance(task, Retrieval)


def answers(task: Task) -> bool:
    """Whether a run of the task reads the answer out of a passage, or writes one."""
    return task.pipeline_tag != "translation" and task.head in ("spans", "text")


def _reading_pairs(run: str | Path) -> Trained:
    """A run that reads two texts. Raises RunError where it does not."""
    known = trained(run)
    if len(RowReader(known.task, known.plan.data.roles).roles) < 2 or known.task.head != "sequence":
        raise RunError(
            _(
                "{run}: this run is for {task}; passages are scored by a run that reads two texts "
                "(nli, similarity).",
                run=run,
                task=known.plan.task_name,
            )
        )
    return known


def positive_label(model: Trained) -> str:
    """The label that says that the second text follows from, or answers, the first."""
    labels = list(model.task.choices)
    label = next((name for name in labels if name.strip().lower() in POSITIVE), None)
    if label is None:
        raise RunError(
            _(
                "none of the labels {labels} says that a text follows or fits (entailment, "
                "relevant, yes, 1).",
                labels=name_list(labels),
            )
        )
    return label
