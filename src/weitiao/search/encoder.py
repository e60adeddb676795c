"""Vectors of questions and passages: by a retrieval run, or a pre-trained encoder as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weitiao.checkpoints.catalogue import default_for
from weitiao.checkpoints.sentence_encoder import pooling, prefixes
from weitiao.core.fingerprint import of_texts
from weitiao.data.files.table import from_rows
from weitiao.data.rows import Rows, everything
from weitiao.errors import RunError
from weitiao.example import Example
from weitiao.i18n.messages import _
from weitiao.model.model import Model
from weitiao.planfile.plan import Plan
from weitiao.tasks.retrieval import Retrieval

TOKENS = 256  # of a passage that is read by an encoder as it is


@dataclass(frozen=True)
class Encoder:
    """A bi-encoder and its name, by which an index knows whose vectors it holds."""

    model: Model
    name: str

    @property
    def _width(self) -> int:
        task = self.model.task
        assert isinstance(task, Retrieval)
        return task.width

    def questions(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (n, width)."""
        return self._scores([Example({"text": text}) for text in texts])[:, : self._width]

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (n, width)."""
        rows = [Example({"text": ""}, text) for text in texts]
        return self._scores(rows)[:, self._width :]

    def _scores(self, examples: list[Example]) -> np.ndarray:
        return np.asarray(self.model.scores(examples))


def encoder_of(name: str | Path) -> Encoder:
    """The encoder of a retrieval run, a saved folder, or a checkpoint. Raises WeitiaoError."""
    folder = Path(name)
    saved = next(
        (one for one in (folder / "best", folder) if (one / "weitiao.json").is_file()), None
    )
    if saved is None:
        return Encoder(_untuned(str(name)), _identity(str(name)))
    model = Model.load(saved)
    if not isinstance(model.task, Retrieval):
        raise RunError(
            _(
                "{folder}: this run does not retrieve ({task}); give a run of the task retrieval, "
                "or an encoder such as {known}.",
                folder=folder,
                task=model.plan.task_name,
                known=default_for("zh"),
            )
        )
    # A run that goes on writes other weights to the same place.
    written = (saved / "weitiao.json").stat().st_mtime_ns
    return Encoder(model, f"{saved.resolve()} {written}")


def _identity(checkpoint: str) -> str:
    """The name of a checkpoint; of a folder also its files: others may be put into the same
    place."""
    folder = Path(checkpoint)
    if not folder.is_dir():
        return checkpoint
    marks = [
        f"{one.relative_to(folder)} {one.stat().st_size} {one.stat().st_mtime_ns}"
        for one in sorted(folder.rglob("*"))
        if one.suffix in (".safetensors", ".json", ".model", ".txt")
    ]
    return f"{folder.resolve()} {of_texts(*marks)}"


def _untuned(checkpoint: str) -> Model:
    """A pre-trained encoder as a bi-encoder, with the pooling and the prefixes it was trained with;
    the mean of the tokens where its folder does not say."""
    settings: dict[str, Any] = {**prefixes(checkpoint)}
    pooled = pooling(checkpoint)
    head = {"head": {"embedding": {"pooling": pooled}}} if pooled not in ("", "mean") else {}
    plan = Plan.parse(
        {
            "task": {"retrieval": settings},
            "data": {"path": "memory:none", "roles": {"text": "text", "target": "passage"}},
            "model": {"checkpoint": checkpoint, "max_length": TOKENS, **head},
        }
    )
    source = from_rows([{"text": "a", "passage": "b"}, {"text": "c", "passage": "d"}])
    rows = Rows(source.table, everything(source.table), plan.data.roles, "none", "retrieval")
    model = Model.start(plan, rows)
    model.net.eval()
    return model
