"""Texts in a table, broken into lines as their language wants: Chinese has no blanks for it."""

from __future__ import annotations

from typing import Any

from rich.containers import Lines
from rich.text import Text

from weitiao.usage import cells, wrapped


class Prose(Text):
    """Rich takes a Chinese sentence for one long word, and cuts it off where the column ends."""

    def wrap(self, console: Any, width: int, **options: Any) -> Lines:
        lines = Lines()
        for told in self.plain.split("\n"):
            for line in wrapped(told, width) or [""]:
                text = Text(line, self.style)
                whole = cells(line) <= width
                lines.extend([text] if whole else text.wrap(console, width, overflow="fold"))
        lines.justify(console, width, options.get("justify") or "left", "fold")
        return lines
