"""Inference verbs: load a run's model, predict a file of rows, explain one prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, overload

import numpy as np

from weitiao.api.prediction_input import assigned, is_empty, open_rows
from weitiao.api.prediction_table import Table, columns_of, shape_of
from weitiao.api.trained import model_folder, trained
from weitiao.api.written_table import (
    checked_form,
    files_in,
    require_known,
    require_other_file,
    write_table,
)
from weitiao.data.files.csv_writer import guarded_notes
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.files.table_writers import BINARY, Target, writing
from weitiao.data.rows import Rows
from weitiao.errors import DataError
from weitiao.evaluation.baselines.model import BaselineModel
from weitiao.evaluation.explain import Explanation
from weitiao.evaluation.explain import explain as explain_example
from weitiao.example import Example, Prediction
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, name_list, plural
from weitiao.model.model import Model
from weitiao.model.predictor import Predictor
from weitiao.model.without_text import is_blank

CHUNK_ROWS = 5_000  # rows predicted at a time: memory stays bounded


@dataclass(frozen=True)
class Chunk:
    """Answers to consecutive rows: a prediction for each row with a text, None for the others."""

    empty: np.ndarray  # (n,) bool: rows without a text
    answers: Sequence[Prediction | None]


@dataclass(frozen=True)
class Opened:
    """Rows to predict: their table, what the model reads of them, messages about columns, and how
    another process opens the same."""

    source: Source
    inputs: Rows
    named: tuple[str, ...]
    how: ReadOptions
    roles: Mapping[str, str]


def open_inputs(
    run: str | Path | Predictor,
    rows: Any,
    how: ReadOptions,
    roles: Mapping[str, str],
    *,
    baseline: bool = False,
) -> Opened:
    """Open the rows to predict, as the model of the run reads them. Raises DataError."""
    known = run if isinstance(run, Predictor) else trained(run, baseline=baseline)
    source = open_rows(known, rows, how)
    named: list[str] = []
    return Opened(source, assigned(known, source, roles, named), tuple(named), how, dict(roles))


@overload
def load(
    run: str | Path, *, precision: str | None = None, baseline: Literal[False] = False
) -> Model: ...


@overload
def load(
    run: str | Path, *, precision: str | None = None, baseline: bool
) -> Model | BaselineModel: ...


def load(
    run: str | Path, *, precision: str | None = None, baseline: bool = False
) -> Model | BaselineModel:
    """Load the best model of a run, or the folder of a saved model itself.

    precision: auto, fp32, onednn or bf16, instead of what its plan says; fp32 gives the scores
    that transformers gives. baseline: the run's TF-IDF with a linear model (of tagging: the
    lookup) instead; no network is loaded.
    """
    folder = model_folder(run, baseline=baseline)
    return BaselineModel.load(folder) if baseline else Model.load(folder, precision=precision)


def predict(
    run: str | Path | Predictor,
    rows: Any,
    output: str | Path | IO[str] | None = None,
    *,
    form: str | None = None,
    shape: str | None = None,
    roles: Mapping[str, str] | None = None,
    sheet: str | None = None,
    reader: Mapping[str, Mapping[str, Any]] | None = None,
    skip_bad: bool = False,
    force: bool = False,
    threads: int | None = None,
    precision: str | None = None,
    baseline: bool = False,
    step: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
    elsewhere: Callable[[Opened], Iterable[Chunk]] | None = None,
) -> Any:
    """Predict rows into `output` (.csv, .xlsx, .jsonl, .parquet, ...); returns their number.

    Without an output, a file goes into predictions.csv, and rows from Python give one value a row,
    as `model.predict` does.

    rows: a path, a list of Path, texts, a DataFrame or a list of dicts. Each row of the input is
    a row of the output, in order: its columns plus prediction, score and score_<label>, which stay
    empty where the text is empty; where unknown inputs are recognized, best_known and known_score,
    too. Memory is bounded.
    form: csv, jsonl, ... instead of what the ending says; needed where `output` is a text stream.
    shape: of names and other spans, "long" is a row a span (default of tables), "wide" a list.
    roles: role -> column, where the columns are not called as in training.
    force: overwrite a file. precision, baseline: as for `load`. step: called with the number of
    rows after each chunk. say: called with messages for people. elsewhere: gives the answers of
    all chunks in order, from other processes; default: the model in this one.
    """
    if output is None:
        if not files_in(rows):
            return _opened(run, threads, precision, baseline).predict(rows)
        output = "predictions.csv"
    form = _checked_form(output, form, force)
    if isinstance(output, (str, Path)):
        require_other_file(output, files_in(rows))
    how = ReadOptions(reader or ({"xlsx": {"sheet": sheet}} if sheet else {}), skip_bad)
    opened = open_inputs(run, rows, how, roles or {}, baseline=baseline)
    source, inputs = opened.source, opened.inputs
    model = _opened(run, threads, precision, baseline)
    notes = _notes(model, opened)
    # The first row with a text tells which columns will be written, before anything is.
    (first,) = model.predictions([_first_with_text(inputs)])
    table = Table(source, model.task, form, shape_of(model.task, shape, form), columns_of(first))
    if new := table.renamed:
        notes.append(
            _(
                "{file} has columns called {columns}: those of the answers are called {new}",
                file=source.name,
                columns=name_list(new),
                new=name_list(new.values()),
            )
        )
    tell = say or (lambda text: None)
    for note in notes:
        tell(note)
    empty = np.zeros(len(inputs), bool)

    def write(target: Target) -> None:
        with writing(target, form, table.schema) as add:
            start = 0
            for chunk in elsewhere(opened) if elsewhere else answered(model, inputs):
                count = len(chunk.answers)
                empty[start : start + count] = chunk.empty
                for cells in table.cells(start, chunk.answers, count):
                    add(cells)
                start += count
                if step:
                    step(count)
            assert start == len(inputs)

    if isinstance(output, (str, Path)):
        write_table(Path(output), form, source, write)
    else:
        write(output)
    for line in _remarks(table, empty, inputs):
        tell(line)
    return len(inputs)


def _checked_form(output: str | Path | IO[str], form: str | None, force: bool) -> str:
    """The format of the output. Raises DataError where it cannot be written there."""
    if not isinstance(output, (str, Path)):
        require_known(form)
        if form in BINARY:
            message = _("{form} is no text: give a file for it, e.g. -o answers.{form}", form=form)
            raise DataError(message)
        return form or "jsonl"
    return checked_form(output, form, force)


def _first_with_text(rows: Rows) -> Example:
    """The first example with all its texts; where there is none, one that stands for it."""
    for start in range(0, len(rows), CHUNK_ROWS):
        part = rows.take(slice(start, start + CHUNK_ROWS))
        if len(places := np.flatnonzero(~is_empty(part))):
            (example,) = part.examples(places[:1])
            return example
    return Example(dict.fromkeys(rows.text_roles, "?"))


def _notes(model: Model | BaselineModel, opened: Opened) -> list[str]:
    """How the rows were read, and what a baseline does not do of the plan."""
    notes = list(opened.source.history) if len(opened.source.history) > 1 else []
    if isinstance(model, BaselineModel) and model.plan.evaluate.unknown != "none":
        notes.append(_("the baseline recognizes no unknown inputs: each row gets a known label"))
    return [*notes, *opened.named]


def answered(model: Model | BaselineModel, inputs: Rows) -> Iterator[Chunk]:
    """The answers to all rows, chunk by chunk."""
    return (chunk_at(model, inputs, start) for start in range(0, len(inputs), CHUNK_ROWS))


def chunk_at(model: Model | BaselineModel, inputs: Rows, start: int) -> Chunk:
    """The answers to CHUNK_ROWS rows from `start` on."""
    part = inputs.take(slice(start, start + CHUNK_ROWS))
    empty = is_empty(part)
    answers: list[Prediction | None] = [None] * len(part)
    places = np.flatnonzero(~empty)
    if len(places):
        for at, prediction in zip(places, model.predictions(part.examples(places)), strict=True):
            answers[at] = prediction
    return Chunk(empty, answers)


def _remarks(table: Table, empty: np.ndarray, rows: Rows) -> Iterator[str]:
    """What is worth knowing about the answers."""
    if count := int(empty.sum()):
        missing = plural(count, "row")
        if table.source.fingerprint:
            named = name_list(rows.take(np.flatnonzero(empty)[:4]).ids(), 3)
            yield _(
                "{rows} without a text ({named}): the answer is empty", rows=missing, named=named
            )
        else:
            yield _("{rows} without a text: the answer is empty", rows=missing)
    if "known_score" in table.answers:
        yield _(
            "{unknown:,} of {rows:,} rows are unknown inputs ({share:.1%}); best_known is what the "
            "answer would be",
            unknown=table.unknown,
            rows=len(rows),
            share=table.unknown / max(len(rows), 1),
        )
    if table.wordless:
        yield _(
            "{wordless:,} of {rows:,} answers are empty: the network wrote nothing, as one does "
            "that has hardly learned",
            wordless=table.wordless,
            rows=len(rows),
        )
    if table.shape == "long":
        yield _(
            "a row for each span that was found; {rows} without any. --shape wide gives a row "
            "for each row of the input",
            rows=plural(table.without, "row"),
        )
    yield from guarded_notes(table.guarded, "csv")  # other formats count none


def _opened(
    run: str | Path | Predictor, threads: int | None, precision: str | None, baseline: bool
) -> Any:
    set_threads(threads)
    return run if isinstance(run, Predictor) else load(run, precision=precision, baseline=baseline)


def explain(
    run: str | Path | Model,
    row: Any,
    *,
    label: str | None = None,
    threads: int | None = None,
) -> Explanation:
    """Predict a row and attribute the prediction to its words.

    row: one row as for `model(...)`, or the texts in the order of the model's roles. label: explain
    this label's score instead of the prediction's. Raises WeitiaoError.
    """
    set_threads(threads)
    model = run if isinstance(run, Model) else load(run)
    if model.task.writes:
        message = _("explain is about labels and numbers; here the answer is a text.")
        raise DataError(message)
    if model.task.per_token:
        message = _("explain is about labels and numbers; here the answer is a place in the text.")
        raise DataError(message)
    return explain_example(model, _one_example(model, row), label)


def _one_example(model: Model, row: Any) -> Example:
    texts = isinstance(row, list) and all(isinstance(one, str) for one in row)
    if texts and len(row) != len(model.row_reader.roles):
        message = _(
            "this model reads {count} texts ({roles}), not {passed}.",
            count=len(model.row_reader.roles),
            roles=name_list(model.row_reader.roles),
            passed=len(row),
        )
        raise DataError(message)
    examples = list(islice(model.row_reader.examples(tuple(row) if texts else row), 2))
    if len(examples) > 1:
        raise DataError(_("explain is about one row; more were given."))
    if is_blank(examples[0]):
        raise DataError(_("the row has no text: there is nothing to predict and to explain."))
    return examples[0]
