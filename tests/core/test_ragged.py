import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weitiao.core.ragged import Ragged, dealt, edges, flat, together

lists = st.lists(st.lists(st.integers(0, 99), max_size=5), min_size=1, max_size=9)


def ragged(rows):
    return Ragged.of([np.array(row, np.int64) for row in rows])


def plain(found):
    return [found.row(at).tolist() for at in range(len(found))]


@given(lists, st.data())
def test_picking_rows_is_what_lists_do(rows, data):
    found = ragged(rows)
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12))
    assert plain(found) == rows
    assert plain(found[np.array(picked, np.int64)]) == [rows[at] for at in picked]
    assert plain(found[1:]) == rows[1:]
    mask = np.array([len(row) > 2 for row in rows])
    assert plain(found[mask]) == [row for row in rows if len(row) > 2]
    assert found.owners.tolist() == [at for at, row in enumerate(rows) for _ in row]


@given(lists, st.integers(1, 4))
def test_rows_dealt_out_come_back_in_order(rows, world):
    found = ragged(rows)
    world = min(world, len(rows))
    parts = [found[rank::world] for rank in range(world)]
    assert plain(dealt(parts)) == rows
    numbers = np.arange(len(rows))
    assert dealt([numbers[rank::world] for rank in range(world)]).tolist() == numbers.tolist()
    assert plain(together([found[:1], found[1:]])) == rows


def test_places_of_rows():
    assert flat(edges([2, 0, 3]), np.array([2, 1, 0])).tolist() == [2, 3, 4, 0, 1]
