"""plan.docx: the design document for Word, formulas as Word's own (OMML), by python-docx."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.core import atomic
from weitiao.errors import RunError, WeitiaoError
from weitiao.i18n.messages import _, language
from weitiao.i18n.system import said
from weitiao.reporting.design.content import (
    Blank,
    Block,
    Document,
    Figure,
    Flow,
    Formula,
    Grid,
    Points,
    Prose,
    Quote,
    pieces,
)
from weitiao.reporting.design.omml import WORD, omml
from weitiao.reporting.design.page import COLUMNS, parts_of, width_of

FONT, CHINESE_FONT, CODE_FONT = "Calibri", "Microsoft YaHei", "Consolas"
SOFT, BLUE, GROUND, LINE = "56616D", "0072B2", "EEF1F4", "DDE2E7"  # as in the page
# Of tables, in the units of `width_of`: the page, the widest column, a line to write on, margins.
ROOM, WIDEST, BLANK, PADDING = 700.0, 490.0, 70.0, 24.0
TOGETHER = 6  # characters of a cell that are not broken
BEHIND_BORDERS = ("shd", "tblLayout", "tblCellMar", "tblLook")  # in the order of the schema
MARGIN_CM, PAGE_CM = 2.2, (21.0, 29.7)
_CODE = re.compile("`([^`]+)`")


def write(document: Document, path: Path) -> Path:
    """Write the Word file whole or not at all. Raises WeitiaoError where python-docx is missing."""
    made = docx_of(document)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as new:
            made.save(str(new))
    except OSError as error:
        raise RunError(
            _("{path}: cannot be written: {reason}.", path=path, reason=said(error))
        ) from None
    return path


def require_docx(path: Path) -> None:
    """Raise WeitiaoError unless the packages that write Word files are there."""
    try:
        import docx  # noqa: F401
        import mathml_to_omml  # noqa: F401
    except ImportError:
        message = _(
            '{path}: writing Word files needs a package more: pip install "weitiao[docx]".',
            path=path,
        )
        raise WeitiaoError(message) from None


def docx_of(document: Document) -> Any:
    """The document as python-docx has it."""
    import docx

    made = docx.Document()
    _page(made)
    _styles(made)
    made.core_properties.title = str(document.title)
    made.core_properties.author, made.core_properties.comments = "weitiao", ""
    made.core_properties.language = {"zh": "zh-CN"}.get(language(), "en-US")
    writer = _Writer(made, {source: at for at, source in enumerate(document.sources, 1)})
    made.add_heading(str(document.title), 0)
    made.add_paragraph("  ·  ".join(map(str, document.facts)), style="Subtitle")
    for chapter in document.chapters:
        made.add_heading(chapter.title, 1)
        for block in chapter.blocks:
            writer.block(block)
    writer.sources()
    return made


class _Writer:
    """Blocks as paragraphs and tables. marks: source -> its number in the list at the end."""

    def __init__(self, made: Any, marks: Mapping[str, int]) -> None:
        self.made, self.marks, self.bookmarks = made, marks, 0

    def block(self, block: Block) -> None:
        if isinstance(block, Prose):
            style = {"note": "Note", "warning": "Warning"}.get(block.kind, "Normal")
            self.text(_styled(self.made.add_paragraph(), style), block.text)
        elif isinstance(block, Points):
            for item in block.items:
                self.text(_styled(self.made.add_paragraph(), "List Bullet"), item)
        elif isinstance(block, Grid):
            self.grid(block)
        elif isinstance(block, Formula):
            self.formula(block)
        else:
            self.flow(block)

    def text(self, paragraph: Any, text: str, marked: bool = True) -> None:
        """The pieces of a text as runs."""
        for piece in pieces(text):
            if isinstance(piece, Figure):
                self.words(paragraph, piece)
                if marked:
                    self.mark(paragraph, piece.source)
            elif isinstance(piece, Blank):
                run = paragraph.add_run(f"________  ({piece})")
                run.font.color.rgb = _color(SOFT)
            elif isinstance(piece, Quote):
                run = paragraph.add_run(str(piece))
                if piece.code:
                    _set_font(run, CODE_FONT)
            else:
                self.words(paragraph, piece)

    def words(self, paragraph: Any, text: str) -> None:
        """Words with `commands` in them, which are set as code."""
        for at, part in enumerate(_CODE.split(text)):
            if part:
                run = paragraph.add_run(part)
                if at % 2:
                    _set_font(run, CODE_FONT)

    def mark(self, paragraph: Any, source: str) -> None:
        """The number of a source in brackets, raised, which leads to the list at the end."""
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn
        from docx.text.run import Run

        at = self.marks[source]
        link = OxmlElement("w:hyperlink")
        link.set(qn("w:anchor"), f"source_{at}")
        run = Run(OxmlElement("w:r"), paragraph)
        run.text = f"[{at}]"
        run.font.superscript = True
        run.font.color.rgb = _color(SOFT)
        link.append(run._r)
        paragraph._p.append(link)

    def grid(self, block: Grid) -> None:
        if block.caption:
            self.text(_styled(self.made.add_paragraph(), "Caption"), block.caption)
        columns = max((len(row) for row in block.rows), default=len(block.head)) or 1
        table = self.made.add_table(0, columns)
        table.style = "Table Grid"
        _borders(table)
        _fit(table, block)
        if block.head:
            cells = table.add_row().cells
            for at, name in enumerate(block.head):
                self.cell(cells[at], name, at in block.numeric, False, GROUND)
            _repeated(table.rows[0])
        for row in block.rows:
            cells = table.add_row().cells
            for at, text in enumerate(row):
                numeric = at in block.numeric and bool(block.head)
                self.cell(cells[at], text, numeric, block.marked)
        for row in table.rows:
            _whole(row)
        _styled(self.made.add_paragraph(), "Gap")

    def cell(self, cell: Any, text: str, numeric: bool, marked: bool, ground: str = "") -> None:
        from docx.enum.text import WD_ALIGN_PARAGRAPH

        (paragraph,) = cell.paragraphs
        _styled(paragraph, "Cell")
        if numeric:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        self.text(paragraph, text, marked)
        if ground:
            _shade(cell, ground)
            for run in paragraph.runs:
                run.bold = True

    def formula(self, block: Formula) -> None:
        listed = parts_of(block.latex)
        for at, part in enumerate(listed):
            paragraph = _styled(self.made.add_paragraph(), "Formula")
            paragraph._p.append(omml(part))
            if at == len(listed) - 1 and block.sources:
                paragraph.add_run("   ")  # a mark is no exponent
                for source in dict.fromkeys(block.sources):
                    self.mark(paragraph, source)

    def flow(self, block: Flow) -> None:
        """The picture as a table: boxes are shaded cells, arrows stand between them."""
        self.text(_styled(self.made.add_paragraph(), "Caption"), block.caption)
        rows = -(-len(block.boxes) // COLUMNS)
        table = self.made.add_table(rows=2 * rows - 1, cols=2 * COLUMNS - 1)
        table.autofit = False
        room = PAGE_CM[0] - 2 * MARGIN_CM
        _widths(table, [room * (0.22 if at % 2 == 0 else 0.04) for at in range(2 * COLUMNS - 1)])
        for at, (title, lines) in enumerate(block.boxes):
            row, column = divmod(at, COLUMNS)
            back = bool(row % 2)
            place = 2 * (COLUMNS - 1 - column if back else column)
            cell = table.cell(2 * row, place)
            _shade(cell, GROUND)
            _frame(cell)
            (paragraph,) = cell.paragraphs
            _styled(paragraph, "Cell")
            run = paragraph.add_run(title)
            run.bold, run.font.color.rgb = True, _color(BLUE)
            for line in lines:
                self.text(_styled(cell.add_paragraph(), "Cell"), line)
            last = at == len(block.boxes) - 1
            if column < COLUMNS - 1 and not last:
                self.arrow(table.cell(2 * row, place + (-1 if back else 1)), "←" if back else "→")
            elif not last:
                self.arrow(table.cell(2 * row + 1, place), "↓")
        _styled(self.made.add_paragraph(), "Gap")

    def arrow(self, cell: Any, sign: str) -> None:
        from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
        from docx.enum.text import WD_ALIGN_PARAGRAPH

        (paragraph,) = cell.paragraphs
        _styled(paragraph, "Cell").alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.add_run(sign).font.color.rgb = _color(SOFT)
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER

    def sources(self) -> None:
        """The list that the marks lead to."""
        if not self.marks:
            return
        self.made.add_heading(_("Where the figures are from"), 1)
        for source, at in self.marks.items():
            paragraph = _styled(self.made.add_paragraph(), "Source")
            _bookmark(paragraph, f"source_{at}", at)
            paragraph.add_run(f"[{at}]  {source}")


# --- looks


def _page(made: Any) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Cm

    (section,) = made.sections
    section.page_width, section.page_height = (Cm(one) for one in PAGE_CM)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Cm(MARGIN_CM))
    paragraph = section.footer.paragraphs[0]
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._p.append(field)
    paragraph.alignment = 1  # in the middle


def _styles(made: Any) -> None:
    from docx.enum.style import WD_STYLE_TYPE
    from docx.shared import Pt

    sizes = {"Normal": 10.5, "Title": 20, "Heading 1": 14, "Subtitle": 9, "Caption": 9.5}
    for name in ("Normal", "Title", "Heading 1", "Subtitle", "Caption", "List Bullet"):
        style = made.styles[name]
        _set_font(style, FONT)
        style.font.italic = False
        if name in sizes:
            style.font.size = Pt(sizes[name])
        if name in ("Title", "Heading 1"):
            style.font.color.rgb = _color("1B2128" if name == "Title" else BLUE)
        if name in ("Subtitle", "Caption"):
            style.font.color.rgb = _color(SOFT)
    made.styles["Caption"].font.bold = True
    made.styles["Caption"].paragraph_format.keep_with_next = True
    made.styles["Caption"].paragraph_format.space_after = Pt(2)
    made.styles["Normal"].paragraph_format.space_after = Pt(5)
    kinds = {"Cell": 9, "Note": 9.5, "Warning": 10.5, "Formula": 10.5, "Source": 8, "Gap": 4}
    for name, size in kinds.items():
        style = made.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = made.styles["Normal"]
        style.font.size = Pt(size)
        style.paragraph_format.space_after = Pt(0 if name in ("Cell", "Source", "Gap") else 5)
        if name in ("Note", "Source"):
            style.font.color.rgb = _color(SOFT)
        if name == "Warning":
            style.font.color.rgb = _color("A3420A")
        if name == "Formula":
            style.paragraph_format.left_indent = Pt(14)


def _styled(paragraph: Any, name: str) -> Any:
    """A paragraph in a style. By its id: python-docx looks names up in every style, each time."""
    paragraph._p.style = name.replace(" ", "")
    return paragraph


def _set_font(styled: Any, name: str) -> None:
    from docx.oxml.ns import qn

    styled.font.name = name
    fonts = styled.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), CHINESE_FONT)
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)


def _color(name: str) -> Any:
    from docx.shared import RGBColor

    return RGBColor.from_string(name)


def _shade(cell: Any, color: str) -> None:
    shade = _element("w:shd", val="clear", color="auto", fill=color)
    cell._tc.get_or_add_tcPr().append(shade)


def _frame(cell: Any) -> None:
    borders = _element("w:tcBorders")
    for side in ("top", "left", "bottom", "right"):
        borders.append(_element(f"w:{side}", val="single", sz="6", space="0", color=SOFT))
    properties = cell._tc.get_or_add_tcPr()
    shade = properties.find(f"{{{WORD}}}shd")
    shade.addprevious(borders)  # the schema wants borders before the shade


def _borders(table: Any) -> None:
    """Lines between rows alone, as in the page."""
    borders = _element("w:tblBorders")
    for side in ("top", "bottom", "insideH"):
        borders.append(_element(f"w:{side}", val="single", sz="4", space="0", color=LINE))
    for side in ("left", "right", "insideV"):
        borders.append(_element(f"w:{side}", val="nil"))
    order = ("top", "left", "bottom", "right", "insideH", "insideV")
    by_name = {one.tag.rpartition("}")[2]: one for one in borders}
    for name in order:
        borders.append(by_name[name])
    properties = table._tbl.tblPr
    behind = [properties.find(f"{{{WORD}}}{name}") for name in BEHIND_BORDERS]
    first = next((one for one in behind if one is not None), None)
    if first is None:
        properties.append(borders)
    else:
        first.addprevious(borders)


def _widths(table: Any, widths: Sequence[float]) -> None:
    from docx.shared import Cm

    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
        for cell in column.cells:
            cell.width = Cm(width)


def _fit(table: Any, block: Grid) -> None:
    """Columns as wide as what stands in them: no word is broken, long texts share what is left."""
    from docx.shared import Cm

    rows = [*([block.head] if block.head else []), *block.rows]
    columns = [[row[at] for row in rows if at < len(row)] for at in range(len(table.columns))]
    if not block.head and len(columns) == 2:
        columns = [[" " * 25], [" " * 40]]  # tables of pairs stand alike under each other
    least = [min(max(map(_word_width, cells)), WIDEST / 2) for cells in columns]
    wanted = [min(max(map(_cell_width, cells)), WIDEST) for cells in columns]
    more = [max(a - b, 1.0) for a, b in zip(wanted, least, strict=True)]
    left = max(ROOM - sum(least), 0.0)
    units = [a + left * b / sum(more) for a, b in zip(least, more, strict=True)]
    for column, width in zip(table.columns, units, strict=True):
        column.width = Cm(
            (PAGE_CM[0] - 2 * MARGIN_CM) * width / sum(units)
        )  # new rows take it over


def _cell_width(text: str) -> float:
    if isinstance(text, Blank):
        return width_of(text) + BLANK
    wide = isinstance(text, Quote) and text.code
    return width_of(text) * (1.25 if wide else 1.0) + PADDING


def _word_width(text: str) -> float:
    """Of the longest word; Chinese may be broken anywhere, but a few characters stay together."""
    if isinstance(text, Blank) or len(text) <= TOGETHER:
        return _cell_width(text)
    words = re.split(r"[\s\u2e80-\uffff]", text) if not isinstance(text, Quote) else [str(text)]
    wide = isinstance(text, Quote) and text.code
    return max(map(width_of, words)) * (1.25 if wide else 1.0) + PADDING


def _repeated(row: Any) -> None:
    """The head stands again on every page."""
    row._tr.get_or_add_trPr().append(_element("w:tblHeader"))


def _whole(row: Any) -> None:
    """No row is broken between pages."""
    row._tr.get_or_add_trPr().insert(0, _element("w:cantSplit"))


def _bookmark(paragraph: Any, name: str, number: int) -> None:
    paragraph._p.append(_element("w:bookmarkStart", id=str(number), name=name))
    paragraph._p.append(_element("w:bookmarkEnd", id=str(number)))


def _element(tag: str, **values: str) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement(tag)
    for name, value in values.items():
        made.set(qn(f"w:{name}"), value)
    return made
