import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.files.bad_rows import write
from weitiao.data.files.open import open_source
from weitiao.data.files.table import from_rows
from weitiao.data.infer.cells import flag, is_missing, label, number
from weitiao.data.infer.column_stats import columns_of
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.prepare.load import load
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan


def plan(**settings):
    return DataPlan(path="rows", roles={"text": "text", "target": "label"}, **settings)


def rows(targets, count=60):
    return [
        {"text": f"a text with the number {i}", "label": targets[i % len(targets)]}
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("4.5", 4.5), (" 4,5 ", 4.5), ("4,50", 4.5), ("0,123", 0.123), ("1,234.5", 1234.5),
        ("1.234,5", 1234.5), ("1,234,567", 1234567), ("12 345", 12345), ("-3", -3), ("+.5", 0.5),
        ("1e-3", 0.001), ("４．５", 4.5), ("９５％", 95), ("95 %", 95), ("−2", -2),
        ("1,234", None), ("12,345", None), ("1.2.3", None), ("1_000", None), ("0x10", None),
        ("inf", None), ("nan", None), ("", None), ("１２三", None), ("1,23,456", None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(cell, value):
    assert number(cell) == value


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15))
def test_every_number_that_python_writes_is_read(value):
    assert number(str(value)) == value


@given(st.text(max_size=20))
def test_no_cell_breaks_the_reading(cell):
    assert number(cell) is None or isinstance(number(cell), float)
    assert flag(cell) in (True, False, None)
    assert label(cell) == label(label(cell))
    assert is_missing(cell) <= is_missing(cell, among_numbers=True)


def test_cells_that_say_there_is_no_value_are_unlabelled_and_counted():
    marks = ["NULL", r"\N", "#N/A", "NaN", "<NA>", "null", ""]
    data = load(plan(), "classification", from_rows(rows(["a", "b"]) + rows(marks, 7)))
    assert len(data.unlabelled) == 7
    assert any("6 cells that say '#N/A', '<NA>', 'NULL'" in line for line in data.history)
    assert any(
        "7 rows without a target, not used for training or evaluation" in line
        for line in data.history
    )


def test_none_and_na_are_labels_among_labels_and_no_values_among_numbers():
    data = load(plan(), "classification", from_rows(rows(["none", "NA", "n/a"])))
    assert set(data.train.targets()) == {"none", "NA", "n/a"}
    numbers = rows(["1.5", "2,5", "3.0"]) + rows(["n/a", "NA", "None", "-", "无", "空"], 6)
    data = load(plan(), "regression", from_rows(numbers))
    assert set(data.train.targets()) == {1.5, 2.5, 3.0}
    assert len(data.unlabelled) == 6


def test_labels_that_a_spreadsheet_made_decimal_are_the_same_labels():
    data = load(plan(), "classification", from_rows(rows(["1.0", "0", "1", "0.0"])))
    assert set(data.train.targets()) == {"0", "1"}


def test_blanks_around_labels_go_and_look_alikes_are_said():
    given = rows(["正面", "正面 ", "\u3000负面", "Good", "good", "Ａ", "A"], 70)
    data = load(plan(), "classification", from_rows(given))
    assert set(data.train.targets()) == {"正面", "负面", "Good", "good", "Ａ", "A"}
    told = "\n".join(data.history)
    assert "the labels 'Good' and 'good' differ only in spelling" in told
    assert "the labels 'A' and 'Ａ' differ only" in told


def test_alike_labels_are_merged_into_the_most_frequent_one():
    """The load said {"uk": ["UK"]}, and `look` the other way round; and one setting a pair."""
    given = rows(["UK", "UK", "uk", "Uk", "us", "us", "US"], 70)
    data = load(plan(), "classification", from_rows(given))
    told = [line for line in data.history if "differ only in spelling" in line]
    assert len(told) == 3
    setting = 'data.labels.merge={"UK": ["Uk", "uk"], "us": ["US"]}'
    assert all(setting in line for line in told)


def test_a_number_that_can_be_read_in_two_ways_is_asked_about():
    with pytest.raises(DataError, match=r"rows:1: label is '1,234', which is 1234 to some"):
        load(plan(), "regression", from_rows(rows(["2.5", "1,234"])))


@pytest.mark.parametrize("task", ["regression", "similarity"])
def test_the_other_cells_of_a_column_tell_what_a_comma_is(task):
    given = [
        {**row, "text_pair": f"and another text {n}"}
        for n, row in enumerate(rows(["3,7", "4", "3,785", "n/a", "2,25"]))
    ]
    how = plan(skip_bad=False)
    if task == "similarity":
        roles = {"text": "text", "text_pair": "text_pair", "target": "label"}
        how = DataPlan(path="rows", roles=roles)
    data = load(how, task, from_rows(given))
    assert set(data.train.targets()) == {3.7, 4.0, 3.785, 2.25}
    column = columns_of(from_rows(given).table)["label"]
    assert column.numbers is not None
    assert max(column.numbers) == 4


@pytest.mark.parametrize("others", [["3,7", "3.7"], ["1,234.5"], ["1,234,567", "2,5"], ["12"]])
def test_a_column_with_both_ways_or_none_does_not_tell(others):
    with pytest.raises(DataError, match="which is 1234 to some"):
        load(plan(), "regression", from_rows(rows([*others, "1,234"])))


def test_targets_that_do_not_fit_are_named_counted_and_set_aside(tmp_path):
    given = rows(["1.5", "2.5", "3.5"], 60) + rows(["good", "=bad"], 3)
    with pytest.raises(DataError) as caught:
        load(plan(), "regression", from_rows(given))
    assert str(caught.value).startswith("rows:60: label is 'good', not a finite number.")
    assert "2 more rows cannot be used (rows:61, rows:62)" in str(caught.value)
    data = load(plan(skip_bad=True), "regression", from_rows(given))
    assert [row.place for row in data.bad] == ["rows:60", "rows:61", "rows:62"]
    assert any("3 rows that cannot be used set aside" in line for line in data.history)
    write(tmp_path / "bad_rows.csv", data.bad)
    table = open_source(str(tmp_path / "bad_rows.csv")).table
    assert table.column("place").to_pylist() == ["rows:60", "rows:61", "rows:62"]
    assert "not a finite number" in table.column("reason")[0].as_py()


def test_a_few_odd_cells_leave_a_column_one_of_numbers():
    numbers = [str(i / 7) for i in range(500)]
    table = from_rows(rows([*numbers[:250], "good", *numbers[250:], "n/a"], 502)).table
    roles = guess_roles(table, {}).roles
    task, why = guess_task(table, roles)
    assert (roles["target"], task) == ("label", "regression")
    assert "a few cells are none (good)" in why


def test_the_task_tells_which_column_is_the_target():
    columns = {
        "text": [f"a text with the number {i}" for i in range(60)],
        "label": ["pos", "neg"] * 30,
        "score": [i / 7 for i in range(60)],
    }
    table = from_rows(columns).table
    assert guess_roles(table, {}).roles["target"] == "label"
    assert guess_roles(table, {}, "classification").roles["target"] == "label"
    assert guess_roles(table, {}, "regression").roles["target"] == "score"


def test_inference_needs_a_pair_and_says_when_its_labels_are_numbers():
    columns = {
        "first_text": [f"a text with the number {i}" for i in range(60)],
        "other": [f"some words of a longer text {i}" for i in range(60)],
        "label": [0, 1] * 30,
    }
    roles = guess_roles(from_rows(columns).table, {}, "nli").roles
    assert roles == {"text": "first_text", "text_pair": "other", "target": "label"}
    data = load(
        DataPlan(path="rows", roles={"premise": "first_text", "hypothesis": "other",
                                     "target": "label"}),
        "nli", from_rows(columns),
    )  # fmt: skip
    assert any("which of them means entailment is not known" in line for line in data.history)
