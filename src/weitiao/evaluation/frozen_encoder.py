"""Linear probe: logistic or ridge regression on the mean-pooled vectors of the frozen encoder.

The baseline that fine-tuning must beat: what the pre-trained network represents already, learned
from a bounded number of rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.evaluation.baselines import (
    PROBLEMS,
    Baseline,
    Selection,
    Texts,
    selection_metric,
)
from weitiao.evaluation.baselines.base import picked, positions_of
from weitiao.i18n.messages import N_, _, in_english

if TYPE_CHECKING:
    from weitiao.model.model import Model

NAME = "frozen_linear"
TRAIN_ROWS = 1_000  # a linear model on a few hundred features gains little beyond
VALIDATION_ROWS = 300  # enough to choose between three strengths
TOKENS = 8192  # maximum tokens per forward pass
PROBE_ROWS = 8  # to measure the speed
TIME_MARGIN = 0.8  # of the seconds; the rest for longer texts than the probe's
# (C, tolerance): inverse of the L2 penalty on standardised features, and the solver's tolerance.
STRENGTHS = ((0.01, 1e-3), (0.1, 1e-3), (1.0, 1e-3))
RIDGE_STRENGTHS = ((0.001, 1e-4), (0.01, 1e-4), (0.1, 1e-4))
FEATURES = N_("mean of the token vectors, C={c:g}")


class Encoder:
    """The pre-trained encoder of a plan: texts to mean-pooled vectors."""

    net: Any
    tokenizer: Any

    def __init__(self, model: Model) -> None:
        plan = model.plan
        self._load(plan.model.checkpoint, plan.model.revision, model.tokenizer)
        self.net.to(next(model.net.parameters()).device)

    @classmethod
    def of_checkpoint(cls, checkpoint: str, max_length: int) -> Encoder:
        """The encoder of a checkpoint, without a plan; texts are cut to so many tokens."""
        from weitiao.checkpoints.load import load_tokenizer
        from weitiao.checkpoints.resolve import resolve

        source = resolve(checkpoint)
        trusted = source.kind == "package"
        tokenizer = load_tokenizer(source.path_or_name, source.revision, trusted=trusted)
        tokenizer.model_max_length = min(tokenizer.model_max_length, max_length)
        encoder = cls.__new__(cls)
        encoder._load(checkpoint, source.revision, tokenizer)
        return encoder

    def _load(self, checkpoint: str, revision: str | None, tokenizer: Any) -> None:
        from weitiao.checkpoints.families import configure_padding
        from weitiao.checkpoints.load import load_config, network
        from weitiao.checkpoints.resolve import resolve
        from weitiao.checkpoints.verify import load_errors, quiet

        source = resolve(checkpoint, revision)
        self.tokenizer = tokenizer
        with quiet(), load_errors(checkpoint):
            config = load_config(source)
            configure_padding(self.tokenizer, config)
            self.net = network(source, config, "none").eval()

    @property
    def device(self) -> Any:
        return next(self.net.parameters()).device

    def features(self, texts: Texts) -> np.ndarray:
        """(rows, width); of pairs [u, v, |u - v|, u * v] (InferSent, Conneau et al. 2017)."""
        roles = [self._means(role) for role in texts]
        if len(roles) == 1:
            return roles[0]
        first, second = roles
        return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)

    def _means(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        from weitiao.model.batching import by_length

        encoded = self.tokenizer(
            list(texts), truncation=True, max_length=self.tokenizer.model_max_length
        )
        lengths = np.array([len(ids) for ids in encoded["input_ids"]])
        means: np.ndarray | None = None
        with torch.inference_mode():
            for picked in by_length(lengths, TOKENS, packed=False):
                rows = {name: [values[at] for at in picked] for name, values in encoded.items()}
                batch = self.tokenizer.pad(rows, return_tensors="pt").to(self.device)
                hidden = self.net(**batch).last_hidden_state
                mask = batch["attention_mask"][..., None].to(hidden.dtype)
                batch_means = ((hidden * mask).sum(1) / mask.sum(1)).float().cpu().numpy()
                if means is None:
                    means = np.zeros((len(texts), batch_means.shape[1]), np.float32)
                means[picked] = batch_means
        assert means is not None
        return means


def fit_frozen(  # noqa: PLR0913 - the two parts of the data are four of the arguments
    model: Model,
    problem: str,
    train_texts: Texts,
    train_labels: np.ndarray,
    validation_texts: Texts,
    validation_labels: np.ndarray,
    outputs: int,
    evaluated_rows: int,
    seconds: float | None = None,
    *,
    selection: Selection | None = None,
    weights: np.ndarray | None = None,
) -> Baseline | str:
    """The linear probe, or the reason why it is left out.

    evaluated_rows: that must be encoded for the evaluation, within the same seconds. It is fitted
    to at most TRAIN_ROWS rows; never to fewer because the time is short, which would not be fair.
    selection, weights: as in `fit_baselines`.
    """
    begin, problem_model = time.monotonic(), PROBLEMS[problem]
    encoder = Encoder(model)
    generator = np.random.default_rng(model.plan.train.seed)
    balanced = model.plan.train.class_weights == "balanced"
    train_rows = min(TRAIN_ROWS, len(train_labels))
    validation_rows = min(VALIDATION_ROWS, len(validation_labels))
    if seconds is not None:
        end = begin + TIME_MARGIN * seconds
        if _affordable(encoder, train_texts, end) < train_rows + validation_rows + evaluated_rows:
            if seconds < 1:
                return _("the frozen encoder was left out: the budget is used up")
            return _(
                "the frozen encoder was left out: it would take longer than {seconds} s",
                seconds=f"{seconds:.0f}",
            )
    chosen = positions_of(len(train_labels), train_rows, generator)
    train = picked(train_texts, chosen), train_labels[chosen]
    own = None if weights is None else weights[chosen]
    at = positions_of(len(validation_labels), validation_rows, generator)
    selection = selection or Selection(
        type(problem_model.metric).__name__,
        lambda rows, scores: selection_metric(problem_model, validation_labels[rows], scores),
    )
    features = encoder.features(train[0])
    mean, std = features.mean(0), features.std(0) + 1e-6
    validation_features = (encoder.features(picked(validation_texts, at)) - mean) / std
    candidates: list[tuple[float, float, Any]] = []
    for strength in RIDGE_STRENGTHS if problem_model.ridge else STRENGTHS:
        predict = problem_model.fit(
            (features - mean) / std, train[1], outputs, strength, balanced, own
        )
        metric = selection.value(at, predict(validation_features))
        candidates.append((metric, strength[0], predict))
    best = max(candidates, key=lambda one: selection.order(one[0]))

    def score(texts: Texts) -> np.ndarray:
        return np.asarray(best[2]((encoder.features(texts) - mean) / std))

    detail = {
        "features": in_english(FEATURES, c=best[1]),
        "metric": selection.name,
        "validation": best[0],
        "train_rows": len(train[1]),
        "all_rows": len(train_labels),
        "seconds": round(time.monotonic() - begin, 2),
    }
    return Baseline(NAME, detail, score)


def _affordable(encoder: Encoder, texts: Texts, end: float) -> int:
    """The rows that can be encoded until `end`, at the speed of a few that are tried."""
    rows = np.linspace(0, len(texts[0]) - 1, PROBE_ROWS).astype(int)
    some = [[role[at] for at in rows] for role in texts]
    encoder.features(some)  # the first pass is slower
    start = time.monotonic()
    encoder.features(some)
    each = (time.monotonic() - start) / PROBE_ROWS
    return int(max(end - time.monotonic(), 0.0) / max(each, 1e-6))
