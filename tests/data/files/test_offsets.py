"""Spans in other units than characters are converted where the rows tell so, and left otherwise."""

from __future__ import annotations

import json

import pytest

from weitiao.data.files.open import open_source
from weitiao.errors import DataError

NAMES = ["Anna", "Boris Weber", "Carla", "Dimitri", "Elena", "Ö", "Ming Li"]


def utf16(text, place):
    return len(text[:place].encode("utf-16-le")) // 2


def written(tmp_path, convert, lead="Row", own=False, count=40):
    lines = []
    for n in range(count):
        name = NAMES[n % 7]
        text = f"{lead * (1 + n % 3)} {n}: {name} lives in Oslo."
        spans = []
        for held in (name, "Oslo"):
            start = text.index(held)
            first, last = convert(text, start, start + len(held))
            span = [first, last, "X"]
            spans.append(
                dict(zip(("start", "end", "label"), span, strict=True), text=held) if own else span
            )
        lines.append(json.dumps({"text": text, "label": spans}))
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def held(path, text="text", label="label"):
    source = open_source(str(path))
    table = source.table.to_pydict()
    found = []
    for cell, spans in zip(table[text], table[label], strict=True):
        for span in json.loads(spans):
            start, end = (span["start"], span["end"]) if isinstance(span, dict) else span[:2]
            found.append(cell[start:end])
    return found, "\n".join(source.history)


WAYS = {
    "the last one too": lambda text, start, end: (start, end - 1),
    "from 1, the last": lambda text, start, end: (start + 1, end),
    "characters from 1": lambda text, start, end: (start + 1, end + 1),
    "UTF-16": lambda text, start, end: (utf16(text, start), utf16(text, end)),
    "bytes": lambda text, start, end: (
        len(text[:start].encode()), len(text[:end].encode())
    ),
}  # fmt: skip


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lead", ["Row", "😀 Zeile é", "行 😀 é"])
def test_ways_of_counting_are_told_by_the_rows(tmp_path, way, own, lead):
    if lead == "Row" and way in ("UTF-16", "bytes"):
        pytest.skip("the same as characters there")
    path = written(tmp_path, WAYS[way], lead, own)
    found, said = held(path)
    assert found == [one for n in range(40) for one in (NAMES[n % 7], "Oslo")]
    assert way.split(",")[0] in said


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("lead", ["Row", "😀 Zeile é"])
def test_characters_stay(tmp_path, own, lead):
    found, said = held(written(tmp_path, lambda text, start, end: (start, end), lead, own))
    assert found[:4] == ["Anna", "Oslo", "Boris Weber", "Oslo"]
    assert "spans" not in said


def test_ends_of_both_kinds_are_left_to_the_report_of_cut_words(tmp_path):
    turns = iter(range(1000))
    path = written(tmp_path, lambda text, start, end: (start, end - next(turns) % 2))
    assert held(path)[0][1] == "Osl"


def test_chinese_without_evidence_is_said(tmp_path):
    rows = [{"text": f"第{n}行张三在北京。", "label": [[len(f"第{n}行"), len(f"第{n}行") + 1, "X"]]}
            for n in range(20)]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert "do not tell whether the end counts" in held(path)[1]
    for row in rows:  # a name of one character: its end counts, or it would hold nothing
        row["label"].append([0, 0, "Y"])
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert held(path)[0][:2] == ["张三", "第"]


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_spans_of_words(tmp_path, inclusive, single):
    rows = []
    for n in range(30):
        words = f"Row {n} : Anna Smith lives in Oslo today".split()
        spans = [[3, 5 - inclusive, "PER"], *([[7, 8 - inclusive, "LOC"]] if single else [])]
        rows.append({"tokens": words, "ner": spans})
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    if inclusive and not single:  # 3 to 4: two words, or one
        assert "count words (" in "".join(open_source(str(path)).history)
        return
    table = open_source(str(path)).table.to_pydict()
    text = "Row 29 : Anna Smith lives in Oslo today"
    found = [text[a:b] for a, b, _label in json.loads(table["ner"][29])]
    assert found == ["Anna Smith", *(["Oslo"] if single else [])]


def test_few_spans_of_words_are_asked_for(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {"tokens": "Row n : Anna Smith lives".split(), "ner": [[3, 4, "PER"]]}
    path.write_text("\n".join([json.dumps(row)] * 8), encoding="utf-8")
    with pytest.raises(DataError, match="whether the last one counts"):
        open_source(str(path))
