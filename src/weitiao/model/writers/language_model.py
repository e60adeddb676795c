"""Language model: the words that a masked or causal network expects at a place in a text."""

from __future__ import annotations

import random
import re
from typing import Any

from pydantic import Field, PrivateAttr

from weitiao.core.script import has_han
from weitiao.errors import ModelError
from weitiao.i18n.messages import _
from weitiao.model.writers.base import Writer

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LONGEST = 600  # characters on each side that are read
NEW_TOKENS = 5  # of a causal network, for one word


class LanguageModel(Writer):
    """Draws a word from the `top_k` likeliest of a masked or causal checkpoint (contextual
    augmentation, Kobayashi 2018)."""

    checkpoint: str
    top_k: int = Field(20, ge=1, le=1000)
    _loaded: tuple[Any, Any] | None = PrivateAttr(None)

    def word(self, before: str, after: str, rng: random.Random) -> str:
        import torch

        tokenizer, net = self._network()
        with torch.inference_mode():
            if tokenizer.mask_token_id is None or not _is_masked(net):
                return self._continued(before, rng, tokenizer, net)
            return self._filled(before, after, rng, tokenizer, net)

    def _network(self) -> tuple[Any, Any]:
        if self._loaded is None:
            self._loaded = _load(self.checkpoint)
        return self._loaded

    def _filled(self, before: str, after: str, rng: random.Random, tokenizer: Any, net: Any) -> str:
        """The word at a mask."""
        text = f"{before[-LONGEST:]}{tokenizer.mask_token} {after[:LONGEST]}"
        tokens = tokenizer(text, return_tensors="pt")
        logits = net(**tokens).logits[0]
        (place,) = (tokens["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:1, 0].tolist()
        logits = logits[place]
        pieces = tokenizer.convert_ids_to_tokens(
            logits.topk(min(self.top_k, len(logits))).indices.tolist()
        )
        words = [_whole(piece, before) for piece in pieces]
        return _drawn([word for word in words if word], rng)

    def _continued(self, before: str, rng: random.Random, tokenizer: Any, net: Any) -> str:
        """The first word of a continuation; nothing without a beginning."""
        import torch

        if not before.strip():
            return ""
        ids = tokenizer(before[-LONGEST:].rstrip(), return_tensors="pt")["input_ids"]
        torch.manual_seed(rng.randrange(2**31))
        limits = {"max_new_tokens": NEW_TOKENS, "top_k": self.top_k, "temperature": 1.0}
        out = net.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True,
            pad_token_id=tokenizer.eos_token_id, **limits,
        )  # fmt: skip
        text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        found = WORD.match(text.lstrip()) if has_han(before[-1:]) or text[:1].isspace() else None
        word = found[0] if found else ""
        # What follows a space and ends before the last token is a whole word.
        return "" if word and text.rstrip().endswith(word) and not has_han(word) else word


def _whole(piece: str, before: str) -> str:
    """The word of a token, where it is one and no piece of one."""
    marked = piece.startswith(("Ġ", "▁"))
    word = piece.lstrip("Ġ▁")
    if piece.startswith("##") or WORD.fullmatch(word) is None:
        return ""
    joins = before[-1:].isalnum() and not has_han(before[-1:])
    return "" if joins and not marked and not has_han(word) else word


def _drawn(words: list[str], rng: random.Random) -> str:
    return rng.choice(words) if words else ""


def _is_masked(net: Any) -> bool:
    return type(net).__name__.endswith("ForMaskedLM")


def _load(name: str) -> tuple[Any, Any]:
    from weitiao.checkpoints.load import load_config, load_tokenizer, network
    from weitiao.checkpoints.resolve import resolve

    source = resolve(name)
    config = load_config(source)
    masked = any(one.endswith("ForMaskedLM") for one in config.architectures or ())
    causal = any(one.endswith(("ForCausalLM", "LMHeadModel")) for one in config.architectures or ())
    if not masked and not causal:
        raise ModelError(
            _(
                "{name} has no layer that predicts words ({kinds}): name a masked (BERT) or a "
                "causal (GPT) checkpoint with one.",
                name=name,
                kinds=", ".join(config.architectures or ()) or "-",
            )
        )
    tokenizer = load_tokenizer(source.path_or_name, source.revision)
    return tokenizer, network(source, config, "masked" if masked else "text").eval()
