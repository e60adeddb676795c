"""A task of another package reads its own targets and may be guessed; data/ names no task."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import weitiao.data
from weitiao import parts
from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles, guess_task
from weitiao.data.prepare.load import load
from weitiao.planfile.plan import DataPlan

THEIRS = '''
from weitiao.tasks.classification import Classification


class Stars(Classification):
    """Ratings that are written as stars."""

    @classmethod
    def parse_target(cls, cell, column):
        if set(cell) - {"*"}:
            raise ValueError(f"{column} is {cell!r}, no stars")
        return str(len(cell))

    @classmethod
    def recognizes(cls, column):
        return bool(column.counts) and all(set(cell) == {"*"} for cell in column.counts)

    @classmethod
    def guess(cls, evidence):
        return (0.65, "stars") if evidence.target and cls.recognizes(evidence.target) else None
'''


class Distribution:
    name, version = "weitiao-stars", "1.0"


class Point(EntryPoint):
    dist = Distribution()


@pytest.fixture
def stars(tmp_path, monkeypatch):
    (tmp_path / "stars_package.py").write_text(THEIRS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = Point("stars", "stars_package:Stars", "weitiao.tasks")
    monkeypatch.setattr(
        parts, "entry_points", lambda group: [point] if group == "weitiao.tasks" else []
    )


ROWS = [{"text": f"text number {at} of the file", "y": "*" * (1 + at % 3)} for at in range(30)]


def test_a_task_of_another_package_is_guessed_by_itself(stars):
    table = from_rows(ROWS).table
    assert guess_roles(table, {}).roles == {"text": "text", "target": "y"}
    assert guess_task(table, {"text": "text", "target": "y"}) == ("stars", "stars")


def test_a_task_of_another_package_reads_its_own_targets(stars, tmp_path):
    lines = ["text,y", *(f"{row['text']},{row['y']}" for row in ROWS), "odd,five"]
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    roles = {"text": "text", "target": "y"}
    plan = DataPlan(path=str(tmp_path / "rows.csv"), roles=roles, skip_bad=True)
    data = load(plan, "stars")
    assert set(data.train.targets()) == {"1", "2", "3"}
    assert [bad.reason for bad in data.bad] == ["y is 'five', no stars"]


def test_no_file_of_the_rows_names_a_task():
    """`--task classification` in a message would be no help to a task from outside either."""
    sources = Path(weitiao.data.__file__).parent.rglob("*.py")
    quoted = [f'"{name}"' for name in parts.names("tasks")]
    naming = {path.name for path in sources for name in quoted if name in path.read_text("utf-8")}
    assert naming == set()
