import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.prepare.profile import profile
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan, Plan
from weitiao.planfile.sections import LabelsPlan

ROLES = {"text": "text", "target": "label"}


def plan(**changes):
    return DataPlan(**{"path": "unused", "roles": ROLES, **changes})


def source(labels, count=100):
    return from_rows([{"text": f"row {i}", "label": labels[i % len(labels)]} for i in range(count)])


def targets(data):
    return [*data.train.targets(), *data.validation.targets(), *data.sealed_test.targets()]


def test_classes_are_merged_and_dropped_and_counted():
    rules = {"merge": {"good": ["Good"]}, "rename": {"bad": "poor"}, "drop": ["?"]}
    data = load(plan(labels=rules), "classification", source(["good", "Good", "bad", "?"]))
    assert sorted(set(targets(data))) == ["good", "poor"]
    assert len(targets(data)) == 75
    said = "\n".join(data.history)
    assert "labels 'Good' (25) are called 'good' now, as 25 already were" in said
    assert "labels 'bad' (25) are called 'poor' now" in said
    assert "25 rows left out whose label is dropped (data.labels): '?' (25)" in said


def test_labels_that_are_numbers_in_yaml_are_names():
    data = load(
        plan(labels={"rename": {0: "negative", 1: "positive"}}), "classification", source([0, 1])
    )
    assert set(targets(data)) == {"negative", "positive"}


def test_several_labels_lose_a_label_and_keep_their_row():
    rows = source(['["a","b"]', '["b","x"]', '["x"]'])
    data = load(plan(labels={"rename": {"b": "c"}, "drop": ["x"]}), "multilabel", rows)
    assert {tuple(one) for one in targets(data)} == {("a", "c"), ("c",), ()}
    assert len(targets(data)) == 100


def test_types_of_tags_change_with_their_prefixes():
    rows = from_rows(
        [
            {
                "text": ["Ann", "Lee", "in", "Rome", str(i)],
                "label": ["B-PER", "I-PER", "O", "B-LOC", "O"],
            }
            for i in range(40)
        ]
    )
    data = load(
        plan(labels={"rename": {"PER": "person"}, "drop": ["LOC"]}), "token_classification", rows
    )
    assert set(map(tuple, targets(data))) == {("B-person", "I-person", "O", "O", "O")}


def test_numbers_have_no_labels_to_rename():
    with pytest.raises(DataError, match="the targets of regression are no labels"):
        load(plan(labels={"drop": ["1"]}), "regression", source([1.5, 2.5]))


def test_a_file_with_old_names_is_read_by_the_same_rules(tmp_path):
    other = tmp_path / "test.csv"
    other.write_text(
        "text,label\n" + "".join(f"new {i},{'Good' if i % 2 else 'bad'}\n" for i in range(20))
    )
    rules = {"rename": {"Good": "good"}, "keep": ["good", "bad"]}
    data = load(
        plan(labels=rules, test_path=str(other)), "classification", source(["Good", "bad", "x"])
    )
    assert set(data.sealed_test.targets()) == {"good", "bad"}
    assert set(data.train.targets()) == {"good", "bad"}


def test_the_profile_counts_the_new_labels():
    made = profile(
        source(["a", "b", "c"]), ROLES, "classification", labels=LabelsPlan(merge={"x": ["a", "b"]})
    )
    assert made.labels == {"x": 67, "c": 33}


def test_plans_without_rules_are_written_as_before():
    raw = {
        "task": "classification",
        "data": {"path": "a.csv", "roles": ROLES},
        "model": {"checkpoint": "minilm-l6"},
    }
    assert (
        not {"labels", "corrections", "correct_test"} & Plan.parse(raw).model_dump()["data"].keys()
    )
    changed = Plan.parse(raw).with_({"data.labels.drop": "x"})
    assert changed.model_dump()["data"]["labels"] == {"drop": ["x"]}
    assert Plan.parse(changed.model_dump()) == changed


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"rename": {"a": "b"}, "merge": {"c": ["a"]}}, "gets two new names"),
        ({"keep": ["a"], "drop": ["a"]}, "is in keep and in drop"),
    ],
)
def test_rules_that_contradict_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        LabelsPlan(**rules)


def test_rules_change_the_fingerprint_and_equal_ones_do_not():
    rows = source(["a", "b", "c"])
    plain, first, again = (
        load(plan(**more), "classification", rows).fingerprint
        for more in ({}, {"labels": {"drop": ["c"]}}, {"labels": {"drop": ["c"]}})
    )
    assert plain != first == again


def test_a_new_name_that_is_an_old_one_is_refused():
    for rename in ({"pos": "neg", "neg": "pos"}, {"a": "b", "b": "c"}):
        with pytest.raises(ValueError, match="Take names that no row has"):
            LabelsPlan(rename=rename)
    LabelsPlan(rename={"a": "a"}, merge={"b": ["c"]})


def test_a_small_test_file_follows_the_levels_of_the_training_rows(tmp_path):
    paths = ["体育/足球", "体育/篮球", "财经/股票", "财经/基金", "科技/手机", "科技/电脑"]
    other = tmp_path / "test.csv"
    other.write_text("text,label\n一,体育/足球\n二,财经/股票\n三,科技/手机\n", encoding="utf-8")
    rules = {"rename": {"体育": "运动"}, "drop": ["财经"]}
    data = load(plan(labels=rules, test_path=str(other)), "classification", source(paths))
    assert data.sealed_test.targets() == ["运动/足球", "科技/手机"]


def test_a_label_that_only_annotators_say_may_be_dropped():
    rows = from_rows(
        [
            {"text": f"row {i}", "label": "ab"[i % 2], "ann": "ab"[i % 2], "bob": "am"[i % 2]}
            for i in range(60)
        ]
    )
    roles = {**ROLES, "annotators": ["ann", "bob"]}
    data = load(plan(roles=roles, labels={"drop": ["m"]}), "classification", rows)
    assert len(targets(data)) == 60
