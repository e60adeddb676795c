"""Out-of-scope detection: whether an input belongs to any of the labels that a model knows.

The detection scores, higher for known inputs:

max_probability  logarithm of the highest softmax probability (Hendrycks & Gimpel 2017)
energy           log-sum-exp of the logits, the negative free energy (Liu et al. 2020)
mahalanobis      -min_c (f - mean_c)' S^-1 (f - mean_c), of the features f of the output layer with
                 one covariance S of all labels (Lee et al. 2018; of texts: Podolskiy et al. 2021)

Beside the model: unknown.json (settings) and unknown.safetensors (arrays); no pickle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from weitiao.checkpoints.verify import broken
from weitiao.core import disk
from weitiao.example import Prediction

SETTINGS_FILE, ARRAYS_FILE = "unknown.json", "unknown.safetensors"
UNKNOWN = "unknown"  # the answer, where the rows have no name for it
MAX_REFERENCE = 10_000  # known scores that are saved
ROUNDING = 1e-9
Score = Literal["max_probability", "energy", "mahalanobis"]
SCORES: tuple[Score, ...] = ("max_probability", "energy", "mahalanobis")


@dataclass(frozen=True, eq=False)
class Gaussians:
    """A Gaussian of the features for each label, all with the same covariance.

    whitening (width, rank): features times it have the identity as covariance; means
    (labels, rank): whitened. scale: the mean squared distance of the rows that it was fitted to, in
    which distances are measured: networks that learned the same rows are then comparable.
    """

    whitening: np.ndarray
    means: np.ndarray
    scale: float = 1.0

    @classmethod
    def fit(cls, features: np.ndarray, labels: np.ndarray) -> Self:
        """Fit to features (n, width); the covariance is shrunk (Ledoit & Wolf 2004)."""
        from sklearn.covariance import ledoit_wolf

        wide = features.astype(np.float64)
        present, place = np.unique(labels, return_inverse=True)
        sums = np.zeros((len(present), wide.shape[1]))
        np.add.at(sums, place, wide)
        means = sums / np.bincount(place)[:, None]
        covariance, _shrinkage = ledoit_wolf(wide - means[place], assume_centered=True)
        values, vectors = np.linalg.eigh(covariance)
        held = values > values.max() * 1e-10
        whitening = vectors[:, held] / np.sqrt(values[held])
        fitted = cls(whitening.astype(np.float32), (means @ whitening).astype(np.float32))
        return replace(fitted, scale=float(max(fitted.distances(features).mean(), 1e-12)))

    def distances(self, features: np.ndarray) -> np.ndarray:
        """(n,) squared Mahalanobis distance to the nearest label, in units of `scale`."""
        points = features.astype(np.float64) @ self.whitening.astype(np.float64)
        means = self.means.astype(np.float64)
        # |a - m|^2 = |a|^2 - 2 a m + |m|^2, without an array of (n, labels, rank).
        squares = (points**2).sum(1)[:, None] - 2 * points @ means.T + (means**2).sum(1)
        return np.asarray(np.maximum(squares.min(1), 0.0) / self.scale)


def detection_scores(
    score: str, logits: np.ndarray, features: np.ndarray, gaussians: Gaussians | None
) -> np.ndarray:
    """(n,) the detection scores of rows, higher for known inputs."""
    if score == "mahalanobis":
        assert gaussians is not None, "they are fitted for this score"
        return -gaussians.distances(features)
    wide = logits.astype(np.float64)
    highest = wide.max(1)
    # In float64: of sure predictions, float32 probabilities are all 1.
    rest = np.log(np.exp(wide - highest[:, None]).sum(1))
    return np.asarray(-rest if score == "max_probability" else highest + rest)


@dataclass(frozen=True, eq=False)
class UnknownDetector:
    """A detection score with its threshold, in the form of the scores of known validation rows.

    reference: these, ascending. An input is refused where its conformal p-value, the share of known
    rows with a score as low, is at most 1 - keep (Vovk et al. 2005; Bates et al. 2023): of known
    inputs, at least `keep` are answered. answer: the prediction for the others.
    """

    score: Score
    keep: float
    answer: str
    reference: np.ndarray
    gaussians: Gaussians | None = None

    @classmethod
    def tuned(
        cls,
        score: Score,
        known: np.ndarray,
        *,
        keep: float,
        answer: str,
        gaussians: Gaussians | None = None,
    ) -> Self:
        """The detector with its threshold from the scores of known rows that were not learned."""
        ordered = np.sort(known.astype(np.float64))
        if len(ordered) > MAX_REFERENCE:
            places = np.linspace(0, len(ordered) - 1, MAX_REFERENCE).round().astype(int)
            ordered = ordered[places]
        return cls(score, keep, answer, ordered, gaussians if score == "mahalanobis" else None)

    def scores(self, logits: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(n,) the detection scores of rows."""
        return detection_scores(self.score, logits, features, self.gaussians)

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """(n,) conformal p-values of "this input is known"."""
        as_low = np.searchsorted(self.reference, scores, side="right")
        return np.asarray((as_low + 1) / (len(self.reference) + 1))

    def refuses(self, p_values: np.ndarray) -> np.ndarray:
        """(n,) whether the answer is "unknown"."""
        return np.asarray(p_values <= 1 - self.keep + ROUNDING)

    @property
    def can_refuse(self) -> bool:
        """Whether there are enough known rows: with 18, no p-value is as low as 5 %."""
        return bool(self.refuses(np.array([1 / (len(self.reference) + 1)]))[0])

    def marked(self, prediction: Prediction, p_value: float) -> Prediction:
        """A prediction with its p-value, and with the answer "unknown" where it is refused."""
        refused = bool(self.refuses(np.array([p_value]))[0])
        value = self.answer if refused else prediction.value
        return replace(prediction, value=value, best_known=prediction.value, known_score=p_value)

    def write(self, folder: Path) -> None:
        """Write unknown.json and unknown.safetensors."""
        from safetensors.numpy import save_file

        arrays = {"reference": self.reference}
        scale = 1.0
        if self.gaussians is not None:
            scale = self.gaussians.scale
            arrays |= {"whitening": self.gaussians.whitening, "means": self.gaussians.means}
        settings = _Settings(
            score=self.score, keep=self.keep, answer=self.answer, scale=scale
        ).model_dump_json(indent=1)
        (folder / SETTINGS_FILE).write_text(settings + "\n", encoding="utf-8")
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(whole, Path(disk.plain(folder)) / ARRAYS_FILE)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The detector of a saved model; None where it has none. Raises ModelError when damaged."""
        path = folder / SETTINGS_FILE
        if not path.is_file():
            return None
        try:
            settings = _Settings.model_validate_json(path.read_bytes())
            arrays = _arrays(folder)
            gaussians = None
            if settings.score == "mahalanobis":
                gaussians = Gaussians(arrays["whitening"], arrays["means"], settings.scale)
                if gaussians.whitening.shape[1] != gaussians.means.shape[1]:
                    raise ValueError(f"{ARRAYS_FILE}: shapes that do not fit together")
            reference = np.sort(arrays["reference"].astype(np.float64))
        except (OSError, ValueError, KeyError, IndexError) as error:
            raise broken(path, error) from error
        return cls(settings.score, settings.keep, settings.answer, reference, gaussians)


class _Settings(BaseModel):
    """unknown.json."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1] = 1
    score: Score
    keep: float = Field(gt=0, lt=1)
    answer: str = Field(min_length=1)
    scale: float = Field(gt=0, allow_inf_nan=False)


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = dict(load_file(Path(disk.plain(folder)) / ARRAYS_FILE))
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from error
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError(f"{ARRAYS_FILE}: numbers that are not finite")
    return arrays
