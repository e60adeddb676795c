"""Tokenizers of a run, built once: building a large vocabulary takes seconds and hundreds of MB.

    with kept_tokenizers.sharing():  # a run, which loads its model several times
        ...

Inside, a tokenizer of files that were read before is a copy that shares the vocabulary with the
first one; its settings (length, sides, special tokens) are its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from weitiao.checkpoints import verify
from weitiao.core import fingerprint

# All that a tokenizer is read from; config.json names the class where nothing else does.
FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "config.json",
)  # fmt: skip

_kept: ContextVar[dict[str, Any] | None] = ContextVar("kept_tokenizers", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Keep tokenizers inside; where they are kept already, go on."""
    if _kept.get() is not None:
        yield
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def tokenizer_of(folder: Path, load: Callable[[], Any]) -> Any:
    """A copy of the tokenizer of these files, else what `load` gives."""
    kept = _kept.get()
    if kept is None or not (folder / FILES[0]).is_file():
        return load()
    there = [folder / name for name in FILES if (folder / name).is_file()]
    key = fingerprint.of_texts(*(f"{path.name}:{verify.sha256_of(path)}" for path in there))
    if key not in kept:
        kept[key] = load()
    return twin(kept[key])


def twin(tokenizer: Any) -> Any:
    """A copy with settings of its own and the same vocabulary."""
    made = copy.copy(tokenizer)
    made.__dict__ |= {
        name: copy.copy(value)
        for name, value in vars(made).items()
        if isinstance(value, (dict, list, set))
    }
    return made
