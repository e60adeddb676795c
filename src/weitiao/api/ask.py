"""Answer questions over documents: index a folder, find passages, read or write the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, overload

from weitiao.api.ask_runs import check_runs, finds, positive_label
from weitiao.api.predict import load
from weitiao.api.trained import trained
from weitiao.checkpoints.catalogue import default_for
from weitiao.core import fingerprint, notice
from weitiao.core.fields import near
from weitiao.core.script import has_han
from weitiao.data.cache import store as cache
from weitiao.errors import DataError, WeitiaoError
from weitiao.hardware.machine import set_threads
from weitiao.i18n.messages import _, plural
from weitiao.search.confidence import parsed
from weitiao.search.documents import documents_of, files_in
from weitiao.search.encoder import Encoder, encoder_of
from weitiao.search.index import Changes, Found, Index
from weitiao.search.reading import Answer, Reader, Support

PASSAGES = 5  # that are read
RERANKED = 30  # passages that a re-ranker looks at
SAMPLED_FILES = 5  # by which the language is told
SCORE = "2"  # what the score of an answer is; a threshold that was tuned for another is forgotten
BM25 = "bm25"  # in place of an encoder: words alone

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Asker:
    """An index of documents with what answers from it; `asker("...")` gives an Answer.

    changes: what indexing did. passages: how many are read. rerank: a run of pairs that scores
    question and passage together. threshold: the one that was given; else that which was tuned
    counts, which the index keeps under threshold_name.
    """

    index: Index
    reader: Reader | None
    passages: int = PASSAGES
    rerank: Any = None
    changes: Changes = field(default_factory=lambda: Changes(0, 0))
    threshold_name: str = ""
    threshold: float | None = None

    @property
    def reading(self) -> Reader | None:
        """The reader with the score and threshold of now: they may have been tuned since this was
        opened."""
        if self.reader is None or not self.threshold_name:
            return self.reader
        store = self.index.store
        written = store.about(self.confidence_name)
        try:
            sure = parsed(written)
        except ValueError:
            said = _("its score of answers is {value!r}", value=written[:40])
            raise store.damaged(said) from None
        reader = replace(self.reader, confidence=sure)
        tuned = store.number(self.threshold_name) if self.threshold is None else None
        return reader if tuned is None else replace(reader, threshold=tuned)

    @property
    def confidence_name(self) -> str:
        """Under which the index keeps how sure an answer is."""
        return f"confidence of {self.threshold_name}"

    def __call__(self, question: str) -> Answer:
        """Answer one question. Raises DataError for an empty one."""
        if not question.strip():
            raise DataError(_("the question is empty."))
        found = self.search(question)
        reader = self.reading
        if reader is None:
            return Answer(question, "", 0.0, bool(found), tuple(found))
        return reader.answer(question, found)

    def search(self, question: str, most: int | None = None) -> list[Found]:
        """The passages that fit a question best, re-ranked if there is a run for it."""
        return self.search_all([question], most)[0]

    def search_all(self, questions: Sequence[str], most: int | None = None) -> list[list[Found]]:
        """The passages of each question."""
        most = most or self.passages
        if self.rerank is None:
            return self.index.search_all(questions, most)
        return [
            _reranked(self.rerank, question, found)[:most]
            for question, found in zip(
                questions, self.index.search_all(questions, max(RERANKED, most)), strict=True
            )
        ]


def _reranked(model: Any, question: str, found: list[Found]) -> list[Found]:
    """Passages by the score of a run that reads question and passage together."""
    if not found:
        return []
    first, second = model.row_reader.roles[:2]
    rows = [{first: question, second: one.passage.text} for one in found]
    scores = [_relevance(model, prediction) for prediction in model.predictions(rows)]
    order = sorted(range(len(found)), key=lambda at: -scores[at])
    return [replace(found[at], score=scores[at]) for at in order]


def _relevance(model: Any, prediction: Any) -> float:
    """The number of a prediction, or the probability of the label that says yes."""
    if not prediction.scores:
        return float(prediction.value)
    return float(prediction.scores[positive_label(model)])


def asker(
    run: str | Path | None,
    docs: str | Path,
    *,
    index: str | Path | None = None,
    encoder: str | Path | None = None,
    rerank: str | Path | None = None,
    support: str | Path | None = None,
    passages: int = PASSAGES,
    threshold: float | None = None,
    threads: int | None = None,
    say: Say | None = None,
    step: Callable[[int, int], None] | None = None,
) -> Asker:
    """Open documents for questions: the index is made, or brought up to date.

    run: a run of the task question_answering (it reads the answer out of a passage) or generation
    (it writes one), a run of retrieval (passages alone), or None.
    docs: a folder or a file. index: where it is kept; by default in the cache, by the folder's
    path. encoder: a run of retrieval or a checkpoint; "bm25" for words alone; by default the one of
    the documents' language. rerank, support: runs of pairs: one scores (question, passage), the
    other judges whether a sentence follows from a passage (nli). threshold: of the score, below it
    nothing is found; by default the one that was tuned. step: called while documents are
    indexed, with the bytes that are done and those of all. Raises WeitiaoError.
    """
    if threshold is not None and not 0 <= threshold < math.inf:
        raise DataError(_("--threshold: write a score, such as 0.3."))
    if index is not None and Path(index).is_file():
        raise DataError(_("{path}: --index is a folder, and this is a file.", path=index))
    set_threads(threads)
    folder = Path(docs)
    files_in(folder)  # before a network is loaded for it
    check_runs(run, rerank, support)
    reads = run is not None and not finds(trained(run).task)
    _check_options(run, reads, encoder, support, threshold)
    if run is not None and not reads:
        encoder = str(run)
    name = str(encoder) if encoder else default_for("zh" if _is_chinese(folder) else "en")
    name = _plain_name(name)
    model = load(run) if run is not None and reads else None
    judge = _support_of(support)
    scorer = load(rerank) if rerank else None
    where = Path(index) if index else _default_place(folder, name)
    chosen: Encoder | None = None if name == BM25 else encoder_of(name)
    opened = Index.at(where, chosen)
    with notice.during(_("indexing the documents")):
        changes = opened.update(folder, step)
    for problem in changes.problems:
        (say or _silent)(problem)
    if not len(opened.store):
        raise DataError(_("{folder}: no document here has any text.", folder=folder))
    key, reader = _threshold_name(run, rerank, support), None
    if model is not None:
        limit = threshold
        if limit is None:
            limit = opened.store.number(key) or 0.0
        reader = Reader(model, limit, judge)
    return Asker(opened, reader, passages, scorer, changes, key, threshold)


def _check_options(
    run: str | Path | None,
    reads: bool,
    encoder: str | Path | None,
    support: str | Path | None,
    threshold: float | None,
) -> None:
    """Raises DataError for an option that would be without effect."""
    for option, value in (("--threshold", threshold), ("--support", support)):
        if value is not None and not reads:
            raise DataError(
                _(
                    "{option} is about answers, and no run reads any here: give one of "
                    "question_answering or of generation, or leave it out.",
                    option=option,
                )
            )
    if run is not None and not reads and encoder is not None and str(encoder) != str(run):
        raise DataError(
            _(
                "{run}: this run is the encoder; leave out --encoder {encoder}, or give none as "
                "the run.",
                run=run,
                encoder=encoder,
            )
        )


@overload
def ask(run: str | Path | None, question: str, **options: Any) -> Answer: ...
@overload
def ask(run: str | Path | None, question: Sequence[str], **options: Any) -> list[Answer]: ...
def ask(run: str | Path | None, question: str | Sequence[str], **options: Any) -> Any:
    """Answer one question, or several, over the documents in `docs`. Options: see `asker`.

    >>> weitiao.ask("runs/squad-001", "Who built it?", docs="manuals").text   # doctest: +SKIP
    """
    if "docs" not in options:
        raise DataError(_("ask needs a folder of documents: docs=..., or --docs DIR."))
    opened = asker(run, **options)
    if isinstance(question, str):
        return opened(question)
    return [opened(one) for one in question]


def _support_of(run: str | Path | None) -> Support | None:
    """Whether a sentence follows from a passage, by a run of inference (nli)."""
    if run is None:
        return None
    model = load(run)
    premise, hypothesis = model.row_reader.roles[:2]
    label = positive_label(model)

    def support(pairs: Sequence[tuple[str, str]]) -> list[float]:
        rows = [{premise: passage, hypothesis: sentence} for passage, sentence in pairs]
        return [float(one.scores[label]) for one in model.predictions(rows)]

    return support


def _plain_name(encoder: str) -> str:
    """The name of an encoder. Raises DataError for a slip in bm25: as the name of a checkpoint it
    would be looked for in a hub."""
    if Path(encoder).exists() or encoder.lower() == BM25:
        return BM25 if encoder.lower() == BM25 else encoder
    if "/" not in encoder and get_close_matches(encoder.lower(), [BM25], cutoff=0.7):
        raise DataError(
            _(
                "--encoder {name!r}: no run, folder or checkpoint of this name.{hint}",
                name=encoder,
                hint=near(encoder.lower(), [BM25]),
            )
        )
    return encoder


def _default_place(folder: Path, encoder: str) -> Path:
    """The folder of an index in the cache, by the path of the documents and the encoder."""
    return cache.folder("search") / fingerprint.of_texts(str(folder.resolve()), encoder)


def _is_chinese(folder: Path) -> bool:
    """Whether any of the first documents is Chinese."""
    files = islice(files_in(folder).items(), SAMPLED_FILES)
    return any(_starts_chinese(path, name) for name, path in files)


def _starts_chinese(path: Path, name: str) -> bool:
    try:
        return any(has_han(one.text[:2000]) for one in islice(documents_of(path, name), 1))
    except WeitiaoError:  # indexing says so
        return False


def _threshold_name(*runs: str | Path | None) -> str:
    """Under which the index keeps the threshold that was tuned for these runs."""
    return " ".join(
        ["threshold", SCORE, *(str(Path(run).resolve()) if run else "-" for run in runs)]
    )


def _silent(text: str) -> None:
    """Discard a message."""


def summary(changes: Changes) -> str:
    """What indexing did, as a sentence."""
    figures = {
        "added": plural(changes.added - changes.refused, "file"),
        "removed": changes.removed,
        "problems": len(changes.problems) - changes.partly,
    }
    if changes.partly:
        return _(
            "{added} indexed, {removed} removed, {problems} not readable, {partly} only in part",
            **figures,
            partly=changes.partly,
        )
    return _("{added} indexed, {removed} removed, {problems} not readable", **figures)
