"""Every plan in plans/ validates, and trains on rows of its shape with a tiny checkpoint."""

import json
import random
from pathlib import Path

import pytest

from conftest import sentence, tiny_of
from matrix.families import make
from weitiao import parts
from weitiao.api.fit import train
from weitiao.planfile.plan import Plan
from weitiao.planning.check import check

PLANS = sorted((Path(__file__).parents[1] / "plans").glob("*.yaml"))


def write_rows(path, plan, count=40):
    """Rows with the columns that the plan names."""
    rng = random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            kind = ("good", "bad")[number % 2]
            text = f"{number} {sentence(kind, rng)}"
            row = {
                column: text if role == "context" else f"{number} {sentence(kind, rng)}"
                for role, column in plan.data.roles.items()
                if role != "target"
            }
            words = f"{number} {sentence(kind, rng)}".split()
            if plan.task_name == "token_classification":
                row = {"tokens": words}
            row[plan.data.roles["target"]] = {
                "token_classification": [f"B-{kind}", *["O"] * (len(words) - 1)],
                "classification": kind,
                "multilabel": f"{kind}|short" if number % 3 else kind,
                "nli": {"good": "entailment", "bad": "contradiction"}[kind],
                "question_answering": [{"text": str(number), "answer_start": 0}],
                "regression": (4 if kind == "good" else 1) + rng.random(),
                "retrieval": f"{' '.join(words)} today",
                "translation": " ".join(reversed(words)),
                "generation": kind,
                "similarity": (4 if kind == "good" else 1) + rng.random(),
            }[plan.task_name]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def test_every_task_has_a_plan_and_one_is_of_pairs():
    plans = [Plan.load(path) for path in PLANS]
    assert {plan.task_name for plan in plans} == set(parts.names("tasks"))
    assert any("text_pair" in plan.data.roles for plan in plans)


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_ready_plan_is_right_and_trains(path, tiny_bert, tmp_path):
    plan = Plan.load(path)
    check(plan)
    rows = tmp_path / "rows.jsonl"
    write_rows(rows, plan)
    family = "llama" if path.stem.endswith("decoder") else None
    checkpoint = make(tmp_path / "tiny", family) if family else tiny_of(plan.task_name, tiny_bert)
    small = plan.with_({
        "data.path": str(rows), "model.checkpoint": checkpoint, "train.epochs": 1,
        "train.batch_size": 16, "train.evaluations": 1, "evaluate.bootstrap_samples": 20,
    })  # fmt: skip
    fitted = train(small, out=tmp_path / "runs")
    assert fitted.run.status().step == 2
    assert fitted.split == "validation"
    assert set(fitted.metrics) == set(plan.evaluate.metrics)
