import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.files.table import from_rows
from weitiao.data.prepare.duplicates import conflicts, first_of_each, groups_of, row_keys, text_keys

WORD = st.sampled_from(["a", "b", "ab", "", "好"])


@settings(max_examples=40)
@given(st.lists(st.tuples(WORD, WORD, WORD), min_size=1, max_size=40))
def test_hashes_say_what_comparing_says(rows):
    table = from_rows([{"text": a, "pair": b} for a, b, _ in rows]).table
    texts = text_keys(table, ["text", "pair"], np.arange(len(rows)))
    whole = row_keys(texts, [target for _, _, target in rows])

    assert first_of_each(whole).tolist() == [i for i, row in enumerate(rows) if row not in rows[:i]]
    pairs = [row[:2] for row in rows]
    groups = groups_of(texts)
    assert [[x == y for y in groups] for x in groups] == [[p == q for q in pairs] for p in pairs]
    assert conflicts(texts, whole) == sum(
        len({row[2] for row in rows if row[:2] == pair}) > 1 for pair in set(pairs)
    )


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_keys_alike_in_one_half_are_not_the_same(halves):
    keys = np.array(halves, np.uint64).reshape(-1, 2)
    assert first_of_each(keys).tolist() == [
        i for i, key in enumerate(halves) if key not in halves[:i]
    ]
    groups = groups_of(keys)
    assert [[x == y for y in groups] for x in groups] == [[x == y for y in halves] for x in halves]


def test_more_rows_than_one_span():
    targets = [str(number % 3) for number in range(9000)]
    whole = row_keys(np.zeros((9000, 2), np.uint64), targets)
    assert first_of_each(whole).tolist() == [0, 1, 2]
