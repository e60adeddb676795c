"""Labels that are paths, and sets of labels that only look like paths."""

import pytest

from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.errors import DataError
from weitiao.labels.hierarchy import separator_of

SETS = ["sports / UK", "UK / sports", "UK / tech", "USA / tech", "tech", "sports", "USA / sports"]
PATHS = ["sports/football", "sports/tennis", "tech/phones", "tech/games", "tech"]


def task_of(labels):
    rows = [
        {"text": f"what is written in line {n}", "tags": labels[n % len(labels)]} for n in range(90)
    ]
    table = from_rows(rows).table
    return guess_task(table, guess_roles(table, {"target": "tags", "text": "text"}).roles)[0]


@pytest.mark.parametrize("between", [" / ", "/", " > "])
def test_sets_of_labels_are_no_paths_and_are_asked_about(between):
    labels = [one.replace(" / ", between) for one in SETS]
    assert separator_of(labels) == ""
    with pytest.raises(DataError, match="as if a row had several labels"):
        task_of(labels)


@pytest.mark.parametrize("labels", [PATHS, ["en/de", "de/en", "en/fr", "fr/en"], ["yes", "no"]])
def test_paths_and_other_labels_with_a_stroke_stay(labels):
    assert task_of(labels) == "classification"
