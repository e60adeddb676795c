"""K-means clusters of texts and of mistakes, and nearest neighbours of mistakes in training.

All by TF-IDF of words (of Chinese: jieba's); the clusters after truncated SVD (latent semantic
analysis). The encoder's own features were tried first: the clusters are as good, but have no terms
that explain them, and cost another pass over the training rows.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from weitiao.core.script import HAN, has_han
from weitiao.data.segmentation import chinese_words

LONGEST = 1_000  # characters of a text that are read
MOST_GROUPS = 8
ROWS_A_GROUP = 25  # on average: few rows are cut into fewer clusters
MISTAKES_A_GROUP = 6
TERMS = 5  # that describe a cluster
SVD_COMPONENTS = 32
TRAIN_ROWS = 20_000  # among which nearest neighbours are searched
# Chinese stop words, which describe no cluster; the English ones are scikit-learn's.
_STOP_WORDS = frozenset(
    re.findall(
        r"\S+",
        "的 了 是 在 我 你 您 他 她 它 我们 你们 他们 这 那 也 都 就 很 不 没 有 和 与 跟 说 到 过 "
        "要 去 来 让 给 被 把 个 一 一个 不是 没有 但 但是 还 还是 而且 如果 因为 所以 这个 那个 "
        "自己 上 下 里 中 吧 啊 呢 吗 么 什么 怎么 不会 会 能 着 得 地 之 为 以 及 等 对 从 又 再 "
        "才 只 更 最 比较 非常",
    )
)
_WORD = re.compile(rf"[^\W\d_]{{2,}}|[{HAN}]")


@dataclass(frozen=True)
class Group:
    """A cluster of texts: positions among the evaluated rows, the most central first."""

    rows: tuple[int, ...]
    terms: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Near:
    """The nearest training row (its position in train) by cosine similarity; 1: the same words."""

    row: int
    train: int
    similarity: float


class Words:
    """TF-IDF vectors of the words of texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.counter = TfidfVectorizer(
            tokenizer=words_of,
            token_pattern=None,
            lowercase=True,
            sublinear_tf=True,
            max_df=0.5 if len(texts) > 20 else 1.0,
            max_features=50_000,
            dtype=np.float32,
        )
        self.matrix: Any = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                self.matrix = self.counter.fit_transform([text[:LONGEST] for text in texts])
        except ValueError:  # scikit-learn: the vocabulary is empty
            self.matrix = None

    def of(self, texts: Sequence[str]) -> Any:
        return self.counter.transform([text[:LONGEST] for text in texts])

    def names(self) -> np.ndarray:
        return np.asarray(self.counter.get_feature_names_out())


def words_of(text: str) -> list[str]:
    """The words of a text without digits, so that no personal number ends up among the terms.

    >>> words_of("Call 138-0000 now, a film")
    ['Call', 'now', 'film']
    """
    if has_han(text):
        return [word for word in chinese_words(text) if _WORD.fullmatch(word)]
    return _WORD.findall(text)


def kinds_of_texts(words: Words, seed: int = 0) -> tuple[np.ndarray, list[Group]]:
    """Clusters of all texts: the cluster of each row, and their description."""
    rows = 0 if words.matrix is None else words.matrix.shape[0]
    count = min(MOST_GROUPS, rows // ROWS_A_GROUP)
    if count < 2:
        return np.zeros(0, int), []
    which = _clustered(words.matrix, count, seed)
    return which, _describe(words, which, np.arange(rows))


def grouped_mistakes(words: Words, wrong: np.ndarray, seed: int = 0) -> list[Group]:
    """Clusters of the wrong rows (positions), the largest first."""
    if words.matrix is None or len(wrong) < 2 * MISTAKES_A_GROUP:
        return []
    matrix = words.matrix[wrong]
    count = min(MOST_GROUPS, len(wrong) // MISTAKES_A_GROUP)
    which = _clustered(matrix, count, seed)
    groups = [group for group in _describe(words, which, wrong) if len(group.rows) > 2]
    return sorted(groups, key=lambda group: -len(group.rows))


def nearest(
    words: Words, texts: Sequence[str], picked: Sequence[int], train_texts: Sequence[str]
) -> list[Near]:
    """The nearest neighbour in training of each picked row; none where they share no word."""
    if words.matrix is None or not len(picked):
        return []
    queries = words.of([texts[at] for at in picked])
    similarities = (queries @ words.of(train_texts).T).tocsr()
    neighbours = []
    # Row by row in the sparse matrix: a dense one would be picked rows x training rows.
    for at, row in enumerate(picked):
        start, end = similarities.indptr[at], similarities.indptr[at + 1]
        if end > start:
            best = start + int(similarities.data[start:end].argmax())
            similarity = float(min(similarities.data[best], 1.0))
            neighbours.append(Near(int(row), int(similarities.indices[best]), similarity))
    return neighbours


def _clustered(matrix: Any, count: int, seed: int) -> np.ndarray:
    """K-means after truncated SVD: the cluster of each row."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import normalize

    size = min(SVD_COMPONENTS, matrix.shape[0] - 1, matrix.shape[1] - 1)
    if size < 2:
        return np.zeros(matrix.shape[0], int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without any word
        # Normalized rows make Euclidean k-means behave like clustering by cosine.
        points = normalize(TruncatedSVD(size, random_state=seed).fit_transform(matrix))
        return np.asarray(KMeans(count, n_init=3, random_state=seed).fit_predict(points))


def _describe(words: Words, which: np.ndarray, rows: np.ndarray) -> list[Group]:
    """Each cluster with its most distinctive terms and its rows by distance from the centroid."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    names, groups = words.names(), []
    content = np.array([n not in _STOP_WORDS and n not in ENGLISH_STOP_WORDS for n in names])
    every = np.asarray(words.matrix[rows].mean(0)).ravel()
    for group in range(which.max() + 1):
        inside = np.flatnonzero(which == group)
        if not len(inside):
            groups.append(Group((), ()))
            continue
        own = words.matrix[rows[inside]]
        centroid = np.asarray(own.mean(0)).ravel()
        # Like Pearson's chi residual, (observed - expected) / sqrt(expected): weighs down words
        # that are frequent everywhere.
        distinctive = (centroid - every) / np.sqrt(every + 1e-6)
        distinctive = np.where(content & (centroid > 0), distinctive, -np.inf)
        terms = [str(names[at]) for at in np.argsort(-distinctive)[:TERMS] if distinctive[at] > 0]
        central = np.argsort(-np.asarray(own @ centroid).ravel(), kind="stable")
        groups.append(Group(tuple(int(rows[at]) for at in inside[central]), tuple(terms)))
    return groups
