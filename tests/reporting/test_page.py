"""report.html: what it says, that it can load nothing, and that other people's texts stay texts."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from conftest import HERE
from judged_runs import judged_run
from weitiao.data.prepare import sealed
from weitiao.errors import RunError
from weitiao.i18n.messages import _, plural, speaking
from weitiao.planfile.plan import Plan
from weitiao.reporting import page
from weitiao.run import Run

TARGETS = {
    "classification": ["good", "bad", "so so"] * 30,
    "multilabel": [["good"], ["bad", "long"], []] * 30,
    "regression": [1.0, 2.5, 4.0] * 30,
}
TEXTS = [f"row {i}: write to li{i}@example.com, 我的电话 13812345678" for i in range(90)]
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "\u202egnp.exe\u200b\ufeff",
    "=HYPERLINK(\"http://x\",\"y\")",
    "'\"><svg onload=alert(4)>",
    "{{ 1234 * 5678 }} {% raw %} ${1234*5678}",
    "<!-- ]]> --> &lt;b&gt;",
]  # fmt: skip


class Read(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def made(run, **options):
    return page.write(run, **options).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return judged_run(tmp_path_factory.mktemp("finished"), TEXTS, TARGETS["classification"])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("task", TARGETS)
def test_every_kind_of_task_has_a_page_in_both_languages(task, language, tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS[task], task=task)
    with speaking(language):
        text = made(run)
    read = Read(text)
    tongue = {"en": "en", "zh": "zh-CN"}[language]
    assert ("html", {"lang": tongue, "data-print": "summary"}) in read.elements
    assert len(text) < 500_000
    assert {"en": "Summary", "zh": "摘要"}[language] in read.text
    assert {"en": "more than chance explains", "zh": "不是偶然能解释的"}[language] in read.text
    plots = {attrs["data-plot"] for _, attrs in read.elements if "data-plot" in attrs}
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert plots == set(data["plots"])
    assert {"loss", "validation", "rate", "labels", "lengths"} < plots
    if language == "zh":
        ours = re.sub(r"[\x00-\x7f]+", "", read.text)
        assert len(ours) > 800


def test_nothing_can_be_loaded_and_only_our_script_can_run(finished):
    text = made(finished)
    read = Read(text)
    (policy,) = [a["content"] for t, a in read.elements if a.get("http-equiv")]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    styles = re.findall(r"<style>(.*?)</style>", text, re.S)
    for found, rule in ((scripts, "script-src"), (styles, "style-src")):
        assert len(found) == {"script-src": 2, "style-src": 1}[rule]
        for one in found:
            digest = base64.b64encode(hashlib.sha256(one.encode("utf-8")).digest()).decode("ascii")
            assert f"'sha256-{digest}'" in rules[rule]
    loading = {"src", "srcset", "poster", "data", "background", "action", "style"}
    for tag, attrs in read.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img"), tag
        assert not loading & attrs.keys(), (tag, attrs)
        assert not [name for name in attrs if name.startswith("on")]
        assert not attrs.get("href", "#").startswith(("http", "javascript", "data", "//"))


def test_hostile_texts_labels_and_names_stay_texts(tmp_path):
    texts = [f"{evil} row {i}" for i in range(6) for evil in HOSTILE]
    labels = [evil for _ in range(6) for evil in HOSTILE]
    harmless = judged_run(tmp_path, [f"row {i}" for i in range(48)], ["abcdefgh"[i % 8]
                          for i in range(48)], name="plain", right=0.3)  # fmt: skip
    run = judged_run(tmp_path, texts, labels, name="<b>'\" &x", right=0.3)
    text = made(run)
    read, plain = Read(text), Read(made(harmless))
    kinds = {tag for tag, _ in plain.elements}
    assert {tag for tag, _ in read.elements} <= kinds, "no element more than in a harmless page"
    assert text.count("<script") == made(harmless).count("<script")
    assert "<script>alert(1)</script>" in read.text
    assert "{{ 1234 * 5678 }}" in read.text
    assert "7006652" not in text
    for odd in "\u202e\u200b\ufeff":
        assert odd not in text
    assert "⟨U+202E⟩gnp.exe⟨U+200B⟩" in read.text
    data = re.search(r'id="data">(.*?)</script>', text, re.S)[1]
    assert "<" not in data
    assert HOSTILE[0] in json.loads(data)["plots"]["confusion"]["names"]


def test_texts_are_masked_unless_asked(finished):
    text = made(finished)
    assert "[e-mail]" in text
    assert "[phone]" in text
    assert "@example.com" not in text
    assert "13812345678" not in text
    open_text = made(finished, out=finished.folder / "open.html", unmasked=True)
    assert "@example.com" in open_text
    assert "13812345678" in open_text


def test_the_first_half_page_says_what_it_comes_to(finished):
    read = Read(made(finished)).text
    right = round(1000 * finished.read("metrics")["metrics"]["accuracy"])
    assert f"{right} of 1,000 rows are correct." in read
    assert "more than with the best baseline, TF-IDF" in read
    assert "95% CI: " in read
    assert "The weakest label is" in read


def test_every_row_id_of_a_mistake_leads_to_its_row(finished):
    shown = r'<bdi>rows.jsonl:(\d+)</bdi></p>\s*<p class="text"><bdi>row (\d+):'
    rows = re.findall(shown, made(finished))
    assert len(rows) > 20
    assert all(int(line) == int(row) + 1 for line, row in rows)


@pytest.mark.parametrize(("task", "targets", "heading"), [
    ("classification", TARGETS["classification"], "Predictions whose two likeliest labels"),
    ("classification", ["good", "bad", "bad"] * 30, "Least confident predictions"),
    ("multilabel", TARGETS["multilabel"], "Predictions with a label closest to one half"),
])  # fmt: skip
def test_the_heading_of_unsure_rows_says_what_they_are_sorted_by(task, targets, heading, tmp_path):
    run = judged_run(tmp_path, TEXTS, targets, task=task)
    found = Read(page.write(run).read_text(encoding="utf-8"))
    assert heading in found.text


def test_making_it_anew_opens_no_test(finished):
    made(finished)
    assert not sealed.openings_file().exists()


def test_without_the_texts_ids_are_shown(tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS["classification"])
    (tmp_path / "rows.jsonl").unlink()
    read = Read(made(run)).text
    assert "is gone or was changed: only ids are shown" in read
    assert "rows.jsonl:" in read
    assert "write to" not in read


@pytest.mark.parametrize("state", ["failed", "interrupted", "running"])
def test_a_run_that_was_never_judged_has_a_page(state, tmp_path):
    data = {"path": "x.csv", "roles": {"text": "t", "target": "l"}}
    plan = Plan.parse({"task": "classification", "model": {"checkpoint": "m"}, "data": data})
    run = Run.create(tmp_path, "young", plan)
    run.write("status", {"state": state, "step": 1, "total": 9, "metric": "accuracy"})
    if state == "running":  # by a process that lives
        import os

        run.write("status", {"state": state, "pid": os.getpid()})
    run.log(step=1, loss=float("nan"), learning_rate=1e-5, gradient_norm=1.0)
    with run.log_path.open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "lo')  # killed while it wrote
    read = Read(made(run)).text
    assert "Cannot tell yet" in read
    assert {"failed": "The run failed", "interrupted": "goes on where it stopped",
            "running": "still training"}[state] in read  # fmt: skip


def test_many_labels_and_rows_stay_readable(tmp_path):
    texts = [f"text {i}" for i in range(5000)]
    labels = [f"intent number {i % 300}" for i in range(5000)]
    run = judged_run(tmp_path, texts, labels, right=0.5)
    text = made(run)
    assert len(text) < 600_000
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert len(data["plots"]["confusion"]["names"]) == 20
    assert text.count('<li class="row">') == 60 + 20 + 1  # a flipped one


def test_figures_behind_a_plot_stand_in_a_table(finished):
    read = Read(made(finished))
    plots = [a for t, a in read.elements if "data-plot" in a]
    assert all(a["role"] == "img" and a["aria-label"] for a in plots)
    captions = [t for t, _ in read.elements if t == "caption"]
    assert len(captions) >= len(plots)


def test_links_lead_from_anywhere_to_the_files_of_the_run(finished, tmp_path):
    text = made(finished, out=tmp_path / "deep" / "er" / "page.html")
    links = [html.unescape(a) for a in re.findall(r'<li><a href="([^#"]+)">', text)]
    assert len(links) >= 5
    for link in links:
        assert (tmp_path / "deep" / "er" / link).exists(), link


def test_a_page_that_cannot_be_written_says_so(finished, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be written"):
        page.write(finished, tmp_path / "file" / "page.html")


def test_stored_reasons_are_said_in_the_language_of_the_page(tmp_path):
    run = judged_run(tmp_path, TEXTS, TARGETS["classification"])
    with speaking("en"):
        line = _("{name}: {note}", name="rows.jsonl", note=plural(90, "row"))
        run.write("environment", {"history": [line, "rows.csv: 5 rows"]})
    with speaking("zh"):
        text = Read(made(run)).text
    assert "rows.jsonl：90 行" in text
    assert "rows.csv: 5 rows" in text, "a plain text of an older version stays as it is"


def test_the_plots_are_those_of_the_pinned_library():
    from weitiao.reporting.render import charts

    pinned = json.loads((HERE.parent / "dev/charts/package.json").read_text(encoding="utf-8"))
    assert f'"{pinned["dependencies"]["echarts"]}"' in charts()
    assert "https://" not in charts()
