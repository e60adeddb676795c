"""Cache of tokenized rows: ragged arrays of token ids, written once for a content and tokenizer,
then memory-mapped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core import disk, fingerprint
from weitiao.core.ragged import edges, flat
from weitiao.data.cache import checked, store
from weitiao.data.rows import Rows
from weitiao.example import WINDOWS, Example

BATCH_ROWS = 2000
VERSION = 3  # of the format; raised when the same text gives other ids
OFFSETS, FIRSTS, META = "offsets.raw", "firsts.raw", "meta.json"  # META is written last
Tensors = Mapping[str, Sequence[Any]]  # name -> one list of numbers for each encoded row
EncodeBatch = Callable[[list[Example]], Tensors]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Token ids as ragged arrays (flat values and offsets).

    Row i of a tensor is values[name][offsets[i] : offsets[i + 1]].

    An example is one row, or several windows on a long text: then example i has the rows
    firsts[i] up to firsts[i + 1].
    """

    offsets: np.ndarray  # (rows + 1,) int64, shared by all tensors
    values: Mapping[str, np.ndarray]  # tensor -> (tokens,) int8, uint16 or int32
    firsts: np.ndarray | None = None  # (examples + 1,) int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def examples(self) -> int:
        """Number of examples; with windows, fewer than rows."""
        return len(self) if self.firsts is None else len(self.firsts) - 1

    @property
    def owners(self) -> np.ndarray:
        """(rows,) the example of each row."""
        if self.firsts is None:
            return np.arange(len(self))
        return np.repeat(np.arange(self.examples), np.diff(self.firsts))

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each example, all its rows together."""
        if self.firsts is None:
            return self.lengths
        return np.diff(self.offsets[self.firsts])

    def of(self, examples: np.ndarray) -> Encoded:
        """The rows (windows) of these examples, in this order: a copy, not a view."""
        firsts = None if self.firsts is None else edges(np.diff(self.firsts)[examples])
        rows = examples if self.firsts is None else flat(self.firsts, examples)
        places = flat(self.offsets, rows)
        values = {name: array[places] for name, array in self.values.items()}
        return Encoded(edges(np.diff(self.offsets)[rows]), values, firsts)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int32."""
        return np.diff(self.offsets).astype(np.int32)

    def take(self, positions: Sequence[int] | np.ndarray) -> dict[str, list[np.ndarray]]:
        """Token arrays of these rows, by tensor: read-only views of the memory map."""
        wanted = np.asarray(positions, np.int64)
        edges = list(
            zip(self.offsets[wanted].tolist(), self.offsets[wanted + 1].tolist(), strict=True)
        )
        return {
            name: [flat[start:end] for start, end in edges] for name, flat in self.values.items()
        }


def encode(rows: Rows, encode_batch: EncodeBatch, key: str) -> Encoded:
    """Tokenize rows with `encode_batch`, 2,000 at a time, or open their cache entry.

    key: all that decides the ids besides the texts (tokenizer, length, task, cleaners): with it the
    result is cached and memory-mapped the next time; without, it stays in memory.
    """
    batches = (encode_batch(examples) for examples in rows.batches(BATCH_ROWS))
    if not key:
        return in_memory(batches)
    name = fingerprint.of_texts(key, rows.fingerprint, str(VERSION))
    folder = store.folder("encoded") / name
    store.hold(folder)  # before looking: cleaning could take the entry in between
    try:
        return _open(folder)
    except FileNotFoundError:
        pass
    except (checked.DamagedError, OSError, ValueError, TypeError):
        checked.made_again(folder)
    # A folder that is not empty cannot be replaced by a rename, so what is damaged goes first.
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with store.written(folder) as sibling:
            sibling.mkdir()
            _write(sibling, batches)
    except OSError as error:
        if error.errno not in disk.FULL:
            raise
        checked.without(folder, error)
        return in_memory(encode_batch(examples) for examples in rows.batches(BATCH_ROWS))
    return _open(folder)


def in_memory(batches: Iterable[Tensors]) -> Encoded:
    """Concatenate ragged batches into one Encoded in memory, without the cache."""
    lengths: list[np.ndarray] = [np.zeros(0, np.int64)]
    counts: list[np.ndarray] = []
    pieces: dict[str, list[np.ndarray]] = {}
    for batch in batches:
        tensors = _apart(batch, counts)
        lengths.append(_lengths(tensors))
        for name, ragged in tensors.items():
            pieces.setdefault(name, []).append(_flat(ragged, name))
    values = {name: np.concatenate(arrays) for name, arrays in pieces.items()}
    smallest = {n: v.astype(_smallest(n, v)) for n, v in values.items()}
    return Encoded(_offsets(lengths), smallest, _offsets(counts) if counts else None)


def _apart(batch: Tensors, counts: list[np.ndarray]) -> Tensors:
    """Split off the window counts of examples from the tensors; they are added to `counts`."""
    if WINDOWS in batch:
        counts.append(np.array(batch[WINDOWS], np.int64))
    return {name: ragged for name, ragged in batch.items() if name != WINDOWS}


def _write(folder: Path, batches: Iterator[Tensors]) -> None:
    # Tokens are appended to one raw file a tensor: a .npy file states its length in its header,
    # which is unknown until the last batch. Only lengths (8 bytes a row) stay in memory.
    lengths: list[np.ndarray] = [np.zeros(0, np.int64)]
    counts: list[np.ndarray] = []
    kinds: dict[str, np.dtype] = {}
    for batch in batches:
        tensors = _apart(batch, counts)
        lengths.append(_lengths(tensors))
        for name, ragged in tensors.items():
            assert name.isidentifier(), "a tensor's name becomes a file's"
            flat = _flat(ragged, name)
            kind = _smallest(name, flat)
            if name in kinds and kinds[name] != kind:
                # The smallest type of a batch says nothing about later ones. NumPy promotes int8
                # with uint16 to int32; the tokens that are on disk already are rewritten.
                kind = np.promote_types(kinds[name], kind)
                kind = np.dtype(np.int32) if kind.itemsize > 4 else kind
                _widen(folder / f"{name}.bin", kinds[name], kind)
            kinds[name] = kind
            with (folder / f"{name}.bin").open("ab") as file:
                # Not `tofile`, whose error on a full disk has no number.
                file.write(flat.astype(kind).tobytes())
    (folder / OFFSETS).write_bytes(_offsets(lengths).tobytes())
    if counts:
        (folder / FIRSTS).write_bytes(_offsets(counts).tobytes())
    tensors = {name: kind.name for name, kind in kinds.items()}
    meta = {"tensors": tensors, "files": checked.sums_of(sorted(folder.iterdir()))}
    checked.put_json(folder / META, meta)


def _open(folder: Path) -> Encoded:
    """Map an entry. Raises FileNotFoundError where there is none, DamagedError for one that is not
    whole."""
    meta = checked.read_json(folder / META)
    checked.check(folder, meta["files"])
    values = {name: _mapped(folder / f"{name}.bin", kind) for name, kind in meta["tensors"].items()}
    windows = np.array(_mapped(folder / FIRSTS, "int64")) if FIRSTS in meta["files"] else None
    return Encoded(_mapped(folder / OFFSETS, "int64"), values, windows)


def _mapped(file: Path, kind: str) -> np.ndarray:
    # np.asarray drops the memmap subclass (the pages stay mapped): slicing it is 10x slower.
    # An empty file cannot be mapped.
    empty = file.stat().st_size == 0
    return np.zeros(0, kind) if empty else np.asarray(np.memmap(file, kind, "r"))


def _widen(file: Path, old: np.dtype, new: np.dtype) -> None:
    """Rewrite a file of integers with a wider dtype, 1 MB at a time."""
    if old == new:
        return
    with store.written(file) as sibling, sibling.open("wb") as out, file.open("rb") as narrow:
        while raw := narrow.read(1 << 20):
            out.write(np.frombuffer(raw, old).astype(new).tobytes())


def _smallest(name: str, flat: np.ndarray) -> np.dtype:
    low, high = (int(flat.min()), int(flat.max())) if len(flat) else (0, 0)
    # Token ids never begin as int8: one above 127 follows soon, and the file would be rewritten.
    if name != "input_ids" and low >= -128 and high <= 127:
        return np.dtype(np.int8)
    return np.dtype(np.uint16) if low >= 0 and high < 65536 else np.dtype(np.int32)


def _lengths(tensors: Tensors) -> np.ndarray:
    each = [np.fromiter(map(len, ragged), np.int64, len(ragged)) for ragged in tensors.values()]
    assert all(np.array_equal(each[0], other) for other in each), "tensors differ in length"
    return each[0]


def _flat(ragged: Sequence[Sequence[int]], name: str) -> np.ndarray:
    return np.fromiter(chain.from_iterable(ragged), np.int32)


def _offsets(lengths: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths))])
