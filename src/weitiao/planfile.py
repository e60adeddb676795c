"""The YAML file of a plan: read with line numbers, written with the reasons as comments.

YAML 1.2 by ruamel: `3e-5` is a number and `no` is a word, unlike in PyYAML.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from weitiao.errors import PlanError

MAX_BYTES = 1_000_000
WIDTH = 100


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Plain values, and the line (from 1) at which each dotted path stands.

    Raises PlanError when the file is missing, too large, not UTF-8 or not a YAML mapping.
    """
    file = Path(path)
    if not file.is_file():
        raise PlanError(
            [f"no such file. `weitiao plan ROWS.csv -o {file.name}` writes one."], str(path)
        )
    if file.stat().st_size > MAX_BYTES:
        raise PlanError(["larger than 1 MB: this is no plan."], str(path))
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError([f"not UTF-8 (byte {error.start}): save it as UTF-8."], str(path)) from None
    raw, lines = parse(text, str(path))
    if not isinstance(raw, dict):
        raise PlanError(["a plan is a mapping: task, data, model, train, ..."], str(path))
    return raw, lines


def parse(text: str, source: str = "") -> tuple[Any, dict[str, int]]:
    """The value of a YAML text and its lines. Raises PlanError at the place that is wrong."""
    yaml = YAML(typ="rt")
    yaml.allow_duplicate_keys = False
    try:
        node = yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        what = getattr(error, "problem", None) or "not YAML"
        raise PlanError([f"{where}{what}."], source) from None
    lines: dict[str, int] = {}
    return _plain(node, "", lines, 0), lines


def _plain(node: Any, path: str, lines: dict[str, int], depth: int) -> Any:
    if depth > 20 or len(lines) > 20_000:
        raise PlanError(["nested too deeply for a plan (an anchor that repeats itself?)."])
    tag = getattr(node, "tag", None)
    if tag is not None and getattr(tag, "value", None) and str(tag.value).startswith("!"):
        raise PlanError([f"{path or 'top'}: the tag {tag.value} is not allowed in a plan."])
    if isinstance(node, CommentedMap):
        plain = {}
        for key, value in node.items():
            inner = f"{path}.{key}" if path else str(key)
            lines[inner] = node.lc.key(key)[0] + 1 if key in (node.lc.data or {}) else 0
            plain[str(key)] = _plain(value, inner, lines, depth + 1)
        return plain
    if isinstance(node, CommentedSeq):
        return [_plain(value, f"{path}.{i}", lines, depth + 1) for i, value in enumerate(node)]
    for kind in (bool, int, float, str):  # ruamel's own scalar types keep their spelling
        if isinstance(node, kind):
            return kind(node)
    return node


def write(path: str | Path, raw: Mapping[str, Any], comments: Mapping[str, str]) -> None:
    """Write plain values as YAML; `comments` maps dotted paths to the text beside the value."""
    Path(path).write_text(dump(raw, comments), encoding="utf-8")


def dump(raw: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """The YAML text of plain values, comments above the values they speak of."""
    yaml = YAML(typ="rt")
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    root = _commented(raw, "", comments, 0)
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _commented(raw: Any, path: str, comments: Mapping[str, str], indent: int) -> Any:
    if isinstance(raw, Mapping):
        node = CommentedMap()
        if not raw:
            node.fa.set_flow_style()
        for key, value in raw.items():
            inner = f"{path}.{key}" if path else str(key)
            node[key] = _commented(value, inner, comments, indent + 2)
            if inner in comments:
                node.yaml_set_comment_before_after_key(key, comments[inner], indent=indent)
        return node
    if isinstance(raw, (list, tuple)):
        sequence = CommentedSeq(
            [_commented(v, f"{path}.{i}", comments, indent) for i, v in enumerate(raw)]
        )
        sequence.fa.set_flow_style()
        return sequence
    return raw
