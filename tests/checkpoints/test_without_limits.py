"""Checkpoints without a limit of positions, and tokenizers that nothing here can convert."""

import pytest
import transformers

from weitiao.checkpoints import load
from weitiao.errors import ModelError
from weitiao.planning.facts import size_of


@pytest.mark.parametrize("longest", [64, 512, 10**30])
def test_xlnet_has_no_limit_of_positions(longest):
    config = transformers.XLNetConfig(vocab_size=99, d_model=32, n_layer=2, n_head=4, d_inner=64)
    assert size_of("xlnet", config, longest).max_length == longest


@pytest.mark.parametrize("file", load.SENTENCEPIECE)
def test_a_tokenizer_of_sentencepiece_alone_is_named(file, tmp_path, monkeypatch):
    monkeypatch.setattr(load, "find_spec", lambda name: None)
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(ModelError, match=rf"{file} of SentencePiece alone.*pip install"):
        load.load_tokenizer(str(tmp_path), None)
