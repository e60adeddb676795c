"""Does the premise entail the hypothesis? One label for an ordered pair."""

from __future__ import annotations

from typing import ClassVar

from weitiao.tasks.classification import Classification


class NLI(Classification):
    """Natural language inference: entailment, neutral or contradiction."""

    roles: ClassVar[tuple[str, ...]] = ("premise", "hypothesis")
    optional_roles: ClassVar[tuple[str, ...]] = ()
