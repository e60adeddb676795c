"""Pages of every kind of run and a chromium that shows them, for tests of report.html."""

import os
import random
import shutil
from pathlib import Path

import pytest

from judged_runs import judged_run
from weitiao.i18n.messages import speaking
from weitiao.reporting import page

playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'weitiao[browser]'")
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here"),
]
AXE_FILES = [
    Path(os.environ.get("AXE_CORE", "/nowhere")),
    Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js",
]
AXE = next((path for path in AXE_FILES if path.is_file()), None)
needs_axe = pytest.mark.skipif(
    AXE is None, reason="npm install axe-core, or its axe.min.js in AXE_CORE"
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


class Seen:
    """A page that was opened, with all that it said and asked for."""

    def __init__(self, browser, path, width=1100, scheme="light"):
        self.view = browser.new_page()
        self.view.set_viewport_size({"width": width, "height": 900})
        self.view.emulate_media(color_scheme=scheme)
        self.said, self.asked, self.file = [], [], path.resolve().as_uri()
        self.view.on("console", lambda message: self.said.append(message.text))
        self.view.on("pageerror", lambda error: self.said.append(str(error)))
        self.view.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.view.on("request", lambda request: self.asked.append(request.url))
        self.view.goto(self.file)
        self.view.wait_for_selector("html[data-ready]", timeout=20_000)
        if self.view.locator("#all-rows").count():
            self.view.wait_for_selector("#all-rows[data-ready]", timeout=20_000)

    @property
    def milliseconds(self):
        return int(self.view.get_attribute("html", "data-ready"))

    def serious(self):
        """What axe calls serious or critical: the rule, the place and the reason."""
        self.view.evaluate(AXE.read_text(encoding="utf-8"))
        return [
            (one["id"], one["nodes"][0]["target"], one["nodes"][0]["failureSummary"])
            for one in self.view.evaluate("axe.run()")["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    def check(self):
        """Nothing was complained about, nothing but the file itself was loaded."""
        assert self.said == []
        assert self.asked == [self.file]
        assert self.view.evaluate("window.hurt") is None


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with playwright.sync_playwright() as started:
        profile = str(tmp_path_factory.mktemp("profile"))
        context = started.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=FLAGS
        )
        yield context
        context.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page for each kind of answers, in Chinese and in English."""
    root, rng, made = tmp_path_factory.mktemp("pages"), random.Random(0), {}
    texts = [f"第 {i} 行 the hotel was fine " * (1 + i % 5) for i in range(400)]
    targets = {
        "classification": [rng.choice(["好评", "中评", "差评"]) for _ in texts],
        "multilabel": [rng.sample(["food", "price", "staff"], rng.randint(0, 3)) for _ in texts],
        "regression": [rng.gauss(3, 1) for _ in texts],
    }
    for task, found in targets.items():
        run = judged_run(root, texts, found, task=task, name=task)
        for language in ("zh", "en"):
            with speaking(language):
                made[task, language] = page.write(run, root / f"{task}-{language}.html")
    labels = [f"a rather long name of intent number {i % 77}" for i in range(2000)]
    run = judged_run(root, [f"text {i}" for i in range(2000)], labels, name="many", right=0.6)
    made["many", "en"] = page.write(run)
    return made


KINDS = [(task, language) for task in ("classification", "multilabel", "regression")
         for language in ("zh", "en")] + [("many", "en")]  # fmt: skip
