"""Passages as answers: places exact to the character, windows, "no answer", the saved folder."""

import json
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import WORDS, make_tokenizer, toy_data, toy_plan
from weitiao.core.ragged import Ragged
from weitiao.data.cache.encoded import Encoded, in_memory
from weitiao.data.cleaners.base import clean_all
from weitiao.errors import DataError
from weitiao.evaluation.decisions.thresholds import NoAnswer
from weitiao.evaluation.evaluate import evaluate_network, measure, metrics_of
from weitiao.evaluation.passages import coverage, reading_baselines
from weitiao.example import Example
from weitiao.losses.standard import Span
from weitiao.model.model import Model
from weitiao.tasks.answers.passages import BEST_OVERLAP, MARGIN
from weitiao.tasks.question_answering import GoldPassage, QuestionAnswering

EVERY = [word for words in WORDS.values() for word in words]


def unigram(pieces):
    """A tokenizer as XLM-R's: NFKC, metaspace, pieces of several characters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = [(piece, 0.0) for piece in special] + [("▁", -4.0), *((p, -2.0) for p in pieces)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )  # fmt: skip
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="<s>", pad_token="<pad>", sep_token="</s>",
        unk_token="<unk>", bos_token="<s>", eos_token="</s>",
    )  # fmt: skip


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A word-level tokenizer."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("words")
    make_tokenizer(folder)
    return AutoTokenizer.from_pretrained(folder)


def asked(context, *texts, question="which", cleaners=()):
    golds = tuple((context.index(text), text) for text in texts)
    example = Example({"question": question, "context": context}, golds)
    if cleaners:
        cleaned, places = clean_all(cleaners, context)
        return Example(
            {"question": question, "context": cleaned},
            golds,
            "",
            {"alignment": {"context": places}},
        ), GoldPassage(context, golds)
    return example, GoldPassage(context, golds)


def knowing(task, examples, truth, tokenizer, most=64):
    """Answers of a network that knows the labels: encode, labels_for, merged and to_answers agree."""
    encoded = in_memory([task.encode(examples, tokenizer, most)])
    rows = np.empty(len(truth), object)
    rows[:] = truth
    labels = task.labels_for(encoded, rows)
    logits = np.stack([labels.values % 2 == 1, labels.values > 1], 1) * 20.0
    return encoded, task.merged(Ragged(logits, labels.offsets), encoded), rows


def answers_of(task, pairs, tokenizer, most=64):
    examples, truth = zip(*pairs, strict=True)
    _, scores, rows = knowing(task, examples, truth, tokenizer, most)
    judged = task.to_answers(rows, scores)
    return list(judged.values), judged


def test_answers_are_exact_to_the_character_in_chinese():
    """The piece ▁ before Chinese names the first character, too; it must not be an answer's end."""
    tokenizer = unigram(["北京", "是", "首都", "中国", "的", "。", "▁which", "▁《", "》"])
    context = "中国的首都是北京。"
    pairs = [asked(context, text) for text in ("中国", "北京", "首都", "中国的首都是北京。")]
    found, _ = answers_of(QuestionAnswering(), pairs, tokenizer)
    assert found == ["中国", "北京", "首都", context]


def test_places_survive_nfkc_that_changes_the_number_of_characters():
    tokenizer = unigram(list("abcdeful1234567890⁄()株IV.… "))
    context = "½ ㈱ ｆｕｌｌ Ⅳ … ﬀ abc"
    pairs = [
        asked(context, text) for text in ("½", "㈱", "ｆｕｌｌ", "Ⅳ", "…", "abc", "ｆｕｌｌ Ⅳ")
    ]
    found, _ = answers_of(QuestionAnswering(), pairs, tokenizer)
    assert found == ["½", "㈱", "ｆｕｌｌ", "Ⅳ", "…", "abc", "ｆｕｌｌ Ⅳ"]


def test_an_answer_has_the_whole_of_the_words_it_begins_and_ends_in():
    """Learned is where the right answer stands, also inside a word; given are whole words."""
    task = QuestionAnswering()
    tokenizer = unigram(["▁play", "ing", "▁the", "▁match", "es", "▁which", "."])
    example, truth = asked("playing the matches.", "ing the match")
    encoded, scores, rows = knowing(task, [example], [truth], tokenizer)
    labels = task.labels_for(encoded, rows).row(0)
    held = [int(encoded.values[name][at]) for name, at in
            (("starts", np.flatnonzero(labels == 1)[0]), ("ends", np.flatnonzero(labels == 2)[0]))]  # fmt: skip
    assert held == [5, 17]  # starts are counted from 1
    (answer,) = task.decide(scores, [example])
    assert answer.value == "playing the matches"
    assert dict(answer.places) == {"start": 0, "end": 19}
    assert list(task.to_answers(rows, scores).values) == ["playing the matches"]


@pytest.mark.parametrize(
    ("context", "answer"),
    [
        ("the film was good\u0301", "good\u0301"),
        ("\ufeffgood film", "\ufeffgood"),
        ("\u200bgood\u200b", "\u200bgood\u200b"),
        ("was very bad\x07", "bad\x07"),
        ("the " * 60 + "bad\x07", "bad\x07"),
        ("\ufeffgood " + "the " * 60, "\ufeffgood"),
    ],
)
def test_an_answer_at_an_edge_is_one_though_the_tokenizer_drops_a_character(context, answer, words):
    task = QuestionAnswering(doc_stride=4)
    example, truth = asked(context, answer)
    encoded, scores, rows = knowing(task, [example], [truth], words, most=24)
    given = task.decide(scores, [example])[0].value
    assert answer.strip("\ufeff\u200b\x07") == given.strip("\ufeff\u200b\x07")
    kinds = task.labels_for(encoded, rows)
    taught = [context[b - 1 : e] for b, e in zip(encoded.values["starts"][kinds.values > 0],
              encoded.values["ends"][kinds.values > 0], strict=True) if b]  # fmt: skip
    assert len(taught) == 1, "windows inside the passage have no answer"


def test_the_blank_before_a_word_of_metaspace_is_no_part_of_an_answer():
    tokenizer = unigram(["▁the", "▁river", "▁Thames", "▁which", "."])
    pairs = [asked("  the  river\tThames.", text) for text in ("the", "river", "Thames")]
    found, _ = answers_of(QuestionAnswering(), pairs, tokenizer)
    assert found == ["the", "river", "Thames"]


def test_places_are_those_of_the_text_before_cleaning(words):
    from weitiao import parts

    cleaners = [parts.build("cleaners", "unicode"), parts.build("cleaners", "whitespace")]
    context = "the \u00a0 \u3000 film   was \u200bgood"
    pairs = [asked(context, text, cleaners=cleaners) for text in ("film", "good", "the")]
    found, _ = answers_of(QuestionAnswering(), pairs, words)
    assert found == ["film", "good", "the"]


def test_a_long_text_is_read_in_windows_and_the_question_stands_whole_in_each(words):
    task = QuestionAnswering(doc_stride=4)
    context = " ".join(EVERY * 3)
    example, _ = asked(context, question="is it good")
    given = task.encode([example], words, 20)
    (count,) = given["windows"]
    assert count == len(given["input_ids"]) > 4
    question = words("is it good", add_special_tokens=False)["input_ids"]
    covered = set()
    for ids, starts, ends in zip(given["input_ids"], given["starts"], given["ends"], strict=True):
        assert len(ids) <= 20
        assert ids[1 : 1 + len(question)] == question
        assert not any(starts[: 2 + len(question)])
        covered |= {(s - 1, e) for s, e in zip(starts, ends, strict=True) if s}
    assert [context[s:e] for s, e in sorted(covered)] == context.split()


def test_a_question_longer_than_the_window_leaves_room_for_the_passage(words):
    example, truth = asked("the film was good", "good", question=" ".join(EVERY * 4))
    found, _ = answers_of(QuestionAnswering(), [(example, truth)], words, 24)
    assert found == ["good"]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([16, 24, 64]))
def test_windows_merge_to_what_one_window_would_say(words, seed, longest, most):
    """Logits that hang on the place alone: the best passage short enough for the overlap is found,
    whatever the windows."""
    rng = np.random.default_rng(seed)
    context = " ".join(random.Random(seed).choices(EVERY, k=40))
    example = Example({"question": "which", "context": context})
    task = QuestionAnswering(doc_stride=8, max_answer_length=min(longest, 4))
    values = rng.normal(size=(len(context) + 1, 2)).round(4)

    def answer(size):
        encoded = in_memory([task.encode([example], words, size)])
        starts, ends = (encoded.values[name].astype(int) for name in ("starts", "ends"))
        usable = starts > 0
        logits = np.zeros((len(starts), 2))
        logits[usable, 0] = values[starts[usable] - 1, 0]
        logits[usable, 1] = values[ends[usable], 1]
        return task.merged(Ragged(logits, encoded.offsets), encoded)[0]

    windowed, whole = answer(most), answer(512)
    assert windowed[:3] == pytest.approx(whole[:3])


def test_nothing_crosses_the_question_and_no_answer_is_longer_than_allowed(words):
    task = QuestionAnswering(max_answer_length=2)
    example, _ = asked("the film was good", question="is the hotel good")
    encoded = in_memory([task.encode([example], words, 64)])
    logits = np.zeros((len(encoded.values["starts"]), 2))
    logits[1, 0] = 100.0  # the best start stands in the question
    logits[:, 1] = np.arange(len(logits))
    (answer,) = task.decide(task.merged(Ragged(logits, encoded.offsets), encoded), [example])
    assert answer.value == "was good"
    assert dict(answer.places) == {"start": 9, "end": 17}


def test_an_empty_list_and_a_text_without_tokens_have_no_answer(words, tiny_bert):
    task = QuestionAnswering()
    example, _ = asked(" \u3000 ")
    encoded = in_memory([task.encode([example], words, 64)])
    scores = task.merged(Ragged(np.ones((len(encoded.values["starts"]), 2)), encoded.offsets),
                         encoded)  # fmt: skip
    assert [answer.value for answer in task.decide(scores, [example])] == [""]
    plan = toy_plan("question_answering", tiny_bert)
    model = Model.start(plan, toy_data(plan).train)
    with pytest.raises(DataError, match="no rows"):
        model.predict([])


def test_a_network_that_knows_the_labels_is_always_right(tiny_bert):
    plan = toy_plan("question_answering", tiny_bert)
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    rows = data.validation
    truth = model.task.gold(rows)
    _, scores, _ = knowing(model.task, rows.examples(), truth, model.tokenizer, 32)
    judged = model.task.to_answers(truth, scores)
    report = measure(judged, metrics_of(model.task, ["f1", "exact_match", "answerable_auroc"]))
    assert dict(report.metrics) == {"f1": 1.0, "exact_match": 1.0, "answerable_auroc": 1.0}
    assert "" in judged.values
    assert [a.value for a in model.task.decide(scores, rows.examples())] == list(judged.values)


def test_windows_without_the_answer_teach_no_answer_and_misplaced_answers_nothing(words):
    task = QuestionAnswering(doc_stride=2)
    context = " ".join(EVERY)
    example, truth = asked(context, "great")
    lost = GoldPassage(context, ((-1, "elsewhere"),))
    encoded, _, _ = knowing(task, [example, example], [truth, lost], words, 16)
    rows = np.empty(2, object)
    rows[:] = [truth, lost]
    labels = task.labels_for(encoded, rows)
    first = [labels.row(row) for row in np.flatnonzero(encoded.owners == 0)]
    assert [int(row[0]) for row in first[1:]] == [3] * (len(first) - 1)
    assert sorted(first[0].tolist())[-1] == 3
    assert first[0][0] == 0
    others = [labels.row(row) for row in np.flatnonzero(encoded.owners == 1)]
    assert all((row == -100).all() for row in others)
    assert Span().count(torch.from_numpy(labels.values)) == len(first)


def test_the_loss_is_that_of_transformers_own_head(tiny_bert):
    plan = toy_plan("question_answering", tiny_bert, **{"train.layout": "padded"})
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    model.net.eval()
    encoded = model.encode(data.train)
    labels = model.task.labels_for(encoded, model.task.gold(data.train))
    for row in range(6):  # one at a time: transformers' own counts padding among the places
        batch = model.batch(encoded, [row], labels)
        begin, end = (int(np.flatnonzero(mask)[0]) for mask in
                      (labels.row(row) % 2 == 1, labels.row(row) > 1))  # fmt: skip
        wanted = model.net.native(
            **batch.tensors,
            start_positions=torch.tensor([begin]),
            end_positions=torch.tensor([end]),
        ).loss
        torch.testing.assert_close(model.task.loss(model.net, batch, Span()).loss, wanted)


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_divergence_of_passages_is_nothing_for_equal_outputs_and_symmetric(layout, tiny_bert):
    plan = toy_plan("question_answering", tiny_bert, **{"train.layout": layout})
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    batch = model.batch(model.encode(data.train), range(4))
    shape = model.net(batch).shape
    first, second = torch.randn(2, *shape).unbind()
    nothing = model.task.divergence(first, first, batch)
    torch.testing.assert_close(nothing, torch.zeros(()), atol=1e-5, rtol=0)
    one, other = (model.task.divergence(*p, batch) for p in ((first, second), (second, first)))
    assert one > 0
    torch.testing.assert_close(one, other)


def test_the_saved_folder_is_plain_and_gives_transformers_the_same_logits(tiny_bert, tmp_path):
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    plan = toy_plan("question_answering", tiny_bert)
    data = toy_data(plan)
    model = Model.start(plan, data.train)
    model.net.eval()
    model.save(tmp_path)
    native = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    examples = data.validation.examples()[:5]
    logits = model.logits(in_memory([model.task.encode(examples, model.tokenizer, 32)]))
    for row, example in enumerate(examples):
        ids = tokenizer(example.inputs["question"], example.inputs["context"], return_tensors="pt")
        with torch.no_grad():
            output = native(**ids)
        wanted = torch.stack([output.start_logits, output.end_logits], -1)[0].numpy()
        np.testing.assert_allclose(logits.row(row), wanted, rtol=1e-4, atol=1e-5)
    settings = json.loads((tmp_path / "weitiao.json").read_text(encoding="utf-8"))["task"]
    assert settings["question_answering"]["unanswerable"] is True


def judged_with(task, rows):
    """Passages for: (golds, the best passage, its logits less those of "no answer")."""
    truth, scores = np.empty(len(rows), object), []
    for at, (golds, text, margin) in enumerate(rows):
        context = " ".join([text, *golds])
        truth[at] = GoldPassage(context, tuple((context.index(gold), gold) for gold in golds))
        scores.append([0, len(text), margin, 0.0, 0.5])
    return truth, np.array(scores)


def test_the_threshold_of_no_answer_is_the_best_on_validation():
    task = QuestionAnswering(unanswerable=True, units="words")
    rng = np.random.default_rng(1)
    rows = [(("good",), "good", float(x)) for x in rng.normal(-1.0, 1.0, 60)]
    rows += [((), "bad", float(x)) for x in rng.normal(-3.0, 1.0, 40)]
    truth, scores = judged_with(task, rows)
    choice = NoAnswer().choose(task, task.to_answers(truth, scores))
    tuned = task.model_copy(update=dict(choice.settings))

    def f1(limit):
        one = task.model_copy(update={"null_threshold": limit})
        return measure(one.to_answers(truth, scores), metrics_of(one)).metrics["f1"]

    every = [f1(limit) for limit in np.linspace(-2, 6, 400)]
    assert f1(tuned.null_threshold) == pytest.approx(choice.figures["f1"])
    assert choice.figures["f1"] >= max(every)
    assert choice.figures["untuned"] == pytest.approx(f1(0.0))
    assert f1(tuned.null_threshold) > f1(0.0)


def test_in_training_weights_are_judged_at_the_threshold_they_would_choose(tiny_bert):
    plan = toy_plan("question_answering", tiny_bert)
    data = toy_data(plan, 200)
    model = Model.start(plan, data.train)
    rows = data.validation
    encoded, truth = model.encode(rows), model.task.gold(rows)
    scores = model.scored(encoded)
    choice = NoAnswer().choose(model.task, model.task.to_answers(truth, scores))
    found = evaluate_network(model, model.net, encoded, truth).metrics
    assert found["f1"] == pytest.approx(choice.figures["f1"])
    assert found["f1"] > choice.figures["untuned"]
    assert model.task.null_threshold == 0.0  # chosen for good after training


def test_auroc_counts_pairs_and_coverage_ends_with_all_rows():
    task = QuestionAnswering(unanswerable=True, units="words")
    rows = [(("good",), "good", 2.0), (("good",), "bad", 0.5), ((), "bad", 0.5), ((), "bad", -1.0)]
    truth, scores = judged_with(task, rows)
    judged = task.to_answers(truth, scores)
    found = measure(judged, metrics_of(task, ["answerable_auroc"])).metrics["answerable_auroc"]
    assert found == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    points = coverage(judged)
    assert points[0]["f1"] == 1.0
    assert points[-1]["coverage"] == 1.0
    assert points[-1]["f1"] == pytest.approx(judged.counts[:, BEST_OVERLAP].mean())
    assert judged.counts[:, MARGIN].tolist() == [2.0, 0.5, 0.5, -1.0]


def test_the_baseline_finds_the_sentence_that_shares_words_with_the_question():
    context = "The hotel was cold. The bridge was built by Ada Lovelace in 1843. It rained."
    beside = reading_baselines([context, "The hotel was warm."], ["Ada Lovelace"], True)
    scores = beside["lexical"].score([["Who built the bridge?"], [context]])
    begin, end = scores[0, :2].astype(int)
    assert context.index("The bridge") <= begin < end <= context.index(" It rained")
    silent = QuestionAnswering(unanswerable=True)
    assert not silent.answered(beside["no_answer"].score([["?"], [context]])).any()
    assert silent.answered(scores).all()


def test_a_resumed_run_equals_an_unbroken_one(tiny_bert, tmp_path):
    from weitiao.run import Run
    from weitiao.training.run import train

    class Cut(BaseException):
        pass

    def watch(progress, seconds):
        if progress.step == 5:
            raise Cut

    plan = toy_plan("question_answering", tiny_bert, **{
        "train.epochs": 1, "train.save_seconds": 0, "train.strategies": {"rdrop": {}}})  # fmt: skip
    data = toy_data(plan, 80)
    runs = [Run.create(tmp_path, name, plan) for name in ("whole", "cut")]
    train(plan, data, runs[0])
    with pytest.raises(Cut):
        train(plan, data, runs[1], watch=watch)
    train(plan, data, Run.open(runs[1].folder), resume=True)
    assert runs[1].log_path.read_bytes() == runs[0].log_path.read_bytes()
    one, other = ((run.best / "model.safetensors").read_bytes() for run in runs)
    assert one == other


def test_no_rows_of_tokens_are_lost_when_examples_are_picked():
    encoded = Encoded(
        np.array([0, 2, 5, 6]), {"starts": np.arange(6), "ends": np.arange(6)}, np.array([0, 2, 3])
    )
    assert encoded.of(np.array([1, 0])).values["starts"].tolist() == [5, 0, 1, 2, 3, 4]
