"""Columns beside the text: read as text, wherever rows come from, and missed where they lack."""

import numpy as np
import pytest

from conftest import toy_plan, toy_rows
from weitiao.api.prediction_input import assigned
from weitiao.cli import options
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.errors import DataError, PlanError
from weitiao.model.model import Model
from weitiao.planning.advise import Wish, look
from weitiao.planning.check import check

ROLES = {"text": "text", "columns": ["price", "brand"], "target": "label"}


def rows(count=60):
    found = toy_rows("classification", count)
    for at, row in enumerate(found):
        row["price"] = [12.5, 3.0, None][at % 3]
        row["brand"] = ["good", "店", "NULL", ""][at % 4]
    return found


def started(checkpoint, **changes):
    plan = toy_plan("classification", checkpoint, **{"data.roles": ROLES, **changes})
    source = from_rows(rows())
    return Model.start(plan, load(plan.data, plan.task_name, source).train), source


def test_cells_stand_before_the_text_and_empty_ones_nowhere(tiny_bert):
    model, source = started(tiny_bert)
    texts = [e.inputs["text"] for e in assigned(model, source, {}, []).examples()]
    own = [row["text"] for row in rows()]
    assert texts[0] == f"price: 12.5 | brand: good | {own[0]}"
    assert texts[1] == f"price: 3 | brand: 店 | {own[1]}"
    assert texts[2] == own[2]
    assert texts[3] == f"price: 12.5 | {own[3]}"


def test_raw_rows_are_read_as_those_of_a_file(tiny_bert, tmp_path):
    model, source = started(tiny_bert)
    model.save(tmp_path / "best")
    loaded = Model.load(tmp_path / "best")
    examples = assigned(model, source, {}, []).examples()
    for raw, example in zip(rows(), examples, strict=True):
        assert loaded.example(raw).inputs == example.inputs
    scores = [loaded(raw).scores["good"] for raw in rows()[:9]]
    np.testing.assert_allclose(model.scores(examples[:9])[:, 1], scores, atol=1e-5)


def test_a_missing_column_is_named(tiny_bert):
    model, _ = started(tiny_bert)
    with pytest.raises(DataError, match="no 'columns' \\(column 'price'\\)"):
        model("a film")
    lacking = from_rows([{"text": "a film", "brand": "x"}] * 3)
    with pytest.raises(DataError, match="no column 'price', which the model was trained on"):
        assigned(model, lacking, {}, [])


def test_rows_that_differ_beside_the_text_are_no_duplicates():
    twice = [{**row, "price": price} for row in rows(40) for price in (1, 2)]
    plan = toy_plan("classification", "x", **{"data.roles": ROLES})
    data = load(plan.data, "classification", from_rows(twice))
    flat = load(plan.with_({"data.roles": {"text": "text", "target": "label"}}).data,
                "classification", from_rows(twice))  # fmt: skip
    assert len(data.train) + len(data.validation) > 1.5 * (len(flat.train) + len(flat.validation))
    # The same texts with other columns are other texts: nothing is taken from the cache.
    other = load(plan.with_({"data.roles.columns": ["brand"]}).data, "classification",
                 from_rows(twice))  # fmt: skip
    assert data.train.fingerprint != other.train.fingerprint


def test_steps_do_not_join_twice():
    from weitiao.data.prepare.run_steps import run_steps

    plan = toy_plan("classification", "x", **{"data.roles": ROLES})
    train = load(plan.data, "classification", from_rows(rows())).train
    made = run_steps(train, {"oversample": {}}, 1)
    assert {e.inputs["text"] for e in made.examples()} == {
        e.inputs["text"] for e in train.examples()
    }


def test_what_can_be_asked_for():
    assert options.roles_of("a", "b,c", "columns=x,columns=y") == {
        "columns": ["x", "y"], "text": "a", "target": ["b", "c"],
    }  # fmt: skip
    wish = Wish(path="memory", roles={"columns": ["price"]})
    profile, _ = look(wish, from_rows(rows()))
    assert profile.roles == {"text": "text", "columns": ["price"], "target": "label"}
    with pytest.raises(DataError, match="no column called 'prise'"):
        look(Wish(path="memory", roles={"columns": ["prise"]}), from_rows(rows()))
    check(toy_plan("classification", "x", **{"data.roles": ROLES}))
    with pytest.raises(PlanError, match="needs the role 'text'"):
        check(toy_plan("classification", "x",
                       **{"data.roles": {"columns": "price", "target": "label"}}))  # fmt: skip
