"""Any file of predictions as a set of answers: rules, an old model, what an LLM said."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from weitiao import parts
from weitiao.core.fields import near
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.files.table import LINE, Source
from weitiao.data.infer.column_names import TARGET_WORDS, TEXT_WORDS, matches, words
from weitiao.data.infer.roles import guess_task
from weitiao.data.rows import everything
from weitiao.data.targets import read_targets
from weitiao.errors import DataError
from weitiao.i18n.messages import _, plural
from weitiao.results.entries import Answered, Columns, Contender
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.passages import Passages
from weitiao.tasks.answers.spans import Spans

PREDICTIONS = words(
    "prediction predictions predicted pred answer answers output response predicted_label "
    "pred_label label_pred 预测 预测值 预测结果 预测标签 模型预测 回答 答案"
)
IDS = words("id ids row_id rowid idx index uid row 编号 序号 行号")


def of_file(path: str, columns: Columns, task: str | None, texts: Sequence[str]) -> Contender:
    """The predictions in a file. task: of what it is compared with; texts: names of its texts."""
    source = open_source(path)
    prediction = _prediction(source, columns)
    target = _target(source, columns, prediction)
    if task is None:
        about = target or prediction
        task = guess_task(source.table.select([about]), {"target": about})[0]
    kind: type[Answers] = parts.find("tasks", task).answers
    if issubclass(kind, Spans):
        raise DataError(
            _("{file}: files of tags or spans are not compared: give the folders of runs, "
                 "and they are.", file=source.name)
        )  # fmt: skip
    values = _values(source, prediction, task)
    truth = _values(source, target, task) if target else None
    empty = sum(value is None for value in values)
    notes = []
    if empty:
        told = _("{rows} without a prediction: counted as wrong", rows=plural(empty, "row"))
        notes.append(_("{rows} without a prediction: left out", rows=plural(empty, "row"))
                     if kind.numeric else told)  # fmt: skip
    id_column = _id_column(source, columns)
    named = _texts(source, columns, texts, {prediction, target})

    @cache
    def read() -> list[tuple[str, ...]]:
        return list(zip(*(_cells(source, name) for name in named), strict=True))

    def cells(column: str) -> list[str] | None:
        return _cells(source, column) if column in source.columns else None

    answered = Answered(
        kind.from_cells(values, truth),
        _cells(source, id_column) if id_column else _lines(source),
        read if named else lambda: None,
        cells,
        tuple(named),
        id_column or "",
    )
    return Contender(path, "file", (answered,), notes=tuple(notes), task=task)


def _id_column(source: Source, columns: Columns) -> str | None:
    """The column that says which row is which."""
    if columns.id:
        return _known(source, columns.id, "--id")
    return next((name for name in source.columns if name.lower() in IDS), None)


def _prediction(source: Source, columns: Columns) -> str:
    if columns.prediction:
        return _known(source, columns.prediction, "--prediction")
    named = [name for want in PREDICTIONS for name in source.columns if name.lower() == want]
    if named:
        return named[0]
    others = [
        name for name in source.columns if name.lower() not in IDS and not matches(name, TEXT_WORDS)
    ]
    if len(others) == 1:
        return others[0]
    raise DataError(
        _(
            "{file}: which column holds the predictions? It has {names}; say --prediction COLUMN.",
            file=source.name,
            names=", ".join(source.columns),
        )
    )


def _target(source: Source, columns: Columns, prediction: str) -> str | None:
    if columns.target:
        known = columns.target in source.columns and columns.target != prediction
        return columns.target if known else None
    for name in source.columns:
        scores = name.startswith("score") or name == prediction or name.lower() in PREDICTIONS
        if not scores and matches(name, TARGET_WORDS):
            return name
    return None


def _known(source: Source, column: str, option: str) -> str:
    if column not in source.columns:
        told = _("{file}: no column {column!r} ({option}).{hint}", file=source.name,
                    column=column, option=option, hint=near(column, source.columns))  # fmt: skip
        raise DataError(told)
    return column


def _texts(
    source: Source, columns: Columns, wanted: Sequence[str], taken: set[str | None]
) -> list[str]:
    """The columns of the texts: as they are called elsewhere, else by their names."""
    if columns.text:
        return [_known(source, one, "--text") for one in columns.text.split(",")]
    if wanted and all(name in source.columns for name in wanted):
        return list(wanted)
    free = [name for name in source.columns if name not in taken and name.lower() not in IDS]
    return [name for name in free if matches(name, TEXT_WORDS)][: max(1, len(wanted))]


def _lines(source: Source) -> list[str]:
    return [f"{source.name}:{line}" for line in source.table.column(LINE).to_pylist()]


def _cells(source: Source, column: str) -> list[str]:
    return cell_texts(source.table.column(column), everything(source.table))


def _values(source: Source, column: str, task: str) -> list[Any]:
    """What a column says; None where it is empty or no number."""

    def locate(row: int) -> str:
        return f"{source.name}:{row}"

    rows = everything(source.table)
    if issubclass(parts.find("tasks", task).answers, Passages):
        return _cells(source, column)
    return read_targets(source.table, {"target": column}, task, rows, locate, wrong={})
