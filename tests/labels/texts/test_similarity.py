"""BLEU, chrF and ROUGE are those of sacrebleu and rouge-score; so are they of resampled rows."""

import random

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from weitiao.evaluation.metrics.texts import Bleu, Chrf, Rouge1, Rouge2, RougeL
from weitiao.labels.texts import similarity
from weitiao.tasks.answers.texts import Texts

CORPORA = {
    "en": ["The cat sat on the mat.", "It's 3.5% better, isn't it?", "A dog runs home at night!"],
    "de": ["Die Katze saß auf der Matte.", "Größe: 3,5 % mehr, oder?", "Ein Hund läuft heim."],
    "zh": ["猫坐在垫子上。", "今天是2024年5月，GPT模型很好。", "小狗晚上跑回家了！"],
    "ja": ["猫はマットの上に座った。", "今日は良い天気ですね。", "犬は夜に家へ走って帰る。"],
}
TOKENIZERS = {"en": "13a", "de": "13a", "zh": "zh", "ja": "char"}


def corpus(language, count=30, seed=1):
    """Written texts and their references: references with pieces moved, dropped and doubled."""
    rng = random.Random(seed)
    apart = language in ("en", "de")
    values, targets = [], []
    for _ in range(count):
        target = rng.choice(CORPORA[language])
        parts = target.split() if apart else list(target)
        for _change in range(rng.randint(0, 3)):
            at = rng.randrange(len(parts))
            parts[at : at + 1] = rng.choice([[], [parts[at]] * 2, [rng.choice(parts)]])
            parts = parts or ["x"]
        values.append((" " if apart else "").join(parts))
        targets.append(target)
    return values, targets


def answers(language):
    values, targets = corpus(language)
    objects = np.empty(len(targets), object)
    objects[:] = targets
    return Texts.of(objects, values, np.ones(len(values)))


def metric(part, given, weights=None):
    weights = np.ones((1, len(given)), int) if weights is None else weights
    return part().values(given, weights)


@pytest.mark.parametrize("language", CORPORA)
def test_bleu_and_chrf_are_those_of_sacrebleu(language):
    given = answers(language)
    values, targets = list(given.values), list(given.targets)
    tokenizer = TOKENIZERS[language]
    assert similarity.writing_of(targets) == tokenizer
    bleu = sacrebleu.corpus_bleu(values, [targets], tokenize=tokenizer)
    assert metric(Bleu, given)[0] == pytest.approx(bleu.score, abs=1e-9)
    order = 2 if tokenizer == "13a" else 0
    chrf = sacrebleu.corpus_chrf(values, [targets], word_order=order)
    assert metric(Chrf, given)[0] == pytest.approx(chrf.score, abs=1e-9)
    assert 5 < bleu.score < 95
    assert 5 < chrf.score < 99


def test_rouge_of_english_is_that_of_rouge_score():
    given = answers("en")
    for part, kind in ((Rouge1, "rouge1"), (Rouge2, "rouge2"), (RougeL, "rougeL")):
        scorer = RougeScorer([kind])
        scores = [
            100 * scorer.score(target, value)[kind].fmeasure
            for value, target in zip(given.values, given.targets, strict=True)
        ]
        assert metric(part, given)[0] == pytest.approx(np.mean(scores), abs=1e-9)


@pytest.mark.parametrize("language", ["de", "zh", "ja"])
def test_rouge_of_other_writing_counts_the_longest_common_subsequence(language):
    values, targets = corpus(language)
    found = similarity.rouge("rougeL", values, targets)
    for value, target, score in zip(values, targets, found, strict=True):
        ours, theirs = similarity._Units().tokenize(value), similarity._Units().tokenize(target)
        common = longest_common(ours, theirs)
        expected = 200 * common / (len(ours) + len(theirs)) if common else 0
        assert score == pytest.approx(expected)


def longest_common(one, other):
    row = [0] * (len(other) + 1)
    for left in one:
        before = row
        row = [0]
        for at, right in enumerate(other, 1):
            row.append(before[at - 1] + 1 if left == right else max(before[at], row[-1]))
    return row[-1]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Don't stop_me", ["don", "t", "stop", "me"]),
        ("Größe läuft", ["größe", "läuft"]),
        ("用GPT模型3次", ["用", "gpt", "模", "型", "3", "次"]),
        ("東京タワー", list("東京タワー")),
        ("ไทย ok", ["ไ", "ท", "ย", "ok"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("", []),
    ],
)
def test_units_of_rouge(text, units):
    assert similarity._Units().tokenize(text) == units


@pytest.mark.parametrize("language", CORPORA)
@pytest.mark.parametrize("part", [Bleu, Chrf, Rouge1, Rouge2, RougeL])
def test_resampled_statistics_are_those_of_the_resampled_rows(language, part):
    given = answers(language)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(given), size=(4, len(given)))
    weights = np.array([np.bincount(rows, minlength=len(given)) for rows in drawn])
    found = metric(part, given, weights)
    values, targets = given.values, given.targets
    again = [
        metric(part, Texts.of(targets[rows], list(values[rows]), np.ones(len(rows))))[0]
        for rows in drawn
    ]
    np.testing.assert_allclose(found, again, atol=1e-9)


@pytest.mark.parametrize(
    ("texts", "tokenizer"),
    [
        (["约翰·史密斯来了"], "zh"),  # the dot is written in Chinese, too
        (["我买了一瓶优の良品的饮料还有很多别的东西和零食"], "zh"),
        (["東京に行く"], "char"),
        (["カタカナ"], "char"),
        (["สวัสดีครับ"], "char"),
        (["안녕하세요 여러분"], "13a"),
        (["He likes 你好"], "13a"),
        (["123 456"], "13a"),
        ([""], "13a"),
        ([], "13a"),
    ],
)
def test_the_writing_of_texts(texts, tokenizer):
    assert similarity.writing_of(texts) == tokenizer


def test_equal_and_empty_texts():
    for texts in CORPORA.values():
        assert all(similarity.sentence_chrf(text, text) == pytest.approx(1) for text in texts)
        assert all(similarity.sentence_chrf("", text) == 0 for text in texts)
    assert similarity.corpus_bleu(np.zeros(10)) == 0
    assert similarity.rouge("rougeL", ["", "a"], ["a", ""]).tolist() == [0, 0]
