"""One reader of rows for everything that answers: each kind of input at each entry point."""

import warnings
from dataclasses import replace

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weitiao
from conftest import toy_data, toy_plan, toy_rows
from weitiao.errors import DataError, WeitiaoError
from weitiao.example import Example
from weitiao.model.model import Model
from weitiao.model.row_reader import RowReader
from weitiao.model.without_text import is_blank
from weitiao.tasks.classification import Classification
from weitiao.tasks.nli import NLI
from weitiao.tasks.token_classification import TokenClassification

TEXTS = ["a good film", "the bad room", "it is very good"]
PAIRS = [("a good film", "is good"), ("the room", "was bad"), ("we", "it")]
READER = RowReader(Classification(), {"text": "review", "target": "stars"})
PAIR_READER = RowReader(NLI(), {"premise": "p", "hypothesis": "h", "target": "y"})


def kinds_of_texts():
    """Every kind of container that TEXTS may come in."""
    yield "a list", TEXTS
    yield "a tuple", tuple(TEXTS)
    yield "an array", np.array(TEXTS)
    yield "an array of objects", np.array(TEXTS, dtype=object)
    yield "a column of an array", np.array(TEXTS)[:, None]
    yield "a Series", pandas.Series(TEXTS, index=[7, 7, 2])
    yield "a Series of strings", pandas.Series(TEXTS, dtype="string")
    yield "a frame by column", pandas.DataFrame({"stars": [1, 2, 3], "review": TEXTS})
    yield "a frame by role", pandas.DataFrame({"text": TEXTS, "more": TEXTS})
    yield "dicts by column", [{"review": text, "stars": None} for text in TEXTS]
    yield "dicts by role", [{"text": text} for text in TEXTS]
    yield "columns", {"review": TEXTS, "stars": [1, 2, 3]}
    yield "tuples of one", [(text,) for text in TEXTS]
    yield "a generator", (text for text in TEXTS)
    yield "an iterator", iter(TEXTS)
    yield "examples", [Example({"text": text}) for text in TEXTS]


def kinds_of_pairs():
    yield "tuples", PAIRS
    yield "an array", np.array(PAIRS)
    yield "dicts by role", [{"premise": a, "hypothesis": b} for a, b in PAIRS]
    yield "dicts by column", [{"p": a, "h": b} for a, b in PAIRS]
    yield "a frame", pandas.DataFrame(PAIRS, columns=["p", "h"])
    yield "a generator", (pair for pair in PAIRS)
    yield "a zip", zip(*zip(*PAIRS, strict=True), strict=True)


NO_ROWS = {
    "None": None, "a number": 3, "a float": 0.5, "bytes": b"good", "a set": {"good"},
    "nothing": [], "no tuple": (), "an empty array": np.array([]), "an empty frame": pandas.DataFrame(),
    "a frame without rows": pandas.DataFrame({"review": []}), "an empty generator": (x for x in ()),
    "numbers": [1, 2], "an array of numbers": np.arange(3), "numbers in tuples": [(1, 2)],
    "a text and a number": ["good", 3], "a number after None": [None, 3],
    "a mix": ["good", {"text": "bad"}], "a text and a tuple": ["good", ("bad",)],
    "a nested list": [["good", "bad"]], "three axes": np.zeros((2, 2, 2)), "a range": range(3),
    "bytes inside": [b"good"], "a dict of another column": {"txt": "good"}, "an empty dict": {},
    "an object in it": {"text": {"a": "good"}}, "a list in it": [{"text": ["good"]}],
    "several columns of texts": pandas.DataFrame({"a": ["x"], "b": ["y"]}),
    "two columns of one name": pandas.DataFrame([["x", "y"]], columns=["review", "review"]),
    "columns of unequal length": {"review": ["x", "y"], "b": ["x"]}, "a class": str, "a function": len,
}  # fmt: skip


@pytest.mark.parametrize("kind", dict(kinds_of_texts()))
def test_texts_are_the_same_in_every_container(kind):
    rows = dict(kinds_of_texts())[kind]
    assert [one.inputs for one in READER.examples(rows)] == [{"text": text} for text in TEXTS]


@pytest.mark.parametrize("kind", dict(kinds_of_pairs()))
def test_pairs_are_the_same_in_every_container(kind):
    rows = dict(kinds_of_pairs())[kind]
    wanted = [{"premise": a, "hypothesis": b} for a, b in PAIRS]
    assert [one.inputs for one in PAIR_READER.examples(rows)] == wanted


@pytest.mark.parametrize("kind", NO_ROWS)
def test_anything_else_is_refused_in_one_short_message(kind):
    with pytest.raises(DataError) as caught:
        list(READER.examples(NO_ROWS[kind]))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


def test_polars_and_arrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"review": TEXTS, "n": [1, 2, 3]})
    assert [one.inputs["text"] for one in READER.examples(table)] == TEXTS
    polars = pytest.importorskip("polars")
    for rows in (polars.DataFrame({"n": [1, 2, 3], "review": TEXTS}), polars.Series(TEXTS)):
        assert [one.inputs["text"] for one in READER.examples(rows)] == TEXTS
    with pytest.raises(DataError):
        list(READER.examples(polars.DataFrame({"review": TEXTS}).lazy()))


def test_one_row_and_several_are_told_apart():
    for row in ("good", {"text": "good"}, {"review": "good", "n": [1, 2]}, Example({"text": "a"})):
        assert READER.is_row(row)
        assert len(list(READER.examples(row))) == 1
    assert not READER.is_row(("a", "b"))
    assert PAIR_READER.is_row(("a", "b"))
    assert not PAIR_READER.is_row(["a", "b"])
    with pytest.raises(DataError, match="tuple of 2 texts"):
        list(PAIR_READER.examples(["a", "b"]))
    words = RowReader(TokenClassification(), {"text": "tokens", "target": "tags"})
    (one,) = words.examples({"tokens": ["a", "film"], "tags": ["O", "O"]})
    assert one.inputs == {"text": '["a", "film"]'}


def test_the_only_column_of_texts_is_taken_and_said():
    frame = pandas.DataFrame({"tweet": TEXTS, "n": [1, 2, 3], "stars": ["a", "b", "c"]})
    with pytest.warns(UserWarning, match="'tweet', the only column of texts"):
        assert [one.inputs["text"] for one in READER.examples(frame)] == TEXTS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(READER.examples(frame.rename(columns={"tweet": "review"})))


def test_more_columns_and_objects_in_rows():
    roles = {"text": "review.body", "columns": ["price"]}
    reader = RowReader(Classification(), roles)
    row = {"review": {"body": "a good film"}, "price": np.float64(2)}
    assert reader.example(row).inputs == {"text": "price: 2 | a good film"}
    for missing in ({"review": {"body": "a"}}, {"price": 1, "review": {}}):
        with pytest.raises(DataError):
            reader.example(missing)


def test_the_row_of_a_mistake_is_named_and_rows_before_it_are_read():
    examples = READER.examples(text if text != "!" else 3 for text in ("a", "b", "!"))
    assert [next(examples).inputs["text"] for _ in range(2)] == ["a", "b"]
    with pytest.raises(DataError, match="row 2"):
        next(examples)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(["text", "review", "b"]), inner, max_size=2),
    ),
    max_leaves=6,
))  # fmt: skip
def test_any_object_is_texts_or_an_error_of_ours(data):
    for reader in (READER, PAIR_READER):
        try:
            examples = list(reader.examples(data))
        except WeitiaoError:
            continue
        assert examples
        assert all(isinstance(text, str) for one in examples for text in one.inputs.values())


@pytest.mark.parametrize(
    "empty", ["", " \n\t", "\u3000", None, float("nan"), pandas.NA, pandas.NaT]
)
def test_a_row_without_a_text_is_one_in_every_container(empty):
    for rows in (
        ["good", empty], [empty, "good"][::-1], pandas.Series(["good", empty], dtype=object),
        np.array(["good", empty], dtype=object), [("good",), (empty,)], (x for x in ["good", empty]),
        pandas.DataFrame({"review": ["good", empty], "n": [1, 2]}),
        [{"text": "good"}, {"text": empty}], {"review": ["good", empty]},
    ):  # fmt: skip
        assert [is_blank(one) for one in READER.examples(rows)] == [False, True]
    for rows in ([("a", "b"), ("a", empty)], [("a", "b"), (empty, "b")],
                 [{"p": "a", "h": "b"}, {"p": empty, "h": "b"}],
                 [("a", "b"), ("a", "") if isinstance(empty, str) else empty]):  # fmt: skip
        assert [is_blank(one) for one in PAIR_READER.examples(rows)] == [False, True]
    inner = RowReader(Classification(), {"text": "review.body"})
    assert is_blank(inner.example({"review": {"body": empty}}))
    more = RowReader(Classification(), {"text": "review", "columns": ["price"]})
    assert is_blank(more.example({"review": empty, "price": 2}))


# --- the entry points


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from conftest import make_checkpoint

    folder = str(make_checkpoint(tmp_path_factory.mktemp("tiny")))
    plan = toy_plan("classification", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEITIAO_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = Model.start(plan, toy_data(plan).train)
        made.save(tmp_path_factory.mktemp("saved") / "model")
    return made


@pytest.mark.parametrize("kind", [k for k, _ in kinds_of_texts() if "column" not in k])
def test_each_entry_point_takes_each_kind(kind, model):
    def rows():
        return dict(kinds_of_texts())[kind]

    wanted = model(*TEXTS)
    assert model(rows()) == wanted
    assert model.predict(rows()).tolist() == [one.value for one in wanted]
    for one, alike in zip(model.predictions(rows(), chunk=2), wanted, strict=True):
        assert one.score == pytest.approx(alike.score)
        assert one.scores == pytest.approx(alike.scores)
        assert replace(one, score=0, scores={}) == replace(alike, score=0, scores={})
    assert model.predict_proba(rows()).shape == (3, 2)
    assert weitiao.predict(model, rows()).tolist() == [one.value for one in wanted]


@pytest.mark.parametrize("kind", ["None", "a number", "nothing", "a nested list", "a mix"])
def test_each_entry_point_refuses_alike(kind, model):
    bad = NO_ROWS[kind]
    for call in (model, model.predict, model.predict_proba, lambda x: weitiao.predict(model, x),
                 lambda x: weitiao.explain(model, x)):  # fmt: skip
        with pytest.raises(DataError):
            call(bad)


def test_one_text_gives_one_prediction_and_an_array_of_one_label(model):
    assert model("a good film").value == model.predict("a good film")[0]
    assert model.predict_proba("a good film").shape == (1, 2)
    assert model(["a good film"]) == [model("a good film")]
    assert model.classes_.tolist() == list(model.labels_) == ["bad", "good"]
    with pytest.raises(DataError):
        model()


def test_a_row_without_a_text_has_no_answer_and_is_said(model):
    rows = ["a good film", "", None, "  ", "the bad room"]
    with pytest.warns(
        UserWarning, match=r"3 rows without a text \(row 1, row 2, row 3\): no answer"
    ):
        predictions = list(model.predictions(rows, chunk=2))
    wanted = model("a good film", "the bad room")
    assert [one.value for one in predictions] == [
        wanted[0].value,
        None,
        None,
        None,
        wanted[1].value,
    ]
    assert [one.reason for one in predictions] == ["", *["no text"] * 3, ""]
    with pytest.warns(UserWarning, match="without a text"):
        assert model.predict(rows).tolist() == [one.value for one in predictions]
    with pytest.warns(UserWarning, match="without a text"):
        table = model.predict_proba(rows)
    assert np.isnan(table).all(1).tolist() == [False, True, True, True, False]
    assert table[[0, 4]] == pytest.approx(model.predict_proba(["a good film", "the bad room"]))
    with pytest.warns(UserWarning, match="1 row without a text"):
        assert model("").value is None
    with pytest.warns(UserWarning, match="1 row without a text"):
        assert model.predict_proba([None]).shape == (1, 2)
    with pytest.raises(DataError, match="no text"):
        weitiao.explain(model, " ")


def test_a_row_without_a_text_stays_a_row_of_the_output(model, tmp_path):
    said = []
    rows = ["", "a good film", None]
    assert weitiao.predict(model, rows, tmp_path / "out.csv", say=said.append) == 3
    table = pandas.read_csv(tmp_path / "out.csv")
    assert table["prediction"].isna().tolist() == [True, False, True]
    assert {"score", "score_good", "score_bad"} <= {*table}
    assert "2 rows without a text: the answer is empty" in said
    weitiao.predict(model, ["", " "], tmp_path / "none.csv", say=said.append)
    assert {"score", "score_good", "score_bad"} <= {*pandas.read_csv(tmp_path / "none.csv")}


def test_columns_of_rows_to_evaluate_are_found_or_named(model, tmp_path):
    model.save(tmp_path / "saved")
    rows, file = pandas.DataFrame(toy_rows("classification", 20)), tmp_path / "rows.csv"
    rows.to_csv(file, index=False)
    wanted = weitiao.evaluate(tmp_path / "saved", file).report.metrics
    said = []
    rows.rename(columns={"text": "Text ", "label": "TARGET"}).to_csv(file, index=False)
    got = weitiao.evaluate(tmp_path / "saved", file, say=said.append)
    assert got.report.metrics == pytest.approx(wanted)
    assert any("no column 'label'; its column 'TARGET' is read instead" in line for line in said)
    rows.rename(columns={"text": "review", "label": "stars"}).to_csv(file, index=False)
    with pytest.raises(DataError, match="--text COLUMN"):
        weitiao.evaluate(tmp_path / "saved", file)
    with pytest.raises(DataError, match="--target COLUMN"):
        weitiao.evaluate(tmp_path / "saved", file, roles={"text": "review"})
    roles = {"text": "review", "target": "stars"}
    assert weitiao.evaluate(tmp_path / "saved", file, roles=roles).report.metrics == pytest.approx(
        wanted
    )
    for wrong in ({"text": "reviw"}, {"premise": "review"}):
        with pytest.raises(DataError):
            weitiao.evaluate(tmp_path / "saved", file, roles=wrong)


def test_rows_without_a_text_are_not_judged_and_counted(model, tmp_path):
    model.save(tmp_path / "saved")
    rows = toy_rows("classification", 20)
    said = []
    wanted = weitiao.evaluate(tmp_path / "saved", rows).report
    more = [*rows, {"text": None, "label": "good"}, {"text": " ", "label": "bad"}]
    got = weitiao.evaluate(tmp_path / "saved", more, say=said.append).report
    assert (got.rows, got.metrics) == (wanted.rows, pytest.approx(wanted.metrics))
    assert any("2 rows" in line and "text" in line for line in said)
    with pytest.warns(UserWarning, match="2 rows without a text left out"):
        weitiao.evaluate(tmp_path / "saved", more)


@pytest.mark.parametrize("task", ["regression", "multilabel", "token_classification", "nli"])
def test_every_kind_of_answer_has_a_place_for_none(task, tiny_bert):
    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan, 40)
    made = Model.start(plan, data.train)
    (example,) = data.validation.examples([0])
    blank = Example({**example.inputs, [*example.inputs][-1]: " "})
    with pytest.warns(UserWarning, match="1 row without a text"):
        values = made.predict([example, blank])
    assert len(values) == 2
    assert values[1] is None or np.isnan(values[1])
    with pytest.warns(UserWarning, match="1 row without a text"):
        made.predict([blank])


def test_explain_reads_one_row(model):
    wanted = weitiao.explain(model, "a good film")
    for row in (["a good film"], {"text": "a good film"}, np.array(["a good film"]),
                pandas.DataFrame({"text": ["a good film"]})):  # fmt: skip
        assert weitiao.explain(model, row) == wanted
    with pytest.raises(DataError, match="one row"):
        weitiao.explain(model, pandas.Series(TEXTS))


def test_evaluate_reads_rows_with_and_without_targets(model, tmp_path):
    model.save(tmp_path / "saved")
    rows = toy_rows("classification", 20)
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    pandas.DataFrame(rows).to_csv(tmp_path / "rows.csv", index=False)
    wanted = weitiao.evaluate(tmp_path / "saved", tmp_path / "rows.csv").report.metrics
    for given_rows, targets in (
        (rows, None), (pandas.DataFrame(rows), None), (iter(rows), None), (texts, labels),
        (np.array(texts), np.array(labels)), (pandas.DataFrame(rows)[["text"]], pandas.Series(labels)),
    ):  # fmt: skip
        got = weitiao.evaluate(tmp_path / "saved", given_rows, targets)
        assert got.report.metrics == pytest.approx(wanted)
        assert (got.split, got.openings) == ("rows", 0)
    with pytest.raises(DataError, match="pair up"):
        weitiao.evaluate(tmp_path / "saved", texts, labels[:3])
    for bad in (texts, [1, 2], [], [["a", "good"]]):
        with pytest.raises(WeitiaoError):
            weitiao.evaluate(tmp_path / "saved", bad)


def test_values_are_returned_as_scikit_learn_does(tiny_bert):
    kinds = {"classification": str, "regression": float, "multilabel": tuple, "nli": str}
    for task, kind in kinds.items():
        plan = toy_plan(task, tiny_bert)
        data = toy_data(plan, 40)
        made = Model.start(plan, data.train)
        values = made.predict(data.validation.examples())
        assert len(values) == len(data.validation)
        assert all(isinstance(value, kind) for value in values)
        assert isinstance(values, list if task == "multilabel" else np.ndarray)
        assert hasattr(made, "classes_") == (task != "regression")


def test_places_have_no_table_of_scores(tiny_bert):
    plan = toy_plan("token_classification", tiny_bert)
    made = Model.start(plan, toy_data(plan, 20).train)
    with pytest.raises(DataError, match="places"):
        made.predict_proba("a good film")
    spans = made.predict("a good film")
    assert isinstance(spans, list)
    assert len(spans) == 1


def test_texts_without_labels_are_no_files():
    with pytest.raises(WeitiaoError, match="2 texts without labels"):
        weitiao.fit(["a good film", "a bad film"])
    with pytest.raises(WeitiaoError, match="no such file"):
        weitiao.fit(["first.csv", "second.csv"])
