"""Figures of questions over documents: what is right, recall, coverage, the threshold."""

import math

import pytest

from weitiao.search.judging import Question, coverage_curve, judged, tuned_threshold
from weitiao.search.reading import Answer, Sentence
from weitiao.search.store import Stored

GOLD = "The tower was built in 1889. Gustave Eiffel designed it. It is 330 m high."


def stored(text):
    return Stored(1, "a.txt", 0, len(text), "", text)


def answer(text, score, found=True, marks=(True,)):
    sentences = tuple(Sentence(text, 0, 1.0, mark) for mark in marks)
    return Answer("?", text if found else "", score, found, (), sentences if found else (), text)


@pytest.mark.parametrize(
    ("question", "text", "right"),
    [
        (Question("?", ("1889",)), "built in 1889", True),
        (Question("?", ("Gustave  EIFFEL",)), "by gustave\neiffel", True),
        (Question("?", ("1889",)), "built in 1890", False),
        (Question("?", ()), "built in 1889", False),
        # The right passage is known: an answer that stands elsewhere does not count.
        (Question("?", ("1889",), GOLD), "The tower was built in 1889. Much later.", True),
        (Question("?", ("1889",), GOLD), "The hotel opened in 1889, too.", False),
        (Question("?", ("1889",), GOLD), "Gustave Eiffel designed it.", False),
        (Question("?", ("in that year",), GOLD), "Gustave Eiffel designed it.", True),
        (Question("?", None, GOLD), "It is 330 m high. And more.", True),
        (Question("?", None, GOLD), "It is.", False),
        (Question("?", None, "designed it"), "Gustave Eiffel designed it.", True),
        # Letters inside a word, and digits inside a number, are no answer.
        (Question("?", ("cat",)), "an education", False),
        (Question("?", ("cat",)), "an education of a Cat's life", True),
        (Question("?", ("5",)), "in 1985", False),
        (Question("?", ("5",)), "3.5 m and 5,000 of them", False),
        (Question("?", ("5",)), "it is 5.", True),
        (Question("?", ("1889", "x")), "built (1889)", True),
        (Question("?", ("the rapist",)), "the therapist", False),
        (Question("?", ("Eiffel",), "It is of Eiffelberg."), "It is of Eiffelberg.", True),
        (Question("?", ("1889",)), "塔建于1889年。", True),
        (Question("?", ("巴黎",)), "埃菲尔铁塔位于巴黎市中心", True),
        (Question("?", ("파리",)), "에펠탑은 파리에 있다", True),
        (Question("?", ("กรุงเทพ",)), "อยู่ในกรุงเทพมหานคร", True),
        (Question("?", ("e\u0301te\u0301",)), "l'été", True),
        (Question("?", ("九四年",), "它建于一九 九四年。位于上海。"), "它建于一九九四年。", True),
    ],
)
def test_a_passage_is_right(question, text, right):
    assert question.is_right(stored(text)) is right


def test_recall_is_of_questions_with_an_answer():
    wrong, right = stored("nothing"), stored("in 1889")
    asked = [Question("?", ("1889",))] * 4 + [Question("?", ())]
    found = [[right], [wrong] * 4 + [right], [wrong] * 6 + [right], [wrong] * 20 + [right], []]
    figures = judged(asked, found)
    assert figures == {
        "questions": 5, "answerable": 4, "recall_at1": 0.25, "recall_at5": 0.5,
        "recall_at20": 0.75,
    }  # fmt: skip


def test_answers_are_compared_and_silence_is_right_where_there_is_none():
    asked = [Question("?", ("in 1889",)), Question("?", ("Paris",)), Question("?", ())]
    answers = [
        answer("1889", 0.9), answer("Paris", 0.5, marks=(True, False)), answer("x", 0.1, False),
    ]  # fmt: skip
    figures = judged(asked, [[]] * 3, answers)
    assert figures["exact_match"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert figures["coverage"] == pytest.approx(2 / 3)
    assert figures["supported"] == pytest.approx(2 / 3)
    assert figures["not_found_auroc"] == 1.0


def test_without_answers_there_is_no_f1_and_without_questions_no_number():
    figures = judged([Question("?", None, GOLD)], [[stored(GOLD)]], [answer("1889", 0.9)])
    assert (figures["answerable"], figures["recall_at1"], "f1" in figures) == (1, 1.0, False)
    nothing = judged([Question("?", ())], [[]], [answer("x", 0.0, False)])
    assert nothing["recall_at1"] is None
    assert nothing["supported"] is None


def test_the_threshold_is_the_one_with_the_best_f1():
    asked = [Question("?", ("a",))] * 3 + [Question("?", ())] * 2
    answers = [answer("a", 0.9), answer("b", 0.8), answer("a", 0.6), answer("x", 0.5),
               answer("x", 0.2)]  # fmt: skip
    curve = coverage_curve(asked, answers)
    assert [one["threshold"] for one in curve] == [0.0, 0.2, 0.5, 0.6, 0.8, 0.9]
    assert [one["coverage"] for one in curve] == [1.0, 1.0, 0.8, 0.6, 0.4, 0.2]
    assert [one["f1"] for one in curve] == pytest.approx([0.4, 0.4, 0.6, 0.8, 0.6, 0.6])
    assert [one["f1_answered"] for one in curve][-2:] == [0.5, 1.0]
    assert tuned_threshold(asked, answers) == 0.6


def test_of_equal_thresholds_the_lowest_answers_most():
    assert tuned_threshold([Question("?", ("a",))] * 2, [answer("a", 0.3), answer("a", 0.7)]) == 0


def test_many_scores_make_a_curve_of_few_lines():
    answers = [answer("a", at / 5000) for at in range(5000)]
    curve = coverage_curve([Question("?", ("a",))] * 5000, answers)
    assert len(curve) <= 201
    assert not any(math.isnan(value) for one in curve for value in one.values())
