"""SQuAD's json, 1.1 and 2.0, as CMRC 2018 and XQuAD use it too: a row for each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from weitiao.data.files import encoding
from weitiao.data.files.bad_rows import Bad
from weitiao.data.files.values import TEXT
from weitiao.data.readers.base import Numbered, Reader, Reading, batched
from weitiao.errors import DataError
from weitiao.i18n.messages import _

COLUMNS = ("id", "article", "context", "question", "answers")


class Squad(Reader):
    """Articles with paragraphs with questions, {"data": [{"paragraphs": [...]}]}: the columns id,
    article, context, question and answers.

    The id of a row is its question's place in the file, from 1. A file that ends in .json and is
    of this shape is read so by itself.
    """

    endings: ClassVar[tuple[str, ...]] = ()

    encoding: str | None = Field(None, description="utf-8, gbk, big5, utf-16, cp1252, ...")

    def read(self, path: Path) -> Reading:
        from weitiao.data.readers.json import value_of

        found = encoding.detect(path, self.encoding, "json")
        value = value_of(path, found)
        if not is_squad(value):
            raise DataError(
                _('{file}: not SQuAD\'s json: {{"data": [{{"paragraphs": [...]}}, ...]}} is '
                     "expected.", file=path.name)
            )  # fmt: skip
        return reading(value, tuple(found.notes))


def is_squad(value: Any) -> bool:
    """Whether JSON holds articles with paragraphs."""
    held = value.get("data") if isinstance(value, dict) else None
    return (
        isinstance(held, list) and bool(held) and isinstance(held[0], dict)
        and isinstance(held[0].get("paragraphs"), list)
    )  # fmt: skip


def reading(value: Mapping[str, Any], notes: tuple[str, ...]) -> Reading:
    """The questions of articles as rows."""
    return Reading(dict.fromkeys(COLUMNS, TEXT), batched(_rows(value["data"])), notes)


def _rows(articles: list[Any]) -> Iterator[Numbered | Bad]:
    titles = [str(one.get("title") or "") if isinstance(one, dict) else "" for one in articles]
    told = len({*titles} - {""}) > len(titles) / 2  # else they name nothing
    number = 0
    for place, article in enumerate(articles, 1):
        title = titles[place - 1] if told else ""
        for paragraph in _listed(article, "paragraphs"):
            for question in _listed(paragraph, "qas"):
                number += 1
                context = paragraph.get("context")
                if not isinstance(question, dict) or not isinstance(context, str):
                    yield Bad(number, _("no question with a context."), str(question)[:1000])
                    continue
                answers = question.get("answers")
                unanswered = question.get("is_impossible") is True
                yield (
                    number,
                    {
                        "id": question.get("id"),
                        "article": title or str(place),
                        "context": context,
                        "question": question.get("question"),
                        "answers": [] if unanswered else _plain(answers),
                    },
                )


def _listed(value: Any, key: str) -> list[Any]:
    held = value.get(key) if isinstance(value, dict) else None
    return held if isinstance(held, list) else []


def _plain(answers: Any) -> Any:
    """The answers with what is needed of them; None when there are none to learn from."""
    if not isinstance(answers, list):
        return answers
    return [
        {"text": one.get("text"), "answer_start": one.get("answer_start")}
        for one in answers
        if isinstance(one, dict) and isinstance(one.get("text"), str)
    ]
