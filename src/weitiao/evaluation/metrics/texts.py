"""Metrics of texts that were written: BLEU, chrF, ROUGE, and whether they are valid JSON."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np

from weitiao.evaluation.metrics.base import ArrayMetric, ratio
from weitiao.labels.texts import similarity
from weitiao.labels.texts.terms import held, placeholders
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.texts import Texts


class Bleu(ArrayMetric):
    """BLEU (Papineni et al. 2002) of the whole set as sacrebleu computes it, 0 to 100: n-grams in
    common, up to four words (of Chinese and Japanese, characters), and a penalty for shortness.

    Compare it only between systems on the same rows.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Texts,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        tokenizer = similarity.writing_of(list(answers.targets))
        rows = similarity.bleu_statistics(answers.values, answers.targets, tokenizer)
        return np.array([similarity.corpus_bleu(sample) for sample in weights @ rows])


class Chrf(ArrayMetric):
    """chrF++ (Popović 2017) as sacrebleu computes it, 0 to 100: n-grams of up to six characters and
    two words; where no blanks separate words, of characters alone (chrF, 2015).

    Steadier than BLEU where texts are short, and fairer to languages with many word forms.
    """

    answers: ClassVar[tuple[type[Answers], ...]] = (Texts,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        tokenizer = similarity.writing_of(list(answers.targets))
        rows = similarity.chrf_statistics(answers.values, answers.targets, tokenizer)
        return np.array([similarity.corpus_chrf(sample, tokenizer) for sample in weights @ rows])


class _Rouge(ArrayMetric):
    answers: ClassVar[tuple[type[Answers], ...]] = (Texts,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 100.0)
    variant: ClassVar[str]

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        rows = similarity.rouge(self.variant, answers.values, answers.targets)
        return weights @ rows / weights.sum(1)


class Rouge1(_Rouge):
    """ROUGE-1 (Lin 2004), 0 to 100: F1 of the words in common (of Chinese, characters)."""

    variant: ClassVar[str] = "rouge1"


class Rouge2(_Rouge):
    """ROUGE-2 (Lin 2004), 0 to 100: F1 of the pairs of words in common (of Chinese, characters)."""

    variant: ClassVar[str] = "rouge2"


class RougeL(_Rouge):
    """ROUGE-L (Lin 2004), 0 to 100: F1 of the longest sequence of words in common, gaps allowed (of
    Chinese, characters). The usual one for summaries."""

    variant: ClassVar[str] = "rougeL"


class ValidJson(ArrayMetric):
    """The proportion of answers that are valid JSON."""

    answers: ClassVar[tuple[type[Answers], ...]] = (Texts,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        return weights @ np.array([_is_json(v) for v in answers.values], float) / weights.sum(1)

    def proportion(self, answers: type[Answers]) -> bool:
        return True


class PlaceholdersKept(ArrayMetric):
    """The proportion of the placeholders of the references (names in braces, printf codes, tags,
    addresses) that stand in the answers; 1 where there are none."""

    answers: ClassVar[tuple[type[Answers], ...]] = (Texts,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        wanted = [placeholders(target or "") for target in answers.targets]
        texts = zip(wanted, answers.values, strict=True)
        kept = np.array([held(marks, text or "") for marks, text in texts], float)
        return ratio(weights @ kept, weights @ np.array([*map(len, wanted)], float), 1.0)


class GlossaryKept(ArrayMetric):
    """The proportion of the glossary's target terms in the references that stand in the answers; 1
    where there are none, 0 where the answers were not held against a glossary."""

    answers: ClassVar[tuple[type[Answers], ...]] = (Texts,)
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def values(self, answers: Answers, weights: np.ndarray) -> np.ndarray:
        if np.shape(answers.counts)[1:] != (3,):
            return np.zeros(len(weights))
        wanted, kept = weights @ answers.counts[:, 1], weights @ answers.counts[:, 2]
        return ratio(kept, wanted, 1.0)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
