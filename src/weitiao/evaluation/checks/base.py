"""Base class of checks: a text in, its perturbed version out."""

from __future__ import annotations

import random
from abc import abstractmethod
from typing import ClassVar, Literal

from weitiao.parts import Part


class Check(Part):
    """A perturbation of a text for behavioural testing.

    expected: "same" if the meaning is preserved, so that every flipped prediction is an error
    (invariance test); "open" if the prediction may change, so that the rate needs interpretation.
    """

    expected: ClassVar[Literal["same", "open"]] = "same"

    @abstractmethod
    def changed(self, text: str, rng: random.Random) -> str | None:
        """The perturbed text; None where the check does not apply."""

    def missing(self) -> str:
        """The missing package, as an instruction; empty if there is none."""
        return ""
