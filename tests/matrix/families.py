"""Tiny random checkpoints of every family, with tokenizers that are laid out as the family's own:
what stands around a text, between two texts, on which side padding goes, which token pads."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers

from conftest import WORDS
from weitiao.checkpoints.families import TRIED

SMALL = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
    max_position_embeddings=80,
)  # fmt: skip
GROUPED = {**SMALL, "num_key_value_heads": 2}
OFFSET = {**SMALL, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
BERT = {"special": "[PAD] [UNK] [CLS] [SEP] [MASK]", "single": "[CLS] $A [SEP]",
        "pair": "[CLS] $A:0 [SEP]:0 $B:1 [SEP]:1"}  # fmt: skip
ROBERTA = {"special": "<s> <pad> </s> <unk> <mask>", "single": "<s> $A </s>",
           "pair": "<s> $A </s> </s> $B </s>"}  # fmt: skip
GPT = {"special": "<|endoftext|>", "bytes": True}  # nothing stands around or between texts


@dataclass(frozen=True)
class Family:
    """How to make a tiny one. tokenizer: special tokens and what stands around texts."""

    config: dict
    tokenizer: dict = field(default_factory=lambda: BERT)
    types: bool = True  # it has token_type_ids
    left: bool = False
    dropout: tuple[str, ...] = ("hidden_dropout_prob", "attention_probs_dropout_prob")


# One line a family: this is what to add to.
FAMILIES = {
    "bert": Family(SMALL),
    "roberta": Family(OFFSET, ROBERTA, types=False),
    "xlm-roberta": Family(OFFSET, ROBERTA, types=False),
    "electra": Family({**SMALL, "embedding_size": 16}),
    "albert": Family({**SMALL, "embedding_size": 16}),
    "deberta-v2": Family(
        {**SMALL, "relative_attention": True, "pos_att_type": "p2c|c2p", "type_vocab_size": 0}
    ),
    "mpnet": Family(OFFSET, ROBERTA, types=False),
    "distilbert": Family(
        dict(dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=80), types=False
    ),
    "ernie": Family(SMALL),
    "modernbert": Family(
        {**SMALL, "global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 2,
         "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0},
        types=False,
    ),
    "gpt2": Family(dict(n_embd=32, n_layer=2, n_head=4, n_positions=80), GPT, types=False),
    "llama": Family(
        GROUPED, {"special": "<unk> <s> </s>", "single": "<s> $A", "pair": "<s> $A <s> $B"},
        types=False, left=True,
    ),
    "qwen2": Family(
        GROUPED, {**GPT, "special": "<|endoftext|> <|im_end|>", "pad": "<|endoftext|>"}, types=False
    ),
    "qwen3": Family(
        {**GROUPED, "head_dim": 8}, {**GPT, "special": "<|endoftext|> <|im_end|>",
                                     "pad": "<|endoftext|>"}, types=False,
    ),
    "smollm3": Family({**GROUPED, "pad_token_id": 0}, GPT, types=False, left=True),
    "gemma3_text": Family(
        {**GROUPED, "head_dim": 8, "sliding_window": 8, "pad_token_id": 0},
        {"special": "<pad> <eos> <bos> <unk>", "single": "<bos> $A", "pair": "<bos> $A <bos> $B",
         "pad": "<pad>"}, types=False, left=True,
    ),
    "xlnet": Family(
        dict(d_model=32, n_layer=2, n_head=4, d_inner=64, pad_token_id=5),
        {"special": "<unk> <s> </s> <cls> <sep> <pad> <mask>", "single": "$A:0 <sep>:0 <cls>:2",
         "pair": "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2", "pad": "<pad>", "pad_type": 3}, left=True,
    ),
}  # fmt: skip
assert set(FAMILIES) == set(TRIED)
ROLES = {
    "unk_token": ("[UNK]", "<unk>"), "cls_token": ("[CLS]", "<s>", "<cls>"),
    "sep_token": ("[SEP]", "</s>", "<sep>"), "mask_token": ("[MASK]", "<mask>"),
    "eos_token": ("</s>", "<eos>"), "bos_token": ("<s>", "<bos>"),
}  # fmt: skip


def tokenizer_of(family):
    """A word-level tokenizer laid out as the family's; one of bytes where the family has such."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    made = FAMILIES[family].tokenizer
    if made.get("bytes"):
        return bytes_of(family)
    special = made["special"].split()
    words = [*special, *WORDS["good"], *WORDS["bad"], *WORDS["other"]]
    unknown = next(token for token in ("[UNK]", "<unk>") if token in special)
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=made["single"], pair=made["pair"],
        special_tokens=[(token, i) for i, token in enumerate(special)],
    )  # fmt: skip
    roles = {
        role: next(name for name in names if name in special)
        for role, names in ROLES.items()
        if any(name in special for name in names)
    }
    pads = made.get("pad") or next((t for t in ("[PAD]", "<pad>") if t in special), None)
    names = ["input_ids", "attention_mask"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **roles,
        **({"pad_token": pads} if pads else {}),
        pad_token_type_id=made.get("pad_type", 0),
        model_input_names=[*names, *(["token_type_ids"] if FAMILIES[family].types else [])],
        padding_side="left" if FAMILIES[family].left else "right",
    )  # fmt: skip


def bytes_of(family):
    """Byte pairs as GPT-2 and Qwen have them, merged until the words of the tests are pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = FAMILIES[family].tokenizer
    special = made["special"].split()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    words = [word for group in WORDS.values() for word in group]
    tokenizer.train_from_iterator([" ".join(words)] * 2, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, eos_token=special[-1],
        **({"pad_token": made["pad"]} if "pad" in made else {}),
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left" if FAMILIES[family].left else "right",
    )  # fmt: skip


def config_of(family, size, **changes):
    settings = {"vocab_size": size, "initializer_range": 0.2, **FAMILIES[family].config}
    settings.setdefault("pad_token_id", None if family in ("gpt2", "llama") else 0)
    return transformers.AutoConfig.for_model(family, **{**settings, **changes})


def make(folder, family, **changes):
    """A checkpoint as a user's folder: config, weights, tokenizer."""
    tokenizer = tokenizer_of(family)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    network = transformers.AutoModel.from_config(config_of(family, len(tokenizer), **changes))
    network.save_pretrained(folder)
    return str(Path(folder))
