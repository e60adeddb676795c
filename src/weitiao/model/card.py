"""The model card of a saved model: what it is, and whether others can read the folder as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weitiao import parts
from weitiao.messages import tell
from weitiao.plan import Plan

FILE = "README.md"


def write(folder: Path, plan: Plan, family: str, head: Mapping[str, Any]) -> None:
    """Write README.md into the folder of a saved model."""
    reasons = apart(plan, head)
    lines = [
        "# " + tell("A model for {task}, made with weitiao", task=plan.task_name),
        "",
        tell("- network: {family}, from {checkpoint}", family=family,
             checkpoint=plan.model.checkpoint),
        tell("- head: {head}", head=next(iter(head))),
        tell("- texts: at most {tokens} tokens", tokens=plan.model.max_length),
        "",
    ]  # fmt: skip
    if reasons:
        lines += [tell("This is no plain folder of transformers:"), ""]
        lines += [*(f"- {reason}" for reason in reasons), ""]
    else:
        told = tell("A plain folder of transformers, whose `pipeline` reads it; `weitiao.json` "
                    "holds what it has no place for.")  # fmt: skip
        lines += [told, ""]
    lines += ["```python", "import weitiao", "", 'model = weitiao.load(".")', "```", ""]
    text = "\n".join(lines)
    (folder / FILE).write_text(text, encoding="utf-8", errors="backslashreplace")


def remarks(plan: Plan, told: str, head: Mapping[str, Any]) -> list[str]:
    """What the user of a run should know: how rows ran, if in no usual way, and who reads best/."""
    reasons = [
        tell("best/ is no plain folder of transformers: {reason}", reason=reason)
        for reason in apart(plan, head)
    ]
    return [told, *reasons] if told else reasons


def apart(plan: Plan, head: Mapping[str, Any]) -> list[str]:
    """Why transformers alone would not give the same answers; empty when it would."""
    found = []
    if "native" not in head:
        found.append(
            tell(
                "the head ({head}) is weitiao's own and lies in head.safetensors; `AutoModel` "
                "reads the network below it, and a classifier of transformers would have a random "
                "head",
                head=next(iter(head)),
            )
        )
    for name, settings in plan.model.adapter.items():
        if not parts.build("adapters", name, settings).merges:
            told = tell("the adapter ({adapter}) stands in front of the texts and lies in adapter/",
                        adapter=name)  # fmt: skip
            found.append(told)
    if plan.model.attention == "full":
        found.append(
            tell("each token sees the whole text, which transformers forgets where nothing is "
                 "padded")
        )  # fmt: skip
    return found
