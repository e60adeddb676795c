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
    from weitiao.api.calibrate import calibrate_run
    from weitiao.api.compare import compare
    from weitiao.api.evaluate import evaluate_run, predict_file
    from weitiao.api.evaluate import load_run as load
    from weitiao.api.explain import explain_row
    from weitiao.api.fit import Fitted, fit, resume, train_plan
    from weitiao.api.seeds import fit_seeds, judge_seeds, resume_seeds, train_seeds
    from weitiao.errors import WeitiaoError
    from weitiao.example import Batch, Example, Output, Prediction
    from weitiao.experiments.runner import open_experiment, run_experiment
    from weitiao.planfile.plan import Plan
    from weitiao.planning.advise import Wish, look
    from weitiao.planning.advise import advise as make_plan
    from weitiao.run import Run

__version__ = "0.2.0"

# Public name -> where it lives. No name may be that of a folder of ours (train, evaluate, ...):
# importing the folder would hide it.
_HOME = {
    "Batch": "weitiao.example:Batch",
    "Example": "weitiao.example:Example",
    "Fitted": "weitiao.api.fit:Fitted",
    "Output": "weitiao.example:Output",
    "Plan": "weitiao.planfile.plan:Plan",
    "Prediction": "weitiao.example:Prediction",
    "Run": "weitiao.run:Run",
    "WeitiaoError": "weitiao.errors:WeitiaoError",
    "Wish": "weitiao.planning.advise:Wish",
    "calibrate_run": "weitiao.api.calibrate:calibrate_run",
    "compare": "weitiao.api.compare:compare",
    "evaluate_run": "weitiao.api.evaluate:evaluate_run",
    "explain_row": "weitiao.api.explain:explain_row",
    "fit": "weitiao.api.fit:fit",
    "fit_seeds": "weitiao.api.seeds:fit_seeds",
    "judge_seeds": "weitiao.api.seeds:judge_seeds",
    "load": "weitiao.api.evaluate:load_run",
    "look": "weitiao.planning.advise:look",
    "make_plan": "weitiao.planning.advise:advise",
    "open_experiment": "weitiao.experiments.runner:open_experiment",
    "predict_file": "weitiao.api.evaluate:predict_file",
    "resume": "weitiao.api.fit:resume",
    "resume_seeds": "weitiao.api.seeds:resume_seeds",
    "run_experiment": "weitiao.experiments.runner:run_experiment",
    "train_plan": "weitiao.api.fit:train_plan",
    "train_seeds": "weitiao.api.seeds:train_seeds",
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
