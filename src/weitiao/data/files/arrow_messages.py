"""What the messages of an Arrow file unpack to, told by their metadata before one is unpacked.

Each compressed buffer begins with the length of what it holds (Arrow columnar format, "Body
compression"). pyarrow unpacks a record batch as a whole, so that it would be too late afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

FILE_MARK = 8  # bytes before the first message of the file format
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # MessageHeader
_HEADER_TYPE, _HEADER, _DATA, _BUFFERS, _COMPRESSION = 1, 2, 1, 2, 3  # fields, by their number


def unpacked_sizes(source: Any) -> Iterator[int]:
    """Bytes that each compressed message unpacks to. source: a file at its first message.

    Raises what pyarrow raises, and struct.error for damaged metadata.
    """
    for message in pa.ipc.MessageReader.open_stream(source):
        metadata, body = memoryview(message.metadata), message.body
        table = _offset(metadata, 0)
        kind = _field(metadata, table, _HEADER_TYPE)
        header = _field(metadata, table, _HEADER)
        if not kind or not header or metadata[kind] not in (_DICTIONARY_BATCH, _RECORD_BATCH):
            continue
        batch = _offset(metadata, header)
        if metadata[kind] == _DICTIONARY_BATCH:
            batch = _offset(metadata, _field(metadata, batch, _DATA))
        if _field(metadata, batch, _COMPRESSION) and body is not None:
            yield sum(_lengths(metadata, batch, memoryview(body)))


def _lengths(metadata: memoryview, batch: int, body: memoryview) -> Iterator[int]:
    place = _field(metadata, batch, _BUFFERS)
    vector = _offset(metadata, place) if place else 0
    count = struct.unpack_from("<I", metadata, vector)[0] if vector else 0
    for at in range(count):
        offset, length = struct.unpack_from("<qq", metadata, vector + 4 + 16 * at)
        if length > 8:
            (whole,) = struct.unpack_from("<q", body, offset)
            yield length if whole == -1 else whole  # -1: left as it was


def _offset(metadata: memoryview, place: int) -> int:
    """The place that an offset of FlatBuffers points to."""
    return place + int(struct.unpack_from("<I", metadata, place)[0])


def _field(metadata: memoryview, table: int, number: int) -> int:
    """The place of a field of a table of FlatBuffers; 0 where it is left out."""
    fields = table - int(struct.unpack_from("<i", metadata, table)[0])
    (size,) = struct.unpack_from("<H", metadata, fields)
    if 4 + 2 * number >= size:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, fields + 4 + 2 * number)
    return table + offset if offset else 0
