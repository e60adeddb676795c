"""English and Chinese as equals: whatever a verb says, it says in the language asked for."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
import typer

from conftest import toy_rows
from weitiao.cli.app import app, main
from weitiao.core import disk
from weitiao.i18n import messages
from weitiao.i18n.messages import _, speaking
from weitiao.i18n.system import said
from weitiao.planfile.plan import Plan
from weitiao.planfile.schema import schema_of

HAN = re.compile(r"[\u3400-\u9fff]")
VERBS = ["", *getattr(typer.main.get_command(app), "commands", {})]
QUICK = "train.epochs=1 train.evaluations=2 evaluate.bootstrap_samples=20".split()


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """What a command says in a language: standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def run(language, *words):
        monkeypatch.setenv("WEITIAO_LANG", language)
        messages.use(None)
        monkeypatch.setattr(sys, "argv", ["weitiao", *map(str, words)])
        try:
            main()
        except SystemExit as done:
            assert not done.code, capsys.readouterr().err
        found = capsys.readouterr()
        return found.out + found.err

    return run


def english_in(told):
    """Two English words in a row: names, commands and settings stand alone or hold marks."""
    plain = re.sub(r"`[^`]*`|'[^']*'|weitiao [a-z]+ \S+( \S+\.csv -o \S+)?|\[[^]]*\]", "", told)
    plain = re.sub(r"--\w+ [A-Z_]+", "", plain)
    plain = re.sub(
        r"[A-Z]\w+ (and|和) [A-Z]\w+|JSON Schema|Label Studio|van Rijsbergen|Ben Zaken|\S*[/_.]\S*",
        "",
        plain,
    )
    return re.findall(r"[A-Za-z]{3,} [A-Za-z]{3,}", plain)


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_in_one_language(verb, told):
    english, chinese = (told(language, *verb.split(), "--help") for language in ("en", "zh"))
    assert not HAN.search(english.replace("微调", ""))
    assert english_in(chinese) == []
    about = re.findall(r"^  (?:-?-?[\w\[].*?)  +(\S.*)$", chinese, re.MULTILINE)
    assert len(about) > 2
    assert [line for line in about if not HAN.search(line)] == []


@pytest.fixture
def rows(tmp_path):
    """Rows with something to say about them: no text, no target, a duplicate."""
    found = toy_rows("classification", 60)
    found += [{"text": "", "label": "good"}, {"text": "a film", "label": ""}, found[0]]
    lines = [f"{row['text']},{row['label']}" for row in found]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")


def test_a_whole_session_is_in_one_language(told, rows, tiny_bert):
    for language in ("en", "zh"):
        given = ["rows.csv", "--model", tiny_bert, *QUICK]
        run = f"runs-{language}/rows-001"
        for words in (
            ["look", "rows.csv"],
            ["plan", *given, "-o", "plan.yaml"],
            ["check", "plan.yaml"],
            ["train", "plan.yaml", "--out", "other"],
            ["fit", *given, "--out", f"runs-{language}"],
            ["evaluate", run],
            ["evaluate", run, "--final"],
            ["predict", run, "rows.csv", "-o", "answers.csv", "--force"],
            ["report", run],
            ["runs", f"runs-{language}"],
            ["parts"],
            ["schema", "-o", "schema.json"],
            ["doctor", "--offline"],
            ["cache"],
        ):
            heard = told(language, *words)
            assert heard, words
            if language == "en":
                assert not HAN.search(re.sub(r"“[^”]*”", "", heard)), words  # texts of rows
            else:
                assert HAN.search(heard), words
                assert words[0] == "doctor" or english_in(heard) == [], words
        if language == "zh":
            comments = re.findall(r"# (.*)", Path("plan.yaml").read_text(encoding="utf-8"))
            assert len(comments) > 8
            assert [line for line in comments if not HAN.search(line)] == []


def texts_of(node, path=""):
    """Every title and description of a schema, with its place."""
    if isinstance(node, dict):
        for key in ("title", "description"):
            if isinstance(node.get(key), str):
                yield f"{path}/{key}", node[key]
        for key, inner in node.items():
            yield from texts_of(inner, f"{path}/{key}")
    elif isinstance(node, list):
        for inner in node:
            yield from texts_of(inner, path)


def test_the_schema_speaks_both_languages():
    both = dict(texts_of(schema_of(Plan)))
    english, chinese = (dict(texts_of(schema_of(Plan, language))) for language in ("en", "zh"))
    assert both.keys() == english.keys() == chinese.keys()
    assert len(both) > 200
    for path, told in both.items():
        if re.search(r"/properties/\w+/anyOf/title$", path):  # of a part: its name in the plan
            continue
        assert not HAN.search(english[path]), path
        assert HAN.search(chinese[path]), path
        assert told.split("\n" if path.endswith("description") else " · ") == [
            english[path], chinese[path]], path  # fmt: skip
    json.dumps(both)


@pytest.mark.parametrize("number", sorted(disk.FULL | disk.REFUSED | disk.OTHERS))
def test_what_a_disk_refuses_is_said_in_both_languages(number):
    error = OSError(number, os.strerror(number), "runs/x")
    with speaking("en"):
        assert said(error) == os.strerror(number)
        assert os.strerror(number) in disk.explanation(error)
    with speaking("zh"):
        assert HAN.search(said(error))
        assert english_in(disk.explanation(error)) == []


@pytest.mark.parametrize("text", ["", "{", '{"a" 1}', "[1 2]", '"a', '"\\q"', '"\\u1"', "1 2",
                                  "{1: 2}", '"a\tb"'])  # fmt: skip
def test_what_json_refuses_is_said_in_both_languages(text):
    with pytest.raises(json.JSONDecodeError) as refused:
        json.loads(text)
    with speaking("en"):
        assert said(refused.value.msg) == refused.value.msg
    with speaking("zh"):
        assert HAN.search(said(refused.value.msg))


def test_what_nobody_translated_stays():
    with speaking("zh"):
        assert said(ValueError("Quux failed\nat line 3")) == "Quux failed"
        assert said(ValueError()) == "ValueError"


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_narrow_table_loses_no_character(width, language, told, monkeypatch):
    whole = told(language, "parts", "strategies")
    monkeypatch.setenv("COLUMNS", str(width))
    narrow = told(language, "parts", "strategies")

    def letters(heard):
        cells = [re.split(r"[│┃|]", line)[1:3] for line in heard.splitlines()]
        return [
            "".join(column).replace(" ", "") for column in zip(*filter(len, cells), strict=True)
        ]

    assert "…" not in narrow
    assert letters(narrow) == letters(whole)


def test_sentences_stand_as_their_language_wants():
    for language, wanted in (
        ("en", "Nothing removed. given by you"),
        ("zh", "没有删除任何内容。由你指定"),
    ):
        with speaking(language):
            found = messages.joined([_("Nothing removed."), "", _("given by you")])
            assert found == wanted
