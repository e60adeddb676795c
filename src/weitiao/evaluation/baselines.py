"""Baselines without a network: majority class, mean, TF-IDF with a linear model, lookup of tags."""

from __future__ import annotations

import functools
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from weitiao.core.ragged import Ragged
from weitiao.core.script import han_count
from weitiao.evaluation.metrics.base import Metric
from weitiao.evaluation.metrics.classification import Accuracy, MacroF1
from weitiao.evaluation.metrics.regression import Pearson
from weitiao.evaluation.metrics.tagging import EntityF1
from weitiao.evaluation.segmentation import chinese_words
from weitiao.i18n.messages import N_, in_english
from weitiao.labels.tags.words import with_words, word_places
from weitiao.tasks.answers.base import Answers
from weitiao.tasks.answers.label_sets import LabelSets
from weitiao.tasks.answers.labels import Labels
from weitiao.tasks.answers.numbers import Numbers
from weitiao.tasks.base import Labelled, Task

Texts = list[list[str]]  # one list of texts for each role
Score = Callable[[Any], np.ndarray]  # texts, or rows where a baseline is of rows
Predict = Callable[[Any], np.ndarray]  # features to scores

TRAIN_ROWS = 20_000  # a linear model on counts gains little beyond; drawn with the seed
VALIDATION_ROWS = 5_000  # enough to choose between four candidates
FEATURES = 200_000
CHARACTERS = 10_000_000  # for character n-grams and word segmentation: half a minute
CHARACTERS_A_SECOND = 300_000  # the same, where the time is limited
SCORE_BATCH_ROWS = 10_000  # bounds the memory
HAN_PROPORTION = 0.1  # of Chinese characters; above, words are not separated by blanks
# (C, tolerance): the inverse of the L2 penalty, and the gradient at which the solver stops. With a
# larger C the optimum is flatter and needs a smaller one. Ridge overfits sooner: it starts lower.
STRENGTHS = ((1.0, 5e-4), (10.0, 1e-4))
RIDGE_STRENGTHS = ((0.1, 1e-4), (1.0, 1e-4), (10.0, 1e-4))


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline. detail: plain values, the features chosen and the candidates' scores.

    `score` takes one list of texts for each role and gives (n, outputs): probabilities for single
    labels and label sets, numbers in the target's unit for numbers. of_rows: it takes the rows
    themselves instead.
    """

    name: str
    detail: Mapping[str, Any]
    score: Score
    of_rows: bool = False


def fit_baselines(  # noqa: PLR0913 - the two parts of the data are four of the arguments
    problem: str,
    train_texts: Texts,
    train_labels: np.ndarray,
    validation_texts: Texts,
    validation_labels: np.ndarray,
    outputs: int,
    seed: int,
    seconds: float | None = None,
) -> dict[str, Baseline]:
    """The baselines of every model: "majority" (or "mean") and "tfidf_linear".

    problem: the task's `problem_type`, one of PROBLEMS.

    The linear model is fitted on words and on characters (for Chinese: characters, and words by
    jieba), each with a grid of C; the best on validation is taken, of equals the simpler. The same
    rows and seed give the same baseline, except that with `seconds` the search ends when they are
    spent (one candidate is always fitted). Strong on topics and long texts (Wang and Manning, 2012,
    "Baselines and Bigrams"): a network that does not beat it is not worth its cost.
    """
    linear = PROBLEMS[problem]
    simple = _constant(linear, train_labels, outputs)
    begin = time.monotonic()
    generator = np.random.default_rng(seed)
    train = sample_of(train_texts, train_labels, TRAIN_ROWS, generator)
    validation = sample_of(validation_texts, validation_labels, VALIDATION_ROWS, generator)
    best: tuple[float, str, Score] | None = None
    tried = {}
    for name, score, answers in _candidates(linear, train, validation[0], outputs, seconds):
        tried[name] = selection_metric(linear, validation[1], answers)
        if best is None or tried[name] > best[0]:
            best = tried[name], name, score
        if seconds is not None and time.monotonic() - begin >= seconds:
            break
    assert best is not None
    detail = {
        "features": best[1],
        "metric": type(linear.metric).__name__,
        "validation": best[0],
        "candidates": tried,
        "train_rows": len(train[1]),
        "seconds": round(time.monotonic() - begin, 2),
    }
    return {simple.name: simple, "tfidf_linear": Baseline("tfidf_linear", detail, best[2])}


def selection_metric(problem: Problem, labels: np.ndarray, scores: np.ndarray) -> float:
    """The validation metric by which a candidate is selected."""
    return problem.metric.value(problem.answers(labels, problem.decide(scores), scores))


def _constant(problem: Problem, labels: np.ndarray, outputs: int) -> Baseline:
    """The constant baseline: the prior of each label, or the mean."""
    always = problem.mean(labels, outputs)
    detail = {"always": always.tolist()}
    return Baseline(problem.constant, detail, lambda texts: np.tile(always, (len(texts[0]), 1)))


def sample_of(
    texts: Texts, labels: np.ndarray, most: int, generator: np.random.Generator
) -> tuple[Texts, np.ndarray]:
    if len(labels) <= most:
        return texts, labels
    rows = np.sort(generator.choice(len(labels), most, replace=False))
    return [[role[row] for row in rows] for role in texts], labels[rows]


def _candidates(
    problem: Problem,
    train: tuple[Texts, np.ndarray],
    validation: Texts,
    outputs: int,
    seconds: float | None,
) -> Iterator[tuple[str, Score, np.ndarray]]:
    """Each candidate's name, scorer and validation scores, the simpler first."""
    texts, labels = train
    limit = CHARACTERS if seconds is None else min(CHARACTERS, int(seconds * CHARACTERS_A_SECOND))
    longest = max(limit // (len(labels) * len(texts)), 64)
    for view in _feature_views(texts, longest, 1 if len(labels) < 5_000 else 2):
        features = view.fit(texts)
        validation_features = view.features(validation)
        for strength in RIDGE_STRENGTHS if problem.ridge else STRENGTHS:
            predict = problem.fit(features, labels, outputs, strength)
            score = functools.partial(_score, view, predict)
            yield in_english(view.name, c=strength[0]), score, predict(validation_features)


def _score(view: _View, predict: Predict, texts: Texts) -> np.ndarray:
    scores = []
    for start in range(0, len(texts[0]), SCORE_BATCH_ROWS):
        part = [role[start : start + SCORE_BATCH_ROWS] for role in texts]
        scores.append(predict(view.features(part)))
    return np.concatenate(scores)


class _View:
    """TF-IDF features of n-grams, and for pairs the overlap of the two texts."""

    def __init__(
        self, name: str, longest: int | None, least: int, grams: tuple[int, int], **settings: Any
    ) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        settings |= {"ngram_range": grams, "min_df": least, "max_features": FEATURES}
        self.name = name
        self.longest = longest
        self.counter = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **settings)
        self.empty = False

    def fit(self, texts: Texts) -> Any:
        """Learn the n-grams of all roles together, so that a word is one column in both."""
        every = [text for role in texts for text in self._cut(role)]
        try:
            counted = self.counter.fit_transform(every)
        except ValueError:  # scikit-learn: the vocabulary is empty
            self.empty = True
            return self.features(texts)
        rows = len(texts[0])
        return _with_overlap([counted[at : at + rows] for at in range(0, len(every), rows)])

    def features(self, texts: Texts) -> Any:
        """A sparse matrix, one row for each row of the texts."""
        from scipy.sparse import csr_matrix

        if self.empty:
            return csr_matrix((len(texts[0]), 1), dtype=np.float32)
        return _with_overlap([self.counter.transform(self._cut(role)) for role in texts])

    def _cut(self, role: list[str]) -> list[str]:
        return [text[: self.longest] for text in role]


def _feature_views(texts: Texts, longest: int, least: int) -> Iterator[_View]:
    """The kinds of features, the simpler first. Words (also of one letter) are cheap: never cut."""
    if _han_proportion(texts) > HAN_PROPORTION:
        yield _View(N_("characters 1-3, C={c:g}"), longest, least, (1, 3), analyzer="char")
        words = {"tokenizer": chinese_words, "token_pattern": None}
        yield _View(N_("jieba words 1-2, C={c:g}"), longest, least, (1, 2), **words)
    else:
        yield _View(N_("words 1-2, C={c:g}"), None, least, (1, 2), token_pattern=r"\w+")
        yield _View(N_("characters 2-5, C={c:g}"), longest, least, (2, 5), analyzer="char_wb")


def _with_overlap(roles: list[Any]) -> Any:
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


def _one_vs_rest(
    features: Any, labels: np.ndarray, outputs: int, strength: tuple[float, float]
) -> Predict:
    columns = labels.astype(np.int64).T
    yes = [_logistic(features, column, 2, strength) for column in columns]
    return lambda rows: np.stack([predict(rows)[:, 1] for predict in yes], axis=1)


def _logistic(
    features: Any, labels: np.ndarray, outputs: int, strength: tuple[float, float]
) -> Predict:
    """Probabilities of all labels: 0 for one that train never has, 1 when train has no other."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(labels)
    network = LogisticRegression(C=strength[0], tol=strength[1], max_iter=300)
    if len(present) > 1:
        with warnings.catch_warnings():
            # 300 steps are far past where validation changes: a bound on time, not a failure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(features, labels)

    def predict(rows: Any) -> np.ndarray:
        scores = np.zeros((rows.shape[0], outputs))
        scores[:, present] = network.predict_proba(rows) if len(present) > 1 else 1.0
        return scores

    return predict


def _ridge(
    features: Any, labels: np.ndarray, outputs: int, strength: tuple[float, float]
) -> Predict:
    from sklearn.linear_model import Ridge

    network = Ridge(alpha=1 / strength[0], solver="sparse_cg", tol=strength[1])
    network.fit(features, labels)
    return lambda rows: np.asarray(network.predict(rows), dtype=float).reshape(-1, 1)


def _mean(labels: np.ndarray, outputs: int) -> np.ndarray:
    return np.atleast_1d(labels.mean(0))


def _frequencies(labels: np.ndarray, outputs: int) -> np.ndarray:
    return np.asarray(np.bincount(labels, minlength=outputs) / len(labels))


@dataclass(frozen=True)
class Problem:
    """A linear model for labels of one shape: what transformers calls a problem type."""

    fit: Callable[[Any, np.ndarray, int, tuple[float, float]], Predict]
    decide: Callable[[np.ndarray], np.ndarray]  # scores to values
    mean: Callable[[np.ndarray, int], np.ndarray]  # labels, outputs to the scores of the constant
    answers: type[Answers]
    metric: Metric
    constant: str = "majority"
    ridge: bool = False


# By Task.problem_type; a task whose labels have another shape has no linear baseline.
PROBLEMS: Mapping[str, Problem] = {
    "single_label_classification": Problem(
        _logistic, lambda scores: scores.argmax(1), _frequencies, Labels, Accuracy()
    ),
    "multi_label_classification": Problem(
        _one_vs_rest, lambda scores: (scores > 0.5).astype(float), _mean, LabelSets, MacroF1()
    ),
    "regression": Problem(
        _ridge, lambda scores: scores[:, 0], _mean, Numbers, Pearson(), "mean", ridge=True
    ),
}


LOOKUP_TRAIN_ROWS = 20_000  # more rows change the table little
EDGE = ""  # the neighbour of the first and of the last word
Table = dict[tuple[str, ...], Counter[int]]  # word, or word with its neighbours -> counts of tags


def fit_lookup(task: Task, train: Any, validation: Any) -> dict[str, Baseline]:
    """The most-frequent-tag baselines of tagging: "majority" and "lookup".

    lookup: the most frequent tag of a word in training, between the same neighbours where these
    were seen, else of the word alone, else overall (back-off); or by words alone, whichever has the
    better F1 on validation. A network that does not beat it has memorized words.
    """
    train = train.take(slice(0, LOOKUP_TRAIN_ROWS))
    tags = task.gold(train).tags
    priors = np.bincount(tags.values, minlength=task.outputs)  # how often each tag occurs
    tables: dict[int, Table] = {1: defaultdict(Counter), 3: defaultdict(Counter)}
    for row, words in enumerate(_words(train)):
        for at, tag in enumerate(tags.row(row).tolist()):
            for width, table in tables.items():
                table[_context(words, at, width)][tag] += 1
    scores = {
        name: partial(_lookup_scores, widths, tables, priors)
        for name, widths in (("words", (1,)), ("words and neighbours", (3, 1)))
    }
    wide = task.widened(validation.targets())
    gold, f1 = wide.gold(validation), {}
    for name, score in scores.items():
        tag_scores = score(validation)
        padded = np.pad(tag_scores.values, ((0, 0), (0, wide.outputs - task.outputs)))
        f1[name] = EntityF1().value(wide.to_answers(gold, Ragged(padded, tag_scores.offsets)))
    best = max(f1, key=lambda name: f1[name])
    detail = {
        "metric": "EntityF1",
        "validation": f1[best],
        "candidates": f1,
        "train_rows": len(train),
    }
    constant = {"always": (priors / max(priors.sum(), 1)).tolist()}
    majority = partial(_lookup_scores, (), tables, priors)
    return {
        "majority": Baseline("majority", constant, majority, True),
        "lookup": Baseline("lookup", detail, scores[best], True),
    }


def _lookup_scores(
    widths: Sequence[int], tables: dict[int, Table], priors: np.ndarray, rows: Labelled
) -> Any:
    """One-hot scores of the words' tags, (words, outputs) a row."""
    commonest, scores = int(priors.argmax()), []
    for words in _words(rows):
        one_hot = np.zeros((len(words), len(priors)), np.float32)
        for at in range(len(words)):
            # Back off from the wider context to the narrower one, then to the commonest tag.
            matches = (tables[width].get(_context(words, at, width)) for width in widths)
            counts = next((match for match in matches if match), None)
            one_hot[at, counts.most_common(1)[0][0] if counts else commonest] = 1
        scores.append(one_hot)
    return Ragged.of(scores)


def _context(words: Sequence[str], at: int, width: int) -> tuple[str, ...]:
    if width == 1:
        return (words[at],)
    before = words[at - 1] if at else EDGE
    return before, words[at], words[at + 1] if at + 1 < len(words) else EDGE


def _words(rows: Labelled) -> Iterator[list[str]]:
    """The words of each row, in lower case."""
    for examples in rows.batches():
        for example in map(with_words, examples):
            text = str(example.inputs["text"])
            yield [text[start:end].lower() for start, end in word_places(example).tolist()]
