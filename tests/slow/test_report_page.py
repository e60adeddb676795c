"""report.html in a real browser: quiet, quick, narrow, printable; hostile texts do nothing."""

# ruff: noqa: F401, F811 - imported fixtures

import os
import random
import time

import pytest

from judged_runs import judged_run
from report_browser import KINDS, Seen, browser, pages, pytestmark
from weitiao.reporting import page

HOSTILE = [
    "<script>window.hurt = 1</script>",
    "</script><script>window.hurt = 2</script>",
    "<img src=x onerror='window.hurt = 3'>",
    "\u202egnp.exe\u200b\u2066",
    '=HYPERLINK("http://example.com","click")',
    "\"><svg onload='window.hurt = 4'>",
    "javascript:window.hurt=5",
]


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_a_page_is_quiet_and_never_wider_than_the_screen(kind, scheme, width, pages, browser):
    seen = Seen(browser, pages[kind], width, scheme)
    seen.check()
    wide = seen.view.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    count = seen.view.locator(".canvas svg").count()
    assert count == seen.view.locator(".canvas").count() >= 7
    ground = seen.view.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = sum(int(part) for part in ground[4:-1].split(",")) < 200
    assert dark == (scheme == "dark")
    seen.view.close()


# of every legend above numbers: how many lines it has, and pixels down to the highest number
LEGENDS = """() => [...document.querySelectorAll(".canvas")].flatMap((place) => {
  const plot = JSON.parse(document.getElementById("data").textContent).plots[place.dataset.plot];
  const names = (plot.series || []).map((one) => one.name);
  const texts = [...place.querySelectorAll("text")].map((one) =>
    ({ said: one.textContent, box: one.getBoundingClientRect() }));
  const legend = texts.filter((one) => names.includes(one.said)).map((one) => one.box);
  const left = place.getBoundingClientRect().left + 62;
  const numbers = texts.filter((one) => one.box.right < left && !isNaN(Number(one.said)));
  if (names.length < 2 || !numbers.length) return [];
  const top = Math.min(...numbers.map((one) => one.box.top + one.box.height / 2));
  return [[new Set(legend.map((one) => Math.round(one.top))).size,
    top - Math.max(...legend.map((one) => one.bottom))]]; })"""


@pytest.mark.parametrize(("width", "lines"), [(1100, 1), (360, 2)])
def test_a_legend_of_two_lines_stays_above_its_plot(width, lines, pages, browser, tmp_path):
    text = pages["classification", "en"].read_text(encoding="utf-8")
    for name in ("validation", "wrong", "exact"):  # some names are longer in other plots
        text = text.replace(f'"{name}"', f'"{name}: a name with many characters"')
    (tmp_path / "long.html").write_text(text, encoding="utf-8")
    seen = Seen(browser, tmp_path / "long.html", width)
    found = seen.view.evaluate(LEGENDS)
    assert max(count for count, _ in found) == lines
    assert min(gap for _, gap in found) >= 0
    seen.view.close()


def test_it_is_there_within_a_second_for_100_000_rows(tmp_path, browser):
    rng = random.Random(1)
    labels = [rng.choice(["news", "sport", "travel", "money", "film"]) for _ in range(100_000)]
    texts = [f"row {i} {rng.random()}" for i in range(100_000)]
    run = judged_run(tmp_path, texts, labels)
    started = time.process_time()  # other programs do not count
    path = page.write(run)
    print("written in", round(time.process_time() - started, 1), "s of processor time")
    assert time.process_time() - started < 20
    assert path.stat().st_size < 3_000_000
    Seen(browser, path).view.close()  # the browser itself is warm
    seen = Seen(browser, path)
    seen.check()
    print("ready after", seen.milliseconds, "ms")
    assert seen.milliseconds < 1000
    assert seen.view.inner_text("#found") == "100,000 of 100,000 rows"
    assert seen.view.locator("#window tbody tr").count() < 60, "only what can be seen is drawn"
    for change in (
        "by('by-right').value = '0'; by('by-right').dispatchEvent(new Event('change'))",
        "document.querySelector('#window th.of-confidence button').click()",
        "document.querySelector('#window th.of-text0 button').click()",
        "by('window').scrollTop = 1e6",
    ):
        took = seen.view.evaluate(
            "(() => { const by = (id) => document.getElementById(id), at = performance.now(); "
            f"{change}; return performance.now() - at; }})()"
        )
        print(change[:40], round(took), "ms")
        assert took < 1000
    seen.check()
    if folder := os.environ.get("WEITIAO_SCREENSHOTS"):
        seen.view.locator("#all-rows").scroll_into_view_if_needed()
        seen.view.screenshot(path=f"{folder}/100000.png")
    seen.view.close()


def test_hostile_texts_do_nothing_wherever_they_stand(tmp_path, browser):
    texts = [f"{evil} row {i}" for i in range(10) for evil in HOSTILE]
    labels = [evil for _ in range(10) for evil in HOSTILE]
    run = judged_run(tmp_path, texts, labels, name="<img src=x onerror=alert(1)>", right=0.4)
    seen = Seen(browser, page.write(run))
    view = seen.view
    for details in view.locator("details").all():
        details.evaluate("one => { one.open = true; }")
    for place in view.locator(".canvas").all():  # labels also appear in the balloons of plots
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        for share in (0.3, 0.5, 0.7):
            view.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * 0.4)
            view.wait_for_timeout(60)
    assert view.locator(".balloon").count() > 0
    seen.check()
    shown = view.inner_text("body")
    assert "<script>window.hurt = 1</script>" in shown
    assert "⟨U+202E⟩gnp.exe⟨U+200B⟩⟨U+2066⟩" in shown
    assert view.locator("main img, main script, main iframe").count() == 0
    view.close()


def test_the_button_changes_the_colours_and_is_remembered(pages, browser):
    seen = Seen(browser, pages["classification", "en"])
    fill = "[...document.querySelectorAll('.canvas [fill]')].map((one) => one.getAttribute('fill'))"
    before = seen.view.evaluate(fill)
    seen.view.click("#theme")
    assert seen.view.get_attribute("html", "data-theme") == "dark"
    assert seen.view.inner_text("#theme") == "Light"
    assert seen.view.evaluate(fill) != before
    seen.check()
    seen.view.close()
    again = Seen(browser, pages["classification", "en"])
    assert again.view.get_attribute("html", "data-theme") == "dark"
    again.view.evaluate("localStorage.clear()")
    again.view.close()


def test_printing_is_light_a_summary_or_everything_but_the_figures_of_plots(
    pages, browser, tmp_path
):
    seen = Seen(browser, pages["classification", "zh"], scheme="dark")
    seen.view.evaluate(
        "addEventListener('beforeprint', () => { window.printed = "
        "[document.querySelectorAll('details:not([open]):not(.plot *)').length, "
        "document.documentElement.dataset.theme]; })"
    )
    seen.view.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    closed, theme = seen.view.evaluate("window.printed")
    assert closed > 0, "the summary stays short"
    assert theme == "light"
    seen.view.evaluate("document.documentElement.dataset.print = 'all'")
    seen.view.pdf(path=tmp_path / "all.pdf", prefer_css_page_size=True)
    assert seen.view.evaluate("window.printed") == [0, "light"]
    assert seen.view.locator("details:not([open])").count() > 0, "closed again"
    assert seen.view.get_attribute("html", "data-theme") is None
    assert seen.view.get_attribute("html", "data-print") == "summary"
    assert (tmp_path / "all.pdf").stat().st_size > 50_000
    seen.check()
    seen.view.close()


def test_the_keyboard_reaches_everything(pages, browser):
    seen = Seen(browser, pages["many", "en"])
    reached = set()
    for _ in range(60):
        seen.view.keyboard.press("Tab")
        reached.add(seen.view.evaluate("document.activeElement.tagName"))
    assert {"A", "BUTTON", "DIV", "SUMMARY"} <= reached
    seen.view.close()


def test_without_a_script_the_figures_can_be_read(pages, browser):
    view = browser.new_page()
    client = browser.new_cdp_session(view)
    client.send("Emulation.setScriptExecutionDisabled", {"value": True})
    view.goto(pages["classification", "en"].resolve().as_uri())
    assert view.locator(".canvas").first.is_hidden()
    assert view.locator("#theme").is_hidden()
    view.locator(".plot summary").first.click()
    assert view.locator(".plot table").first.is_visible()
    view.close()
