"""Fully sharded data parallelism (FSDP2): weights, gradients and moments are sharded over all
processes, for networks that are too large for one GPU.

What cannot be sharded is refused before anything is loaded. Tests run it on CPUs, with the
environment variable WEITIAO_SHARD_ON_CPU; there it saves no memory over fewer processes.
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
    """Why the plan cannot be trained sharded; [] when it does not ask for it.

    here: also what these processes and this machine lack.
    """
    if plan.train.sharding == "none":
        return []
    conflicts = [
        _(
            "train.sharding: full does not go with {setting}; leave one of them out.",
            setting=setting,
        )
        for setting in _conflicting_settings(plan)
    ]
    return conflicts + (_missing() if here else [])


def refuse(plan: Plan) -> None:
    """Raises PlanError with all problems at once."""
    if reasons := problems(plan, here=True):
        raise PlanError(reasons)


def _conflicting_settings(plan: Plan) -> list[str]:
    """The settings of a plan that need whole weights."""
    model, train = plan.model, plan.train
    conflicts = [f"model.adapter: {name}" for name in model.adapter]
    if model.quantization != "none":
        conflicts.append(f"model.quantization: {model.quantization}")
    if train.layout == "fused":
        conflicts.append("train.layout: fused")
    for name, settings in train.optimizer.items():
        if not parts.build("optimizers", name, settings).shards:
            marked = "{" + ", ".join(f"{key}: {settings[key]}" for key in settings) + "}"
            conflicts.append(f"train.optimizer: {name}" + (f" {marked}" if settings else ""))
    return conflicts + [
        f"train.strategies: {name}"
        for name in train.strategies
        if not parts.find("strategies", name).shards
    ]


def _missing() -> list[str]:
    """What these processes and this machine lack for sharding."""
    import torch

    lacking = []
    if not (torch.cuda.is_available() or os.environ.get("WEITIAO_SHARD_ON_CPU")):
        lacking.append(
            _(
                "train.sharding: full needs CUDA cards, and there is none here. On a processor "
                "leave it out: train.gradient_checkpointing: true and model.adapter: lora need "
                "less memory, and so does a smaller checkpoint."
            )
        )
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        lacking.append(
            _(
                "train.sharding: full needs several processes, one for each card: torchrun "
                "--nproc_per_node 2 -m weitiao train plan.yaml. For one card leave it out."
            )
        )
    return lacking


def placed(model: Model, accelerator: Accelerator) -> Sharded | None:
    """Move the network to the device, with FSDP2 sharding if the plan says so.

    FSDP replaces the parameters, so this comes before optimizer and groups take references to them.
    Layers are moved one by one, so no GPU ever holds the whole network; gradients are reduced in
    each backward pass, so they never exist as a whole either.
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

    # FSDP2 splits parameters along their first dimension, and a scalar has none.
    for name, param in net.named_parameters():
        if param.ndim == 0:
            message = _(
                "train.sharding: full: the weight {name} is a single number, which cannot be "
                "shared out; take another checkpoint or model.head.",
                name=name,
            )
            raise PlanError([message])
    kind = resolve(model.plan.train.precision, device.type)
    # Autocast chooses what is computed in bf16; this is what is communicated. The reduction of
    # gradients stays in fp32: sums over many processes lose too much in bf16.
    policy = MixedPrecisionPolicy(
        param_dtype=torch.bfloat16 if kind == "bf16" else None,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,
    )
    mesh = init_device_mesh(device.type, (accelerator.num_processes,))
    for module in (*_layers(net), net):
        # Layers before the root, which takes the parameters that are left. The root too with
        # reshard_after_forward: between passes, parameters are shards, as optimizer and
        # checkpoints expect.
        fully_shard(module, mesh=mesh, reshard_after_forward=True, mp_policy=policy)
    return Sharded(net, kind, device)


def _layers(net: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a network."""
    layers = []
    for name, module in net.named_modules():
        match = LAYER.search(f"{name}.")
        if match and match.end() == len(name) + 1 and not HEAD.search(f"{name}."):
            layers.append(module)
    return layers
