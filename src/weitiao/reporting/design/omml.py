"""Formulas as Word has them (Office Math Markup Language, OMML), from LaTeX by way of MathML."""

from __future__ import annotations

from functools import cache
from typing import Any

from weitiao.reporting.design.page import mathml

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"
MATH_FONT = "Cambria Math"


def omml(latex: str) -> Any:
    """A formula as an element of Word, by mathml-to-omml."""
    from lxml import etree

    return etree.fromstring(_omml_text(latex))


@cache
def _omml_text(latex: str) -> bytes:
    from lxml import etree
    from mathml_to_omml import convert

    text = str(convert(mathml(latex))).replace("<m:oMath>", f'<m:oMath xmlns:m="{MATH}">', 1)
    root = etree.fromstring(text.encode("utf-8"))
    # Boxes are what Word does not break a line in; here each group is one.
    for box in list(root.iter(f"{{{MATH}}}box")):
        _unwrap(box)
    for limit in list(root.iter(f"{{{MATH}}}limUpp")):
        _accented(limit)
    for root_sign in root.iter(f"{{{MATH}}}rad"):
        _of_degree_two(root_sign)
    for operator in root.iter(f"{{{MATH}}}nary"):
        _hide_empty_limits(operator)
    for run in root.iter(f"{{{MATH}}}r"):
        properties = etree.Element(f"{{{WORD}}}rPr", nsmap={"w": WORD})
        fonts = etree.SubElement(properties, f"{{{WORD}}}rFonts")
        for name in ("ascii", "hAnsi"):
            fonts.set(f"{{{WORD}}}{name}", MATH_FONT)
        run.insert(1 if run.find(f"{{{MATH}}}rPr") is not None else 0, properties)
    return bytes(etree.tostring(root))


def _unwrap(box: Any) -> None:
    """Put what is in a box in its place."""
    parent, at = box.getparent(), box.getparent().index(box)
    inner = [child for one in box.findall(f"{{{MATH}}}e") for child in one]
    parent.remove(box)
    for offset, child in enumerate(inner):
        parent.insert(at + offset, child)


def _accented(limit: Any) -> None:
    """A hat or bar above a letter as an accent, which the library writes as a limit."""
    from lxml import etree

    above = "".join(limit.find(f"{{{MATH}}}lim").itertext())
    sign = {"^": "\u0302", "\u00af": "\u0305", "\u203e": "\u0305"}.get(above)
    if sign is None:
        return
    accent = etree.Element(f"{{{MATH}}}acc")
    properties = etree.SubElement(accent, f"{{{MATH}}}accPr")
    etree.SubElement(properties, f"{{{MATH}}}chr").set(f"{{{MATH}}}val", sign)
    accent.append(limit.find(f"{{{MATH}}}e"))
    limit.getparent().replace(limit, accent)


def _of_degree_two(root_sign: Any) -> None:
    """A square root as the schema wants it, with an empty degree, which the library leaves out."""
    from lxml import etree

    if root_sign.find(f"{{{MATH}}}deg") is not None:
        return
    properties = etree.Element(f"{{{MATH}}}radPr")
    etree.SubElement(properties, f"{{{MATH}}}degHide").set(f"{{{MATH}}}val", "1")
    root_sign.insert(0, properties)
    root_sign.insert(1, etree.Element(f"{{{MATH}}}deg"))


def _hide_empty_limits(operator: Any) -> None:
    """A sum without an upper limit as such; else an empty box is printed there."""
    from lxml import etree

    properties = operator.find(f"{{{MATH}}}naryPr")
    for name in ("sub", "sup"):
        if not len(operator.find(f"{{{MATH}}}{name}")):
            etree.SubElement(properties, f"{{{MATH}}}{name}Hide").set(f"{{{MATH}}}val", "1")
