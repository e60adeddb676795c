"""The baselines learn what is there to learn, in English and Chinese, and survive odd rows."""

import numpy as np
import pytest

from weitiao.evaluation.baselines import Baseline, fit_baselines, tfidf

ENGLISH = (
    ["awful dull", "a boring mess", "bad acting", "terrible plot"],
    ["wonderful film", "a moving story", "great acting", "charming plot"],
)
CHINESE = (
    ["房间很脏", "服务态度太差", "非常失望", "早餐难吃"],
    ["房间很干净", "服务态度热情", "非常满意", "早餐好吃"],
)
FILLER = {
    ENGLISH[0][0]: ["we saw it on monday", "with my friends", "in town", "last year"],
    CHINESE[0][0]: ["我们上周入住", "和朋友一起", "在市中心", "去年"],
}

SINGLE, SEVERAL = "single_label_classification", "multi_label_classification"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def made(language: tuple[list[str], list[str]], n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Texts whose label can be told by a phrase among phrases that say nothing."""
    generator = np.random.default_rng(seed)
    filler = FILLER[language[0][0]]
    labels = generator.integers(0, 2, n)
    comma = "，" if language is CHINESE else ", "
    texts = []
    for label in labels:
        phrases = [generator.choice(filler), generator.choice(language[label])]
        texts.append(comma.join(generator.permutation(phrases)))
    return texts, labels


def accuracy(baseline: Baseline, texts: list[list[str]], labels: np.ndarray) -> float:
    return float((baseline.score(texts).argmax(1) == labels).mean())


@pytest.mark.parametrize(
    ("language", "features"),
    [
        (ENGLISH, ["words 1-2", "characters 2-5", "words 1-2 and characters 2-5"]),
        (CHINESE, ["characters 1-3", "jieba words 1-2", "characters 1-3 and jieba words 1-2"]),
    ],
    ids=["en", "zh"],
)
def test_it_beats_majority_clearly_and_says_what_it_tried(
    language: tuple[list[str], list[str]], features: list[str]
) -> None:
    (train, labels), (dev, dev_labels) = made(language, 200, 0), made(language, 80, 1)
    found = fit_baselines(SINGLE, [train], labels, [dev], dev_labels, 2, 0)
    assert list(found) == ["majority", "tfidf_linear"]
    test, test_labels = made(language, 100, 2)
    assert accuracy(found["majority"], [test], test_labels) < 0.7
    assert accuracy(found["tfidf_linear"], [test], test_labels) > 0.95
    for baseline in found.values():
        scores = baseline.score([test])
        assert scores.shape == (100, 2)
        assert scores.sum(1) == pytest.approx(np.ones(100))
    detail = found["tfidf_linear"].detail
    assert list(detail["candidates"]) == [f"{name}, C={c}" for name in features for c in (1, 10)]
    assert detail["features"] == max(detail["candidates"], key=detail["candidates"].get)


def test_the_same_seed_gives_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weitiao.evaluation.baselines.tfidf.TRAIN_ROWS", 50)
    train, labels = made(ENGLISH, 120, 0)

    def scores(seed: int) -> np.ndarray:
        found = fit_baselines(SINGLE, [train], labels, [train], labels, 2, seed)
        assert found["tfidf_linear"].detail["train_rows"] == 50
        return found["tfidf_linear"].score([train])

    assert np.array_equal(scores(0), scores(0))
    assert not np.array_equal(scores(0), scores(1))


def test_spent_time_leaves_one_candidate(monkeypatch) -> None:
    train, labels = made(ENGLISH, 50, 0)
    found = fit_baselines(SINGLE, [train], labels, [train], labels, 2, 0, seconds=0.0)
    assert list(found) == ["majority"]  # no time at all
    monkeypatch.setattr(tfidf, "LEAST_SECONDS", 0.0)
    found = fit_baselines(SINGLE, [train], labels, [train], labels, 2, 0, seconds=0.0)
    assert list(found["tfidf_linear"].detail["candidates"]) == ["words 1-2, C=1"]


def test_labels_that_train_or_validation_lack_are_no_problem() -> None:
    train, labels = made(ENGLISH, 60, 0)
    found = fit_baselines(SINGLE, [train], labels * 2, [train[:9]], np.full(9, 3), 4, 0)
    for baseline in found.values():
        scores = baseline.score([train])
        assert scores.shape == (60, 4)
        assert not scores[:, [1, 3]].any()
    assert accuracy(found["tfidf_linear"], [train], labels * 2) > 0.95


def test_a_single_label_in_train_is_always_given() -> None:
    found = fit_baselines(SINGLE, [["a", "b"]], np.ones(2, int), [["c"]], np.zeros(1, int), 2, 0)
    assert found["tfidf_linear"].score([["a", ""]]).tolist() == [[0, 1], [0, 1]]


def test_label_sets_with_a_label_never_and_a_label_always_true() -> None:
    train, labels = made(ENGLISH, 100, 0)
    sets = np.stack([labels, 1 - labels, np.zeros(100), np.ones(100)], axis=1).astype(float)
    found = fit_baselines(SEVERAL, [train], sets, [train], sets, 4, 0)
    assert found["majority"].score([train])[0] == pytest.approx(sets.mean(0))
    scores = found["tfidf_linear"].score([train])
    assert scores.shape == (100, 4)
    assert ((scores > 0.5) == sets).mean() > 0.95


def test_numbers_are_followed_and_the_mean_is_given() -> None:
    (train, labels), (dev, dev_labels) = made(CHINESE, 200, 0), made(CHINESE, 80, 1)
    found = fit_baselines(
        "regression", [train], labels * 4 + 1.0, [dev], dev_labels * 4 + 1.0, 1, 0
    )
    assert list(found) == ["mean", "tfidf_linear"]
    assert found["mean"].score([dev]) == pytest.approx(np.full((80, 1), labels.mean() * 4 + 1))
    scores = found["tfidf_linear"].score([dev])
    assert scores.shape == (80, 1)
    assert np.corrcoef(scores[:, 0], dev_labels)[0, 1] > 0.9


def test_pairs_are_compared_not_only_counted() -> None:
    """Whether two texts are about the same can only be told from both together."""
    generator = np.random.default_rng(0)
    words = [f"word{i}" for i in range(40)]

    def pairs(n: int) -> tuple[list[list[str]], np.ndarray]:
        labels = generator.integers(0, 2, n)
        left = [generator.choice(words, 6, replace=False) for _ in range(n)]
        right = [
            generator.permutation(one) if same else generator.choice(words, 6, replace=False)
            for one, same in zip(left, labels, strict=True)
        ]
        return [[" ".join(t) for t in left], [" ".join(t) for t in right]], labels

    (train, labels), (dev, dev_labels) = pairs(300), pairs(150)
    found = fit_baselines(SINGLE, train, labels, dev, dev_labels, 2, 0)
    assert accuracy(found["tfidf_linear"], dev, dev_labels) > 0.9


@pytest.mark.parametrize("kind", [SINGLE, SEVERAL, "regression"])
@pytest.mark.parametrize("texts", [["", " ", ""], ["the of", "and", "the"], ["!!!", "？？", "。"]])
def test_texts_that_say_nothing_do_not_crash(kind: str, texts: list[str]) -> None:
    labels = np.array([0, 1, 0])
    if kind == SEVERAL:
        labels = np.eye(2)[labels]
    elif kind == "regression":
        labels = labels.astype(float)
    outputs = 1 if kind == "regression" else 2
    for roles in ([texts], [texts, texts[::-1]]):
        found = fit_baselines(kind, roles, labels, roles, labels, outputs, 0)
        for baseline in found.values():
            scores = baseline.score([[*role, "", "new"] for role in roles])
            assert scores.shape == (5, outputs)
            assert np.isfinite(scores).all()


def test_many_rows_are_scored_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = made(ENGLISH, 50, 0)
    found = fit_baselines(SINGLE, [train], labels, [train], labels, 2, 0)["tfidf_linear"]
    whole = found.score([train])
    monkeypatch.setattr("weitiao.evaluation.baselines.tfidf.SCORE_BATCH_ROWS", 7)
    assert found.score([train]) == pytest.approx(whole)


def test_jieba_keeps_its_cache_in_our_folder_and_says_nothing(
    tmp_path_factory: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    from weitiao.data import segmentation

    segmentation._segmenter.cache_clear()
    assert "酒店" in segmentation.chinese_words("这家酒店，很好！")
    assert (tmp_path_factory.getbasetemp() / "cache" / "words" / "jieba.cache").exists()
    assert capfd.readouterr() == ("", "")
