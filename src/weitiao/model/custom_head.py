"""Custom heads on transformers networks, where transformers has none or the plan names one.

It is saved as a plain base network, which `AutoModel` reads, and head.safetensors; the head `mean`
becomes a plain classifier where it can (see `weitiao.model.folding`).
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
from weitiao.errors import ModelError, PlanError
from weitiao.i18n.messages import _
from weitiao.model import folding
from weitiao.model.head_layers import Tokens
from weitiao.model.heads.base import Head, Shape, misfit
from weitiao.model.packed import Packing
from weitiao.tasks.base import Task

HeadSetting = Mapping[str, Mapping[str, Any]]  # {name: settings} of one head
FILE = "head.safetensors"
BASE, HEAD = "base.", "head."
AUTO_MODELS = {
    "sequence": "SEQUENCE_CLASSIFICATION",
    "tokens": "TOKEN_CLASSIFICATION",
    "spans": "QUESTION_ANSWERING",
}  # Task.head -> transformers' name of the auto-model
DROPOUT_FIELDS = ("hidden_dropout_prob", "dropout", "resid_pdrop", "classifier_dropout")


class LogitsOutput:
    """The part of transformers' ModelOutput that `Net` reads."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


class HeadedNetwork(nn.Module):
    """A base network and our head, with the part of PreTrainedModel's interface that `Net` uses."""

    base_model_prefix = "base"

    def __init__(self, base: Any, head: nn.Module, part: type[Head]) -> None:
        super().__init__()
        if getattr(base, "pooler", None) is not None:
            base.pooler = None  # our heads do not use it
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

    def forward(self, packing: Packing | None = None, **tensors: Tensor) -> LogitsOutput:
        settings: dict[str, Any] = {} if packing is None else {"packing": packing}
        if self.every_layer:
            settings["output_hidden_states"] = True
        output = self.base(**tensors, **settings)
        layers = output.hidden_states if self.every_layer else (output.last_hidden_state,)
        lengths = None if packing is None else packing.lengths
        mask = tensors.get("attention_mask")
        if mask is not None:  # of the text alone: prefix tuning lengthens the mask, not the output
            mask = mask[:, -layers[-1].shape[1] :]
        return LogitsOutput(self.head(layers, Tokens(mask, lengths)))

    def save_pretrained(self, folder: str, state_dict: Mapping[str, Tensor]) -> None:
        """Save the base network as transformers does, and the head in its own file."""
        self.base.save_pretrained(folder, state_dict=_below(state_dict, BASE))
        head = {name: tensor.contiguous() for name, tensor in _below(state_dict, HEAD).items()}
        save_file(head, Path(folder) / FILE)


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def select_head(setting: HeadSetting, task: Task, config: Any) -> dict[str, Any]:
    """The head of the plan, or the one that task and family need, as {name: settings}.

    Raises PlanError for a head that the task cannot use.
    """
    ((name, settings),) = setting.items()
    if task.writes:
        if name != "native":
            message = _("model.head: this task writes texts and has no head; leave it out.")
            raise PlanError([message])
        return {"native": {}}
    if reason := misfit(name, task.head):
        raise PlanError([reason])
    owned = {name, task.own_head} & {"cosine", "embedding"}
    if owned and name not in (task.own_head, "native"):
        message = _(
            "model.head: {name} does not go with this task: cosine is for similarity with "
            "`way: cosine`, embedding for retrieval, and these take no other.",
            name=name,
        )
        raise PlanError([message])
    if name == "native":
        if task.own_head:
            return {task.own_head: {}}
        if not has_head(config, AUTO_MODELS[task.head]):
            return {"per_token": {}} if task.per_token else {"pooled": {}}
    return {name: dict(settings)}


def is_plain(head: Mapping[str, Any]) -> bool:
    """Whether transformers reads the saved network, head and all."""
    return "native" in head


def pretrained(
    source: Source, config: Any, head: HeadSetting, task: Task, quantization: str
) -> Any:
    """The network of a checkpoint with a new head. Raises ModelError."""
    plain = is_plain(head)
    native = network(source, config, task.head if plain else "none", quantization)
    native = folding.stripped(native)
    return native if plain else _headed(native, head, task.outputs)


def _headed(base: Any, setting: HeadSetting, outputs: int) -> HeadedNetwork:
    ((name, settings),) = setting.items()
    head: Head = parts.build("heads", name, settings)
    return HeadedNetwork(base, head.module(_shape(base.config, outputs)), type(head))


def load(folder: str, setting: HeadSetting, task: Task) -> Any:
    """The saved network of a folder, with transformers' head or with ours."""
    if is_plain(setting):
        return HEADS[task.head].from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False
        )
    if "mean" in setting and not (Path(folder) / FILE).exists():
        return _unfolded(folder, setting, task)
    base = AutoModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    native = _headed(base, setting, task.outputs)
    state = load_file(Path(folder) / FILE)
    if "cosine" in setting:  # of versions whose cosine had no line through it
        state = {**identity_of(native.head), **state}
    native.head.load_state_dict(state)
    return native


def identity_of(head: Any) -> dict[str, Tensor]:
    """The line of a new cosine head."""
    return {f"out.{name}": tensor for name, tensor in head.out.state_dict().items()}


def _unfolded(folder: str, setting: HeadSetting, task: Task) -> HeadedNetwork:
    """Our network from the plain classifier that `folding.save` wrote. Raises ModelError."""
    native = HEADS["sequence"].from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    try:
        state = folding.unfold(native.state_dict(), native.config)
    except folding.NotFolded as error:
        raise ModelError(
            _(
                "{folder}: the weights were changed after saving: {name} is no longer what turns "
                "the first token into the mean of all. transformers alone reads the folder as it "
                "is; for weitiao copy the saved one again.",
                folder=folder,
                name=str(error),
            )
        ) from error
    headed = _headed(folding.without_layer(native.base_model), setting, task.outputs)
    headed.load_state_dict(state)
    return headed


def _shape(config: Any, outputs: int) -> Shape:
    rates = [getattr(config, name) for name in DROPOUT_FIELDS if hasattr(config, name)]
    return Shape(
        width=int(config.hidden_size),
        layers=int(config.num_hidden_layers) + 1,  # hidden_states begins with the embeddings
        outputs=outputs,
        dropout=float(rates[0] or 0.0) if rates else 0.0,
        initializer_range=float(getattr(config, "initializer_range", 0.02)),
        reads_last=reads_last(config),
    )
