"""What `weitiao plan` writes: short, each reason once, and the same as the full form."""

from pathlib import Path

import pytest

from conftest import tiny_of, toy_rows
from weitiao import parts
from weitiao.data.files.samples import SAMPLES
from weitiao.data.files.table import from_rows
from weitiao.errors import DataError
from weitiao.i18n.messages import speaking
from weitiao.planfile.plan import Plan
from weitiao.planning import advise

MOST_LINES = 60
READY = sorted((Path(__file__).resolve().parents[2] / "plans").glob("*.yaml"))


def check(plan, folder):
    short, full = folder / "short.yaml", folder / "full.yaml"
    plan.save(short)
    plan.save(full, full=True)
    assert Plan.load(short) == plan == Plan.load(full)
    text = short.read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    comments = [line.partition("  # ")[2] for line in text.splitlines() if "  # " in line]
    reasons = [f"{why.reason} [{why.evidence}]" if why.evidence else why.reason
               for why in plan.why.values()]  # fmt: skip
    assert sorted(comments) == sorted(reasons)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("task", parts.names("tasks"))
def test_a_plan_of_each_task(task, language, tiny_bert, tmp_path):
    with speaking(language):
        wish = advise.Wish("memory:x", task=task, model=tiny_of(task, tiny_bert), budget=30.0)
        check(advise.advise(wish, from_rows(toy_rows(task))).plan, tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_plan_of_each_sample(name, tiny_bert, tmp_path):
    try:
        plan = advise.advise(advise.Wish(f"sample:{name}", model=tiny_bert, max_rows=300)).plan
    except DataError:
        pytest.skip("the package of the sample is not installed")
    check(plan, tmp_path)


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_plans(path, tmp_path):
    check(Plan.load(path), tmp_path)
