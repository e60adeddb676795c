"""The frozen encoder: what the pre-trained network knows already, with a linear model on top.

Its token vectors are averaged and never changed; a logistic (for numbers a ridge) regression learns
from a bounded number of rows. That is the question before all fine-tuning: is it worth it here?
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weitiao.evaluation.baselines import PROBLEMS, Baseline, Texts, sample_of, worth
from weitiao.i18n.messages import N_, _, in_english

if TYPE_CHECKING:
    from weitiao.model.model import Model

NAME = "frozen_linear"
TRAIN_ROWS = 1_000  # a linear model on a few hundred numbers gains little beyond
VALIDATION_ROWS = 300  # enough to choose between three strengths
FEWEST_ROWS = 100  # to learn from; below, the baseline would be no fair one
TOKENS = 8192  # that go through the network at once
PROBE_ROWS = 8  # by which the speed is measured
MARGIN = 0.8  # of the time, for what the probe did not see
# The inverse of the L2 penalty on standardised features, and how exactly it is solved.
STRENGTHS = ((0.01, 1e-3), (0.1, 1e-3), (1.0, 1e-3))
RIDGE_STRENGTHS = ((0.001, 1e-4), (0.01, 1e-4), (0.1, 1e-4))
FEATURES = N_("mean of the token vectors, C={c:g}")


class Encoder:
    """The pre-trained network of a plan, as texts to vectors."""

    def __init__(self, model: Model) -> None:
        from transformers import AutoConfig

        from weitiao.checkpoints.families import configure_padding
        from weitiao.checkpoints.load import network
        from weitiao.checkpoints.resolve import resolve
        from weitiao.checkpoints.verify import load_errors, quiet

        plan = model.plan
        source = resolve(plan.model.checkpoint, plan.model.revision)
        self.tokenizer = model.tokenizer
        with quiet(), load_errors(plan.model.checkpoint):
            config = AutoConfig.from_pretrained(
                source.path_or_name, revision=source.revision, trust_remote_code=False
            )
            configure_padding(self.tokenizer, config)
            native = network(source, config, "none")
        self.device = next(model.net.parameters()).device
        self.net = native.eval().to(self.device)

    def features(self, texts: Texts) -> np.ndarray:
        """(rows, width); of pairs both, how far they differ and where they agree."""
        roles = [self._means(role) for role in texts]
        if len(roles) == 1:
            return roles[0]
        first, second = roles
        return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)

    def _means(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        from weitiao.model.batching import by_length

        told = self.tokenizer(
            list(texts), truncation=True, max_length=self.tokenizer.model_max_length
        )
        lengths = np.array([len(ids) for ids in told["input_ids"]])
        found: np.ndarray | None = None
        with torch.inference_mode():
            for picked in by_length(lengths, TOKENS, packed=False):
                rows = {name: [values[at] for at in picked] for name, values in told.items()}
                batch = self.tokenizer.pad(rows, return_tensors="pt").to(self.device)
                hidden = self.net(**batch).last_hidden_state
                mask = batch["attention_mask"][..., None].to(hidden.dtype)
                means = ((hidden * mask).sum(1) / mask.sum(1)).float().cpu().numpy()
                if found is None:
                    found = np.zeros((len(texts), means.shape[1]), np.float32)
                found[picked] = means
        assert found is not None
        return found


def fit_frozen(  # noqa: PLR0913 - the two parts of the data are four of the arguments
    model: Model,
    problem: str,
    train_texts: Texts,
    train_labels: np.ndarray,
    validation_texts: Texts,
    validation_labels: np.ndarray,
    outputs: int,
    judged: int,
    seconds: float | None = None,
) -> Baseline | str:
    """The baseline, or why there is none: so many rows are to be judged in so many seconds."""
    begin, linear = time.monotonic(), PROBLEMS[problem]
    encoder = Encoder(model)
    generator = np.random.default_rng(model.plan.train.seed)
    most, other = TRAIN_ROWS, VALIDATION_ROWS
    if seconds is not None:
        most, other = _affordable(encoder, train_texts, judged, begin + MARGIN * seconds)
        if most < min(FEWEST_ROWS, len(train_labels)):
            return _("the frozen encoder was left out: it would take longer than {seconds} s",
                        seconds=f"{seconds:.0f}")  # fmt: skip
    train = sample_of(train_texts, train_labels, most, generator)
    validation = sample_of(validation_texts, validation_labels, other, generator)
    features = encoder.features(train[0])
    middle, spread = features.mean(0), features.std(0) + 1e-6
    asked = (encoder.features(validation[0]) - middle) / spread
    found: list[tuple[float, float, Any]] = []
    for strength in RIDGE_STRENGTHS if linear.ridge else STRENGTHS:
        predict = linear.fit((features - middle) / spread, train[1], outputs, strength)
        found.append((worth(linear, validation[1], predict(asked)), strength[0], predict))
    best = max(found, key=lambda one: one[0])

    def score(texts: Texts) -> np.ndarray:
        return np.asarray(best[2]((encoder.features(texts) - middle) / spread))

    detail = {
        "features": in_english(FEATURES, c=best[1]),
        "validation": best[0],
        "train_rows": len(train[1]),
        "seconds": round(time.monotonic() - begin, 2),
    }
    return Baseline(NAME, detail, score)


def _affordable(encoder: Encoder, texts: Texts, judged: int, end: float) -> tuple[int, int]:
    """How many rows to learn from and to validate on fit into the time, judging included."""
    rows = np.linspace(0, len(texts[0]) - 1, PROBE_ROWS).astype(int)
    some = [[role[at] for at in rows] for role in texts]
    encoder.features(some)  # the first pass is slower
    start = time.monotonic()
    encoder.features(some)
    each = (time.monotonic() - start) / PROBE_ROWS
    left = max(end - time.monotonic(), 0.0) / max(each, 1e-6) - judged
    most = min(TRAIN_ROWS, int(left * TRAIN_ROWS / (TRAIN_ROWS + VALIDATION_ROWS)))
    return most, max(min(VALIDATION_ROWS, int(left) - most), 1)
