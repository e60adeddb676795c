"""Safe unpacking of zip, gz, bz2 and xz archives: no zip bombs, no path traversal."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any

from weitiao.errors import DataError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

MOST_BYTES = 20 << 30  # of everything that is unpacked
FREE_BYTES = 64 << 20  # up to here no ratio counts: a few blanks pack well
MOST_RATIO = 300  # unpacked to packed; texts pack 3 to 10 times, logs 50
MOST_MEMBERS = 200_000
CHUNK = 1 << 20
_OPEN: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
# What the standard library raises for archives that are cut off, damaged or of unknown methods.
_BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    ValueError,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
)


def unpack(path: Path, kind: str, folder: Path) -> None:
    """Extract an archive into a new folder. Raises DataError."""
    folder.mkdir()
    try:
        if kind == "zip":
            _unzip(path, folder)
        else:
            name = path.stem if path.suffix.lower().removeprefix(".") in ALSO[kind] else path.name
            with _OPEN[kind](path, "rb") as packed:
                _copied(packed, folder / name, path, path.stat().st_size, 0)
    except _BROKEN as error:
        reason = said(error)[:100]
        raise DataError(
            _(
                "{file}: this archive is broken or not whole ({reason}).",
                file=path.name,
                reason=reason,
            )
        ) from None


ALSO = {"gz": {"gz", "gzip"}, "bz2": {"bz2"}, "xz": {"xz", "lzma"}}


def _unzip(path: Path, folder: Path) -> None:
    done = 0
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise DataError(
                _("{path}: {count:,} files are too many.", path=path.name, count=len(members))
            )
        for member in members:
            place = _place(_name(member), path)
            if place is None or member.is_dir():
                continue
            if member.flag_bits & 1:
                raise DataError(
                    _("{file}: the archive has a password: unpack it first.", file=path.name)
                )
            target = folder.joinpath(*place.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed:
                done = _copied(packed, target, path, path.stat().st_size, done)


def _name(member: zipfile.ZipInfo) -> str:
    """Decode a zip member's file name, in the encoding it was written in.

    Bit 11 of the flags says UTF-8. Without it, the format says cp437, and `zipfile` decodes so; but
    a zip made on Chinese Windows has names in GBK, and one of macOS UTF-8, both unmarked.
    """
    if member.flag_bits & 0x800:
        return member.filename
    raw = member.orig_filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return member.filename


def _place(name: str, path: Path) -> PurePosixPath | None:
    """The target path of a member; None for hidden files. Raises DataError for path traversal."""
    place = PurePosixPath(name.replace("\\", "/"))
    # A colon is a drive (C:x) or a stream of NTFS on Windows. File systems take names of up to
    # 255 bytes.
    climbs = place.is_absolute() or ".." in place.parts or ":" in name or "\0" in name
    if climbs or any(len(part.encode("utf-8", "replace")) > 250 for part in place.parts):
        raise DataError(
            _(
                "{file}: holds the name {name!r}, which leads outside the archive or cannot be "
                "written; it is not unpacked.",
                file=path.name,
                name=name[:80],
            )
        )
    if any(part.startswith((".", "__MACOSX")) for part in place.parts) or not place.parts:
        return None
    return place


def _copied(packed: IO[bytes], target: Path, path: Path, size: int, done: int) -> int:
    """Copy a member and return the bytes unpacked so far. Raises DataError for a zip bomb."""
    # Counted while unpacking: the sizes in an archive's directory are whatever its author wrote.
    with target.open("wb") as out:
        while chunk := packed.read(CHUNK):
            done += len(chunk)
            if done > MOST_BYTES or (done > FREE_BYTES and done > MOST_RATIO * size):
                raise DataError(
                    _(
                        "{file}: unpacks to more than {size:,} MB from {packed:,} MB: this is no "
                        "honest archive; unpack it yourself if it is.",
                        file=path.name,
                        size=done >> 20,
                        packed=size >> 20,
                    )
                )
            out.write(chunk)
    return done
