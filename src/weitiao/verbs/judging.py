"""evaluate and predict: a run and rows in, figures or answers out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from weitiao.data.data import Data, load
from weitiao.data.rows import Rows, everything
from weitiao.data.sealed import open_test
from weitiao.data.table import Source, open_source
from weitiao.errors import DataError, RunError
from weitiao.evaluate.evaluate import Report, evaluate
from weitiao.example import Prediction
from weitiao.model.model import Model
from weitiao.run import Run
from weitiao.verbs.fitting import baselines_of

CHUNK = 5_000  # rows answered at a time
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")

Step = Callable[[int], None]


def load_run(folder: str | Path) -> Model:
    """The best model of a run, or a saved model's folder itself."""
    folder = Path(folder)
    if (folder / "plan.yaml").is_file():
        run = Run.open(folder)
        kept = run.kept()
        if kept is None:
            raise RunError(f"{folder}: this run has no best model yet; train it first.")
        return Model.load(kept)
    return Model.load(folder)


def evaluate_run(
    folder: str | Path, path: str | None = None, *, final: bool = False
) -> tuple[Report, str, int]:
    """Judge a run's best model: on a file, on the sealed test (`final`), else on validation.

    Returns the report, what it is about, and how often the test has been opened.
    """
    model = load_run(folder)
    if path:
        report, _ = evaluate(model, rows_of(model, open_source(path), labelled=True))
        return report, path, 0
    if not (Path(folder) / "plan.yaml").is_file():
        raise RunError(
            f"{folder}: a saved model has no rows of its own; give a file to judge it on."
        )
    run = Run.open(folder)
    plan = run.plan()
    data: Data = load(plan.data, plan.task_name)
    beside = baselines_of(model, data) if plan.evaluate.baselines else {}
    if final:
        rows, openings = open_test(data, str(run.folder))
        report, _ = evaluate(model, rows, beside)
        return report, "test", openings
    report, _ = evaluate(model, data.validation, beside)
    return report, "validation", 0


def rows_of(model: Model, source: Source, *, labelled: bool) -> Rows:
    """All rows of a source with the roles the model was trained on. Raises DataError."""
    roles = dict(model.plan.data.roles)
    if not labelled:
        roles.pop("target", None)
    columns = [
        c for value in roles.values() for c in ([value] if isinstance(value, str) else value)
    ]
    missing = [column for column in columns if column not in source.columns]
    if missing:
        raise DataError(
            f"{source.name}: no column {missing[0]!r}, which the model was trained on; "
            f"it has {', '.join(source.columns)}."
        )
    rows = Rows(source.table, everything(source.table), roles, source.name, model.plan.task_name)
    if not labelled:
        return rows
    known = [i for i, target in enumerate(rows.targets()) if target is not None]
    if not known:
        raise DataError(f"{source.name}: no row has a target; `weitiao predict` needs none.")
    return rows.take(known)


def predict_file(folder: str | Path, path: str, out: str | Path, step: Step | None = None) -> int:
    """Answer every row of a file into `out` (.csv, .tsv or .jsonl); returns how many.

    Writes the input's columns plus prediction, score and score_<label>. Memory is bounded.
    """
    out = Path(out)
    if out.suffix not in ENDINGS:
        raise DataError(f"{out}: answers are written as {', '.join(ENDINGS)}; give such an ending.")
    model = load_run(folder)
    source = open_source(path)
    rows = rows_of(model, source, labelled=False)
    taken = [name for name in source.columns if name in ("prediction", "score")]
    if taken:
        raise DataError(
            f"{source.name}: rename its column {taken[0]!r}: the answers need that name."
        )
    new = out.with_name(out.name + ".new")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write = _write_jsonl if out.suffix in (".jsonl", ".ndjson") else _write_table
        write(new, out.suffix, _answers(model, rows, source, step))
        new.replace(out)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise DataError(f"{out}: the answers cannot be written: {error.strerror}.") from None
    return len(rows)


def _answers(
    model: Model, rows: Rows, source: Source, step: Step | None
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), CHUNK):
        part = rows.take(slice(start, start + CHUNK))
        table = source.table.select(source.columns).slice(start, CHUNK).to_pylist()
        answers = model.predict(part.examples())
        for row, answer in zip(table, answers, strict=True):
            yield {**row, **columns_of(answer)}
        if step:
            step(len(part))


def columns_of(answer: Prediction) -> dict[str, Any]:
    """A prediction as the columns that are written."""
    scores = {f"score_{label}": value for label, value in answer.scores.items()}
    return {"prediction": answer.value, "score": answer.score, **scores}


def _write_table(path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> None:
    writer: Any = None
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark lets Excel read it
        for row in rows:
            flat = {name: _cell(value) for name, value in row.items()}
            if writer is None:
                delimiter = "\t" if suffix == ".tsv" else ","
                writer = csv.DictWriter(file, list(flat), delimiter=delimiter)
                writer.writeheader()
            writer.writerow(flat)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _write_jsonl(path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
