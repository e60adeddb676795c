"""Judge `ask` on labelled questions, and tune it: the weight of vectors, the "not found" score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from weitiao.api.ask import Asker, threshold_name
from weitiao.data.files.cells import cell_texts
from weitiao.data.files.open import open_source
from weitiao.data.rows import everything
from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list
from weitiao.labels.passages.golds import parse_answers
from weitiao.search.judging import DEPTHS, Question, judged, tuned_threshold

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
        golds = parse_answers(answers[at]) if answers else None
        known = tuple(answer for _start, answer in golds or () if answer.strip())
        rows.append(Question(text, known, passages[at] if passages else ""))
    return rows


def judge(asker: Asker, questions: Sequence[Question], tune: bool = False) -> dict[str, Any]:
    """Figures of the whole chain, see `weitiao.search.judging.judged`.

    tune: choose the weight of the vectors and the score of "not found" on these questions first,
    and keep both in the index. Then the figures are of the rows that chose: judge on others.
    """
    index, figures = asker.index, dict[str, Any]()
    if tune:
        if len(questions) < FEWEST:
            raise DataError(
                _(
                    "{count} questions are too few to tune by; label at least {fewest}.",
                    count=len(questions),
                    fewest=FEWEST,
                )
            )
        answered = [one for one in questions if one.answers or one.passage]
        if index.encoder is not None and answered:
            texts = [one.text for one in answered]
            figures["weight"] = index.tune(texts, lambda row, p: answered[row].is_right(p))
    if tune and asker.reader is not None:
        reader = replace(asker.reader, threshold=0.0)
        answers = [reader.answer(one.text, asker.search(one.text)) for one in questions]
        limit, curve = tuned_threshold(questions, answers)
        index.store.tell(threshold_name(reader.model), str(limit))
        asker = replace(asker, reader=replace(reader, threshold=limit))
        figures |= {"threshold": limit, "curve": curve}
    deep = [[one.passage for one in asker.search(q.text, max(DEPTHS))] for q in questions]
    answers = [asker(one.text) for one in questions]
    return {**judged(questions, answers, deep), **figures}
