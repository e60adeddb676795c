"""Base of tasks whose answer is a text that the network writes: prompts, targets, decoding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from weitiao.core.batch_layout import Layout, grid, padded, tensor
from weitiao.core.ragged import Ragged
from weitiao.data.infer.cells import is_object, object_message
from weitiao.errors import ModelError
from weitiao.example import WINDOWS, Batch, Example, Output, Prediction
from weitiao.i18n.messages import _
from weitiao.labels.texts.pieces import joined, pieces
from weitiao.labels.texts.prompts import render
from weitiao.labels.texts.terms import plain
from weitiao.losses.base import symmetric_kl
from weitiao.tasks.answers.texts import Texts
from weitiao.tasks.base import IGNORED, HeadKind
from weitiao.tasks.texts.special_tokens import ids_of, without_special
from weitiao.tasks.texts.targets import TextTargets

if TYPE_CHECKING:
    from torch import Tensor

    from weitiao.data.cache.encoded import Encoded
    from weitiao.losses.base import Loss

PART = "part"  # of each token: SOURCE, TARGET, or UNLEARNED (the target of a source that was cut)
SOURCE, TARGET, UNLEARNED, REQUIRED = range(4)  # REQUIRED and one more: texts the answer must have
END_OF_PROMPT = 64  # tokens that are kept of the end of a prompt that is cut


class Generative(TextTargets):
    """A text for each row, written token by token by an encoder-decoder or a causal network.

    A row is encoded as source and target end to end, told apart by `PART`; `collate` makes of it
    what the network reads. Decoding settings have transformers' names.
    """

    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    answers: ClassVar[type[Texts]] = Texts
    head: ClassVar[HeadKind] = "text"
    windowed: ClassVar[bool] = False  # long sources are written piece by piece

    template: str = Field(
        "",
        description="prompt, in Jinja, e.g. `Summarise: {{ text }}`; empty: the chat template of "
        "the checkpoint, or the text alone",
    )
    max_new_tokens: int = Field(128, gt=0, le=4096, description="longest answer, in tokens")
    num_beams: int = Field(1, ge=1, le=64, description="beams of beam search; 1: greedy")
    length_penalty: float = Field(
        1.0, ge=-10, le=10, description="of beam search: above 1 for longer answers"
    )
    no_repeat_ngram_size: int = Field(
        0, ge=0, le=20, description="no run of so many tokens comes twice in an answer; 0: off"
    )
    repetition_penalty: float = Field(
        1.0, gt=0, le=10, description="above 1: tokens that have come are less likely"
    )
    do_sample: bool = Field(False, description="draw tokens at random instead of the likeliest")
    temperature: float = Field(1.0, gt=0, le=10, description="of drawing: lower is less random")
    top_p: float = Field(1.0, gt=0, le=1, description="of drawing: the likeliest tokens up to this")
    written_rows: int = Field(
        2000, ge=0, description="evaluated rows, at most, drawn by the seed; 0: all"
    )
    causal: bool = Field(False, description="set by the checkpoint: no encoder of its own")

    @property
    def outputs(self) -> int:
        """No number of logits of its own: as many as the vocabulary has."""
        return 0

    @property
    def encoding(self) -> str:
        settings = [self.template, self.max_new_tokens, self.causal, *self.special_settings]
        return f"{type(self).__name__} {settings}"

    @property
    def special_settings(self) -> list[Any]:
        """Further settings that change token ids."""
        return []

    def required(self, text: str) -> list[str]:
        """Texts that the answer to a source must contain."""
        return []

    # --- targets

    @classmethod
    def parse_target(cls, cell: str, column: str) -> Any:
        """The reference as it stands in the file."""
        if is_object(cell) and not cls.field_columns:
            raise ValueError(object_message(cell))
        return cell

    def for_network(self, config: Any) -> Self:
        causal = not getattr(config, "is_encoder_decoder", False)
        return self if self.causal == causal else self.model_copy(update={"causal": causal})

    def labels_for(self, encoded: Encoded, gold: Any) -> Any:
        """The ids of the target's tokens, IGNORED for those of the source."""
        ids = np.asarray(encoded.values["input_ids"]).astype(np.int32)
        learned = np.asarray(encoded.values[PART]) == TARGET
        return Ragged(np.where(learned, ids, IGNORED), np.asarray(encoded.offsets))

    # --- tokens

    @abstractmethod
    def target_ids(self, targets: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Token ids of references, without the token that ends them."""

    def prompts(self, examples: Sequence[Example], tokenizer: Any) -> list[str]:
        """The text that the network continues or translates, one a row."""
        each = (example.inputs for example in examples)
        if self.template or self._is_chat(tokenizer):
            each = (without_special(inputs, tokenizer) for inputs in each)
        return [render(self.template, inputs, tokenizer) for inputs in each]

    def _is_chat(self, tokenizer: Any) -> bool:
        """Whether prompts are in the chat template, which writes the special tokens itself."""
        return bool(self.causal and not self.template and tokenizer.chat_template)

    def source_ids(self, prompts: Sequence[str], tokenizer: Any) -> list[list[int]]:
        """Token ids of prompts, special tokens included."""
        special = not self._is_chat(tokenizer)
        if special and not self.template:
            encoded = ids_of(prompts, tokenizer)
        else:  # the special tokens of the template are meant
            encoded = tokenizer(list(prompts), add_special_tokens=special, verbose=False)[
                "input_ids"
            ]
        end = tokenizer.eos_token_id
        rows = [list(ids) for ids in encoded]
        if self.causal:  # some tokenizers end every text: the answer would come behind the end
            rows = [ids[:-1] if ids and ids[-1] == end else ids for ids in rows]
        # An empty prompt still needs a token to begin from.
        return [ids or [_end_of(tokenizer)] for ids in rows]

    def encode(
        self, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> dict[str, list[list[int]]]:
        """input_ids of source and target, and PART of each token; a source that is too long is cut
        in its middle, or becomes several rows without a target where the task is `windowed`."""
        prompts = self.prompts(examples, tokenizer)
        known = [example.target for example in examples]
        ids = self.target_ids([target or "" for target in known], tokenizer)
        end = _end_of(tokenizer)
        rows: dict[str, list[list[int]]] = {"input_ids": [], PART: []}
        counts = []
        for example, source in enumerate(self.source_ids(prompts, tokenizer)):
            target = ids[example][: self.max_new_tokens]
            whole = len(ids[example]) <= self.max_new_tokens
            target = [*target, end] if whole else target  # a cut text does not end here
            text = str(examples[example].inputs.get("text", ""))
            sources, kind = [(text, source)], TARGET
            if len(source) > max_length:
                sources = self._shortened(examples[example], source, tokenizer, max_length)
                kind = UNLEARNED
            if known[example] is None or len(sources) > 1:
                target = []
            counts.append(len(sources))
            for text, one in sources:
                terms = self._required_ids(text, tokenizer)
                rows["input_ids"].append([*one, *target, *chain.from_iterable(terms)])
                kinds = [REQUIRED + at % 2 for at, term in enumerate(terms) for _ in term]
                rows[PART].append([SOURCE] * len(one) + [kind] * len(target) + kinds)
        return {**rows, WINDOWS: counts} if self.windowed else rows  # type: ignore[dict-item]

    def _required_ids(self, text: str, tokenizer: Any) -> list[list[int]]:
        """Token ids of the texts that an answer must contain; those that the tokenizer cannot write
        are left out."""
        terms = self.required(text)
        if not terms:
            return []
        ids = self.target_ids([f" {term}" if self.causal else term for term in terms], tokenizer)
        special = set(tokenizer.all_special_ids)  # such as the language in front of a target
        ids = [[number for number in one if number not in special] for one in ids]
        return [
            one
            for term, one in zip(terms, ids, strict=True)
            if plain(term) in plain(tokenizer.decode(one, skip_special_tokens=True))
        ]

    def _shortened(
        self, example: Example, source: list[int], tokenizer: Any, max_length: int
    ) -> list[tuple[str, list[int]]]:
        """The rows of a source that is too long, each with its text."""
        text = str(example.inputs.get("text", ""))
        if not self.windowed:
            tail = min(END_OF_PROMPT, max_length // 4)
            return [(text, [*source[: max_length - tail], *source[-tail:]])]

        def ids_of(piece: str) -> list[int]:
            # Every piece has the whole prompt: it is translated by itself.
            one = replace(example, inputs={**example.inputs, "text": piece})
            return self.source_ids(self.prompts([one], tokenizer), tokenizer)[0]

        texts = pieces(text, lambda piece: len(ids_of(piece)) <= max_length)
        return [(piece, ids_of(piece)[:max_length]) for piece in texts]

    def collate(
        self,
        rows: Mapping[str, Sequence[np.ndarray]],
        labels: np.ndarray | Ragged | None,
        layout: Layout,
    ) -> Batch:
        """A batch to learn from; without labels, the sources alone, to write from.

        Labels are shifted here, and nowhere else: of a causal network those at a token are the next
        token; a decoder reads the labels behind its first token. Labels are (rows, longest).
        """
        parts = [np.asarray(part) for part in rows[PART]]
        ids = [np.asarray(one, np.int64) for one in rows["input_ids"]]
        if labels is None:
            sources = [one[part == SOURCE] for one, part in zip(ids, parts, strict=True)]
            side = replace(layout, left=self.causal, packed=False)
            return Batch(padded({"input_ids": sources}, side)[0])
        assert isinstance(labels, Ragged)
        layout = replace(layout, left=False, packed=False)
        learned = [labels.row(row)[part < REQUIRED] for row, part in enumerate(parts)]
        ids = [one[part < REQUIRED] for one, part in zip(ids, parts, strict=True)]
        parts = [part[part < REQUIRED] for part in parts]
        if self.causal:
            # The next token of each: labels one place to the left.
            following = [np.append(one[1:], IGNORED) for one in learned]
            return Batch(
                padded({"input_ids": ids}, layout)[0],
                tensor(_grid(following, IGNORED)),
            )
        sources = [one[part == SOURCE] for one, part in zip(ids, parts, strict=True)]
        wanted = [one[part > SOURCE] for one, part in zip(learned, parts, strict=True)]
        targets = [one[part > SOURCE] for one, part in zip(ids, parts, strict=True)]
        # A row without a target still needs a token for the decoder to read.
        wanted = [one if len(one) else np.array([IGNORED]) for one in wanted]
        read = [decoder_input(one, layout) for one in targets]
        tensors = padded({"input_ids": sources}, layout)[0]
        pad = layout.padding.get("input_ids", 0)
        return Batch(
            {**tensors, "decoder_input_ids": tensor(_grid(read, pad))},
            tensor(_grid(wanted, IGNORED)),
        )

    # --- loss and answers

    def loss(self, net: Any, batch: Batch, cost: Loss) -> Output:
        """The loss over the target's tokens alone; logits (labels, vocabulary), or where the
        network sums the loss without them, none."""
        assert batch.labels is not None
        result = net(batch, cost)
        if not result.ndim:
            return Output(result, result.new_empty(0))
        return Output(cost.value(result, batch.labels[batch.labels != IGNORED]), result)

    def divergence(self, first: Tensor, second: Tensor, batch: Batch) -> Tensor:
        return symmetric_kl(first, second)

    def decoding(self) -> dict[str, Any]:
        """The settings of transformers' `generate` that follow from this task."""
        settings: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "num_beams": self.num_beams,
            "do_sample": self.do_sample,
            "no_repeat_ngram_size": self.no_repeat_ngram_size,
            "repetition_penalty": self.repetition_penalty,
        }
        if self.num_beams > 1:
            settings["length_penalty"] = self.length_penalty
            settings["early_stopping"] = False
        if self.do_sample:
            settings |= {"temperature": self.temperature, "top_p": self.top_p, "top_k": 0}
        return settings

    def forced(self, tokenizer: Any) -> dict[str, Any]:
        """Settings of `generate` that follow from the tokenizer, such as a first token."""
        return {}

    def together(self, texts: Sequence[str]) -> str:
        """What was written for the pieces of one source, as one text."""
        return joined(texts)

    def decide(self, scores: Any, examples: Sequence[Example] = ()) -> list[Prediction]:
        return [Prediction(one.text, float(np.exp(one.log_probability))) for one in scores]

    def to_answers(self, gold: Any, scores: Any) -> Texts:
        confidence = np.exp([one.log_probability for one in scores])
        return Texts.of(gold, [one.text for one in scores], confidence)


def decoder_input(target: np.ndarray, layout: Layout) -> np.ndarray:
    """What a decoder reads while it writes a target: the target, shifted by its first token."""
    start = layout.decoder_start
    assert start is not None, "an encoder-decoder has a token that its decoder begins with"
    if start < 0 and len(target):  # mBART: the language, which ends the target, begins it
        start = int(target[-1])
    return np.concatenate([[max(start, 0)], target[:-1]])


def _grid(rows: Sequence[np.ndarray], fill: int) -> np.ndarray:
    lengths = np.array([len(row) for row in rows])
    return grid(np.concatenate(rows).astype(np.int64), lengths, False, fill)


def _end_of(tokenizer: Any) -> int:
    """The token that ends a text. Raises ModelError where there is none: nothing would end."""
    end = tokenizer.eos_token_id
    end = tokenizer.sep_token_id if end is None else end  # of a warm-started pair of encoders
    if end is None:
        raise ModelError(
            _("this tokenizer has no token that ends a text (eos_token); take another checkpoint.")
        )
    return int(end)
