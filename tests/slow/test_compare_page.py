"""compare.html in a real browser: quiet, narrow, in both languages and schemes."""

# ruff: noqa: F401, F811 - imported fixtures

import random
import shutil

import pytest

import weitiao
from judged_runs import judged_run
from report_browser import Seen, browser, needs_axe, pytestmark
from weitiao.i18n.messages import speaking

EVIL = "<img src=x onerror='window.hurt = 1'>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Recipes, three things at once, and numbers."""
    root, rng, made = tmp_path_factory.mktemp("pages"), random.Random(0), {}
    texts = [f"第 {i} 行 the hotel was fine {EVIL} " * (1 + i % 5) for i in range(300)]
    labels = [rng.choice(["好评", "中评", "差评", EVIL]) for _ in texts]
    for name, right in (("plain", 0.7), ("a-rather-long-name-of-a-recipe", 0.85)):
        (root / name).mkdir()
        for seed in range(3):
            run = judged_run(root, texts, labels, right=right, seed=seed + len(name))
            run.plan().with_({"train.seed": seed}).save(run.plan_path)
            shutil.move(run.folder, root / name / f"seed-{seed}")
    recipes = [root / "plain", root / "a-rather-long-name-of-a-recipe"]
    single = [
        recipe / f"seed-{seed}"
        for recipe, seed in zip([*recipes, recipes[0]], (0, 0, 1), strict=True)
    ]
    numbers = [judged_run(root, texts, [rng.gauss(3, 1) for _ in texts], task="regression",
                          name=f"n{seed}", seed=seed).folder for seed in (1,)]  # fmt: skip
    for language in ("zh", "en"):
        with speaking(language):
            for name, things in (("recipes", recipes), ("three", single),
                                 ("numbers", numbers * 2)):  # fmt: skip
                found = weitiao.compare(*things)
                made[name, language] = found.write(root / f"{name}-{language}.html")
    return made


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["recipes", "three", "numbers"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_it_is_quiet_and_never_wider_than_the_screen(name, language, scheme, width, pages, browser):
    seen = Seen(browser, pages[name, language], width, scheme)
    seen.check()
    assert seen.view.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.view.locator("main img").count() == 0
    assert seen.view.locator(".verdict").count() == (2 if name == "three" else 1)
    seen.view.close()


@needs_axe
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["recipes", "three", "numbers"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(name, language, scheme, pages, browser):
    seen = Seen(browser, pages[name, language], scheme=scheme)
    assert seen.serious() == []
    seen.view.close()
