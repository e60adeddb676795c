"""BM25 against its formula, written out for a few passages."""

import math

import pytest

from weitiao.evaluation.retrieval_baselines import _Bm25, terms

PASSAGES = ["the cat sees the dog", "a dog sleeps", "你好吗"]


def by_formula(question, passage, k1=1.2, b=0.75):
    """Robertson, Zaragoza 2009, with Lucene's idf, which is never negative."""
    bags = [terms(text) for text in PASSAGES]
    usual = sum(map(len, bags)) / len(bags)
    own, total = terms(passage), 0.0
    for term in terms(question):
        holding = sum(term in bag for bag in bags)
        idf = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
        count = own.count(term)
        total += idf * count * (k1 + 1) / (count + k1 * (1 - b + b * len(own) / usual))
    return total


@pytest.mark.parametrize(
    "question", ["the dog", "dog dog cat", "你好", "nothing known", "", "The Cat!"]
)
def test_scores_are_those_of_the_formula(question):
    (scores,) = _Bm25(PASSAGES).scores([question])
    assert scores == pytest.approx([by_formula(question, passage) for passage in PASSAGES])
