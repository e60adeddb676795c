"""TF-IDF features of n-grams of words and of characters; for pairs the overlap of both texts.

A term's weight in a text is (1 + ln count) * (ln((1 + rows) / (1 + rows with the term)) + 1), and
rows have length 1, as in scikit-learn's `TfidfVectorizer(sublinear_tf=True)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from weitiao.core.script import han_count
from weitiao.data.segmentation import chinese_words
from weitiao.evaluation.baselines.base import Texts

MAX_FEATURES = 200_000  # n-grams of one kind
HAN_PROPORTION = 0.1  # of Chinese characters; above, words are not separated by blanks
Analyzer = Literal["words", "jieba words", "characters", "characters in words"]


class TfidfView:
    """TF-IDF features of the n-grams of one analyzer.

    longest: characters of a text that are read; None: all. columns: the n-grams in the order of
    the features, idf (n,) float32 their weights; a view without n-grams has one empty column.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        ngrams: tuple[int, int],
        longest: int | None = None,
        columns: Sequence[str] | None = None,
        idf: np.ndarray | None = None,
    ) -> None:
        self.analyzer: Analyzer = analyzer
        self.ngrams = ngrams
        self.longest = longest
        self.columns: list[str] = []
        self.idf = np.zeros(0, np.float32)
        self.counter: Any = None
        if columns and idf is not None:
            self.columns, self.idf = list(columns), idf
            self.counter = self._counter(vocabulary={term: at for at, term in enumerate(columns)})

    def fit(self, texts: Texts, fewest_rows: int) -> Any:
        """Learn the n-grams of all roles together, so that a word is one column in both.

        fewest_rows: texts that an n-gram must occur in.
        """
        every = [text for role in texts for text in self._cut(role)]
        counter = self._counter(min_df=fewest_rows, max_features=MAX_FEATURES)
        try:
            counts = counter.fit_transform(every)
        except ValueError:  # scikit-learn: the vocabulary is empty
            return self.features(texts)
        self.counter, self.columns = counter, counter.get_feature_names_out().tolist()
        texts_with = np.bincount(counts.indices, minlength=counts.shape[1])
        self.idf = (np.log((1 + len(every)) / (1 + texts_with)) + 1).astype(np.float32)
        weighted, rows = self._weighted(counts), len(texts[0])
        return with_overlap([weighted[at : at + rows] for at in range(0, len(every), rows)])

    def features(self, texts: Texts) -> Any:
        """A sparse matrix, one row for each row of the texts."""
        from scipy.sparse import csr_matrix

        if self.counter is None:
            return csr_matrix((len(texts[0]), 1), dtype=np.float32)
        counted = [self.counter.transform(self._cut(role)) for role in texts]
        return with_overlap([self._weighted(counts) for counts in counted])

    def width(self, roles: int) -> int:
        """The number of features of texts with so many roles."""
        if self.counter is None:
            return 1
        return len(self.columns) * roles + (len(OVERLAPS) if roles == 2 else 0)

    def _weighted(self, counts: Any) -> Any:
        from sklearn.preprocessing import normalize

        counts.data = (1 + np.log(counts.data)) * self.idf[counts.indices]
        return normalize(counts, copy=False)

    def _cut(self, role: list[str]) -> list[str]:
        return role if self.longest is None else [text[: self.longest] for text in role]

    def _counter(self, **settings: Any) -> Any:
        from sklearn.feature_extraction.text import CountVectorizer

        if self.analyzer == "words":  # also those of one letter
            settings |= {"token_pattern": r"\w+"}
        elif self.analyzer == "jieba words":
            settings |= {"tokenizer": chinese_words, "token_pattern": None}
        else:
            within = self.analyzer == "characters in words"
            settings |= {"analyzer": "char_wb" if within else "char"}
        return CountVectorizer(ngram_range=self.ngrams, dtype=np.float32, **settings)


def views_for(texts: Texts, longest: int) -> Iterator[TfidfView]:
    """The kinds of features, the simpler first. Words between blanks are cheap: never cut."""
    if _han_proportion(texts) > HAN_PROPORTION:
        yield TfidfView("characters", (1, 3), longest)
        yield TfidfView("jieba words", (1, 2), longest)
    else:
        yield TfidfView("words", (1, 2))
        yield TfidfView("characters in words", (2, 5), longest)


def stacked(matrices: Sequence[Any]) -> Any:
    """The features of several views, side by side."""
    from scipy.sparse import hstack

    return matrices[0] if len(matrices) == 1 else hstack(matrices, format="csr")


OVERLAPS = ("cosine", "Jaccard", "in the first", "in the second")  # columns of `with_overlap`


def with_overlap(roles: list[Any]) -> Any:
    """The columns of all roles, stacked; for a pair also the overlap of the two texts.

    A linear model cannot express "the same word in both texts" (a product of two columns); without
    the overlap it would be no fair baseline for similarity and inference.
    """
    from scipy.sparse import csr_matrix, hstack

    if len(roles) == 1:
        return roles[0]
    first, second = roles
    has_first, has_second = first.sign(), second.sign()
    shared = (first.multiply(second), has_first.multiply(has_second), has_first, has_second)
    cosine, common, one, other = (np.asarray(matrix.sum(1)).ravel() for matrix in shared)
    # Cosine similarity (TF-IDF rows have length 1), Jaccard index, and containment in each text.
    below = (np.ones_like(common), one + other - common, one, other)
    above = (cosine, common, common, common)
    overlap = [a / np.maximum(b, 1) for a, b in zip(above, below, strict=True)]
    return hstack([first, second, csr_matrix(np.stack(overlap, axis=1))], format="csr")


def _han_proportion(texts: Texts) -> float:
    """The proportion of Chinese characters among all that are not blank."""
    text = "".join(text[:200].replace(" ", "") for role in texts for text in role)
    return han_count(text) / len(text) if text else 0.0
