"""The tokenizers of mBART: where the language of a target stands, and what the decoder begins with."""

import pytest
import transformers

import writing_networks as tiny
from weitiao.model.model import Model
from weitiao.tasks.base import IGNORED
from weitiao.training.run import training_feed


@pytest.fixture(scope="module", params=["MBartTokenizer", "MBart50Tokenizer"])
def checkpoint(request, tmp_path_factory):
    return tiny.mbart_in(tmp_path_factory.mktemp(request.param), request.param)


def started(checkpoint, **settings):
    plan = tiny.plan_for("translation", checkpoint, {**tiny.LANGUAGES, **settings})
    data = tiny.data_for(plan, tiny.pairs())
    return Model.start(plan, data.train, data.validation), data


def by_transformers(model):
    """The folder's tokenizer, from English into German."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.plan.model.checkpoint)
    tokenizer.src_lang, tokenizer.tgt_lang = "en_XX", "de_DE"
    return tokenizer


def test_targets_and_decoder_inputs_are_those_of_transformers(checkpoint):
    model, data = started(checkpoint)
    tokenizer = by_transformers(model)
    example = data.train.examples([0])[0]
    feed = training_feed(model, data.train)
    batch = model.batch(feed.encoded, [0], feed.labels)
    theirs = tokenizer(example.inputs["text"], text_target=example.target, return_tensors="pt")
    shifted = model.net.native.prepare_decoder_input_ids_from_labels(theirs["labels"])
    labels = batch.labels[0][batch.labels[0] != IGNORED]
    count = len(labels)
    # The language behind a target of the first version is not learned: writing ends before it.
    assert labels.tolist() == theirs["labels"][0][:count].tolist()
    assert labels[-1] == tokenizer.eos_token_id
    assert batch.tensors["input_ids"][0].tolist() == theirs["input_ids"][0].tolist()
    assert batch.tensors["decoder_input_ids"][0].tolist() == shifted[0][:count].tolist()
    assert tokenizer.convert_tokens_to_ids("de_DE") in shifted[0][:2]


def test_what_is_written_begins_with_the_language(checkpoint):
    model, _data = started(checkpoint)
    texts = [row["text"] for row in tiny.pairs(6, seed=4)]
    tokenizer, native = by_transformers(model), model.net.native
    language = tokenizer.convert_tokens_to_ids("de_DE")
    first = "forced_bos_token_id" if "50" in type(tokenizer).__name__ else "decoder_start_token_id"
    theirs = []
    for text in texts:
        ids = native.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=12,
                              num_beams=1, **{first: language})  # fmt: skip
        assert language in ids[0, :2]
        theirs.append(tokenizer.decode(ids[0, 1:], skip_special_tokens=True).strip())
    assert list(model.predict(texts)) == theirs


def test_terms_of_a_glossary_have_no_language_in_them(checkpoint):
    model, _data = started(checkpoint, glossary={"cat": "kater", "house": "haus"})
    answers = model.predict(["the cat sees a house", "the cat sleeps"])
    assert "kater" in answers[0]
    assert "haus" in answers[0]
    assert "kater" in answers[1]
    rows = model.ids([model.example("the cat sees a house")])
    special = set(model.tokenizer.all_special_ids)
    (kinds,), (ids,) = rows["part"], rows["input_ids"]
    required = [number for number, kind in zip(ids, kinds, strict=True) if kind >= 3]
    assert required
    assert not special & set(required)
