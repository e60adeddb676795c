"""Draw docs/rooms.svg: the folders of the package by layer, their sizes, and the main imports.

    python dev/draw_rooms.py

Layers come from [tool.importlinter] in pyproject.toml, sizes and imports from the source.
"""

import ast
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "weitiao"
PICTURE = ROOT / "docs" / "rooms.svg"

# Where a room stands in its row, by subject. A room without an entry is as wide as the picture:
# those above use nearly all rooms, those below are used by nearly all.
DATA, LEARNING, EVALUATION, RESULTS = 120, 340, 560, 780
COLUMNS = {
    "planning": DATA, "data": DATA, "labels": DATA,
    "training": LEARNING, "model": LEARNING, "checkpoints": LEARNING, "losses": LEARNING,
    "search": EVALUATION, "evaluation": EVALUATION, "tasks": EVALUATION, "parts": EVALUATION,
    "reporting": RESULTS, "results": RESULTS, "hardware": RESULTS, "run": RESULTS,
    "planfile": RESULTS,
}  # fmt: skip
WIDTH, BOX, HEIGHT, TOP = 900, 180, 40, 24
CLOSE, APART = 50, 72  # from a row of wide boxes to the next row, and from one with arrows
ARROWS_PER_ROOM, LEAST_IMPORTS = 3, 8
LEGEND = (
    "Numbers and bars: lines of source. Arrows: the most frequent imports between the rooms in the "
    "middle.",
    "数字和横条：源代码行数。箭头：中间各文件夹之间最主要的导入关系。",
)

STYLE = """
  .paper { fill: #ffffff } .box { fill: #eef3fa; stroke: #4a6fa5 } .base { fill: #f1f1ee; stroke: #8a8a80 }
  .size { fill: #4a6fa5 } .road { fill: none; stroke: #9db4d3 } .tip { fill: #9db4d3 }
  text { font-family: "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
         fill: #1d2733; font-size: 14px }
  .small { font-size: 11px; fill: #5a6675 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #10151c } .box { fill: #1c2a3d; stroke: #7fa3d6 } .base { fill: #22252a; stroke: #8d9199 }
    .size { fill: #7fa3d6 } .road { stroke: #4d6a94 } .tip { fill: #4d6a94 }
    text { fill: #e8edf3 } .small { fill: #a3afbd }
  }
"""  # noqa: E501


def layers() -> list[list[str]]:
    """The rooms of each layer, the uppermost layer first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    return [[name.strip().removeprefix("weitiao.") for name in layer.split("|")]
            for layer in contract["layers"]]  # fmt: skip


def measured() -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Lines of each room, and from how many modules one room imports another."""
    lines: Counter[str] = Counter()
    imports: Counter[tuple[str, str]] = Counter()
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        text = path.read_text(encoding="utf-8")
        lines[room] += len(text.splitlines())
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("weitiao."):
                imports[room, node.module.split(".")[1]] += 1
    return lines, imports


def roads(imports: Counter[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """The most frequent imports of each room, without those of plan, run and parts."""
    taken: Counter[str] = Counter()
    chosen = []
    for (room, other), count in imports.most_common():
        inside = room != other and {room, other} <= COLUMNS.keys() - {"parts", "planfile", "run"}
        if inside and count >= LEAST_IMPORTS and taken[room] < ARROWS_PER_ROOM:
            taken[room] += 1
            chosen.append((room, other, count))
    return chosen


def drawn() -> str:
    """The whole picture."""
    lines, imports = measured()
    places = places_of(layers())
    most = max(lines[room] for room in places)
    height = max(y for _, y, _ in places.values()) + HEIGHT + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>weitiao: rooms by layer</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    arrows = roads(imports)
    parts += [_arrow(places, arrows, one) for one in arrows]
    for level, row in enumerate(layers()):
        parts += [_box(room, level, places[room], lines[room], lines[room] / most) for room in row]
    for line, text in enumerate(LEGEND):
        y = height - 38 + 20 * line
        parts.append(f'<text class="small" x="{DATA - BOX // 2}" y="{y}">{text}</text>')
    return "\n".join([*parts, "</svg>", ""])


def places_of(rows: list[list[str]]) -> dict[str, tuple[int, int, int]]:
    """The middle, upper edge and width of each box."""
    full = WIDTH - 2 * (DATA - BOX // 2)
    places = {}
    y = TOP
    for row in rows:
        wide = [room for room in row if room not in COLUMNS]
        for place, room in enumerate(wide):
            width = (full - 20 * (len(wide) - 1)) // len(wide)
            left = (WIDTH - full) // 2 + place * (width + 20)
            places[room] = left + width // 2, y, width
        for room in row:
            if room in COLUMNS:
                places[room] = COLUMNS[room], y, BOX
        y += APART if COLUMNS.keys() & set(row) else CLOSE
    return places


def _box(room: str, level: int, place: tuple[int, int, int], lines: int, share: float) -> str:
    middle, y, width = place
    x = middle - width // 2
    kind = "box" if room in COLUMNS else "base"
    bar = max(2, round((BOX - 16) * share))
    return (
        f'<g data-room="{room}" data-layer="{level}">'
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{x + 10}" y="{y + 22}">{room}</text>'
        f'<text class="small" x="{x + width - 10}" y="{y + 22}" text-anchor="end">{lines:,}</text>'
        f'<rect class="size" x="{x + 8}" y="{y + 31}" width="{bar}" height="3"/></g>'
    )


def _arrow(
    places: dict[str, tuple[int, int, int]],
    arrows: list[tuple[str, str, int]],
    arrow: tuple[str, str, int],
) -> str:
    """A curve from the lower edge of a room to the upper edge of the one it imports."""
    room, other, count = arrow
    going = sorted((places[b][0], -places[b][1], b) for a, b, _ in arrows if a == room)
    coming = sorted((places[a][0], places[a][1], a) for a, b, _ in arrows if b == other)
    # Ends are spread over the edge in the order of the rooms they lead to, so that few cross.
    out = [b for *_, b in going].index(other) + 1
    into = [a for *_, a in coming].index(room) + 1
    x1 = places[room][0] - BOX / 2 + BOX * out / (len(going) + 1)
    x2 = places[other][0] - BOX / 2 + BOX * into / (len(coming) + 1)
    y1, y2 = places[room][1] + HEIGHT, places[other][1] - 7
    bend = max(16, (y2 - y1) / 2)
    blocked = any(
        places[one][0] == places[room][0] == places[other][0] and y1 < places[one][1] < y2
        for one in COLUMNS
    )
    gap = BOX * 0.9 if blocked else 0  # round the box in between, which would hide the line
    curve = (
        f"M{x1:.0f},{y1} C{x1 + gap:.0f},{y1 + bend:.0f} "
        f"{x2 + gap:.0f},{y2 - bend:.0f} {x2:.0f},{y2}"
    )
    return (
        f'<path class="road" stroke-width="{1 + min(count, 30) / 8:.1f}" d="{curve}"/>'
        f'<path class="tip" d="M{x2 - 5:.0f},{y2 - 1} h10 l-5,8 z"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
