"""Indexing a folder, and searching it: BM25 and vectors, fused.

The fusion is a convex combination of both scores (Bruch et al. 2023) whose weight is tuned on
labelled questions; without any, reciprocal ranks are added (Cormack et al. 2009).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from weitiao.errors import DataError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.search.documents import documents_of, files_in
from weitiao.search.encoder import Encoder
from weitiao.search.passages import Passage, passages_of
from weitiao.search.store import Store, Stored, encoded_text, key_of, stored_vector

CANDIDATES = 100  # of BM25, and of the vectors
RRF = 60  # of reciprocal rank fusion
USUAL = 0.65  # weight that was good for XQuAD in English and Chinese
WEIGHTS = np.round(np.arange(0, 1.01, 0.05), 2)  # of the vectors, that tuning tries
BATCH = 256  # passages whose vectors are computed at a time
Scores = tuple[Mapping[int, float], Mapping[int, float]]  # BM25 and cosines, by passage
Progress = Callable[[int, int], None]  # (bytes of files done, bytes in all)


@dataclass(frozen=True)
class Found:
    """A passage that was found, with its scores: of the fusion, BM25 and the cosine."""

    passage: Stored
    score: float
    bm25: float = 0.0
    cosine: float = 0.0


@dataclass(frozen=True)
class Changes:
    """What indexing did: files added or changed, removed, and what of some could not be read.

    refused: of those added, the ones of which nothing could be read. partly: of all files, those of
    which a part is not in the index.
    """

    added: int
    removed: int
    problems: tuple[str, ...] = ()
    refused: int = 0
    partly: int = 0


@dataclass(frozen=True, eq=False)
class Index:
    """An index in a folder. encoder: None for BM25 alone."""

    store: Store
    encoder: Encoder | None = None

    @classmethod
    def at(cls, folder: Path, encoder: Encoder | None = None) -> Index:
        """The index in a folder, made if it is not there."""
        return cls(Store(folder), encoder)

    # --- indexing

    def update(self, documents: Path, step: Progress | None = None) -> Changes:
        """Bring the index up to date: changed and new files are read, those that are gone leave.

        A file that cannot be read is named and left out. Vectors of another encoder are computed
        again. Raises RunError where another process is writing, and there is something to write.
        """
        name = self.encoder.name if self.encoder else ""
        if not self.store.uses(name) or any(self._differences(documents)):
            with self.store.writing():
                self.store.use_encoder(name)
                changed, gone = self._differences(documents)
                self.store.remove(gone)
                sizes = {file: max(_state(path)[0], 1) for file, path in changed.items()}
                done, total = 0, sum(sizes.values())
                for file, path in changed.items():
                    for share in self._put(file, path):
                        if step:
                            step(done + round(share * sizes[file]), total)
                    done += sizes[file]
                self.store.forget_kept()
        else:
            changed, gone = {}, []
        self.__dict__.pop("_vectors", None)
        problems = {
            name: problem for name, (_size, _time, problem) in self.store.files().items() if problem
        }
        unread = problems.keys() & self.store.without_passages()
        refused, partly = len(unread & changed.keys()), len(problems) - len(unread)
        return Changes(len(changed), len(gone), tuple(problems.values()), refused, partly)

    def _differences(self, documents: Path) -> tuple[dict[str, Path], list[str]]:
        """Files that are new or changed, and names of those that are gone."""
        before, files = self.store.files(), files_in(documents)
        changed = {
            name: path
            for name, path in files.items()
            if name not in before or before[name][:2] != _state(path)
        }
        return changed, [name for name in before if name not in files]

    def _put(self, name: str, path: Path) -> Iterator[float]:
        """Read one file into the index; yields how much of it is done, up to 1."""
        state, problems, found = _state(path), list[str](), list[tuple[str, Passage]]()
        try:
            # All of them first: a file that is refused for its size is so at once.
            for document in list(documents_of(path, name, problems.append)):
                found += [(document.name, one) for one in passages_of(document.text)]
        except WeitiaoError as error:
            problems, found = [str(error)], []
        vectors = None
        if self.encoder is not None and found:
            texts = {key_of(one.title, one.text): encoded_text(one.title, one.text)
                     for _name, one in found}  # fmt: skip
            known = self.store.known_vectors(name)
            yield from self._encode(texts, known)
            vectors = [known[key_of(one.title, one.text)] for _name, one in found]
        self.store.put(name, state, found, vectors, "\n".join(problems))
        yield 1.0

    def _encode(self, texts: Mapping[str, str], known: dict[str, bytes]) -> Iterator[float]:
        """Compute the vectors of texts, by their keys, that are not known. They are kept at once:
        a large file takes long, and a process that is killed loses a batch."""
        assert self.encoder is not None
        left = [key for key in texts if key not in known]
        for start in range(0, len(left), BATCH):
            keys = left[start : start + BATCH]
            vectors = self.encoder.passages([texts[key] for key in keys])
            new = dict(zip(keys, map(stored_vector, vectors), strict=True))
            known |= new
            if len(left) > BATCH:
                self.store.keep_vectors(new)
            yield 1 - (len(left) - start - len(keys)) / len(texts)

    # --- searching

    @cached_property
    def _vectors(self) -> tuple[np.ndarray, np.ndarray]:
        return self.store.vectors()

    @property
    def weight(self) -> float | None:
        """The weight of the vectors in the fusion; None: reciprocal ranks."""
        return self.store.number("weight", most=1.0)

    def search(self, question: str, most: int = 10) -> list[Found]:
        """The passages that fit a question best."""
        return self.search_all([question], most)[0]

    def search_all(self, questions: Sequence[str], most: int = 10) -> list[list[Found]]:
        """The passages that fit each question best; questions are encoded together."""
        weight = self.weight
        return [self._found(fused(*one, weight), one, most) for one in self.scores(questions)]

    def scores(self, questions: Sequence[str]) -> list[Scores]:
        """Of each question the BM25 scores and the cosines of its candidates, by number."""
        lexical = [self.store.bm25(question, CANDIDATES) for question in questions]
        if self.encoder is None:
            return [(one, {}) for one in lexical]
        numbers, vectors = self._vectors
        if not len(numbers):
            return [(one, {}) for one in lexical]
        both: list[Scores] = []
        asked = np.asarray(self.encoder.questions(questions))
        if len(questions) and asked.shape[1] != vectors.shape[1]:
            raise self.store.damaged(_("its vectors do not fit together"))
        for vector, words in zip(asked, lexical, strict=True):
            cosines = vectors @ vector
            top = np.argpartition(-cosines, min(CANDIDATES, len(cosines)) - 1)[:CANDIDATES]
            near = {int(numbers[at]): float(cosines[at]) for at in top}
            # Candidates of BM25 have a cosine, too; the other way round BM25 is 0 or nearly so.
            found = np.array(sorted(words), np.int64)
            places = np.searchsorted(numbers, found).clip(max=len(numbers) - 1)
            near |= {int(n): float(cosines[at])
                     for n, at in zip(found, places, strict=True) if numbers[at] == n}  # fmt: skip
            both.append((words, near))
        return both

    def _found(
        self, ranked: Sequence[tuple[int, float]], scores: Sequence[Mapping[int, float]], most: int
    ) -> list[Found]:
        top = dict(ranked[:most])
        return [
            Found(
                passage,
                top[passage.number],
                scores[0].get(passage.number, 0.0),
                scores[1].get(passage.number, 0.0),
            )
            for passage in self.store.passages(list(top))
        ]

    def tune(self, questions: Sequence[str], right: Callable[[int, Stored], bool]) -> float:
        """Choose the weight of the vectors by the mean reciprocal rank of labelled questions, and
        keep it. right(row, passage): whether a passage answers the question of this row."""
        if self.encoder is None:
            raise DataError(_("an index without vectors has no weight to tune."))
        scores = self.scores(questions)
        answers = []
        for row, one in enumerate(scores):
            numbers = list({**one[0], **one[1]})
            passages = self.store.passages(numbers)
            answers.append({p.number for p in passages if right(row, p)})
        ranks = np.array([
            [_reciprocal(fused(*one, float(weight)), wanted) for weight in WEIGHTS]
            for one, wanted in zip(scores, answers, strict=True)
        ])  # fmt: skip
        weight = float(WEIGHTS[_robust(ranks)])
        self.store.tell("weight", str(weight))
        return weight


def fused(
    lexical: Mapping[int, float], near: Mapping[int, float], weight: float | None
) -> list[tuple[int, float]]:
    """Candidates with their fused scores, the best first.

    weight: of the vectors, each score scaled to 0 to 1 among the candidates; None: by ranks.
    """
    if not near or not lexical:
        only = near or lexical
        return sorted(only.items(), key=lambda pair: -pair[1])
    numbers = list({**lexical, **near})
    if weight is None:
        total = dict.fromkeys(numbers, 0.0)
        for scores in (lexical, near):
            for rank, number in enumerate(sorted(scores, key=lambda n: -scores[n]), 1):
                total[number] += 1 / (RRF + rank)
        return sorted(total.items(), key=lambda pair: -pair[1])
    words, vectors = _scaled(lexical, numbers), _scaled(near, numbers)
    mixed = {n: (1 - weight) * words[n] + weight * vectors[n] for n in numbers}
    return sorted(mixed.items(), key=lambda pair: -pair[1])


def _scaled(scores: Mapping[int, float], numbers: Sequence[int]) -> dict[int, float]:
    """Scores from 0 to 1; what has none gets 0."""
    low, high = min(scores.values()), max(scores.values())
    span = max(high - low, 1e-9)
    return {n: (scores[n] - low) / span if n in scores else 0.0 for n in numbers}


def _robust(ranks: np.ndarray) -> int:
    """The column of (questions, weights) to take: of those within one standard error of the best
    the one nearest to USUAL. Some 50 questions tell good weights from bad ones, and no more."""
    best = ranks[:, [int(ranks.mean(axis=0).argmax())]]
    worse = best - ranks
    error = worse.std(axis=0) / np.sqrt(len(ranks))
    equal = np.flatnonzero(worse.mean(axis=0) <= error + 1e-9)
    return int(equal[np.abs(WEIGHTS[equal] - USUAL).argmin()])


def _reciprocal(ranked: Sequence[tuple[int, float]], wanted: set[int]) -> float:
    places = (1 / rank for rank, (number, _score) in enumerate(ranked, 1) if number in wanted)
    return next(places, 0.0)


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change of a file; of one that just went, zeros."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
