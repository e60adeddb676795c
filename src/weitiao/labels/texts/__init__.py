"""Texts as targets: how alike two of them are, and what must survive a translation."""
