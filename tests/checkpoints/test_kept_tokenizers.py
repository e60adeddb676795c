"""Tokenizers of a run are built once, and each model has settings of its own."""

import json

from weitiao.checkpoints import kept_tokenizers
from weitiao.checkpoints.load import load_tokenizer

TEXT = "the room was clean, 房间很干净"


def test_inside_a_run_the_vocabulary_is_shared_and_the_settings_are_not(tiny_bert):
    alone = load_tokenizer(tiny_bert, None)
    with kept_tokenizers.sharing():
        one = load_tokenizer(tiny_bert, None)
        with kept_tokenizers.sharing():
            other = load_tokenizer(tiny_bert, None)
        assert one.backend_tokenizer is other.backend_tokenizer
        wanted = alone(TEXT, TEXT)["input_ids"]
        one.model_max_length, one.padding_side, one.truncation_side = 5, "left", "left"
        one.pad_token = one.sep_token
        assert len(one(TEXT, truncation=True)["input_ids"]) == 5
        assert (other.padding_side, other.pad_token) == (alone.padding_side, alone.pad_token)
        assert other.model_max_length == alone.model_max_length
        assert other(TEXT, TEXT, truncation=True)["input_ids"] == wanted
        third = load_tokenizer(tiny_bert, None)
        assert (third.pad_token, third.model_max_length) == (
            alone.pad_token,
            alone.model_max_length,
        )
        assert third(TEXT, TEXT, truncation=True)["input_ids"] == wanted
    assert load_tokenizer(tiny_bert, None).backend_tokenizer is not other.backend_tokenizer


def test_other_files_are_another_tokenizer(tiny_bert, tmp_path):
    with kept_tokenizers.sharing():
        before = load_tokenizer(tiny_bert, None)
        before.save_pretrained(tmp_path)
        path = tmp_path / "tokenizer_config.json"
        settings = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(settings | {"model_max_length": 7}), encoding="utf-8")
        after = load_tokenizer(str(tmp_path), None)
    assert (after.model_max_length, before.model_max_length == 7) == (7, False)


def test_a_saved_copy_is_the_tokenizer(tiny_bert, tmp_path):
    with kept_tokenizers.sharing():
        load_tokenizer(tiny_bert, None).save_pretrained(tmp_path / "one")
        load_tokenizer(tiny_bert, None).save_pretrained(tmp_path / "two")
    load_tokenizer(tiny_bert, None).save_pretrained(tmp_path / "alone")
    files = sorted(path.name for path in (tmp_path / "alone").iterdir())
    for name in ("one", "two"):
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == files
        for file in files:
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "alone" / file).read_bytes()
