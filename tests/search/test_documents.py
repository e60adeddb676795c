"""Documents as text: each kind of file, hostile files, and folders with odd entries."""

import os
import sys
import time
import zipfile

import pytest

from weitiao.errors import DataError
from weitiao.search import documents
from weitiao.search.documents import documents_of, files_in, tidy
from weitiao.search.web import text_of_html

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(path, body, **more):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in more.get("parts", {}).items():
            archive.writestr(name, content)
        archive.writestr(
            "word/document.xml",
            f'{more.get("doctype", "")}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>',
        )
    return path


def text_of(path):
    (document,) = documents_of(path, path.name)
    return document.text


def paragraph(*texts, style=""):
    style = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{style}{''.join(f'<w:r><w:t>{one}</w:t></w:r>' for one in texts)}</w:p>"


def pdf(path, text, script=""):
    """A PDF of one page, with a script that runs when it is opened."""
    pypdf = pytest.importorskip("pypdf")
    from pypdf.generic import (
        DecodedStreamObject,
        DictionaryObject,
        NameObject,
        TextStringObject,
    )

    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(200, 200)
    font = DictionaryObject({
        NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"),
    })  # fmt: skip
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    content = DecodedStreamObject()
    content.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(content)
    if script:
        writer._root_object[NameObject("/OpenAction")] = DictionaryObject({
            NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject(script),
        })  # fmt: skip
    writer.write(path)
    return path


def test_plain_texts_are_read_in_their_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes("Größe\r\nzwei\r\n".encode("utf-16"))
    (tmp_path / "b.md").write_bytes("这是一个中文的文件。".encode("gb18030"))
    assert text_of(tmp_path / "a.txt") == "Größe\nzwei"
    assert text_of(tmp_path / "b.md") == "这是一个中文的文件。"


def test_every_row_of_a_table_is_a_document_that_names_its_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name,built\nEiffel Tower,1889\nBig Ben,\n")
    found = [(one.name, one.text) for one in documents_of(path, "sub/a.csv")]
    assert found == [
        ("sub/a.csv:2", "name: Eiffel Tower\nbuilt: 1889"),
        ("sub/a.csv:3", "name: Big Ben"),
    ]


def test_a_page_is_its_text_without_scripts():
    page = """<!DOCTYPE html><html><head><title>Towers</title><style>p {color: red}</style>
    <script>if (1 < 2) alert("<p>no</p>")</script>
    <body onload="steal()"><!-- <p>no</p> --><h2>
      Eiffel</h2><p title="a>b" data-x='"no'>It was built<br>in&nbsp;1889 &lt; 1900 it's
    </p><noscript>no</noscript><ul><li>one<li>two</ul>
    <table><tr><td>a<td>b</table><img alt=it's src=x>end<svg><text>no</text></svg>"""
    assert tidy(text_of_html(page)).split("\n\n") == [
        "# Towers", "## Eiffel", "It was built\nin 1889 < 1900 it's", "one", "two", "a b", "end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "unit", ["<", "<!--", "<a ", "</", "<![CDATA[", "<a b='", "<svg>", "<svg></svg", "&#", "<?"]
)
def test_a_hostile_page_takes_no_longer_than_a_good_one(unit):
    began = time.perf_counter()
    text_of_html(unit * (1_000_000 // len(unit)))
    assert time.perf_counter() - began < 5  # html.parser: minutes for some of these


def test_a_page_of_which_a_tag_is_not_closed_keeps_its_text():
    assert tidy(text_of_html("<p>one <svg> two <noscript> three")) == "one two three"
    assert tidy(text_of_html("1 < 2 and <3 and a<b>c</b> d")) == "1 < 2 and <3 and ac d"
    assert tidy(text_of_html("one<script>two")) == "one"


def test_docx_is_read_with_its_headings_and_nothing_twice(tmp_path):
    box = f"<w:pict><w:txbxContent>{paragraph('in a box')}</w:txbxContent></w:pict>"
    choice = (
        '<mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice>' + paragraph("chosen") + "</mc:Choice>"
        f"<mc:Fallback>{paragraph('chosen')}</mc:Fallback></mc:AlternateContent>"
    )
    body = (
        paragraph("Installation", style="Heading1")
        + paragraph("Press ", "the button.")
        + f"<w:p><w:r><w:t>before</w:t><w:tab/><w:t>after</w:t>{box}</w:r></w:p>{choice}"
        + "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    )
    text = text_of(docx(tmp_path / "a.docx", body))
    assert text.split("\n\n") == [
        "# Installation", "Press the button.", "before after", "in a box", "chosen",
    ]  # fmt: skip


def test_notes_of_a_docx_stand_where_they_are_cited(tmp_path):
    def cited(kind, number):
        return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'

    def notes(kind, *texts):
        some = "".join(f'<w:{kind} w:id="{at}">{paragraph(one)}</w:{kind}>'
                       for at, one in enumerate(texts))  # fmt: skip
        return f'<w:{kind}s xmlns:w="{W}">{some}</w:{kind}s>'

    body = (
        f"<w:p><w:r><w:t>It is paid</w:t></w:r>{cited('footnote', 1)}<w:r><w:t> by all.</w:t></w:r>"
        f"</w:p>{paragraph('And')}<w:p><w:r><w:t>again</w:t></w:r>{cited('footnote', 1)}"
        f"{cited('endnote', 0)}{cited('footnote', 7)}</w:p>"
    )
    parts = {"word/footnotes.xml": notes("footnote", "never cited", "but for members"),
             "word/endnotes.xml": notes("endnote", "since 2023")}  # fmt: skip
    text = text_of(docx(tmp_path / "a.docx", body, parts=parts))
    assert text.split("\n\n") == ["It is paid (but for members) by all.", "And",
                                  "again (since 2023)"]  # fmt: skip
    broken = {"word/footnotes.xml": "<w:footnotes", "word/endnotes.xml": "\0"}
    text = text_of(docx(tmp_path / "b.docx", body, parts=broken))
    assert text.split("\n\n") == ["It is paid by all.", "And", "again"]


def styles(path, *rows):
    """Add styles.xml with (id, name, more)."""
    inner = "".join(
        f'<w:style w:type="paragraph" w:styleId="{own}"><w:name w:val="{name}"/>{more}</w:style>'
        for own, name, more in rows
    )
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/styles.xml", f'<w:styles xmlns:w="{W}">{inner}</w:styles>')
    return path


def test_headings_are_known_by_the_names_of_their_styles(tmp_path):
    names = ["1", "2", "a3", "own", "below", "toc", "Heading1", "x", "lost"]
    body = "".join(paragraph(f"by {name}", style=name) for name in names)
    body += '<w:p><w:pPr><w:outlineLvl w:val="2"/></w:pPr><w:r><w:t>by itself</w:t></w:r></w:p>'
    path = styles(
        docx(tmp_path / "a.docx", body),
        ("1", "heading 1", ""),
        ("2", "标题 2", ""),
        ("a3", "Heading 3", ""),
        ("own", "Chapter", '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>'),
        ("below", "Section", '<w:basedOn w:val="own"/>'),
        ("toc", "toc heading", '<w:basedOn w:val="1"/><w:pPr><w:outlineLvl w:val="9"/></w:pPr>'),
        ("x", "Body", '<w:basedOn w:val="y"/>'),
        ("y", "Other", '<w:basedOn w:val="x"/>'),
    )
    assert text_of(path).split("\n\n") == [
        "# by 1", "## by 2", "### by a3", "## by own", "## by below", "by toc", "# by Heading1",
        "by x", "by lost", "### by itself",
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["<broken", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', ""])
def test_a_docx_with_damaged_styles_keeps_its_text(tmp_path, content):
    path = docx(tmp_path / "a.docx", paragraph("text", style="Heading2"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/styles.xml", content)
    assert text_of(path) == "## text"


@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.csv"])
def test_a_text_in_no_known_encoding_is_to_be_saved_as_utf_8(tmp_path, name):
    (tmp_path / name).write_bytes(b"a,b\n" + bytes(range(0x81, 0xFF)) * 3 + b",x\n")
    with pytest.raises(DataError, match=rf"a\.{name[2:]}:2: .*save the file as UTF-8") as error:
        list(documents_of(tmp_path / name, name))
    assert "data.reader" not in str(error.value)


def test_a_docx_that_unpacks_to_more_than_a_document_is_refused(tmp_path, monkeypatch):
    path = docx(tmp_path / "bomb.docx", paragraph("a" * 3_000_000))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(documents, "MOST_BYTES", 1_000_000)
    with pytest.raises(DataError, match=r"bomb\.docx: 3 MB are more"):
        text_of(path)


def test_a_docx_with_entities_or_thousands_of_levels_is_text_or_refused(tmp_path):
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    with pytest.raises(DataError, match="cannot be read"):
        text_of(docx(tmp_path / "a.docx", paragraph("&b;"), doctype=laughs))
    deep = "<w:x>" * 5000 + paragraph("deep") + "</w:x>" * 5000
    assert text_of(docx(tmp_path / "b.docx", deep)) == "deep"


def test_a_spreadsheet_that_unpacks_to_more_than_a_document_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<x>" + " " * 3_000_000)
    monkeypatch.setattr(documents, "MOST_BYTES", 1_000_000)
    with pytest.raises(DataError, match=r"bomb\.xlsx: 3 MB are more"):
        text_of(tmp_path / "bomb.xlsx")


def test_pdf_is_read_without_its_scripts(tmp_path):
    path = pdf(tmp_path / "a.pdf", "Built in 1889", script="app.alert(1)")
    assert text_of(path) == "Built in 1889"


def test_pdf_without_the_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdf", None)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(DataError, match=r"weitiao\[documents\]"):
        text_of(tmp_path / "a.pdf")


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.xlsx", "a.parquet", "a.json"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 500, b"PK\x03\x04 no", b"%PDF-1.4\n1 0 ob"])
def test_a_broken_document_is_one_message(tmp_path, name, content, capfd):
    (tmp_path / name).write_bytes(content)
    try:
        list(documents_of(tmp_path / name, name))
    except DataError as error:
        assert name in str(error)
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_that_goes_while_it_is_read_is_one_message(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt"):
        list(documents_of(tmp_path / "gone.txt", "gone.txt"))


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(documents.MOST_BYTES + 1)
    with pytest.raises(DataError, match="split it"):
        text_of(tmp_path / "a.txt")


@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.docx"])
def test_a_text_that_is_cut_is_named(tmp_path, name, monkeypatch):
    if name == "a.docx":
        docx(tmp_path / name, paragraph("long " * 30))
    else:
        (tmp_path / name).write_text("long " * 30)
    said = []
    assert len(list(documents_of(tmp_path / name, name, said.append))) == 1
    assert said == []
    monkeypatch.setattr(documents, "MOST_CHARACTERS", 100)
    (found,) = documents_of(tmp_path / name, name, said.append)
    assert len(found.text) <= 100
    assert said == [f"{name}: only the first 100 characters are indexed: split it."]


def test_controls_and_invisible_characters_go():
    text = "a\x00b\x1b[31m \u202eevil\u202c z\u200bw \ud800 x\u3000y"
    assert tidy(text) == "a b [31m evil zw x y"


def test_a_folder_gives_its_own_visible_documents(tmp_path):
    folder, outside = tmp_path / "docs", tmp_path / "secret.txt"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    outside.write_text("secret")
    for name in ("b.txt", "sub/a.MD", ".hidden.txt", ".git/c.txt", "program.exe", "index.sqlite"):
        (folder / name).write_text("x")
    (folder / "link.txt").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "circle.txt").symlink_to(folder / "circle.txt")
    (folder / "inside.txt").symlink_to(folder / "b.txt")
    os.mkfifo(folder / "pipe.txt")
    assert list(files_in(folder)) == ["b.txt", "inside.txt", "sub/a.MD"]


def test_names_that_are_no_unicode_are_readable(tmp_path):
    path = os.fsencode(tmp_path) + b"/a\xff.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.write("text")
    assert list(files_in(tmp_path)) == ["a\\xff.txt"]


def test_one_file_is_a_folder_of_one(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.exe").write_text("x")
    assert files_in(tmp_path / "a.txt") == {"a.txt": tmp_path / "a.txt"}
    with pytest.raises(DataError, match="documents are txt"):
        files_in(tmp_path / "a.exe")
    with pytest.raises(DataError, match="no such folder"):
        files_in(tmp_path / "nothing")
