"""The index of documents on disk: one SQLite file with texts, words (FTS5) and vectors.

Each document is one transaction: a process that is killed leaves whole documents or none. SQLite's
full-text search ranks by BM25 and is changed in place; bm25s would be computed anew for every
changed document (dev/LOG.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weitiao.errors import DataError, RunError
from weitiao.evaluation.retrieval_baselines import terms
from weitiao.i18n.messages import _
from weitiao.search.passages import Passage

FILE = "index.sqlite"
VERSION = 1
FREQUENT = 0.3  # of the passages have a word: it tells nothing, and costs most of the time
SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER, changed INTEGER, problem TEXT);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY, file INTEGER, document TEXT, start INTEGER, end INTEGER,
    title TEXT, text TEXT, vector BLOB);
CREATE INDEX IF NOT EXISTS passages_of_files ON passages (file);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(terms, tokenize='unicode61');
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab(words, 'row');
"""


@dataclass(frozen=True)
class Stored:
    """A passage of the index."""

    number: int
    document: str
    start: int
    end: int
    title: str
    text: str


class Store:
    """The index in a folder. Writers hold its lock; readers see whole documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._database = self._opened()

    def _opened(self) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(self.folder / FILE, timeout=30, isolation_level=None)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            database.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise RunError(
                _(
                    "{file}: this index is damaged ({error}); remove the folder, and it is made "
                    "anew from the documents.",
                    file=self.folder / FILE,
                    error=error,
                )
            ) from None
        return database

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The only writer. Raises RunError where another process writes."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunError(
                _(
                    "{folder}: another process is indexing; wait until it has ended.",
                    folder=self.folder,
                )
            ) from None
        try:
            yield
        finally:
            lock.release()

    # --- what it is about

    def about(self, name: str) -> str:
        found = self._database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def tell(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def files(self) -> dict[str, tuple[int, int, str]]:
        """Name -> size, time of change, and why it could not be read."""
        rows = self._database.execute("SELECT name, size, changed, problem FROM files")
        return {name: (size, changed, problem or "") for name, size, changed, problem in rows}

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM passages").fetchone()[0])

    # --- writing

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def put(
        self,
        name: str,
        state: tuple[int, int],
        passages: Sequence[tuple[str, Passage]],
        vectors: np.ndarray | None,
        problem: str = "",
    ) -> None:
        """Replace a file's passages, (document, passage) each, with their vectors."""
        with self._transaction() as database:
            _remove(database, name)
            row = database.execute(
                "INSERT INTO files (name, size, changed, problem) VALUES (?, ?, ?, ?)",
                (name, *state, problem),
            )
            file = row.lastrowid
            for at, (document, passage) in enumerate(passages):
                blob = None if vectors is None else vectors[at].astype(np.float16).tobytes()
                added = database.execute(
                    "INSERT INTO passages (file, document, start, end, title, text, vector) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (file, document, passage.start, passage.end, passage.title, passage.text, blob),
                )
                words = " ".join(terms(f"{passage.title} {passage.text}"))
                database.execute(
                    "INSERT INTO words (rowid, terms) VALUES (?, ?)", (added.lastrowid, words)
                )

    def remove(self, names: Sequence[str]) -> None:
        """Forget files that are gone."""
        with self._transaction() as database:
            for name in names:
                _remove(database, name)

    # --- reading

    def passages(self, numbers: Sequence[int]) -> list[Stored]:
        """Passages by number, in this order."""
        marks = ",".join("?" * len(numbers))
        rows = self._database.execute(
            f"SELECT id, document, start, end, title, text FROM passages WHERE id IN ({marks})",
            list(numbers),
        )
        found = {row[0]: Stored(*row) for row in rows}
        return [found[number] for number in numbers if number in found]

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of all passages with a vector (n,), and the vectors (n, width), float32."""
        rows = self._database.execute(
            "SELECT id, vector FROM passages WHERE vector IS NOT NULL ORDER BY id"
        ).fetchall()
        numbers = np.array([row[0] for row in rows], np.int64)
        joined = b"".join(row[1] for row in rows)
        flat = np.frombuffer(joined, np.float16).astype(np.float32)
        return numbers, flat.reshape(len(rows), -1) if len(rows) else np.zeros((0, 1), np.float32)

    def bm25(self, question: str, most: int) -> Mapping[int, float]:
        """The best passages by BM25: number -> score, higher is better."""
        wanted = self._telling(list(dict.fromkeys(terms(question))))
        if not wanted:
            return {}
        query = " OR ".join(f'"{term}"' for term in wanted)
        rows = self._database.execute(
            "SELECT rowid, bm25(words) FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?",
            (query, most),
        )
        return {number: -score for number, score in rows}

    def _telling(self, wanted: Sequence[str]) -> list[str]:
        """The words that not too many passages have; all of them where none is rare."""
        limit = FREQUENT * len(self)
        known = {}
        for term in wanted:
            row = self._database.execute(
                "SELECT doc FROM vocabulary WHERE term = ?", (term,)
            ).fetchone()
            if row:
                known[term] = row[0]
        return [term for term, count in known.items() if count <= limit] or list(known)


def _remove(database: sqlite3.Connection, name: str) -> None:
    row = database.execute("SELECT id FROM files WHERE name = ?", (name,)).fetchone()
    if row is None:
        return
    database.execute(
        "DELETE FROM words WHERE rowid IN (SELECT id FROM passages WHERE file = ?)", (row[0],)
    )
    database.execute("DELETE FROM passages WHERE file = ?", (row[0],))
    database.execute("DELETE FROM files WHERE id = ?", (row[0],))


def require(folder: Path) -> None:
    """Raise DataError where there is no index."""
    if not (folder / FILE).is_file():
        raise DataError(_("{folder}: no index here.", folder=folder))
