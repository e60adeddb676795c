"""The short form of a plan: each reason once, and the same plan as the full form."""

import json
import re

import pytest

from weitiao.planfile.plan import Plan, Reason


def parsed(**sections):
    data = {"path": "reviews.csv", "roles": {"text": "review", "target": "stars"}}
    model = {"checkpoint": "minilm-l6"}
    return Plan.parse({"task": "classification", "data": data, "model": model, **sections})


def reasoned():
    plan = parsed(train={"epochs": 5})
    return plan.model_copy(update={
        "why": {
            "train.epochs": Reason(value=5, reason="few rows", evidence="120 rows"),
            "data.roles": Reason(value=dict(plan.data.roles), reason="their names"),
        },
        "expect": {"train_seconds": 12.5},
    })  # fmt: skip


def test_reasons_stand_beside_the_values(tmp_path):
    path = tmp_path / "plan.yaml"
    reasoned().save(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert "  epochs: 5.0  # few rows [120 rows]" in lines
    assert "  roles: {text: review, target: stars}  # their names" in lines
    assert Plan.load(path) == reasoned()


def test_a_value_of_the_user_is_marked(tmp_path):
    path = tmp_path / "plan.yaml"
    reasoned().save(path)
    plan = Plan.load(path, {"train.epochs": 2})
    plan.save(path)
    text = path.read_text(encoding="utf-8")
    assert "  epochs: 2.0  # set by you; weitiao would take 5\n" in text
    assert "# their names" in text
    assert Plan.load(path) == plan
    assert plan.why["train.epochs"].value == 5


def test_a_value_changed_in_the_file_keeps_what_weitiao_would_take(tmp_path):
    path = tmp_path / "plan.yaml"
    reasoned().save(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("epochs: 5.0  #", "epochs: 7  #"), encoding="utf-8")
    plan = Plan.load(path)
    assert (plan.train.epochs, plan.why["train.epochs"].value) == (7, 5)
    assert plan.why["train.epochs"].evidence == "120 rows"
    without = re.sub(r" +# few.*", "", text)
    path.write_text(without, encoding="utf-8")
    assert list(Plan.load(path).why) == ["data.roles"], "a reason that is gone is gone"


@pytest.mark.parametrize("reason", ["a [b", "a [b]", "[b]", "a # b", "a]", " a", "a ", ""])
@pytest.mark.parametrize("evidence", ["", "x [y] z", "]", "#"])
def test_reasons_with_marks_are_read_as_they_were(reason, evidence, tmp_path):
    why = {"train.epochs": {"value": 3, "reason": reason, "evidence": evidence}}
    parsed(why=why).save(tmp_path / "plan.yaml")
    assert Plan.load(tmp_path / "plan.yaml") == parsed(why=why)


def test_a_short_plan_holds_each_reason_once_and_a_full_one_every_setting(tmp_path):
    plan = reasoned()
    for full in (False, True):
        plan.save(tmp_path / "plan.yaml", full=full)
        text = (tmp_path / "plan.yaml").read_text(encoding="utf-8")
        assert Plan.load(tmp_path / "plan.yaml") == plan
        assert text.count("few rows") == text.count("their names") == 1
        assert ("weight_decay" in text) == full


@pytest.mark.parametrize("full", [True, False])
def test_a_plan_is_the_same_in_memory_and_from_its_file(full, tmp_path):
    """A default that the file leaves out was 60 when read and 60.0 before: no run could go on."""
    plan = parsed().with_({"train.epochs": 2})
    plan.save(tmp_path / "plan.yaml", full=full)
    again = Plan.load(tmp_path / "plan.yaml")
    assert json.dumps(again.model_dump()) == json.dumps(plan.model_dump())
