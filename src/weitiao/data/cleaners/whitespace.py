"""Whitespace: runs become one space, none stands at the ends."""

from __future__ import annotations

import re

from pydantic import Field

from weitiao.data.cleaners.base import Cleaner


class Whitespace(Cleaner):
    """Blanks, tabs, line breaks and their wide and no-break kin become one plain space.

    When to use it: texts cut out of web pages or tables.
    """

    keep_lines: bool = Field(False, description="a run that holds a line break becomes one")

    def clean(self, text: str) -> tuple[str, list[int]]:
        cleaned: list[str] = []
        origins: list[int] = []
        for piece in re.finditer(r"\s+|\S+", text):
            if not piece[0].isspace():
                cleaned.append(piece[0])
                origins += range(piece.start(), piece.end())
            elif piece.start() > 0 and piece.end() < len(text):
                cleaned.append("\n" if self.keep_lines and "\n" in piece[0] else " ")
                origins.append(piece.start())
        return "".join(cleaned), origins
