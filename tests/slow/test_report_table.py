"""The table of all rows in a real browser: filters, order, csv, the confusion matrix; print; axe."""

# ruff: noqa: F401, F811 - imported fixtures

import csv
import os
import re
from pathlib import Path

import pytest

from report_browser import KINDS, Seen, browser, expect, needs_axe, pages, pytestmark


class Table:
    """The table of all rows as a reader sees it."""

    def __init__(self, view):
        self.view = view

    @property
    def count(self):
        return self.view.inner_text("#found")

    def column(self, key):
        return self.view.locator(f"#window tbody .of-{key}").all_inner_texts()


def page_count(path):
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", path.read_bytes()))


def test_rows_are_filtered_sorted_searched_and_saved(pages, browser, tmp_path):
    seen = Seen(browser, pages["classification", "en"])
    view, table = seen.view, Table(seen.view)
    assert table.count == "400 of 400 rows"
    view.select_option("#by-right", label="wrong")
    assert set(table.column("right")) == {"✕ wrong"}
    wrong = int(table.count.split()[0])
    assert 0 < wrong < 200
    view.select_option("#by-target", label="好评")
    assert set(table.column("target")) == {"好评"}
    assert int(table.count.split()[0]) < wrong
    view.fill("#least", "0.6")
    view.click("#window th.of-confidence button")
    shown = [float(one) for one in table.column("confidence")]
    assert shown == sorted(shown, reverse=True)
    assert min(shown) >= 0.6
    assert view.get_attribute("#window th.of-confidence", "aria-sort") == "descending"
    with view.expect_download() as download:
        view.click("#csv")
    download.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == int(table.count.split()[0])
    assert {row["result"] for row in rows} == {"wrong"}
    view.click("#clear")
    assert table.count == "400 of 400 rows"
    view.fill("#shortest", "60")
    view.fill("#longest", "90")
    lengths = [int(one) for one in table.column("length")]
    assert lengths
    assert all(60 <= one <= 90 for one in lengths)
    assert 0 < int(table.count.split()[0]) < 400
    view.click("#clear")
    assert (table.count, view.input_value("#shortest")) == ("400 of 400 rows", "")
    view.fill("#search", "第 17 行")
    expect(view.locator("#found")).to_have_text("1 of 400 rows")
    view.click("#window tbody button")
    assert "第 17 行" in view.inner_text("#chosen")
    view.fill("#search", "nowhere")
    expect(view.locator("#found")).to_have_text("No row matches.")
    seen.check()
    view.close()


def test_several_labels_are_filtered_by_each(pages, browser):
    seen = Seen(browser, pages["multilabel", "en"])
    seen.view.select_option("#by-target", label="price")
    shown = Table(seen.view).column("target")
    assert all("price" in one for one in shown)
    assert any("," in one for one in shown)
    seen.view.close()


def test_a_click_on_the_confusion_matrix_lists_its_rows(pages, browser):
    seen = Seen(browser, pages["classification", "en"])
    view = seen.view
    place = view.locator('[data-plot="confusion"]')
    place.scroll_into_view_if_needed()
    for one in place.locator("svg path[fill]").all():
        box = one.bounding_box()
        if box and box["width"] > 30 and 20 < box["height"] < 90:
            view.mouse.click(box["x"] + 6, box["y"] + 6)
            if view.input_value("#by-target"):
                break
    table = Table(view)
    assert len(set(table.column("target"))) == len(set(table.column("answer"))) == 1
    assert table.count != "400 of 400 rows"
    assert view.evaluate("document.activeElement.id") == "window"
    seen.check()
    view.close()


@pytest.mark.parametrize("kind", [("many", "en"), ("multilabel", "zh"), ("regression", "en")])
def test_the_printed_summary_has_two_pages(kind, pages, browser, tmp_path):
    seen = Seen(browser, pages[kind])
    seen.view.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert page_count(tmp_path / "page.pdf") <= 2
    seen.view.close()


@needs_axe
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(kind, scheme, pages, browser):
    seen = Seen(browser, pages[kind], scheme=scheme)
    assert seen.serious() == []
    seen.view.close()
