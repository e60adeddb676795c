"""TF-IDF with a linear model by scikit-learn."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from weitiao.core.script import has_han
from weitiao.data.prepare.load import Data
from weitiao.data.rows import Rows
from weitiao.experiments.peers.base import Peer, labels_of, texts_of
from weitiao.planfile.plan import Plan
from weitiao.tasks.base import Task


class TfidfLinear(Peer):
    """TF-IDF and logistic regression (ridge for numbers) by scikit-learn, in its usual form.

    When to use: always: it takes seconds, and is hard to beat on topics and long texts. Chinese is
    counted by characters. The baseline of every run tries several such models and takes the best.
    """

    most: int = Field(200_000, gt=0, description="maximum number of features")
    strength: float = Field(1.0, gt=0, description="inverse of the regularisation strength (C)")

    def scores(self, plan: Plan, task: Task, data: Data, rows: Rows) -> np.ndarray:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline

        texts = [" ¦ ".join(pair) for pair in zip(*texts_of(task, data.train), strict=True)]
        inputs = [" ¦ ".join(pair) for pair in zip(*texts_of(task, rows), strict=True)]
        chinese = sum(map(has_han, texts))
        by_characters = chinese > len(texts) / 5
        counter = TfidfVectorizer(
            analyzer="char" if by_characters else "word",
            ngram_range=(1, 3) if by_characters else (1, 2),
            max_features=self.most,
            sublinear_tf=True,
        )
        labels = labels_of(task, data.train)
        if task.problem_type == "regression":
            line = make_pipeline(counter, Ridge(alpha=1 / self.strength, random_state=0))
            return np.asarray(line.fit(texts, labels).predict(inputs)).reshape(-1, 1)
        network = LogisticRegression(C=self.strength, max_iter=1000)
        if task.problem_type == "multi_label_classification":
            line = make_pipeline(counter, OneVsRestClassifier(network))
            return np.asarray(line.fit(texts, labels.astype(int)).predict_proba(inputs))
        line = make_pipeline(counter, network).fit(texts, labels)
        # classes_ lacks labels without training rows; their columns stay 0.
        scores = np.zeros((len(inputs), task.outputs))
        scores[:, line.classes_] = line.predict_proba(inputs)
        return scores
