"""Names of classes that a dataset declares beside its files: README.md, dataset_info(s).json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.cells import TEXT, as_text
from weitiao.data.files.exports import as_list
from weitiao.data.infer.cells import is_missing
from weitiao.data.readers.base import Batches, Reading
from weitiao.i18n.messages import _

MAX_BYTES = 2_000_000  # of a card
Classes = Mapping[str, Sequence[str]]  # column -> names, in the order of their numbers


def class_names(folder: Path) -> Classes:
    """Names of classes by column, as the folder's card declares them; none where cards disagree."""
    classes: dict[str, list[str]] = {}
    for features in _declared(folder):
        for column, feature in features:
            names = _names(feature)
            if names and classes.setdefault(column, names) != names:
                return {}  # configurations with other classes: which one is meant is not said
    return classes


def with_names(reading: Reading, classes: Classes, typed: bool = False) -> Reading:
    """Numbers of classes become names. typed: a format whose columns have types; its texts may be
    names already, also such that are numbers (stars from 1 to 5)."""
    wanted = {
        name: classes[name]
        for name, kind in reading.columns.items()
        if name in classes
        and not (typed and kind == TEXT and any(one.isdecimal() for one in classes[name]))
    }
    if not wanted:
        return reading
    kinds = {name: TEXT if name in wanted else kind for name, kind in reading.columns.items()}
    notes = [
        _("the numbers of {column!r} are replaced by the names of their classes", column=name)
        for name in wanted
    ]
    return Reading(kinds, _named(reading.batches, wanted), (*reading.notes, *notes))


def _named(batches: Batches, classes: Classes) -> Batches:
    for batch in batches:
        new: list[Any] = []
        for one in batch:
            if isinstance(one, Bad):
                new.append(one)
                continue
            line, row = one
            cells = {name: _name(row.get(name), names) for name, names in classes.items()}
            new.append((line, {**row, **cells}))
        yield new


def _name(value: Any, names: Sequence[str]) -> Any:
    if value is None or (isinstance(value, str) and is_missing(value)):
        return None
    many = as_list(value)
    if many:
        return [_name(one, names) for one in many]
    text = as_text(value).strip()
    if text == "-1":
        return None  # what `datasets` writes for no label
    return names[int(text)] if text.isdecimal() and int(text) < len(names) else value


def _declared(folder: Path) -> Iterator[list[tuple[str, Any]]]:
    """Features of each configuration in the files of a folder that declare some."""
    with suppress(OSError, ValueError, YAMLError, RecursionError):
        for info in _infos(folder):
            features = info.get("features") if isinstance(info, dict) else None
            if isinstance(features, dict):  # dataset_info.json
                yield [(str(name), feature) for name, feature in features.items()]
            elif isinstance(features, list):  # README.md
                yield [
                    (str(one["name"]), one)
                    for one in features
                    if isinstance(one, dict) and "name" in one
                ]


def _infos(folder: Path) -> Iterator[Any]:
    card = folder / "README.md"
    if card.is_file() and card.stat().st_size <= MAX_BYTES:
        text = card.read_text(encoding="utf-8", errors="replace").lstrip("\ufeff")
        parts = text.split("---", 2)
        if len(parts) == 3 and not parts[0].strip():
            info = (YAML(typ="safe", pure=True).load(parts[1]) or {}).get("dataset_info", [])
            yield from info if isinstance(info, list) else [info]
    for name in ("dataset_info.json", "dataset_infos.json"):
        file = folder / name
        if file.is_file() and file.stat().st_size <= MAX_BYTES:
            value = json.loads(file.read_text(encoding="utf-8"))
            yield from value.values() if name == "dataset_infos.json" else [value]


def _names(feature: Any) -> list[str]:
    """The names of a class label, also of the lists in a column."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names(feature[0])
    if not isinstance(feature, dict):
        return []
    for key in ("dtype", "sequence", "list", "feature"):
        if isinstance(feature.get(key), dict | list) and (names := _names(feature[key])):
            return names
    label = feature.get("class_label")
    declared = label.get("names") if isinstance(label, dict) else feature.get("names")
    if isinstance(declared, dict):
        ordered = sorted(declared.items(), key=lambda one: int(one[0]))
        return [str(name) for _number, name in ordered]
    return [str(name) for name in declared] if isinstance(declared, list) else []
