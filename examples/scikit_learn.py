"""A classifier of texts in tools of scikit-learn: pipeline, cross-validation, search, a folder."""

import os
from itertools import product

from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import weitiao

WORDS = {"good": ("great", "lovely", "superb", "fine"), "bad": ("awful", "poor", "dirty", "sad")}
THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price")

pairs = [(label, word, thing) for label in WORDS for word, thing in product(WORDS[label], THINGS)]
texts = [f"The {thing} was {word}" for _, word, thing in pairs]
labels = [label for label, _, _ in pairs]
model = os.environ.get("WEITIAO_EXAMPLE_MODEL")  # None: weitiao chooses

classifier = weitiao.TextClassifier(model=model, changes={"train.epochs": 1})
print(cross_val_score(classifier, texts, labels, cv=2))

lower = FunctionTransformer(lambda rows: [text.lower() for text in rows])
line = Pipeline([("lower", lower), ("classify", classifier)]).fit(texts, labels)
print(line.predict(["The story was superb"]), line.classes_)

grid = {"changes": [{"train.epochs": 1}, {"train.epochs": 2}]}
search = GridSearchCV(classifier, grid, cv=2).fit(texts, labels)
print(search.best_params_)

search.best_estimator_.save("classifier")
again = weitiao.TextClassifier.load("classifier")
print(again.predict_proba(["The story was superb"]))
