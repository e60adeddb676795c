"""From passages to an answer: read it out of them, or write it from them, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from weitiao.labels.texts.pieces import SENTENCE_END
from weitiao.search.confidence import Confidence
from weitiao.search.index import Found
from weitiao.search.store import words_of

# Pairs of a passage and a sentence -> the probability that the sentence follows from the passage.
Support = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
COVERED = 0.6  # of a sentence's words stand in its source: supported, where no run judges it
FOLLOWS = 0.5  # probability above which it is supported, where one does
_CITED = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer: its source (place in `Answer.sources`), and how well it follows from
    it, 0 to 1."""

    text: str
    source: int
    support: float
    supported: bool


@dataclass(frozen=True)
class Answer:
    """The answer to a question. found: False where the documents do not say; then text is empty.

    score: how sure that the documents answer it, 0 to 1. sources: the passages that were read, the
    best first. sentences: each with its source. best: what would have been said, also where `found`
    is False.
    """

    question: str
    text: str
    score: float
    found: bool
    sources: tuple[Found, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    best: str = ""

    def __str__(self) -> str:
        return self.text

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "question": self.question,
            "answer": self.text,
            "found": self.found,
            "score": round(self.score, 4),
            "sentences": [
                {
                    "text": one.text,
                    "source": one.source,
                    "support": round(one.support, 4),
                    "supported": one.supported,
                }
                for one in self.sentences
            ],
            "sources": [
                {
                    "document": one.passage.document,
                    "start": one.passage.start,
                    "end": one.passage.end,
                    "title": one.passage.title,
                    "text": one.passage.text,
                    "score": round(one.score, 4),
                }
                for one in self.sources
            ],
        }


@dataclass(frozen=True)
class Candidate:
    """An answer read out of one passage: its text, the score by which it is chosen, and how sure
    the reader is that the passage answers at all."""

    text: str
    score: float
    answers: float
    source: int


@dataclass(frozen=True)
class Reader:
    """Answers from passages. model: an extractive run (question_answering) or one that writes.

    threshold: of the score, below it nothing is found; support: judges sentences, None: the reader
    itself, or where it knows no "no answer" by words; confidence: makes the score of an answer,
    None: the reader's own.
    """

    model: Any
    threshold: float = 0.0
    support: Support | None = None
    confidence: Confidence | None = None

    @property
    def writes(self) -> bool:
        return bool(self.model.task.writes)

    def answer(self, question: str, sources: Sequence[Found]) -> Answer:
        """Raises WeitiaoError where the model cannot read the passages."""
        if not sources:
            return Answer(question, "", 0.0, False)
        if self.writes:
            return self._written(question, sources)
        candidates = self._read(question, sources)
        best = max(candidates, key=lambda one: one.score)
        score = self._sure(max(one.answers for one in candidates), sources)
        found = bool(best.text) and score >= self.threshold
        sentences = self._judged_span(question, best, sources) if found else ()
        text = best.text if found else ""
        return Answer(question, text, score, found, tuple(sources), sentences, best.text)

    def _judged_span(
        self, question: str, best: Candidate, sources: Sequence[Found]
    ) -> tuple[Sentence, ...]:
        """The span with its passage. Its words always stand there: where no run judges it, how
        sure the reader is that this passage answers says more, if it knows "no answer"."""
        if self.support or not self.knows_no_answer:
            return self._judged(question, [best.text], sources, best.source)
        support = self._sure(best.answers, sources[best.source : best.source + 1])
        return (Sentence(best.text, best.source, support, support >= FOLLOWS),)

    @property
    def knows_no_answer(self) -> bool:
        return bool(getattr(self.model.task, "unanswerable", False))

    def _sure(self, score: float, sources: Sequence[Found]) -> float:
        return score if self.confidence is None else self.confidence.of(score, sources)

    def _read(self, question: str, sources: Sequence[Found]) -> list[Candidate]:
        """The best span of each passage. It is chosen by its probability, times that of an answer
        against "no answer", times how near the passage came to the first one."""
        first, second = self.model.row_reader.roles[:2]
        told = self.knows_no_answer
        rows = [{first: question, second: one.passage.text} for one in sources]
        near = np.array([one.score for one in sources])
        highest = float(near.max())  # scores of a re-ranker may be negative
        weights = np.clip(near / highest, 0, 1) if highest > 0 else np.ones(len(near))
        return [
            Candidate(text, span * sure * float(weights[place]), sure if told else span, place)
            for place, (text, span, sure) in enumerate(self._spans(rows))
        ]

    def _spans(self, rows: Sequence[dict[str, str]]) -> list[tuple[str, float, float]]:
        """The best span of each row, also where the model alone would say that there is none; its
        probability among all spans, and that of an answer against "no answer"."""
        model = self.model
        examples = [model.example(row) for row in rows]
        scores = model.scores(examples)
        # Without "no answer": the threshold here is that of the whole chain.
        task = model.task.model_copy(update={"unanswerable": False})
        predictions = task.decide(scores, examples)
        margins = np.clip(scores[:, 2] - scores[:, 3], -30, 30)
        sure = 1 / (1 + np.exp(-margins)) if self.knows_no_answer else np.ones(len(rows))
        return [
            (str(one.value), float(one.score), float(against))
            for one, against in zip(predictions, sure, strict=True)
        ]

    def _written(self, question: str, passages: Sequence[Found]) -> Answer:
        sources = self._fitting(question, passages)
        (prediction,) = self.model.predictions([self._prompt(question, sources)])
        text = _CITED.sub("", str(prediction.value)).strip()
        parts = [one.strip() for one in SENTENCE_END.split(text) if one.strip()]
        sentences = self._judged("", parts, sources)
        supported = [one.support for one in sentences]
        score = self._sure(float(np.mean(supported)) if supported else 0.0, sources)
        found = bool(text) and score >= self.threshold
        return Answer(
            question,
            text if found else "",
            score,
            found,
            tuple(sources),
            sentences if found else (),
            text,
        )

    def _prompt(self, question: str, sources: Sequence[Found]) -> dict[str, str]:
        """The row of a question with passages, for a run that writes."""
        numbered = [f"[{at}] {one.passage.text}" for at, one in enumerate(sources, 1)]
        row = {"text": question, "context": "\n\n".join(numbered)}
        roles = self.model.row_reader.roles
        if "context" not in roles:  # a run that was trained without passages gets them in its text
            row = {roles[0]: f"{row['context']}\n\n{question}"}
        return row

    def _fitting(self, question: str, sources: Sequence[Found]) -> Sequence[Found]:
        """As many passages, the best first, as the network reads whole with the question; of a
        first one that is too long it reads a part."""
        model, count = self.model, len(sources)
        while count > 1:
            example = model.example(self._prompt(question, sources[:count]))
            examples = model.clean(list(model.task.read([example])))
            (ids,) = model.task.source_ids(
                model.task.prompts(examples, model.tokenizer), model.tokenizer
            )
            if len(ids) <= model.tokenizer.model_max_length:
                break
            count -= 1
        return sources[:count]

    def _judged(
        self, question: str, parts: Sequence[str], sources: Sequence[Found], source: int = -1
    ) -> tuple[Sentence, ...]:
        """Sentences with the passage that supports each best, or with this one.

        question: stands before a span that was read, which is no sentence by itself.
        """
        places = range(len(sources)) if source < 0 else range(source, source + 1)
        passages = [sources[at].passage.text for at in places]
        sentences = [f"{question} {part}".strip() if self.support else part for part in parts]
        pairs = [(passage, sentence) for sentence in sentences for passage in passages]
        supports = np.asarray((self.support or covered)(pairs)).reshape(len(parts), len(passages))
        limit = FOLLOWS if self.support else COVERED
        judged = []
        for part, row in zip(parts, supports, strict=True):
            best = int(np.argmax(row))
            judged.append(Sentence(part, places[best], float(row[best]), bool(row[best] >= limit)))
        return tuple(judged)


def covered(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The proportion of each sentence's words that stand in the passage.

    >>> covered([("It was built in 1889.", "built in 1889"), ("The hotel.", "the room")])
    [1.0, 0.5]
    """
    proportions = []
    for passage, sentence in pairs:
        wanted = set(words_of(sentence))
        proportions.append(len(wanted & set(words_of(passage))) / max(len(wanted), 1))
    return proportions
