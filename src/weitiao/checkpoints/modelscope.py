"""Checkpoints of ModelScope, `modelscope:owner/name`, downloaded by its own package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from weitiao.errors import ModelError
from weitiao.i18n.messages import _

PREFIX = "modelscope:"
# No code of the repository is wanted, and no weights of other frameworks.
FILES = ["*.json", "*.txt", "*.model", "*.spm", "*.safetensors", "README.md", "LICENSE*"]


def folder_of(name: str) -> Path:
    """The local folder of `modelscope:owner/name`. Raises ModelError."""
    repository = name.removeprefix(PREFIX)
    if importlib.util.find_spec("modelscope") is None:
        raise ModelError(
            _(
                "{name}: this needs a package more: pip install modelscope. Or download it by hand "
                "and name the folder.",
                name=name,
            )
        )
    from modelscope import snapshot_download  # type: ignore[import-not-found]

    try:
        return Path(snapshot_download(repository, allow_patterns=FILES))
    except Exception as error:  # each version raises others
        raise ModelError(
            _("{name}: ModelScope does not give it ({error}).", name=name, error=str(error)[:200])
        ) from None
