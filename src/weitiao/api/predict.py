"""Inference verbs: load a run's model, predict a file of rows, explain one prediction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Literal, overload

from weitiao.api.inputs import how_of, open_other, rows_of
from weitiao.data.files import bad_rows
from weitiao.data.files.bad_rows import set_aside
from weitiao.data.files.csv_writer import sheet as csv_sheet
from weitiao.data.files.table import Source
from weitiao.data.rows import Rows
from weitiao.errors import DataError, RunError
from weitiao.evaluation.baselines.model import BaselineModel
from weitiao.evaluation.baselines.saved import FOLDER, has_saved
from weitiao.evaluation.explain import Explanation
from weitiao.evaluation.explain import explain as explain_example
from weitiao.example import Example, Prediction
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.model.model import Model
from weitiao.model.predictor import Predictor
from weitiao.run import Run

CHUNK_ROWS = 5_000  # rows predicted at a time: memory stays bounded
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")


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
        "(evaluate.baselines), or the run is of an older version; `weitiao evaluate {folder}` "
        "fits it.",
        folder=folder,
    )
    raise RunError(message)


def predict(
    run: str | Path | Predictor,
    rows: Any,
    output: str | Path | None = None,
    *,
    sheet: str | None = None,
    skip_bad: bool = False,
    threads: int | None = None,
    precision: str | None = None,
    baseline: bool = False,
    step: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Any:
    """Predict rows. Those from Python give one value a row, as `model.predict` does: see there.

    rows: a path is a file, which goes into `output` (.csv, .tsv or .jsonl; by default
    predictions.csv) with its columns plus prediction, score and score_<label>; the number of rows
    is returned, and memory is bounded. precision, baseline: as for `load`. step: called with the
    number of rows after each chunk.
    """
    if not isinstance(rows, (str, Path)):
        if output is not None:
            message = _("an output is for the rows of a file; those from Python are returned.")
            raise DataError(message)
        return _opened(run, threads, precision, baseline).predict(rows)
    out = Path(output or "predictions.csv")
    if out.suffix not in ENDINGS:
        message = _(
            "{file}: answers are written as {endings}; give such an ending.",
            file=out,
            endings=", ".join(ENDINGS),
        )
        raise DataError(message)
    model = _opened(run, threads, precision, baseline)
    source = open_other(model, str(rows), how_of(sheet, skip_bad))
    inputs = rows_of(model, source, labelled=False)
    # The first row tells which columns will be written, before anything is.
    first = list(model.predictions(inputs.take(slice(1)).examples()))
    names = {name for prediction in first for name in columns_of(prediction)}
    taken = [name for name in source.columns if name in names]
    if taken:
        message = _(
            "{file}: rename its column {column!r}: the answers need that name.",
            file=source.name,
            column=taken[0],
        )
        raise DataError(message)
    # Renamed at the end: predictions of an earlier call stay whole when this one fails.
    new = out.with_name(out.name + ".new")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write = _write_jsonl if out.suffix in (".jsonl", ".ndjson") else _write_table
        write(new, out.suffix, _predicted_rows(model, inputs, source, step))
        new.replace(out)
        bad_rows.write(out.with_name(f"{out.stem}.{bad_rows.FILE}"), source.bad)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        message = _(
            "{file}: the answers cannot be written: {reason}.", file=out, reason=said(error)
        )
        raise DataError(message) from None
    if source.bad and say:
        say(set_aside(source.bad))
    return len(inputs)


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
    if model.task.per_token:
        message = _("explain is about labels and numbers; here the answer is a place in the text.")
        raise DataError(message)
    return explain_example(model, _one_example(model, row), label)


def _one_example(model: Model, row: Any) -> Example:
    texts = isinstance(row, list) and all(isinstance(one, str) for one in row)
    if texts and len(row) != len(model.row_reader.roles):
        message = _(
            "this model reads {count} texts ({roles}), {passed} were given.",
            count=len(model.row_reader.roles),
            roles=", ".join(model.row_reader.roles),
            passed=len(row),
        )
        raise DataError(message)
    examples = list(islice(model.row_reader.examples(tuple(row) if texts else row), 2))
    if len(examples) > 1:
        raise DataError(_("explain is about one row; more were given."))
    return examples[0]


def _predicted_rows(
    model: Model | BaselineModel, rows: Rows, source: Source, step: Callable[[int], None] | None
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), CHUNK_ROWS):
        part = rows.take(slice(start, start + CHUNK_ROWS))
        table = source.table.select(source.columns).slice(start, CHUNK_ROWS).to_pylist()
        predictions = model.predictions(part.examples())
        for row, prediction in zip(table, predictions, strict=True):
            yield {**row, **columns_of(prediction)}
        if step:
            step(len(part))


def columns_of(prediction: Prediction) -> dict[str, Any]:
    """Output columns of a prediction: prediction, score, score_<label>, levels, offsets."""
    scores = {f"score_{label}": value for label, value in prediction.scores.items()}
    upper: dict[str, Any] = {}  # the last level of a path is the prediction itself
    for at, (name, confidence) in enumerate(prediction.levels[:-1], 1):
        upper |= {f"level_{at}": name, f"score_level_{at}": confidence}
    values = {"prediction": prediction.value, **prediction.places, "score": prediction.score}
    return {**values, **upper, **scores}


def _write_table(path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows, {})
    with csv_sheet(path, list(first), "\t" if suffix == ".tsv" else ",") as add:
        add(list(first.values()))
        for row in rows:
            add(list(row.values()))


def _write_jsonl(path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
