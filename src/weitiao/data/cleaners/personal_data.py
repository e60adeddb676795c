"""Cleaner of personal data: e-mail addresses, phone numbers, ID cards, ... become a token each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from weitiao.core.alignment import Edit
from weitiao.data.cleaners.base import Cleaner
from weitiao.data.quality.personal_data import KINDS, Kind, personal_data


class PersonalData(Cleaner):
    """Masks e-mail addresses, phone numbers, ID cards, bank cards, IP addresses, accounts and
    licence plates by tokens such as [phone]; ID and card numbers by their check digit.

    When to use it: before rows leave your hands, and for models that are given away: a network can
    recite what it was trained on. Names and street addresses are not detected.
    """

    idempotent: ClassVar[bool] = True
    private: ClassVar[bool] = True
    kinds: tuple[Kind, ...] = Field(KINDS, description="which; the others stay")

    def edits(self, text: str) -> Iterator[Edit]:
        for one in personal_data(text, self.kinds):
            yield Edit(one.start, one.end, f"[{one.kind}]")
