"""What a sentence encoder was trained with: prefixes of its texts, and how tokens are pooled.

Its folder says so, in the files of sentence-transformers; where these are missing, E5 is known by
its name.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from weitiao.checkpoints.resolve import resolve
from weitiao.errors import WeitiaoError

PROMPTS, POOLING = "config_sentence_transformers.json", "1_Pooling/config.json"
# What people call the prompts of questions and of passages, in this order.
QUERY, PASSAGE = ("query", "queries"), ("passage", "document", "corpus")
MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "first",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
E5 = {"query_prefix": "query: ", "passage_prefix": "passage: "}
_E5 = re.compile(r"(?:^|[^a-z0-9])e5(?:$|[^a-z0-9])")


def prefixes(checkpoint: str) -> dict[str, str]:
    """Settings of the task retrieval that stand before questions and passages; {} where none are
    known."""
    prompts = _content(checkpoint, PROMPTS).get("prompts")
    known = prompts if isinstance(prompts, dict) else {}
    found = {"query_prefix": _first(known, QUERY), "passage_prefix": _first(known, PASSAGE)}
    if any(found.values()):
        return {name: prefix for name, prefix in found.items() if prefix}
    return dict(E5) if is_e5(checkpoint) else {}


def pooling(checkpoint: str) -> str:
    """first, mean, max or last, as the checkpoint was trained; "" where its folder does not say."""
    content = _content(checkpoint, POOLING)
    modes = [mode for name, mode in MODES.items() if content.get(name) is True]
    return modes[0] if len(modes) == 1 else ""


def is_e5(checkpoint: str) -> bool:
    """Whether the name is that of E5: by the last part of a path, or what the folder was made from.

    >>> is_e5("intfloat/multilingual-e5-small"), is_e5("/models/abe5"), is_e5("/e5/minilm-l6")
    (True, False, False)
    """
    names = [re.split(r"[/\\]", checkpoint.rstrip("/\\"))[-1]]
    if Path(checkpoint).is_dir():
        names.append(str(_content(checkpoint, "config.json").get("_name_or_path", "")))
    return any(_E5.search(name.lower()) for name in names)


def _first(prompts: dict[Any, Any], names: tuple[str, ...]) -> str:
    return next((str(prompts[name]) for name in names if prompts.get(name)), "")


def _content(checkpoint: str, name: str) -> dict[str, Any]:
    """A file of the checkpoint's folder, or of its cached copy of a hub; {} where there is none."""
    from huggingface_hub import try_to_load_from_cache

    try:
        source = resolve(checkpoint)
        place: Any = Path(source.path_or_name) / name
        if not Path(source.path_or_name).is_dir():
            place = try_to_load_from_cache(source.path_or_name, name, revision=source.revision)
        if not isinstance(place, str | Path):
            return {}
        content = json.loads(Path(place).read_text(encoding="utf-8"))
    except (WeitiaoError, OSError, ValueError):  # loading the checkpoint tells what is wrong
        return {}
    return content if isinstance(content, dict) else {}
