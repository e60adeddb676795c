"""A network of transformers with a head of ours, where transformers has none or the plan says so.

It is saved as a plain base network (`AutoModel` reads it) with the head beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel

from weitiao import parts
from weitiao.checkpoints.families import has_head, reads_last
from weitiao.checkpoints.load import HEADS, network
from weitiao.checkpoints.resolve import Source
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.model.heads.base import Head, Shape, misfit
from weitiao.model.packed import Packing
from weitiao.model.pooling import Tokens
from weitiao.tasks.base import Task

Chosen = Mapping[str, Mapping[str, Any]]  # name -> settings, of one head
FILE = "head.safetensors"
BASE, HEAD = "base.", "head."
KINDS = {
    "sequence": "SEQUENCE_CLASSIFICATION",
    "tokens": "TOKEN_CLASSIFICATION",
    "spans": "QUESTION_ANSWERING",
}  # Task.head -> what transformers calls it
RATES = ("hidden_dropout_prob", "dropout", "resid_pdrop", "classifier_dropout")


class Logits:
    """What a network of transformers gives, as far as it is asked for."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


class Headed(nn.Module):
    """A base network and our head, with as much of transformers' interface as `Net` uses."""

    base_model_prefix = "base"

    def __init__(self, base: Any, head: nn.Module, part: type[Head]) -> None:
        super().__init__()
        if getattr(base, "pooler", None) is not None:
            base.pooler = None  # reads the first token, and nobody reads it
        self.base, self.head = base, head
        self.every_layer, self.per_token = part.every_layer, part.per_token()

    @property
    def config(self) -> Any:
        return self.base.config

    @property
    def base_model(self) -> Any:
        """The network below the head."""
        return self.base

    @property
    def supports_gradient_checkpointing(self) -> bool:
        return bool(self.base.supports_gradient_checkpointing)

    def _set_gradient_checkpointing(self, **settings: Any) -> None:
        self.base._set_gradient_checkpointing(**settings)

    def get_input_embeddings(self) -> nn.Module:
        module: nn.Module = self.base.get_input_embeddings()
        return module

    def get_output_embeddings(self) -> None:
        """There are none."""

    def set_attn_implementation(self, name: str) -> None:
        self.base.set_attn_implementation(name)

    def forward(self, packing: Packing | None = None, **tensors: Tensor) -> Logits:
        settings: dict[str, Any] = {} if packing is None else {"packing": packing}
        if self.every_layer:
            settings["output_hidden_states"] = True
        found = self.base(**tensors, **settings)
        layers = found.hidden_states if self.every_layer else (found.last_hidden_state,)
        lengths = None if packing is None else packing.lengths
        mask = tensors.get("attention_mask")
        if mask is not None:  # of the text alone: a prefix has no hidden states
            mask = mask[:, -layers[-1].shape[1] :]
        return Logits(self.head(layers, Tokens(mask, lengths)))

    def save_pretrained(self, folder: str, state_dict: Mapping[str, Tensor]) -> None:
        """The base network as transformers saves it, the head beside it."""
        below = {n.removeprefix(BASE): t for n, t in state_dict.items() if n.startswith(BASE)}
        self.base.save_pretrained(folder, state_dict=below)
        above = {
            n.removeprefix(HEAD): t.contiguous()
            for n, t in state_dict.items()
            if n.startswith(HEAD)
        }
        save_file(above, Path(folder) / FILE)


def chosen(wanted: Chosen, task: Task, config: Any) -> dict[str, Any]:
    """The head of the plan, or the one that task and family need, as {name: settings}.

    Raises PlanError for a head that the task cannot use.
    """
    ((name, settings),) = wanted.items()
    if told := misfit(name, task.head):
        raise PlanError([told])
    if (name == "cosine") != (task.own_head == "cosine") and name != "native":
        told = _(
            "model.head: {name} does not go with this task: cosine is for similarity with "
            "`way: cosine`, which takes no other.",
            name=name,
        )
        raise PlanError([told])
    if name == "native":
        if task.own_head:
            return {task.own_head: {}}
        if not has_head(config, KINDS[task.head]):
            return {"per_token": {}} if task.per_token else {"pooled": {}}
    return {name: dict(settings)}


def is_plain(head: Mapping[str, Any]) -> bool:
    """Whether a network with this head is saved as transformers reads it."""
    return "native" in head


def begun(source: Source, config: Any, head: Chosen, task: Task, quantization: str) -> Any:
    """The network of a checkpoint with a fresh head. Raises ModelError."""
    plain = is_plain(head)
    native = network(source, config, task.head if plain else "none", quantization)
    return native if plain else _headed(native, head, task.outputs)


def _headed(base: Any, wanted: Chosen, outputs: int) -> Headed:
    ((name, settings),) = wanted.items()
    head: Head = parts.build("heads", name, settings)
    return Headed(base, head.module(_shape(base.config, outputs)), type(head))


def load(folder: str, wanted: Chosen, task: Task) -> Any:
    """What `save_pretrained` wrote, of transformers' networks or of ours."""
    if is_plain(wanted):
        return HEADS[task.head].from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False
        )
    base = AutoModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    native = _headed(base, wanted, task.outputs)
    native.head.load_state_dict(load_file(Path(folder) / FILE))
    return native


def _shape(config: Any, outputs: int) -> Shape:
    rates = [getattr(config, name) for name in RATES if hasattr(config, name)]
    return Shape(
        width=int(config.hidden_size),
        layers=int(config.num_hidden_layers) + 1,
        outputs=outputs,
        dropout=float(rates[0] or 0.0) if rates else 0.0,
        spread=float(getattr(config, "initializer_range", 0.02)),
        last=reads_last(config),
    )
