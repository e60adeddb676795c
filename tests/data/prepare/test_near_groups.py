import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.quality.shingles import normal_form
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan
from weitiao.planfile.sections import TrainPlan

ROLES = {"text": "text", "target": "label"}


def rows_of(count=60):
    """Each text twice: as it is, and with two more words."""
    whole = []
    for at in range(count):
        text = f"text number {at * 7919} about rooms, ships and harbours {at * 104729} of the town"
        whole += [
            {"text": text, "label": "ab"[at % 2]},
            {"text": text + " ok", "label": "ab"[at % 2]},
        ]
    return whole


def part_of_each(data):
    parts = {}
    for name in ("train", "validation", "sealed_test"):
        for one in getattr(data, name).examples():
            parts.setdefault(normal_form(one.inputs["text"]).removesuffix("ok"), set()).add(name)
    return parts


def test_near_duplicates_stay_in_one_part():
    source = from_rows(rows_of(), "a.csv")
    apart = part_of_each(load(DataPlan(path="memory:x", roles=ROLES), "classification", source))
    assert any(len(parts) > 1 for parts in apart.values())
    plan = DataPlan(path="memory:x", roles=ROLES, near_duplicates=0.8)
    data = load(plan, "classification", source)
    assert all(len(parts) == 1 for parts in part_of_each(data).values())
    assert any("near duplicates of others" in line for line in data.history)


def test_rows_near_those_of_a_test_file_are_left_out(tmp_path):
    whole = rows_of()
    path = tmp_path / "test.csv"
    path.write_text("text,label\n" + "\n".join(f'"{one["text"]} x",a' for one in whole[:6:2]))
    source = from_rows(whole, "a.csv")
    plan = DataPlan(path="memory:x", roles=ROLES, test_path=str(path), near_duplicates=0.8)
    data = load(plan, "classification", source)
    assert len(data.train) + len(data.validation) == 114
    assert any("6 rows left out that are near duplicates" in line for line in data.history)


def test_a_test_file_that_is_near_everything_is_refused(tmp_path):
    whole = rows_of(10)
    path = tmp_path / "test.csv"
    path.write_text("text,label\n" + "\n".join(f'"{one["text"]} x",a' for one in whole))
    plan = DataPlan(path="memory:x", roles=ROLES, test_path=str(path), near_duplicates=0.8)
    with pytest.raises(DataError, match="near duplicate"):
        load(plan, "classification", from_rows(whole, "a.csv"))


def test_plans_that_do_not_use_it_are_written_as_before():
    plan = DataPlan(path="a.csv", roles=ROLES)
    assert "near_duplicates" not in plan.model_dump()
    assert plan.model_copy(update={"near_duplicates": 0.8}).model_dump()["near_duplicates"] == 0.8
    source = from_rows(rows_of(20), "a.csv")
    same = load(plan, "classification", source).fingerprint
    other = load(
        plan.model_copy(update={"near_duplicates": 0.8}), "classification", source
    ).fingerprint
    assert same == load(DataPlan(path="b.csv", roles=ROLES), "classification", source).fingerprint
    assert other != same
    assert TrainPlan().model_dump()
