"""Loading of pre-trained networks and tokenizers with transformers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from weitiao.checkpoints import hub, kept_tokenizers, trial
from weitiao.checkpoints.bounds import check_model_max_length
from weitiao.checkpoints.families import OFFSET
from weitiao.checkpoints.resolve import Source
from weitiao.checkpoints.verify import adapter_error, check_config, load_errors, quiet
from weitiao.core import disk
from weitiao.errors import ModelError, PlanError
from weitiao.i18n.messages import _

MIN_TEXT_POSITIONS = 8  # left over by soft prompts; the minimum of model.max_length


class AutoModelForText:
    """The network of a checkpoint that writes texts: an encoder-decoder or a causal one."""

    @staticmethod
    def from_pretrained(path: str, config: Any = None, **settings: Any) -> Any:
        config = config or AutoConfig.from_pretrained(path, trust_remote_code=False)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        return auto.from_pretrained(path, config=config, **settings)


# Task.head -> the transformers class with that native head.
HEADS: dict[str, Any] = {
    "sequence": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "spans": AutoModelForQuestionAnswering,
    "text": AutoModelForText,
    "masked": AutoModelForMaskedLM,
    "none": AutoModel,
}


SENTENCEPIECE = ("spiece.model", "sentencepiece.bpe.model", "sentencepiece.model")


def load_tokenizer(path: str, revision: str | None, *, trusted: bool = False) -> Any:
    """The fast tokenizer of a checkpoint. Raises ModelError when it has none, or an absurd one.

    trusted: its files have the hash of the catalogue, so it is not tried first.
    """
    with quiet(), load_errors(path):
        folder = _folder(path, revision)
        _check_convertible(folder, path)
        if not trusted:
            trial.check(folder)
        return kept_tokenizers.tokenizer_of(folder, lambda: _built(path, revision, folder))


def _built(path: str, revision: str | None, folder: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(
        disk.plain(path), revision=revision, trust_remote_code=False
    )
    check_model_max_length(tokenizer.model_max_length, path)
    # A special token that the vocabulary lacks gets an id behind it; texts are padded with another
    # one then (`configure_padding`).
    trial.check_ids(folder, tokenizer("a", "b")["input_ids"])
    return tokenizer


def _check_convertible(folder: Path, path: str) -> None:
    """Raise ModelError for a tokenizer of SentencePiece alone where nothing here can convert it."""
    files = [name for name in SENTENCEPIECE if (folder / name).is_file()]
    if not files or (folder / trial.FILE).is_file() or find_spec("sentencepiece"):
        return
    raise ModelError(
        _(
            "{checkpoint}: its tokenizer is {file} of SentencePiece alone, without {wanted}. "
            "Install sentencepiece and protobuf, which convert it: pip install sentencepiece "
            "protobuf",
            checkpoint=path,
            file=files[0],
            wanted=trial.FILE,
        )
    )


def load_config(source: Source, **settings: Any) -> Any:
    """The config of a checkpoint, once its file is known to be sane. Raises ModelError."""
    with quiet(), load_errors(source.path_or_name):
        if source.kind == "hub":  # folders and packages were checked when they were resolved
            folder = _folder(source.path_or_name, source.revision)
            if (folder / "config.json").is_file():
                check_config(folder / "config.json")
        return AutoConfig.from_pretrained(
            disk.plain(source.path_or_name),
            revision=source.revision,
            trust_remote_code=False,
            **settings,
        )


def _folder(path: str, revision: str | None) -> Path:
    """The folder of a checkpoint; of one on a hub, that of its cache, with config and tokenizer."""
    if Path(path).is_dir():
        return Path(path)
    from transformers.utils import cached_file

    hub.require(path, revision)
    found = None
    for name in (trial.FILE, trial.CONFIG, "config.json"):
        found = (
            cached_file(path, name, revision=revision, _raise_exceptions_for_missing_entries=False)
            or found
        )
    return Path(found).parent if found else Path(path)


def network(source: Source, config: Any, head: str = "sequence", quantization: str = "none") -> Any:
    """The network of a checkpoint with a native head: the checkpoint's own, else a new one.

    head: a key of HEADS. Raises ModelError when the checkpoint comes with a peft adapter, and when
    a weight below the head is missing or has another shape: transformers would only warn and
    initialize it at random.
    """
    # With ignore_mismatched_sizes a head of another number of labels is initialized at random; the
    # same below the head is an error, raised here.
    native, loading = HEADS[head].from_pretrained(
        disk.plain(source.path_or_name),
        revision=source.revision,
        config=config,
        trust_remote_code=False,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **({"quantization_config": nf4_config()} if quantization == "nf4" else {}),
    )
    if native._hf_peft_config_loaded:
        raise adapter_error(source.path_or_name)
    # A network that writes has no head that may be new: the last layer must be in the file, too.
    below = "" if head in ("none", "text", "masked") else f"{native.base_model_prefix}."
    for name, file_shape, config_shape in sorted(loading["mismatched_keys"]):
        if name.startswith(below):
            raise ModelError(
                _(
                    "{checkpoint}: the weight {name} has the shape {actual}, but config.json asks "
                    "for {wanted}.",
                    checkpoint=source.path_or_name,
                    name=name,
                    actual=tuple(file_shape),
                    wanted=tuple(config_shape),
                )
            )
    # Buffers may be missing (transformers recomputes them), and so may the pooler, which is new.
    parameters = {name for name, _ in native.named_parameters() if name.startswith(below)}
    missing = sorted(
        name for name in parameters & set(loading["missing_keys"]) if "pooler" not in name
    )
    if missing:
        raise ModelError(
            _(
                "{checkpoint}: {count} weights of the network are not in the file, {name} for "
                "one. Is config.json that of these weights?",
                checkpoint=source.path_or_name,
                count=f"{len(missing):,} / {len(parameters):,}",
                name=missing[0],
            )
        )
    return native


def nf4_config() -> Any:
    """bitsandbytes' config for 4-bit NormalFloat weights (QLoRA, Dettmers et al. 2023).

    Raises PlanError without a CUDA card or bitsandbytes.
    """
    if not torch.cuda.is_available():
        message = _(
            "model.quantization: nf4 needs a CUDA card. On a processor leave it out: "
            "model.adapter: lora alone holds no gradients or moments of the frozen weights; "
            "or take a smaller checkpoint."
        )
        raise PlanError([message])
    if find_spec("bitsandbytes") is None:
        message = _('model.quantization: nf4 needs a package more: pip install "weitiao[cuda]".')
        raise PlanError([message])
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def text_length(max_length: int, tokenizer: Any, config: Any, taken: int = 0) -> int:
    """The maximum tokens of a text: `max_length`, limited by tokenizer and position embeddings.

    taken: positions of soft prompts. Raises PlanError when they leave too few for texts.
    """
    positions = getattr(config, "max_position_embeddings", None) or 0
    if config.model_type in OFFSET:  # RoBERTa numbers positions from pad_token_id + 1
        positions -= (config.pad_token_id or 0) + 1
    if taken and 0 < positions < taken + MIN_TEXT_POSITIONS:
        message = _(
            "model.adapter: num_virtual_tokens: {taken} of the {positions} positions of this "
            "network leave too few for texts; take at most {most}.",
            taken=taken,
            positions=positions,
            most=max(positions - MIN_TEXT_POSITIONS, 0),
        )
        raise PlanError([message])
    positions -= taken
    limits = [max_length, tokenizer.model_max_length, *([positions] if positions > 0 else [])]
    return int(min(limits))
