import numpy as np

from weitiao.data.quality.leaks import overlap_of
from weitiao.data.quality.near_duplicates import ListedTexts, likeness
from weitiao.data.quality.shingles import text_similarity


def test_in_a_large_cluster_a_row_is_compared_with_those_it_is_linked_to():
    texts = [
        f"dear customer, your order {at:06d} has left our house and will be with you soon, thank you"
        for at in range(0, 900, 3)
    ]
    listed = ListedTexts([(text,) for text in texts])
    held = np.zeros(len(texts), bool)
    held[::10] = True
    found = overlap_of(listed, likeness(listed), ~held, held, 0.8)
    learned = [text for text, out in zip(texts, held, strict=True) if not out]
    true = [
        at
        for at in np.flatnonzero(held).tolist()
        if any(
            text_similarity(texts[at], other) >= 0.8 for other in learned[max(0, at - 60) : at + 60]
        )
    ]
    assert len(true) > 20
    assert set(true) <= set(found.held.tolist())
    for one, other, value in zip(found.held, found.learned, found.similarity, strict=True):
        assert not held[other]
        assert text_similarity(texts[one], texts[other]) == value >= 0.8


def test_empty_rows_leak_nothing():
    listed = ListedTexts([("",), ("",), ("a text",), ("A text!",)])
    held = np.array([False, True, False, True])
    found = overlap_of(listed, likeness(listed), ~held, held, 0.8)
    assert (found.held.tolist(), found.learned.tolist()) == ([3], [2])
    assert found.similarity.tolist() == [1.0]
    assert not found.same.any()
