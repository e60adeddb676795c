"""Writing: texts from a network, in batches by length; and the loss of given texts.

Decoding is transformers' `generate`. Rows of like length share a batch, so that little is padded
and short answers do not wait for long ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from weitiao.checkpoints.load import MIN_TEXT_POSITIONS
from weitiao.core.batch_layout import Layout
from weitiao.core.ragged import Ragged, edges
from weitiao.data.cache.encoded import Encoded
from weitiao.data.targets import fields_of
from weitiao.errors import PlanError
from weitiao.example import Batch, Written
from weitiao.hardware.precision import arithmetic
from weitiao.hardware.probe import resolve as resolve_precision
from weitiao.i18n.messages import _
from weitiao.labels.texts.fields import object_of
from weitiao.model import constraints
from weitiao.model.batching import by_length
from weitiao.model.json_fields import JsonFields
from weitiao.model.net import Net, unwrap
from weitiao.tasks.base import IGNORED, Task
from weitiao.tasks.texts.generative import PART, REQUIRED, SOURCE, TARGET, Generative

if TYPE_CHECKING:
    from weitiao.model.model import Model

TOKENS_AT_ONCE = 8192  # in a batch: sources, and the longest answers that may follow
Progress = Callable[[int], None]


def written(
    model: Model,
    encoded: Encoded,
    net: Any = None,
    examples: np.ndarray | None = None,
    step: Progress | None = None,
) -> np.ndarray:
    """What the network writes for each example (default: all), an array of `Written`; the pieces of
    a long source are put together."""
    wanted = np.arange(encoded.examples) if examples is None else np.asarray(examples)
    part = encoded.of(wanted)
    texts = _rows(model, part, net, step)
    whole = np.empty(len(wanted), object)
    firsts = np.arange(len(wanted) + 1) if part.firsts is None else part.firsts
    for row in range(len(wanted)):
        whole[row] = _together(model.task, texts[firsts[row] : firsts[row + 1]])
    return whole


def _together(task: Any, pieces: Sequence[Written]) -> Written:
    if len(pieces) == 1:
        return pieces[0]
    tokens = sum(piece.tokens for piece in pieces)
    total = sum(piece.log_probability * piece.tokens for piece in pieces)
    text = task.together([piece.text for piece in pieces])
    return Written(text, total / max(tokens, 1), tokens, any(piece.cut for piece in pieces))


@torch.inference_mode()
def _rows(model: Model, encoded: Encoded, net: Any, step: Progress | None) -> list[Written]:
    """A text for each encoded row."""
    net = model.net if net is None else net
    task, tokenizer, own = model.task, model.tokenizer, unwrap(net)
    assert isinstance(task, Generative)
    settings = {**task.decoding(), **task.forced(tokenizer), "use_cache": True}
    fields, kinds = fields_of(task, model.plan.data.roles), np.asarray(encoded.values[PART])
    owners = np.repeat(np.arange(len(encoded)), encoded.lengths)
    sources = np.bincount(owners[kinds == SOURCE], minlength=len(encoded))
    device = next(own.parameters()).device
    training, result = net.training, [Written("")] * len(encoded)
    net.eval()
    with arithmetic(resolve_precision(model.plan.train.precision, device.type), device.type):
        longest = sources + task.max_new_tokens * task.num_beams
        for group in by_length(longest, TOKENS_AT_ONCE, False):
            batch = model.batch(encoded, group).to(device)
            begun = batch.tensors["input_ids"].shape[1] if task.causal else 1
            limits = _constraints(model, own.native, encoded, group, begun)
            generated = own.native.generate(**batch.tensors, **settings, **limits)
            answers = [_ended(row, own.native) for row in generated[:, begun:].cpu().numpy()]
            losses = _losses_of(model, own, encoded, group, answers)
            texts = tokenizer.batch_decode(answers, skip_special_tokens=True)
            for row, answer, text, loss in zip(group, answers, texts, losses, strict=True):
                cut = len(answer) >= task.max_new_tokens
                mean = -float(loss) / max(len(answer), 1)
                text = object_of(text, fields) if fields else text.strip()
                result[int(row)] = Written(text, mean, len(answer), cut)
            if step:
                step(len(group))
    net.train(training)
    return result


def _constraints(
    model: Model, native: Any, encoded: Encoded, rows: np.ndarray, begun: int
) -> dict[str, Any]:
    """Settings of `generate` by which answers contain the texts that their sources require, and by
    which those of several columns are JSON objects."""
    from transformers import LogitsProcessorList

    taken, task = encoded.take(rows), model.task
    assert isinstance(task, Generative)
    terms = [required_in(*row) for row in zip(taken["input_ids"], taken[PART], strict=True)]
    fields = fields_of(task, model.plan.data.roles)
    ends, tokenizer = _ends_of(native), model.tokenizer
    forced = "forced_bos_token_id" in task.forced(tokenizer)
    most, beams = task.max_new_tokens, task.num_beams
    found: list[Any] = []
    if any(terms):
        found = [constraints.Required(terms, tokenizer, begun, most, ends, beams, forced)]
    elif fields and ends:
        single = beams == 1 and not task.do_sample
        found = [JsonFields(fields, tokenizer, begun, most, ends, forced, single)]
    return {"logits_processor": LogitsProcessorList(found)} if found else {}


def required_in(ids: np.ndarray, part: np.ndarray) -> list[list[int]]:
    """The token ids of each text that an answer must contain, which stand behind source and target.

    >>> required_in(np.arange(6), np.array([0, 1, 3, 3, 4, 3]))
    [[2, 3], [4], [5]]
    """
    part = np.asarray(part)
    ids, part = np.asarray(ids)[part >= REQUIRED], part[part >= REQUIRED]
    if not len(ids):
        return []
    return [run.tolist() for run in np.split(ids, np.flatnonzero(np.diff(part)) + 1)]


def _ends_of(native: Any) -> list[int]:
    ends = native.generation_config.eos_token_id
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


def _ended(row: np.ndarray, native: Any) -> np.ndarray:
    """Generated ids up to the token that ends them, included; padding behind it is dropped."""
    found = np.flatnonzero(np.isin(row, _ends_of(native)))
    return row[: found[0] + 1] if len(found) else row


def _losses_of(
    model: Model, net: Net, encoded: Encoded, rows: np.ndarray, answers: Sequence[np.ndarray]
) -> np.ndarray:
    """(rows,) the summed loss of what was written, by one pass over it.

    The scores of `generate` are those after its own changes (length penalty, no repetition); these
    are the network's own, whatever the decoding.
    """
    taken = encoded.take(rows)
    pairs = zip(taken["input_ids"], taken[PART], strict=True)
    sources = [np.asarray(ids)[np.asarray(part) == SOURCE] for ids, part in pairs]
    both = list(zip(sources, answers, strict=True))
    joined = {
        "input_ids": [np.concatenate([source, answer]) for source, answer in both],
        PART: [np.repeat([SOURCE, TARGET], [len(source), len(answer)]) for source, answer in both],
    }
    labels = Ragged(
        np.concatenate([np.concatenate([np.full(len(s), IGNORED), a]) for s, a in both]),
        edges([len(s) + len(a) for s, a in both]),
    )
    layout: Layout = net.collation(model.tokenizer, False)
    batch = model.task.collate(joined, labels, layout)
    return _sums(net, batch.to(next(net.parameters()).device), len(rows))[:, 0]


def _sums(net: Any, batch: Batch, rows: int) -> np.ndarray:
    """(rows, 2): the summed loss of each row, and its labels."""
    assert batch.labels is not None
    known = batch.labels != IGNORED
    losses = cross_entropy(net(batch).float(), batch.labels[known], reduction="none")
    owners = known.nonzero()[:, 0]
    sums: Tensor = losses.new_zeros(rows).index_add(0, owners, losses)
    counts = torch.bincount(owners, minlength=rows)
    return torch.stack([sums, counts.to(sums.dtype)], 1).cpu().numpy()


@torch.inference_mode()
def target_losses(
    model: Model, encoded: Encoded, labels: Ragged, net: Any = None, rows: np.ndarray | None = None
) -> np.ndarray:
    """(rows, 2): the summed loss of the target of each encoded row, and its number of tokens."""
    net = model.net if net is None else net
    wanted = np.arange(len(encoded)) if rows is None else np.asarray(rows)
    result = np.zeros((len(wanted), 2))
    device = next(model.net.parameters()).device
    training = net.training
    net.eval()
    with arithmetic(resolve_precision(model.plan.train.precision, device.type), device.type):
        for group in by_length(encoded.lengths[wanted], TOKENS_AT_ONCE, False):
            batch = model.batch(encoded, wanted[group], labels).to(device)
            result[group] = _sums(net, batch, len(group))
    net.train(training)
    return result


def positions_of_answers(task: Task, config: Any) -> int:
    """Positions that the longest answer takes from those of its source, in a causal network.

    Raises PlanError where the network has too few of them for such answers.
    """
    if not isinstance(task, Generative):
        return 0
    positions = getattr(config, "max_position_embeddings", None) or 0
    most = positions - (MIN_TEXT_POSITIONS if task.causal else 0)
    if positions > 0 and most < task.max_new_tokens:
        message = _(
            "max_new_tokens: {tokens} are too many for the {positions} positions of this network; "
            "write at most {most}.",
            tokens=task.max_new_tokens,
            positions=positions,
            most=max(most, 0),
        )
        raise PlanError([message])
    return task.max_new_tokens if task.causal else 0


def describe_decoding(native: Any, task: Any, tokenizer: Any) -> None:
    """Write the task's decoding into the network's generation_config, which is saved with it, so
    that transformers alone writes the same."""
    from transformers import GenerationConfig

    before = native.generation_config
    kept = {
        name: getattr(before, name)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
        if getattr(before, name, None) is not None
    }
    bad = getattr(before, "bad_words_ids", None)  # Marian never writes its padding
    settings = {**kept, **({"bad_words_ids": bad} if bad else {}), **task.decoding()}
    native.generation_config = GenerationConfig(**{**settings, **task.forced(tokenizer)})
