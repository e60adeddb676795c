"""Networks from nothing: `new:marian(d_model=128, layers=4)`, with a vocabulary of the rows.

    spec = parse("new:marian(layers=3)")     None for other names
    build(spec, texts)                       a cached plain Marian folder, with random weights

For pairs of languages that have no checkpoint, and as an honest pre-trained model of tests. One
vocabulary serves source and target, so that names and numbers are the same pieces on both sides,
and input, decoder and output share one table of vectors (Press, Wolf 2017).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from weitiao.checkpoints import convert
from weitiao.checkpoints.verify import quiet
from weitiao.core import disk, fingerprint
from weitiao.core.fields import Fields, problems_of
from weitiao.errors import ModelError
from weitiao.i18n.messages import _

PREFIX = "new:"
VERSION = 1  # of what is built: a higher one replaces cached folders
SEED = 13  # of the weights
END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
MOST_CHARACTERS = 40_000_000  # by which the vocabulary is learned
_SPEC = re.compile(r"new:(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)


class Marian(Fields):
    """An encoder-decoder of transformers' Marian (Vaswani et al. 2017; Junczys-Dowmunt 2018)."""

    d_model: int = Field(256, ge=16, le=4096, multiple_of=8, description="width")
    layers: int = Field(3, ge=1, le=48, description="of the encoder, and of the decoder")
    heads: int = Field(4, ge=1, le=64, description="attention heads; they divide d_model")
    ffn: int = Field(
        0, ge=0, le=65536, description="width of the feed-forward part; 0: 4 * d_model"
    )
    vocabulary: int = Field(8000, ge=300, le=100_000, description="pieces, learned from the rows")
    dropout: float = Field(0.1, ge=0, lt=1, description="raise it where rows are few")
    positions: int = Field(512, ge=16, le=8192, description="longest text in tokens")

    @property
    def inner(self) -> int:
        return self.ffn or 4 * self.d_model


NETWORKS = {"marian": Marian}


def is_new(checkpoint: str) -> bool:
    """Whether a name asks for a network from nothing."""
    return checkpoint.startswith(PREFIX)


def check_task(checkpoint: str, writes: bool) -> None:
    """Raises ModelError where a network from nothing is asked for, and the task writes no texts."""
    if is_new(checkpoint) and not writes:
        raise ModelError(
            _(
                "{checkpoint}: networks from nothing are for tasks that write texts (translation, "
                "generation); --model takes another.",
                checkpoint=checkpoint,
            )
        )


def parse(checkpoint: str) -> Marian:
    """The settings in a name like `new:marian(layers=4)`. Raises ModelError saying what is wrong.

    >>> parse("new:marian(d_model=128, layers=4)").layers, parse("new:marian").d_model
    (4, 256)
    """
    match = _SPEC.fullmatch(checkpoint)
    if not match or match[1] not in NETWORKS:
        raise ModelError(
            _(
                "{checkpoint}: from nothing there is new:marian, with settings as in "
                "new:marian(d_model=128, layers=4).",
                checkpoint=checkpoint,
            )
        )
    settings: dict[str, Any] = {}
    for part in filter(None, (one.strip() for one in (match[2] or "").split(","))):
        name, equals, value = (one.strip() for one in part.partition("="))
        if not equals:
            raise ModelError(
                _("{checkpoint}: {part!r} is no name=value.", checkpoint=checkpoint, part=part)
            )
        settings[name] = value
    try:
        network = NETWORKS[match[1]](**settings)
    except ValidationError as error:
        problems = "; ".join(
            f"{one.path or match[1]}: {one.text}" for one in problems_of(error, Marian, match[1])
        )
        raise ModelError(f"{checkpoint}: {problems}") from None
    if network.d_model % network.heads:
        raise ModelError(
            _(
                "{checkpoint}: {heads} heads do not divide a width of {width}.",
                checkpoint=checkpoint,
                heads=network.heads,
                width=network.d_model,
            )
        )
    return network


def build(network: Marian, texts: Sequence[str]) -> Path:
    """The cached folder of a network with random weights and a vocabulary of these texts."""
    digest = fingerprint.of_texts(network.model_dump_json(), *texts)

    def fill(folder: Path) -> None:
        tokenizer = _tokenizer(texts, network)
        with quiet():
            _weights(network, tokenizer).save_pretrained(disk.plain(folder))
            tokenizer.save_pretrained(disk.plain(folder))

    return convert.cached_folder(f"new-marian-{digest[:16]}", VERSION, fill)


def _tokenizer(texts: Iterable[str], network: Marian) -> Any:
    """A Unigram vocabulary (Kudo 2018) of pieces that do not cross blanks; digits stand alone."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=network.vocabulary - 1,  # <pad> comes behind
        special_tokens=[END, UNKNOWN],
        unk_token=UNKNOWN,
        show_progress=False,
        max_piece_length=12,
    )
    tokenizer.train_from_iterator(_some(texts), trainer)
    tokenizer.add_special_tokens([PAD])
    end = tokenizer.token_to_id(END)
    tokenizer.post_processor = TemplateProcessing(
        single=f"$A {END}", pair=f"$A $B {END}", special_tokens=[(END, end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        unk_token=UNKNOWN,
        pad_token=PAD,
        model_max_length=network.positions,
        clean_up_tokenization_spaces=False,
    )


def _some(texts: Iterable[str]) -> Iterable[str]:
    """Texts up to MOST_CHARACTERS."""
    seen = 0
    for text in texts:
        yield text
        seen += len(text)
        if seen > MOST_CHARACTERS:
            return


def _weights(network: Marian, tokenizer: Any) -> Any:
    import torch
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=network.d_model,
        encoder_layers=network.layers,
        decoder_layers=network.layers,
        encoder_attention_heads=network.heads,
        decoder_attention_heads=network.heads,
        encoder_ffn_dim=network.inner,
        decoder_ffn_dim=network.inner,
        max_position_embeddings=network.positions,
        dropout=network.dropout,
        activation_function="swish",
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        bos_token_id=None,
        decoder_start_token_id=tokenizer.pad_token_id,
        # Vectors are scaled by sqrt(d_model): with this, they and the logits begin at size 1.
        init_std=network.d_model**-0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        native = MarianMTModel(config)
    # The padding begins every answer and is never written.
    native.generation_config.bad_words_ids = [[tokenizer.pad_token_id]]
    return native
