import json

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.profile import language_of, profile

ROLES = {"text": "text", "target": "label"}


def test_the_figures_of_labelled_rows():
    rows = [{"text": f"this is review {i}", "label": "good"} for i in range(60)]
    rows += [{"text": f"这家酒店很好{i}", "label": "bad"} for i in range(20)]
    rows += [
        {"text": "这家酒店很好1", "label": "bad"},
        {"text": "这家酒店很好2", "label": "good"},
        {"text": "", "label": "good"},
        {"text": "nobody knows", "label": None},
    ]
    test = from_rows([{"text": "this is review 3", "label": "good"}, {"text": "x", "label": "y"}])
    found = profile(from_rows(rows), ROLES, "classification", {"text": "its name"}, test)
    assert (found.rows, found.unlabelled, found.empty_texts) == (84, 1, 1)
    assert found.labels == {"good": 61, "bad": 21}
    assert round(found.imbalance, 2) == 2.9
    assert (found.duplicates, found.conflicts, found.leaks) == (1, 1, 1)
    assert found.lengths["text"]["max"] == 17
    assert found.language == "en"
    assert round(found.languages["zh"], 2) == 0.26
    assert json.loads(json.dumps(found.to_json()))["labels"] == {"good": 61, "bad": 21}


def test_the_figures_of_numbers():
    rows = [{"text": f"t{i}", "label": float(i)} for i in range(5)]
    found = profile(from_rows(rows), ROLES, "regression")
    assert found.numbers == {"lowest": 0.0, "highest": 4.0, "mean": 2.0, "median": 2.0}
    assert (found.labels, found.imbalance, found.leaks) == ({}, 1.0, None)


def test_tags_of_words_are_counted_as_spans_are():
    """Each type was counted once a word, and a text had the length of its list in JSON."""
    tokens = [{"text": ["Ann", "Lee", "of", "Rome"], "label": ["B-PER", "I-PER", "O", "B-LOC"]}]
    tokens += [{"text": ["Bob", "and", "Ann"], "label": ["B-PER", "O", "B-PER"]}]
    spans = [{"text": "Ann Lee of Rome", "label": [[0, 7, "PER"], [11, 15, "LOC"]]}]
    spans += [{"text": "Bob and Ann", "label": [[0, 3, "PER"], [8, 11, "PER"]]}]
    for rows in tokens, spans:
        found = profile(from_rows(rows), ROLES, "token_classification")
        assert (found.labels, found.shares) == ({"PER": 2, "LOC": 1}, {"PER": 1.0, "LOC": 0.5})
        assert found.lengths["text"]["max"] == len("Ann Lee of Rome")


def test_labels_that_look_alike_are_said_before_training():
    rows = [{"text": f"t{i}", "label": ("Good", "good", "bad")[i % 3]} for i in range(9)]
    told = "\n".join(profile(from_rows(rows), ROLES, "classification").history)
    assert "the labels 'Good' and 'good' differ only in spelling" in told


def test_the_language_of_mixed_texts():
    assert language_of("我的 iPhone 坏了") == "zh"
    assert language_of("The word 好 means good") == "en"
    assert language_of("привет") == "other"
    assert language_of("123 !!") == "other"
