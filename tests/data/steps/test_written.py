"""Steps that write: translation and back, words of a language model, a service; mixed rows."""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from weitiao import parts
from weitiao.data.steps.mixed_rows import MixedRows
from weitiao.data.steps.written import BackTranslation, ContextualWords, Rewriting
from weitiao.errors import DataError, ModelError, PlanError
from weitiao.example import Example
from weitiao.model.writers import round_trip

TEXTS = ["a good film of 3 hours", "not bad", "the plot is thin", "lovely music"]


def rows(texts=TEXTS, targets=("good", "bad")):
    count = len(targets)
    return [Example({"text": t}, targets[i % count], id=f"r:{i}") for i, t in enumerate(texts)]


def made(step, examples, task="classification", seed=1):
    built = step.for_task(task)
    return list(built(examples, random.Random(seed))), built


@pytest.fixture
def translator(monkeypatch, tmp_path):
    """Ways whose translations are told, in place of programs: other words, the same numbers."""
    asked = []

    def translate(texts, way):
        asked.append((way, list(texts)))
        return [f"{text} {way}" for text in texts]

    monkeypatch.setattr(round_trip, "translated", translate)
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path / "cache"))
    return asked


def test_back_translation_goes_there_and_back_and_is_kept(translator):
    step = BackTranslation(there="en-zh", back="zh-en")
    out, _step = made(step, rows())
    copies = [one for one in out if "made_by" in one.meta]
    assert [one.inputs["text"] for one in copies] == [f"{text} en-zh zh-en" for text in TEXTS]
    assert [one.target for one in copies] == [one.target for one in rows()]
    assert len(translator) == 2
    made(BackTranslation(there="en-zh", back="zh-en"), rows())
    assert len(translator) == 2, "the second time it is read from the cache"
    made(BackTranslation(there="en-zh", back="zh-en"), rows([*TEXTS[:2], "a new one"]))
    assert translator[2:] == [("en-zh", ["a new one"]), ("zh-en", ["a new one en-zh"])]


def test_new_texts_with_other_numbers_or_lengths_are_dropped(monkeypatch, translator):
    new = {TEXTS[0]: "a good film of 4 hours", TEXTS[1]: "", TEXTS[2]: "thin " * 40}
    monkeypatch.setattr(
        round_trip, "translated", lambda texts, _way: [new.get(t, t) for t in texts]
    )
    out, step = made(BackTranslation(there="x", back="y"), rows())
    assert len(out) == len(TEXTS)
    assert any("2 new texts dropped" in note for note in step.notes())


@pytest.mark.parametrize("step", [BackTranslation(there="x", back="y"), Rewriting(model="m")])
def test_texts_with_spans_are_not_written_anew(step):
    with pytest.raises(DataError, match="loses its spans or tags"):
        step.for_task("token_classification")


def test_ways_that_are_none_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(round_trip.shutil, "which", lambda name: None)
    with pytest.raises(ModelError, match="Apertium is not installed"):
        round_trip.translated(["a"], "apertium:eng-spa")
    with pytest.raises(ModelError, match="cannot be loaded|neither a folder"):
        round_trip.translated(["a"], "nowhere/at-all")


def test_an_encoder_is_no_translator(tiny_bert):
    with pytest.raises(ModelError, match="no translator of one pair"):
        round_trip.translated(["a"], tiny_bert)


@pytest.fixture
def predicting(tmp_path, tiny_bert):
    """A tiny checkpoint of a kind with a layer that predicts words."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_bert)

    def make(kind):
        torch.manual_seed(3)
        size = {"vocab_size": len(tokenizer)}
        net = (
            transformers.BertForMaskedLM(
                transformers.BertConfig(
                    **size, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                    intermediate_size=64, max_position_embeddings=80,
                )
            )
            if kind == "masked"
            else transformers.GPT2LMHeadModel(
                transformers.GPT2Config(**size, n_embd=32, n_layer=1, n_head=4, n_positions=80)
            )
        )  # fmt: skip
        net.save_pretrained(tmp_path / kind)
        tokenizer.save_pretrained(tmp_path / kind)
        return str(tmp_path / kind)

    return make


@pytest.mark.parametrize("replace", [False, True])
def test_a_masked_network_puts_words_in(predicting, replace):
    step = ContextualWords(checkpoint=predicting("masked"), share=0.5, top_k=50, replace=replace)
    out, _step = made(step, rows())
    copies = [one for one in out if "made_by" in one.meta]
    assert copies
    for copy in copies:
        old = next(one for one in rows() if one.id == copy.meta["made_from"]).inputs["text"]
        words, new = old.split(), copy.inputs["text"].split()
        if replace:
            assert len(words) == len(new)
        else:
            assert len(new) > len(words)
            left = iter(new)
            assert all(word in left for word in words), "the words of the text stay in order"
        assert [w for w in old.split() if w in ("not", "3")] == [
            w for w in new if w in ("not", "3")
        ]
    assert copies == [one for one in made(step, rows())[0] if "made_by" in one.meta]


def test_spans_keep_their_text_where_words_are_put_in(predicting):
    text = "we saw Tom Hanks in Paris"
    example = Example({"text": text}, [(7, 16, "PER"), (20, 25, "LOC")], id="r:1")
    step = ContextualWords(checkpoint=predicting("masked"), share=0.9, top_k=50)
    out, _step = made(step, [example], "token_classification")
    (copy,) = [one for one in out if "made_by" in one.meta]
    named = [copy.inputs["text"][start:end] for start, end, _kind in copy.target]
    assert named == ["Tom Hanks", "Paris"]


def test_a_checkpoint_that_predicts_no_words_is_refused(tiny_bert):
    with pytest.raises(ModelError, match="no layer that predicts words"):
        parts.build("writers", "language_model", {"checkpoint": tiny_bert}).word(
            "a", "b", random.Random(0)
        )


class Service(BaseHTTPRequestHandler):
    seen = []
    answers = [
        (503, {}),
        (200, {"choices": [{"message": {"content": " a fine film of 3 hours "}}]}),
    ]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers.get("Authorization"), body))
        code, answer = self.answers[min(len(self.seen) - 1, len(self.answers) - 1)]
        raw = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *given):
        pass


@pytest.fixture
def service(monkeypatch, tmp_path):
    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WEITIAO_CHAT_URL", f"http://127.0.0.1:{server.server_port}/v1/")
    monkeypatch.setenv("WEITIAO_CHAT_KEY", "secret")
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    Service.seen.clear()
    yield Service
    server.shutdown()
    server.server_close()


def test_a_service_writes_texts_and_is_asked_again_when_busy(service):
    out, _step = made(Rewriting(model="m"), rows(TEXTS[:1]))
    assert [one.inputs["text"] for one in out] == [TEXTS[0], "a fine film of 3 hours"]
    path, key, body = service.seen[-1]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert body["messages"][1]["content"] == TEXTS[0]
    assert len(service.seen) == 2
    made(Rewriting(model="m"), rows(TEXTS[:1]))
    assert len(service.seen) == 2, "what is written is kept"


def test_what_was_written_before_a_failure_is_kept(service, monkeypatch):
    texts = [f"text number {word}" for word in "abcdefghijklmnopqrstuvwxyz"]
    good = (200, {"choices": [{"message": {"content": "another text"}}]})
    monkeypatch.setattr(service, "answers", [good] * 22 + [(401, {})])
    with pytest.raises(DataError, match="HTTP 401"):
        made(Rewriting(model="m"), rows(texts))
    service.seen.clear()
    monkeypatch.setattr(service, "answers", [good])
    made(Rewriting(model="m"), rows(texts))
    assert len(service.seen) == 6, "20 of 26 were kept"


def test_answers_that_are_none_are_named(service, monkeypatch):
    monkeypatch.setattr(service, "answers", [(200, {"error": "x"})])
    with pytest.raises(DataError, match="no answer of a chat"):
        made(Rewriting(model="m"), rows(TEXTS[:1]))
    monkeypatch.setattr(service, "answers", [(401, {})])
    with pytest.raises(DataError, match="HTTP 401"):
        made(Rewriting(model="n"), rows(TEXTS[:1]))


def test_a_plan_never_says_where_texts_are_sent(monkeypatch):
    monkeypatch.delenv("WEITIAO_CHAT_URL", raising=False)
    with pytest.raises(PlanError, match="where is the service"):
        made(Rewriting(model="m"), rows(TEXTS[:1]))
    monkeypatch.setenv("WEITIAO_CHAT_URL", "http://example.org/v1")
    with pytest.raises(PlanError, match="sent by https"):
        made(Rewriting(model="m"), rows(TEXTS[:1]))
    assert parts.problems("steps", "rewriting", {"model": "m", "url": "http://example.org"})


def test_mixed_rows_have_the_same_set_of_labels_in_any_order():
    step = MixedRows().for_task("multilabel")
    step.learn([Example({"text": "one two"}, ["a", "b"]), Example({"text": "x"}, ["b", "a"])])
    assert [len(rows) for rows in step._others.values()] == [2]


def test_mixed_rows_are_halves_of_rows_of_one_label():
    texts = [f"{word} one two end{i}" for i, word in enumerate("abcdefgh")]
    out, _step = made(MixedRows(times=2), rows(texts))
    by_text = {one.inputs["text"]: one.target for one in rows(texts)}
    copies = [one for one in out if "made_by" in one.meta]
    assert copies
    for copy in copies:
        first, last = copy.inputs["text"].split()[0], copy.inputs["text"].split()[-1]
        (one,) = [text for text in by_text if text.startswith(first)]
        (two,) = [text for text in by_text if text.endswith(last)]
        assert by_text[one] == by_text[two] == copy.target


def test_mixed_spans_keep_the_texts_that_they_claim():
    examples = [
        Example({"text": "Tom flew"}, [(0, 3, "PER")], id="r:1"),
        Example({"text": "to Paris"}, [(3, 8, "LOC")], id="r:2"),
        Example({"text": "上海很大"}, [(0, 2, "LOC")], id="r:3"),
    ]
    out, _step = made(MixedRows(times=3), examples, "token_classification")
    copies = [one for one in out if "made_by" in one.meta]
    assert copies
    known = {"Tom": "PER", "Paris": "LOC", "上海": "LOC"}
    for copy in copies:
        assert len(copy.target) == 2
        for start, end, kind in copy.target:
            assert known[copy.inputs["text"][start:end]] == kind


def test_mixed_lists_of_words_keep_a_tag_a_word():
    examples = [
        Example({"text": json.dumps(words)}, tags, id=f"r:{i}")
        for i, (words, tags) in enumerate(
            [(["Tom", "flew"], ["B-PER", "O"]), (["to", "Paris"], ["O", "B-LOC"])]
        )
    ]
    out, _step = made(MixedRows(times=4), examples, "token_classification")
    copies = [one for one in out if "made_by" in one.meta]
    assert copies
    for copy in copies:
        assert len(json.loads(copy.inputs["text"])) == len(copy.target) == 4


@pytest.mark.parametrize("task", ["regression", "question_answering"])
def test_rows_that_cannot_be_mixed_are_refused(task):
    with pytest.raises(DataError, match="no target of their own"):
        MixedRows().for_task(task)


def test_pairs_are_not_mixed():
    pairs = [Example({"text": "a", "text_pair": "b"}, "x", id="r:1")] * 2
    with pytest.raises(DataError, match="several texts"):
        made(MixedRows(), pairs, "nli")
