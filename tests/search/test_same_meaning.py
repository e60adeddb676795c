import numpy as np
import pytest

import weitiao.search.same_meaning as same_meaning
from weitiao.data.files.table import from_rows
from weitiao.data.quality.inspect import inspected_rows
from weitiao.planfile.plan import DataPlan

ROLES = {"text": "text", "target": "label"}
TOPICS = {"room": 0, "chamber": 0, "film": 1, "movie": 1, "price": 2, "cost": 2}


class Meanings:
    """Vectors of the topic that a text is about."""

    def questions(self, texts):
        made = np.zeros((len(texts), 8), np.float32)
        for at, text in enumerate(texts):
            (word,) = [one for one in text.split() if one in TOPICS] or [""]
            made[at, TOPICS.get(word, 7)] = 1
            made[at, 3 + int(text.split()[-1]) % 4] += 0.6
        return made


@pytest.fixture
def find(monkeypatch):
    monkeypatch.setattr(same_meaning, "encoder_of", lambda name: Meanings())

    def run(rows, meaning=True):
        from dataclasses import replace

        plan = DataPlan(path="memory:x", roles=ROLES)
        inspected = inspected_rows(from_rows(rows, "a.csv"), ROLES, "classification", plan)
        inspected = replace(inspected, meaning=meaning)
        return {one.kind: one for one in same_meaning.meaning_finder("some")(inspected)}

    return run


ROWS = [
    {"text": "we liked the room of ours 0", "label": "a"},
    {"text": "such a nice chamber was there 0", "label": "b"},
    {"text": "we liked the film of ours 1", "label": "a"},
    {"text": "we liked the film of ours 1!", "label": "a"},
    {"text": "what a price that is 2", "label": "a"},
    {"text": "", "label": "a"},
]


def test_other_words_of_the_same_meaning_are_found_and_near_texts_are_not(find):
    rows = [{**one, "text": one["text"].replace("!", "")} for one in ROWS]
    finding = find(rows)["same_meaning"]
    assert finding.rows.tolist() == [0, 1]
    assert finding.figures["pairs"] == 1
    assert [row.id for row in finding.cases[0].rows] == ["a.csv:0", "a.csv:1"]


def test_it_is_asked_for(find):
    assert find([ROWS[0], ROWS[1]], meaning=False) == {}
    assert find([ROWS[0]]) == {}
    assert find([ROWS[-1], ROWS[-1]]) == {}


def test_a_row_far_from_all_others_is_an_outlier(find):
    rows = [{"text": f"the room of number {at % 2}", "label": "a"} for at in range(40)]
    rows.append({"text": "quite something else 3", "label": "a"})
    finding = find(rows)["meaning_outliers"]
    assert finding.rows.tolist() == [40]
