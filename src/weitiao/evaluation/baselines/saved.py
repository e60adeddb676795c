"""Saved baselines: baseline.json (settings, n-grams) and baseline.safetensors (weights); no pickle.

A folder may hold weitiao.json too (task, cleaners, plan), so that it predicts on its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from weitiao.core.atomic import swapping_folder
from weitiao.errors import ModelError
from weitiao.evaluation.baselines.base import Baseline, Constant
from weitiao.evaluation.baselines.features import MAX_FEATURES, Analyzer, TfidfView
from weitiao.evaluation.baselines.linear import Linear
from weitiao.evaluation.baselines.lookup import Context, Lookup
from weitiao.evaluation.baselines.tfidf import TfidfLinear
from weitiao.i18n.messages import _, table_of, with_messages
from weitiao.i18n.system import said
from weitiao.model.saved import Metadata

FOLDER = "baseline"  # of a run
SETTINGS_FILE, WEIGHTS_FILE = "baseline.json", "baseline.safetensors"
FORMAT = 1
MAX_BYTES = 1 << 29  # of baseline.json: 200,000 n-grams take 5 MB
MAX_WEIGHT_BYTES = 1 << 33
MAX_OUTPUTS = 1_000_000
PACKAGES = ("weitiao", "scikit-learn", "jieba", "numpy")


class _Strict(BaseModel):
    """Unknown fields are refused: a file of a later format must not half work."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _SavedView(_Strict):
    analyzer: Analyzer
    ngrams: list[int] = Field(min_length=2, max_length=2)
    longest: int | None = Field(None, ge=1)
    columns: list[str] = Field(max_length=MAX_FEATURES)


class _SavedModel(_Strict):
    """A TF-IDF view or views with a linear model; its arrays are in baseline.safetensors."""

    problem_type: Literal["single_label_classification", "multi_label_classification", "regression"]
    outputs: int = Field(ge=1, le=MAX_OUTPUTS)
    roles: int = Field(ge=1, le=2)
    places: list[int]
    always: list[int]
    views: list[_SavedView] = Field(min_length=1, max_length=2)


class _SavedLookup(_Strict):
    """tables: width of the context -> [[words of the context], tag] each."""

    outputs: int = Field(ge=1, le=MAX_OUTPUTS)
    commonest: int = Field(ge=0)
    tables: dict[Literal["1", "3"], list[tuple[list[str], int]]]


class _SavedBaseline(_Strict):
    """One of the three is given."""

    name: str
    detail: dict[str, Any]
    constant: list[float] | None = None
    tfidf_linear: _SavedModel | None = None
    lookup: _SavedLookup | None = None


class _SavedFile(_Strict):
    format: Literal[1]
    labels: list[str]  # for readers; empty for numbers
    packages: dict[str, str | None]
    baselines: list[_SavedBaseline]
    messages: dict[str, Any] = {}  # text -> template and values


def save(
    folder: Path, baselines: Mapping[str, Baseline], metadata: Metadata | None = None
) -> list[str]:
    """Save baselines into a folder (of a run: `run.folder / FOLDER`), replacing what it held.

    Returns the names of those it can save: the constant, TF-IDF with a linear model, lookup. With
    metadata the folder predicts on its own. The write is atomic.
    """
    tensors: dict[str, np.ndarray] = {}
    described = [_described(one, tensors) for one in baselines.values()]
    entries = [one for one in described if one]
    content = {
        "format": FORMAT,
        "labels": list(metadata.task.choices) if metadata else [],
        "packages": {name: _version(name) for name in PACKAGES},
        "baselines": entries,
        "messages": table_of([one["detail"] for one in entries]),
    }
    from safetensors.numpy import save_file

    with swapping_folder(folder) as new:
        text = json.dumps(content, ensure_ascii=True) + "\n"
        (new / SETTINGS_FILE).write_text(text, encoding="utf-8")
        save_file(tensors, new / WEIGHTS_FILE)
        if metadata:
            metadata.write(new)
    return [one["name"] for one in entries]


def _described(baseline: Baseline, tensors: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """The settings of a baseline, its arrays added to `tensors`; None: it cannot be saved."""
    model = baseline.score
    entry: dict[str, Any] = {"name": baseline.name, "detail": dict(baseline.detail)}
    if isinstance(model, Constant):
        return {**entry, "constant": model.always.tolist()}
    if isinstance(model, Lookup):
        tables = {
            str(width): [[list(context), tag] for context, tag in table.items()]
            for width, table in model.tables.items()
        }
        settings: dict[str, Any] = {"outputs": model.outputs, "commonest": model.commonest}
        return {**entry, "lookup": {**settings, "tables": tables}}
    if not isinstance(model, TfidfLinear):
        return None
    linear = model.linear
    tensors["coefficients"], tensors["intercepts"] = linear.coefficients, linear.intercepts
    tensors |= {f"idf_{at}": view.idf for at, view in enumerate(model.views)}
    views = [
        {
            "analyzer": view.analyzer,
            "ngrams": list(view.ngrams),
            "longest": view.longest,
            "columns": view.columns,
        }
        for view in model.views
    ]
    settings = {
        "problem_type": linear.problem_type,
        "outputs": linear.outputs,
        "roles": model.roles,
        "places": list(linear.places),
        "always": list(linear.always),
        "views": views,
    }
    return {**entry, "tfidf_linear": settings}


def has_saved(folder: Path) -> bool:
    """Whether there is a saved baseline, whole or damaged."""
    return (folder / SETTINGS_FILE).is_file()


def load(folder: Path) -> dict[str, Baseline]:
    """The baselines of a folder that `save` wrote: their scores are the same to the last bit.

    Raises ModelError when there are none, or the files are damaged.
    """
    folder = Path(folder)
    path = folder / SETTINGS_FILE
    if not has_saved(folder):
        raise ModelError(
            _(
                "{folder}: no saved baseline here ({file} is missing).",
                folder=folder,
                file=SETTINGS_FILE,
            )
        )
    try:
        _check_size(path, MAX_BYTES)
        content = _SavedFile.model_validate_json(path.read_bytes())
        tensors = _tensors(folder / WEIGHTS_FILE)
        messages = content.messages
        return {one.name: _baseline(one, tensors, messages) for one in content.baselines}
    except (OSError, ValueError, RecursionError) as error:  # pydantic's too is a ValueError
        raise _damaged(folder, error) from error


def _baseline(
    saved: _SavedBaseline, tensors: Mapping[str, np.ndarray], messages: Mapping[str, Any]
) -> Baseline:
    detail = with_messages(saved.detail, messages)
    if saved.tfidf_linear:
        return Baseline(saved.name, detail, _model(saved.tfidf_linear, tensors))
    if saved.lookup:
        return Baseline(saved.name, detail, _lookup(saved.lookup), True)
    if not saved.constant or not np.isfinite(saved.constant).all():
        raise ValueError(f"{saved.name} has no numbers")
    return Baseline(saved.name, detail, Constant(np.array(saved.constant)))


def _model(saved: _SavedModel, tensors: Mapping[str, np.ndarray]) -> TfidfLinear:
    views = tuple(
        _view(one, _array(tensors, f"idf_{at}", (len(one.columns),)))
        for at, one in enumerate(saved.views)
    )
    known = [*saved.places, *saved.always]
    if len(set(known)) < len(known) or not all(0 <= at < saved.outputs for at in known):
        raise ValueError("places of outputs that do not exist")
    columns = len(saved.places)
    if saved.problem_type == "single_label_classification" and columns <= 2:
        columns = columns // 2  # two labels share one column
    if not saved.places and saved.problem_type == "regression":
        raise ValueError("no place for the number")
    width = sum(view.width(saved.roles) for view in views)
    linear = Linear(
        saved.problem_type,
        saved.outputs,
        _array(tensors, "coefficients", (width, columns)),
        _array(tensors, "intercepts", (columns,)),
        tuple(saved.places),
        tuple(saved.always),
    )
    return TfidfLinear(views, linear, saved.roles)


def _view(saved: _SavedView, idf: np.ndarray) -> TfidfView:
    least, most = saved.ngrams
    if not 1 <= least <= most <= 10:
        raise ValueError(f"n-grams of {least} to {most}")
    if len(set(saved.columns)) < len(saved.columns):
        raise ValueError("an n-gram occurs twice")
    return TfidfView(saved.analyzer, (least, most), saved.longest, saved.columns, idf)


def _lookup(saved: _SavedLookup) -> Lookup:
    tables: dict[int, dict[Context, int]] = {}
    for width, entries in saved.tables.items():
        tables[int(width)] = {tuple(context): tag for context, tag in entries}
        if any(len(context) != int(width) for context, _tag in entries):
            raise ValueError(f"a context that is not of {width} words")
    tags = [saved.commonest, *(tag for table in tables.values() for tag in table.values())]
    if not all(0 <= tag < saved.outputs for tag in tags):
        raise ValueError("tags that do not exist")
    return Lookup(tables, saved.commonest, saved.outputs)


def _tensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    _check_size(path, MAX_WEIGHT_BYTES)
    try:
        return dict(load_file(path))
    except (SafetensorError, KeyError, TypeError) as error:  # KeyError: a type numpy lacks
        raise ValueError(str(error)) from error


def _array(tensors: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = tensors.get(name)
    if array is None or array.shape != shape or array.dtype != np.float32:
        have = "missing" if array is None else f"{array.dtype} {array.shape}"
        raise ValueError(f"{WEIGHTS_FILE}: {name} is {have}, not float32 {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{WEIGHTS_FILE}: {name} has numbers that are not finite")
    return array


def _check_size(path: Path, most: int) -> None:
    if path.stat().st_size > most:
        raise ValueError(f"{path.name} has more than {most:,} bytes")


def _damaged(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        _(
            "{folder}: the saved baseline is damaged or not written by this version ({reason}). "
            "Delete this folder, and `weitiao evaluate RUN` fits it again.",
            folder=folder,
            reason=" ".join(said(error).split())[:160],
        )
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
