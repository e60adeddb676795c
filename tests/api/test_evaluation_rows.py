"""Rows to evaluate a model on: which columns they need, and what is said where one is missing."""

import pytest

from conftest import toy_plan
from weitiao.api.evaluation_rows import rows_to_evaluate
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.load import load
from weitiao.errors import DataError
from weitiao.model.model import Model


@pytest.fixture(scope="module")
def reader(tiny_bert):
    """A model that learned where each answer begins."""
    rows = [
        {"question": f"which is number{n}", "context": f"a good film number{n}", "label": "good",
         "at": 2} for n in range(60)
    ]  # fmt: skip
    plan = toy_plan("question_answering", tiny_bert).with_({"data.roles.start": "at"})
    data = load(plan.data, plan.task_name, from_rows(rows))
    return Model.start(plan, data.train, data.validation)


def test_the_places_of_answers_may_be_left_out(reader):
    given = [{"question": "which is it", "context": "a bad film", "label": "bad"}] * 3
    rows = rows_to_evaluate(reader, from_rows(given), {}, [])
    assert "start" not in rows.roles
    assert [target[0][1] for target in rows.targets()] == ["bad"] * 3
    placed = rows_to_evaluate(reader, from_rows([{**row, "at": 2} for row in given]), {}, [])
    assert placed.roles["start"] == "at"
    with pytest.raises(DataError, match="no column 'begin'"):
        rows_to_evaluate(reader, from_rows(given), {"start": "begin"}, [])


def test_all_columns_that_are_missing_are_asked_for_at_once(reader):
    with pytest.raises(DataError) as caught:
        rows_to_evaluate(reader, from_rows([{"id": 1, "words": "a b"}]), {}, [])
    assert str(caught.value).endswith("--target COLUMN --roles question=COLUMN,context=COLUMN")
