"""Answers of several columns are JSON objects with these fields, whatever the network would write."""

import csv
import functools
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

import weitiao
from conftest import TINY_WRITER
from weitiao.labels.texts.fields import object_of
from weitiao.model.json_fields import JsonFields
from weitiao.tasks.generation import as_json

FIELDS = ["name", "年龄", 'the "place"']
CELLS = st.one_of(st.none(), st.integers(-999, 99_999), st.text(max_size=12))
OBJECTS = st.tuples(CELLS, CELLS, CELLS).map(
    lambda row: json.dumps(dict(zip(FIELDS, row, strict=True)), ensure_ascii=False)
)
TEXTS = [
    json.dumps({"name": name, "年龄": age, 'the "place"': place}, ensure_ascii=False)
    for name, age, place in [("Li \\ Wei", 31, "上海"), (None, -4, 'so "called"'), ("é", 0, None)]
]


@functools.cache
def by_bytes():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False,
                                  special_tokens=["</s>"])  # fmt: skip
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


def by_pieces():
    """As a network from nothing has it: a blank is part of the word behind it."""
    from weitiao.checkpoints.new_network import Marian, _tokenizer

    return _tokenizer(TEXTS * 5, Marian(vocabulary=300))


def by_pieces_and_bytes():
    """As Llama has it: a character that is no piece is written byte by byte."""
    blank = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = blank
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    some = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=some, show_progress=False)
    tokenizer.train_from_iterator([text.encode("ascii", "ignore").decode() for text in TEXTS] * 5,
                                  trainer)  # fmt: skip
    saved = json.loads(tokenizer.to_str())
    saved["added_tokens"] = saved["added_tokens"][:2]
    tokenizer = Tokenizer.from_str(json.dumps(saved))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")


@pytest.fixture(
    scope="module",
    params=[by_bytes, by_pieces, by_pieces_and_bytes],
    ids=["bytes", "pieces", "pieces and bytes"],
)
def tokenizer(request):
    return request.param()


def processor_for(tokenizer, most=120, fields=FIELDS, begun=1):
    return JsonFields(fields, tokenizer, begun, most, [tokenizer.eos_token_id])


@given(OBJECTS, st.floats(0, 1))
@settings(deadline=None)
def test_every_beginning_of_an_object_fits_and_is_ended(text, share):
    processor = processor_for(by_bytes())
    begun = text[: int(share * len(text))]
    assert processor._fits(begun)
    whole = json.loads(begun + processor.rest_of(begun))
    assert list(whole) == FIELDS


@pytest.mark.parametrize(
    "text", ["[", '{"nam"', '{"name": nul,', '{"name": 01', '{"name": "a", "name"', '{"name": {']
)
def test_what_begins_no_such_object_does_not_fit(text):
    assert not processor_for(by_bytes())._fits(text)


def written(processor, tokenizer, seed, most, width=1):
    """What random networks write: the likeliest token of each step, or one drawn among `width`."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.zeros((1, 1), dtype=torch.long)
    for _step in range(most):
        scores = torch.randn(1, len(tokenizer), generator=draw)
        scores[0, tokenizer.eos_token_id] += 2.0
        scores = processor(ids, scores)
        best = scores[0].topk(width).indices
        best = best[torch.isfinite(scores[0, best])]
        token = best[int(torch.randint(len(best), (1,), generator=draw))]
        ids = torch.cat([ids, token.view(1, 1)], 1)
        if int(token) == tokenizer.eos_token_id:
            return tokenizer.decode(ids[0, 1:-1])
    return tokenizer.decode(ids[0, 1:])


@pytest.mark.parametrize("width", [1, 3])
def test_random_networks_write_objects_with_the_fields(tokenizer, width):
    for seed in range(12):
        text = written(processor_for(tokenizer), tokenizer, seed, 120, width).strip()
        assert list(json.loads(text)) == FIELDS, text


def test_an_answer_in_progress_is_ended_where_the_room_ends(tokenizer):
    room = len(tokenizer(TEXTS[0], add_special_tokens=False)["input_ids"]) + 8
    for seed in range(6):
        text = written(processor_for(tokenizer, room), tokenizer, seed, room).strip()
        assert list(json.loads(text)) == FIELDS, text


def test_a_text_that_is_no_object_is_written_freely(tokenizer):
    processor = processor_for(tokenizer)
    ids = torch.tensor([[0, *tokenizer("[[[", add_special_tokens=False)["input_ids"]]])
    scores = torch.randn(1, len(tokenizer))
    assert torch.equal(processor(ids, scores), scores)


def test_a_likeliest_token_that_fits_stays_the_likeliest(tokenizer):
    processor = processor_for(tokenizer)
    wanted = tokenizer(TEXTS[1], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    for at, token in enumerate(wanted):
        scores = torch.zeros(1, len(tokenizer))
        scores[0, token] = 5.0
        ids = torch.tensor([[0, *wanted[:at]]])
        assert int(processor(ids, scores)[0].argmax()) == token


@pytest.mark.parametrize("make", [by_bytes, by_pieces_and_bytes])
@pytest.mark.parametrize("fields", [["😀", "日期（年）"], ["é", "\u200b"], ['a\nb"', "x, y: {"]])
def test_names_of_characters_that_are_several_tokens_are_written(make, fields):
    tokenizer = make()
    skeleton = json.dumps(dict.fromkeys(fields), ensure_ascii=False)
    need = len(tokenizer(skeleton, add_special_tokens=False)["input_ids"])
    for seed, room in [(0, need + 8), (1, need + 40)]:
        processor = processor_for(tokenizer, room, fields)
        text = written(processor, tokenizer, seed, room, 1 + seed).strip()
        assert list(json.loads(text)) == fields, text


@pytest.mark.parametrize("single", [True, False])
def test_scores_that_are_all_far_below_zero_keep_their_order(single):
    """GPT-2's logits are about -100."""
    tokenizer = by_bytes()
    ids = [tokenizer.encode(text)[0] for text in ('{"', "{")]
    scores = torch.full((1, len(tokenizer)), -110.0)
    scores[0, ids[0]], scores[0, ids[1]] = -90.0, -80.0
    processor = JsonFields(FIELDS, tokenizer, 1, 120, [tokenizer.eos_token_id], single=single)
    made = processor(torch.zeros((1, 1), dtype=torch.long), scores)
    assert int(made.argmax()) == ids[1]
    assert made.max() == -80.0


def test_a_number_does_not_grow_beyond_what_readers_of_json_take():
    processor = processor_for(by_bytes())
    assert processor._fits('{"name": ' + "1" * 18)
    assert not processor._fits('{"name": ' + "1" * 19)
    assert as_json({"a": "1" * 18, "b": "1" * 5_000}) == json.dumps(
        {"a": int("1" * 18), "b": "1" * 5_000}
    )


def test_special_tokens_are_no_part_of_a_value():
    tokenizer = by_pieces_and_bytes()
    processor = JsonFields(FIELDS, tokenizer, 1, 120, [tokenizer.eos_token_id])
    ids = tokenizer('{"name": "a', add_special_tokens=False)["input_ids"]
    scores = torch.zeros(1, len(tokenizer))
    scores[0, tokenizer.unk_token_id] = 9.0
    made = processor(torch.tensor([[0, *ids]]), scores)
    assert made[0, tokenizer.unk_token_id] == -torch.inf


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('"name": "Li", "n": 3', {"name": "Li", "n": 3}),  # T5 has no braces
        ('{ " name " : " li wei ", " n " : null }', {"name": "li wei", "n": None}),  # BERT
        ('{"name": "Li", "n": "open', {"name": "Li", "n": "open"}),
        ('{"name": "Li", "n', {"name": "Li", "n": None}),
        ('{"n": 1, "name": "x"}', {"name": "x", "n": 1}),
        ("", {"name": None, "n": None}),
        ("[" * 100_000, {"name": None, "n": None}),
        ('{"name": ' + "1" * 6_000, {"name": "1" * 6_000, "n": None}),
        ('{"name": {"a": 1}, "n": [2]}', {"name": {"a": 1}, "n": [2]}),
        ('{"name": NaN, "n": 1}', {"name": "NaN", "n": 1}),
        ('{"n": 1e999, "name": "x"}', {"name": "x", "n": "1e999"}),
    ],
)
def test_what_is_not_quite_an_object_is_made_one(text, fields):
    assert json.loads(object_of(text, ["name", "n"])) == fields


@pytest.mark.parametrize("family", ["t5", "encoder-decoder"])
def test_a_tokenizer_without_braces_gives_objects_too(family, tmp_path):
    from writing_networks import checkpoint_in, pairs

    rows = [{"text": row["text"], "a": row["label"], "b b": len(row["text"])} for row in pairs(30)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    fitted = weitiao.fit(
        str(path), task="generation", model=checkpoint_in(tmp_path / "net", family),
        out=tmp_path / "runs", progress=False, roles={"text": "text", "target": ["a", "b b"]},
        changes={"train.epochs": 1, "evaluate.baselines": False, "evaluate.findings": False,
                 "task": {"generation": {"max_new_tokens": 12}}},
    )  # fmt: skip
    model = weitiao.load(fitted.run.folder)
    for text in model.predict([row["text"] for row in rows[:4]]):
        assert list(json.loads(str(text))) == ["a", "b b"], text


@pytest.mark.parametrize("beams", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_of_several_columns_writes_objects(beams, tmp_path):
    rows = [{"text": f"{name} is {age} in {place}", "name": name, "age": age, "place": place}
            for name in ("Ann", "Bo", "李明") for age in ("3", "41", "") for place in
            ("Rome", "上海", 'the "sea"')]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    changes = {"train.epochs": 1, "data.test_size": 0.2, "evaluate.baselines": False,
               "evaluate.findings": False,
               "task": {"generation": {"max_new_tokens": 120, "num_beams": beams}}}  # fmt: skip
    fitted = weitiao.fit(
        str(path), task="generation", model=TINY_WRITER, out=tmp_path / "runs", progress=False,
        roles={"text": "text", "target": ["name", "age", "place"]}, changes=changes,
    )  # fmt: skip
    model = weitiao.load(fitted.run.folder)
    for text in model.predict([row["text"] for row in rows]):
        assert list(json.loads(str(text))) == ["name", "age", "place"], text
    predicted = tmp_path / "out.csv"
    weitiao.predict(fitted.run.folder, str(path), output=predicted)
    with predicted.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            for name, value in json.loads(row["prediction"]).items():
                assert row[f"prediction_{name}"] == ("" if value is None else str(value))
