"""Parsing and formatting of sizes ("5GB"), ages ("30d") and metric values."""

from __future__ import annotations

import math
import re

from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _, plural

SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
UNDEFINED = "—"  # a figure that has no value, e.g. the precision of a label never predicted
DAYS = {"": 1.0, "h": 1 / 24, "d": 1.0, "w": 7.0}


def bytes_of(text: str, name: str) -> int:
    """Parse a size to bytes. Raises WeitiaoError naming `name`, the option or variable.

    >>> bytes_of("1.5 GB", "--keep"), bytes_of("800m", "--keep")
    (1500000000, 800000000)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?b?)", text.strip().lower(), re.ASCII)
    if not match:
        raise WeitiaoError(
            _("{name}: {text!r} is not a size; write 5GB or 500MB.", name=name, text=text)
        )
    # Powers of 1000, as in disk sizes and in `shown`; "800m" is short for 800mb.
    unit = match[2] if match[2] in SIZES else f"{match[2]}b"
    return int(float(match[1]) * SIZES[unit])


def shown(count: float) -> str:
    """Format a size in bytes for display.

    >>> shown(904), shown(1_500_000)
    ('904 bytes', '1.5 MB')
    """
    from rich.filesize import decimal

    return plural(int(count), "byte") if count < SIZES["kb"] else decimal(int(count))


def score(value: float, decimals: int) -> str:
    """Format a metric with fixed decimals; large values with one, tiny ones by three digits.

    >>> score(0.5, 4), score(1234.5, 4), score(2.363e-10, 4)
    ('0.5000', '1,234.5', '2.36e-10')
    """
    if math.isnan(value):
        return UNDEFINED
    if value and abs(value) < 0.5 * 10**-decimals:  # it would be shown as 0
        return f"{value:.2e}"
    return f"{value:.{decimals}f}" if abs(value) < 100 else f"{value:,.1f}"


def seconds_old(text: str, name: str) -> float:
    """Parse an age to seconds; a plain number is days. Raises WeitiaoError naming `name`.

    >>> seconds_old("2d", "--older") == seconds_old("48h", "--older") == seconds_old("2", "--older")
    True
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hdw]?)", text.strip().lower(), re.ASCII)
    if not match:
        raise WeitiaoError(
            _("{name}: {text!r} is not an age; write 30d, 12h or 4w.", name=name, text=text)
        )
    return float(match[1]) * DAYS[match[2]] * 86_400
