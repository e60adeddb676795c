"""YAML reader of plans that records line numbers and spellings.

YAML 1.2 by ruamel: `3e-5` is a number and `no` is a word, unlike in PyYAML. Only the tree of nodes
is ruamel's; values are constructed here, so that no tag can run code, aliases are counted before
they are followed, and a label that looks like a number can stay a string.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from weitiao.core import dotted
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said
from weitiao.planfile import yaml_hints
from weitiao.version import __version__

MAX_BYTES = 1_000_000
MOST_VALUES = 20_000
MOST_LINES = 40_000  # with what commas separate: ruamel needs a second for ten thousand values
DEEPEST = 20
_CORE = "tag:yaml.org,2002:"
# Tags of scalars that stay strings in a plan: a date, "=" and "<<" mean nothing else here.
_TEXTS = {f"{_CORE}{name}" for name in ("str", "timestamp", "value", "merge")}
_TRUTH = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}


@dataclass
class Written:
    """A parsed YAML text: plain values, and for each dotted path its line and spelling."""

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)  # of numbers, truths and nothing
    text: str = ""
    # Of its YAML, by line; raised unless asked for.
    problems: list[tuple[int, str]] = field(default_factory=list)

    def word(self, path: str) -> str | None:
        """Spelling of a number or boolean at a path; of null only where a list holds it."""
        try:
            value = dotted.get(self.value, path)
        except KeyError:
            return None
        in_list = path.rpartition(".")[2].isdigit()
        if (value is None and not in_list) or isinstance(value, (str, list, dict)):
            return None
        return self.spelled.get(path) or (str(value) if type(value) is int else None)

    def hints(self, problems: list[str]) -> list[str]:
        """Problems, preceded by hints on usual YAML mistakes and on a newer version."""
        hints = _lined(yaml_hints.hints(self.text))
        made = re.match(r"#[^\n]*\bweitiao (\d+(?:\.\d+)+)", self.text)
        if made and _numbers(made[1]) > _numbers(__version__):
            message = _(
                "weitiao {theirs} wrote this plan, this is {ours}: update it to use all.",
                theirs=made[1],
                ours=__version__,
            )
            hints.append(message)
        return [*hints, *problems]


def read(path: str | Path, strict: bool = True) -> Written:
    """Read a plan's YAML file. Raises PlanError when missing, too large, not UTF-8, no mapping.

    strict: raise for values that YAML or we refuse, too; else they are the result's `problems`.
    """
    file = Path(path)
    text = _text_of(file)
    other = yaml_hints.other_format(file.name, text)
    if other:
        raise PlanError([other], str(path))
    if not re.sub(r"#.*", "", text).strip():
        message = _(
            "the file is empty: `weitiao plan ROWS.csv -o {name}` writes a plan.", name=file.name
        )
        raise PlanError([message], str(path))
    written = written_in(text, str(path), strict)
    if not isinstance(written.value, dict):
        message = _("line {line}: a plan is a mapping: task: ..., data: ..., model: ...", line=1)
        raise PlanError([*_lined(yaml_hints.hints(text)), message], str(path))
    return written


def _text_of(file: Path) -> str:
    if file.is_dir():
        message = _("this is a folder; give the plan's file, e.g. plan.yaml.")
        raise PlanError([message], str(file))
    if not file.is_file():
        message = _("no such file. `weitiao plan ROWS.csv -o {name}` writes one.", name=file.name)
        raise PlanError([message], str(file))
    try:
        if file.stat().st_size > MAX_BYTES and not file.name.lower().endswith(yaml_hints.ROWS):
            raise PlanError([_("larger than 1 MB: this is no plan.")], str(file))
        raw = file.read_bytes()[:MAX_BYTES]
    except OSError as error:
        message = _("it cannot be read: {reason}.", reason=said(error))
        raise PlanError([message], str(file)) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if file.name.lower().endswith(yaml_hints.ROWS):
            return ""
        line = raw[: error.start].count(b"\n") + 1
        encoding = yaml_hints.encoding_of(raw)
        message = (
            _(
                "line {line}: the file is written in {encoding}: save it as UTF-8 (in the editor: "
                "Save as, Encoding).",
                line=line,
                encoding=encoding,
            )
            if encoding
            else _("line {line}: not UTF-8: save it as UTF-8.", line=line)
        )
        raise PlanError([message], str(file)) from None


def parse(text: str, source: str = "") -> tuple[Any, dict[str, int]]:
    """Parse YAML: its value, and dotted path -> line (from 1). Raises PlanError with the line."""
    written = written_in(text, source)
    return written.value, written.lines


def written_in(text: str, source: str = "", strict: bool = True) -> Written:
    """Parse YAML with lines and spellings. Raises PlanError with the lines of all problems.

    strict: as for `read`.
    """
    # Checked before parsing: ruamel recurses at each level, and Python's recursion limit would be
    # reached inside it; the exact limit (DEEPEST) is checked on the nodes.
    if _depth(text) > 3 * DEEPEST:
        raise PlanError([_("nested too deeply for a plan.")], source)
    if text.count("\n") + text.count(",") > MOST_LINES:
        raise PlanError([_("too many values for a plan.")], source)
    if text.lstrip()[:1] == "{":  # JSON may be indented by tabs, YAML may not
        text = re.sub(r"^\t+", lambda tabs: "  " * len(tabs[0]), text, flags=re.MULTILINE)
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", YAMLWarning)
            root = yaml.compose(text)
    except YAMLError as error:
        line, message = yaml_hints.syntax_error(error, text)
        mended = None if strict else yaml_hints.without_escapes(text)
        if mended is not None and mended != text:  # C:\Users: the rest of the plan is read, too
            written = written_in(mended, source, strict)
            written.problems.insert(0, (line, _lined({line: message})[0]))
            return written
        by_line = {line: message} | yaml_hints.hints(text)
        raise PlanError(_lined(by_line), source) from None
    except RecursionError:
        raise PlanError([_("nested too deeply for a plan.")], source) from None
    except (ValueError, OverflowError):  # what ruamel makes of odd escapes
        message = _("a character that does not exist is written by its number.")
        raise PlanError([message], source) from None
    walk = _Walk(Written(text=text), source)
    if root is not None:
        walk.written.value = walk.plain(root, "", 0, False)
    if walk.problems and strict:
        raise PlanError([text for _line, text in walk.problems], source)
    walk.written.problems = walk.problems
    return walk.written


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _lined(by_line: dict[int, str]) -> list[str]:
    return [
        _("line {line}: {message}", line=line, message=message) if line else message
        for line, message in sorted(by_line.items())
    ]


def _depth(text: str) -> int:
    """Maximum nesting depth of brackets, without those in quotes and comments."""
    deepest = depth = 0
    for mark in re.findall(r"[\[{\]}]", re.sub(r"\"[^\"\n]*\"|'[^'\n]*'|#.*", "", text)):
        depth = depth + 1 if mark in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


@dataclass
class _Walk:
    """Constructs plain values from ruamel's nodes, with limits on depth and number.

    An alias is followed each time it stands, and counted each time: nested anchors ("billion
    laughs") reach MOST_VALUES instead of filling the memory.
    """

    written: Written
    source: str
    problems: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0

    def plain(self, node: Node, path: str, depth: int, flow: bool) -> Any:
        self.count += 1
        if depth > DEEPEST or self.count > MOST_VALUES:
            message = (
                _("nested too deeply for a plan (an anchor that repeats itself?)")
                if depth > DEEPEST
                else _("too many values for a plan (an anchor that repeats itself?)")
            )
            raise PlanError([self._at(path[:200], node, message)], self.source)
        tag = str(node.tag)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, flow)
        if tag not in (f"{_CORE}map", f"{_CORE}seq"):
            return self._wrong(path, node, _tag_error(tag))
        # Inside [ ] and { }, a full-width comma is most likely a slip; elsewhere it is prose.
        inside = flow or bool(getattr(node, "flow_style", False))
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth, inside)
        values = []
        for number, inner in enumerate(node.value):
            below = f"{path}.{number}"
            self.written.lines[below] = inner.start_mark.line + 1  # ruamel counts from 0
            values.append(self.plain(inner, below, depth + 1, inside))
        return values

    def _mapping(self, node: MappingNode, path: str, depth: int, flow: bool) -> dict[str, Any]:
        # Merge keys (<<): a mapping's own keys win over merged ones, an earlier merged mapping over
        # a later one, wherever << stands.
        plain: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines = self.written.lines
        for key, value in node.value:
            name = self._name(key, path)
            if key.tag == f"{_CORE}merge":
                self._merge(merged, self.plain(value, path, depth + 1, flow), path, key)
                continue
            inner = f"{path}.{name}" if path else name
            # YAML forbids equal keys, and parsers silently take the last one: a setting changed
            # in its first place would have no effect.
            if name in plain:
                message = _(
                    "{name} stands here a second time, first on line {line}.",
                    name=name,
                    line=lines[inner],
                )
                self._wrong(inner, key, message)
            lines[inner] = key.start_mark.line + 1
            plain[name] = self.plain(value, inner, depth + 1, flow)
        return {**merged, **plain}

    def _merge(self, merged: dict[str, Any], value: Any, path: str, key: Node) -> None:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                merged.update({k: v for k, v in one.items() if k not in merged})
            else:
                self._wrong(path, key, _("<< takes a mapping, e.g. <<: *name."))

    def _name(self, key: Node, path: str) -> str:
        if not isinstance(key, ScalarNode):
            self._wrong(path, key, _("a list or mapping cannot be a name."))
            return ""
        tag = str(key.tag)
        if not tag.startswith(_CORE) or tag.startswith(f"{_CORE}python"):
            self._wrong(path, key, _tag_error(tag))
        return str(key.value)

    def _scalar(self, node: ScalarNode, path: str, flow: bool) -> Any:
        tag, text = str(node.tag), str(node.value)
        if tag in _TEXTS:
            raw = self.written.text[node.start_mark.index : node.end_mark.index]
            message = yaml_hints.odd(text, node.style, path, flow, raw)
            # \udc80 to \udcff are how Python spells bytes of a file's name that are no text.
            halves = (
                "[\ud800-\udc7f\udd00-\udfff]" if path.startswith("data.") else "[\ud800-\udfff]"
            )
            if re.search(halves, text):
                message = _("holds half a character (a lone surrogate).")
            return self._wrong(path, node, message) if message else text
        maker: Any = _MAKERS.get(tag)
        if maker is None:
            return self._wrong(path, node, _tag_error(tag))
        try:
            value = maker(text)
        except (ValueError, KeyError):
            message = _("{value} is not what its form or tag says.", value=text[:40])
            return self._wrong(path, node, message)
        if text.strip():
            self.written.spelled[path] = text
        return value

    def _wrong(self, path: str, node: Node, message: str) -> None:
        self.problems.append((node.start_mark.line + 1, self._at(path, node, message)))

    def _at(self, path: str, node: Node, message: str) -> str:
        line = node.start_mark.line + 1
        if path:
            return _("line {line}, {path}: {message}", line=line, path=path, message=message)
        return _("line {line}: {message}", line=line, message=message)


def _tag_error(tag: str) -> str:
    return _("the tag {tag} is not allowed in a plan.", tag=tag.replace(_CORE, "!!"))


def _whole(text: str) -> int:
    plain = text.replace("_", "")
    # int(text, 0) would refuse 007, which YAML 1.2 reads as 7.
    return int(plain, 0) if re.match(r"[-+]?0[obx]", plain) else int(plain)


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    return float(plain.replace(".inf", "inf").replace(".nan", "nan"))


_MAKERS = {
    f"{_CORE}int": _whole,
    f"{_CORE}float": _float,
    f"{_CORE}bool": lambda text: _TRUTH[text.lower()],
    f"{_CORE}null": lambda text: None,
}
