"""What the system and libraries say in English, said in the person's language.

Their words are keys of the catalogue like ours, so what is known here is told in Chinese too; what
is not known stays as it came.
"""

from __future__ import annotations

from weitiao.i18n.messages import N_, retold

# Of the system: what a disk or a network refuses.
SYSTEM = (
    N_("No such file or directory"), N_("Permission denied"), N_("File exists"),
    N_("Operation not permitted"), N_("Read-only file system"), N_("File too large"),
    N_("No space left on device"), N_("Disk quota exceeded"), N_("Input/output error"),
    N_("File name too long"), N_("Not a directory"), N_("Is a directory"),
    N_("Directory not empty"), N_("Too many open files"), N_("No such device"),
    N_("Too many open files in system"), N_("No such device or address"),
    N_("Device or resource busy"), N_("Too many levels of symbolic links"),
    N_("Connection refused"), N_("Connection timed out"), N_("timed out"),
    N_("Connection reset by peer"), N_("Network is unreachable"),
    N_("Name or service not known"), N_("Temporary failure in name resolution"),
    N_("No address associated with hostname"),
)  # fmt: skip

# Of Python's readers of JSON and of packed files.
FILES = (
    N_("Expecting value"), N_("Expecting ':' delimiter"), N_("Extra data"),
    N_("Expecting ',' delimiter"), N_("Unterminated string starting at"),
    N_("Expecting property name enclosed in double quotes"), N_("Invalid \\escape"),
    N_("Invalid control character at"), N_("Invalid \\uXXXX escape"),
    N_("Illegal trailing comma before end of array"),
    N_("Illegal trailing comma before end of object"),
    N_("File is not a zip file"), N_("Bad magic number for central directory"),
    N_("Bad CRC-32 for file {name!r}"), N_("CRC check failed {sums}"),
    N_("Compressed file ended before the end-of-stream marker was reached"),
    N_("Not a gzipped file ({begin})"), N_("Invalid data stream"),
    N_("Corrupt input data"), N_("Input format not supported by decoder"),
    N_("Error {number} while decompressing data: {what}"),
)  # fmt: skip

# Of the libraries that read tables and checkpoints.
LIBRARIES = (
    N_("Parquet magic bytes not found in footer. Either the file is corrupted or this is not "
           "a parquet file."),
    N_("Parquet file size is {size} bytes, smaller than the minimum file footer (8 bytes)"),
    N_("Not an Arrow file"),
    N_("Error while deserializing header: {what}"),
    N_("incomplete metadata, file not fully covered"), N_("header too large"),
    N_("header too small"), N_("invalid header length"),
    N_("We couldn't connect to {address!r} to load the files, and couldn't find them in the "
           "cached files."),
    N_("{name} is not a local folder and is not a valid model identifier listed on "
           "{address!r}"),
    N_("The checkpoint you are trying to load has model type `{kind}` but Transformers does "
           "not recognize this architecture. This could be because of an issue with the "
           "checkpoint, or because your version of Transformers is out of date."),
)  # fmt: skip


def said(error: object) -> str:
    """The first line of what somebody else's code said, in the language of now when it is known.

    >>> said(OSError(28, "No space left on device", "runs/x"))
    'No space left on device'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else error
    lines = str(text).strip().splitlines()
    return retold(lines[0]) if lines else type(error).__name__
