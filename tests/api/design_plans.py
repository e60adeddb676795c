"""Plans of every task with what was measured for their design documents."""

from conftest import toy_plan, toy_rows
from weitiao import parts
from weitiao.api import design_facts
from weitiao.planfile.plan import Reason
from weitiao.planning import advise
from weitiao.reporting.design.trace import Trace

TASKS = parts.names("tasks")
_known = {}


def quick_look(rows, targets=None, **options):
    """`look` without its finders, which have tests of their own."""
    from weitiao.api.inputs import source_of, wish_of, with_targets

    for name in ("model", "watch"):
        options.pop(name, None)
    path, source = source_of(rows, targets)
    return advise.look(wish_of(path, with_targets(options, source, targets)), source)[0]


def known(task, checkpoint):
    """The plan of a task and the facts of some toy rows, measured once for all tests."""
    if task not in _known:
        plan = toy_plan(task, checkpoint)
        plan = plan.model_copy(
            update={
                "why": {"train.epochs": Reason(value=2.0, reason="few", evidence="84 rows")},
                "expect": {
                    "train_seconds": 75.0,
                    "memory_mb": 1234,
                    "of": "0",
                    "total_seconds": [75.0, 60.0, 91.5],
                    "quality": {
                        "score": [0.85, 0.81, 0.9],
                        "doubled": [1.5, 0.4, 2.6],
                        "curve": [[40, 0.7], [80, 0.75]],
                    },
                    "measured": {"plan": "0a1b2c3d", "busy": 0.93, "seconds": 821.5, "runs": 0},
                    "phases": {
                        "linear_start": {"seconds": [3.0, 2.5, 4.0], "raw": 2.9},
                        "loading": {"seconds": [3.0, 2.5, 4.0], "raw": 2.9},
                        "training": {"seconds": [70.0, 60.0, 80.0], "raw": 69.0},
                    },
                    "models": [{"model": "one", "score": 0.5}, {"model": "two", "score": 0.6}],
                    "refused": [{"model": "three", "why": "too slow"}],
                },
            }
        )
        wanted = design_facts.Wanted(plan, toy_rows(task, 60), label_seconds=12)
        _known[task] = plan, design_facts.measured(wanted)
    return _known[task]


def trace_of(known, full=True):
    plan, facts = known
    whole = plan.model_dump(mode="json")
    facts = facts.model_copy(update={"plan": whole})
    # As a short file has it: some settings stand there, the others in the facts.
    train = {name: whole["train"][name] for name in ("epochs", "batch_size", "learning_rate")}
    written = {"train": train, "why": whole["why"], "expect": whole["expect"]}
    return Trace(plan, facts, "plan.yaml", "plan.facts.json", written, None, full)
