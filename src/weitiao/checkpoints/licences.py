"""Licences of checkpoints: as their model card, LICENSE or the catalogue names them.

allowed("Apache-2.0", "permissive")     True
of_folder(Path("checkpoint"))           "mit", or "" where nothing is said
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PERMISSIVE = "permissive"  # may be used, changed and passed on, also for money
_PERMISSIVE_NAMES = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "bsd", "isc", "cc0-1.0",
                     "cc-by-4.0", "cc-by-3.0", "unlicense", "afl-3.0")  # fmt: skip
# First words of the texts of common licences, since a LICENSE file has no identifier.
_HEADINGS = {"apache license": "apache-2.0", "mit license": "mit", "bsd 3": "bsd-3-clause",
             "bsd 2": "bsd-2-clause"}  # fmt: skip
MOST_CARD = 100_000  # characters of a model card


def allowed(licence: str, wanted: str) -> bool:
    """Whether a licence is the wanted one, or permissive where that is wanted; never if unknown.

    >>> allowed("MIT", "permissive"), allowed("Gemma", "permissive"), allowed("", "permissive")
    (True, False, False)
    """
    name = licence.strip().lower()
    known = (short for words, short in _HEADINGS.items() if name.startswith(words))
    name = next(known, name)
    if wanted.strip().lower() == PERMISSIVE:
        return name in _PERMISSIVE_NAMES
    return name == wanted.strip().lower()


def of_folder(folder: Path) -> str:
    """The licence of a checkpoint's folder, by its model card or the first line of LICENSE."""
    if named := str(model_card(folder).get("license") or ""):
        return named
    files = sorted(folder.glob("LICEN[SC]E*"))
    if not files:
        return ""
    lines = files[0].read_text(encoding="utf-8", errors="replace")[:MOST_CARD].split("\n")
    return next((line.strip() for line in lines if line.strip()), "")[:80]


def model_card(folder: Path) -> Mapping[str, Any]:
    """The YAML front matter of the model card, README.md; empty when there is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = (folder / "README.md").read_text(encoding="utf-8-sig", errors="replace")[:MOST_CARD]
    except OSError:
        return {}
    match = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        card = YAML(typ="safe", pure=True).load(match[1]) if match else {}
    except (YAMLError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}
