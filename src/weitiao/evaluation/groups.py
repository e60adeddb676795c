"""Texts in groups, mistakes in groups, and the training rows that are nearest to a mistake.

All by TF-IDF of words (of Chinese: jieba's) and, for the groups, its strongest directions. The
encoder's own features were tried first: their groups are as good, but nobody can say what holds
them together, and they cost another pass over the training rows.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from weitiao.core.script import HAN, has_han
from weitiao.evaluation.chinese import chinese_words

LONGEST = 1_000  # characters of a text that are looked at
MOST_GROUPS = 8
ROWS_A_GROUP = 25  # of all judged rows: fewer groups where there are few
MISTAKES_A_GROUP = 6
TERMS = 5
DIRECTIONS = 32
TRAIN_ROWS = 20_000  # among which the nearest are looked for
# Words of grammar name no group; the English ones are scikit-learn's.
_EMPTY = frozenset(
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
    """Rows whose texts share words: positions among the judged rows, the middle one first."""

    rows: tuple[int, ...]
    terms: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Near:
    """The training row nearest to a judged one, by its position in train; 1 is the same words."""

    row: int
    train: int
    alike: float


class Words:
    """The words of texts, weighed by how rare they are."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.counter = TfidfVectorizer(
            tokenizer=words_of, token_pattern=None, lowercase=True, sublinear_tf=True,
            max_df=0.5 if len(texts) > 20 else 1.0, max_features=50_000, dtype=np.float32,
        )  # fmt: skip
        self.matrix: Any = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                self.matrix = self.counter.fit_transform([text[:LONGEST] for text in texts])
        except ValueError:  # how scikit-learn says that there is no word at all
            self.matrix = None

    def of(self, texts: Sequence[str]) -> Any:
        return self.counter.transform([text[:LONGEST] for text in texts])

    def names(self) -> np.ndarray:
        return np.asarray(self.counter.get_feature_names_out())


def words_of(text: str) -> list[str]:
    """Words without digits, so that no number of a person ends up among the terms.

    >>> words_of("Call 138-0000 now, a film")
    ['Call', 'now', 'film']
    """
    if has_han(text):
        return [word for word in chinese_words(text) if _WORD.fullmatch(word)]
    return _WORD.findall(text)


def kinds_of_texts(words: Words, seed: int = 0) -> tuple[np.ndarray, list[Group]]:
    """The group of each row, and the groups; made from the texts alone."""
    rows = 0 if words.matrix is None else words.matrix.shape[0]
    count = min(MOST_GROUPS, rows // ROWS_A_GROUP)
    if count < 2:
        return np.zeros(0, int), []
    which = _clustered(words.matrix, count, seed)
    return which, _told(words, which, np.arange(rows))


def grouped_mistakes(words: Words, wrong: np.ndarray, seed: int = 0) -> list[Group]:
    """The wrong rows (positions) in groups that share words, the largest first."""
    if words.matrix is None or len(wrong) < 2 * MISTAKES_A_GROUP:
        return []
    matrix = words.matrix[wrong]
    count = min(MOST_GROUPS, len(wrong) // MISTAKES_A_GROUP)
    which = _clustered(matrix, count, seed)
    found = [group for group in _told(words, which, wrong) if len(group.rows) > 2]
    return sorted(found, key=lambda group: -len(group.rows))


def nearest(words: Words, texts: Sequence[str], picked: Sequence[int],
            train_texts: Sequence[str]) -> list[Near]:  # fmt: skip
    """The training row nearest to each picked judged row; rows that share no word have none."""
    if words.matrix is None or not len(picked):
        return []
    asked = words.of([texts[at] for at in picked])
    likeness = (asked @ words.of(train_texts).T).tocsr()
    found = []
    for at, row in enumerate(picked):
        start, end = likeness.indptr[at], likeness.indptr[at + 1]
        if end > start:
            best = start + int(likeness.data[start:end].argmax())
            alike = float(min(likeness.data[best], 1.0))
            found.append(Near(int(row), int(likeness.indices[best]), alike))
    return found


def _clustered(matrix: Any, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import normalize

    size = min(DIRECTIONS, matrix.shape[0] - 1, matrix.shape[1] - 1)
    if size < 2:
        return np.zeros(matrix.shape[0], int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than groups
        warnings.simplefilter("ignore", RuntimeWarning)  # rows without any word
        points = normalize(TruncatedSVD(size, random_state=seed).fit_transform(matrix))
        return np.asarray(KMeans(count, n_init=3, random_state=seed).fit_predict(points))


def _told(words: Words, which: np.ndarray, rows: np.ndarray) -> list[Group]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    names, found = words.names(), []
    telling = np.array([n not in _EMPTY and n not in ENGLISH_STOP_WORDS for n in names])
    every = np.asarray(words.matrix[rows].mean(0)).ravel()
    for group in range(which.max() + 1):
        inside = np.flatnonzero(which == group)
        if not len(inside):
            found.append(Group((), ()))
            continue
        own = words.matrix[rows[inside]]
        middle = np.asarray(own.mean(0)).ravel()
        apart = (middle - every) / np.sqrt(every + 1e-6)  # frequent words say little
        apart = np.where(telling & (middle > 0), apart, -np.inf)
        terms = [str(names[at]) for at in np.argsort(-apart)[:TERMS] if apart[at] > 0]
        central = np.argsort(-np.asarray(own @ middle).ravel(), kind="stable")
        found.append(Group(tuple(int(rows[at]) for at in inside[central]), tuple(terms)))
    return found
