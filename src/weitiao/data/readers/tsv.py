"""Tsv files: a tab between fields; quotation marks that do not enclose fields stay text."""

from __future__ import annotations

from typing import ClassVar

from weitiao.data.readers.csv import Csv


class Tsv(Csv):
    """Rows of fields with a tab between them; else like csv. All values stay texts."""

    endings: ClassVar[tuple[str, ...]] = ("tsv", "tab")
    usual: ClassVar[str] = "\t"
