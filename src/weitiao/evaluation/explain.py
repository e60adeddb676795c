"""Attribution of a prediction to words: gradient x input and leave-one-out occlusion.

Gradient x input (Shrikumar et al., 2017) is the first-order change of the output if the embeddings
of a word were scaled to zero: one backward pass, but a local approximation. Leave-one-out occlusion
(Li et al., 2016) predicts again without each word: slower, but an exact difference. Where both
agree, trust it more; neither gives a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.core import html
from weitiao.core.script import has_han
from weitiao.data.cache.encoded import in_memory
from weitiao.data.segmentation import chinese_tokens
from weitiao.errors import DataError
from weitiao.example import Batch, Example, Prediction
from weitiao.i18n.messages import _
from weitiao.parts import near
from weitiao.tasks.answers.labels import Labels

if TYPE_CHECKING:
    from weitiao.model.model import Model

REPR_WORDS = 3  # in the short form of an explanation
MOST_PIECES = 80  # forward passes of occlusion; longer texts are cut into runs of words
_WORD = re.compile(r"\w+(?:['’]\w+)*", re.UNICODE)


@dataclass(frozen=True)
class Word:
    """The attribution of a word (in long texts: of a run of words).

    gradient: gradient x input, divided by the sum of absolute values; nan without a fast tokenizer.
    without: the decrease of the score when the word is left out.
    """

    role: str
    start: int  # in the cleaned text
    end: int
    text: str
    gradient: float
    without: float


@dataclass(frozen=True, repr=False)
class Explanation:
    """A prediction with its attributions. label: whose score is explained ("" for numbers)."""

    prediction: Prediction
    label: str
    score: float
    texts: dict[str, str]  # role -> the text as the network read it
    words: tuple[Word, ...]
    cut: bool  # the text was longer than the model reads

    def __repr__(self) -> str:
        most = sorted(self.words, key=lambda word: -abs(word.without))[:REPR_WORDS]
        words = ", ".join(f"{word.text} {word.without:+.2f}" for word in most)
        return f"Explanation({self.label or self.prediction.value} {self.score:.2f}: {words})"

    def _repr_html_(self) -> str:
        head = [_("word"), _("confidence lost without it"), _("gradient x input")]
        rows = [[word.text, f"{word.without:+.3f}", f"{word.gradient:+.3f}"] for word in self.words]
        return html.table(head, rows, f"{self.label} {self.score:.3f}".strip())

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "prediction": self.prediction.value,
            "asked": self.label,
            "score": self.score,
            "texts": self.texts,
            "cut": self.cut,
            "words": [asdict(word) for word in self.words],
        }


def explain(model: Model, example: Example, label: str | None = None) -> Explanation:
    """Attributions of the prediction, or of the score of another label, to each word.

    Raises DataError when there is no such label, or no word.
    """
    (clean,) = model.clean([example])
    scores = model.scores([example])
    (prediction,) = model.task.decide(scores)
    column, explained = _column(model, scores[0], label)
    places = [
        (role, start, end)
        for role in model.task.roles + model.task.optional_roles
        if role in clean.inputs
        for start, end in word_offsets(str(clean.inputs[role]))
    ]
    if not places:
        raise DataError(_("there is no word in the text that could be explained."))
    places = _merged_runs(places)
    gradients, cut = _gradients(model, clean, places, column)
    without = _occlusion(model, clean, places, column)
    words = [
        Word(role, start, end, str(clean.inputs[role])[start:end], float(g), float(w))
        for (role, start, end), g, w in zip(places, gradients, without, strict=True)
    ]
    texts = {role: str(text) for role, text in clean.inputs.items()}
    return Explanation(prediction, explained, float(scores[0, column]), texts, tuple(words), cut)


def word_offsets(text: str) -> Iterator[tuple[int, int]]:
    """Character offsets of the words of a text; of Chinese by jieba.

    >>> list(word_offsets("it isn't bad."))
    [(0, 2), (3, 8), (9, 12)]
    """
    if not has_han(text):
        yield from (match.span() for match in _WORD.finditer(text))
        return
    for start, end in chinese_tokens(text):
        if text[start:end].strip() and any(c.isalnum() for c in text[start:end]):
            yield start, end


def _column(model: Model, scores: np.ndarray, wanted: str | None) -> tuple[int, str]:
    """The output to explain: that of the wanted label, else of the predicted one."""
    choices = model.task.choices
    if wanted is not None and wanted not in choices:
        raise DataError(
            _("the model knows no label {label!r}.{hint}", label=wanted, hint=near(wanted, choices))
        )
    if not choices:
        return 0, ""
    if wanted is not None:
        return choices.index(wanted), wanted
    best = int(scores.argmax())
    if issubclass(model.task.answers, Labels):  # thresholds and costs may choose another one
        best = int(model.task.to_answers(np.zeros(1, int), scores[None]).values[0])
    return best, choices[best]


def _merged_runs(spans: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Runs of neighbouring words, where occlusion of each word would take too many passes."""
    step = -(-len(spans) // MOST_PIECES)
    if step == 1:
        return spans
    runs: list[tuple[str, int, int]] = []
    for at, (role, start, end) in enumerate(spans):
        if at % step and runs and runs[-1][0] == role:
            runs[-1] = (role, runs[-1][1], end)
        else:
            runs.append((role, start, end))
    return runs


def _gradients(
    model: Model, clean: Example, places: Sequence[tuple[str, int, int]], column: int
) -> tuple[np.ndarray, bool]:
    """Gradient x input of each piece, normalized; and whether the text was truncated."""
    if not getattr(model.tokenizer, "is_fast", False):
        return np.full(len(places), np.nan), False
    texts = model.task.texts([clean])
    apart = model.task.own_head == "cosine"  # each text alone, the tokens one after the other
    offsets, roles, read, cut = _tokens(model, [[one] for one in texts] if apart else [texts])
    ids = model.ids([clean])
    same = [one for row in ids["input_ids"] for one in row] == read
    assert same, "the offsets are those of other tokens"
    values = token_gradients(model, model.batch(in_memory([ids]), [0]), column)
    names = [r for r in model.task.roles + model.task.optional_roles if r in clean.inputs]
    sums = np.zeros(len(places))
    for value, (start, end), role in zip(values, offsets, roles, strict=True):
        if role is None or end <= start:
            continue
        # A token that overlaps more than one piece counts for the first.
        for span, (name, first, last) in enumerate(places):
            if name == names[role] and start < last and end > first:
                sums[span] += value
                break
    total = np.abs(sums).sum()
    return sums / total if total else sums, cut


def _tokens(
    model: Model, groups: Sequence[Sequence[list[str]]]
) -> tuple[list[tuple[int, int]], list[int | None], list[int], bool]:
    """Offsets, text number and id of each token that the network reads; and whether the text was
    truncated."""
    offsets, roles, read = list[tuple[int, int]](), list[int | None](), list[int]()
    cut, length = False, model.tokenizer.model_max_length
    for number, texts in enumerate(groups):
        encoded = model.tokenizer(
            *texts,
            truncation=False,
            verbose=False,
            return_attention_mask=False,
            return_offsets_mapping=True,
        )
        ids, sides = encoded["input_ids"][0], encoded.sequence_ids(0)
        picked = np.concatenate(model.long_texts.picks(sides, length)).astype(int).tolist()
        offsets += [encoded["offset_mapping"][0][at] for at in picked] if ids else [(0, 0)]
        roles += [None if sides[at] is None else sides[at] + number for at in picked] or [None]
        read += [ids[at] for at in picked] or [model.tokenizer.pad_token_id]
        cut |= len(set(picked)) < len(ids)
    return offsets, roles, read, cut


def token_gradients(model: Model, batch: Batch, column: int) -> np.ndarray:
    """Gradient x input of each token of a batch of one row, padded or packed; two texts encoded
    separately, or windows, are concatenated.

    The gradient is that of the log odds log(p / (1 - p)): the logit minus the logsumexp of the
    others. That of the probability itself would vanish for confident predictions.
    """
    import torch

    net = model.net
    batch = batch.to(next(net.parameters()).device)
    training = net.training
    net.eval()
    with torch.enable_grad():
        vectors = net.embeddings()(batch.tensors["input_ids"]).detach().requires_grad_(True)
        logits = net(batch.embedded(vectors))[0].float()
        margin = logits[column]
        if issubclass(model.task.answers, Labels):  # softmax: the others count against it
            others = torch.cat([logits[:column], logits[column + 1 :]])
            margin = margin - others.logsumexp(0)
        (gradient,) = torch.autograd.grad(margin, vectors)
    net.train(training)
    products, mask = (gradient * vectors.detach()).sum(-1), batch.tensors.get("attention_mask")
    return (products.flatten() if mask is None else products[mask.bool()]).float().cpu().numpy()


def _occlusion(
    model: Model, clean: Example, spans: Sequence[tuple[str, int, int]], column: int
) -> np.ndarray:
    """Leave-one-out occlusion: the decrease of the score without each piece."""
    rows = [clean]
    for role, start, end in spans:
        text = str(clean.inputs[role])
        rows.append(replace(clean, inputs={**clean.inputs, role: text[:start] + text[end:]}))
    # The texts are clean already, and cleaners need not be idempotent.
    encoded = in_memory([model.ids(rows)])
    scores = model.task.score(model.logits(encoded))[:, column]
    return np.asarray(scores[0] - scores[1:])
