"""Timestamps of cells as seconds since 1970: ISO 8601, and what spreadsheets and mails write.

A day that could be a month, as in 05/06/2024, is decided by the other cells of the column, and
asked for where none decides it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import mktime_tz, parsedate_tz

import numpy as np

from weitiao.errors import DataError
from weitiao.i18n.messages import _, name_list, plural

MOST_NAMED = 3  # rows, in a message
MILLISECONDS = 1e11  # numbers from here on are no seconds: those would be in the year 5138
_CHINESE = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*[日号])?\s*")
_CLOCK = re.compile(
    r"(\d{1,2})\s*[时時点:：]\s*(\d{1,2})\s*(?:分\s*)?(?:[:：]?\s*(\d{1,2})\s*秒?)?"
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?=$|[\sT])")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?=$|[\sT,])")


def times_of(cells: Sequence[str], places: Sequence[str], column: str) -> np.ndarray:
    """Seconds since 1970 (n,), float64; times without a zone are taken as UTC.

    places: the rows' ids, for messages. Raises DataError for cells that are no time, and where day
    and month cannot be told apart.

    >>> cells = ["1970-01-02", "1970年1月1日 0时1分", "1970/1/13"]
    >>> times_of(cells, ["a", "b", "c"], "day").tolist()
    [86400.0, 60.0, 1036800.0]
    """
    texts = [cell.strip() for cell in cells]
    day_first = _day_first(texts, column)
    times = np.array([_seconds(text, day_first) for text in texts], np.float64)
    if wrong := np.flatnonzero(np.isnan(times)).tolist():
        some = name_list((f"{places[at]}: {texts[at][:30]!r}" for at in wrong), MOST_NAMED)
        raise DataError(
            _(
                "column {column!r} of the role time: {cells} hold no date or time ({some}). Write "
                "2024-05-01 or 2024-05-01 12:30, or leave the role out for a random split.",
                column=column,
                cells=plural(len(wrong), "cell"),
                some=some,
            )
        )
    return times


def is_date(cell: str) -> bool:
    """Whether a cell is a date, maybe with a time, in one of the forms that `times_of` reads; a
    number of seconds is not told from other numbers.

    >>> is_date("2024-05-01 12:30"), is_date("1.12.2024"), is_date("2024 was good"), is_date("1.5")
    (True, True, False, False)
    """
    text = cell.strip()
    dated = text.startswith(tuple("0123456789")) and any(
        form.match(text) for form in (_YEAR_FIRST, _YEAR_LAST, _CHINESE)
    )
    return dated and not all(np.isnan(_seconds(text, day_first)) for day_first in (True, False))


def _day_first(texts: Sequence[str], column: str) -> bool:
    """Whether dates with the year at the end begin with the day."""
    pairs = [match.groups()[:2] for text in texts if (match := _YEAR_LAST.match(text))]
    if not pairs:
        return False
    first, second = (max(int(pair[at]) for pair in pairs) for at in (0, 1))
    if (first > 12) != (second > 12):
        return first > 12
    example = next(text for text in texts if _YEAR_LAST.match(text))
    raise DataError(
        _(
            "column {column!r} of the role time: is {example!r} the day first, or the month? Write "
            "the year first: 2024-05-01.",
            column=column,
            example=example[:30],
        )
    )


def _seconds(text: str, day_first: bool) -> float:
    """Seconds of a cell; NaN where it holds no time."""
    if not text:
        return float("nan")
    if (number := _number(text)) is not None:
        return number
    text = _CHINESE.sub(lambda one: f"{one[1]}-{one[2]}-{one[3] or 1} ", text).strip()
    if match := _YEAR_LAST.match(text):
        first, second, year = match.groups()
        day, month = (first, second) if day_first else (second, first)
        text = f"{year}-{month}-{day}{text[match.end() :].replace(',', '')}"
    if match := _YEAR_FIRST.match(text):
        year, month, one = match.groups()
        text = f"{year}-{int(month):02}-{int(one or 1):02}{_clock(text[match.end() :])}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        parsed = parsedate_tz(text)  # RFC 2822: Mon, 06 May 2024 12:30:00 +0200
        try:
            return float(mktime_tz(parsed)) if parsed and parsed[0] > 31 else float("nan")
        except (ValueError, OverflowError, TypeError):
            return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _clock(text: str) -> str:
    """What follows a date, with two digits for each part of the time of day."""
    text = text.strip().removeprefix("T").strip()
    if not (match := _CLOCK.match(text)):
        return f" {text}" if text else ""
    hour, minute, second = (int(part or 0) for part in match.groups())
    return f" {hour:02}:{minute:02}:{second:02}{text[match.end() :].replace(' ', '')}"


def _number(text: str) -> float | None:
    """Seconds or milliseconds since 1970, a year, or 20240501; None for other texts."""
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return None
    if re.fullmatch(r"(19|20)\d\d", text):
        return datetime(int(text), 1, 1, tzinfo=UTC).timestamp()
    if re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", text):
        try:
            return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).timestamp()
        except ValueError:
            return float("nan")
    number = float(text)
    return number / 1000 if number >= MILLISECONDS else number
