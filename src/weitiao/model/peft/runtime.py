"""Adapters in a model: put in before training, written beside the weights, read back.

adapted = put({"lora": {"r": 8}}, native, "minilm-l6")    the adapter and the head learn
adapted.state(native)                                     the weights of the saved folder
adapted.beside(native, state).write(folder / "adapter")   the adapter, in peft's own format
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from weitiao import parts
from weitiao.core import disk
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.model.adapters.base import Adapter
from weitiao.model.peft import layers

FOLDER = "adapter"  # inside a saved model
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# How peft calls the network inside its own; and that of adapters which stand in front of texts.
ABOVE, IN_FRONT = "base_model.model.", "base_model."
PROMPT = "prompt"  # our name of vectors in front; no weight of the folder


@dataclass(frozen=True)
class Beside:
    """An adapter as peft keeps it: what adapter_config.json says, and the tensors, heads too."""

    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def write(self, folder: Path) -> None:
        from safetensors.torch import save_file

        folder.mkdir()
        text = json.dumps(self.config, indent=1, ensure_ascii=False) + "\n"
        (folder / CONFIG).write_text(text, encoding="utf-8", errors="backslashreplace")
        tensors = {name: value.contiguous() for name, value in self.tensors.items()}
        save_file(tensors, disk.plain(folder / WEIGHTS), metadata={"format": "pt"})

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What lies in a folder; None when nothing does."""
        from safetensors.torch import load_file

        if not (folder / CONFIG).is_file():
            return None
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return cls(config, load_file(disk.plain(folder / WEIGHTS)))

    def with_head(self, state: Mapping[str, Tensor]) -> Beside:
        """The same adapter with the weights that `state` has of the head."""
        return Beside(
            self.config, {n: state.get(_below(n), value) for n, value in self.tensors.items()}
        )


@dataclass(frozen=True)
class Adapted:
    """The adapter of a network. config: what peft says of it; kept: as it was read with a saved
    model, whose weights hold it."""

    part: Adapter
    config: Mapping[str, Any] | None = None
    kept: Beside | None = None

    @property
    def packs(self) -> bool:
        """Whether rows can run without padding."""
        return not self.part.places

    @property
    def plain(self) -> bool:
        """Whether the saved folder answers the same in transformers alone."""
        return self.part.merges

    def write(self, native: Any, state: Mapping[str, Tensor], folder: Path) -> None:
        """Write the adapter beside the weights `state` of a saved folder, if peft has its kind."""
        if beside := self.beside(native, state):
            beside.write(folder / FOLDER)

    def beside(self, native: Any, state: Mapping[str, Tensor]) -> Beside | None:
        """The adapter to write beside those weights, if peft has one of this kind."""
        if self.kept is not None:
            return self.kept.with_head(state)
        if self.config is None:
            return None
        head = [name for name in state if in_head(name, native)]
        modules = sorted({_module_of(name, native) for name in head})
        found = self.part.tensors(native)
        if self.plain:
            found = {ABOVE + name: value for name, value in found.items()}
        above = ABOVE if self.plain else IN_FRONT
        found = {**found, **{above + name: state[name] for name in head}}
        return Beside({**self.config, "modules_to_save": modules}, found)


def state(native: Any) -> dict[str, Tensor]:
    """The weights of the folder to save, by the names of the plain network."""
    return {name: value for name, value in layers.plain_state(native).items() if name != PROMPT}


def put(chosen: Mapping[str, Mapping[str, Any]], native: Any, checkpoint: str) -> Adapted | None:
    """Put the adapter of a plan into a network: it and the head learn, the rest stands still.

    None when the plan names none. Raises PlanError when it does not work with this family.
    """
    if not chosen:
        return None
    ((name, settings),) = chosen.items()
    part: Adapter = parts.build("adapters", name, settings)
    native.requires_grad_(False)
    config = part.put(native)
    for param_name, param in native.named_parameters():
        if in_head(param_name, native):
            param.requires_grad_(True)
    told = None if config is None else {**config, "base_model_name_or_path": checkpoint}
    return Adapted(part, told)


def read(chosen: Mapping[str, Mapping[str, Any]], native: Any, folder: Path) -> Adapted | None:
    """The adapter of a saved model, put in again where its weights do not hold it already."""
    if not chosen:
        return None
    ((name, settings),) = chosen.items()
    part: Adapter = parts.build("adapters", name, settings)
    kept = Beside.read(folder / FOLDER)
    if not part.merges:
        part.put(native)
        if kept is None:
            missing = f"{FOLDER}/{CONFIG}"
            raise ModelError(
                _("{folder}: {file} is missing: the adapter {adapter} lies there, and without "
                     "it the answers are others. Copy the whole folder.", folder=folder,
                     file=missing, adapter=name)
            )  # fmt: skip
        part.restore(native, kept.tensors)
    return Adapted(part, kept=kept)


def in_head(name: str, native: Any) -> bool:
    """Whether a weight belongs to the head: it lies outside the base network, or in its pooler."""
    below = name.startswith(f"{native.base_model_prefix}.")
    return name != PROMPT and (not below or ".pooler." in name)


def _below(name: str) -> str:
    """A name of peft's file as the network has it."""
    return name.removeprefix(ABOVE if name.startswith(ABOVE) else IN_FRONT)


def _module_of(name: str, native: Any) -> str:
    """The module peft must save whole: `classifier`, or `pooler`."""
    return "pooler" if name.startswith(f"{native.base_model_prefix}.") else name.split(".")[0]
