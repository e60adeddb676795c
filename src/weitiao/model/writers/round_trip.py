"""Round trip: a text is translated into another language and back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weitiao.core import fingerprint, notice
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.model.writers.base import Writer

APERTIUM = "apertium:"
SECONDS_A_TEXT = 5  # of Apertium, at most on average
TEXTS_AT_ONCE = 16


class RoundTrip(Writer):
    """Translates there and back (back-translation, Sennrich et al. 2016): other words, same sense.

    Each way is a run of weitiao (translation), a checkpoint of one pair of languages (marian), or
    `apertium:eng-spa`.
    """

    there: str
    back: str

    def identity(self) -> str:
        return "\n".join(_identity(way) for way in (self.there, self.back))

    def rewrite(self, texts: Sequence[str]) -> list[str]:
        return translated(translated(list(texts), self.there), self.back)


def translated(texts: list[str], way: str) -> list[str]:
    """Translations of texts. way: a run, a checkpoint, or apertium:PAIR. Raises ModelError."""
    with notice.during(_("translating {count:,} texts: {way}", count=len(texts), way=way)):
        if way.startswith(APERTIUM):
            return _by_apertium(texts, way.removeprefix(APERTIUM))
        if folder := _run_folder(way):
            return _by_run(texts, folder)
        return _by_checkpoint(texts, way)


def _identity(way: str) -> str:
    folder = _run_folder(way) or Path(way)
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    states = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in weights]
    return fingerprint.of_texts(way, *states)


def _run_folder(way: str) -> Path | None:
    """The folder of a run's model; None where it is none of ours."""
    for folder in (Path(way) / "best", Path(way)):
        if (folder / "weitiao.json").is_file():
            return folder
    return None


def _by_run(texts: list[str], folder: Path) -> list[str]:
    from weitiao.model.model import Model

    model = Model.load(folder)
    if not model.task.writes:
        raise ModelError(
            _(
                "{run} is a run of {task}; a round trip needs translations.",
                run=str(folder),
                task=model.plan.task_name,
            )
        )
    return [str(one or "") for one in model.predict(texts)]


def _by_checkpoint(texts: list[str], name: str) -> list[str]:
    import torch

    from weitiao.checkpoints.load import load_config, load_tokenizer, network
    from weitiao.checkpoints.resolve import resolve

    source = resolve(name)
    config: Any = load_config(source)
    if config.model_type != "marian":
        raise ModelError(
            _(
                "{name} is no translator of one pair of languages (marian, but {kind}); tune one "
                "with the task translation, and name the run.",
                name=name,
                kind=config.model_type,
            )
        )
    tokenizer = load_tokenizer(source.path_or_name, source.revision)
    net = network(source, config, "text").eval()
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    result = [""] * len(texts)
    for first in range(0, len(order), TEXTS_AT_ONCE):
        group = order[first : first + TEXTS_AT_ONCE]
        batch = tokenizer(
            [texts[place] for place in group], return_tensors="pt", padding=True, truncation=True
        )
        with torch.inference_mode():
            ids = net.generate(**batch)
        written = tokenizer.batch_decode(ids, skip_special_tokens=True)
        for place, text in zip(group, written, strict=True):
            result[place] = text
    return result


def _by_apertium(texts: list[str], pair: str) -> list[str]:
    program = shutil.which("apertium")
    if program is None:
        raise ModelError(
            _(
                "apertium:{pair}: Apertium is not installed (Debian: apt install apertium "
                "apertium-en-es).",
                pair=pair,
            )
        )
    lines = "\n".join(" ".join(text.split()) for text in texts) + "\n"
    try:
        done = subprocess.run(
            [program, "-u", "--", pair] if pair.startswith("-") else [program, "-u", pair],
            input=lines, capture_output=True, text=True, encoding="utf-8",
            timeout=60 + SECONDS_A_TEXT * len(texts), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ModelError(_("apertium:{pair}: it does not end.", pair=pair)) from None
    written = done.stdout.splitlines()
    if done.returncode or len(written) != len(texts):
        said = " ".join((done.stderr or done.stdout).split())[:200]
        raise ModelError(_("apertium:{pair}: {said}", pair=pair, said=said or done.returncode))
    return written
