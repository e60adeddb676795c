"""Two texts and a number: read together, or compared by their vectors."""

import random

import pytest

import weitiao
from conftest import toy_data, toy_plan
from weitiao.planning import pairs, pooling


def plan_of(checkpoint, **settings):
    plan = toy_plan("similarity", checkpoint)
    return plan.with_({"task": {"similarity": settings}})


def test_the_frozen_network_chooses_with_its_figures(tiny_bert, monkeypatch):
    plan = plan_of(tiny_bert)
    rows = toy_data(plan, 120).train
    monkeypatch.setattr(pooling, "compared", lambda plan, rows: (len(rows), 0.9, 0.9))
    monkeypatch.setattr(pairs, "correlation", lambda plan, rows: 0.5)
    chosen = pairs.way(plan, rows)
    assert chosen.value == {"similarity": {"way": "cosine"}}
    assert "0.50, squared error 0.75; read together 0.90" in chosen.evidence
    monkeypatch.setattr(pairs, "correlation", lambda plan, rows: 0.2)
    assert pairs.way(plan, rows).value == {"similarity": {"way": "pair"}}


def test_it_is_measured_on_a_real_network_and_few_rows_are_not_compared(tiny_bert):
    plan = plan_of(tiny_bert)
    rows = toy_data(plan, 120).train
    assert "cosine correlates at" in pairs.way(plan, rows).evidence
    few = pairs.way(plan, toy_data(plan, 40).train)
    assert few.value == {"similarity": {"way": "cosine"}}
    assert "not compared" in few.evidence


@pytest.mark.parametrize("changes", [{}, {"task.similarity.way": "pair"}])
def test_a_plan_has_the_way_and_what_the_user_says_stands(tiny_bert, tmp_path, changes):
    draw = random.Random(1)
    words = "good bad film room food house".split()
    lines = ["a,b,score"]
    for _ in range(90):
        one = [draw.choice(words) for _ in range(3)]
        other = [draw.choice(words) for _ in range(3)]
        lines.append(f"{' '.join(one)},{' '.join(other)},{len({*one} & {*other}) + draw.random()}")
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plan = weitiao.plan(
        str(path), task="similarity", model=str(tiny_bert), changes=changes,
        roles={"text": "a", "text_pair": "b", "target": "score"},
    )  # fmt: skip
    plan = getattr(plan, "plan", plan)
    way = plan.task["similarity"]["way"]
    if changes:
        assert way == "pair"
    else:
        assert way in ("pair", "cosine")
        assert "cosine" in plan.why["task"].reason or "together" in plan.why["task"].reason
