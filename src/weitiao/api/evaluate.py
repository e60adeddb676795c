"""evaluate and predict: a run and rows in, figures or answers out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from weitiao.api import calibrate
from weitiao.api import findings as closer
from weitiao.api.baselines import baselines_of
from weitiao.data.files import bad_rows
from weitiao.data.files.bad_rows import Bad, set_aside
from weitiao.data.files.csv_writer import sheet
from weitiao.data.files.open import ReadOptions
from weitiao.data.files.table import Source
from weitiao.data.prepare.filter import without_misfits
from weitiao.data.prepare.load import Data, load
from weitiao.data.prepare.sealed import open_test
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError, PlanError, RunError
from weitiao.evaluation.baselines import Baseline
from weitiao.evaluation.evaluate import Evaluated, Report, evaluate
from weitiao.example import Prediction
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.model.model import Model
from weitiao.reporting.write_run import leave
from weitiao.run import Run

CHUNK = 5_000  # rows answered at a time
ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson")

Step = Callable[[int], None]


def load_run(folder: str | Path, *, precision: str | None = None) -> Model:
    """The best model of a run, or a saved model's folder itself.

    precision: auto, fp32, onednn or bf16, instead of what its plan says; fp32 gives the scores
    that transformers gives.
    """
    folder = Path(folder)
    if (folder / "plan.yaml").is_file():
        run = Run.open(folder)
        kept = run.kept()
        if kept is None:
            told = _("{folder}: this run has no best model yet; train it first.", folder=folder)
            raise RunError(told)
        return Model.load(kept, precision=precision)
    return Model.load(folder, precision=precision)


def evaluate_run(
    folder: str | Path,
    path: str | None = None,
    *,
    final: bool = False,
    how: ReadOptions | None = None,
    say: Callable[[str], None] | None = None,
    precision: str | None = None,
) -> tuple[Report, str, int]:
    """Judge a run's best model: on a file, on the sealed test (`final`), else on validation.

    precision: as for `load_run`. Returns the report, what it is about, and how often the test has
    been opened.
    """
    model = load_run(folder, precision=precision)
    if path:
        how = how or ReadOptions()
        source = _open(model, path, how)
        aside = list(source.bad)
        rows = rows_of(model, source, labelled=True, aside=aside if how.skip_bad else None)
        if aside and say:
            say(set_aside(aside))
        return _judged(model, rows, None), path, 0
    if not (Path(folder) / "plan.yaml").is_file():
        told = _("{folder}: a saved model has no rows of its own; give a file to judge it on.",
                    folder=folder)  # fmt: skip
        raise RunError(told)
    run = Run.open(folder)
    plan = run.plan()
    # Criteria may be written into the run's plan when it has long been trained.
    model = replace(model, plan=model.plan.model_copy(update={"acceptance": plan.acceptance}))
    data: Data = load(plan.data, plan.task_name)
    rows, openings = open_test(data, str(run.folder)) if final else (data.validation, 0)
    split = "test" if final else "validation"
    kept = None if not final and run.read("metrics").get("split") == "test" else run
    return _judged(model, rows, data, kept, split, openings), split, openings


def gate_of(folder: str | Path) -> None:
    """Raises PlanError when the plan of a run has no criteria that could be judged."""
    given = Path(folder) / "plan.yaml"
    plan = Run.open(folder).plan() if given.is_file() else load_run(folder).plan
    if not plan.acceptance:
        told = _("--gate: the plan has no section acceptance, so there is nothing to reach.")
        raise PlanError([told], str(folder))


def passed(report: Report) -> bool:
    """Whether every criterion of the plan is reached."""
    return all(one["passed"] for one in report.more.get("acceptance") or [])


def _judged(
    model: Model, rows: Rows, data: Data | None, run: Run | None = None, split: str = "",
    openings: int = 0,
) -> Report:  # fmt: skip
    """Figures and a closer look; left in the run, unless what stands there is worth more: the
    test's word against validation's."""
    plan, left_out = model.plan.evaluate, list[str]()
    beside: dict[str, Baseline] = {}
    if data is not None and plan.baselines:
        beside, left_out = baselines_of(model, data, len(rows))
    asked = time.monotonic()
    report, answers = evaluate(model, rows, beside)
    calibration = run.read(calibrate.NAME) if run else {}
    report = closer.with_more(model, report, answers, calibration, left_out)
    findings: dict[str, Any] = {}
    if plan.findings:
        left = closer.within(time.monotonic() - asked)
        findings = closer.findings_of(model, answers, data, left)
    if run is not None and data is not None:
        metrics = _judgement(run, report, split, openings)
        _keep(run, model, data, answers, metrics, findings)
    return replace(report, more={**report.more, "findings": findings})


_ANEW = ("calibration", "acceptance", "left_out", "levels")  # said of these answers or not at all


def _judgement(run: Run, report: Report, split: str, openings: int) -> dict[str, Any]:
    """What metrics.json says from now on: how the run was made stays."""
    return {
        "run": str(run.folder),
        "state": run.status().state,
        **{k: v for k, v in run.read("metrics").items() if k not in _ANEW},
        **report.summary(),
        "details": report.details,
        "split": split,
        "rows": report.rows,
        "openings": openings,
    }


def _keep(
    run: Run, model: Model, data: Data, answers: Evaluated, metrics: Mapping[str, Any],
    findings: Mapping[str, Any],
) -> None:  # fmt: skip
    """Leave the judgement in the run, unless it is training: then its end will."""
    if run.status().state != "running":
        leave(run, model, data, answers, metrics, findings)


def _open(model: Model, path: str, how: ReadOptions) -> Source:
    """Rows that are not the run's own: read as those were, where nothing else is said."""
    given = how.reader or model.plan.data.reader
    return ReadOptions(given, how.skip_bad).open_other(
        path, path if how.reader else model.plan.data.path
    )


def rows_of(
    model: Model, source: Source, *, labelled: bool, aside: list[Bad] | None = None
) -> Rows:
    """All rows of a source with the roles the model was trained on; those with a target only.

    Rows whose target does not fit go to `aside`; without it, DataError is raised, as for a column
    that is missing.
    """
    roles = dict(model.plan.data.roles)
    for role in (
        ("group",) if labelled else ("group", "start", "target")
    ):  # nothing is asked of them
        roles.pop(role, None)
    columns = [
        c for value in roles.values() for c in ([value] if isinstance(value, str) else value)
    ]
    missing = [column for column in columns if column not in source.columns]
    if missing:
        told = _("{file}: no column {column!r}, which the model was trained on; it has {names}.",
                    file=source.name, column=missing[0],
                    names=", ".join(source.columns))  # fmt: skip
        raise DataError(told)
    rows = Rows(source.table, everything(source.table), roles, source.name, model.plan.task_name)
    if not labelled:
        return rows
    rows = without_misfits(rows, aside is not None, [], aside if aside is not None else [])
    known = [i for i, target in enumerate(rows.targets()) if target is not None]
    if not known:
        told = _("{file}: no row has a target; `weitiao predict` needs none.", file=source.name)
        raise DataError(told)
    return rows.take(known)


def predict_file(
    folder: str | Path,
    path: str,
    out: str | Path,
    step: Step | None = None,
    how: ReadOptions | None = None,
    say: Callable[[str], None] | None = None,
    precision: str | None = None,
) -> int:
    """Answer every row of a file into `out` (.csv, .tsv or .jsonl); returns how many.

    Writes the input's columns plus prediction, score and score_<label>. Memory is bounded.
    precision: as for `load_run`.
    """
    out = Path(out)
    if out.suffix not in ENDINGS:
        told = _("{file}: answers are written as {endings}; give such an ending.",
                    file=out, endings=", ".join(ENDINGS))  # fmt: skip
        raise DataError(told)
    model = load_run(folder, precision=precision)
    source = _open(model, path, how or ReadOptions())
    rows = rows_of(model, source, labelled=False)
    first = list(model.predict(rows.take(slice(1)).examples()))
    names = {name for answer in first for name in columns_of(answer)}
    taken = [name for name in source.columns if name in names]
    if taken:
        told = _("{file}: rename its column {column!r}: the answers need that name.",
                    file=source.name, column=taken[0])  # fmt: skip
        raise DataError(told)
    new = out.with_name(out.name + ".new")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write = _write_jsonl if out.suffix in (".jsonl", ".ndjson") else _write_table
        write(new, out.suffix, _answers(model, rows, source, step))
        new.replace(out)
        bad_rows.write(out.with_name(f"{out.stem}.{bad_rows.FILE}"), source.bad)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        told = _("{file}: the answers cannot be written: {reason}.",
                    file=out, reason=said(error))  # fmt: skip
        raise DataError(told) from None
    if source.bad and say:
        say(set_aside(source.bad))
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
    above: dict[str, Any] = {}  # the last level is the answer itself
    for at, (name, sure) in enumerate(answer.levels[:-1], 1):
        above |= {f"level_{at}": name, f"score_level_{at}": sure}
    found = {"prediction": answer.value, **answer.places, "score": answer.score}
    return {**found, **above, **scores}


def _write_table(path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> None:
    first = next(rows, {})
    with sheet(path, list(first), "\t" if suffix == ".tsv" else ",") as add:
        add(list(first.values()))
        for row in rows:
            add(list(row.values()))


def _write_jsonl(path: Path, suffix: str, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
