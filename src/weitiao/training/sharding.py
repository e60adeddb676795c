"""Weights, gradients and moments in shards over all processes (FSDP2): for networks that are too
large for one card.

What cannot be in shards is refused before anything is loaded. The path is written for CUDA cards;
tests run it on processors, with the environment variable WEITIAO_SHARD_ON_CPU, which is for them
alone: there it saves nothing that fewer processes would not save, too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from weitiao import parts
from weitiao.errors import PlanError
from weitiao.i18n.messages import _
from weitiao.planfile.plan import Plan
from weitiao.training.groups import HEAD, LAYER

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn

    from weitiao.model.model import Model
    from weitiao.model.sharded import Sharded


def problems(plan: Plan, here: bool) -> list[str]:
    """Why the plan cannot be carried out in shards; [] when it does not ask for them.

    here: also what these processes and this machine lack.
    """
    if plan.train.sharding == "none":
        return []
    told = [
        _("train.sharding: full does not go with {setting}; leave one of them out.",
             setting=setting)
        for setting in _against(plan)
    ]  # fmt: skip
    return told + (_missing() if here else [])


def refuse(plan: Plan) -> None:
    """Raises PlanError with all problems at once."""
    if told := problems(plan, here=True):
        raise PlanError(told)


def _against(plan: Plan) -> list[str]:
    """The settings of a plan that need whole weights."""
    model, train = plan.model, plan.train
    found = [f"model.adapter: {name}" for name in model.adapter]
    if model.quantization != "none":
        found.append(f"model.quantization: {model.quantization}")
    if train.layout == "fused":
        found.append("train.layout: fused")
    for name, settings in train.optimizer.items():
        if not parts.build("optimizers", name, settings).shards:
            marked = "{" + ", ".join(f"{key}: {settings[key]}" for key in settings) + "}"
            found.append(f"train.optimizer: {name}" + (f" {marked}" if settings else ""))
    return found + [
        f"train.strategies: {name}"
        for name in train.strategies
        if not parts.find("strategies", name).shards
    ]


def _missing() -> list[str]:
    import torch

    found = []
    if not (torch.cuda.is_available() or os.environ.get("WEITIAO_SHARD_ON_CPU")):
        found.append(
            _(
                "train.sharding: full needs CUDA cards, and there is none here. On a processor "
                "leave it out: train.gradient_checkpointing: true and model.adapter: lora need "
                "less memory, and so does a smaller checkpoint."
            )
        )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        found.append(
            _(
                "train.sharding: full needs several processes, one for each card: torchrun "
                "--nproc_per_node 2 -m weitiao train plan.yaml. For one card leave it out."
            )
        )
    return found


def placed(model: Model, accelerator: Accelerator) -> Sharded | None:
    """Put the network where it learns: on the device whole, or in shards if the plan says so.

    Parameters are others afterwards if it is in shards, so this comes before anybody holds them.
    Layers go to the card one by one: it never holds the whole network. Each pass exchanges its
    gradients, so that they never stand whole beside each other either.
    """
    net, device = model.net, accelerator.device
    if model.plan.train.sharding == "none":
        net.to(device)
        return None
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    from weitiao.hardware.probe import resolve
    from weitiao.model.sharded import Sharded

    for name, param in net.named_parameters():
        if param.ndim == 0:
            told = _(
                "train.sharding: full: the weight {name} is a single number, which cannot be "
                "shared out; take another checkpoint or model.head.",
                name=name,
            )
            raise PlanError([told])
    kind = resolve(model.plan.train.precision, device.type)
    # Autocast says what runs in bf16; here it is what travels. Gradients are summed in fp32.
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if kind == "bf16" else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    mesh = init_device_mesh(device.type, (accelerator.num_processes,))
    for module in (*_layers(net), net):
        # The outermost one, too: between passes, parameters are always the shards.
        fully_shard(module, mesh=mesh, reshard_after_forward=True, mp_policy=policy)
    return Sharded(net, kind, device)


def _layers(net: nn.Module) -> list[nn.Module]:
    """The blocks a network is a pile of."""
    found = []
    for name, module in net.named_modules():
        match = LAYER.search(f"{name}.")
        if match and match.end() == len(name) + 1 and not HEAD.search(f"{name}."):
            found.append(module)
    return found
