"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

import weitiao

ROOT = Path(weitiao.__file__).parent
MODULES = sorted(
    ".".join(["weitiao", *path.relative_to(ROOT).with_suffix("").parts])
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8") and path.name != "__init__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


def test_there_are_examples():
    assert len(MODULES) > 100
