"""A package that is left out of a process, since nothing in it needs it and its import takes long.

pyarrow and scikit-learn import pandas wherever it is installed, which takes one to three seconds.
They do without it, and no command is given a data frame. What may need it (Ray Data, parts of other
packages) brings it back first.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "pandas"


def leave_out() -> None:
    """From here on an import of the package fails, as where it is not installed."""
    sys.meta_path.insert(0, _Finder())


def bring_back() -> None:
    """Imports of the package succeed again."""
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _Finder)]


class _Finder(MetaPathFinder):
    """Finds the package in a way that its import fails."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, _Absent()) if name == PACKAGE else None


class _Absent(Loader):
    """The loader of a package that is left out."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f"{PACKAGE} is left out of this process", name=PACKAGE)
