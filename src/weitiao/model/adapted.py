"""PEFT adapters of a network: injection before training, files in peft's format, loading.

adapted = inject({"lora": {"r": 8}}, native, "minilm-l6")   the adapter and the head learn
state(native)                                               the weights of the saved folder
adapted.write(native, state(native), folder)                the adapter, as peft saves it
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
from weitiao.model import tuners
from weitiao.model.adapters.base import Adapter

FOLDER = "adapter"  # inside a saved model
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# peft's prefixes of the wrapped network: of tuners, and of soft prompts.
TUNER_PREFIX, PROMPT_PREFIX = "base_model.model.", "base_model."
PROMPT = "prompt"  # the parameter of soft prompts; not among the weights of the saved folder


@dataclass(frozen=True)
class AdapterFiles:
    """An adapter as peft saves it: adapter_config.json, and the tensors, with those of the head."""

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
        """The adapter in a folder; None when there is none."""
        from safetensors.torch import load_file

        if not (folder / CONFIG).is_file():
            return None
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return cls(config, load_file(disk.plain(folder / WEIGHTS)))

    def with_head(self, state: Mapping[str, Tensor]) -> AdapterFiles:
        """The same adapter with the weights of the head in `state`."""
        tensors = {
            name: state.get(_without_prefix(name), value) for name, value in self.tensors.items()
        }
        return AdapterFiles(self.config, tensors)


@dataclass(frozen=True)
class Adapted:
    """The adapter of a network.

    config: the content of peft's adapter_config.json; loaded: the files it was read from, of a
    saved model whose weights contain the adapter.
    """

    part: Adapter
    config: Mapping[str, Any] | None = None
    loaded: AdapterFiles | None = None

    @property
    def packs(self) -> bool:
        """Whether rows can run packed."""
        return not self.part.positions

    @property
    def plain(self) -> bool:
        """Whether the saved folder predicts the same in transformers alone."""
        return self.part.merges

    def write(self, native: Any, state: Mapping[str, Tensor], folder: Path) -> None:
        """Write the adapter into a saved folder with the weights `state`, if peft has its kind."""
        if files := self._files(native, state):
            files.write(folder / FOLDER)

    def _files(self, native: Any, state: Mapping[str, Tensor]) -> AdapterFiles | None:
        if self.loaded is not None:
            return self.loaded.with_head(state)
        if self.config is None:
            return None
        head = [name for name in state if in_head(name, native)]
        modules = sorted({_module_to_save(name, native) for name in head})
        tensors = self.part.tensors(native)
        if self.plain:
            tensors = {TUNER_PREFIX + name: value for name, value in tensors.items()}
        prefix = TUNER_PREFIX if self.plain else PROMPT_PREFIX
        tensors = {**tensors, **{prefix + name: state[name] for name in head}}
        return AdapterFiles({**self.config, "modules_to_save": modules}, tensors)


def state(native: Any) -> dict[str, Tensor]:
    """The weights of the folder to save, by the names of the network without an adapter."""
    return {name: value for name, value in tuners.plain_state(native).items() if name != PROMPT}


def inject(chosen: Mapping[str, Mapping[str, Any]], native: Any, checkpoint: str) -> Adapted | None:
    """Inject the adapter of a plan: it and the head learn, all other weights are frozen.

    None when the plan has no adapter. Raises PlanError when it does not work with this family.
    """
    if not chosen:
        return None
    ((name, settings),) = chosen.items()
    part: Adapter = parts.build("adapters", name, settings)
    # Before the injection: its new weights require a gradient, those of the checkpoint do not.
    native.requires_grad_(False)
    config = part.inject(native)
    for param_name, param in native.named_parameters():
        if in_head(param_name, native):
            param.requires_grad_(True)
    if config is not None:
        config = {**config, "base_model_name_or_path": checkpoint}
    return Adapted(part, config)


def read(chosen: Mapping[str, Mapping[str, Any]], native: Any, folder: Path) -> Adapted | None:
    """The adapter of a saved model, injected again where it is not merged into the weights."""
    if not chosen:
        return None
    ((name, settings),) = chosen.items()
    part: Adapter = parts.build("adapters", name, settings)
    files = AdapterFiles.read(folder / FOLDER)
    if not part.merges:
        part.inject(native)
        if files is None:
            missing = f"{FOLDER}/{CONFIG}"
            raise ModelError(
                _(
                    "{folder}: {file} is missing: it holds the adapter {adapter}, without which "
                    "the predictions differ. Copy the whole folder.",
                    folder=folder,
                    file=missing,
                    adapter=name,
                )
            )
        part.restore(native, files.tensors)
    return Adapted(part, loaded=files)


def in_head(name: str, native: Any) -> bool:
    """Whether a parameter belongs to the head: outside the base network, or in its pooler. A
    network that writes has none that is new."""
    if tuners.writes(native):
        return False
    below = name.startswith(f"{native.base_model_prefix}.")
    return name != PROMPT and (not below or ".pooler." in name)


def _without_prefix(name: str) -> str:
    """The network's name of a tensor in peft's file."""
    return name.removeprefix(TUNER_PREFIX if name.startswith(TUNER_PREFIX) else PROMPT_PREFIX)


def _module_to_save(name: str, native: Any) -> str:
    """The entry of peft's modules_to_save: `classifier`, or `pooler`."""
    return "pooler" if name.startswith(f"{native.base_model_prefix}.") else name.split(".")[0]
