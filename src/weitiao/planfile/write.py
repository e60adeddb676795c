"""YAML writer of plans: the values, with the reasons as comments above them."""

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
from weitiao.version import __version__


def write(
    path: str | Path, raw: Mapping[str, Any], comments: Mapping[str, str], schema: str | None = None
) -> None:
    """Write plain values as YAML; `comments` maps dotted paths to the comment above the value.

    schema: path of the JSON Schema, for the editor's modeline. Raises PlanError.
    """
    made = _("A plan of weitiao {version}.", version=__version__)
    head = f"# {made}\n" + (f"# yaml-language-server: $schema={schema}\n" if schema else "")
    try:
        Path(path).write_text(head + dump(raw, comments), encoding="utf-8")
    except OSError as error:
        message = _("it cannot be written: {reason}.", reason=said(error))
        raise PlanError([message], str(path)) from None


def dump(raw: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """Serialize plain values to YAML, with comments above the values."""
    # The width: folded lines of a long text are hard to edit, and a break inside one is a blank.
    yaml = YAML(typ="rt")
    yaml.Emitter = _Emitter
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    root = _commented(raw, "", comments, 0)
    out = io.StringIO()
    yaml.dump(root, out)
    return out.getvalue()


class _Emitter(Emitter):
    """Emitter that escapes line breaks and the like by their numbers (\\x0a).

    The reader takes "\\n" in a path for a backslash of Windows (see `yaml_hints.odd`).
    """

    ESCAPE_REPLACEMENTS = {'"': '"', "\\": "\\"}


def _commented(raw: Any, path: str, comments: Mapping[str, str], indent: int) -> Any:
    if isinstance(raw, Mapping):
        node = CommentedMap()
        if not raw:
            node.fa.set_flow_style()
        for key, value in raw.items():
            inner = f"{path}.{key}" if path else str(key)
            node[key] = _commented(value, inner, comments, indent + 2)
            if key == "messages" and path.startswith("why."):
                node[key].fa.set_flow_style()  # for programs: one line
            if inner in comments:
                comment = "".join(c if c.isprintable() else " " for c in comments[inner])
                node.yaml_set_comment_before_after_key(key, comment, indent=indent)
        return node
    if isinstance(raw, (list, tuple)):
        sequence = CommentedSeq(
            [_commented(v, f"{path}.{i}", comments, indent) for i, v in enumerate(raw)]
        )
        sequence.fa.set_flow_style()
        return sequence
    if isinstance(raw, str) and (
        yaml_hints.needs_quotes(raw)
        or raw.startswith("?")  # in a list ruamel writes it as it is, and reads it as a key
        or not all(c.isprintable() or c == "\n" for c in raw)
    ):
        return DoubleQuotedScalarString(raw)  # escapes what else is read as another character
    return str(raw) if isinstance(raw, Message) else raw
