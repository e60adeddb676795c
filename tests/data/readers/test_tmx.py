"""TMX: units as rows, languages as columns; what is no translation memory is refused."""

import gzip

import pytest

from weitiao.data.files.open import open_source
from weitiao.data.readers import tmx
from weitiao.errors import DataError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'


def unit(**segments):
    variants = "".join(
        f'<tuv xml:lang="{language.replace("_", "-")}"><prop type="x">p</prop><seg>{text}</seg></tuv>'
        for language, text in segments.items()
    )
    return f'<tu tuid="1"><note>a note</note>{variants}</tu>'


def memory(*units, source="en", head=HEAD, attributes=""):
    return (
        f'{head}<tmx version="1.4"{attributes}><header creationtool="x" creationtoolversion="1" '
        f'segtype="sentence" o-tmf="x" adminlang="en" srclang="{source}" datatype="plaintext">'
        f"<note>of the header</note></header><body>{''.join(units)}</body></tmx>"
    )


def rows_of(path):
    table = open_source(str(path)).table
    return [{k: v for k, v in row.items() if not k.startswith("__")} for row in table.to_pylist()]


def read(folder, text, encoding="utf-8"):
    file = folder / "a.tmx"
    file.write_bytes(text.encode(encoding))
    return rows_of(file)


def test_units_are_rows_and_languages_columns(tmp_path):
    found = read(
        tmp_path, memory(unit(EN="A house.", de="Ein Haus."), unit(EN="Ω &amp; b", de="ß"))
    )
    assert found == [{"en": "A house.", "de": "Ein Haus."}, {"en": "Ω & b", "de": "ß"}]


def test_codes_inside_a_segment_stay_as_texts(tmp_path):
    """They are what must survive a translation: {name}, <b>."""
    coded = (
        '<bpt i="1">&lt;b&gt;</bpt>Hi<ept i="1">&lt;/b&gt;</ept> <ph x="1">{name}</ph> <hi>!</hi>'
    )
    assert read(tmp_path, memory(unit(en=coded, de="x")))[0]["en"] == "<b>Hi</b> {name} !"


@pytest.mark.parametrize("source", ["de", "DE", "de-DE"])
def test_the_source_language_of_the_header_comes_first(tmp_path, source):
    found = read(tmp_path, memory(unit(en_US="a", de="b"), source=source))
    assert list(found[0].items()) == [("de", "b"), ("en-us", "a")]
    assert list(read(tmp_path, memory(unit(en="a", de="b"), source="*all*"))[0]) == ["en", "de"]


def test_missing_segments_are_empty_cells(tmp_path):
    holes = '<tu><tuv xml:lang="en"><seg>c</seg></tuv><tuv xml:lang="de"/></tu>'
    found = read(tmp_path, memory(unit(en="a", de="b"), holes, unit(de="d"), unit(en="", de="e")))
    assert [(row["en"], row["de"]) for row in found] == [
        ("a", "b"), ("c", ""), ("", "d"), ("", "e")
    ]  # fmt: skip


def test_several_languages_and_a_namespace(tmp_path):
    text = memory(
        unit(en="a", de="b", fr="c"), unit(en="d", fr="e"),
        attributes=' xmlns="http://www.lisa.org/tmx14"',
    )  # fmt: skip
    assert read(tmp_path, text) == [
        {"en": "a", "de": "b", "fr": "c"},
        {"en": "d", "de": "", "fr": "e"},
    ]


def test_the_old_attribute_of_the_language(tmp_path):
    text = memory(unit(en="a", de="b")).replace("xml:lang", "lang")
    assert read(tmp_path, text) == [{"en": "a", "de": "b"}]


def test_packed_and_other_encodings(tmp_path):
    file = tmp_path / "b.tmx.gz"
    file.write_bytes(gzip.compress(memory(unit(en="a", zh="你好")).encode()))
    assert rows_of(file) == [{"en": "a", "zh": "你好"}]
    wide = memory(unit(en="a", zh="你好")).replace("UTF-8", "UTF-16")
    assert read(tmp_path, wide, "utf-16") == [{"en": "a", "zh": "你好"}]


def test_units_are_forgotten_once_they_are_read(tmp_path):
    """A memory of gigabytes is read with the memory of a few units."""
    import tracemalloc

    file = tmp_path / "a.tmx"
    file.write_text(memory(*(unit(en=f"{n} " + "a" * 300, de="b" * 300) for n in range(5000))))
    tracemalloc.start()
    count = sum(1 for _ in tmx._units(file))
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5000
    assert most < file.stat().st_size / 3


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE tmx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;">]>'
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE tmx [<!ENTITY c SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (memory(unit(en="&c;", de="b"), head=BOMB), "declares entities"),
        (memory(unit(en="&c;", de="b"), head=OUTSIDE), "declares entities"),
        (memory(unit(en="a", de="b"))[:-20], "no valid XML"),
        ("not XML at all", "no valid XML"),
        (memory(unit(en="a")), "have 1 languages"),
        (memory(), "have 0 languages"),
        (memory(unit(en="a", de="b")).replace("UTF-8", "GB2312"), "cannot be read"),
        (memory(unit(en="a", de="b")).replace("UTF-8", "no-such"), "cannot be read"),
    ],
)
def test_what_is_no_memory_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, text)
    assert "a.tmx" in str(error.value)


def test_a_language_that_comes_late_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tmx, "SAMPLE", 2)
    with pytest.raises(DataError, match="a language that no unit before has: fr"):
        read(tmp_path, memory(*[unit(en="a", de="b")] * 3, unit(en="c", fr="d")))
