"""Sessions: rows, answers of every kind, undo, skip, guidelines, several annotators, export."""

import csv
import json

import pytest

from annotation.labelling import PLAIN, ROWS, label_all
from weitiao.annotation.queue import Shares
from weitiao.annotation.session import ConflictError
from weitiao.data.files.open import open_source
from weitiao.data.infer.declared import is_split
from weitiao.data.infer.roles import guess_roles
from weitiao.errors import DataError, RunError, WeitiaoError
from weitiao.web.annotate import exported


def test_every_row_comes_once_and_then_no_more(begin):
    one = begin()
    seen = label_all(one, "ann")
    assert sorted(seen) == sorted(f"rows:{i}" for i in range(40))
    assert one.next("ann") is None
    assert one.figures().labels == {"good": 20, "bad": 20}


def test_the_row_stays_until_it_is_answered(begin):
    one = begin()
    assert one.next("ann") == one.next("ann")
    assert one.next("ann")["row"] != one.next("bob")["row"], "two annotators, two rows"


def test_a_journal_is_resumed_without_repeating_the_options(begin):
    one = begin()
    label_all(one, "ann", most=7)
    one.close()
    again = begin(labels=None, shares=None)
    assert again.session.scheme.labels == ("good", "bad")
    assert again.session.shares == PLAIN
    assert len(label_all(again, "ann")) == 33
    assert "7 rows labelled already" in " ".join(again.notes)


def test_an_answer_sent_twice_counts_once(begin):
    one = begin()
    row = one.next("ann")
    assert one.answer("ann", row, "good") == one.answer("ann", row, "good")
    with pytest.raises(ConflictError):
        one.answer("ann", row, "bad")
    assert len(one.session.journal.records) == 2


def test_an_answer_after_a_restart_counts_and_the_repeated_one_too(begin):
    one = begin()
    row = one.next("ann")
    one.close()
    again = begin(labels=None)
    number = again.answer("ann", row, "good")
    again.close()
    third = begin(labels=None)
    assert third.answer("ann", row, "good") == number
    with pytest.raises(ConflictError):
        third.session.answer("ann", "another-ticket", row["print"], "bad")


def test_undo_takes_back_answers_and_skips_and_opens_the_row(begin):
    one = begin()
    row = one.next("ann")
    one.answer("ann", row, "good")
    second = one.next("ann")
    one.session.skip("ann", second["ticket"], second["print"])
    one.session.undo("ann")
    assert one.next("ann")["row"] == second["row"]
    one.session.undo("ann")
    back = one.next("ann")
    assert back["row"] == row["row"]
    assert one.figures().labelled == 0
    one.answer("ann", back, "bad")
    assert one.figures().labels == {"bad": 1}
    one.session.undo("ann")
    with pytest.raises(DataError, match="nothing to undo"):
        one.session.undo("ann")
    one.close()
    assert begin(labels=None).figures().labelled == 0, "the journal says the same"


def test_a_skipped_row_goes_to_others(begin):
    one = begin(ROWS[:1], shares=Shares(0, 0, 0, 0))
    row = one.next("ann")
    one.session.skip("ann", row["ticket"], row["print"])
    assert one.next("ann") is None
    assert one.next("bob")["row"] == row["row"]


def test_a_guideline_from_a_file_does_not_take_back_what_was_written_on_the_page(begin, tmp_path):
    file = tmp_path / "guideline.txt"
    file.write_text("first", encoding="utf-8")
    one = begin(guideline=file)
    one.session.set_guideline("on the page")
    one.close()
    one = begin(labels=None, guideline=file)
    assert one.session.standing.guidelines == ["first", "on the page"]
    assert any("earlier version" in note for note in one.notes)
    one.close()
    file.write_text("third", encoding="utf-8")
    assert begin(labels=None, guideline=file).session.standing.guidelines[-1] == "third"


def test_shares_and_seed_stay_those_that_a_journal_was_begun_with(begin):
    begin(shares={"random": 0.4}).close()
    for other, option in (({"random": 0.5}, "--random-share 0.5"), ({"randm": 0.4}, "no share")):
        with pytest.raises(DataError, match=option):
            begin(labels=None, shares=other)
    with pytest.raises(DataError, match="--seed 3"):
        begin(labels=None, shares={}, seed=3)
    for same in ({"random": 0.4}, {}):
        one = begin(labels=None, shares=same, seed=0)
        assert one.session.shares.random == 0.4
        one.close()


def test_guidelines_have_versions_and_older_rows_come_again(begin):
    one = begin()
    one.session.set_guideline("first")
    one.session.set_guideline("first ")
    seen = label_all(one, "ann", most=3)
    one.session.set_guideline("second")
    assert one.session.standing.guidelines == ["first", "second"]
    assert one.session.progress("ann")["older"] == 3
    assert one.session.reopen("ann") == 3
    one.close()
    again = begin(labels=None)
    for expected in seen:
        row = again.next("ann")
        assert row["row"] == expected
        assert row["before"]["guideline"] == 1
        again.answer("ann", row, "good")
    assert again.next("ann")["before"] is None
    assert again.session.progress("ann")["older"] == 0


def test_rows_with_two_annotators_are_adjudicated(begin):
    one = begin(shares=Shares(0.2, 1.0, 0.0, 0.0))
    label_all(one, "ann", most=10)
    label_all(one, "bob", lambda text: "good", most=10)
    found = one.figures()
    assert found.agreement.rows == 10
    assert 0 < found.agreement.same < 1
    assert found.disputed == len(one.session.standing.disputed) > 0
    at = one.session.standing.disputed[0]
    with pytest.raises(DataError, match="one of the answers"):
        one.session.decide("eve", one.session.pool.prints[at], "neither")
    one.session.decide("eve", one.session.pool.prints[at], "bad")
    assert one.session.standing.final(at) == (True, "bad")
    assert one.figures().decided == 1


def test_gold_rows_check_annotators(begin):
    rows = [{**row, "known": row["text"].split()[-1] if i < 6 else None}
            for i, row in enumerate(ROWS)]  # fmt: skip
    one = begin(rows, gold="known", shares=Shares(0.2, 0.0, 0.2, 0.0))
    label_all(one, "ann", most=20)
    label_all(one, "bob", lambda text: "good", most=20)
    ann, bob = one.figures().annotators
    assert ann.gold_rows == ann.gold_right >= 3
    assert bob.gold_right < bob.gold_rows


def test_pre_labels_are_hidden_on_a_share_and_anchoring_is_measured(begin):
    rows = [{**row, "old": "good"} for row in ROWS]
    one = begin(rows, prelabels="old")
    shown = 0
    while row := one.next("ann"):
        shown += row["suggestion"] is not None
        value = "good" if row["suggestion"] else row["texts"][0]["text"].split()[-1]
        one.answer("ann", row, value)
    assert 8 < shown < 32
    anchoring = one.figures().anchoring
    assert anchoring.shown_same == 1.0
    assert anchoring.hidden_same < 0.9
    assert anchoring.low <= anchoring.difference <= anchoring.high


def test_export_gives_an_honest_split_that_fit_declares(begin, tmp_path):
    one = begin()
    label_all(one, "ann")
    done = one.export(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == done.rows == 40
    assert all((row["split"] == "train") == (row["arm"] == "chosen") for row in rows)
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    assert all(row["label"] == row["text"].split()[-1] for row in rows)
    source = open_source(str(tmp_path / "out.csv"))
    assert guess_roles(source.table, {}).roles == {"text": "text", "target": "label"}
    assert is_split("split", [row["split"] for row in rows])
    again, command = exported(ROWS, tmp_path / "out.jsonl", journal=tmp_path / "j.jsonl")
    assert again.rows == 40, "while the journal is open elsewhere"
    assert command.startswith("weitiao fit ")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[0])


def test_the_random_arm_stays_when_rows_are_added_or_moved(begin):
    one = begin()
    honest = {one.session.pool.prints[at] for at in one.session.queue.reserved}
    part = {one.session.pool.prints[at]: one.session.queue.part(at)
            for at in one.session.queue.reserved}  # fmt: skip
    one.close()
    more = [{"text": f"new {i}"} for i in range(30)] + ROWS[::-1]
    again = begin(more, labels=None)
    queue, prints = again.session.queue, again.session.pool.prints
    now = {prints[at] for at in queue.reserved}
    old = {prints[i] for i in range(30, 70)}
    assert now & old == honest
    assert all(queue.part(at) == part[prints[at]] for at in queue.reserved if prints[at] in part)


def test_changed_rows_are_noticed(begin):
    one = begin()
    label_all(one, "ann")
    one.close()
    changed = [{"text": "something else"}, *ROWS[1:]]
    again = begin(changed, labels=None)
    assert "stand no more in the rows" in " ".join(again.notes)
    assert len(again.session.standing.answers) == 39


def test_equal_and_empty_texts_are_not_shown(begin):
    one = begin([*ROWS[:3], ROWS[0], {"text": "  "}, {"text": None}], shares=Shares(0, 0, 0, 0))
    assert len(label_all(one, "ann")) == 3
    notes = " ".join(one.notes)
    assert "1 row with the text of an earlier row" in notes
    assert "2 rows without a text" in notes


SPANS = [{"text": "李𠮷野 lives 😀 in Paris"}]


def test_spans_count_utf16_units_on_the_page_and_code_points_in_the_journal(begin, tmp_path):
    one = begin(SPANS, task="token_classification", labels="PER,LOC", shares=Shares(0, 0, 0, 0))
    row = one.next("ann")
    text = row["texts"][0]["text"]
    paris = len(text[: text.index("Paris")].encode("utf-16-le")) // 2
    spans = [
        {"start": 0, "end": 4, "label": "PER", "quote": "李𠮷野"},
        {"start": paris, "end": paris + 5, "label": "LOC", "quote": "Paris"},
    ]
    for wrong in (
        [{**spans[0], "end": 2}], [{**spans[0], "quote": "李"}], [{**spans[0], "label": "X"}],
        [{"start": 0, "end": 99, "label": "PER", "quote": text}], ["x"], {"a": 1}, [{"start": True}],
    ):  # fmt: skip
        with pytest.raises(DataError):
            one.answer("ann", row, wrong)
    one.answer("ann", row, spans)
    assert one.session.journal.records[-1]["value"] == [[0, 3, "PER"], [15, 20, "LOC"]]
    one.session.undo("ann")
    one.answer("ann", one.next("ann"), spans)
    one.session.reopen("ann")
    one.export(tmp_path / "spans.jsonl")
    line = json.loads((tmp_path / "spans.jsonl").read_text(encoding="utf-8"))
    assert [span["text"] for span in json.loads(line["label"])] == ["李𠮷野", "Paris"]


def test_passages_numbers_texts_and_label_sets(begin):
    one = begin([{"question": "where?", "context": "😀 in Paris"}], task="question_answering",
                labels=None, shares=Shares(0, 0, 0, 0))  # fmt: skip
    row = one.next("ann")
    one.answer("ann", row, [{"start": 6, "end": 11, "quote": "Paris"}])
    assert one.session.journal.records[-1]["value"] == [[5, "Paris"]]
    number = begin(ROWS, "n.jsonl", labels=None, scale="1-5")
    row = number.next("ann")
    for wrong in ("six", 6, 0.5, float("nan"), float("inf"), True, None, [3], "٣x"):
        with pytest.raises(DataError):
            number.answer("ann", row, wrong)
    number.answer("ann", row, "3,5")
    assert number.session.journal.records[-1]["value"] == 3.5
    text = begin(ROWS, "t.jsonl", labels=None, task="generation")
    row = text.next("ann")
    for wrong in ("", "  ", None, 3, "\ud83d", "x" * 300_000):
        with pytest.raises(DataError):
            text.answer("ann", row, wrong)
    text.answer("ann", row, "=1+1")
    several = begin(ROWS, "s.jsonl", task="multilabel", labels="a,b,c")
    several.answer("ann", several.next("ann"), ["c", "a"])
    several.answer("ann", several.next("ann"), [])
    assert [r["value"] for r in several.session.journal.records[1:]] == [["a", "c"], []]


def test_pairs_show_both_texts(begin):
    rows = [{"premise": f"a {i}", "hypothesis": f"b {i}"} for i in range(5)]
    one = begin(rows, task="nli", labels="entailment,neutral,contradiction")
    assert [text["role"] for text in one.next("ann")["texts"]] == ["premise", "hypothesis"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": None}, "say what to label"),
        ({"labels": "one"}, "name the labels"),
        ({"task": "classfication"}, "did you mean|classification"),
        ({"task": "nli"}, "which column is the|text"),
        ({"text": "nothing"}, "no column called"),
        ({"prelabels": "nothing"}, "no column of the rows and no run"),
        ({"gold": "nothing"}, "no column called"),
        ({"target": "text"}, "has a column 'text' already"),
        ({"order": "margn"}, "margin"),
        ({"scale": "5-1", "labels": None}, "is no range"),
        ({"shares": Shares(random=0.95)}, "share of random rows"),
        ({"guideline": "/nowhere.md"}, "no such file"),
    ],
)
def test_mistakes_are_named(begin, options, message):
    with pytest.raises(WeitiaoError, match=message):
        begin(**options)


def test_a_journal_is_about_one_task(begin):
    begin().close()
    with pytest.raises(DataError, match="the journal is about classification"):
        begin(task="multilabel")
    with pytest.raises(DataError, match="labels can be added"):
        begin(labels="good,worse")
    wider = begin(labels="good,bad,other")
    wider.close()
    assert begin(labels=None).session.scheme.labels == ("good", "bad", "other")


def test_odd_names_and_rows_are_refused(begin):
    one = begin()
    for name in ("", "  ", "x" * 41, "a\u202eb", "a\x00"):
        with pytest.raises(DataError, match="give your name"):
            one.next(name)
    with pytest.raises(DataError, match="no such row"):
        one.session.answer("ann", "t", "0" * 16, "good")
    row, other = one.next("ann"), one.next("bob")
    with pytest.raises(DataError, match="another row"):
        one.session.answer("ann", row["ticket"], other["print"], "good")


def test_a_journal_not_open_for_writing_takes_nothing(begin, tmp_path):
    begin().close()
    from weitiao.annotation.journal import Journal

    with pytest.raises(RunError, match="not open for writing"):
        Journal(tmp_path / "j.jsonl", write=False).append({"kind": "skip"})


def test_the_next_row_of_100_000_is_fast(begin):
    import time

    rows = [{"text": f"text number {i}"} for i in range(100_000)]
    one = begin(rows)
    label_all(one, "ann", lambda text: "good", most=20)
    start = time.perf_counter()
    label_all(one, "ann", lambda text: "good", most=20)
    assert (time.perf_counter() - start) / 20 < 0.1
