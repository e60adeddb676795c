"""Near duplicates: MinHash and locality-sensitive hashing over character shingles (Broder 1997),
each candidate checked by its exact Jaccard similarity, clusters by union-find.

BANDS bands of r minima find a pair of similarity s with 1 - (1 - s^r)^32. r is the largest number
up to 7 that finds FOUND of the pairs at the threshold: 7 at 0.8, 3 at 0.6, 2 at 0.5. Where a row
has several texts (pairs, a question and its passage), each of them must be similar. A sketch of
SKETCH_BYTES 8-bit minima (b-bit minwise hashing, Li and König 2010) discards most candidates
before texts are read again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from weitiao.core import fingerprint
from weitiao.data.files.cells import cell_texts, position_batches
from weitiao.data.prepare import duplicates
from weitiao.data.quality.shingles import jaccard, normal_form, shingle_hashes
from weitiao.data.rows import Rows
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _

SIMILARITY = 0.8  # least Jaccard similarity of near duplicates
LEAST_SIMILARITY = 0.2  # below, even bands of one minimum miss pairs
FOUND = 0.999  # of the pairs at the threshold
BANDS, MOST_ROWS_A_BAND = 32, 7
SKETCH_BYTES = 128
SKETCH_DEVIATIONS = 4.0  # of the sketch's estimate; pairs further below are not checked
SEED = 13
SPAN = 4096  # rows whose texts are in memory at once
SPAN_CHARACTERS = 2_000_000
WHOLE_BUCKET = 32  # rows of a bucket all of whose pairs are candidates
BATCH_SHINGLES = 10_000_000  # of pairs that are checked together
MOST_CHECKED = 3_000_000  # pairs; what is left out is counted
Advance = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Likeness:
    """Which rows repeat others.

    same: group numbers (rows,) of rows with exactly the same texts; equal: with the same normal
    form; near: clusters of near duplicates, equal ones among them. links: (m, 2) positions of rows,
    the first of their form, whose similarity was computed; values: that similarity. unchecked:
    candidates that were too many to check. empty: (rows,) bool, without any text.
    """

    same: np.ndarray
    equal: np.ndarray
    near: np.ndarray
    links: np.ndarray
    values: np.ndarray
    empty: np.ndarray
    unchecked: int = 0


class Texts(Protocol):
    """Rows of texts by their place."""

    def __len__(self) -> int: ...
    def raw(self, places: np.ndarray) -> list[tuple[str, ...]]:
        """The texts of rows at ascending places."""


def likeness(
    texts: Texts,
    similarity: float = SIMILARITY,
    advance: Advance = lambda done, total: None,
) -> Likeness:
    """Compare all rows of texts with each other. Memory: about 500 bytes a row, without texts.
    Raises WeitiaoError for a similarity below LEAST_SIMILARITY."""
    size = rows_a_band(similarity)
    n, total = len(texts), 3 * len(texts)
    same, forms, empty = _keys(texts, lambda done: advance(done, total))
    equal = duplicates.groups_of(forms)
    # Of equal rows one takes part; empty rows equal nothing.
    first = duplicates.first_of_each(forms)
    first = first[~empty[first]]
    keys, sketch, sizes = _signatures(texts, first, size, lambda done: advance(n + done, total))
    clusters = _Clusters(texts, first, sketch, sizes, similarity)
    for band in range(BANDS):
        clusters.join(_candidates(keys[band]))
        advance(2 * n + n * (band + 1) // BANDS, total)
    roots = np.full(len(texts), -1, np.int64)
    roots[first] = first[clusters.roots()]
    lowest = np.zeros(int(equal.max(initial=-1)) + 1, np.int64)
    lowest[equal[first]] = roots[first]
    near = np.where(empty, -1, lowest[equal] if len(equal) else equal)
    links = first[np.array(clusters.links, np.int64).reshape(-1, 2)]
    values = np.array(clusters.values, float)
    return Likeness(
        duplicates.groups_of(same), equal, near, links, values, empty, clusters.unchecked
    )


def rows_a_band(similarity: float) -> int:
    """Minima of a band for a threshold; the more, the fewer candidates. Raises WeitiaoError.

    >>> [rows_a_band(threshold) for threshold in (1.0, 0.8, 0.6, 0.5, 0.2)]
    [7, 7, 3, 2, 1]
    """
    if not LEAST_SIMILARITY <= similarity <= 1:
        raise WeitiaoError(
            _(
                "similarity: {value} is not between {least} and 1; pairs that are less alike are "
                "not all found.",
                value=f"{similarity:g}",
                least=f"{LEAST_SIMILARITY:g}",
            )
        )
    sizes = range(1, MOST_ROWS_A_BAND + 1)
    return max(r for r in sizes if 1 - (1 - similarity**r) ** BANDS >= FOUND)


class RowTexts:
    """The texts of rows of one or several views (of a test file, too), in their order together."""

    def __init__(self, *tables: Rows) -> None:
        self.tables = tables
        self.edges = np.cumsum([0, *(len(rows) for rows in tables)])

    def __len__(self) -> int:
        return int(self.edges[-1])

    def raw(self, places: np.ndarray) -> list[tuple[str, ...]]:
        listed: list[tuple[str, ...]] = []
        for rows, (begin, end) in zip(self.tables, pairwise(self.edges), strict=True):
            here = places[(places >= begin) & (places < end)] - begin
            columns = [
                cell_texts(rows.table.column(name), rows.indices[here])
                for name in rows.text_columns
            ]
            listed += zip(*columns, strict=True)
        return listed


class ListedTexts:
    """Texts that are in memory."""

    def __init__(self, listed: Sequence[tuple[str, ...]]) -> None:
        self.listed = listed

    def __len__(self) -> int:
        return len(self.listed)

    def raw(self, places: np.ndarray) -> list[tuple[str, ...]]:
        return [self.listed[place] for place in places]


def _spans(texts: Texts, places: np.ndarray) -> Iterator[tuple[int, list[tuple[str, ...]]]]:
    """Normal forms in batches, none of which is large; with the number of those before."""
    done = 0
    for span in position_batches(places, SPAN):
        batch: list[tuple[str, ...]] = []
        characters = 0
        for row in texts.raw(span):
            batch.append(tuple(map(normal_form, row)))
            characters += sum(map(len, row))
            if characters > SPAN_CHARACTERS:
                yield done, batch
                done, batch, characters = done + len(batch), [], 0
        if batch:
            yield done, batch
            done += len(batch)


def _keys(
    texts: Texts, advance: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """128-bit hashes of the texts and of their normal forms, and which rows have no text."""
    same, forms = np.empty((len(texts), 2), np.uint64), np.empty((len(texts), 2), np.uint64)
    empty = np.zeros(len(texts), bool)
    for span in position_batches(np.arange(len(texts)), SPAN):
        rows = texts.raw(span)
        normal = [tuple(map(normal_form, row)) for row in rows]
        for keys, listed in ((same, rows), (forms, normal)):
            keys[span] = np.frombuffer(b"".join(map(_hash, listed)), np.uint64).reshape(-1, 2)
        empty[span] = [not any(row) for row in normal]
        advance(int(span[-1]) + 1)
    return same, forms, empty


def _hash(row: tuple[str, ...]) -> bytes:
    return hashlib.blake2b(fingerprint.framed(row), digest_size=16).digest()


def hashes_of(rows: Sequence[tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of the shingles of all texts of each row, and where each row begins."""
    roles = list(zip(*rows, strict=True))
    if len(roles) == 1:
        return shingle_hashes(roles[0])
    made = [shingle_hashes(role, salt) for salt, role in enumerate(roles)]
    counts = sum(np.diff(offsets) for _hashes, offsets in made)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    hashes = np.empty(offsets[-1], np.uint64)
    before = offsets[:-1].copy()
    for role, places in made:
        sizes = np.diff(places)
        hashes[np.arange(len(role)) + np.repeat(before - places[:-1], sizes)] = role
        before += sizes
    return hashes, offsets


def _signatures(
    texts: Texts, places: np.ndarray, size: int, advance: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys of the bands (BANDS, n) uint64, sketches (n, SKETCH_BYTES) uint8, shingles (n,)."""
    from rensa import RMinHash

    keys = np.empty((BANDS, len(places)), np.uint64)
    sketch = np.empty((len(places), SKETCH_BYTES), np.uint8)
    sizes = np.empty(len(places), np.int64)
    primes = np.random.default_rng(SEED).integers(1, 2**63, size, dtype=np.uint64) * 2 + 1
    for done, rows in _spans(texts, places):
        hashes, offsets = hashes_of(rows)
        minima = RMinHash.digest_matrix_from_flat_token_hashes(
            hashes, offsets.astype(np.uint64), num_perm=max(BANDS * size, SKETCH_BYTES), seed=SEED
        )
        matrix = np.array(minima.to_rows(), np.uint64)
        bands = matrix[:, : BANDS * size].reshape(len(rows), BANDS, size)
        span = slice(done, done + len(rows))
        keys[:, span] = (bands * primes).sum(2, dtype=np.uint64).T
        sketch[span] = matrix[:, :SKETCH_BYTES].astype(np.uint8)
        sizes[span] = np.diff(offsets)
        advance(done + len(rows))
    return keys, sketch, sizes


def _candidates(keys: np.ndarray) -> np.ndarray:
    """Pairs (m, 2) of rows in one bucket: all of a small bucket; of a large one each row with its
    neighbour and the first, so that equal templates by the thousand take linear time."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(starts, len(keys)))
    pairs = []
    many = sizes > 1
    begin, size = starts[many], sizes[many]
    for step in range(1, min(WHOLE_BUCKET, int(size.max(initial=0)))):
        whole = (size <= WHOLE_BUCKET) | (step == 1)
        counts = np.where(whole, np.maximum(size - step, 0), 0)
        left = _ranges(begin, counts)
        pairs.append(np.stack([left, left + step], 1))
    large = size > WHOLE_BUCKET
    counts = size[large] - 2
    right = _ranges(begin[large] + 2, counts)
    pairs.append(np.stack([np.repeat(begin[large], counts), right], 1))
    places = order[np.concatenate(pairs)] if len(keys) else np.zeros((0, 2), np.int64)
    return np.sort(places, axis=1)


def _ranges(begin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The numbers begin, begin + 1, ... of each range, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(begin - (ends - counts), counts)


class _Clusters:
    """Union-find over rows (the first of each form); a pair is joined once its exact similarity
    reaches the threshold."""

    def __init__(
        self,
        texts: Texts,
        places: np.ndarray,
        sketch: np.ndarray,
        sizes: np.ndarray,
        similarity: float,
    ) -> None:
        self.texts, self.places, self.sketch, self.sizes = texts, places, sketch, sizes
        self.similarity = similarity
        self.parent = np.arange(len(places))
        self.links: list[tuple[int, int]] = []
        self.values: list[float] = []
        self.refused = np.zeros(0, np.int64)  # pairs that were checked, as one number each
        self.checked = self.unchecked = 0

    def roots(self) -> np.ndarray:
        """The lowest row of each row's cluster."""
        while True:
            higher = self.parent[self.parent]
            if np.array_equal(higher, self.parent):
                return self.parent
            self.parent = higher

    def join(self, pairs: np.ndarray) -> None:
        """Check candidates (m, 2) and join those that are similar."""
        roots = self.roots()
        pairs = pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]]
        pairs = pairs[self._likely(pairs)]
        codes = np.unique(pairs[:, 0] * np.int64(len(self.places)) + pairs[:, 1])
        if len(self.refused):
            at = np.minimum(np.searchsorted(self.refused, codes), len(self.refused) - 1)
            codes = codes[self.refused[at] != codes]
        room = max(0, MOST_CHECKED - self.checked)
        self.unchecked += max(0, len(codes) - room)
        codes = codes[:room]
        self.checked += len(codes)
        pairs = np.stack(np.divmod(codes, max(1, len(self.places))), 1)
        refused = []
        # Few pairs at once where texts are long: their sets of shingles are in memory together.
        load = np.cumsum(self.sizes[pairs].sum(1)) // BATCH_SHINGLES
        edges = np.flatnonzero(np.diff(load)) + 1
        for part in np.split(np.arange(len(pairs)), edges):
            for batch in position_batches(part, SPAN):
                refused.append(codes[batch][~self._join_batch(pairs[batch])])
        # Two sorted runs are merged in linear time by a stable sort.
        self.refused = np.sort(np.concatenate([self.refused, *refused]), kind="stable")

    def _likely(self, pairs: np.ndarray) -> np.ndarray:
        """(m,) bool: candidates whose sketches agree about as much as the threshold."""
        likely = np.zeros(len(pairs), bool)
        std = math.sqrt(self.similarity * (1 - self.similarity) / SKETCH_BYTES)
        least = self.similarity - SKETCH_DEVIATIONS * std
        for batch in position_batches(np.arange(len(pairs)), 1 << 16):
            first, second = self.sketch[pairs[batch, 0]], self.sketch[pairs[batch, 1]]
            likely[batch] = (first == second).mean(1) >= least
        return likely

    def _join_batch(self, pairs: np.ndarray) -> np.ndarray:
        """(m,) bool: pairs that are similar, or in one cluster by now."""
        similar = np.ones(len(pairs), bool)
        rows = np.unique(pairs)
        sets = dict(zip(rows.tolist(), _sets(self.texts, self.places[rows]), strict=True))
        for at, (first, second) in enumerate(pairs.tolist()):
            roots = self._root(first), self._root(second)
            if roots[0] == roots[1]:
                continue
            value = min(map(jaccard, sets[first], sets[second]))
            similar[at] = value >= self.similarity
            if similar[at]:
                self.links.append((first, second))
                self.values.append(value)
                self.parent[max(roots)] = min(roots)
        return similar

    def _root(self, row: int) -> int:
        while self.parent[row] != row:
            self.parent[row] = self.parent[self.parent[row]]
            row = int(self.parent[row])
        return row


def similarity_of(texts: Texts, row: int, others: np.ndarray) -> np.ndarray:
    """Exact similarity of one row to others at ascending places: of its least similar text."""
    wanted = _sets(texts, np.array([row]))[0]
    return np.array([min(map(jaccard, wanted, one)) for one in _sets(texts, others)])


def _sets(texts: Texts, places: np.ndarray) -> list[list[np.ndarray]]:
    """The shingle hashes of each row, a sorted set for each of its texts."""
    sets: list[list[np.ndarray]] = []
    for _done, forms in _spans(texts, places):
        per_role = [shingle_hashes(role) for role in zip(*forms, strict=True)]
        sets += [
            [np.unique(hashes[offsets[at] : offsets[at + 1]]) for hashes, offsets in per_role]
            for at in range(len(forms))
        ]
    return sets
