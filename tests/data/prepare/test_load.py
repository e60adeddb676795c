from concurrent.futures import ThreadPoolExecutor

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.data.prepare.sealed import open_test, openings_file
from weitiao.errors import DataError
from weitiao.planfile.plan import DataPlan

ROLES = {"text": "text", "target": "label"}


def plan(**changes):
    return DataPlan(**{"path": "unused", "roles": ROLES, **changes})


def rows(count=100):
    return [{"text": f"row number {i}", "label": "ab"[i % 2]} for i in range(count)]


def labelled(labels):
    return [{**row, "label": labels[i % len(labels)]} for i, row in enumerate(rows())]


def texts(part):
    return [example.inputs["text"] for example in part.examples()]


def everything(data):
    return texts(data.train) + texts(data.validation) + texts(data.sealed_test)


def test_the_parts_of_a_file(tmp_path):
    file = tmp_path / "reviews.csv"
    lines = "".join(f"row number {i},{'ab'[i % 2]}\n" for i in range(100))
    file.write_text("text,label\n" + lines, encoding="utf-8")
    data = load(plan(path=str(file)), "classification")
    assert [len(part) for part in (data.train, data.validation, data.sealed_test)] == [80, 10, 10]
    assert sorted(everything(data)) == sorted(f"row number {i}" for i in range(100))
    example = data.train.examples([0])[0]
    line = int(example.inputs["text"].split()[-1]) + 2
    assert example.id == f"reviews.csv:{line}"
    assert data.history == (
        "reviews.csv: 100 rows",
        "split with seed 13: 80 train, 10 validation, 10 sealed test",
    )
    assert data.fingerprint == load(plan(path=str(file)), "classification").fingerprint
    assert (
        data.fingerprint != load(plan(path=str(file), split_seed=1), "classification").fingerprint
    )


def test_rows_are_set_apart_and_said():
    extra = [
        {"text": " ", "label": "a"},
        {"text": "unlabelled", "label": ""},
        {"text": "row number 1", "label": "b"},
        {"text": "row number 1", "label": "a"},
    ]
    data = load(plan(), "classification", from_rows(rows() + extra))
    assert texts(data.unlabelled) == ["unlabelled"]
    assert data.history[1:5] == (
        "1 row without a text left out (rows:100)",
        "1 row without a target, not used for training or evaluation",
        "1 exact duplicate left out",
        "1 text with conflicting targets; each is kept within one split",
    )
    assert len(everything(data)) == 101
    sides = [texts(part) for part in (data.train, data.validation, data.sealed_test)]
    assert sum("row number 1" in side for side in sides) == 1


def test_duplicates_that_are_kept_stay_on_one_side():
    data = load(plan(deduplicate=False), "classification", from_rows(rows() * 2))
    parts = [set(texts(p)) for p in (data.train, data.validation, data.sealed_test)]
    assert len(everything(data)) == 200
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]


def test_a_test_file_is_the_test_and_its_texts_are_not_learned(tmp_path):
    file = tmp_path / "test.csv"
    file.write_text("text,label\nrow number 3,b\nnew,a\nnewer,c\n", encoding="utf-8")
    data = load(plan(test_path=str(file)), "classification", from_rows(rows()))
    assert texts(data.sealed_test) == ["row number 3", "new", "newer"]
    assert "row number 3" not in texts(data.train) + texts(data.validation)
    assert len(data.train) + len(data.validation) == 99
    assert "1 row left out whose text also stands in the test file" in data.history
    assert (
        "the test has 1 label that no training row has: 'c' (in 1 row: always wrong)"
        in data.history
    )


def test_a_validation_file_is_the_validation_and_the_test_comes_first(tmp_path):
    held, tested = tmp_path / "dev.csv", tmp_path / "test.csv"
    held.write_text("text,label\nrow number 3,b\nnew,a\nnewer,a\n", encoding="utf-8")
    tested.write_text("text,label\nrow number 5,b\nnewer,a\n", encoding="utf-8")
    files = {"validation_path": str(held), "test_path": str(tested)}
    data = load(plan(**files), "classification", from_rows(rows()))
    assert texts(data.validation) == ["row number 3", "new"]
    assert texts(data.sealed_test) == ["row number 5", "newer"]
    learned = [f"row number {i}" for i in range(100) if i not in (3, 5)]
    assert sorted(texts(data.train)) == sorted(learned)
    assert "1 row left out whose text also stands in the validation file" in data.history
    one = load(plan(validation_path=str(held)), "classification", from_rows(rows()))
    assert len(one.validation) == 3
    assert len(one.train) + len(one.sealed_test) == 99
    held.write_text("text,label\nrow number 3,b\nnew,b\nnewer,a\n", encoding="utf-8")
    again = load(plan(validation_path=str(held)), "classification", from_rows(rows()))
    assert one.fingerprint != again.fingerprint


@pytest.mark.parametrize(
    ("part", "told"), [("validation", "validation file .* give other"), ("test", "test file")]
)
def test_a_file_that_holds_every_row_leaves_nothing_to_learn(part, told, tmp_path):
    file = tmp_path / "same.csv"
    lines = [f"{row['text']},{row['label']}" for row in rows()]
    file.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    with pytest.raises(DataError, match=told):
        load(plan(**{f"{part}_path": str(file)}), "classification", from_rows(rows()))
    file.write_text("text,label\nrow number 3,\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"the {part} file has no labelled row"):
        load(plan(**{f"{part}_path": str(file)}), "classification", from_rows(rows()))


def test_a_sample_keeps_the_shares():
    unequal = [{"text": f"t{i}", "label": "rare" if i % 10 == 0 else "usual"} for i in range(400)]
    data = load(plan(max_rows=100), "classification", from_rows(unequal))
    labels = data.train.targets() + data.validation.targets() + data.sealed_test.targets()
    assert (len(labels), labels.count("rare")) == (100, 10)


def test_targets_mean_what_the_task_says(tmp_path):
    numbers = [{"text": f"t{i}", "label": i / 2} for i in range(20)]
    data = load(plan(), "regression", from_rows(numbers))
    assert all(isinstance(target, float) for target in data.train.targets())
    data = load(
        plan(),
        "classification",
        from_rows(labelled([0.0, 1.0])),
    )
    assert set(data.train.targets()) == {"0", "1"}
    data = load(
        plan(),
        "multilabel",
        from_rows(labelled(['["x"]', "x|y"])),
    )
    assert {tuple(target) for target in data.train.targets()} == {("x", "y"), ("x",)}
    flags = [{"text": f"t{i}", "x": "1", "y": i % 2, "z": 0} for i in range(40)]
    roles = {"text": "text", "target": ["x", "y", "z"]}
    data = load(plan(roles=roles), "multilabel", from_rows(flags))
    assert {tuple(target) for target in data.train.targets()} == {("x",), ("x", "y")}


def test_rows_whose_annotators_disagreed_have_no_relation():
    pairs = [{"p": f"p{i}", "h": f"h{i}", "label": "en-"[i % 3]} for i in range(90)]
    roles = {"premise": "p", "hypothesis": "h", "target": "label"}
    data = load(plan(roles=roles), "nli", from_rows(pairs))
    assert len(data.unlabelled) == 30
    assert list(data.train.examples([0])[0].inputs) == ["premise", "hypothesis"]


@pytest.mark.parametrize(
    ("given", "task", "message"),
    [
        (rows(9), "classification", "9 labelled rows are too few"),
        (labelled(["a"]), "classification", "every target is 'a'"),
        (labelled(["1"]), "regression", "every target is 1"),
        (rows(), "regression", "rows:0: label is 'a', not a finite number"),
        (
            [{"txt": "a", "label": "b"}],
            "classification",
            "no column called 'text'. Did you mean",
        ),
        (
            [{**r, "label": f"l{i}"} for i, r in enumerate(rows())],
            "classification",
            "0 to validate",
        ),
    ],
)
def test_data_that_cannot_be_learned_from(given, task, message):
    with pytest.raises(DataError, match=message):
        load(plan(), task, from_rows(given))


def test_a_flag_that_is_none_is_named():
    flags = [{"text": f"t{i}", "x": "1", "y": "maybe"} for i in range(40)]
    with pytest.raises(DataError, match="rows:0: y is 'maybe'"):
        load(plan(roles={"text": "text", "target": ["x", "y"]}), "multilabel", from_rows(flags))


def test_rows_in_batches_and_any_order():
    data = load(plan(), "classification", from_rows(rows()))
    batches = list(data.train.batches(32))
    assert [len(batch) for batch in batches] == [32, 32, 16]
    flat = [example for batch in batches for example in batch]
    assert flat == data.train.examples()
    assert data.train.examples([5, 2]) == [flat[5], flat[2]]
    assert data.train.take([5, 2]).ids() == [flat[5].id, flat[2].id]
    assert data.train.examples(slice(3, 5)) == flat[3:5]


def test_the_fingerprint_of_rows_is_their_texts_in_order():
    data = load(plan(), "classification", from_rows(rows()))
    other = load(plan(), "classification", from_rows(labelled(["x", "y"])))
    assert data.train.fingerprint == other.train.fingerprint
    assert data.train.take([0, 1]).fingerprint != data.train.take([1, 0]).fingerprint


def test_openings_of_the_test_are_counted_by_its_content():
    data = load(plan(), "classification", from_rows(rows()))
    test, count = open_test(data, "fit")
    assert (len(test), count) == (10, 1)
    assert open_test(data, "evaluate --final")[1] == 2
    other = load(plan(split_seed=99), "classification", from_rows(rows()))
    assert open_test(other, "fit")[1] == 1
    with openings_file().open("a", encoding="utf-8") as file:
        file.write('{"half a line\n')
    assert open_test(data, "fit")[1] == 3


def test_openings_at_the_same_time_are_all_counted():
    data = load(plan(), "classification", from_rows(rows()))
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: open_test(data, "fit")[1], range(40)))
    assert sorted(counts) == list(range(1, 41))


def test_no_test_to_open():
    data = load(plan(test_size=0), "classification", from_rows(rows()))
    assert data.sealed_test is None
    with pytest.raises(DataError, match="there is no test"):
        open_test(data, "fit")


@pytest.mark.parametrize(("groups", "explained"), [(7, True), (50, False)])
def test_parts_that_few_groups_make_uneven_are_explained(groups, explained):
    given = [{**row, "person": f"p{i % groups}"} for i, row in enumerate(rows())]
    with_groups = plan(roles={**ROLES, "group": "person"}, validation_size=0.2, test_size=0.2)
    told = "\n".join(load(with_groups, "classification", from_rows(given)).history)
    assert ("same value in 'person' stay together, and there are 7 groups" in told) == explained


@pytest.mark.parametrize("labels", [("sport; uk", "uk; sport"), ('["a", "b"]', '["b", "a"]')])
def test_sets_of_labels_in_another_order_are_the_same_target(labels):
    twice = [{"text": "written twice", "label": label} for label in labels]
    several = [{**row, "label": "ab"[i % 2] + "; c"} for i, row in enumerate(rows())]
    source = from_rows([*several, *twice])
    data = load(plan(), "multilabel", source)
    history = " ".join(data.history)
    assert "1 exact duplicate left out" in history
    assert "conflicting" not in history


def test_merged_labels_are_the_same_target_in_any_order():
    several = [{**row, "label": "ab"[i % 2] + "; c"} for i, row in enumerate(rows())]
    twice = [{"text": "written twice", "label": label} for label in ("z; c", "a; c")]
    data = load(
        plan(labels={"merge": {"d": ["z", "a"]}}), "multilabel", from_rows([*several, *twice])
    )
    assert "1 exact duplicate left out" in " ".join(data.history)
