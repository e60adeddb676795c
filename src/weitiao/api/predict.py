"""Inference verbs: load a run's model, predict a file of rows, explain one prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, overload

import numpy as np

from weitiao.api.prediction_input import assigned, files_in, is_empty, open_rows
from weitiao.api.prediction_table import Table, columns_of, shape_of
from weitiao.core.atomic import replacing
from weitiao.data.files import bad_rows
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.files.table_writers import BINARY, FORMATS, Target, check_fits, format_of, writing
from weitiao.data.rows import Rows
from weitiao.errors import DataError, RunError
from weitiao.evaluation.baselines.model import BaselineModel
from weitiao.evaluation.baselines.saved import FOLDER, has_saved
from weitiao.evaluation.explain import Explanation
from weitiao.evaluation.explain import explain as explain_example
from weitiao.example import Example, Prediction
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, name_list, plural
from weitiao.i18n.system import said
from weitiao.model.model import Model
from weitiao.model.predictor import Predictor
from weitiao.run import Run

CHUNK_ROWS = 5_000  # rows predicted at a time: memory stays bounded


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
    folder = Path(run)
    if baseline:
        return _baseline_of(folder)
    if (folder / "plan.yaml").is_file():
        best = Run.open(folder).best_folder()
        if best is None:
            message = _(
                "{folder}: this run has no best model yet. Go on first: "
                "weitiao train --resume {folder}",
                folder=folder,
            )
            raise RunError(message)
        return Model.load(best, precision=precision)
    return Model.load(folder, precision=precision)


def _baseline_of(folder: Path) -> BaselineModel:
    """The saved baseline of a run, of the best of several seeds, or of the folder itself."""
    folders = [folder / FOLDER, folder]
    if (folder / "plan.yaml").is_file() and (best := Run.open(folder).best_folder()):
        folders.append(best.parent / FOLDER)
    for one in folders:
        if has_saved(one):
            return BaselineModel.load(one)
    message = _(
        "{folder}: no saved baseline here: its task has none, its plan wants none "
        "(evaluate.baselines), a budget left no time for it, or the run is of an older version; "
        "`weitiao evaluate {folder}` fits it once the run has ended.",
        folder=folder,
    )
    raise RunError(message)


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
) -> Any:
    """Predict rows into `output` (.csv, .xlsx, .jsonl, .parquet, ...); returns their number.

    Without an output, a file goes into predictions.csv, and rows from Python give one value a row,
    as `model.predict` does.

    rows: a path, a list of Path, texts, a DataFrame or a list of dicts. Each row of the input is
    a row of the output, in order: its columns plus prediction, score and score_<label>, which stay
    empty where the text is empty. Memory is bounded.
    form: csv, jsonl, ... instead of what the ending says; needed where `output` is a text stream.
    shape: of names and other spans, "long" is a row a span (default of tables), "wide" a list.
    roles: role -> column, where the columns are not called as in training.
    force: overwrite a file. precision, baseline: as for `load`. step: called with the number of
    rows after each chunk. say: called with messages for people.
    """
    if output is None:
        if not files_in(rows):
            return _opened(run, threads, precision, baseline).predict(rows)
        output = "predictions.csv"
    form = _checked_form(output, form, force)
    _require_other_file(output, rows)
    model = _opened(run, threads, precision, baseline)
    how = ReadOptions(reader or ({"xlsx": {"sheet": sheet}} if sheet else {}), skip_bad)
    source = open_rows(model, rows, how)
    notes: list[str] = list(source.history) if len(source.history) > 1 else []
    inputs = assigned(model, source, roles or {}, notes)
    # The first row tells which columns will be written, before anything is.
    (first,) = model.predictions(inputs.take(slice(1)).examples())
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
            for start in range(0, len(inputs), CHUNK_ROWS):
                part = inputs.take(slice(start, start + CHUNK_ROWS))
                empty[start : start + len(part)] = is_empty(part)
                answers = _answers(model, part, empty[start : start + len(part)])
                for cells in table.cells(start, answers, len(part)):
                    add(cells)
                if step:
                    step(len(part))

    if isinstance(output, (str, Path)):
        _write_file(Path(output), form, source, write)
    else:
        write(output)
    for line in _remarks(table, empty, inputs):
        tell(line)
    return len(inputs)


def _checked_form(output: str | Path | IO[str], form: str | None, force: bool) -> str:
    """The format of the output. Raises DataError where it cannot be written there."""
    if form is not None and form not in FORMATS:
        message = _(
            "no format called {form!r}; there are {forms}.", form=form, forms=name_list(FORMATS)
        )
        raise DataError(message)
    if not isinstance(output, (str, Path)):
        if form in BINARY:
            message = _("{form} is no text: give a file for it, e.g. -o answers.{form}", form=form)
            raise DataError(message)
        return form or "jsonl"
    out = Path(output)
    form = form or format_of(out)
    if out.is_dir():
        raise DataError(_("{file}: this is a folder; give the name of a file.", file=out))
    if out.exists() and not force:
        message = _(
            "{file}: this file exists already. --force overwrites it; -o NAME writes another one.",
            file=out,
        )
        raise DataError(message)
    return form


def _require_other_file(output: str | Path | IO[str], rows: Any) -> None:
    """Raises DataError where the output is a file that is read: it would be lost."""
    if not isinstance(output, (str, Path)) or not Path(output).exists():
        return
    if any(Path(f).exists() and Path(f).samefile(output) for f in files_in(rows)):
        message = _("{file}: this file is read; give the answers another name.", file=output)
        raise DataError(message)


def _write_file(out: Path, form: str, source: Source, write: Callable[[Path], None]) -> None:
    check_fits(form, out, source.table)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Renamed at the end: predictions of an earlier call stay whole when this one fails.
        with replacing(out) as sibling:
            write(sibling)
        bad_rows.write(out.with_name(f"{out.stem}.{bad_rows.FILE}"), source.bad)
    except OSError as error:
        message = _(
            "{file}: the answers cannot be written: {reason}.", file=out, reason=said(error)
        )
        raise DataError(message) from None


def _answers(
    model: Model | BaselineModel, part: Rows, empty: np.ndarray
) -> list[Prediction | None]:
    """A prediction for each row with a text, None for the others."""
    answers: list[Prediction | None] = [None] * len(part)
    places = np.flatnonzero(~empty)
    for at, prediction in zip(places, model.predictions(part.examples(places)), strict=True):
        answers[at] = prediction
    return answers


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
    if table.shape == "long":
        yield _(
            "a row for each span that was found; {rows} without any. --shape wide gives a row "
            "for each row of the input",
            rows=plural(table.without, "row"),
        )
    if table.guarded:
        yield _(
            "{cells} that a spreadsheet would run as a formula have an apostrophe before them; "
            ".xlsx, .jsonl and .parquet hold every text as it is",
            cells=plural(table.guarded, "cell"),
        )


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
    return examples[0]
