"""Peer interface: another method on the same rows, evaluated like our own runs."""

from __future__ import annotations

from abc import abstractmethod
from importlib.util import find_spec
from typing import ClassVar

import numpy as np

from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.parts import Part
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


class Peer(Part):
    """Another method for the same task. Its fields are its own settings.

    Of the plan it uses rows, checkpoint and seed; all other settings are for our own runs.
    """

    needs: ClassVar[tuple[str, ...]] = ()  # modules that must be installed
    install: ClassVar[str] = ""  # what to tell pip

    @abstractmethod
    def scores(self, plan: Plan, task: Task, data: Data, rows: Rows) -> np.ndarray:
        """Learn from data.train (data.validation may choose) and score `rows`, (n, outputs):
        probabilities, or numbers in the target's own unit."""

    @classmethod
    def missing(cls) -> list[str]:
        """The modules it needs that are not installed."""
        return [name for name in cls.needs if find_spec(name) is None]

    def check(self) -> None:
        """Raises ModelError when a module is missing."""
        missing = self.missing()
        if missing:
            message = _(
                "the peer {name} needs {modules}: pip install {package}",
                name=type(self).__name__,
                modules=", ".join(missing),
                package=self.install,
            )
            raise ModelError(message)


def texts_of(task: Task, rows: Rows) -> list[list[str]]:
    """The raw texts, one list for each role."""
    by_role: list[list[str]] = []
    for examples in rows.batches():
        for role, texts in enumerate(task.texts(examples)):
            if role == len(by_role):
                by_role.append([])
            by_role[role] += texts
    return by_role


def labels_of(task: Task, rows: Rows) -> np.ndarray:
    """Targets as the task counts them; numbers in their own unit."""
    return task.in_unit(task.indices(rows.targets(), rows.ids()))
