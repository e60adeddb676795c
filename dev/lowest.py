"""Print the lowest versions that pyproject.toml allows, as pins for pip: python dev/lowest.py

PyTorch is left out: its wheels are large, and constraints.txt says which one is tested.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def pins() -> list[str]:
    """`name==version` of each dependency."""
    with PROJECT.open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    return [one.replace(">=", "==") for one in wanted if not one.startswith("torch>=")]


if __name__ == "__main__":
    print("\n".join(pins()))
