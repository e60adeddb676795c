"""Turn a GGUF file of a decoder (llama.cpp's format, mostly quantised) into a folder that
`transformers` reads: plain fp32 weights, config and tokenizer.

transformers reads such a file, but cannot save what it has read: the config still says that it is
quantised. So the weights go into a fresh network of the same config without that.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from weitiao.core import disk
from weitiao.errors import ModelError
from weitiao.i18n.messages import _

MAGIC = b"GGUF"
VERSION = 2  # of the conversion; raised when it changes
NAME = "weights.gguf"  # how transformers gets to see the file


def write(path: Path, folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer of the file `path` into `folder`.

    Raises ModelError: no GGUF file, a damaged one, a family that transformers does not read so.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from weitiao.checkpoints.load import quiet, readable

    check(path)
    # Its bar is not one of transformers' own, which `quiet` takes away.
    with quiet(), readable(str(path)), redirect_stderr(io.StringIO()), _alone(path) as where:
        read = AutoModelForCausalLM.from_pretrained(
            where, gguf_file=NAME, dtype=torch.float32, trust_remote_code=False
        )
        told = read.config.to_dict()
        told.pop("quantization_config", None)
        config = type(read.config).from_dict(told)
        with torch.device("meta"):
            fresh = type(read)(config)
        fresh.load_state_dict(read.state_dict(), assign=True)
        fresh.tie_weights()
        fresh.save_pretrained(disk.plain(folder))
        tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=NAME, trust_remote_code=False)
        tokenizer.save_pretrained(disk.plain(folder))


@contextmanager
def _alone(path: Path) -> Iterator[str]:
    """A folder with nothing but the file in it, as NAME: what lies beside it has no say."""
    with TemporaryDirectory(prefix="weitiao-") as folder:
        target = Path(folder) / NAME
        try:
            os.symlink(path.resolve(), target)
        except OSError:  # Windows, without the right to make links
            shutil.copyfile(path, target)
        yield disk.plain(folder)


def check(path: Path) -> None:
    """Raise ModelError unless it is a GGUF file and what reads it is installed."""
    with path.open("rb") as file:
        begins = file.read(len(MAGIC))
    if begins != MAGIC:
        raise ModelError(_("{path}: not a GGUF file, or damaged; fetch it again.", path=path))
    if find_spec("gguf") is None:
        raise ModelError(
            _('{path}: reading GGUF needs a package more: pip install "weitiao[gguf]".', path=path)
        )
