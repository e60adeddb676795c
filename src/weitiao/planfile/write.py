"""YAML writer of plans."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from weitiao.errors import PlanError
from weitiao.i18n.messages import Message, _
from weitiao.i18n.system import said
from weitiao.planfile import yaml_hints
from weitiao.planfile.read import written_in
from weitiao.version import __version__


def write(path: str | Path, text: str, schema: str | None = None) -> None:
    """Write the text of a plan below a line with our version.

    schema: path of the JSON Schema, for the editor's modeline. Raises PlanError.
    """
    try:
        Path(path).write_text(heading(schema) + text, encoding="utf-8")
    except OSError as error:
        message = _("it cannot be written: {reason}.", reason=said(error))
        raise PlanError([message], str(path)) from None


def heading(schema: str | None = None) -> str:
    """The first lines of a plan file."""
    made = _("A plan of weitiao {version}.", version=__version__)
    return f"# {made}\n" + (f"# yaml-language-server: $schema={schema}\n" if schema else "")


def dump(raw: Mapping[str, Any], short: bool = False) -> str:
    """Serialize plain values to YAML. short: each setting on one line."""
    # The width: folded lines of a long text are hard to edit, and a break inside one is a blank.
    yaml = YAML(typ="rt")
    yaml.Emitter = _Emitter
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    root = _styled(raw, "", short)
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _is_one_line(raw: Mapping[str, Any], path: str, depth: int) -> bool:
    """Whether a mapping of a short plan stands on one line; what was measured is for people."""
    if path in ("expect", "expect.phases"):
        return "phases" not in raw and path == "expect"
    return depth > 1 or path in ("why", "task")


def with_comments(text: str, comments: Mapping[str, str]) -> str:
    """Put a comment behind the settings at these dotted paths."""
    lines = text.split("\n")
    places = written_in(text, "").lines
    for path, comment in comments.items():
        lines[places[path] - 1] += f"  # {comment}"
    return "\n".join(lines)


class _Emitter(Emitter):
    """Emitter that escapes line breaks and the like by their numbers (\\x0a).

    The reader takes "\\n" in a path for a backslash of Windows (see `yaml_hints.odd`).
    """

    ESCAPE_REPLACEMENTS = {'"': '"', "\\": "\\"}


def _styled(raw: Any, path: str, short: bool) -> Any:
    if isinstance(raw, Mapping):
        node = CommentedMap()
        # One line: of a short plan all but the sections, else what is for programs.
        depth = path.count(".") + bool(path)
        if not raw or (short and _is_one_line(raw, path, depth)):
            node.fa.set_flow_style()
        for key, value in raw.items():
            inner = f"{path}.{key}" if path else str(key)
            node[key] = _styled(value, inner, short)
            if key == "messages" and path.startswith("why."):
                node[key].fa.set_flow_style()
        return node
    if isinstance(raw, (list, tuple)):
        sequence = CommentedSeq([_styled(v, f"{path}.{i}", short) for i, v in enumerate(raw)])
        sequence.fa.set_flow_style()
        return sequence
    if isinstance(raw, str) and (
        yaml_hints.needs_quotes(raw)
        or raw.startswith("?")  # in a list ruamel writes it as it is, and reads it as a key
        or not all(c.isprintable() or c == "\n" for c in raw)
    ):
        return DoubleQuotedScalarString(raw)  # escapes what else is read as another character
    return str(raw) if isinstance(raw, Message) else raw
