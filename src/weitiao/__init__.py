"""weitiao (微调): from labelled text to a fine-tuned, honestly evaluated language model.

    import weitiao
    fitted = weitiao.fit("reviews.csv")       # a path, a DataFrame, or texts and labels
    fitted("good film").value

    model = weitiao.load("runs/reviews-001")
    model("good film")                          # Prediction(value, score, scores)
    model.predict(["good film", "bad"])         # array of labels
    model.predict_proba(["good film", "bad"])   # array (rows, labels)

    cross_val_score(weitiao.TextClassifier(), texts, labels)   # as in scikit-learn

The functions are the verbs of the command line. They load when they are first used, so that
`import weitiao` is instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from weitiao.hardware.machine import wait_briefly
from weitiao.version import __version__ as __version__

if TYPE_CHECKING:
    from weitiao.api.ask import ask, asker
    from weitiao.api.augment import Augmented, augment
    from weitiao.api.augment_trial import try_steps
    from weitiao.api.calibrate import calibrate
    from weitiao.api.choose import Choice, choose
    from weitiao.api.clean import Cleaned, clean
    from weitiao.api.clean_trial import try_cleaners
    from weitiao.api.compare import compare
    from weitiao.api.convert import Converted, convert
    from weitiao.api.document import document
    from weitiao.api.estimators import TextClassifier, TextRegressor
    from weitiao.api.evaluate import evaluate
    from weitiao.api.fit import fit, resume, train
    from weitiao.api.fitted import Evaluation, Fitted
    from weitiao.api.look import look
    from weitiao.api.models import models
    from weitiao.api.plan import check, plan
    from weitiao.api.predict import explain, load, predict
    from weitiao.api.report import report
    from weitiao.api.review import review
    from weitiao.api.runs import runs
    from weitiao.api.seeds import Seeded
    from weitiao.api.trial import Trial
    from weitiao.api.tune import tune
    from weitiao.cluster.predict import predict_on_cluster
    from weitiao.cluster.train import resume_on_cluster, train_on_cluster
    from weitiao.cluster.tune import tune_on_cluster
    from weitiao.errors import WeitiaoError
    from weitiao.example import Batch, Example, Output, Prediction
    from weitiao.experiments.runner import open_experiment, run_experiment
    from weitiao.exporting.export import export
    from weitiao.exporting.script.write import Script, code
    from weitiao.planfile.plan import Plan
    from weitiao.run import Run
    from weitiao.tuning.outcome import Tuned
    from weitiao.web.annotate import annotate

# Public name -> where it lives. No name may be that of a folder or file beside this one: importing
# the folder would hide it.
_HOME = {
    "Augmented": "weitiao.api.augment:Augmented",
    "Batch": "weitiao.example:Batch",
    "Choice": "weitiao.api.choose:Choice",
    "Cleaned": "weitiao.api.clean:Cleaned",
    "Converted": "weitiao.api.convert:Converted",
    "Evaluation": "weitiao.api.fitted:Evaluation",
    "Example": "weitiao.example:Example",
    "Fitted": "weitiao.api.fitted:Fitted",
    "Output": "weitiao.example:Output",
    "Plan": "weitiao.planfile.plan:Plan",
    "Prediction": "weitiao.example:Prediction",
    "Run": "weitiao.run:Run",
    "Script": "weitiao.exporting.script.write:Script",
    "Seeded": "weitiao.api.seeds:Seeded",
    "TextClassifier": "weitiao.api.estimators:TextClassifier",
    "TextRegressor": "weitiao.api.estimators:TextRegressor",
    "Trial": "weitiao.api.trial:Trial",
    "Tuned": "weitiao.tuning.outcome:Tuned",
    "WeitiaoError": "weitiao.errors:WeitiaoError",
    "annotate": "weitiao.web.annotate:annotate",
    "ask": "weitiao.api.ask:ask",
    "asker": "weitiao.api.ask:asker",
    "augment": "weitiao.api.augment:augment",
    "calibrate": "weitiao.api.calibrate:calibrate",
    "check": "weitiao.api.plan:check",
    "choose": "weitiao.api.choose:choose",
    "clean": "weitiao.api.clean:clean",
    "code": "weitiao.exporting.script.write:code",
    "compare": "weitiao.api.compare:compare",
    "convert": "weitiao.api.convert:convert",
    "document": "weitiao.api.document:document",
    "evaluate": "weitiao.api.evaluate:evaluate",
    "explain": "weitiao.api.predict:explain",
    "export": "weitiao.exporting.export:export",
    "fit": "weitiao.api.fit:fit",
    "load": "weitiao.api.predict:load",
    "look": "weitiao.api.look:look",
    "models": "weitiao.api.models:models",
    "open_experiment": "weitiao.experiments.runner:open_experiment",
    "plan": "weitiao.api.plan:plan",
    "predict": "weitiao.api.predict:predict",
    "predict_on_cluster": "weitiao.cluster.predict:predict_on_cluster",
    "report": "weitiao.api.report:report",
    "resume": "weitiao.api.fit:resume",
    "resume_on_cluster": "weitiao.cluster.train:resume_on_cluster",
    "review": "weitiao.api.review:review",
    "run_experiment": "weitiao.experiments.runner:run_experiment",
    "runs": "weitiao.api.runs:runs",
    "train": "weitiao.api.fit:train",
    "train_on_cluster": "weitiao.cluster.train:train_on_cluster",
    "try_cleaners": "weitiao.api.clean_trial:try_cleaners",
    "try_steps": "weitiao.api.augment_trial:try_steps",
    "tune": "weitiao.api.tune:tune",
    "tune_on_cluster": "weitiao.cluster.tune:tune_on_cluster",
}

# Names of 0.1, which warn: see api/deprecated.py.
_DEPRECATED = {
    "Wish",
    "calibrate_run",
    "evaluate_run",
    "explain_row",
    "fit_seeds",
    "judge_seeds",
    "make_plan",
    "predict_file",
    "resume_seeds",
    "train_plan",
    "train_seeds",
}

__all__ = [
    "Augmented",
    "Batch",
    "Choice",
    "Cleaned",
    "Converted",
    "Evaluation",
    "Example",
    "Fitted",
    "Output",
    "Plan",
    "Prediction",
    "Run",
    "Script",
    "Seeded",
    "TextClassifier",
    "TextRegressor",
    "Trial",
    "Tuned",
    "WeitiaoError",
    "annotate",
    "ask",
    "asker",
    "augment",
    "calibrate",
    "check",
    "choose",
    "clean",
    "code",
    "compare",
    "convert",
    "document",
    "evaluate",
    "explain",
    "export",
    "fit",
    "load",
    "look",
    "models",
    "open_experiment",
    "plan",
    "predict",
    "predict_on_cluster",
    "report",
    "resume",
    "resume_on_cluster",
    "review",
    "run_experiment",
    "runs",
    "train",
    "train_on_cluster",
    "try_cleaners",
    "try_steps",
    "tune",
    "tune_on_cluster",
]

wait_briefly()


def __getattr__(name: str) -> Any:
    if name in _DEPRECATED:
        return importlib.import_module("weitiao.api.deprecated").deprecated(name)
    if name not in _HOME:
        raise AttributeError(f"module 'weitiao' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
