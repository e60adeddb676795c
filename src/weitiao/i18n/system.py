"""Error messages of the operating system and of libraries, translated where they are known.

Their English words are keys of the catalogue like ours. Unknown messages stay as they came.
"""

from __future__ import annotations

import re
from functools import cache

from weitiao.i18n.messages import N_, Message, localized, pieces

# Of the system: what a disk or a network refuses.
SYSTEM = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("File exists"),
    N_("Operation not permitted"),
    N_("Read-only file system"),
    N_("File too large"),
    N_("No space left on device"),
    N_("Disk quota exceeded"),
    N_("Input/output error"),
    N_("File name too long"),
    N_("Not a directory"),
    N_("Is a directory"),
    N_("Directory not empty"),
    N_("Too many open files"),
    N_("No such device"),
    N_("Too many open files in system"),
    N_("No such device or address"),
    N_("Device or resource busy"),
    N_("Too many levels of symbolic links"),
    N_("Connection refused"),
    N_("Connection timed out"),
    N_("timed out"),
    N_("Connection reset by peer"),
    N_("Network is unreachable"),
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
    N_("No address associated with hostname"),
)

# Of Python's readers of JSON and of packed files.
FILES = (
    N_("Expecting value"),
    N_("Expecting ':' delimiter"),
    N_("Extra data"),
    N_("Expecting ',' delimiter"),
    N_("Unterminated string starting at"),
    N_("Expecting property name enclosed in double quotes"),
    N_("Invalid \\escape"),
    N_("Invalid control character at"),
    N_("Invalid \\uXXXX escape"),
    N_("Illegal trailing comma before end of array"),
    N_("Illegal trailing comma before end of object"),
    N_("File is not a zip file"),
    N_("Bad magic number for central directory"),
    N_("Bad CRC-32 for file {name!r}"),
    N_("CRC check failed {sums}"),
    N_("Compressed file ended before the end-of-stream marker was reached"),
    N_("Not a gzipped file ({begin})"),
    N_("Invalid data stream"),
    N_("Corrupt input data"),
    N_("Input format not supported by decoder"),
    N_("Error {number} while decompressing data: {what}"),
)

# Of the libraries that read tables and checkpoints.
LIBRARIES = (
    N_(
        "Parquet magic bytes not found in footer. Either the file is corrupted or this is not "
        "a parquet file."
    ),
    N_("Parquet file size is {size} bytes, smaller than the minimum file footer (8 bytes)"),
    N_("Not an Arrow file"),
    N_("Error while deserializing header: {what}"),
    N_("incomplete metadata, file not fully covered"),
    N_("header too large"),
    N_("header too small"),
    N_("invalid header length"),
    N_(
        "We couldn't connect to {address!r} to load the files, and couldn't find them in the "
        "cached files."
    ),
    N_("{name} is not a local folder and is not a valid model identifier listed on {address!r}"),
    N_(
        "The checkpoint you are trying to load has model type `{kind}` but Transformers does "
        "not recognize this architecture. This could be because of an issue with the "
        "checkpoint, or because your version of Transformers is out of date."
    ),
)


def said(error: object) -> str:
    """Translate the first line of a system's or library's error message where it is known.

    >>> said(OSError(28, "No space left on device", "runs/x"))
    'No space left on device'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    lines = str(text).strip().splitlines()
    return _translated(lines[0]) if lines else type(error).__name__


def _translated(line: str) -> str:
    for template, pattern in _patterns().items():
        match = pattern.fullmatch(line)
        if match:
            # The values are text already, quotes included, so conversions like !r must not apply.
            values = {name: _Shown(_translated(value)) for name, value in match.groupdict().items()}
            return localized(Message(line, template, values))
    return localized(line)


class _Shown(str):
    """A value that the library has formatted already: our formats do not apply to it."""

    __repr__ = str.__str__

    def __format__(self, spec: str) -> str:
        return str(self)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Template -> regular expression that matches its messages, one group a placeholder."""
    patterns = {}
    for template in (*SYSTEM, *FILES, *LIBRARIES):
        split = pieces(template)
        if any(name for _literal, name, _format, _conversion in split):
            expression = "".join(
                re.escape(literal) + ("" if name is None else f"(?P<{name}>.+?)")
                for literal, name, _format, _conversion in split
            )
            patterns[template] = re.compile(expression, re.DOTALL)
    return patterns
