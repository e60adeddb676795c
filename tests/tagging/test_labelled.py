"""The right answers of one row."""

from weitiao.tagging.labelled import labelled
from weitiao.tagging.words import found_in


def test_blanks_at_the_ends_of_a_span_do_not_count():
    text = "  Anna Smith lives"
    row = labelled(text, found_in(text), [(0, 13, "PER")], {"PER": 0}, plain=False)
    assert [text[start:end] for start, end, _ in row.spans.tolist()] == ["Anna Smith"]
