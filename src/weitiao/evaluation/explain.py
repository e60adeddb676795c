"""One answer explained: what each word adds to it, by the gradient and by leaving the word out.

Gradient x input (Shrikumar et al., 2017) says how the answer would move if the vectors of a word's
tokens shrank a little: one pass, but about the near surroundings only. Leaving words out asks the
model again without each word: slower, and what it says is what happened. Where both agree, trust it
more; neither says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.core.script import has_han
from weitiao.data.cache.encoded import in_memory
from weitiao.errors import DataError
from weitiao.evaluation.chinese import chinese_tokens
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _
from weitiao.parts import near
from weitiao.tasks.answers.labels import Labels

if TYPE_CHECKING:
    from weitiao.model.model import Model

MOST_PIECES = 80  # that are left out one after the other; longer texts in runs of words
_WORD = re.compile(r"\w+(?:['’]\w+)*", re.UNICODE)


@dataclass(frozen=True)
class Word:
    """A word (in long texts: a run of words) and what it adds to the answer.

    gradient: its share of the sum of all sizes, with its sign; nan without a fast tokenizer.
    without: how much lower the score is when it is left out; negative when it is higher.
    """

    role: str
    start: int  # in the cleaned text
    end: int
    text: str
    gradient: float
    without: float


@dataclass(frozen=True)
class Explanation:
    """An answer and its words. asked: the label whose score is explained ("" for numbers)."""

    prediction: Prediction
    asked: str
    score: float
    texts: dict[str, str]  # role -> the text as the network read it
    words: tuple[Word, ...]
    cut: bool  # the text was longer than the model reads

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"prediction": self.prediction.value, "asked": self.asked, "score": self.score,
                "texts": self.texts, "cut": self.cut,
                "words": [asdict(word) for word in self.words]}  # fmt: skip


def explain(model: Model, example: Example, label: str | None = None) -> Explanation:
    """What each word adds to the answer, or to the score of another label.

    Raises DataError when there is no such label, or no word.
    """
    (clean,) = model.clean([example])
    scores = model.scores([example])
    (prediction,) = model.task.decide(scores)
    column, asked = _column(model, scores[0], label)
    spans = [
        (role, start, end)
        for role in model.task.roles + model.task.optional_roles
        if role in clean.inputs
        for start, end in pieces_of(str(clean.inputs[role]))
    ]
    if not spans:
        raise DataError(_("there is no word in the text that could be explained."))
    spans = _joined(spans)
    gradients, cut = _gradients(model, clean, spans, column)
    without = _without(model, clean, spans, column)
    words = [
        Word(role, start, end, str(clean.inputs[role])[start:end], float(g), float(w))
        for (role, start, end), g, w in zip(spans, gradients, without, strict=True)
    ]
    texts = {role: str(text) for role, text in clean.inputs.items()}
    return Explanation(prediction, asked, float(scores[0, column]), texts, tuple(words), cut)


def pieces_of(text: str) -> Iterator[tuple[int, int]]:
    """Where the words of a text begin and end; of Chinese by jieba.

    >>> list(pieces_of("it isn't bad."))
    [(0, 2), (3, 8), (9, 12)]
    """
    if not has_han(text):
        yield from (found.span() for found in _WORD.finditer(text))
        return
    for start, end in chinese_tokens(text):
        if text[start:end].strip() and any(c.isalnum() for c in text[start:end]):
            yield start, end


def _column(model: Model, scores: np.ndarray, label: str | None) -> tuple[int, str]:
    """Which output is explained: of the label asked for, else of the answer."""
    choices = model.task.choices
    if label is not None and label not in choices:
        raise DataError(_("the model knows no label {label!r}.{hint}", label=label,
                             hint=near(label, choices)))  # fmt: skip
    if not choices:
        return 0, ""
    if label is not None:
        return choices.index(label), label
    best = int(scores.argmax())
    if issubclass(model.task.answers, Labels):  # thresholds and costs may choose another one
        best = int(model.task.judge(np.zeros(1, int), scores[None]).values[0])
    return best, choices[best]


def _joined(spans: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Neighbouring words together, where there are too many to leave each out alone."""
    step = -(-len(spans) // MOST_PIECES)
    if step == 1:
        return spans
    found: list[tuple[str, int, int]] = []
    for at, (role, start, end) in enumerate(spans):
        if at % step and found and found[-1][0] == role:
            found[-1] = (role, found[-1][1], end)
        else:
            found.append((role, start, end))
    return found


def _gradients(
    model: Model, clean: Example, spans: Sequence[tuple[str, int, int]], column: int
) -> tuple[np.ndarray, bool]:
    """Each piece's gradient x input, as shares; and whether the text was cut."""
    if not getattr(model.tokenizer, "is_fast", False):
        return np.full(len(spans), np.nan), False
    texts = model.task.texts([clean])
    apart = model.task.own_head == "cosine"  # each text alone, the tokens one after the other
    offsets, roles, read, cut = _read(model, [[one] for one in texts] if apart else [texts])
    ids = model.ids([clean])
    same = [one for row in ids["input_ids"] for one in row] == read
    assert same, "the offsets are those of other tokens"
    values = token_gradients(model, model.batch(in_memory([ids]), [0]), column)
    names = [r for r in model.task.roles + model.task.optional_roles if r in clean.inputs]
    sums = np.zeros(len(spans))
    for value, (start, end), role in zip(values, offsets, roles, strict=True):
        if role is None or end <= start:
            continue
        for span, (name, first, last) in enumerate(spans):
            if name == names[role] and start < last and end > first:
                sums[span] += value
                break
    total = np.abs(sums).sum()
    return sums / total if total else sums, cut


def _read(
    model: Model, groups: Sequence[Sequence[list[str]]]
) -> tuple[list[tuple[int, int]], list[int | None], list[int], bool]:
    """Where each token that is read of one row stands, in which of its texts, and its id; and
    whether others are not read."""
    offsets, roles, read = list[tuple[int, int]](), list[int | None](), list[int]()
    cut, length = False, model.tokenizer.model_max_length
    for number, texts in enumerate(groups):
        told = model.tokenizer(
            *texts,
            truncation=False,
            verbose=False,
            return_attention_mask=False,
            return_offsets_mapping=True,
        )
        ids, sides = told["input_ids"][0], told.sequence_ids(0)
        picked = np.concatenate(model.long_texts.picks(sides, length)).astype(int).tolist()
        offsets += [told["offset_mapping"][0][at] for at in picked] if ids else [(0, 0)]
        roles += [None if sides[at] is None else sides[at] + number for at in picked] or [None]
        read += [ids[at] for at in picked] or [model.tokenizer.pad_token_id]
        cut |= len(set(picked)) < len(ids)
    return offsets, roles, read, cut


def token_gradients(model: Model, batch: Batch, column: int) -> np.ndarray:
    """Gradient x input of each token of a batch of one row, padded or packed alike; of a row that
    is two texts apart, or has windows, one after the other.

    The gradient is that of the output's lead: its logit less what the others together hold.
    """
    import torch

    net = model.net
    batch = batch.to(next(net.parameters()).device)
    training = net.training
    net.eval()
    with torch.enable_grad():
        vectors = net.embeddings()(batch.tensors["input_ids"]).detach().requires_grad_(True)
        logits = net(batch.embedded(vectors))[0].float()
        lead = logits[column]
        if issubclass(model.task.answers, Labels):  # softmax: the others count against it
            others = torch.cat([logits[:column], logits[column + 1 :]])
            lead = lead - others.logsumexp(0)
        (gradient,) = torch.autograd.grad(lead, vectors)
    net.train(training)
    found, mask = (gradient * vectors.detach()).sum(-1), batch.tensors.get("attention_mask")
    return (found.flatten() if mask is None else found[mask.bool()]).float().cpu().numpy()


def _without(
    model: Model, clean: Example, spans: Sequence[tuple[str, int, int]], column: int
) -> np.ndarray:
    """How much lower the score is without each piece."""
    rows = [clean]
    for role, start, end in spans:
        text = str(clean.inputs[role])
        rows.append(replace(clean, inputs={**clean.inputs, role: text[:start] + text[end:]}))
    # The texts are clean already, and cleaning twice is not promised to change nothing.
    encoded = in_memory([model.ids(rows)])
    scores = model.task.score(model.logits(encoded))[:, column]
    return np.asarray(scores[0] - scores[1:])
