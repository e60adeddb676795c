"""The annotation page in a real browser: every mode by keyboard, kills, two annotators, axe."""

import random
import time

import pytest

from annotation_browser import (  # noqa: F401
    CHROMIUM,
    FLAGS,
    Server,
    Window,
    expect,
    needs_axe,
    playwright,
    pytestmark,
)

EVIL = "<script>window.hurt=1</script><img src=x onerror='window.hurt=2'>"
TEXTS = [
    f"{EVIL} 第 {i} 行 😀 𠮷野家 the hotel number {i} was {'good' if i % 2 else 'bad'}"
    for i in range(42)
]
ROWS = [{"text": text} for text in TEXTS]
PLAIN = ("--model", "none", "--random-share", "0", "--double-share", "0")
LABELS = (*PLAIN, "--labels", "good,bad,neither")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        one = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield one
        one.close()


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(rows, *options, **settings):
        started.append(Server(tmp_path, rows, *options, **settings))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def label_forty(window, act):
    for _row in range(40):
        window.next(lambda: act(window))
    window.check()
    assert len(window.server.records()) == 40


def test_one_label_by_digits(serve, browser):
    server = serve(ROWS, *LABELS)
    window = Window(browser, server)
    label_forty(window, lambda one: one.press("1" if one.text().endswith("good") else "2"))
    for record in server.records():
        number = int(record["row"].rsplit(":", 1)[1]) - 1
        assert record["value"] == ("good" if number % 2 else "bad")
        assert record["seconds"] >= 0


def test_several_labels(serve, browser):
    server = serve(ROWS, *PLAIN, "--task", "multilabel", "--labels", "food,staff,price")
    window = Window(browser, server)
    window.press("Enter")  # nothing is chosen: nothing is saved
    assert server.records() == []
    label_forty(window, lambda one: one.press("1", "2", "1", "3", "Enter"))
    assert all(record["value"] == ["staff", "price"] for record in server.records())
    window.next(lambda: window.press("n"))
    assert server.records()[-1]["value"] == []


def test_numbers_by_digits_and_typed(serve, browser):
    server = serve(ROWS, *PLAIN, "--scale", "1-5")
    window = Window(browser, server)
    window.next(lambda: window.press("4"))
    window.view.locator("#number").focus()
    window.view.keyboard.type("2,5")
    window.next(lambda: window.press("Enter"))
    window.view.locator("#number").focus()
    window.view.keyboard.type("9")
    window.press("Enter")
    expect(window.view.locator("#alert")).to_contain_text("9 is not between 1 and 5")
    window.view.locator("#number").fill("")
    window.press("Escape")
    for _row in range(38):
        window.next(lambda: window.press("3"))
    assert all("400" in text for text in window.said), "the refused 9 alone"
    assert [record["value"] for record in server.records()] == [4.0, 2.5] + [3.0] * 38


def test_spans_by_arrow_keys_are_exact(serve, browser):
    rows = [{"text": f"{i} 😀𠮷野家 lives in Paris 👩‍👩‍👧 today"} for i in range(42)]
    server = serve(rows, *PLAIN, "--task", "token_classification", "--labels", "PER,LOC")
    window = Window(browser, server)

    def mark(one):
        text = one.text()
        for word, key in (("Paris", "2"), ("lives", "1")):
            one.press("Home")
            for _step in range(30):  # word by word to its beginning
                place = one.view.evaluate(
                    "() => { const box = document.getElementById('text-text');"
                    " const range = document.createRange(); range.setStart(box, 0);"
                    " range.setEndBefore(box.querySelector('.caret')); return range.toString(); }"
                )
                if text[len(place.encode("utf-16-le").decode("utf-16-le")) :].startswith(word):
                    break
                one.press("ArrowRight")
            one.press("Shift+ArrowRight", key)
        one.press("Enter")

    label_forty(window, mark)
    for record in server.records():
        number = int(record["row"].rsplit(":", 1)[1]) - 1
        text = rows[number]["text"]
        assert [(text[start:end], label) for start, end, label in record["value"]] == [
            ("lives", "PER"), ("Paris", "LOC")]  # fmt: skip


def test_spans_by_mouse_and_backspace(serve, browser):
    server = serve([{"text": "😀 𠮷野家 and Paris"}, {"text": "b c"}], *PLAIN, "--task",
                   "token_classification", "--labels", "PER,LOC")  # fmt: skip
    window = Window(browser, server)
    if "Paris" not in window.text():
        window.next(lambda: window.press("Enter"))
    select = """([from, to]) => { const node = document.getElementById('text-text').firstChild;
        const range = document.createRange(); range.setStart(node, from); range.setEnd(node, to);
        const one = getSelection(); one.removeAllRanges(); one.addRange(range); }"""
    window.view.evaluate(select, [4, 7])  # begins inside 𠮷, a surrogate pair
    window.view.get_by_role("button", name="PER 1").click()
    expect(window.view.locator(".marked")).to_contain_text("𠮷野家 · PER")
    window.press("Backspace")
    expect(window.view.locator(".marked")).to_contain_text("Nothing is marked")
    window.view.evaluate(select, [0, 2])
    window.press("2")
    window.next(lambda: window.press("Enter"))
    assert server.records()[-1]["value"] == [[0, 1, "LOC"]]
    window.check()


def test_pairs_text_and_passages(serve, browser, tmp_path):
    pairs = [{"premise": f"a man {i}", "hypothesis": f"a person {i}"} for i in range(42)]
    server = serve(pairs, *PLAIN, "--task", "nli", "--labels", "entailment,neutral,contradiction")
    window = Window(browser, server)
    assert window.text("hypothesis").startswith("a person")
    label_forty(window, lambda one: one.press("3"))
    window.close()


def test_free_text(serve, browser):
    server = serve(ROWS, *PLAIN, "--task", "generation")
    window = Window(browser, server)

    def write(one):
        one.view.keyboard.type("usc g? 1")
        one.press("Enter")
        one.view.keyboard.type("两行")
        one.press("Control+Enter")

    label_forty(window, write)
    assert all(record["value"] == "usc g? 1\n两行" for record in server.records())


def test_passages(serve, browser):
    rows = [{"question": f"where {i}?", "context": f"😀 {i} she lives in Paris"} for i in range(42)]
    server = serve(rows, *PLAIN, "--task", "question_answering")
    window = Window(browser, server)
    window.next(lambda: window.press("n"))
    for _row in range(39):
        window.next(lambda: window.press("End", "Shift+ArrowLeft", "Enter"))
    window.check()
    values = [record["value"] for record in server.records()]
    assert values[0] == []
    assert all(value[0][1] == "Paris" for value in values[1:])


def test_input_methods_never_trigger_keys(serve, browser):
    server = serve(ROWS, *LABELS)
    window = Window(browser, server)
    fire = """([key, code, composing]) => document.body.dispatchEvent(new KeyboardEvent('keydown',
        {key, keyCode: code, isComposing: composing, bubbles: true, cancelable: true}))"""
    for key in ("1", "s", "u", "Enter", "Process"):
        window.view.evaluate(fire, [key, 229, False])
        window.view.evaluate(fire, [key, 49, True])
    window.press("c")
    window.view.locator("#comment").fill("")
    session = window.view.context.new_cdp_session(window.view)
    session.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    window.press("1")
    session.send("Input.insertText", {"text": "你"})
    time.sleep(0.3)
    assert server.records() == server.records("skip") == []
    window.press("Escape", "g")
    window.next(lambda: window.press("2"))
    assert "你" in server.records()[0]["comment"]


def test_undo_skip_comment_and_a_kill_in_the_middle(serve, browser):
    server = serve(ROWS, *LABELS)
    window = Window(browser, server)
    first = window.row
    window.next(lambda: window.press("1"))
    window.next(lambda: window.press("s"))
    window.next(lambda: window.press("u"))
    window.next(lambda: window.press("u"))
    assert window.row == first
    expect(window.view.get_by_role("button", name="good")).to_have_attribute(
        "aria-pressed", "false"
    )
    window.next(lambda: window.press("2"))
    server.kill()
    window.press("3")
    expect(window.view.locator("#alert")).to_contain_text("not saved yet")
    assert len(server.records()) == 2
    before = window.row
    server.start()
    window.view.wait_for_function("b => document.documentElement.dataset.row !== b", arg=before)
    expect(window.view.locator("#alert")).to_be_empty()
    assert [record["value"] for record in server.records()] == ["good", "bad", "neither"]
    assert server.records()[-1]["print"] == before


def test_kills_at_random_moments_lose_nothing_acknowledged(serve, browser):
    server, rng = serve([{"text": f"t {i}"} for i in range(200)], *LABELS), random.Random(0)
    window = Window(browser, server)
    done = 0
    for _kill in range(3):
        for _row in range(rng.randint(3, 8)):
            window.next(lambda: window.press("1"))
            done += 1
        window.press("2")
        time.sleep(rng.random() * 0.02)
        server.kill()
        assert len(server.records()) >= done
        server.start()
        window.view.wait_for_function(
            "() => !document.querySelector('[aria-busy]')", timeout=20_000
        )
        done += 1
    prints = [record["print"] for record in server.records()]
    assert len(prints) == len(set(prints)) == done


def test_two_annotators_at_once(serve, browser):
    server = serve(ROWS, "--model", "none", "--double-share", "0.5", "--labels", "good,bad")
    windows = [Window(browser, server, name) for name in ("ann", "bob")]
    assert windows[0].row != windows[1].row
    for _row in range(15):
        for window, key in zip(windows, "12", strict=True):
            window.next(lambda w=window, k=key: w.press(k))
    by = {}
    for record in server.records():
        by.setdefault(record["print"], set()).add(record["annotator"])
    both = sum(len(names) == 2 for names in by.values())
    assert both > 0
    assert len(server.records()) == 30
    judge = Window(browser, server, "eve", "decide")
    for _row in range(both):
        left = judge.view.locator(".dispute").count()
        judge.view.locator(".dispute .choices button").first.click()
        expect(judge.view.locator(".dispute")).to_have_count(left - 1)
    judge.check()
    assert len(server.records("decision")) == both


def test_the_next_row_of_100_000_comes_within_100_ms(serve, browser):
    server = serve([{"text": f"text number {i}"} for i in range(100_000)], *LABELS)
    window = Window(browser, server)
    times = sorted(window.next(lambda: window.press("1")) for _row in range(40))
    assert times[20] < 100, times


def test_many_labels_are_searched_and_hierarchies_go_step_by_step(serve, browser):
    flat = [f"intent {i}" for i in range(60)]
    server = serve(ROWS, *PLAIN, "--labels", ",".join(flat))
    window = Window(browser, server)
    window.press("/")
    window.view.keyboard.type("intent 57")
    window.next(lambda: window.press("Enter"))
    assert server.records()[0]["value"] == "intent 57"
    window.next(lambda: window.press("q"))
    assert server.records()[1]["value"] == "intent 10"


def test_hierarchies_go_step_by_step(serve, browser):
    server = serve(ROWS, *PLAIN, "--labels", "体育/足球,体育/篮球,财经/股票,财经/基金")
    window = Window(browser, server)
    window.press("2", "Backspace", "1")
    window.next(lambda: window.press("2"))
    assert server.records()[0]["value"] == "体育/篮球"


def test_guidelines_and_older_rows(serve, browser, tmp_path):
    (tmp_path / "guide.md").write_text("Good means good.", encoding="utf-8")
    server = serve(ROWS, *LABELS, "--guideline", tmp_path / "guide.md")
    window = Window(browser, server)
    window.press("g")
    expect(window.view.locator("#guideline-text")).to_have_text("Good means good.")
    first = window.row
    window.next(lambda: window.press("1"))
    window.view.locator("summary").click()
    window.view.locator("#guideline-edit").fill("Good means very good.")
    window.view.locator("#guideline-save").click()
    expect(window.view.locator("#older")).to_contain_text("1 rows of yours")
    window.next(lambda: window.view.locator("#reopen").click())
    assert window.row == first
    window.next(lambda: window.press("2"))
    assert [record["guideline"] for record in server.records()] == [1, 2]
    window.check()


MODES = {
    "label": ("--labels", "好评,差评,中评"),
    "labels": ("--task", "multilabel", "--labels", "food,staff,price"),
    "number": ("--scale", "1-5"),
    "spans": ("--task", "token_classification", "--labels", "PER,LOC,ORG"),
    "text": ("--task", "generation"),
    "many": ("--labels", ",".join(f"a rather long name of intent {i}" for i in range(77))),
}


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_serious(serve, browser, mode, scheme):
    server = serve(ROWS, *PLAIN, *MODES[mode], lang="zh")
    window = Window(browser, server, color_scheme=scheme)
    if mode == "spans":
        window.press("Home", "Shift+ArrowRight", "1", "ArrowRight", "Shift+ArrowRight")
    for opener in ("#help-open", "#guideline-open", "#comment-open"):
        window.view.locator(opener).click()
    assert window.serious() == []
    for path in ("figures", "decide"):
        assert Window(browser, server, path=path, color_scheme=scheme).serious() == []
    entry = Window(browser, server, annotator="", color_scheme=scheme)
    expect(entry.view.locator("#who")).to_be_visible()
    assert entry.serious() == []


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_a_phone_shows_all_without_scrolling_sideways(serve, browser, lang):
    server = serve(ROWS, *PLAIN, *MODES["many"])
    for path in ("", "figures", "decide"):
        window = Window(browser, server, path=path, locale=lang, viewport={"width": 360, "height": 740},
                        has_touch=True, is_mobile=True)  # fmt: skip
        wide = window.view.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        scrolled = "[...document.querySelectorAll('.scroll')].every((one) => one.tabIndex === 0)"
        assert window.view.evaluate(scrolled), "the keyboard scrolls wide tables"
        window.check()
