"""The tables of benchmarks/choice.py: the picks of each rule, and their regret."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))


def record(name, smallest, picked="minilm-l6"):
    near = {"minilm-l6": 0.7, "e5-small": 0.6, "mpnet-base": 0.65}
    return {
        "set": name, "seed": 1, "what": "choose", "smallest_label": smallest,
        "picks": dict.fromkeys(("accuracy", "speed", "small"), picked), "retrieval": near,
        "candidates": [{"model": model, "score": score, "row_ms": 9.0 if "mpnet" in model else 3.0} for model, score in near.items()],
        "own_cpu_seconds": 10.0, "expected_seconds": 9.0,
    }  # fmt: skip


def tuned(name, model, score):
    return {"set": name, "seed": 1, "what": "tune", "model": model, "score": score,
            "metric": "accuracy", "seconds": 50.0, "own_cpu_seconds": 50.0, "train_rows": 300}  # fmt: skip


def test_each_rule_picks_what_it_says():
    import choice

    english = choice.picks_of(record("sst2", 150))
    assert (english["language"], english["class size"]) == ("mpnet-base", "mpnet-base")
    assert english["retrieval"] == "minilm-l6"
    assert choice.picks_of(record("trec6", 5))["class size"] == "minilm-l6"
    chinese = choice.picks_of(record("lcqmc", 30))
    assert (chinese["language"], chinese["class size"]) == ("e5-small", "e5-small")
    assert choice.picks_of(record("stsb_zh", None))["class size"] == "e5-small"


def test_regret_is_counted_from_the_best_that_was_tuned():
    import choice

    records = [record("sst2", 150), tuned("sst2", "minilm-l6", 0.80), tuned("sst2", "mpnet-base", 0.85),
               record("trec6", 5)]  # fmt: skip
    text = choice.table(records)
    line = next(one for one in text.splitlines() if one.startswith("| sst2 | mpnet-base 85.0"))
    assert "5.0 (minilm-l6)" in line
    assert "0.0 (mpnet-base)" in line
    assert "| trec6 | mpnet" not in text, "nothing of it was tuned"
    assert "0 of 1 at most 1" in text
    assert "10%" in text
    assert choice.table([]) == "nothing is stored"
