import numpy as np
import pytest

from conftest import toy_data, toy_plan
from weitiao.core.ragged import values_of
from weitiao.model import known_features
from weitiao.model.known_features import KnownFeatures
from weitiao.model.model import Model
from weitiao.model.output_layer import features


@pytest.mark.parametrize("task", ["classification", "nli", "token_classification"])
@pytest.mark.parametrize("most", [known_features.MOST_VALUES, 1])
def test_known_features_are_those_of_the_network_and_read_once(task, most, tiny_bert, monkeypatch):
    plan = toy_plan(task, tiny_bert)
    data = toy_data(plan, count=40)
    model = Model.start(plan, data.train)
    encoded, other = model.encode(data.train), model.encode(data.validation)
    asked = []

    def counted(model, encoded, positions):
        asked.append(len(positions))
        return features(model, encoded, positions)

    monkeypatch.setattr(known_features, "features", counted)
    monkeypatch.setattr(known_features, "MOST_VALUES", most)
    known = KnownFeatures()
    for rows, places in ((encoded, [3, 0, 3, 5]), (encoded, [5, 1]), (other, [1, 0])):
        found, wanted = known.read(model, rows, np.array(places)), features(model, rows, places)
        np.testing.assert_allclose(values_of(found), values_of(wanted), rtol=1e-5, atol=1e-5)
    if most > 1:
        assert asked == [3, 1, 2]
    else:
        assert sum(asked) > 6  # nothing more was kept
