"""weitiao (微调): from labelled text to a fine-tuned, honestly judged language model.

    import weitiao
    fitted = weitiao.fit("reviews.csv")       # a path, a DataFrame, or texts and labels
    fitted("good film").value

    model = weitiao.load("runs/reviews-001")
    model("good film")                          # Prediction(value, score, scores)
    model.predict_proba(["good film", "bad"])   # array (rows, labels)

Names load when they are first used, so that `import weitiao` is instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weitiao.advise.advise import Wish, look
    from weitiao.advise.advise import advise as make_plan
    from weitiao.errors import WeitiaoError
    from weitiao.example import Batch, Example, Output, Prediction
    from weitiao.experiment.runner import open_experiment, run_experiment
    from weitiao.plan import Plan
    from weitiao.run import Run
    from weitiao.verbs.calibrating import calibrate_run
    from weitiao.verbs.comparing import compare
    from weitiao.verbs.explaining import explain_row
    from weitiao.verbs.fitting import Fitted, fit, resume, train_plan
    from weitiao.verbs.judging import evaluate_run, predict_file
    from weitiao.verbs.judging import load_run as load
    from weitiao.verbs.seeding import fit_seeds, judge_seeds, resume_seeds, train_seeds

__version__ = "0.1.0"

# Public name -> where it lives. No name may be that of a folder of ours (train, evaluate, ...):
# importing the folder would hide it.
_HOME = {
    "Batch": "weitiao.example:Batch",
    "Example": "weitiao.example:Example",
    "Fitted": "weitiao.verbs.fitting:Fitted",
    "Output": "weitiao.example:Output",
    "Plan": "weitiao.plan:Plan",
    "Prediction": "weitiao.example:Prediction",
    "Run": "weitiao.run:Run",
    "WeitiaoError": "weitiao.errors:WeitiaoError",
    "Wish": "weitiao.advise.advise:Wish",
    "calibrate_run": "weitiao.verbs.calibrating:calibrate_run",
    "compare": "weitiao.verbs.comparing:compare",
    "evaluate_run": "weitiao.verbs.judging:evaluate_run",
    "explain_row": "weitiao.verbs.explaining:explain_row",
    "fit": "weitiao.verbs.fitting:fit",
    "fit_seeds": "weitiao.verbs.seeding:fit_seeds",
    "judge_seeds": "weitiao.verbs.seeding:judge_seeds",
    "load": "weitiao.verbs.judging:load_run",
    "look": "weitiao.advise.advise:look",
    "make_plan": "weitiao.advise.advise:advise",
    "open_experiment": "weitiao.experiment.runner:open_experiment",
    "predict_file": "weitiao.verbs.judging:predict_file",
    "resume": "weitiao.verbs.fitting:resume",
    "resume_seeds": "weitiao.verbs.seeding:resume_seeds",
    "run_experiment": "weitiao.experiment.runner:run_experiment",
    "train_plan": "weitiao.verbs.fitting:train_plan",
    "train_seeds": "weitiao.verbs.seeding:train_seeds",
}

__all__ = [
    "Batch",
    "Example",
    "Fitted",
    "Output",
    "Plan",
    "Prediction",
    "Run",
    "WeitiaoError",
    "Wish",
    "calibrate_run",
    "compare",
    "evaluate_run",
    "explain_row",
    "fit",
    "fit_seeds",
    "judge_seeds",
    "load",
    "look",
    "make_plan",
    "open_experiment",
    "predict_file",
    "resume",
    "resume_seeds",
    "run_experiment",
    "train_plan",
    "train_seeds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'weitiao' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
