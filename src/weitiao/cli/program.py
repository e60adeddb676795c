"""The program `weitiao`: the command line in a process of its own."""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# pyarrow and scikit-learn import pandas wherever it is installed, which takes one to three seconds.
# They do without it, and no command is given a data frame; Ray Data alone needs it.
UNUSED = "pandas"
NEEDED_BY = "ray"


def main() -> None:
    """Run the command line."""
    if NEEDED_BY not in sys.argv:
        sys.meta_path.insert(0, _Finder())
    from weitiao.cli.app import main

    main()


class _Finder(MetaPathFinder):
    """Finds one package, in a way that its import fails as where it is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, _Absent()) if name == UNUSED else None


class _Absent(Loader):
    """The loader of a package that is left out."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"{UNUSED} is left out of this process", name=UNUSED)
