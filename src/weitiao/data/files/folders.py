"""What a folder holds: sub-folders of texts, one a label, or files with rows."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from weitiao.core import fingerprint
from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

TEXTS = {".txt", ".text", ".md", ""}  # of files that hold one text each
SPLITS = {"train", "training", "test", "testing", "dev", "valid", "validation", "val"}
UNLABELLED = {"unsup", "unlabeled", "unlabelled", "unknown", "未标注", "无标签"}
MOST_FILES = 2_000_000
_PACKED = {".gz", ".bz2", ".xz", ".zip"}


@dataclass(frozen=True)
class Shape:
    """Texts by label, or files with rows; `other` counts the files that are neither."""

    labels: dict[str, list[Path]]
    tables: list[Path]
    other: int = 0


def look(folder: Path, endings: Set[str], shown: str = "") -> Shape:
    """What is in the folder, names in order; `shown` is what the folder is called.

    Raises DataError when it cannot be read as rows.
    """
    shown = shown or str(folder)
    subs, here = _entries(folder)
    labels, other = _labels(subs)
    tables, others = _tables(folder, endings)
    if len(labels) > 1:
        return Shape(labels, [], other + len(here))
    if labels and not any(table.parent == folder for table in tables):
        raise DataError(
            _(
                "{folder}: one sub-folder with texts ({label}): a label each needs at least two.",
                folder=shown,
                label=next(iter(labels)),
            )
        )
    _refuse_splits(shown, subs)
    if not tables:
        raise DataError(
            _(
                "{folder}: this folder holds no file with rows (.csv, .xlsx, .jsonl, ...), and "
                "no sub-folders of text files named by label.",
                folder=shown,
            )
        )
    return Shape({}, tables, others)


def _tables(folder: Path, endings: Set[str]) -> tuple[list[Path], int]:
    """Every file with rows, in sub-folders too, and how many other files there are."""
    found: list[Path] = []
    others = 0
    for place, subs, names in os.walk(folder):
        subs[:] = sorted(name for name in subs if not hidden(Path(name)))
        files = [Path(place, name) for name in sorted(names) if not hidden(Path(name))]
        tables = [file for file in files if _ending(file) in endings]
        found += tables
        others += len(files) - len(tables)
    return found, others


def holds_one_folder(folder: Path) -> Path | None:
    """The only thing in a folder, when that is a folder (as archives often have)."""
    subs, here = _entries(folder)
    return subs[0] if len(subs) == 1 and not here else None


def holds_one_file(folder: Path) -> Path | None:
    """The only thing in a folder, when that is a file."""
    subs, here = _entries(folder)
    return here[0] if len(here) == 1 and not subs else None


def content_of(folder: Path, shape: Shape) -> str:
    """A hash of names, sizes and times of all texts: it changes when one of them does."""
    told = []
    for label, texts in shape.labels.items():
        for file in texts:
            stat = file.stat()
            told.append(f"{label}/{file.name} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}")
    return fingerprint.of_texts(str(folder.resolve()), *told)


def hidden(path: Path) -> bool:
    """Whether a file is the system's own: .DS_Store, __MACOSX, Thumbs.db, ~$open.xlsx."""
    name = path.name
    return name.startswith((".", "~$", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Sub-folders and files, by name; hidden ones are none."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((Path(entry.path) for entry in found), key=lambda path: path.name)
    except OSError as error:
        raise DataError(
            _("{path}: cannot be read: {reason}.", path=str(folder), reason=said(error))
        ) from None
    entries = [entry for entry in entries if not hidden(entry)]
    return [e for e in entries if e.is_dir()], [e for e in entries if e.is_file()]


def _labels(subs: list[Path]) -> tuple[dict[str, list[Path]], int]:
    labels: dict[str, list[Path]] = {}
    other = count = 0
    for sub in subs:
        inner, held = _entries(sub)
        texts = [file for file in held if _is_text(file)]
        count += len(texts)
        if count > MOST_FILES:
            raise DataError(
                _("{path}: {count:,} files are too many.", path=str(sub.parent), count=count)
            )
        other += len(held) - len(texts) + len(inner)
        if texts and len(texts) >= len(held) / 2:
            labels[sub.name] = texts
    return labels, other


def _is_text(file: Path) -> bool:
    return file.suffix.lower() in TEXTS or file.suffix[1:].isdigit()  # 20 Newsgroups: 51060


def _refuse_splits(shown: str, subs: list[Path]) -> None:
    parts = [sub for sub in subs if sub.name.lower() in SPLITS]
    if parts:
        train = next((s for s in parts if s.name.lower().startswith("train")), parts[0])
        test = next((s for s in parts if s.name.lower().startswith("test")), parts[-1])
        raise DataError(
            _(
                "{folder}: holds a folder for each part ({parts}). Give one part and the other "
                "as the test: weitiao fit {train} --test {test}",
                folder=shown,
                parts=", ".join(part.name for part in parts),
                train=f"{shown}/{train.name}",
                test=f"{shown}/{test.name}",
            )
        )


def _ending(file: Path) -> str:
    """The ending of what is read: csv for a.csv and a.csv.gz."""
    suffix = file.suffix.lower()
    if suffix in _PACKED and suffix != ".zip":
        return _ending(Path(file.stem))
    return suffix.removeprefix(".")
