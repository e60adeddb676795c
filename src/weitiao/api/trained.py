"""What is known of a trained model without its network, so that mistakes are told before PyTorch is
loaded: its folder, plan and task, and how rows other than its own are opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from weitiao.data.files.open import Paths, ReadOptions
from weitiao.data.files.table import Source
from weitiao.errors import RunError
from weitiao.i18n.messages import _
from weitiao.model.saved import Metadata
from weitiao.planfile.plan import Plan
from weitiao.run import Run
from weitiao.tasks.base import Task

STOPPED = ("interrupted", "running", "failed")  # states of a run before its end


class Trained(Protocol):
    """What a loaded model, a saved baseline and the metadata of either have in common."""

    @property
    def plan(self) -> Plan: ...
    @property
    def task(self) -> Task: ...


def trained(run: str | Path, *, baseline: bool = False) -> Metadata:
    """Metadata of the model of a run, or of a saved model. Raises WeitiaoError, as loading does."""
    return Metadata.read(model_folder(run, baseline=baseline))


def model_folder(run: str | Path, *, baseline: bool = False) -> Path:
    """The folder of the best model of a run (or of its saved baseline), or of a saved model itself.

    Raises RunError where the run has none yet.
    """
    folder = Path(run)
    if baseline:
        return _baseline_folder(folder)
    if not (folder / "plan.yaml").is_file():
        return folder
    best = Run.open(folder).best_folder()
    if best is None:
        message = _(
            "{folder}: this run has no best model yet. Go on first: "
            "weitiao train --resume {folder}",
            folder=folder,
        )
        raise RunError(message)
    return best


def _baseline_folder(folder: Path) -> Path:
    """The saved baseline of a run, of the best of several seeds, or of the folder itself."""
    from weitiao.evaluation.baselines.saved import FOLDER, has_saved  # imports scikit-learn

    folders = [folder / FOLDER, folder]
    if (folder / "plan.yaml").is_file() and (best := Run.open(folder).best_folder()):
        folders.append(best.parent / FOLDER)
    for one in folders:
        if has_saved(one):
            return one
    if (folder / "plan.yaml").is_file() and Run.open(folder).status().state in STOPPED:
        message = _(
            "{folder}: this run was stopped before its end, and has no saved baseline yet. Go on "
            "first: weitiao train --resume {folder}",
            folder=folder,
        )
        raise RunError(message)
    message = _(
        "{folder}: no saved baseline here: its task has none, its plan wants none "
        "(evaluate.baselines), a budget left no time for it, or the run is of an older version; "
        "`weitiao evaluate {folder}` fits it once the run has ended.",
        folder=folder,
    )
    raise RunError(message)


def open_other(model: Trained, path: Paths, how: ReadOptions) -> Source:
    """Open rows other than the run's own, with the reader settings of its plan by default."""
    reader = how.reader or model.plan.data.reader
    like = path if how.reader else model.plan.data.path
    return replace(how, reader=reader).open_other(path, like)
