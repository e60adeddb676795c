"""How alike two texts are: BLEU, chrF and ROUGE of sacrebleu and rouge-score, by their writing.

Words are what is counted where blanks separate them; of Chinese, Japanese and other writing without
blanks it is characters, as the shared tasks of WMT do.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from weitiao.core.script import UNSEPARATED, has_han

# Hiragana and Katakana, without the dot in the middle, which Chinese writes in foreign names.
KANA = re.compile("[\u3041-\u30fa\u30fd-\u30ff]")
JAPANESE = 0.05  # of the characters are kana; a brand in a Chinese text is fewer
# Thai, Lao, Burmese, Khmer
NO_BLANKS = UNSEPARATED + "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
UNSPACED = re.compile(f"[{NO_BLANKS}]")
SAMPLED = 500  # texts by which the writing is told
MANY = 0.3  # of the letters
UNITS = re.compile(rf"[{NO_BLANKS}]|(?:(?![{NO_BLANKS}])[^\W_])+")


def writing_of(texts: Sequence[str]) -> str:
    """The tokenizer of sacrebleu for the writing of these texts: `zh`, `char` or `13a`.

    >>> writing_of(["你好，世界"]), writing_of(["ありがとう"]), writing_of(["Guten Tag"])
    ('zh', 'char', '13a')
    """
    sample = "".join(texts[:SAMPLED])
    letters = sum(map(str.isalpha, sample))
    unspaced = UNSPACED.findall(sample)
    if len(unspaced) <= MANY * letters or not letters:
        return "13a"
    kana = len(KANA.findall(sample))
    return "zh" if has_han(sample) and kana <= JAPANESE * len(unspaced) else "char"


@functools.cache
def bleu(tokenizer: str) -> Any:
    """sacrebleu's BLEU (Papineni et al. 2002, Post 2018)."""
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, effective_order=True)  # that of sentences alone


@functools.cache
def chrf(word_order: int) -> Any:
    """sacrebleu's chrF (Popović 2015); with words of order 2 it is chrF++ (2017)."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=word_order)


def word_order(tokenizer: str) -> int:
    """The order of word n-grams of chrF: words count where blanks separate them."""
    return 2 if tokenizer == "13a" else 0


def sentence_chrf(value: str, target: str) -> float:
    """chrF++ of one text, 0 to 1 (chrF without words where no blanks separate them).

    >>> sentence_chrf("a house", "a house"), sentence_chrf("", "a house")
    (1.0, 0.0)
    """
    scorer = chrf(word_order(writing_of([target])))
    return float(scorer.sentence_score(value, [target]).score) / 100


def bleu_statistics(values: Sequence[str], targets: Sequence[str], tokenizer: str) -> np.ndarray:
    """(n, 10): length, reference length, n-grams in common (4), n-grams (4) of each text."""
    scorer = bleu(tokenizer)
    rows = []
    for value, target in zip(values, targets, strict=True):
        score = scorer.sentence_score(value, [target])
        rows.append([score.sys_len, score.ref_len, *score.counts, *score.totals])
    return np.array(rows, float).reshape(len(rows), 10)


def corpus_bleu(statistics: np.ndarray) -> float:
    """BLEU of summed statistics (10,), 0 to 100, smoothed as sacrebleu does (exp)."""
    from sacrebleu.metrics.bleu import BLEU

    length, reference, *counts = (round(float(one)) for one in statistics)
    score = BLEU.compute_bleu(counts[:4], counts[4:], length, reference, smooth_method="exp")
    return float(score.score)


def chrf_statistics(values: Sequence[str], targets: Sequence[str], tokenizer: str) -> np.ndarray:
    """(n, 3 * orders): n-grams of the text, of its reference and in common, for each order."""
    scorer = chrf(word_order(tokenizer))
    found = scorer._extract_corpus_statistics(list(values), [list(targets)])
    return np.array(found, float).reshape(len(values), -1)


def corpus_chrf(statistics: np.ndarray, tokenizer: str) -> float:
    """chrF of summed statistics, 0 to 100."""
    return float(chrf(word_order(tokenizer))._compute_f_score(statistics.tolist()))


class _Units:
    """A tokenizer for rouge-score: words, and of writing without blanks characters."""

    def tokenize(self, text: str) -> list[str]:
        return UNITS.findall(text.lower())


@functools.cache
def _rouge(kind: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], tokenizer=_Units())


def rouge(kind: str, values: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    """(n,) F1 of ROUGE (Lin 2004), 0 to 100. kind: rouge1, rouge2 or rougeL."""
    scorer = _rouge(kind)
    pairs = zip(targets, values, strict=True)
    return 100 * np.array([scorer.score(target, value)[kind].fmeasure for target, value in pairs])
