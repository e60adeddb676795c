"""Metadata of a saved model, next to the files of transformers: weitiao.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from weitiao import parts
from weitiao.checkpoints.verify import broken
from weitiao.data.cleaners.base import Cleaner
from weitiao.errors import ModelError, PlanError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task

METADATA_FILE = "weitiao.json"
FORMAT = 1


@dataclass(frozen=True)
class Metadata:
    """The content of weitiao.json: what a transformers folder has no place for.

    head: {name: settings} of the head in use; note: how to encode long texts, if not by plain
    truncation on the right.
    """

    plan: Plan
    task: Task
    cleaners: tuple[Cleaner, ...]
    head: Mapping[str, Any]
    note: str = ""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ModelError when there is no saved model, or the file is damaged."""
        path = folder / METADATA_FILE
        if not folder.exists():
            raise ModelError(
                _(
                    "{folder}: there is no such folder. `weitiao runs` lists runs.",
                    folder=folder,
                )
            )
        if not path.is_file():
            raise ModelError(
                _(
                    "{folder}: no saved model here ({file} is missing). `weitiao runs` lists runs.",
                    folder=folder,
                    file=METADATA_FILE,
                )
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            plan, head = dict(content["plan"]), dict(content.get("head", {"native": {}}))
            ((name, settings),) = content["task"].items()
            cleaners = dict(content["cleaners"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise broken(path, error) from error
        task: Task = parts.build("tasks", name, settings)
        return cls(
            Plan.parse(plan, str(path)),
            task,
            tuple(parts.build("cleaners", key, value) for key, value in cleaners.items()),
            head,
            str(content.get("reading", "")),
        )

    def write(self, folder: Path, folded: bool = False) -> None:
        """folded: the head is layers of transformers' own classes, see `weitiao.model.folding`."""
        content = {
            "format": FORMAT,
            "plain": not custom_parts(self.plan, self.head, folded),
            "task": {self.plan.task_name: self.task.model_dump()},
            "cleaners": {
                key: cleaner.model_dump()
                for key, cleaner in zip(self.plan.data.cleaners, self.cleaners, strict=True)
            },
            "head": self.head,
            "plan": self.plan.model_dump(exclude={"why", "expect"}),
        }
        if self.note:
            content["reading"] = self.note
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        (folder / METADATA_FILE).write_text(text, encoding="utf-8", errors="backslashreplace")


def inference_plan(plan: Plan, precision: str | None) -> Plan:
    """The plan by which a saved model predicts on this machine.

    precision: overrides the plan's. A precision of the plan that this machine does not have becomes
    `auto`.
    """
    from weitiao.hardware.probe import resolve  # imports torch

    if precision is None:
        try:
            resolve(plan.train.precision)
        except PlanError:
            precision = "auto"
    return plan.with_({"train.precision": precision}) if precision else plan


def remarks(
    plan: Plan, layout_remark: str, head: Mapping[str, Any], folded: bool = False
) -> list[str]:
    """Lines for the user of a run: on the layout of batches, and on who can load best/."""
    reasons = [
        _("best/ is no plain folder of transformers: {reason}", reason=reason)
        for reason in custom_parts(plan, head, folded)
    ]
    return [layout_remark, *reasons] if layout_remark else reasons


def custom_parts(plan: Plan, head: Mapping[str, Any], folded: bool) -> list[str]:
    """Why transformers alone would not predict the same; empty when it would.

    folded: the head is saved as layers of transformers' own classes.
    """
    reasons = []
    # What sentence-transformers loads as it is has a head without weights.
    if not {"native", "embedding"} & head.keys() and not folded:
        reasons.append(
            _(
                "the head ({head}) is weitiao's own and saved in head.safetensors; `AutoModel` "
                "reads the network below it, and a classifier of transformers would have a random "
                "head",
                head=next(iter(head)),
            )
        )
    for name, settings in plan.model.adapter.items():
        if not parts.build("adapters", name, settings).merges:
            reasons.append(
                _(
                    "the adapter ({adapter}) puts vectors in front of the texts and is saved in "
                    "adapter/",
                    adapter=name,
                )
            )
    if plan.model.attention == "full":
        reasons.append(
            _(
                "each token attends to the whole text, which transformers ignores where nothing is "
                "padded"
            )
        )
    return reasons
