"""Figures in the documents are those that the scripts have measured."""

import json
import re

import pytest

from conftest import HERE

ROOT = HERE.parent
RESULTS = ROOT / "benchmarks" / "results"


def newest(name):
    (*_, path) = sorted(RESULTS.glob(f"*-{name}.json"))
    return json.loads(path.read_text(encoding="utf-8"))["lines"]


def table(language, name):
    """The rows of the table behind <!-- name -->."""
    text = (ROOT / "docs" / language / "compare.md").read_text(encoding="utf-8")
    _, _, rest = text.partition(f"<!-- {name} -->")
    lines = re.match(r"\s*((?:\|.*\n)+)", rest)[1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_recipes(language):
    found = {}
    for line in newest("recipes"):
        called = f"{line['better'] + line['worse']:.1%}"
        found.setdefault(line["case"], {})[line["how"]] = called
    wanted = [[one["compare"], one["contrast"]] for one in found.values()]
    assert [row[1:] for row in table(language, "recipes")] == wanted


@pytest.mark.parametrize("language", ["en", "zh"])
def test_intervals(language):
    lines = newest("intervals")
    rows = table(language, "intervals")
    assert len(rows) == len({(line["case"], line["metric"]) for line in lines})
    told = sorted(cell for row in rows for cell in row[2:])
    assert told == sorted(f"{line['coverage']:.1%}" for line in lines)
