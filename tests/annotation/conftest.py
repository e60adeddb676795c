"""Sessions that are closed when their test ends."""

import pytest

import weitiao
from annotation.labelling import PLAIN, ROWS


@pytest.fixture
def begin(tmp_path):
    """Open rows with a journal; closed at the end."""
    opened = []

    def start(rows=ROWS, name="j.jsonl", **options):
        options.setdefault("labels", "good,bad")
        if not (tmp_path / name).exists():  # a journal keeps those that it was begun with
            options.setdefault("shares", PLAIN)
        options = {key: value for key, value in options.items() if value is not None}
        one = weitiao.annotate(rows, journal=tmp_path / name, **options)
        opened.append(one)
        return one

    yield start
    for one in opened:
        one.close()
