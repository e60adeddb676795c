"""The YAML file of a plan: read with line numbers, written with the reasons as comments.

YAML 1.2 by ruamel: `3e-5` is a number and `no` is a word, unlike in PyYAML.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError, YAMLWarning
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from weitiao.errors import PlanError

MAX_BYTES = 1_000_000
WIDTH = 100


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Plain values, and the line (from 1) at which each dotted path stands.

    Raises PlanError when the file is missing, too large, not UTF-8 or not a YAML mapping.
    """
    file = Path(path)
    if file.is_dir():
        raise PlanError(["this is a folder; give the plan's file, e.g. plan.yaml."], str(path))
    if not file.is_file():
        raise PlanError(
            [f"no such file. `weitiao plan ROWS.csv -o {file.name}` writes one."], str(path)
        )
    if file.stat().st_size > MAX_BYTES:
        raise PlanError(["larger than 1 MB: this is no plan."], str(path))
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PlanError([f"line {line}: not UTF-8: save it as UTF-8."], str(path)) from None
    except OSError as error:
        raise PlanError([f"it cannot be read: {error.strerror}."], str(path)) from None
    raw, lines = parse(text, str(path))
    if not isinstance(raw, dict):
        what = f"line 1: a plan is a mapping: task, data, model, train, ...{_wide_colon(text)}"
        raise PlanError([what], str(path))
    return raw, lines


def parse(text: str, source: str = "") -> tuple[Any, dict[str, int]]:
    """The value of a YAML text and its lines. Raises PlanError at the place that is wrong."""
    yaml = YAML(typ="rt")
    yaml.allow_duplicate_keys = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", YAMLWarning)
            node = yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = getattr(error, "position", None)  # of a character that YAML does not know
        line = mark.line + 1 if mark else text.count("\n", 0, at) + 1 if at is not None else None
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        where = f"line {line}: " if line else ""
        raise PlanError([f"{where}{what}.{_wide_colon(text)}"], source) from None
    except RecursionError:
        raise PlanError(["nested too deeply for a plan."], source) from None
    except (ValueError, KeyError, OverflowError) as error:  # what ruamel makes of odd scalars
        raise PlanError([f"a value is not what its form or tag says: {error}."], source) from None
    lines: dict[str, int] = {}
    try:
        return _plain(node, "", lines, 0), lines
    except PlanError as error:
        raise PlanError(error.problems, source) from None


def _wide_colon(text: str) -> str:
    """Where a Chinese keyboard left its own colon behind a name."""
    found = re.search(r"^\s*(?:- )?[\w.-]+：", text, re.MULTILINE)
    if not found:
        return ""
    line = text.count("\n", 0, found.end()) + 1
    return f" Line {line} has a full-width colon (：); YAML wants ': '."


def _plain(node: Any, path: str, lines: dict[str, int], depth: int) -> Any:
    where = f"line {lines[path]}, {path}" if lines.get(path) else path or "top"
    if depth > 20 or len(lines) > 20_000:
        what = "nested too deeply for a plan (an anchor that repeats itself?)"
        raise PlanError([f"{where[:200]}: {what}."])
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag and str(tag).startswith("!"):
        raise PlanError([f"{where}: the tag {tag} is not allowed in a plan."])
    if isinstance(node, CommentedMap):
        plain = {}
        for key, value in node.items():
            inner = f"{path}.{key}" if path else str(key)
            ours = key in (node.lc.data or {})  # not so for what an anchor merged in
            lines[inner] = node.lc.key(key)[0] + 1 if ours else lines.get(path, 1)
            plain[str(key)] = _plain(value, inner, lines, depth + 1)
        return plain
    if isinstance(node, CommentedSeq):
        values = []
        for i, value in enumerate(node):
            inner = f"{path}.{i}"
            lines[inner] = node.lc.item(i)[0] + 1 if i in (node.lc.data or {}) else 1
            values.append(_plain(value, inner, lines, depth + 1))
        return values
    return _scalar(node, where, tag)


def _scalar(node: Any, where: str, tag: str | None) -> Any:
    for kind in (bool, int, float, str):  # ruamel's own scalar types keep their spelling
        if isinstance(node, kind):
            if kind is str and re.search("[\ud800-\udfff]", str(node)):
                raise PlanError([f"{where}: holds half a character (a lone surrogate)."])
            return kind(node)
    if node is None:
        return None
    if isinstance(node, date):
        return node.isoformat()
    if tag == "tag:yaml.org,2002:value":  # a plain =, which YAML 1.1 gave a meaning
        return str(node.value)
    raise PlanError([f"{where}: {tag or type(node).__name__} has no place in a plan."])


def write(path: str | Path, raw: Mapping[str, Any], comments: Mapping[str, str]) -> None:
    """Write plain values as YAML; `comments` maps dotted paths to the text beside the value."""
    try:
        Path(path).write_text(dump(raw, comments), encoding="utf-8")
    except OSError as error:
        raise PlanError([f"it cannot be written: {error.strerror}."], str(path)) from None


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
                told = "".join(c if c.isprintable() else " " for c in comments[inner])
                node.yaml_set_comment_before_after_key(key, told, indent=indent)
        return node
    if isinstance(raw, (list, tuple)):
        sequence = CommentedSeq(
            [_commented(v, f"{path}.{i}", comments, indent) for i, v in enumerate(raw)]
        )
        sequence.fa.set_flow_style()
        return sequence
    if isinstance(raw, str) and not all(c.isprintable() or c == "\n" for c in raw):
        return DoubleQuotedScalarString(raw)  # escapes what else is read as another character
    return raw
