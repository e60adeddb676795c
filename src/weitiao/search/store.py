"""The index of documents on disk: one SQLite file with texts, words (FTS5) and vectors.

Each file is one transaction: a process that is killed leaves whole files or none. SQLite's
full-text search ranks by BM25 and is changed in place; bm25s would compute its weights again for
every changed document.
"""

from __future__ import annotations

import math
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.core.fingerprint import of_texts
from weitiao.errors import RunError
from weitiao.evaluation.retrieval_baselines import terms
from weitiao.i18n.messages import _
from weitiao.search.passages import Passage

FILE = "index.sqlite"
OURS = 0x57544149  # SQLite's application_id of our files
VERSION = 2  # of the tables, and of how texts become passages and words; another one: indexed again
UNREAD = -1  # the size of a file that has to be read again
# A word that so many of the passages have tells nothing, and costs most of the time. In a small
# folder a word of a few passages may be what is asked for.
FREQUENT, FEW = 0.3, 3
TABLES = ("vocabulary", "words", "passages", "files", "about")
SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER, changed INTEGER, problem TEXT);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, file INTEGER, document TEXT, start INTEGER, end INTEGER,
    title TEXT, text TEXT, vector BLOB);
CREATE INDEX passages_of_files ON passages (file);
CREATE VIRTUAL TABLE words USING fts5(terms, tokenize='ascii');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
"""
# Vectors of a file whose passages are not in the index yet, by the fingerprint of the text.
COMPUTED = "CREATE TABLE IF NOT EXISTS computed (text TEXT PRIMARY KEY, vector BLOB)"


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
        with self._reported():
            database = sqlite3.connect(
                self.folder / FILE, timeout=30, isolation_level=None, check_same_thread=False
            )
            tables = _number(database, "schema_version") > 0
            mark, version = _number(database, "application_id"), _number(database, "user_version")
        if tables and mark != OURS:
            raise RunError(
                _(
                    "{file}: this is not an index of documents; choose another folder.",
                    file=self.folder / FILE,
                )
            )
        if tables:
            self._check_tables(database)
        with self._reported():
            if not tables:
                database.execute("PRAGMA journal_mode=WAL")
            database.execute("PRAGMA synchronous=NORMAL")
            if version != VERSION:
                _create_tables(database)
            database.execute(COMPUTED)
        return database

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """What SQLite raises as RunError."""
        try:
            yield
        except sqlite3.OperationalError as error:  # no space, no permission, locked
            raise RunError(
                _(
                    "{file}: this index cannot be used ({error}).",
                    file=self.folder / FILE,
                    error=error,
                )
            ) from None
        except sqlite3.DatabaseError as error:
            raise self.damaged(str(error)) from None

    def damaged(self, reason: str) -> RunError:
        """The error that says that this index is damaged, and what helps."""
        return RunError(
            _(
                "{file}: this index is damaged ({error}). Remove the folder; it is built "
                "again from the documents.",
                file=self.folder / FILE,
                error=reason,
            )
        )

    def _check_tables(self, database: sqlite3.Connection) -> None:
        """Raises RunError where a table is something else, or a statement hangs on one: reading a
        view may never end."""
        with self._reported():
            query = "SELECT name, type, tbl_name FROM sqlite_master WHERE type != 'index'"
            kinds = database.execute(query).fetchall()
        for name, kind, table in kinds:
            if kind != "table":
                raise self.damaged(_("{name} is no table", name=name if kind == "view" else table))

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._reported():
            return self._database.execute(query, values).fetchall()

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
        rows = self._rows("SELECT value FROM about WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def number(self, name: str, most: float = math.inf) -> float | None:
        """A number from 0 to `most` that it was told; None where there is none."""
        text = self.about(name)
        try:
            value = float(text or 0)
        except ValueError:
            value = math.nan
        if not (0 <= value <= most and math.isfinite(value)):
            raise self.damaged(_("{name} is {value!r}", name=name.split()[0], value=text[:40]))
        return value if text else None

    def tell(self, name: str, value: str) -> None:
        self._rows("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def files(self) -> dict[str, tuple[int, int, str]]:
        """Name -> size, time of change, and what of it could not be read, and why."""
        rows = self._rows("SELECT name, size, changed, problem FROM files")
        self._check_types(rows, (str, int, int, str | None))
        return {name: (size, changed, problem or "") for name, size, changed, problem in rows}

    def _check_types(self, rows: Sequence[Sequence[Any]], kinds: Sequence[Any]) -> None:
        """Raises RunError where a value is of another type than we write: SQLite keeps any."""
        for row in rows:
            if not all(map(isinstance, row, kinds)):
                raise self.damaged(_("a value of another type"))

    def without_passages(self) -> set[str]:
        """The files of which nothing is in the index."""
        query = "SELECT name FROM files WHERE id NOT IN (SELECT file FROM passages)"
        return {row[0] for row in self._rows(query)}

    def __len__(self) -> int:
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    # --- writing

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reported():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def uses(self, encoder: str) -> bool:
        """Whether the vectors are those of an encoder; "": there are none."""
        return self.about("started") == "yes" and self.about("encoder") == encoder

    def use_encoder(self, name: str) -> None:
        """Say whose vectors the index holds. Those of another encoder go, and so does all that was
        tuned with them; every file has to be read again, also after a kill."""
        if self.uses(name):
            return
        with self._transaction() as database:
            database.execute("DELETE FROM about")
            database.execute("DELETE FROM computed")
            database.execute("UPDATE passages SET vector = NULL")
            database.execute("UPDATE files SET size = ?", (UNREAD,))
            rows = [("encoder", name), ("started", "yes")]
            database.executemany("INSERT INTO about VALUES (?, ?)", rows)

    def put(
        self,
        name: str,
        state: tuple[int, int],
        passages: Sequence[tuple[str, Passage]],
        vectors: Sequence[bytes] | None,
        problem: str = "",
    ) -> None:
        """Replace a file's passages, (document, passage) each, with their stored vectors."""
        with self._transaction() as database:
            _remove(database, name)
            row = database.execute(
                "INSERT INTO files (name, size, changed, problem) VALUES (?, ?, ?, ?)",
                (name, *state, problem),
            )
            file = row.lastrowid
            for at, (document, passage) in enumerate(passages):
                known = (key_of(passage.title, passage.text),)
                database.execute("DELETE FROM computed WHERE text = ?", known)
                blob = None if vectors is None else vectors[at]
                added = database.execute(
                    "INSERT INTO passages (file, document, start, end, title, text, vector) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (file, document, passage.start, passage.end, passage.title, passage.text, blob),
                )
                words = " ".join(words_of(f"{passage.title} {passage.text}"))
                database.execute(
                    "INSERT INTO words (rowid, terms) VALUES (?, ?)", (added.lastrowid, words)
                )

    def keep_vectors(self, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors, by the fingerprint of their text, until the file that has them is put."""
        with self._transaction() as database:
            database.executemany("INSERT OR REPLACE INTO computed VALUES (?, ?)", vectors.items())

    def forget_kept(self) -> None:
        """Forget the vectors that no file was put for: it has changed since, or is gone."""
        self._rows("DELETE FROM computed")

    def known_vectors(self, name: str) -> dict[str, bytes]:
        """Vectors of the file as it was, and those of a process that did not put it."""
        rows = self._rows(
            "SELECT title, text, vector FROM passages WHERE vector IS NOT NULL AND file = "
            "(SELECT id FROM files WHERE name = ?)",
            (name,),
        )
        before = {key_of(title, text): vector for title, text, vector in rows}
        return before | dict(self._rows("SELECT text, vector FROM computed"))

    def remove(self, names: Sequence[str]) -> None:
        """Forget files that are gone."""
        with self._transaction() as database:
            for name in names:
                _remove(database, name)

    # --- reading

    def passages(self, numbers: Sequence[int]) -> list[Stored]:
        """Passages by number, in this order."""
        marks = ",".join("?" * len(numbers))
        rows = self._rows(
            f"SELECT id, document, start, end, title, text FROM passages WHERE id IN ({marks})",
            list(numbers),
        )
        self._check_types(rows, (int, str, int, int, str, str))
        found = {row[0]: Stored(*row) for row in rows}
        return [found[number] for number in numbers if number in found]

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of all passages with a vector (n,), and the vectors (n, width), float32."""
        rows = self._rows("SELECT id, vector FROM passages WHERE vector IS NOT NULL ORDER BY id")
        if not rows:
            return np.zeros(0, np.int64), np.zeros((0, 1), np.float32)
        self._check_types(rows, (int, bytes))
        (width, *others) = {len(vector) for _number, vector in rows}
        if others or not width or width % 2:
            raise self.damaged(_("its vectors do not fit together"))
        joined = b"".join(vector for _number, vector in rows)
        vectors = np.frombuffer(joined, np.float16).astype(np.float32).reshape(len(rows), -1)
        if not np.isfinite(vectors).all():
            raise self.damaged(_("its vectors do not fit together"))
        return np.array([number for number, _vector in rows], np.int64), vectors

    def bm25(self, question: str, most: int) -> Mapping[int, float]:
        """The best passages by BM25: number -> score, higher is better."""
        wanted = self._telling(list(dict.fromkeys(words_of(question))))
        if not wanted:
            return {}
        query = " OR ".join(f'"{term}"' for term in wanted)
        rows = self._rows(
            "SELECT rowid, bm25(words) FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?",
            (query, most),
        )
        return {number: -score for number, score in rows}

    def _telling(self, wanted: Sequence[str]) -> list[str]:
        """The words that not too many passages have; all of them where none is rare."""
        limit = max(FREQUENT * len(self), FEW)
        known = {}
        for term in wanted:
            for (count,) in self._rows("SELECT doc FROM vocabulary WHERE term = ?", (term,)):
                known[term] = count
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


def key_of(title: str, text: str) -> str:
    """By which the vector of a passage is known, in whatever file the passage stands."""
    return of_texts(encoded_text(title, text))


def encoded_text(title: str, text: str) -> str:
    """What is encoded of a passage: the headings above it, too."""
    return f"{title}\n{text}".strip()


def stored_vector(vector: np.ndarray) -> bytes:
    """A vector (width,) as the index keeps it: 16 bits a number."""
    return np.asarray(vector, np.float16).tobytes()


def words_of(text: str) -> list[str]:
    """The words that are searched: ＡＢＣ is abc, and é is one character however it is written.

    >>> words_of("ＡＢＣ cafe\u0301")
    ['abc', 'café']
    """
    return terms(unicodedata.normalize("NFKC", text))


def _create_tables(database: sqlite3.Connection) -> None:
    """Make the tables anew, unless another process has just done so."""
    database.execute("BEGIN IMMEDIATE")
    if _number(database, "user_version") != VERSION:
        drops = [f"DROP TABLE IF EXISTS {name}" for name in TABLES]
        marks = [f"PRAGMA application_id={OURS}", f"PRAGMA user_version={VERSION}"]
        for statement in [*drops, *SCHEMA.split(";"), *marks]:
            database.execute(statement)
    database.execute("COMMIT")


def _number(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])
