"""The worker processes of a session, and the threads that read what they compute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.annotation.pool import Pool
from weitiao.annotation.ranking import Ranking
from weitiao.annotation.session import Session
from weitiao.annotation.suggest import of_prediction, zero_shot
from weitiao.errors import DataError
from weitiao.i18n.messages import _, language

COMMAND = [sys.executable, "-m", "weitiao.annotation.worker"]
ADDED_ROWS = 512  # vectors between two looks at the file
VECTOR_CHARACTERS = 4_000  # of a text; more than its vector reads


class Worker:
    """A worker process and the folder of its files; `lines` yields what it says."""

    def __init__(self, job: Mapping[str, Any], pool: Pool, positions: np.ndarray) -> None:
        self._stopped = False
        limit = VECTOR_CHARACTERS if job["kind"] == "vectors" else None
        self._folder = tempfile.TemporaryDirectory(prefix="weitiao-annotate-")
        folder = Path(self._folder.name)
        self.vectors = folder / "vectors"
        texts = folder / "texts.jsonl"
        with texts.open("w", encoding="utf-8") as file:
            for row in zip(*pool.columns(positions), strict=True):
                some = [text[:limit] for text in row]
                file.write(json.dumps(some, ensure_ascii=True) + "\n")
        self.process = subprocess.Popen(
            COMMAND,
            env={**os.environ, "WEITIAO_LANG": language()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdin is not None
        whole = {**job, "texts": str(texts), "vectors": str(self.vectors)}
        self.process.stdin.write(json.dumps(whole) + "\n")
        self.process.stdin.flush()  # left open: it closes when this process ends

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the process says, until it ends. Raises DataError where it fails."""
        assert self.process.stdout is not None
        with self.process.stdout as said:
            for line in said:
                values = json.loads(line)
                if "error" in values:
                    raise DataError(values["error"])
                yield values
        if self.process.wait() and not self._stopped:
            raise DataError(_("the process that reads the rows has ended with an error."))

    def stop(self) -> None:
        """End the process and remove its files."""
        self._stopped = True
        self.process.terminate()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()  # the other stream belongs to who reads `lines`
        self._folder.cleanup()


def read_vectors(
    worker: Worker, ranking: Ranking, names: Sequence[str], say: Callable[[str], None]
) -> None:
    """Hand vectors to the ranking as they are ready; pre-labels by the labels' names, if wanted."""
    try:
        named, added = None, 0
        for line in worker.lines():
            if "names" in line:
                named = np.array(line["names"], np.float32)
                continue
            done, every = line["done"], len(ranking.positions)
            ranking.state = reading_state(done, every)
            if done - added < ADDED_ROWS and done < every:
                continue
            added = done
            flat = np.fromfile(worker.vectors, np.float32, done * line["width"])
            vectors = flat.reshape(done, -1)
            if named is not None:
                _suggest_by_name(ranking, named, vectors, names)
            ranking.add_vectors(vectors)
    except DataError as error:
        ranking.state = _("random order: {reason}", reason=str(error))
        say(ranking.state)


def reading_state(done: int, rows: int) -> str:
    """How far the vectors are, for the page."""
    return _("reading the rows: {done:,} of {rows:,}", done=done, rows=rows)


def _suggest_by_name(
    ranking: Ranking, named: np.ndarray, vectors: np.ndarray, names: Sequence[str]
) -> None:
    session = ranking.session
    labels = zero_shot(named, vectors)
    with session.lock:
        for at, label in zip(ranking.positions[: len(vectors)].tolist(), labels, strict=True):
            session.suggestions.setdefault(at, names[label])


def read_predictions(
    worker: Worker, session: Session, positions: np.ndarray, say: Callable[[str], None]
) -> None:
    """Take a run's predictions as pre-labels as they are ready; those that do not fit the scheme
    are counted."""
    unfit = 0
    try:
        for line in worker.lines():
            position = int(positions[line["at"]])
            texts = session.pool.texts(position)
            try:
                value = of_prediction(session.scheme, line["value"], line["places"], texts)
            except (ValueError, TypeError, KeyError, DataError):
                unfit += 1
                continue
            with session.lock:
                session.suggestions[position] = value
    except DataError as error:
        say(_("no pre-labels: {reason}", reason=str(error)))
    if unfit:
        say(_("{count:,} predictions are no pre-labels: they do not fit the labels.", count=unfit))


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Start a thread that does not keep the process alive."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
