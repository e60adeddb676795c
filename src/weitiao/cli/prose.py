"""Line wrapping of table cells in Chinese. A file of its own: rich costs 20 ms at the start."""

from __future__ import annotations

from typing import Any

from rich.containers import Lines
from rich.text import Text

from weitiao.cli.help import cells, wrapped


class Prose(Text):
    """A rich Text wrapped by `wrapped`: rich takes a Chinese sentence for one word and cuts it."""

    def wrap(self, console: Any, width: int, **options: Any) -> Lines:
        lines = Lines()
        for paragraph in self.plain.split("\n"):
            for line in wrapped(paragraph, width) or [""]:
                text = Text(line, self.style)
                fits = cells(line) <= width
                lines.extend([text] if fits else text.wrap(console, width, overflow="fold"))
        lines.justify(console, width, options.get("justify") or "left", "fold")
        return lines
