"""A newcomer's day with a GBK file, by the README's commands as they stand: no step needs more."""

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

from conftest import toy_rows
from weitiao.planning import advise, choices, token_lengths
from weitiao.run import Run

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
FROM_THE_ROWS, TO_THE_SCRIPT = "weitiao look reviews.csv", "python train.py"
QUICK = "evaluate: {findings: false, bootstrap_samples: 20}\n"
ENGLISH_LEFT = re.compile(r"\b(?:the|of|is|are|was|with|rows?|and|not)\b(?!\.)")
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:!?](?:\s|$)|[\u4e00-\u9fff] ?[,;!?][\u4e00-\u9fff]")


def commands(page):
    """The lines of the code block that leads from the rows to a script of one's own."""
    for block in re.findall(r"^```bash\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        lines = block.splitlines()
        if FROM_THE_ROWS in lines:
            return lines
    return []


def changed_line(page):
    """The line of the plan that the README changes, as it writes it: `learning_rate: 3e-5`."""
    before = page.read_text("utf-8").partition(FROM_THE_ROWS)[0]
    *_, (name, value) = re.findall(r"`(\w+): ([^`]+)`", before)
    return name, value


def test_both_languages_show_the_same_way():
    assert commands(ENGLISH) == commands(CHINESE)
    assert changed_line(ENGLISH) == changed_line(CHINESE)


def test_nothing_on_the_way_is_left_out():
    verbs = [line.split()[1] for line in commands(CHINESE)]
    wanted = ["look", "plan", "check", "train", "train", "compare", "evaluate", "code", "train.py"]
    assert [verb for verb in verbs if verb in wanted] == wanted


@pytest.fixture
def newcomer(tmp_path, monkeypatch, tiny_bert):
    """A folder with one Chinese file, as a spreadsheet program of a Chinese Windows writes it; the
    model that is installed is a tiny one."""
    lines = ["评论,情感,日期", ""]
    for at, row in enumerate(toy_rows("classification", 60)):
        label = {"good": "正面", "bad": "负面"}.get(row["label"], row["label"])
        lines.append(f"第{at}间：{row['text']},{label},2024年{at % 12 + 1}月3日")
    text = "\r\n".join(lines) + "\r\n"
    (tmp_path / "reviews.csv").write_bytes(text.encode("gbk"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEITIAO_LANG", "zh")
    monkeypatch.setenv("COLUMNS", "400")  # no line of a table is broken
    monkeypatch.setattr(choices, "MAX_EPOCHS", 2)
    for module in (advise, token_lengths):
        monkeypatch.setattr(module, "default_for", lambda language: tiny_bert)
    return tmp_path


def change(plan, name, value):
    """Changes a line of the plan; and, so that the test is quick, what takes time and is not said."""
    text = plan.read_text("utf-8")
    text = text.replace("\ntrain:\n", "\ntrain:\n  refit: never\n") + QUICK
    changed, count = re.subn(rf"^( *{name}: )\S+", rf"\g<1>{value}", text, flags=re.M)
    assert count == 1, f"the plan has {count} lines like {name}: ..."
    plan.write_text(changed, "utf-8")


def test_the_commands_of_the_readme_lead_from_a_gbk_file_to_a_script(newcomer, typed, capsys):
    said = {}
    for line in commands(CHINESE):
        program, *words = shlex.split(line)
        if program == "python":
            capsys.readouterr()
            runpy.run_path(words[0], run_name="__main__")
            assert "validation" in json.loads(capsys.readouterr().out.splitlines()[-1])
            continue
        code, out, err = typed(*words)
        assert code == 0, f"{line}\n{err}"
        said[line] = out + err
        if words[0] == "plan":
            change(newcomer / "plan.yaml", *changed_line(CHINESE))
    look, *_ = said.values()
    assert "GB18030" in look
    first, second = (Run.open(newcomer / "runs" / f"reviews-00{at}").plan() for at in (1, 2))
    name, value = changed_line(CHINESE)
    assert getattr(first.train, name) == getattr(second.train, name) == float(value)
    assert first.train.epochs != second.train.epochs
    assert (newcomer / "compare.html").is_file()
    for line, words in said.items():
        words = without_rows(words)
        assert not HALF_WIDTH.search(words), f"{line}\n{HALF_WIDTH.search(words)}\n{words}"
        assert not ENGLISH_LEFT.search(words), f"{line}\n{ENGLISH_LEFT.search(words)}\n{words}"


def without_rows(said):
    """What is said, without the words of the rows and the values of the plan."""
    return re.sub(r"“[^”]*”|│ data.roles +│[^│]*|/\S+", "", said)
