"""The network as a torch module from Batch to logits, in every family and layout."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from weitiao.checkpoints.families import (
    ABSOLUTE,
    OFFSET,
    decoder_start,
    has_linear_output,
    reads_last,
)
from weitiao.core.batch_layout import Layout
from weitiao.errors import PlanError
from weitiao.example import WORDS, Batch
from weitiao.i18n.messages import _
from weitiao.losses.base import Loss
from weitiao.losses.standard import CrossEntropy
from weitiao.model import packed, short_attention, vocabulary
from weitiao.model.adapted import Adapted
from weitiao.model.crf import LinearChainCrf
from weitiao.model.custom_head import HeadedNetwork
from weitiao.model.fast import fused
from weitiao.model.head_layers import Tokens
from weitiao.model.quick_dropout import QuickDropout
from weitiao.model.tuners import writes
from weitiao.tasks.base import IGNORED


class Net(nn.Module):
    """A torch module from Batch to logits: a transformers network with its native or our head.

    `net(batch)` gives logits (rows, outputs) for padded and packed batches alike; a head that
    answers for tokens gives (rows, longest, outputs), or packed (tokens, outputs). Where a
    batch has windows, their logits are pooled: (examples, outputs).
    """

    def __init__(self, native: Any, adapted: Adapted | None = None, pool: str = "mean") -> None:
        super().__init__()
        self.native = native
        self.adapted = adapted  # the adapter, None in full fine-tuning
        self.pool = pool  # of the logits of windows: mean or max
        self.writes = writes(native)  # gives the next token of a text
        packs = packed.can_pack(native.config) and not self.writes
        self.packs = packs and (adapted is None or adapted.packs)
        own = isinstance(native, HeadedNetwork)
        plain = type(native).__name__.endswith("ForSequenceClassification")
        self.per_token = native.per_token if own else not plain
        self.crf = native.head if own and isinstance(native.head, LinearChainCrf) else None
        self.layout = "packed" if self.packs else "padded"  # or "fused": packed, with own kernels
        scores = hasattr(native, "score") and not (own or self.per_token)
        self.reads_last = scores and reads_last(native.config)
        self.remark = ""  # on the layout, for the user
        self.kernels = ""  # name of the own kernels, if they run
        self.recomputes = False  # gradient checkpointing
        self.needs_logits = False  # in training: a strategy compares them
        if self.writes:
            short_attention.install(native)
        if self.packs:
            packed.enable_packing(native, pooled=not (own or self.per_token))

    def run_as(self, layout: str, precision: str) -> Net:
        """Set the layout of batches: the plan's, or the fastest that this network can run (`auto`).

        precision: of own kernels, resolved. Raises PlanError for a layout `packed` or `fused` that
        this network or machine cannot run.
        """
        if layout == "packed" and not self.packs:
            if packed.can_pack(self.native.config):
                message = _(
                    "train.layout: packed: with this adapter rows only run padded; auto takes the "
                    "fastest layout that can."
                )
            else:
                message = _(
                    "train.layout: packed: rows of {family} only run padded; auto takes the "
                    "fastest layout that can.",
                    family=packed.family(self.native.config),
                )
            raise PlanError([message])
        if layout == "padded" or not self.packs:
            self.layout = "padded"
        if layout in {"padded", "packed"}:
            return self
        every_layer = isinstance(self.native, HeadedNetwork) and self.native.every_layer
        if every_layer and layout == "fused":
            message = _(
                "train.layout: fused: own kernels give the last layer alone, and this head reads "
                "all of them; auto takes the fastest layout that can."
            )
            raise PlanError([message])
        fuses = self.packs and not torch.cuda.is_available() and fused.can_fuse(self.native)
        if every_layer and fuses:
            self.remark = _("rows run packed, without own kernels: this head reads every layer")
        if fuses and not every_layer:
            # In these families native heads for whole texts read the first token alone, so that
            # the last layer need not compute the others.
            first_only = type(self.native).__name__.endswith("ForSequenceClassification")
            self.kernels = fused.install(self.native, precision, first_only)
            self.layout = "fused"
        elif layout == "fused" and self.adapted:
            message = _(
                "train.layout: fused: own kernels do not run this adapter here (dropout inside, "
                "or not of BERT's layout); auto takes the fastest that can."
            )
            raise PlanError([message])
        elif layout == "fused":
            message = _(
                "train.layout: fused: own kernels run networks of BERT's layout on a processor, "
                "and not {family} here; auto takes the fastest layout that can.",
                family=packed.family(self.native.config),
            )
            raise PlanError([message])
        return self

    def forward(self, batch: Batch, cost: Loss | None = None) -> Tensor:
        """Logits; or, with `cost`, where they are wide and nothing else needs them, the summed loss
        of the batch's labels, a scalar."""
        if cost is not None and self._sums(cost):
            return self._summed_loss(batch, cost)
        logits = self._row_logits(batch)
        if self.crf is not None:
            tokens = Tokens(batch.tensors.get("attention_mask"), batch.lengths)
            return self.crf.chain_logits(logits, tokens, batch.labels, batch.notes[WORDS])
        if batch.windows is None:
            return logits
        return torch.segment_reduce(logits.float(), self.pool, lengths=batch.windows, axis=0)

    def _token_logits(self, batch: Batch) -> Tensor:
        """Logits (labels, vocabulary) of the tokens that have a label alone: a vocabulary is wide,
        and the last layer would compute it for every token of the source, too."""
        logits = self._written(batch, lambda hidden: hidden)
        return logits.view(-1, logits.shape[-1])

    def _written(self, batch: Batch, given: Callable[[Tensor], Tensor]) -> Tensor:
        """Logits of what `given` returns for the hidden states (labels, width) of labels."""
        assert batch.labels is not None, "what is written is read by `weitiao.model.writing`"
        known = batch.labels != IGNORED
        last = self.native.get_output_embeddings()
        picked = last.register_forward_pre_hook(lambda _module, inputs: (given(inputs[0][known]),))
        # A layer that is computed again in backward must draw the same masks, outside of this pass.
        quick = self.training and not self.recomputes
        try:
            with QuickDropout() if quick else nullcontext():
                logits: Tensor = self.native(**batch.tensors, use_cache=False).logits
        finally:
            picked.remove()
        return logits

    def _sums(self, cost: Loss) -> bool:
        """Whether the loss can be summed without the logits of all tokens at once."""
        plain = isinstance(cost, CrossEntropy) and not cost.weights
        return self.writes and plain and not self.needs_logits and has_linear_output(self.native)

    def _summed_loss(self, batch: Batch, cost: Loss) -> Tensor:
        """The summed cross-entropy of the labelled tokens, without their logits."""
        assert isinstance(cost, CrossEntropy)
        assert batch.labels is not None, "the loss is that of labels"
        caught: list[Tensor] = []

        def catch(hidden: Tensor) -> Tensor:
            caught.append(hidden)
            return hidden[:0]  # the output layer has no tokens left to compute

        self._written(batch, catch)
        last = self.native.get_output_embeddings()
        bias = getattr(self.native, "final_logits_bias", None)
        bias = last.bias if bias is None else bias.flatten()
        known = batch.labels[batch.labels != IGNORED]
        return vocabulary.cross_entropy(caught[0], last.weight, bias, known, cost.label_smoothing)

    def _row_logits(self, batch: Batch) -> Tensor:
        if self.writes:
            return self._token_logits(batch)
        if batch.lengths is None:
            if "inputs_embeds" in batch.tensors and self.reads_last:
                return self._logits_of_last_token(batch)
            logits = _logits_of(self.native(**batch.tensors))
            if self.per_token and self.adapted:  # soft prompts are no tokens of the text
                logits = logits[:, -batch.tensors["attention_mask"].shape[1] :]
            return logits
        assert self.packs, "this family is not packed: it would attend across rows"
        packing = packed.Packing(batch.lengths)
        # The kernels cast by themselves and return fp32, so autocast must not reach the head.
        if self.layout == "fused":
            with torch.autocast(batch.lengths.device.type, enabled=False):
                logits = _logits_of(self.native(**batch.tensors, packing=packing))
        else:
            logits = _logits_of(self.native(**batch.tensors, packing=packing))
        assert packing.calls, "the attention interface was not called: rows would mix"
        return logits[0] if self.per_token else logits

    def _logits_of_last_token(self, batch: Batch) -> Tensor:
        """Logits of rows that enter as embeddings (adversarial training), of decoders.

        Their native heads find the last token by its id. Without ids they would read padding.
        """
        hidden = self.native.base_model(**batch.tensors).last_hidden_state
        mask = batch.tensors["attention_mask"]
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = (positions * mask).argmax(1)
        logits: Tensor = self.native.score(hidden[torch.arange(len(last)), last])
        return logits

    def embeddings(self) -> nn.Module:
        """The layer from token ids to embeddings."""
        module: nn.Module = self.native.get_input_embeddings()
        return module

    def checkpoint_gradients(self) -> None:
        """Gradient checkpointing (Chen et al. 2016): save only the input of each layer, recompute
        the rest in backward."""
        self.recomputes = True
        if self.layout == "fused":
            fused.recompute(self.native)
            return
        if not self.native.supports_gradient_checkpointing:
            message = _(
                "train.gradient_checkpointing: {family} cannot do it.",
                family=packed.family(self.native.config),
            )
            raise PlanError([message])
        self.native.config.use_cache = False  # else transformers warns of it, and sets it itself
        # Not gradient_checkpointing_enable(), which also makes embeddings require a gradient: with
        # frozen ones every layer would be recomputed for nothing.
        recompute = partial(checkpoint, use_reentrant=False)
        self.native._set_gradient_checkpointing(gradient_checkpointing_func=recompute)

    def collation(self, tokenizer: Any, pack: bool) -> Layout:
        """How rows of this family are collated: padding values and side, position ids."""
        config = self.native.config
        pad = tokenizer.pad_token_id
        left = tokenizer.padding_side == "left" and not self.writes
        first = pad + 1 if packed.family(config) in OFFSET else None
        if left and packed.family(config) in ABSOLUTE:
            first = 0
        return Layout(
            packed=pack and self.packs,
            padding={"input_ids": pad or 0, "token_type_ids": tokenizer.pad_token_type_id},
            left=left,
            first_position=first,
            decoder_start=decoder_start(config, tokenizer) if self.writes else None,
        )

    def last_linear(self, outputs: int) -> tuple[str, nn.Linear] | None:
        """Name and module of the head's output layer; None for a head without one."""
        if self.writes:
            return None
        own = isinstance(self.native, HeadedNetwork)
        candidates = [
            (name, module)
            for name, module in self.native.named_modules()
            if isinstance(module, nn.Linear) and module.out_features == outputs
            if not own or name.startswith("head.out")
        ]
        if own and not candidates:
            return None
        assert candidates, "a native head ends in a linear layer"
        # A layer inside may have as many outputs; modules are listed in the order of registration,
        # where the output layer comes last.
        return candidates[-1]


def _logits_of(output: Any) -> Tensor:
    """The logits of a ModelOutput; those of start and end of a span are stacked, (..., 2)."""
    logits: Tensor | None = getattr(output, "logits", None)
    if logits is not None:
        return logits
    return torch.stack([output.start_logits, output.end_logits], -1)


def unwrap(net: nn.Module) -> Net:
    """The Net inside a wrapper for several devices (DDP, FSDP)."""
    inner = getattr(net, "module", net)
    assert isinstance(inner, Net)
    return inner


def set_dropout(config: Any, rate: float) -> None:
    """Set every dropout of a config (hidden, attention, classifier) to `rate`."""
    for name in config.to_dict():
        if "dropout" in name or name.endswith("pdrop"):
            setattr(config, name, rate)
