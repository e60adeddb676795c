import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.errors import DataError
from weitiao.labels.renaming import LabelMap, LabelRules, change_lines, resolve

NAMES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True)


def test_names_that_no_row_has_are_refused_with_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'positive'"):
        resolve(LabelRules({"positve": "pos"}), ["positive", "negative"])


def test_other_rows_need_not_have_every_name():
    assert resolve(LabelRules({"a": "b"}, ["x"]), ["c"], strict=False).names == {}


def test_what_is_kept_or_dropped_may_be_called_by_its_old_or_new_name():
    known = ["bad", "good", "?"]
    assert resolve(LabelRules({"bad": "neg"}, drop=["neg"]), known).names == {"bad": None}
    kept = resolve(LabelRules({"bad": "neg"}, keep=["neg", "good"]), known)
    assert kept.names == {"bad": "neg", "?": None}


def test_a_parent_stands_for_all_labels_below_it():
    known = ["体育/足球", "体育/篮球", "财经/股票"]
    assert resolve(LabelRules({"体育": "运动"}), known, "/").names == {
        "体育/足球": "运动/足球",
        "体育/篮球": "运动/篮球",
    }
    assert resolve(LabelRules(keep=["体育"]), known, "/").names == {"财经/股票": None}


def test_a_kept_label_is_kept_in_either_spelling():
    rules = LabelRules({"pos": "positive"}, keep=["pos", "neg"])
    for known in (["pos", "neg", "?"], ["positive", "neg", "?"]):
        left = [resolve(rules, known, strict=False).of(label) for label in known]
        assert left == ["positive", "neg", None]


def test_a_parent_that_is_a_label_itself_stands_for_those_below_too():
    known = ["体育", "体育/足球", "财经"]
    names = resolve(LabelRules({"体育": "运动"}), known, "/").names
    assert names == {"体育": "运动", "体育/足球": "运动/足球"}


def test_two_labels_may_change_places():
    swapped = resolve(LabelRules({"a": "b", "b": "a"}), ["a", "b"])
    assert [swapped.target(label) for label in "ab"] == ["b", "a"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], ["B-person", "I-person", "O", "O"]),
        (["U-PER", "L-LOC"], ["U-person", "O"]),
        ([(0, 2, "PER"), (3, 4, "LOC", "Rome")], [(0, 2, "person")]),
        (["NOUN"], ["NOUN"]),
        ([], []),
        (None, None),
    ],
)
def test_types_of_tags_and_spans(target, expected):
    assert LabelMap({"PER": "person", "LOC": None}).target(target, "tokens") == expected


def test_several_labels_that_become_one_stand_once():
    assert LabelMap({"a": "c", "x": None}).target(["a", "b", "c", "x"]) == ["c", "b"]


@settings(max_examples=60, deadline=None)
@given(NAMES, st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("uvwabc"), max_size=4))
def test_every_label_ends_with_one_name_and_nothing_else_changes(known, rules):
    rules = {old: new for old, new in rules.items() if old in known}
    label_map = resolve(LabelRules(rules), known)
    for label in known:
        assert label_map.target(label) == rules.get(label, label)


def test_the_history_says_who_joined_whom():
    lines = change_lines(
        LabelMap({"Good": "good", "fine": "good", "x": None}),
        {"Good": 2, "good": 9, "fine": 1, "x": 3},
    )
    assert lines == ["labels 'Good' (2), 'fine' (1) are called 'good' now, as 9 already were"]
