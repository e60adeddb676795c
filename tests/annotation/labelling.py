"""Rows to label and a quick annotator, for the tests of sessions."""

from weitiao.annotation.queue import Shares

ROWS = [{"text": f"row {i} is {'good' if i % 2 else 'bad'}"} for i in range(40)]
PLAIN = Shares(random=0.25, double=0.0, gold=0.0, hidden=0.5)


def label_all(one, annotator, value=None, most=1000):
    """Label what comes; the rows by their ids."""
    seen = []
    while len(seen) < most and (row := one.next(annotator)):
        text = row["texts"][0]["text"]
        one.answer(annotator, row, value(text) if value else text.split()[-1])
        seen.append(row["row"])
    return seen
