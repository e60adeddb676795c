"""Logits of the rows that were read last are those that would be computed again."""

import numpy as np
import pytest

from conftest import toy_data, toy_plan
from weitiao.api.calibrate import calibrated
from weitiao.evaluation.calibration import fold
from weitiao.evaluation.evaluate import answers_of
from weitiao.model.kept_logits import KeptLogits
from weitiao.model.model import Model


@pytest.fixture
def started(tiny_bert, monkeypatch):
    plan = toy_plan("classification", tiny_bert)
    data = toy_data(plan)
    model = Model.start(plan, data.train, data.validation)
    read, own = [], Model.logits

    def counted(self, encoded, *others, **options):
        read.append(encoded.examples)
        return own(self, encoded, *others, **options)

    monkeypatch.setattr(Model, "logits", counted)
    return model, data, read


def test_validation_is_read_once_to_calibrate_and_to_evaluate(started):
    model, data, read = started
    plain = model.scored(model.encode(data.validation))
    read.clear()
    model, _figures = calibrated(model, data.validation)
    answers_of(model, data.validation)
    scores = model.scores_of(data.validation)
    assert read == [len(data.validation)]
    assert np.array_equal(scores, plain)


def test_other_rows_and_changed_weights_are_read_again(started):
    model, data, read = started
    model.scores_of(data.validation)
    model.scores_of(data.train)
    before = model.logits_of(data.validation)
    assert len(read) == 3
    fold(model, 2.0)
    after = model.logits_of(data.validation)
    assert len(read) == 4
    assert np.allclose(after, before / 2, atol=1e-6)


def test_what_is_done_with_kept_logits_leaves_them_as_they_are(started):
    model, data, _read = started
    model.logits_of(data.validation)[:] = 0
    assert model.logits_of(data.validation).any()


def test_many_logits_are_not_kept(started, monkeypatch):
    model, data, read = started
    monkeypatch.setattr("weitiao.model.kept_logits.MOST_BYTES", 8)
    model.logits_of(data.validation)
    model.logits_of(data.validation)
    assert len(read) == 2
    assert model.kept == KeptLogits()
