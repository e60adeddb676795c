"""Exact match and F1 against the scripts of SQuAD and CMRC 2018, written down once more."""

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.labels.passages.agreement import agreement, by_characters, segments

TEXTS = st.text(st.sampled_from("the an a cat Cat, . ! 's - 北京 市 。"), max_size=14)


def normalize_answer(text):  # SQuAD's evaluate-v2.0.py
    def remove_articles(text):
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    exclude = set(string.punctuation)
    kept = "".join(ch for ch in text.lower() if ch not in exclude)
    return " ".join(remove_articles(kept).split())


def compute_f1(gold, given):
    gold_toks, pred_toks = normalize_answer(gold).split(), normalize_answer(given).split()
    num_same = sum((Counter(gold_toks) & Counter(pred_toks)).values())
    if not gold_toks or not pred_toks:
        return float(gold_toks == pred_toks)
    if num_same == 0:
        return 0.0
    precision, recall = num_same / len(pred_toks), num_same / len(gold_toks)
    return 2 * precision * recall / (precision + recall)


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_words_are_compared_as_the_script_of_squad_does(answer, golds):
    known = [gold for gold in golds if normalize_answer(gold)] or [""]
    exact = max(float(normalize_answer(gold) == normalize_answer(answer)) for gold in known)
    f1 = max(compute_f1(gold, answer) for gold in known)
    assert agreement(answer, golds, False) == pytest.approx((exact, f1))


def test_several_right_answers_count_by_the_best():
    golds = ["Denver Broncos", "The Denver Broncos", "Broncos"]
    assert agreement("the broncos", golds, False) == (1.0, 1.0)
    assert agreement("Broncos of Denver", golds, False) == (0.0, pytest.approx(0.8))


def test_no_right_answer_means_that_none_is_the_answer():
    assert agreement("", [], False) == (1.0, 1.0)
    assert agreement("Paris", [], True) == (0.0, 0.0)
    assert agreement("", ["Paris"], False) == (0.0, 0.0)


def find_lcs(s1, s2):  # CMRC 2018's cmrc2018_evaluate.py
    m = [[0] * (len(s2) + 1) for _ in range(len(s1) + 1)]
    mmax = 0
    for i in range(len(s1)):
        for j in range(len(s2)):
            if s1[i] == s2[j]:
                m[i + 1][j + 1] = m[i][j] + 1
                mmax = max(mmax, m[i + 1][j + 1])
    return mmax


@given(TEXTS, TEXTS)
def test_characters_are_compared_as_the_script_of_cmrc_does(answer, gold):
    given, right = segments(answer), segments(gold)
    if not "".join(right):
        return
    common = find_lcs(right, given)
    precision, recall = (common / max(len(side), 1) for side in (given, right))
    wanted = 2 * precision * recall / (precision + recall) if common else 0.0
    assert agreement(answer, [gold], True)[1] == pytest.approx(wanted)


def test_known_examples_of_chinese():
    assert agreement("光荣和ω-force。", ["光荣和ω-force"], True) == (1.0, 1.0)
    assert agreement("《战国无双3》", ["战国无双3"], True) == (1.0, 1.0)
    # 1998 is one piece; 年 and 5 and 月 are three more: the longest run in common has two of them.
    assert agreement("1998年", ["1998年5月"], True) == (0.0, pytest.approx(2 * 2 / 6))
    assert segments("在Windows XP上") == ["在", "windows", "xp", "上"]


def test_the_language_of_the_answers_decides():
    assert by_characters(["光荣", "1998年", "ω-force"])
    assert not by_characters(["Denver Broncos", "1998"])
    assert not by_characters([])
