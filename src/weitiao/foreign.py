"""What the system and libraries say in English, said in the person's language.

Their words are keys of the catalogue like ours, so what is known here is told in Chinese too; what
is not known stays as it came.
"""

from __future__ import annotations

from weitiao.messages import marked, retold

# Of the system: what a disk or a network refuses.
SYSTEM = (
    marked("No such file or directory"), marked("Permission denied"), marked("File exists"),
    marked("Operation not permitted"), marked("Read-only file system"), marked("File too large"),
    marked("No space left on device"), marked("Disk quota exceeded"), marked("Input/output error"),
    marked("File name too long"), marked("Not a directory"), marked("Is a directory"),
    marked("Directory not empty"), marked("Too many open files"), marked("No such device"),
    marked("Too many open files in system"), marked("No such device or address"),
    marked("Device or resource busy"), marked("Too many levels of symbolic links"),
    marked("Connection refused"), marked("Connection timed out"), marked("timed out"),
    marked("Connection reset by peer"), marked("Network is unreachable"),
    marked("Name or service not known"), marked("Temporary failure in name resolution"),
    marked("No address associated with hostname"),
)  # fmt: skip

# Of Python's readers of JSON and of packed files.
FILES = (
    marked("Expecting value"), marked("Expecting ':' delimiter"), marked("Extra data"),
    marked("Expecting ',' delimiter"), marked("Unterminated string starting at"),
    marked("Expecting property name enclosed in double quotes"), marked("Invalid \\escape"),
    marked("Invalid control character at"), marked("Invalid \\uXXXX escape"),
    marked("Illegal trailing comma before end of array"),
    marked("Illegal trailing comma before end of object"),
    marked("File is not a zip file"), marked("Bad magic number for central directory"),
    marked("Bad CRC-32 for file {name!r}"), marked("CRC check failed {sums}"),
    marked("Compressed file ended before the end-of-stream marker was reached"),
    marked("Not a gzipped file ({begin})"), marked("Invalid data stream"),
    marked("Corrupt input data"), marked("Input format not supported by decoder"),
    marked("Error {number} while decompressing data: {what}"),
)  # fmt: skip

# Of the libraries that read tables and checkpoints.
LIBRARIES = (
    marked("Parquet magic bytes not found in footer. Either the file is corrupted or this is not "
           "a parquet file."),
    marked("Parquet file size is {size} bytes, smaller than the minimum file footer (8 bytes)"),
    marked("Not an Arrow file"),
    marked("Error while deserializing header: {what}"),
    marked("incomplete metadata, file not fully covered"), marked("header too large"),
    marked("header too small"), marked("invalid header length"),
    marked("We couldn't connect to {address!r} to load the files, and couldn't find them in the "
           "cached files."),
    marked("{name} is not a local folder and is not a valid model identifier listed on "
           "{address!r}"),
    marked("The checkpoint you are trying to load has model type `{kind}` but Transformers does "
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
