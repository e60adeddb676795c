"""Baselines of texts that are written: the source as it is, and the answer of the nearest row."""

from __future__ import annotations

import numpy as np

from weitiao.data.rows import Rows
from weitiao.evaluation.baselines import Baseline, Texts
from weitiao.example import Written
from weitiao.i18n.messages import N_

MOST_ROWS = 20_000  # training rows among which the nearest is looked for
CHUNK = 500  # rows whose similarities are in memory at once
COPY, NEAREST = "copy", "nearest"
NAMES = (N_("copy"), N_("nearest"))


def text_baselines(train: Rows, copies: bool) -> dict[str, Baseline]:
    """The target of the most similar training row (TF-IDF of characters), and, of translations, the
    source itself (`copies`)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    examples = train.examples(slice(0, MOST_ROWS))
    targets = [str(example.target or "") for example in examples]
    # Characters within words fit English and Chinese alike.
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=200_000)
    known = vectorizer.fit_transform([" ".join(map(str, one.inputs.values())) for one in examples])

    def nearest(texts: Texts) -> np.ndarray:
        rows = [" ".join(parts) for parts in zip(*texts, strict=True)]
        found: list[str] = []
        for start in range(0, len(rows), CHUNK):
            similar = vectorizer.transform(rows[start : start + CHUNK]) @ known.T
            found += [targets[at] for at in np.asarray(similar.argmax(1)).ravel()]
        return _written(found)

    def copy(texts: Texts) -> np.ndarray:
        return _written(list(texts[0]))

    detail = {"train_rows": len(examples), "all_rows": len(train)}
    baselines = {NEAREST: Baseline(NEAREST, detail, nearest)}
    if copies:
        baselines[COPY] = Baseline(COPY, {}, copy)
    return baselines


def _written(texts: list[str]) -> np.ndarray:
    rows = np.empty(len(texts), object)
    rows[:] = [Written(text) for text in texts]
    return rows
