"""Judge `ask` on labelled questions, and tune it: the weight of vectors, the "not found" score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from weitiao.api.ask import Asker
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.files.table import LINE, Source
from weitiao.data.rows import everything
from weitiao.errors import DataError, placed
from weitiao.i18n.messages import _, name_list
from weitiao.labels.passages.golds import is_printed_array, parse_answers
from weitiao.search.confidence import features, fitted
from weitiao.search.judging import DEPTHS, Question, judged, tuned_threshold
from weitiao.search.reading import Answer

QUESTIONS = ("question", "query", "text", "问题")
ANSWERS = ("answers", "answer", "target", "label", "答案")
PASSAGES = ("passage", "context", "positive", "document", "段落")
FEWEST = 20  # questions that a weight or a threshold is chosen by


def questions_in(path: str) -> list[Question]:
    """Questions with their right answers from a file: columns question and answers, and a passage
    where it is known. An empty answer, or [], is a question that the documents do not answer."""
    source = open_source(path)
    lower = {name.strip().lower(): name for name in source.columns}

    def column(names: Sequence[str]) -> list[str] | None:
        name = next((lower[one] for one in names if one in lower), None)
        if name is None:
            return None
        return cell_texts(source.table.column(name), everything(source.table))

    asked, answers, passages = column(QUESTIONS), column(ANSWERS), column(PASSAGES)
    if asked is None or (answers is None and passages is None):
        raise DataError(
            _(
                "{file}: questions are judged by the columns question and answers (or passage); it "
                "has {columns}.",
                file=source.name,
                columns=name_list(source.columns),
            )
        )
    rows = []
    for at, text in enumerate(asked):
        if not text.strip():
            continue
        known = None
        if answers:
            _check_answers(answers[at], source, at)
            known = tuple(one for _at, one in parse_answers(answers[at]) or () if one.strip())
        rows.append(Question(text, known, passages[at] if passages else ""))
    if not rows:
        raise DataError(_("{file}: no question here.", file=source.name))
    return rows


def _check_answers(cell: str, source: Source, row: int) -> None:
    """Raises DataError with the row where its answers are no list but what numpy prints."""
    if is_printed_array(cell):
        place = f"{source.name}:{source.table.column(LINE)[row]}"
        reason = _(
            '{cell!r} is an array as numpy prints it: write the answers as a list, ["Paris", '
            '"1889"].',
            cell=cell[:60],
        )
        raise DataError(placed(place, reason))


def judge(asker: Asker, questions: Sequence[Question], tune: bool = False) -> dict[str, Any]:
    """Figures of the whole chain, see `weitiao.search.judging.judged`.

    tune: choose the weight of the vectors and the score of "not found" on these questions first,
    and keep both in the index. Then the figures are of the rows that chose: judge on others.
    """
    chosen = dict[str, Any]()
    answered = [one for one in questions if one.answerable]
    weighs = tune and asker.index.encoder is not None and bool(answered)
    limits = tune and asker.reader is not None and all(one.answers is not None for one in questions)
    if tune:
        _check_tuning(asker, questions, weighs or limits)
    if weighs:
        texts = [one.text for one in answered]
        chosen["weight"] = asker.index.tune(texts, lambda row, p: answered[row].is_right(p))
    found = asker.search_all([one.text for one in questions], max(DEPTHS))
    passages = [[one.passage for one in row] for row in found]
    reader = asker.reading
    if reader is None:
        return {**judged(questions, passages), **chosen}
    if limits:
        reader = replace(reader, threshold=0.0, confidence=None)
    answers = _answers(reader, questions, found, asker.passages)
    if limits:
        rows = [features(one.score, one.sources) for one in answers]
        sure = fitted(rows, [one.answerable for one in questions])
        asker.index.store.tell(asker.confidence_name, sure.text() if sure else "")
        if sure:
            answers = [replace(one, score=sure.of(one.score, one.sources)) for one in answers]
        limit = tuned_threshold(questions, answers)
        asker.index.store.tell(asker.threshold_name, str(limit))
        chosen["threshold"] = limit
        answers = _answers(asker.reading, questions, found, asker.passages)
    return {**judged(questions, passages, answers), **chosen}


def _check_tuning(asker: Asker, questions: Sequence[Question], anything: bool) -> None:
    """Raises DataError where there is nothing to tune, or too little to tune it by."""
    if asker.threshold is not None:
        raise DataError(_("--tune chooses the threshold: leave out --threshold."))
    if not anything:
        raise DataError(
            _(
                "there is nothing to tune: a weight needs vectors (an encoder other than bm25) and "
                "questions with an answer, a threshold needs a run that answers and the column "
                "answers."
            )
        )
    if len(questions) < FEWEST:
        raise DataError(
            _(
                "{count} questions are too few to tune by; label at least {fewest}.",
                count=len(questions),
                fewest=FEWEST,
            )
        )


def _answers(reader: Any, questions: Sequence[Question], found: Any, most: int) -> list[Answer]:
    return [reader.answer(one.text, row[:most]) for one, row in zip(questions, found, strict=True)]
