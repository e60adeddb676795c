"""The scripts of the annotation page, in node: what each kind of answer saves for a few keys."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import weitiao

NODE = shutil.which("node")
SCRIPTS = Path(weitiao.__file__).parent / "web" / "static"
TEXT = "12 😀𠮷野家 lives in Paris 👩‍👩‍👧 today"


def span(quote, label):
    start = len(TEXT[: TEXT.index(quote)].encode("utf-16-le")) // 2
    end = start + len(quote.encode("utf-16-le")) // 2
    return {"start": start, "end": end, "label": label, "quote": quote}


@pytest.mark.skipif(NODE is None, reason="there is no node here")
def test_keys_give_the_answers(tmp_path):
    for script in SCRIPTS.glob("*.js"):
        shutil.copy(script, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    logic = Path(__file__).with_name("page_logic.mjs")
    done = subprocess.run(
        [NODE, logic, tmp_path], capture_output=True, encoding="utf-8", check=True, timeout=120
    )
    assert json.loads(done.stdout) == {
        "spans": ["select_first", [span("𠮷", "LOC"), span("lives", "PER")], [span("𠮷", "LOC")]],
        "deselected": ["select_first", [], [span("12", "PER")], [span("😀", "LOC")]],
        "text": True,
        "suggested": ["LOC"],
        "label": ["PER"],
        "levels": ["体育/篮球"],
        "labels": [["PER"], []],
        "number": ["4"],
        "passage": ["select_first", [span("today", "")], []],
        "search": ["intent 57"],
    }
