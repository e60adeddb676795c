"""Disk errors (full, read-only, permission denied) as one OSError that names the path.

These are no bugs of ours and no mistakes in a plan. They stay OSErrors, as Python's users expect;
the command line shows them as one message.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
OTHERS = {
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOENT,
    errno.EEXIST,
    errno.ENODEV,
    errno.ENXIO,
    errno.ETIMEDOUT,
    errno.EBUSY,
}


def content_of(path: str | Path, most_bytes: int) -> bytes:
    """The bytes of a regular file. Raises OSError for anything else, which may have no end or
    never begin (a device, a pipe), and for a file above `most_bytes`."""
    file = Path(path)
    status = file.stat()
    if file.is_dir():
        raise _named(errno.EISDIR, path)
    if not file.is_file():
        raise OSError(errno.ENODEV, _("it is no regular file"), str(path))
    if status.st_size > most_bytes:
        raise _named(errno.EFBIG, path)
    with file.open("rb") as opened:
        return opened.read(most_bytes + 1)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Make disk errors inside the block name this path, also those of safetensors and Arrow."""
    # safetensors raises an error of its own, with the errno in its text only; Arrow an OSError
    # without a file name.
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if not number:
            raise
        raise _named(int(number[1]), path) from None
    except OSError as error:
        # NumPy says "2667 requested and 0 written" without a number: something was in the way.
        if error.errno is None and "requested and" in str(error):
            raise _named(errno.ENOSPC, path) from None
        if error.errno is None or error.filename is not None:
            raise
        raise _named(error.errno, path) from None


def plain(path: str | Path) -> str:
    """A path that C++ and Rust libraries can open in a locale that is not UTF-8.

    They encode every path as UTF-8, and in a GBK locale would look for a folder of other bytes.
    There the path gets a symbolic link with an ASCII name; everywhere else it stays unchanged.
    """
    if sys.getfilesystemencoding() == "utf-8" or str(path).isascii():
        return str(path)
    whole = Path(path).absolute()
    # Names in ASCII stay: the link is made for the ancestor that needs one, so that files which do
    # not exist yet are written through it.
    if whole.name.isascii():
        return str(Path(plain(whole.parent)) / whole.name)
    link = _links() / hashlib.sha256(os.fsencode(whole)).hexdigest()[:16]
    if not link.is_symlink():
        link.symlink_to(whole)
    return str(link)


@cache
def _links() -> Path:
    import atexit
    import tempfile

    folder = tempfile.mkdtemp(prefix="weitiao-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def need(folder: Path, size: int) -> None:
    """Check free disk space (`size` in bytes) in advance. Raises RunError."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise RunError(
            _(
                "{folder}: {free:,} MB are free on this disk, and this needs about {size:,} MB. "
                "Make room, or name another folder (--out).",
                folder=folder,
                free=free // 10**6,
                size=size // 10**6,
            )
        )


def is_refusal(error: OSError) -> bool:
    """Whether an OSError is a refusal of the disk or file system, and no bug."""
    return error.errno in FULL | REFUSED | OTHERS


def explanation(error: OSError) -> str:
    """User message for a disk error: what is wrong, where, and the remedy."""
    reason = said(error)
    path = str(error.filename or "")
    if error.errno in FULL:
        text = _(
            "{path}: the disk is full ({reason}). Make room, or name another folder.",
            path=path,
            reason=reason,
        )
    elif error.errno in REFUSED:
        text = _(
            "{path}: writing or reading here is not allowed ({reason}).", path=path, reason=reason
        )
    else:
        text = _("{path}: the disk refused this ({reason}).", path=path, reason=reason)
    return text.removeprefix(": ")


def named(error: OSError, path: str | Path) -> OSError:
    """The same error, of this path where it names none."""
    return error if error.filename or not error.errno else _named(error.errno, path)


def _named(number: int, path: str | Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
