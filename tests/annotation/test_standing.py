"""What stands after undo, skips, rows shown again, decisions, and rows that have changed."""

import pytest

from annotation.labelling import ROWS, label_all
from weitiao.annotation.queue import Shares
from weitiao.annotation.session import ConflictError
from weitiao.errors import DataError


def test_undo_of_a_row_that_is_gone_takes_back_no_other(begin):
    one = begin()
    _first, second = label_all(one, "ann", most=2)
    one.session.undo("ann")
    one.close()
    less = [row for at, row in enumerate(ROWS) if second != f"rows:{at}"]
    again = begin(less, labels=None)
    assert len(again.session.standing.answers) == 1, "the first answer stands"
    assert not again.session.standing.lost
    assert "stand no more" not in " ".join(again.notes)
    again.session.undo("ann")
    again.close()
    assert not begin(labels=None).session.standing.answers, "the same with the row back"


def test_a_journal_opens_whose_only_answer_was_undone_and_is_gone(begin):
    one = begin()
    (only,) = label_all(one, "ann", most=1)
    one.session.undo("ann")
    one.close()
    again = begin([row for at, row in enumerate(ROWS) if only != f"rows:{at}"], labels=None)
    assert again.session.progress("ann")["undo"] is None
    with pytest.raises(DataError, match="nothing to undo"):
        again.session.undo("ann")


def test_undo_passes_over_answers_whose_rows_are_gone(begin):
    one = begin()
    _first, second = label_all(one, "ann", most=2)
    one.close()
    again = begin([row for at, row in enumerate(ROWS) if second != f"rows:{at}"], labels=None)
    assert len(again.session.standing.lost) == 1
    again.session.undo("ann")
    assert not again.session.standing.answers
    again.close()
    whole = begin(labels=None)
    assert len(whole.session.standing.answers) == 1, "the second answer, whose row is back"


def test_undo_of_a_skip_keeps_the_earlier_answer(begin):
    one = begin()
    label_all(one, "ann", most=1)
    one.session.set_guideline("new")
    one.session.reopen("ann")
    row = one.next("ann")
    one.session.skip("ann", row["ticket"], row["print"])
    one.session.undo("ann")
    assert len(one.session.standing.answers) == 1
    one.close()
    again = begin(labels=None)
    assert len(again.session.standing.answers) == 1
    assert again.next("ann")["row"] == row["row"], "it is still to be answered again"


def test_undo_of_rows_that_are_shown_again_leaves_a_next_row(begin):
    one = begin()
    label_all(one, "ann", most=2)
    one.session.set_guideline("new")
    one.session.reopen("ann")
    one.session.undo("ann")
    one.session.undo("ann")
    assert len(label_all(one, "ann")) == 40
    one.close()
    assert len(begin(labels=None).session.standing.answers) == 40


def test_undo_sent_twice_takes_back_one_answer(begin):
    one = begin()
    label_all(one, "ann", most=3)
    number = one.session.progress("ann")["undo"]
    one.session.undo("ann", number)
    one.session.undo("ann", number)
    assert len(one.session.standing.answers) == 2
    label_all(one, "ann", most=1)
    later = one.session.progress("ann")["undo"]
    label_all(one, "ann", most=1)
    with pytest.raises(ConflictError, match="a later answer"):
        one.session.undo("ann", later)
    assert len(one.session.standing.answers) == 4


def test_a_later_answer_overturns_a_decision_and_its_undo_brings_it_back(begin):
    one = begin(shares=Shares(0.0, 1.0, 0.0, 0.0))
    (_seen,) = label_all(one, "ann", lambda text: "good", most=1)
    label_all(one, "bob", lambda text: "bad", most=1)
    (at,) = one.session.standing.disputed
    one.session.decide("eve", one.session.pool.prints[at], "good")
    one.session.set_guideline("new")
    one.session.reopen("ann")
    label_all(one, "ann", lambda text: "bad", most=1)
    assert one.session.standing.final(at) == (True, "bad"), "both say so now"
    one.session.undo("ann")
    assert one.session.standing.final(at) == (True, "good")
    one.session.undo("bob")
    assert not one.session.standing.decisions, "its answers have changed"
    one.close()
    assert begin(labels=None).session.standing.final(at) == (True, "good"), "ann alone"


def test_gold_that_is_added_later_leaves_no_negative_rest(begin):
    rows = [{**row, "known": "good"} for row in ROWS[:10]]
    one = begin(rows, text="text")
    label_all(one, "ann", lambda text: "good", most=5)
    one.close()
    again = begin(rows, text="text", labels=None, gold="known")
    assert again.session.progress("ann")["left"] == 0
