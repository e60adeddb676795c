"""Files of words that cleaners read: stop words, and the user's dictionary of jieba."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from weitiao.core import disk
from weitiao.data.files import encoding
from weitiao.errors import DataError, PlanError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

MOST_BYTES = 20_000_000
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a]")  # in no list of words


def listed_words(path: str, setting: str) -> tuple[str, ...]:
    """The words of a file, one on each line; # begins a comment. Raises PlanError."""
    return tuple(dict.fromkeys(line.strip().lower() for line in lines_of(path, setting)))


def counted_words(path: str, setting: str) -> tuple[tuple[str, int], ...]:
    """The words of a dictionary in jieba's format, with their counts: word, perhaps a count,
    perhaps a part of speech, which is not used. Raises PlanError."""
    words: dict[str, int] = {}
    for line in lines_of(path, setting):
        word, *rest = line.split()
        words[word] = int(rest[0]) if rest and rest[0].isdecimal() else 0
    return tuple(words.items())


def lines_of(path: str, setting: str) -> list[str]:
    """The lines of a text file that hold something, in whatever encoding it is."""
    try:
        raw = disk.content_of(path, MOST_BYTES)
        text = raw.decode(encoding.of_bytes(raw, Path(path).name))
        if _CONTROL.search(text):
            raise DataError("no text")
    except OSError as error:
        message = (
            _("{setting}: {path}: is larger than a list of words.", setting=setting, path=path)
            if error.errno == errno.EFBIG
            else _(
                "{setting}: {path}: cannot be read: {error}.",
                setting=setting,
                path=path,
                error=said(error),
            )
        )
        raise PlanError([message]) from None
    except (UnicodeDecodeError, DataError):
        message = _("{setting}: {path}: is no text file.", setting=setting, path=path)
        raise PlanError([message]) from None
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise PlanError([_("{setting}: {path}: holds no words.", setting=setting, path=path)])
    return lines
