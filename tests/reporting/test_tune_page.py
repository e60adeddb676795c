"""tuning.html: verdicts, both languages, and values of the user's that are no markup."""

import re

import pytest

from searching import search_in, space, tuned_of
from weitiao.i18n import messages
from weitiao.reporting import tune_page
from weitiao.tuning.outcome import Compared
from weitiao.tuning.stopping import Bound


def score(values, epochs):
    return 0.7 + (values["train.learning_rate"] > 1e-3) * 0.1 - 0.05 / (1 + epochs)


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    written = {"train.learning_rate": "1e-5..1e-2:log", "train.epochs": "2..9",
               "model.checkpoint": ["tiny", "<img src=x onerror=alert(1)>"]}  # fmt: skip
    made = search_in(tmp_path_factory.mktemp("search"), score, trials=12, searched=space(written))
    made.run()
    return made


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_shows_the_search_in_both_languages(language, search, tmp_path):
    messages.use(language)
    tuned = tuned_of(search, tmp_path)
    text = tune_page.write(tuned, tmp_path / "tuning.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert not re.search(r"(src|href)=.?https?:", text)
    plots = set(re.findall(r'data-plot="([\w-]+)"', text))
    assert {"history", "importance-plot", "slice-0", "slice-2", "parallel-plot"} <= plots
    assert ("找到了更好的设置" if language == "zh" else "Better settings found") in text
    shares = tuned.importance()
    assert set(shares) == set(search.space.own)
    assert max(shares, key=lambda name: shares[name]) == "train.learning_rate"


def test_a_plan_that_stays_is_said_with_its_reason(search, tmp_path):
    tuned = tuned_of(search, tmp_path, winner=0, refused="none", compared=(), fresh=(),
                     trials=tuple(search.history.trials[:1]), bound=Bound(float("inf"), 0.0))  # fmt: skip
    text = tune_page.write(tuned, tmp_path / "tuning.html").read_text(encoding="utf-8")
    assert "The plan stays as it is" in text
    assert "no trial was better than the plan as it stands" in text
    assert tuned.optimism is None
    assert tuned.importance() == {}


@pytest.mark.parametrize(("gain", "told"), [(0.004, True), (-0.004, False)])
def test_a_candidate_that_is_ahead_by_chance_is_said(gain, told, search, tmp_path):
    one = Compared(3, "accuracy", 0.7, 0.7 + gain, gain, gain - 0.02, gain + 0.02, 5, False)
    tuned = tuned_of(search, tmp_path, winner=0, refused="noise", compared=(one,))
    text = tune_page.write(tuned, tmp_path / "tuning.html").read_text(encoding="utf-8")
    assert ("which may be chance: its plan is candidate.yaml" in text) == told
    assert tuned.summary()["candidate"] == (str(tmp_path / "candidate.yaml") if told else None)
