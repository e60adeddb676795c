"""The schema of a plan, by which editors complete and check it."""

import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import weitiao
from conftest import toy_rows
from weitiao.planfile.plan import Plan

PLANS = sorted((Path(__file__).resolve().parents[2] / "plans").glob("*.yaml"))


@pytest.fixture(scope="module")
def schema():
    found = json.loads(json.dumps(Plan.json_schema()))
    Draft202012Validator.check_schema(found)
    return found


def wrong(schema, plan):
    return [list(error.path) for error in Draft202012Validator(schema).iter_errors(plan)]


def read(path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_the_ready_plans_fit(path, schema):
    assert wrong(schema, read(path)) == []


def test_what_weitiao_writes_fits(schema, tiny_bert, tmp_path):
    lines = [json.dumps(row) for row in toy_rows("classification", 60)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    plan = weitiao.plan(str(tmp_path / "a.jsonl"), model=str(tiny_bert), budget=600)
    plan.save(tmp_path / "plan.yaml")
    assert wrong(schema, read(tmp_path / "plan.yaml")) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train.lerning_rate", 1e-5), ("train.learning_rate", "fast"), ("train.epochs", -1),
        ("train.optimizer", "adamv"), ("train.strategies", {"fmg": {}}), ("data.test_size", 2),
        ("evaluate.metrics", ["acuracy"]), ("task", "clasification"), ("modell", {}),
        ("data.reader", {"csv": {"delimeter": ";"}}),
    ],
)  # fmt: skip
def test_a_mistake_does_not_fit(path, value, schema):
    plan = copy.deepcopy(read(PLANS[0]))
    *parents, last = path.split(".")
    node = plan
    for name in parents:
        node = node.setdefault(name, {})
    node[last] = value
    assert wrong(schema, plan)


def test_every_field_has_a_title_in_both_languages(schema):
    fields = [
        (name, field)
        for section in [schema, *schema["$defs"].values()]
        for name, field in section.get("properties", {}).items()
        if "$ref" not in field  # a section, which has a title of its own
    ]
    assert len(fields) > 30
    for name, field in fields:
        english, _, chinese = field["title"].partition(" · ")
        assert english == name.replace("_", " ").title()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese), name
    of_one = Plan.json_schema("zh")["$defs"]["TrainPlan"]["properties"]["precision"]
    assert of_one["title"] == "精度"
