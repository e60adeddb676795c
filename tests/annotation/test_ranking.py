"""Orders, ranking and the label meter, on vectors that are made up."""

import numpy as np
import pytest

import weitiao
from weitiao import parts
from weitiao.annotation import meter
from weitiao.annotation.choose.base import Candidates
from weitiao.annotation.choose.diversity import central
from weitiao.annotation.learner import committee, encoded, fitted, standardised
from weitiao.annotation.meter import Arm, measure, pays
from weitiao.annotation.queue import Shares
from weitiao.annotation.ranking import Ranking, start_rows
from weitiao.annotation.suggest import zero_shot


def blobs(rows, rng, classes=2, width=64, noise=1.0):
    """Vectors around a centre for each label, and the labels."""
    labels = rng.integers(classes, size=rows)
    centres = 3.0 * np.eye(classes, width)
    return (centres[labels] + noise * rng.normal(size=(rows, width))).astype(np.float32), labels


@pytest.fixture(scope="module")
def candidates():
    rng = np.random.default_rng(0)
    features, labels = blobs(300, rng, classes=3)
    features = standardised(features)
    model = fitted(features[:40], labels[:40], 3)
    members = committee(features[:40], labels[:40], 3, features[40:], rng)
    suggested = labels[40:].copy()
    suggested[:20] = (suggested[:20] + 1) % 3
    return Candidates(features[40:], model(features[40:]), members, suggested, 10, rng)


@pytest.mark.parametrize("name", parts.names("orders"))
def test_an_order_ranks_every_row_once(name, candidates):
    found = parts.build("orders", name).rank(candidates)
    assert sorted(found) == list(range(260))


@pytest.mark.parametrize("name", ["least_confident", "margin", "entropy", "diverse", "density"])
def test_unsure_rows_come_first(name, candidates):
    found = parts.build("orders", name).rank(candidates)
    sure = candidates.scores.max(1)
    assert sure[found[:10]].max() < np.quantile(sure, 0.5)


def test_of_equally_unsure_rows_those_with_many_like_them_come_first():
    rng = np.random.default_rng(0)
    crowd = np.eye(8)[0] + 0.1 * rng.normal(size=(60, 8))
    features = np.concatenate([np.eye(8)[1:7], crowd]).astype(np.float32)  # six odd ones first
    scores = np.full((66, 2), 0.5)
    rows = Candidates(features, scores, lambda: scores[None], np.full(66, -1), 10, rng)
    assert set(parts.build("orders", "density").rank(rows)[-6:]) == set(range(6))
    plain = parts.build("orders", "density", {"power": 0.0}).rank(rows)
    assert set(plain[-6:]) != set(range(6)), "the margin alone: any order"


def test_suspected_errors_come_first(candidates):
    found = parts.build("orders", "suspected_errors").rank(candidates)
    assert (found[:20] < 20).mean() > 0.3, "8 % of all"
    none = Candidates(candidates.features, candidates.scores, candidates.committee,
                      np.full(260, -1), 10, candidates.rng)  # fmt: skip
    assert sorted(parts.build("orders", "suspected_errors").rank(none)) == list(range(260))


def test_central_rows_are_different_ones():
    rng = np.random.default_rng(0)
    features, labels = blobs(200, rng, classes=4, noise=0.1)
    assert set(labels[central(features, 4, rng)]) == {0, 1, 2, 3}
    assert sorted(central(features[:3], 10, rng)) == [0, 1, 2]
    same = np.ones((50, 4), np.float32)
    assert len(central(same, 10, rng)) >= 1


def test_zero_shot_takes_the_nearest_name():
    names = np.array([[1, 0], [0, 1]], np.float32)
    features = np.array([[5, 4], [4, 5], [9, 1], [1, 9]], np.float32)
    assert zero_shot(names, features).tolist() == [0, 1, 0, 1]


def session_of(tmp_path, rows, rng, **options):
    vectors, labels = blobs(rows, rng)
    texts = [{"text": f"row {i}"} for i in range(rows)]
    one = weitiao.annotate(texts, labels="0,1", journal=tmp_path / "j.jsonl",
                           shares=Shares(0.2, 0, 0, 0), **options)  # fmt: skip
    ranking = Ranking(one.session, parts.build("orders", "margin"), goal=0.9)
    ranking.vectors = vectors[ranking.positions]
    return one, ranking, labels


def test_the_queue_follows_the_model_and_leaves_the_random_arm_alone(tmp_path):
    one, ranking, labels = session_of(tmp_path, 600, np.random.default_rng(3))
    with one:
        random = one.session.queue.reserved.tolist()
        ranking.step()
        assert "typical rows first" in ranking.state
        while len(one.session.standing.answers) < 115:
            row = one.next("ann")
            at = int(row["row"].split(":")[1])
            one.answer("ann", row, str(labels[at]))
            ranking.step()
        assert "ordered by a model" in ranking.state
        standing = one.session.standing
        arms = [at for at in standing.order if standing.arms[at] == "random"]
        assert arms == random[: len(arms)], "in the order of the fixed sample"
        assert len(arms) == pytest.approx(23, abs=2)
        reading = ranking.reading
        assert reading.low <= reading.saved <= reading.high
        assert 0.5 < reading.score <= 1
        assert reading.random_rows <= len(arms)
        place = {int(at): number for number, at in enumerate(ranking.positions)}
        chosen = [place[at] for at in standing.order if standing.arms[at] == "chosen"]
        sure = np.abs(ranking.vectors[:, 0] - ranking.vectors[:, 1])
        assert sure[chosen].mean() < sure.mean(), "rows between the two centres"


def test_labels_are_learned_only_from_two_on(tmp_path):
    one, ranking, _ = session_of(tmp_path, 300, np.random.default_rng(1))
    with one:
        for _row in range(40):
            one.answer("ann", one.next("ann"), "0")
            ranking.step()
        assert ranking.reading is None
        assert start_rows(2) == 10
        assert start_rows(77) == 40


def arms_of(rng, chosen, random, skill):
    """Arms of two blobs; the chosen one has less noise by `skill`, so it learns faster."""
    return Arm(*blobs(chosen, rng, noise=1.6 - skill)), Arm(*blobs(random, rng, noise=1.6))


def test_the_meter_is_silent_with_few_labels():
    rng = np.random.default_rng(0)
    assert measure(*arms_of(rng, 50, 10, 0), 2) is None
    assert measure(*arms_of(rng, 10, 50, 0), 2) is None
    assert pays(True, None)


@pytest.mark.slow
def test_the_meter_is_unsure_where_nothing_is_saved():
    covered = 0
    for seed in range(3):
        reading = measure(
            *arms_of(np.random.default_rng(seed), 300, 160, 0.0), 2, goal=0.99, seed=seed
        )
        covered += reading.low <= 0 <= reading.high
        assert reading.more is None or reading.more >= 0
    assert covered >= 2


def test_an_order_that_teaches_the_wrong_thing_is_left():
    rng = np.random.default_rng(0)
    chosen, random = arms_of(rng, 200, 80, 0.0)
    wrong = Arm(chosen.features, 1 - chosen.targets)
    reading = measure(wrong, random, 2)
    assert reading.saved < 0
    assert not pays(True, reading)
    assert reading.probability < 0.2


def test_label_sets_are_encoded_and_measured(monkeypatch):
    monkeypatch.setattr(meter, "REPEATS", 1)
    found = encoded([["a"], [], ["b", "a"]], ("a", "b"))
    assert found.tolist() == [[1, 0], [0, 0], [1, 1]]
    rng = np.random.default_rng(0)
    features, labels = blobs(60, rng)
    sets = np.stack([labels, 1 - labels], 1).astype(float)
    reading = measure(Arm(features[:30], sets[:30]), Arm(features[30:], sets[30:]), 2)
    assert reading.score > 0.6


def test_nothing_is_said_of_a_saving_where_no_curve_falls():
    rng = np.random.default_rng(0)
    easy = measure(Arm(*blobs(100, rng, noise=0.05)), Arm(*blobs(40, rng, noise=0.05)), 2)
    assert (easy.saved, easy.low, easy.high) == (None, None, None), "right from the first labels on"
    assert easy.score > 0.95
    assert pays(True, easy)
    noise = [Arm(rng.normal(size=(rows, 8)), rng.integers(2, size=rows)) for rows in (100, 40)]
    assert measure(*noise, 2, goal=0.9).saved is None
    assert measure(*noise, 2, goal=0.9).more is None


def test_an_order_that_never_reaches_random_gets_a_bound_and_no_interval(monkeypatch):
    flat = np.tile((np.arange(100) >= 20).astype(float), (meter.REPEATS, 7, 1))
    monkeypatch.setattr(meter, "_right", lambda *_: (np.arange(100) >= 40).astype(float))
    monkeypatch.setattr(meter, "_cross_validated", lambda *_: (meter._sizes(80), flat))
    reading = measure(*(Arm(np.zeros((n, 2)), np.zeros(n, int)) for n in (400, 100)), 2)
    assert (reading.saved, reading.low) == (1 - 320 / 80, None)
    assert not pays(True, reading)


def test_the_interval_counts_which_labels_were_drawn():
    rng = np.random.default_rng(0)
    arms = [Arm(*blobs(rows, rng, noise=1.6)) for rows in (300, 300)]
    reading = measure(*arms, 2)
    assert reading.high - reading.low > 0.1
