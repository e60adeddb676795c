"""Tiny random networks of every family that runs packed, and rows for them, packed and padded."""

import copy

import torch
import transformers

from weitiao.checkpoints.families import OFFSET
from weitiao.checkpoints.load import HEADS
from weitiao.example import Batch
from weitiao.model.net import Net, set_dropout

WORDS, LABELS = 60, 3
LENGTHS = (7, 1, 16, 3, 33, 12, 17)
ENCODER = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=80,
)  # fmt: skip
SPELLED = {
    "roberta": {"type_vocab_size": 1}, "xlm-roberta": {"type_vocab_size": 1},
    "camembert": {"type_vocab_size": 1}, "electra": {"embedding_size": 32},
    "distilbert": dict(dim=32, n_layers=2, n_heads=4, hidden_dim=64),
    "albert": {"embedding_size": 16},
    "modernbert": dict(
        num_hidden_layers=4, global_attn_every_n_layers=3, local_attention=8, cls_token_id=2,
        sep_token_id=3, bos_token_id=2, eos_token_id=3,
    ),
}  # fmt: skip
TYPED = {"bert", "electra", "ernie", "albert"}  # families that tell two texts apart by types


def config_of(family, dropout=0.0, **changes):
    # Padding beside the start of the vocabulary, where a wrong offset of positions would not show.
    settings = {**ENCODER, "vocab_size": WORDS, "pad_token_id": 4, "num_labels": LABELS}
    if family == "distilbert":
        settings = {name: settings[name] for name in set(settings) - set(ENCODER)}
        settings["max_position_embeddings"] = 80
    config = transformers.AutoConfig.for_model(
        family, **{**settings, **SPELLED.get(family, {}), **changes}
    )
    set_dropout(config, dropout)
    for name, value in changes.items():
        setattr(config, name, value)
    return config


def network(family, seed=0, head="sequence", **changes):
    """A network of transformers whose every number is random, biases too."""
    native = HEADS[head].from_config(config_of(family, **changes), attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for param in native.parameters():
            ones = 1.0 if param.ndim == 1 and (param == 1).all() else 0.0
            param.copy_(ones + torch.randn(param.shape, generator=generator) * 0.2)
        words = native.get_input_embeddings()
        if words.padding_idx is not None:
            words.weight[words.padding_idx] = 0
    return native.train()


def fused(native, precision="fp32"):
    return Net(copy.deepcopy(native)).run_as("fused", precision).train()


def rows(family, lengths=LENGTHS, pairs=False, seed=0):
    """The same rows twice: as a packed Batch, and as what transformers reads."""
    generator = torch.Generator().manual_seed(seed)
    ids = [torch.randint(5, WORDS, (n,), generator=generator) for n in lengths]
    types = [(torch.arange(n) >= n // 2).long() for n in lengths]
    first = 5 if family in OFFSET else 0
    flat = {
        "input_ids": torch.cat(ids)[None],
        "position_ids": torch.cat([torch.arange(n) + first for n in lengths])[None],
    }
    grid = {
        "input_ids": torch.full((len(ids), max(lengths)), 4),
        "attention_mask": torch.zeros(len(ids), max(lengths), dtype=torch.long),
    }
    if pairs and family in TYPED:
        flat["token_type_ids"] = torch.cat(types)[None]
        grid["token_type_ids"] = torch.zeros_like(grid["attention_mask"])
    for row, length in enumerate(lengths):
        grid["input_ids"][row, :length] = ids[row]
        grid["attention_mask"][row, :length] = 1
        if "token_type_ids" in grid:
            grid["token_type_ids"][row, :length] = types[row]
    return Batch(flat, lengths=torch.tensor(lengths)), grid


def embedded(native, batch, grid):
    """The rows entering as vectors, which are leaves: (batch, its vectors, grid, its vectors)."""
    vectors, spread = (
        native.get_input_embeddings()(t["input_ids"]).detach().requires_grad_()
        for t in (batch.tensors, grid)
    )
    rest = {name: t for name, t in grid.items() if name != "input_ids"}
    return batch.embedded(vectors), vectors, {**rest, "inputs_embeds": spread}, spread


def pull(logits):
    """A number to go down from: every row and label counts in another way."""
    return (logits * torch.linspace(-1, 2, logits.numel()).view_as(logits)).sum() + (
        logits**2
    ).sum()


def learned(logits, net):
    """The gradients that `pull` leaves, by the names of transformers."""
    net.zero_grad()
    pull(logits).backward()
    native = getattr(net, "native", net)
    return {n: p.grad.clone() for n, p in native.named_parameters() if p.grad is not None}
