"""Doubtful pairs, and the step that leaves them out of training."""

import json

import pytest

import weitiao
from conftest import TINY_WRITER
from weitiao.data.files.table import from_rows
from weitiao.data.prepare.run_steps import run_steps
from weitiao.data.rows import Rows, everything
from weitiao.errors import DataError
from weitiao.labels.texts.parallel import Doubt, Usual, doubts, doubts_of

GOOD = [(f"The house number {n} is big.", f"Das Haus Nummer {n} ist groß.") for n in range(20)]
ZH = [(f"The house number {n} is big.", f"第{n}号的房子很大。") for n in range(20)]
COPY = ("The big house here.", "The big house here. ")
LONG = ("Yes.", "Ein langer Satz, der viel mehr sagt, als dort je gestanden haben kann.")
NUMBERS = ("It costs 1,250.50 euros.", "Es kostet 1.350,50 Euro.")
TAGS = ("A <b>big</b> house.", "Ein <i>großes</i> Haus.")
SWAPPED = ("那座房子非常大。", "That house is very big.")


@pytest.mark.parametrize(
    ("pair", "doubt"),
    [
        (COPY, Doubt.COPY),
        (LONG, Doubt.LENGTH),
        (LONG[::-1], Doubt.LENGTH),
        (NUMBERS, Doubt.NUMBERS),
        (TAGS, Doubt.MARKUP),
        (("12 : 30", "12 : 30"), None),  # nothing to translate
        (("It costs 1,250.50.", "Es kostet 1.250,50."), None),
        (("Room 101", "Zimmer １０１"), None),
        (("Two cats", "2 Katzen"), None),
        (("No.", "Auf keinen"), None),  # short
        (("a < b and c > d", "a < b und c > d"), None),
    ],
)
def test_why_a_pair_is_doubtful(pair, doubt):
    sources, targets = zip(*GOOD, pair, strict=True)
    assert doubts_of(sources, targets) == [None] * 20 + [doubt]


def test_swapped_by_their_writing():
    sources, targets = zip(*ZH, SWAPPED, strict=True)
    assert doubts(lambda: zip(sources, targets, strict=True)) == {Doubt.SWAPPED: 1}
    assert doubts(lambda: zip(targets, sources, strict=True)) == {Doubt.SWAPPED: 1}
    assert Usual.of(ZH).chinese == 1
    mixed = [*ZH[:10], *[pair[::-1] for pair in ZH[10:]]]
    assert Usual.of(mixed).chinese is None
    assert doubts(list) == {}


def rows_of(pairs, task="translation"):
    table = from_rows([{"en": s, "de": t} for s, t in pairs], "a.csv").table
    return Rows(table, everything(table), {"text": "en", "target": "de"}, "a.csv", task)


DOUBTFUL = [COPY, LONG, NUMBERS, TAGS]


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [
        ({}, [COPY, LONG, NUMBERS]),
        ({"tags": True}, DOUBTFUL),
        ({"copies": False}, [LONG, NUMBERS]),
        ({"length_ratio": 0}, [COPY, NUMBERS]),
        ({"length_ratio": 100}, [COPY, NUMBERS]),
        ({"numbers": False}, [COPY, LONG]),
    ],
)
def test_the_step_leaves_out_what_its_settings_say(settings, left_out):
    pairs = [*GOOD, *DOUBTFUL]
    history = []
    made = run_steps(rows_of(pairs), {"parallel_filter": settings}, 1, history)
    kept = [(one.inputs["text"], one.target) for one in made.examples()]
    assert kept == [pair for pair in pairs if pair not in left_out]
    assert history[0] == (
        f"steps for the training rows (parallel_filter): 24 rows before, {len(kept)} after"
    )
    assert len(history) == 1 + len(left_out)
    if COPY in left_out:
        assert "left out: 1 row whose target is a copy of the text" in history


def test_counts_are_those_of_the_last_walk():
    """The next step walks through the rows twice."""
    history = []
    steps = {"parallel_filter": {}, "oversample": {"share": 0.1}}
    made = run_steps(rows_of([*GOOD, COPY, COPY]), steps, 1, history)
    assert len(made) == 20
    assert history[1:] == ["left out: 2 rows whose target is a copy of the text"]


def test_rows_of_other_tasks_are_refused():
    table = from_rows([{"en": "a", "de": 0.5}] * 3, "a.csv").table
    rows = Rows(table, everything(table), {"text": "en", "target": "de"}, "a.csv", "regression")
    with pytest.raises(DataError, match=r"a\.csv:0 is no text with its translation"):
        run_steps(rows, {"parallel_filter": {}}, 1)


def test_a_run_says_what_was_left_out(tmp_path):
    import writing_networks as tiny
    from weitiao.planfile.plan import Plan

    rows = tiny.pairs(60)
    rows += [{"text": f"{row['text']} and", "label": f"{row['text']} and"} for row in rows[:20]]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    plan: Plan = tiny.plan_for("translation", TINY_WRITER).with_(
        {"data.path": str(file), "data.steps": {"parallel_filter": {}}, "train.epochs": 1}
    )
    fitted = weitiao.train(plan, out=tmp_path / "runs")
    history = json.loads((fitted.run.folder / "environment.json").read_text())["history"]
    (line,) = [one for one in history if "left out:" in str(one)]
    assert "copy of the text" in str(line)
    assert any("steps for the training rows" in str(one) for one in history)
    page = next(fitted.run.folder.glob("*.html")).read_text()
    assert "whose target is a copy of the text" in page
