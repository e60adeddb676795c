"""History of predictions: what it corrects, how far, and that nothing is lost in it."""

import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.planning import history
from weitiao.planning.history import PastRun, correction

RATIOS = st.lists(st.tuples(st.floats(0.1, 10.0), st.sampled_from([0.5, 1.0])), max_size=12)


def past(ratio, machine="m", family="bert", **more):
    return PastRun(machine=machine, family=family, seconds={"training": ratio}, **more)


def test_nothing_is_corrected_without_a_history():
    assert history.runs("m") == []
    assert history.of_phase([], "training", "bert") == history.Correction()


@given(RATIOS)
@settings(max_examples=50, deadline=None)
def test_a_correction_never_exceeds_the_ratios(ratios):
    found = correction(ratios)
    least = min([1.0, *(r for r, _w in ratios)])
    most = max([1.0, *(r for r, _w in ratios)])
    assert least - 1e-9 <= found.factor <= most + 1e-9
    assert found.std > 0


def test_more_runs_that_agree_correct_more_and_narrow_the_interval():
    one, ten = correction([(1.5, 1.0)]), correction([(1.5, 1.0)] * 10)
    assert 1 < one.factor < ten.factor < 1.5
    assert ten.std < one.std
    assert one.factor < math.exp(math.log(1.5) / 3), "one run is worth a quarter"


def test_runs_that_disagree_widen_the_interval():
    assert correction([(0.5, 1.0), (2.0, 1.0)] * 5).std > history.PRIOR_STD


def test_one_wild_run_among_many_hardly_moves_it():
    assert correction([(1.1, 1.0)] * 9 + [(50.0, 1.0)]).factor < 1.15


def test_another_family_counts_half():
    same = history.of_phase([past(2.0)], "training", "bert").factor
    other = history.of_phase([past(2.0, family="xlnet")], "training", "bert").factor
    assert 1 < other < same


def test_runs_of_other_machines_and_broken_lines_are_left_out():
    history.add(past(1.5))
    with history.path().open("a", encoding="utf-8") as file:
        file.write('{"machine": "m"}\nnot json\n[]\n\n')
    history.add(past(3.0, machine="other"))
    assert [one.seconds["training"] for one in history.runs("m")] == [1.5]
    assert history.gains(history.runs("m")) == []


def test_writers_at_the_same_time_lose_nothing():
    threads = [threading.Thread(target=history.add, args=(past(1 + n),)) for n in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.seconds["training"] for one in history.runs("m")) == list(range(1, 13))


def test_only_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr(history, "MOST_LINES", 3)
    for n in range(1, 6):
        history.add(past(n))
    assert [one.seconds["training"] for one in history.runs("m")] == [3, 4, 5]


def test_it_can_be_deleted():
    history.add(past(1.5))
    history.path().unlink()
    assert history.runs("m") == []
    history.add(past(2.0))
    assert len(history.runs("m")) == 1


def test_a_place_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "path", lambda: tmp_path / "missing" / "history.jsonl")
    history.add(past(1.5))


def test_it_holds_no_words_of_the_user():
    assert set(PastRun.model_fields) == {
        "machine", "family", "at", "seconds", "memory", "busy", "gain", "updates",
    }  # fmt: skip
    name = history.machine_of({"processor": "secret host"})
    assert name == pytest.approx(name) if isinstance(name, float) else "secret" not in name
