"""Today's behaviour, frozen: a small run of every task says and writes what it always did.

`WEITIAO_GOLDEN=write python -m pytest tests/test_golden.py` writes the golden files anew; how they
differ shows in version control. Renames that are meant stand in golden/renamed.yaml. Only the
command line and the files of a run are used.
"""

import pytest
from ruamel.yaml import YAML

import golden_runs
from golden_runs import GOLDEN
from golden_text import compare, difference, renamed


def write(folder, found):
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")


QUICK = {"classification"}  # the others by `make slow`


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, marks=() if task in QUICK else pytest.mark.slow)
        for task in golden_runs.TASKS
    ],
)
def test_a_run_is_what_it_was(task, tmp_path):
    found = golden_runs.make(task, tmp_path)
    assert not [name for name, text in found.items() if str(tmp_path.parent) in text]
    if golden_runs.writes():
        write(GOLDEN / task, found)
        return
    renames = YAML(typ="safe").load(GOLDEN / "renamed.yaml") or {}
    told = compare(GOLDEN / task, found, renames)
    if told:
        pytest.fail("\n" + told, pytrace=False)


# --- the comparison itself


def test_digits_may_differ_words_and_counts_not():
    assert (
        difference("a.json", '{"loss": 0.512345, "step": 3}', '{"loss": 0.512348, "step": 3}') == ""
    )
    assert difference("a.json", '{"loss": 0.512345}', '{"loss": 0.513345}')
    assert difference("a.json", '{"step": 3}', '{"step": 4}')
    assert difference("a.json", '{"loss": 0.5}', '{"cost": 0.5}')
    assert difference("a.txt", "accuracy 0.9130 (91%)", "accuracy 0.9131 (91%)") == ""
    assert difference("a.txt", "accuracy 0.9130", "accuracy 0.9565")
    assert difference("a.txt", "rows-001", "rows-002")


def test_a_difference_is_shown_by_its_first_lines():
    before = [f"line {i}" for i in range(100)]
    told = difference("task/log.jsonl", "\n".join(before), "\n".join([*before[:50], *before[51:]]))
    assert "golden/task/log.jsonl" in told
    assert [line for line in told.splitlines() if line[:2] == "-l"] == ["-line 50"]


def test_renames_change_the_golden_side():
    renames = {"keys": {"loss": "cost"}, "words": {"sealed test": "kept test", "测试集": "考卷"}}
    assert renamed("a.json", '{"loss": "loss"}', renames) == '{"cost": "loss"}'
    assert renamed("a.yaml", "train:\n  loss: {}\n", renames) == "train:\n  cost: {}\n"
    assert renamed("a.csv", "text,loss\nloss,1\n", renames) == "text,cost\nloss,1\n"
    assert renamed("a.txt", "18 sealed test, 打开测试集", renames) == "18 kept test, 打开考卷"
    assert renamed("a.txt", "unsealed tests", renames) == "unsealed tests"
