"""What the documents say exists: commands, options, files, versions; both languages agree."""

import re
import runpy
import shlex
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer

import weitiao
from conftest import toy_rows
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.cli import help as usage
from weitiao.cli.app import app

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
DOCS = ROOT / "docs"
PAGES = [ENGLISH, CHINESE, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += sorted(DOCS.rglob("*.md"))
README_LINES = 160
SVG_GROUP = "{http://www.w3.org/2000/svg}g"
NUMBER = r"\d[\d,.]*\d|\d"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
APP = typer.main.get_command(app)
VERBS = APP.commands

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def read(page):
    return page.read_text(encoding="utf-8")


def blocks(page, language):
    return [code for name, code in FENCE.findall(read(page)) if name == language]


def shell_lines(page):
    return [line for block in blocks(page, "bash") for line in block.splitlines()]


def spans(page):
    """Code inside sentences and tables."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", read(page)))


def outline(page):
    """Levels of the headings and languages of the code blocks, in order."""
    levels = [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", read(page)), re.M)]
    return levels, [name for name, _ in FENCE.findall(read(page))]


@each_page
def test_a_command_that_a_page_shows_can_be_parsed(page):
    for line in shell_lines(page):
        if line.startswith("weitiao "):
            verb, *words = usage.language_of(shlex.split(line)[1:])[1]  # --lang stands anywhere
            VERBS[verb].make_context(verb, words)


@each_page
def test_commands_inside_sentences_have_verbs_and_options_that_exist(page):
    for span in spans(page):
        found = re.fullmatch(r"weitiao (?:help )?([a-z]+)\b(.*)", span)
        if found:
            known = {option for param in VERBS[found[1]].params for option in param.opts}
            used = re.findall(r"(?<!\S)--?[a-z][\w-]*", found[2])
            assert set(used) <= known | {"--help", usage.LANG}, span
    everywhere = [*APP.params, *(param for verb in VERBS.values() for param in verb.params)]
    options = {option for param in everywhere for option in param.opts}
    for span in spans(page):
        if span.startswith("--"):
            assert span.split()[0] in options | {"--help", usage.LANG}, span


@each_page
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.M))
    for line in [*shell_lines(page), *spans(page)]:
        if line.startswith("make "):
            assert {word for word in line.split()[1:] if "=" not in word} <= targets, line


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", FENCE.sub("", read(page))):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_a_wrong_option_would_be_found():
    with pytest.raises(Exception, match="--epochs"):  # typer may bring a click of its own
        VERBS["fit"].make_context("fit", ["reviews.csv", "--epochs", "3"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_room_stands_in_the_documents(language):
    text = read(DOCS / language / "how-it-works.md")
    rooms = set(re.findall(r"^\| `(\w+)/` ", text, re.M))
    package = ROOT / "src" / "weitiao"
    assert rooms == {p.parent.name for p in package.glob("*/__init__.py")}
    loose = {p.name for p in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert loose == {
        name for name in re.findall(r"`(\w+\.py)`", text) if (package / name).is_file()
    }


def test_the_picture_of_the_rooms_is_up_to_date():
    script = runpy.run_path(str(ROOT / "dev" / "draw_rooms.py"))
    here = {(room, level) for level, row in enumerate(script["layers"]()) for room in row}
    for picture in (read(DOCS / "rooms.svg"), script["drawn"]()):
        boxes = {
            (box.get("data-room"), int(box.get("data-layer")))
            for box in ElementTree.fromstring(picture).iter(SVG_GROUP)
        }
        assert boxes == here, "run: make rooms"


def test_the_table_of_commands_names_every_verb():
    for page in (DOCS / "en" / "commands.md", DOCS / "zh" / "commands.md"):
        assert set(re.findall(r"^\| `weitiao (\w+)", read(page), re.M)) == set(VERBS)


def test_the_table_of_models_is_the_catalogue():
    for page in (DOCS / "en" / "families.md", DOCS / "zh" / "families.md"):
        for entry in CATALOGUE.values():
            (row,) = re.findall(rf"^\| `{entry.name}` .*$", read(page), re.M)
            assert entry.licence in row
            assert entry.package in row


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_readme_is_short_and_its_figures_stand_among_all_figures(language):
    readme = read({"en": ENGLISH, "zh": CHINESE}[language])
    assert len(readme.splitlines()) <= README_LINES
    figures = read(DOCS / language / "figures.md") + read(DOCS / language / "speed.md")
    known = set(re.findall(NUMBER, figures))
    table = readme.partition({"en": "## Measured", "zh": "## 实测"}[language])[2]
    for row in re.findall(r"^\| .*$", table.partition("\n## ")[0], re.M):
        assert set(re.findall(NUMBER, row)) <= known, row


def test_both_languages_have_the_same_pages_of_the_same_shape():
    assert outline(ENGLISH) == outline(CHINESE)
    names = sorted(page.name for page in (DOCS / "en").iterdir())
    assert names == sorted(page.name for page in (DOCS / "zh").iterdir())
    for name in names:
        assert outline(DOCS / "en" / name) == outline(DOCS / "zh" / name), name
    for page in (DOCS / "en", DOCS / "zh"):
        for name in names:
            assert f"({page.name}/{name})" in read(DOCS / "README.md")


def test_the_python_of_both_readmes_is_the_same_and_runs(tiny_bert, tmp_path, monkeypatch, capsys):
    pandas = pytest.importorskip("pandas")
    (code,) = blocks(ENGLISH, "python")
    assert blocks(CHINESE, "python") == [code]
    monkeypatch.chdir(tmp_path)
    pandas.DataFrame(toy_rows("classification")).to_csv("reviews.csv", index=False)
    small = {"model": tiny_bert, "changes": {"train.epochs": 1}}
    monkeypatch.setattr(weitiao, "fit", partial(weitiao.fit, **small))
    exec(compile(code, "README.md", "exec"), {})
    assert "test {" in capsys.readouterr().out


def test_the_newest_version_of_the_changelog_is_ours():
    versions = re.findall(r"^## \[(.+?)\]", read(ROOT / "CHANGELOG.md"), re.M)
    assert versions[0] == "Unreleased"
    assert versions[1] == weitiao.__version__


def test_the_layers_in_the_documents_are_those_that_are_checked():
    import tomllib

    settings = tomllib.loads(read(ROOT / "pyproject.toml"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    layers = "\n".join(contract["layers"]).replace("weitiao.", "") + "\n"
    for language in ("en", "zh"):
        assert layers in blocks(DOCS / language / "how-it-works.md", "text")
