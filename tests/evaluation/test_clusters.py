"""Mistakes in groups, and the training row that is nearest to each."""

import numpy as np

from weitiao.evaluation.clusters import Words, grouped_mistakes, kinds_of_texts, nearest, words_of

TOPICS = {
    "room": ["the room was dirty and dark", "a dirty room with a dark corridor", "dark dirty room"],
    "food": ["breakfast was cold and late", "cold breakfast again", "late breakfast, cold tea"],
}


def texts_of(count, seed=0):
    rng = np.random.default_rng(seed)
    topics = [("room", "food")[i % 2] for i in range(count)]
    return topics, [str(rng.choice(TOPICS[topic])) + f" on day{i}" for i, topic in
                    enumerate(topics)]  # fmt: skip


def test_mistakes_that_share_words_come_together_and_are_named_by_them():
    topics, texts = texts_of(60)
    groups = grouped_mistakes(Words(texts), np.arange(0, 60, 1)[10:40])
    for group in groups:
        inside = {topics[at] for at in group.rows}
        assert len(inside) == 1
        own = "room dark dirty corridor" if inside == {"room"} else "breakfast cold late tea again"
        assert group.terms[0] in own.split()
    rows = [at for group in groups for at in group.rows]
    assert len(rows) == len(set(rows))
    assert set(rows) <= set(range(10, 40))


def test_few_mistakes_and_texts_without_words_make_no_groups():
    _, texts = texts_of(40)
    assert grouped_mistakes(Words(texts), np.arange(5)) == []
    assert grouped_mistakes(Words(["1", "!!"] * 20), np.arange(40)) == []
    assert kinds_of_texts(Words(["?"] * 80))[1] == []


def test_kinds_of_texts_cover_every_row_and_do_not_depend_on_what_is_wrong():
    _, texts = texts_of(100)
    which, groups = kinds_of_texts(Words(texts))
    assert len(which) == 100
    assert sorted(at for group in groups for at in group.rows) == list(range(100))


def test_the_nearest_row_shares_the_words():
    texts = ["cold breakfast was late", "a dark and dirty room", "9 9 9"]
    train = ["the room is dirty and dark", "late and cold breakfast", "nothing else"]
    found = {one.row: one for one in nearest(Words(texts + train), texts, [0, 1, 2], train)}
    assert found[0].train == 1
    assert found[1].train == 0
    assert 2 not in found
    assert 0 < found[0].similarity <= 1


def test_chinese_words_are_cut_and_numbers_never_become_terms():
    assert "酒店" in words_of("这家酒店很好 13812345678")
    assert all(not any(c.isdigit() for c in word) for word in words_of("call 13812345678 房间 301"))
