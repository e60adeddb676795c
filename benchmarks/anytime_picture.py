"""The picture of anytime.py: the mean score of each contender over seconds, for each size.

One panel for each number of rows; seconds on a logarithmic axis. Only sets that all points of a
panel have are in its means, so the points are comparable. Legible on light and dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 900, 404
LEFT, TOP, BOTTOM, GAP = 56, 56, 300, 44
LEGEND = BOTTOM + 48
LATIN_WIDTH, HAN_WIDTH = 6.0, 11.0  # of a letter of small text, in pixels
TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)  # seconds
LINES = {  # contender -> class, name in English, in Chinese
    "weitiao warm": ("ours", "weitiao", "weitiao"),
    "weitiao cold": ("cold", "weitiao, empty cache", "weitiao（缓存为空）"),
    "trainer": ("trainer", "Hugging Face Trainer", "Hugging Face Trainer"),
    "tfidf_linear": ("tfidf", "TF-IDF + linear", "TF-IDF + 线性模型"),
    "frozen_linear": ("frozen", "frozen encoder + linear", "冻结编码器 + 线性模型"),
}
LINEAR = ("tfidf_linear", "frozen_linear")
AXES = "mean score x 100 over seconds of the whole process · 平均得分（×100）与整个进程的秒数"

STYLE = """
  .paper { fill: #ffffff } .axis { stroke: #8a8a80 } .grid { stroke: #e4e4df }
  text { font-family: "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
         fill: #1d2733; font-size: 14px }
  .small { font-size: 11px; fill: #5a6675 }
  .line { fill: none; stroke-width: 2.2 }
  .ours { stroke: #1f5fbf } .ours.dot { fill: #1f5fbf } .cold { stroke: #6d9be0; stroke-dasharray: 5 4 }
  .cold.dot { fill: #6d9be0 } .trainer { stroke: #b4541a } .trainer.dot { fill: #b4541a }
  .tfidf { stroke: #5a6675 } .tfidf.dot { fill: #5a6675 } .frozen { stroke: #2c7a3f }
  .frozen.dot { fill: #2c7a3f } .dot { stroke: none }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #10151c } .axis { stroke: #8d9199 } .grid { stroke: #232b36 }
    text { fill: #e8edf3 } .small { fill: #a3afbd }
    .ours { stroke: #6ea8ff } .ours.dot { fill: #6ea8ff } .cold { stroke: #4f78b8 }
    .cold.dot { fill: #4f78b8 } .trainer { stroke: #f0975a } .trainer.dot { fill: #f0975a }
    .tfidf { stroke: #a3afbd } .tfidf.dot { fill: #a3afbd } .frozen { stroke: #6cc985 }
    .frozen.dot { fill: #6cc985 } .dot { stroke: none }
  }
"""  # noqa: E501


@dataclass(frozen=True)
class Panel:
    """Points (seconds, score x 100) of each contender, in the order of seconds, and how many sets
    are behind each."""

    rows: int
    sets: int
    points: dict[str, list[tuple[float, float]]]


def drawn(records: Sequence[Mapping[str, Any]]) -> str:
    """The SVG of these records (one a cell, with a score)."""
    panels = [panel for size in sorted({r["rows"] for r in records})
              if (panel := panel_of(records, size)) is not None]  # fmt: skip
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>weitiao: score over seconds</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
    ]
    every = [point for panel in panels for points in panel.points.values() for point in points]
    if every:
        width = (WIDTH - LEFT - 24 - GAP * (len(panels) - 1)) / len(panels)
        for number, panel in enumerate(panels):
            parts.append(_panel(panel, LEFT + number * (width + GAP), width, every))
        parts.append(_legend({name for panel in panels for name in panel.points}))
    parts.append(f'<text class="small" x="{LEFT}" y="{HEIGHT - 14}">{AXES}</text>')
    return "\n".join([*parts, "</svg>", ""])


def panel_of(records: Sequence[Mapping[str, Any]], rows: int) -> Panel | None:
    """Means over the sets that every point of weitiao and both linear models have.

    A point of another contender that lacks one of these sets is left out.
    """
    points: dict[tuple[str, str, float], dict[str, Mapping[str, Any]]] = {}
    for record in (one for one in records if one["rows"] == rows):
        name = str(record["contender"])
        if name == "trainer" and not record["budget"]:
            continue  # the epochs of its example: no point of a line over budgets
        name = f"{name} {record['state']}" if name == "weitiao" else name
        key = (name, str(record["state"]), record["budget"])
        points.setdefault(key, {})[record["set"]] = record
    # A budget that few sets have yet must not take the others out of all means.
    most = max((len(sets) for (name, *_), sets in points.items() if name == "weitiao warm"),
               default=0)  # fmt: skip
    leading = [
        set(sets)
        for (name, *_), sets in points.items()
        if (name == "weitiao warm" and 2 * len(sets) > most) or name == "frozen_linear"
    ]
    common = set.intersection(*leading) if leading and most else set()
    if not common:
        return None
    lines: dict[str, list[tuple[float, float]]] = {}
    for (name, *_), sets in points.items():
        if common <= set(sets):
            seconds = sum(sets[one]["seconds"] for one in common) / len(common)
            score = 100 * sum(sets[one]["score"] for one in common) / len(common)
            lines.setdefault(name, []).append((seconds, score))
    return Panel(rows, len(common), {name: sorted(line) for name, line in lines.items()})


def _panel(panel: Panel, left: float, width: float, every: Sequence[tuple[float, float]]) -> str:
    first = math.log(min(seconds for seconds, _ in every) * 0.85)
    last = math.log(max(seconds for seconds, _ in every) * 1.15)
    low = math.floor(min(score for _, score in every) / 5) * 5
    high = max(math.ceil(max(score for _, score in every) / 5) * 5, low + 5)

    def x(seconds: float) -> float:
        return left + width * (math.log(seconds) - first) / (last - first)

    def y(score: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (score - low) / (high - low)

    parts = [f'<text x="{left:.0f}" y="{TOP - 32}">{panel.rows:,} rows · {panel.rows:,} 行</text>',
             f'<text class="small" x="{left:.0f}" y="{TOP - 14}">{panel.sets} sets · '
             f"{panel.sets} 个数据集</text>"]  # fmt: skip
    step = 5 if high - low <= 40 else 10
    for score in range(low, high + 1, step):
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{left + width:.1f}" '
                     f'y1="{y(score):.1f}" y2="{y(score):.1f}"/>'
                     f'<text class="small" x="{left - 6:.1f}" y="{y(score) + 4:.1f}" '
                     f'text-anchor="end">{score}</text>')  # fmt: skip
    for tick in TICKS:
        if first <= math.log(tick) <= last:
            parts.append(f'<line class="axis" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{BOTTOM}" '
                         f'y2="{BOTTOM + 4}"/><text class="small" x="{x(tick):.1f}" '
                         f'y="{BOTTOM + 17}" text-anchor="middle">{tick} s</text>')  # fmt: skip
    parts.append(f'<line class="axis" x1="{left:.1f}" x2="{left + width:.1f}" y1="{BOTTOM}" '
                 f'y2="{BOTTOM}"/>')  # fmt: skip
    for name, (kind, *_) in LINES.items():
        points = panel.points.get(name, [])
        places = [(x(seconds), y(score)) for seconds, score in points]
        if name in LINEAR:  # what is reached stays: the line goes on to the right edge
            places = [*places, *((left + width, at) for _, at in places)]
        if len(places) > 1:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
            parts.append(f'<polyline class="line {kind}" points="{path}"/>')
        parts += [f'<circle class="dot {kind}" cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>'
                  for a, b in places[: len(points)]]  # fmt: skip
    return "\n".join(parts)


def _legend(names: set[str]) -> str:
    """The lines in a row, with their names in English and below in Chinese."""
    parts, at = [], float(LEFT)
    for name, (kind, english, chinese) in LINES.items():
        if name not in names:
            continue
        parts += [
            f'<line class="line {kind}" x1="{at:.0f}" x2="{at + 22:.0f}" y1="{LEGEND}" '
            f'y2="{LEGEND}"/>',
            f'<text class="small" x="{at + 28:.0f}" y="{LEGEND + 4}">{english}</text>',
        ]
        if chinese != english:
            parts.append(
                f'<text class="small" x="{at + 28:.0f}" y="{LEGEND + 20}">{chinese}</text>'
            )
        at += 28 + max(width_of(english), width_of(chinese)) + 18
    return "\n".join(parts)


def width_of(text: str) -> float:
    """Estimated width of small text in pixels."""
    return sum(HAN_WIDTH if ord(sign) > 0x2E7F else LATIN_WIDTH for sign in text)
