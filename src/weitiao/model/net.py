"""The network as the loop sees it: a batch in, logits out, whatever the family or layout."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from weitiao.checkpoints.families import ABSOLUTE, OFFSET, reads_last
from weitiao.core.batch_layout import Layout
from weitiao.errors import PlanError
from weitiao.example import WORDS, Batch
from weitiao.i18n.messages import _
from weitiao.model import packed
from weitiao.model.crf import Chain
from weitiao.model.custom_head import Headed
from weitiao.model.fast import fused
from weitiao.model.peft.runtime import Adapted
from weitiao.model.pooling import Tokens


class Net(nn.Module):
    """A network of transformers with its native head, or with one of ours.

    `net(batch)` gives logits (rows, outputs) for padded and packed batches alike; a head that
    answers for tokens gives (rows, longest, outputs), or packed (tokens, outputs). Where a batch
    has windows, their logits are pooled: (examples, outputs).
    """

    def __init__(self, native: Any, adapted: Adapted | None = None, pool: str = "mean") -> None:
        super().__init__()
        self.native = native
        self.adapted = adapted  # what learns in place of all weights, if anything
        self.pool = pool  # of windows: mean or max
        self.packs = packed.can_pack(native.config) and (adapted is None or adapted.packs)
        own = isinstance(native, Headed)
        plain = type(native).__name__.endswith("ForSequenceClassification")
        self.per_token = native.per_token if own else not plain
        self.chain = native.head if own and isinstance(native.head, Chain) else None
        self.way = "packed" if self.packs else "padded"  # how batches run
        scores = hasattr(native, "score") and not (own or self.per_token)
        self.reads_last = scores and reads_last(native.config)
        self.remark = ""  # what the user should know of it
        self.kernels = ""  # which own kernels run them, if any
        if self.packs:
            packed.prepare(native, firsts=not (own or self.per_token))

    def run_as(self, layout: str, precision: str) -> Net:
        """Choose how batches run: what the plan's layout asks for and this network can.

        precision: the arithmetic of own kernels, resolved. Raises PlanError for a layout `packed`
        or `fused` that cannot be had here; `auto` takes the fastest that can.
        """
        if layout == "packed" and not self.packs:
            if packed.can_pack(self.native.config):
                told = _(
                    "train.layout: packed: with this adapter rows only run padded; auto takes the "
                    "fastest layout that can."
                )
            else:
                told = _(
                    "train.layout: packed: rows of {family} only run padded; auto takes the "
                    "fastest layout that can.",
                    family=packed.family(self.native.config),
                )
            raise PlanError([told])
        if layout == "padded" or not self.packs:
            self.way = "padded"
        if layout in {"padded", "packed"}:
            return self
        every = isinstance(self.native, Headed) and self.native.every_layer
        if every and layout == "fused":
            told = _(
                "train.layout: fused: own kernels give the last layer alone, and this head reads "
                "all of them; auto takes the fastest layout that can."
            )
            raise PlanError([told])
        fuses = self.packs and not torch.cuda.is_available() and fused.can_fuse(self.native)
        if every and fuses:
            self.remark = _("rows run packed, without own kernels: this head reads every layer")
        if fuses and not every:
            # The native heads for whole texts read the first token alone, in these families.
            first = type(self.native).__name__.endswith("ForSequenceClassification")
            self.kernels = fused.install(self.native, precision, first)
            self.way = "fused"
        elif layout == "fused" and self.adapted:
            told = _(
                "train.layout: fused: own kernels do not run this adapter here (dropout inside, "
                "or not of BERT's layout); auto takes the fastest that can."
            )
            raise PlanError([told])
        elif layout == "fused":
            told = _(
                "train.layout: fused: own kernels run networks of BERT's layout on a processor, "
                "and not {family} here; auto takes the fastest layout that can.",
                family=packed.family(self.native.config),
            )
            raise PlanError([told])
        return self

    def forward(self, batch: Batch) -> Tensor:
        logits = self._rows(batch)
        if self.chain is not None:
            tokens = Tokens(batch.tensors.get("attention_mask"), batch.lengths)
            return self.chain.tell(logits, tokens, batch.labels, batch.notes[WORDS])
        if batch.windows is None:
            return logits
        return torch.segment_reduce(logits.float(), self.pool, lengths=batch.windows, axis=0)

    def _rows(self, batch: Batch) -> Tensor:
        if batch.lengths is None:
            if "inputs_embeds" in batch.tensors and self.reads_last:
                return self._last(batch)
            logits = _logits(self.native(**batch.tensors))
            if self.per_token and self.adapted:  # vectors in front of a text are no tokens of it
                logits = logits[:, -batch.tensors["attention_mask"].shape[1] :]
            return logits
        assert self.packs, "this family is not packed: it would attend across rows"
        packing = packed.Packing(batch.lengths)
        if self.way == "fused":  # casts by itself; the head stays in fp32
            with torch.autocast(batch.lengths.device.type, enabled=False):
                logits = _logits(self.native(**batch.tensors, packing=packing))
        else:
            logits = _logits(self.native(**batch.tensors, packing=packing))
        assert packing.calls, "the attention interface was not called: rows would mix"
        return logits[0] if self.per_token else logits

    def _last(self, batch: Batch) -> Tensor:
        """Rows that enter as vectors: native heads of decoders would read the padding's end."""
        hidden = self.native.base_model(**batch.tensors).last_hidden_state
        mask = batch.tensors["attention_mask"]
        places = torch.arange(mask.shape[1], device=mask.device)
        last = (places * mask).argmax(1)
        logits: Tensor = self.native.score(hidden[torch.arange(len(last)), last])
        return logits

    def embeddings(self) -> nn.Module:
        """Token ids -> vectors, the first thing the network does (for FGM and its like)."""
        module: nn.Module = self.native.get_input_embeddings()
        return module

    def forget_layers(self) -> None:
        """Keep only what enters each layer, and compute the rest again in the backward pass."""
        if self.way == "fused":
            fused.recompute(self.native)
            return
        if not self.native.supports_gradient_checkpointing:
            told = _(
                "train.gradient_checkpointing: {family} cannot do it.",
                family=packed.family(self.native.config),
            )
            raise PlanError([told])
        self.native.config.use_cache = False  # else transformers warns of it, and sets it itself
        # Not by the public name, which also lets gradients flow down to frozen embeddings.
        again = partial(checkpoint, use_reentrant=False)
        self.native._set_gradient_checkpointing(gradient_checkpointing_func=again)

    def layout(self, tokenizer: Any, pack: bool) -> Layout:
        """How rows must be collated for this family."""
        config = self.native.config
        pad = tokenizer.pad_token_id
        left = tokenizer.padding_side == "left"
        first = pad + 1 if packed.family(config) in OFFSET else None
        if left and packed.family(config) in ABSOLUTE:
            first = 0
        return Layout(
            packed=pack and self.packs,
            padding={"input_ids": pad or 0, "token_type_ids": tokenizer.pad_token_type_id},
            left=left,
            first_position=first,
        )

    def last_linear(self, outputs: int) -> tuple[str, nn.Linear] | None:
        """Name and module of the layer that gives the `outputs` numbers: the end of the head. None
        for a head of ours that has no such layer."""
        own = isinstance(self.native, Headed)
        found = [
            (name, module)
            for name, module in self.native.named_modules()
            if isinstance(module, nn.Linear) and module.out_features == outputs
            if not own or name.startswith("head.out")
        ]
        if own and not found:
            return None
        assert found, "a native head ends in a linear layer"
        return found[-1]


def _logits(output: Any) -> Tensor:
    """What the head says; of the start and the end of a passage, one beside the other."""
    logits: Tensor | None = getattr(output, "logits", None)
    if logits is not None:
        return logits
    return torch.stack([output.start_logits, output.end_logits], -1)


def bare(net: nn.Module) -> Net:
    """The Net inside whatever wrapped it for several devices."""
    inner = getattr(net, "module", net)
    assert isinstance(inner, Net)
    return inner


def set_dropout(config: Any, rate: float) -> None:
    """Set every dropout of a config (hidden, attention, classifier) to `rate`."""
    for name in config.to_dict():
        if "dropout" in name or name.endswith("pdrop"):
            setattr(config, name, rate)
