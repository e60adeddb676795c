"""File discovery (paths, glob patterns, folders) and content hashes of files."""

from __future__ import annotations

import difflib
import glob
import os
import re
import time
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.data.cache import checked, store
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.i18n.system import said

SETTLED = 1_000_000_000  # nanoseconds: a file younger than this may still change unseen
MAX_TABLES = 10_000  # files with rows in one set
MAX_TEXTS = 2_000_000  # files with a text each in one folder
TEXT_SUFFIXES = {".txt", ".text", ".md", ""}  # of files that hold one text each
SPLITS = {"train", "training", "test", "testing", "dev", "valid", "validation", "val"}
UNLABELLED = {"unsup", "unlabeled", "unlabelled", "unknown", "未标注", "无标签"}
# What the library `datasets` writes beside the rows.
_OF_DATASETS = {"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"}
_PACKED = {".gz", ".bz2", ".xz", ".zip"}


def find(path: str | Sequence[str]) -> list[Path]:
    """Expand paths and glob patterns to files and folders, sorted, each once. Raises DataError."""
    wanted = [path] if isinstance(path, str) else list(path)
    if not wanted:
        raise DataError(_("data.path: names no file."))
    files: dict[Path, Path] = {}
    for name in chain.from_iterable(map(expanded, wanted)):
        for match in _matches(name):
            files.setdefault(match.resolve(), match)
    if len(files) > MAX_TABLES:
        raise DataError(
            _("{path}: {count:,} files are too many.", path=wanted[0], count=len(files))
        )
    return list(files.values())


def expanded(name: str) -> list[str]:
    """The names that braces stand for, as in a shell: train.{en,de}.

    >>> expanded("a/train.{en,de}"), expanded("a.csv")
    (['a/train.en', 'a/train.de'], ['a.csv'])
    """
    match = re.fullmatch(r"([^{}]*)\{([^{}]+,[^{}]+)\}([^{}]*)", name)
    if match is None or _exists(name):
        return [name]
    return [f"{match[1]}{part.strip()}{match[3]}" for part in match[2].split(",")]


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # a name too long, or with a NUL: said where it is opened
        return False


def names(paths: Sequence[Path]) -> list[str]:
    """Short unique display names of files: the last part, or as much of the path as needed.

    >>> names([Path("x/a.csv"), Path("y/a.csv"), Path("x/b.csv")])
    ['x/a.csv', 'y/a.csv', 'x/b.csv']
    """
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        short = [_as_utf8("/".join(path.parts[-count:])) for path in paths]
        if len(set(short)) == len(paths):
            return short
    return [_as_utf8(str(path)) for path in paths]


def _as_utf8(name: str) -> str:
    """Decode a file name as UTF-8 where the locale (LC_ALL=C) could not decode its bytes."""
    # Such bytes are lone surrogates in the str (PEP 383); all other characters pass unchanged.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _matches(name: str) -> list[Path]:
    path = Path(name)
    try:
        if path.is_file() or path.is_dir():
            return [path]
    except (OSError, ValueError) as error:  # a name too long, or with a NUL
        raise DataError(_("{path!r} is no name of a file.", path=name[:80])) from error
    if re.match(r"\w{2,}://", name):
        raise DataError(
            _("{path}: this is an address of the web. Download the file and name it.", path=name)
        )
    if not glob.has_magic(name):
        raise DataError(_("{path}: no such file.{hint}", path=name, hint=_near_file(path)))
    matches = [Path(match) for match in glob.glob(name, recursive=True)]
    matches = sorted(match for match in matches if match.is_file())
    if not matches:
        raise DataError(_("{path}: no file is called like this pattern.", path=name))
    return matches


def _near_file(path: Path) -> str:
    if not path.parent.is_dir():
        return _(" The folder {folder} does not exist.", folder=str(path.parent))
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()][:1000]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return parts.near(path.name, close) if close else ""


def content_of(path: Path) -> str:
    """Content hash of a file, cached until its size, times or inode change."""
    # mtime alone does not do: cp -p and rsync set it to an old one. On POSIX, ctime cannot be set.
    stat = path.stat()
    state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    memo = store.folder("hashes") / f"{fingerprint.of_texts(str(path.resolve()))}.json"
    try:
        cached = checked.read_json(memo)
        if cached["file"] == state:
            store.touch(memo)
            return str(cached["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not cached, or not by us: hash it
    content = hash_of(path)
    # Timestamps of file systems are coarse: a file changed twice within one tick has the same
    # state for two contents, so that the hash of a file just written is not cached.
    if time.time_ns() - stat.st_mtime_ns > SETTLED:
        with suppress(OSError):  # a full disk: hashed again the next time
            checked.write_json(memo, {"file": state, "hash": content})
    return content


def hash_of(path: Path) -> str:
    """The BLAKE2b hash of a file's bytes. Raises DataError when it cannot be read."""
    try:
        return fingerprint.of_file(path)
    except OSError as error:
        raise DataError(
            _("{path}: cannot be read: {reason}.", path=str(path), reason=said(error))
        ) from None


@dataclass(frozen=True)
class Shape:
    """Layout of a data folder: texts by label, or tables; `other` counts the other files."""

    labels: dict[str, list[Path]]
    tables: list[Path]
    other: int = 0


def folder_shape(folder: Path, endings: Set[str], shown: str = "") -> Shape:
    """Detect the layout of a data folder, names sorted; `shown` is its name in messages.

    Raises DataError when it cannot be read as rows.
    """
    shown = shown or str(folder)
    subs, files = _entries(folder)
    labels, other = _labels(subs)
    tables, others = _tables(folder, endings)
    if len(labels) > 1:
        return Shape(labels, [], other + len(files))
    if labels and not any(table.parent == folder for table in tables):
        raise DataError(
            _(
                "{folder}: one sub-folder with texts ({label}): a label each needs at least two.",
                folder=shown,
                label=next(iter(labels)),
            )
        )
    if not any(table.parent.name.lower() in SPLITS for table in tables):
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
    """All table files of a folder tree, and the number of other files."""
    tables: list[Path] = []
    others = 0
    for place, subs, names in os.walk(folder):
        subs[:] = sorted(name for name in subs if not is_hidden(name))  # os.walk reads it back
        files = [Path(place, name) for name in sorted(names) if not is_hidden(name)]
        files = [file for file in files if file.name not in _OF_DATASETS]
        with_rows = [file for file in files if _ending(file) in endings]
        tables += with_rows
        others += len(files) - len(with_rows)
    return tables, others


def only_folder(folder: Path) -> Path | None:
    """The single sub-folder of a folder that holds nothing else (as archives often do)."""
    subs, files = _entries(folder)
    return subs[0] if len(subs) == 1 and not files else None


def only_file(folder: Path) -> Path | None:
    """The single file of a folder that holds nothing else."""
    subs, files = _entries(folder)
    return files[0] if len(files) == 1 and not subs else None


def stamp_of(folder: Path, shape: Shape) -> str:
    """Fingerprint of a folder of texts by names, sizes, times and inodes of its files."""
    # Not by contents: opening 50,000 files takes longer than reading their directory entries.
    lines = []
    for label, texts in shape.labels.items():
        for file in texts:
            stat = file.stat()
            lines.append(f"{label}/{file.name} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}")
    return fingerprint.of_texts(str(folder.resolve()), *lines)


def is_hidden(name: str) -> bool:
    """Whether a file is the system's own: .DS_Store, __MACOSX, Thumbs.db, ~$open.xlsx."""
    return name.startswith((".", "~$", "__MACOSX")) or name.lower() in ("thumbs.db", "desktop.ini")


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Sub-folders and files, by name, without hidden ones."""
    try:
        with os.scandir(folder) as items:
            entries = sorted((Path(item.path) for item in items), key=lambda path: path.name)
    except OSError as error:
        raise DataError(
            _("{path}: cannot be read: {reason}.", path=str(folder), reason=said(error))
        ) from None
    entries = [entry for entry in entries if not is_hidden(entry.name)]
    return [e for e in entries if e.is_dir()], [e for e in entries if e.is_file()]


def _labels(subs: list[Path]) -> tuple[dict[str, list[Path]], int]:
    """Sub-folders with mostly text files, as labels, and the number of other entries."""
    labels: dict[str, list[Path]] = {}
    other = count = 0
    for sub in subs:
        inner, files = _entries(sub)
        texts = [file for file in files if _is_text(file)]
        count += len(texts)
        if count > MAX_TEXTS:
            raise DataError(
                _("{path}: {count:,} files are too many.", path=str(sub.parent), count=count)
            )
        other += len(files) - len(texts) + len(inner)
        if texts and len(texts) >= len(files) / 2:
            labels[sub.name] = texts
    return labels, other


def _is_text(file: Path) -> bool:
    # Numbers instead of an ending: 20 Newsgroups calls its posts 51060, 51061, ...
    return file.suffix.lower() in TEXT_SUFFIXES or file.suffix[1:].isdigit()


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
                parts=name_list(part.name for part in parts),
                train=f"{shown}/{train.name}",
                test=f"{shown}/{test.name}",
            )
        )


def _ending(file: Path) -> str:
    """The file extension under the compression: csv for a.csv and a.csv.gz."""
    suffix = file.suffix.lower()
    if suffix in _PACKED and suffix != ".zip":
        return _ending(Path(file.stem))
    return suffix.removeprefix(".")
