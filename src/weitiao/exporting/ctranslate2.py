"""CTranslate2: a fast engine for translators on processors and graphics cards, in 8 bits as well.

convert(model, folder, "int8")          files for ctranslate2.Translator, and the tokenizer
    Translator(folder, model).written(encoded)  what it writes for encoded rows
"""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from weitiao.core import disk
from weitiao.data.cache.encoded import Encoded
from weitiao.errors import ModelError
from weitiao.i18n.messages import _, joined
from weitiao.model.writing import required_in
from weitiao.tasks.texts.generative import PART, SOURCE, Generative

if TYPE_CHECKING:
    from weitiao.model.model import Model

FAMILIES = ("marian", "bart", "mbart", "m2m_100", "t5", "mt5")
QUANTIZATIONS = ("int8", "int8_float32", "int16", "float16", "bfloat16", "float32")
# Settings that former versions of transformers had in the configs of a family.
FORMER = {
    "bart": {"normalize_before": False, "normalize_embedding": True},
    "mbart": {"normalize_before": True, "normalize_embedding": True},
    "m2m_100": {"normalize_before": True, "normalize_embedding": False},
}
# Settings of transformers' `generate` -> arguments of `translate_batch`.
DECODING = {
    "num_beams": "beam_size",
    "max_new_tokens": "max_decoding_length",
    "no_repeat_ngram_size": "no_repeat_ngram_size",
    "repetition_penalty": "repetition_penalty",
    "length_penalty": "length_penalty",
    "temperature": "sampling_temperature",
    "top_p": "sampling_topp",
}
TOKENS_AT_ONCE = 4096
NEVER = -1e9  # bias of an entry that is never written


def convert(model: Model, folder: Path, quantization: str) -> None:
    """Write the network for ctranslate2.Translator into an empty folder, and its tokenizer.

    Raises ModelError for a network that cannot be converted, or without the package.
    """
    config = model.net.native.config
    if not isinstance(model.task, Generative) or config.model_type not in FAMILIES:
        raise ModelError(
            _(
                "ctranslate2: {family} is not exported here, but {families}.",
                family=config.model_type,
                families=joined(FAMILIES, ", "),
            )
        )
    require()
    try:
        spec = _specification(model)
        spec.validate()
        spec.optimize(quantization=quantization)
        folder.mkdir(parents=True)
        spec.save(disk.plain(folder))
    except (ValueError, NotImplementedError, RuntimeError, AttributeError, KeyError) as error:
        raise _refused(error) from None
    model.tokenizer.save_pretrained(disk.plain(folder))


def _refused(error: Exception) -> ModelError:
    return ModelError(_("ctranslate2 does not take this network: {why}", why=str(error)))


def require() -> None:
    """Raises ModelError where the package is missing."""
    try:
        import ctranslate2  # noqa: F401
    except ImportError:
        raise ModelError(
            _("ctranslate2 is not installed: pip install 'weitiao[ctranslate2]'")
        ) from None


def _specification(model: Model) -> Any:
    """The network as CTranslate2 describes it, from memory."""
    from ctranslate2.converters import transformers as loaders

    native, tokenizer, task = model.net.native, model.tokenizer, model.task
    assert isinstance(task, Generative)
    with torch.no_grad():
        if native.config.model_type != "marian":
            for name, value in FORMER.get(native.config.model_type, {}).items():
                setattr(native.config, name, value)
            spec = loaders._MODEL_LOADERS[type(native.config).__name__](native, tokenizer)
            start = task.forced(tokenizer).get("decoder_start_token_id")
            start = native.generation_config.decoder_start_token_id if start is None else start
            if start is not None:
                spec.config.decoder_start_token = tokenizer.convert_ids_to_tokens(int(start))
            return spec
        return _marian(loaders.BartLoader())(native, tokenizer)


def _marian(bart: Any) -> Any:
    """A loader for Marian whose decoder begins with the vector of its first token.

    CTranslate2's own begins with zeros, as in the networks of OPUS. Here padding, which begins a
    text, may have learned a vector; it is never written.
    """

    class Marian(type(bart)):  # type: ignore[misc]
        def get_model_spec(self, native: Any) -> Any:
            native.config.normalize_before = native.config.normalize_embedding = False
            spec = super().get_model_spec(native)
            bias = native.final_logits_bias.detach().flatten().clone()
            bias[native.config.pad_token_id] = NEVER
            spec.decoder.projection.bias = bias
            return spec

        def set_config(self, config: Any, native: Any, tokenizer: Any) -> None:
            start = native.config.decoder_start_token_id
            config.eos_token = tokenizer.eos_token
            config.unk_token = tokenizer.unk_token
            config.decoder_start_token = tokenizer.convert_ids_to_tokens(start)

    return Marian()


class Translator:
    """A converted translator that writes for encoded rows."""

    def __init__(self, folder: Path, model: Model, threads: int) -> None:
        import ctranslate2

        self.task, self.tokenizer = model.task, model.tokenizer
        ctranslate2.set_log_level(logging.ERROR)  # that fp16 is computed in fp32 is no news here
        self.translator = ctranslate2.Translator(
            str(folder), inter_threads=1, intra_threads=threads
        )

    def written(self, encoded: Encoded) -> list[str]:
        """A text for each example; pieces of a long source are put together.

        Raises ModelError where an answer must contain a term: this engine has no such constraint.
        """
        assert isinstance(self.task, Generative)
        rows = encoded.take(np.arange(len(encoded)))
        kinds = [np.asarray(part) for part in rows[PART]]
        ids = [np.asarray(one) for one in rows["input_ids"]]
        if any(required_in(*pair) for pair in zip(ids, kinds, strict=True)):
            raise ModelError(
                _("ctranslate2 keeps no glossary and no placeholders: export a run without them.")
            )
        name = self.tokenizer.convert_ids_to_tokens
        sources = [name(one[kind == SOURCE].tolist()) for one, kind in zip(ids, kinds, strict=True)]
        first = self.task.forced(self.tokenizer).get("forced_bos_token_id")
        try:
            results = self.translator.translate_batch(
                sources,
                target_prefix=None if first is None else [[name(first)]] * len(sources),
                max_batch_size=TOKENS_AT_ONCE,
                batch_type="tokens",
                max_input_length=0,
                **self.decoding,
            )
        except (ValueError, RuntimeError) as error:
            raise _refused(error) from None
        texts = [self._text(result.hypotheses[0]) for result in results]
        firsts = np.arange(len(encoded) + 1) if encoded.firsts is None else encoded.firsts
        together = pairwise(firsts)
        return [self.task.together(texts[begin:end]) for begin, end in together]

    def _text(self, tokens: list[str]) -> str:
        ids = self.tokenizer.convert_tokens_to_ids(tokens)
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()

    @property
    def decoding(self) -> dict[str, Any]:
        """The task's settings of decoding by CTranslate2's names."""
        task = self.task
        assert isinstance(task, Generative)
        given = task.decoding()
        settings = {ours: given[name] for name, ours in DECODING.items() if name in given}
        settings["min_decoding_length"] = 0  # its own default is 1: an empty text is never written
        return {**settings, "sampling_topk": 0} if task.do_sample else settings
