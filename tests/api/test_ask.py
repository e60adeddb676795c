"""weitiao.ask: the whole chain, its options, its tuning, and what users do wrong."""

import json
from dataclasses import replace

import pytest

import weitiao
from answering import GOOD, docs, inference_run, reading_run, saved_model  # noqa: F401
from weitiao.api.ask import SCORE, asker
from weitiao.api.ask_judged import judge, questions_in
from weitiao.errors import DataError, RunError, WeitiaoError


def write_questions(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.fixture
def questions(tmp_path):
    rows = [
        {"question": f"which is good number{n}", "answers": word, "passage": f"{word} number{n}"}
        for n, word in enumerate(GOOD)
    ]
    return write_questions(tmp_path / "asked.jsonl", rows)


def test_a_question_over_a_folder(reading_run, docs):  # noqa: F811
    one = weitiao.ask(reading_run, "which is good number3", docs=docs, encoder="bm25")
    assert (one.text, one.found) == ("lovely", True)
    assert one.sources[one.sentences[0].source].passage.document == "3.txt"
    two = weitiao.ask(reading_run, ["which is good number1"] * 2, docs=docs, encoder="bm25")
    assert [answer.text for answer in two] == ["great", "great"]


def test_vectors_of_a_checkpoint_and_words_are_fused(docs, tiny_bert):  # noqa: F811
    opened = asker(None, docs, encoder=tiny_bert)
    assert opened.index.store.vectors()[1].shape == (9, 32)
    (first, *_) = opened.search("number3")
    assert first.passage.document == "3.txt"
    assert first.bm25 > 0
    assert -1 <= first.cosine <= 1.001
    answer = opened("number3")
    assert (answer.text, answer.found, len(answer.sources)) == ("", True, 5)


def test_the_index_is_kept_and_brought_up_to_date(docs):  # noqa: F811
    assert asker(None, docs, encoder="bm25").changes.added == 9
    assert asker(None, docs, encoder="bm25").changes.added == 0
    (docs / "3.txt").write_text("something else")
    (docs / "4.txt").unlink()
    changes = asker(None, docs, encoder="bm25").changes
    assert (changes.added, changes.removed) == (1, 1)


def test_a_file_that_cannot_be_read_is_named_even_if_it_is_the_first(docs, monkeypatch):  # noqa: F811
    (docs / "0.docx").write_bytes(b"broken")
    said = []
    monkeypatch.setattr("weitiao.api.ask.default_for", lambda language: "bm25")
    opened = asker(None, docs, say=said.append)
    assert len(opened.index.store) == 9
    assert [text.split(":")[0] for text in said] == ["0.docx"]


def test_the_encoder_is_that_of_the_documents_language(docs, monkeypatch):  # noqa: F811
    asked = []
    monkeypatch.setattr(
        "weitiao.api.ask.default_for", lambda language: asked.append(language) or "bm25"
    )
    for path in docs.iterdir():
        path.write_text("all in English")
    asker(None, docs)
    (docs / "0.txt").write_text("这是中文。")
    asker(None, docs)
    assert asked == ["en", "zh"]


def test_a_re_ranker_puts_the_passages_in_its_order(docs, inference_run, tiny_bert, tmp_path):  # noqa: F811
    opened = asker(None, docs, encoder="bm25", rerank=inference_run, passages=9)
    found = opened.search("the film number1 was good and it is")
    rows = [{"premise": "the film number1 was good and it is", "hypothesis": one.passage.text}
            for one in found]  # fmt: skip
    scores = [one.scores["entailment"] for one in opened.rerank.predictions(rows)]
    assert scores == sorted(scores, reverse=True)
    assert [one.score for one in found] == pytest.approx(scores, abs=1e-6)
    number = saved_model("similarity", tiny_bert, tmp_path / "similar")
    assert asker(None, docs, encoder="bm25", rerank=number).search("which number1")


def test_tuning_keeps_weight_and_threshold_in_the_index(docs, reading_run, tiny_bert, tmp_path):  # noqa: F811
    rows = [
        {"question": f"which is good number{n}", "answers": word} for n, word in enumerate(GOOD)
    ]
    none = [{"question": f"is the hotel {n}", "answers": ""} for n in range(12)]
    asked = questions_in(str(write_questions(tmp_path / "q.jsonl", rows + none)))
    opened = asker(reading_run, docs, encoder=tiny_bert)
    before = judge(opened, asked)
    assert before["coverage"] == 1.0
    figures = judge(opened, asked, tune=True)
    assert opened.reading.threshold == figures["threshold"]  # asked next, it counts at once
    assert opened.reading.confidence is not None
    answer = opened("is the hotel 3")
    assert answer.found == (bool(answer.best) and answer.score >= figures["threshold"])
    assert figures["f1"] == max(one["f1"] for one in figures["curve"])
    assert figures["f1"] > 12 / 21 - 1e-9  # at least that of always saying nothing
    again = asker(reading_run, docs, encoder=tiny_bert)
    assert again.index.weight == figures["weight"]
    assert again.reader.threshold == figures["threshold"]
    after = judge(again, asked)
    for name in ("recall_at1", "recall_at5", "exact_match", "f1", "coverage", "supported"):
        assert after[name] == pytest.approx(figures[name]), name
    given = asker(reading_run, docs, encoder=tiny_bert, threshold=0.5)
    assert given.reading.threshold == 0.5
    assert given.reading.confidence == opened.reading.confidence
    opened.index.store.tell(opened.confidence_name, "[1, 2")
    with pytest.raises(RunError, match=r"its score of answers is '\[1, 2'"):
        opened("is the hotel 3")


def test_a_threshold_of_another_score_is_forgotten(docs, reading_run, tiny_bert):  # noqa: F811
    """Of before the score said how sure an answer is: the old number would mean something else."""
    opened = asker(reading_run, docs, encoder=tiny_bert)
    old = opened.threshold_name.replace(f"threshold {SCORE} ", "threshold ")
    assert old != opened.threshold_name
    opened.index.store.tell(old, "0.99")
    assert asker(reading_run, docs, encoder=tiny_bert).reading.threshold == 0
    opened.index.store.tell(opened.threshold_name, "0.99")
    assert asker(reading_run, docs, encoder=tiny_bert).reading.threshold == 0.99


def test_figures_of_passages_alone(docs, questions):  # noqa: F811
    figures = judge(asker(None, docs, encoder="bm25"), questions_in(str(questions)))
    assert figures["recall_at1"] > 0.7
    assert figures["recall_at5"] == 1.0
    assert "f1" not in figures


def test_questions_are_judged_in_depth_however_few_are_read(docs, reading_run, questions):  # noqa: F811
    asked = questions_in(str(questions))
    opened = asker(reading_run, docs, encoder="bm25", passages=1)
    deep = judge(opened, asked)
    assert deep["recall_at20"] == 1.0
    assert deep["f1"] <= judge(replace(opened, passages=5), asked)["f1"]


def test_what_users_do_wrong_is_one_message(docs, tmp_path, tiny_bert, reading_run, questions):  # noqa: F811
    with pytest.raises(DataError, match="docs="):
        weitiao.ask(None, "what")
    with pytest.raises(DataError, match="no such folder"):
        asker(None, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no document here has any text"):
        asker(None, tmp_path / "empty", encoder="bm25")
    with pytest.raises(DataError, match="question is empty"):
        asker(None, docs, encoder="bm25")("  ")
    labels = saved_model("classification", tiny_bert, tmp_path / "labels")
    with pytest.raises(RunError, match="question_answering or of generation"):
        asker(labels, docs, encoder="bm25")
    with pytest.raises(RunError, match="does not retrieve"):
        asker(None, docs, encoder=labels)
    for option in ("rerank", "support"):
        with pytest.raises(RunError, match="reads two texts"):
            asker(reading_run, docs, encoder="bm25", **{option: labels})
    with pytest.raises(WeitiaoError):
        asker(None, docs, encoder=str(tmp_path / "no-such-encoder"))
    with pytest.raises(DataError, match="too few to tune"):
        judge(asker(reading_run, docs, encoder="bm25"), questions_in(str(questions)), tune=True)
    odd = write_questions(tmp_path / "odd.jsonl", [{"a": "x", "b": "y"}])
    with pytest.raises(DataError, match="question and answers"):
        questions_in(str(odd))


def test_options_that_would_do_nothing_are_refused(docs, reading_run, inference_run, questions):  # noqa: F811
    for option in ({"threshold": 0.99}, {"support": inference_run}):
        with pytest.raises(DataError, match="no run reads any here"):
            asker(None, docs, encoder="bm25", **option)
    asked = questions_in(str(questions)) * 4
    with pytest.raises(DataError, match="nothing to tune"):
        judge(asker(None, docs, encoder="bm25"), asked, tune=True)
    unknown = [replace(one, answers=None) for one in asked]
    with pytest.raises(DataError, match="nothing to tune"):
        judge(asker(reading_run, docs, encoder="bm25"), unknown, tune=True)
    with pytest.raises(DataError, match="leave out --threshold"):
        judge(asker(reading_run, docs, encoder="bm25", threshold=0.1), asked, tune=True)


def test_a_run_of_retrieval_is_the_encoder_and_takes_no_other(docs, tiny_bert, tmp_path):  # noqa: F811
    run = saved_model("retrieval", tiny_bert, tmp_path / "finds")
    assert asker(run, docs).index.encoder is not None
    with pytest.raises(DataError, match="this run is the encoder"):
        asker(run, docs, encoder="bm25")


@pytest.mark.parametrize("name", ["bm52", "bm-25", "b25", "bn25"])
def test_a_slip_in_bm25_is_no_checkpoint(name, docs):  # noqa: F811
    with pytest.raises(DataError, match=rf"--encoder '{name}'.*Did you mean 'bm25'"):
        asker(None, docs, encoder=name)
    assert asker(None, docs, encoder="BM25").index.encoder is None


def test_a_label_that_says_yes_is_needed(docs, tiny_bert, tmp_path):  # noqa: F811
    from conftest import toy_plan, toy_rows
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load
    from weitiao.model.model import Model

    plan = toy_plan("nli", tiny_bert)
    rows = [{**row, "label": row["label"][:3]} for row in toy_rows("nli", 60)]
    data = load(plan.data, plan.task_name, from_rows(rows))
    Model.start(plan, data.train).save(tmp_path / "odd")
    for option in ("rerank", "support"):
        with pytest.raises(RunError, match="says that a text follows"):
            asker(None, docs, encoder="bm25", **{option: tmp_path / "odd"})


def test_gold_answers_may_be_numbers_and_null_is_none(tmp_path):
    rows = [
        {"question": "when", "answers": [1889]},
        {"question": "where and when", "answers": ["Paris", 1889]},
        {"question": "who", "answers": [None]},
    ]
    path = write_questions(tmp_path / "a.jsonl", rows)
    assert [one.answers for one in questions_in(str(path))] == [("1889",), ("Paris", "1889"), ()]


@pytest.mark.parametrize("cell", ["array(['Paris'], dtype=object)", "['Paris' ... 'Rome']"])
def test_answers_as_numpy_prints_them_are_refused_with_their_row(tmp_path, cell):
    rows = [{"question": "a", "answers": "b"}, {"question": "where", "answers": cell}]
    path = write_questions(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError, match=r"a\.jsonl:2: .* is an array as numpy prints it"):
        questions_in(str(path))
