"""A GGUF file as a checkpoint: made into a plain folder once, with the very same numbers."""

import json
import os
import shutil

import numpy as np
import pytest
import torch

from conftest import toy_data, toy_plan
from weitiao.checkpoints import convert, resolve
from weitiao.errors import ModelError
from weitiao.model.model import Model

gguf = pytest.importorskip("gguf")

WIDTH, HEADS, LAYERS, INNER = 64, 4, 2, 96
BYTES = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]]
BYTES += [chr(256 + n) for n in range(256 - len(BYTES))]  # how byte-level BPE spells all bytes
TOKENS = ["<|endoftext|>", *BYTES, "Ġt", "he"]


@pytest.fixture(scope="module")
def network():
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=WIDTH, intermediate_size=INNER,
        num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=HEADS,
        max_position_embeddings=64, bos_token_id=0, eos_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    written(path, network)
    return path


def written(path, network):
    """The network as llama.cpp's converter writes it: halves of rotated vectors interleaved."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(network.config.rms_norm_eps)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(["Ġ t", "h e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, LAYERS)
    for name, value in network.state_dict().items():
        array = value.numpy()
        if "q_proj" in name or "k_proj" in name:
            halves = array.reshape(HEADS, 2, WIDTH // HEADS // 2, WIDTH)
            array = halves.swapaxes(1, 2).reshape(array.shape)
        writer.add_tensor(names.get_name(name, (".weight",)), np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_the_folder_has_the_numbers_of_the_file(file, network):
    import transformers

    folder = resolve.resolve(str(file)).path_or_name
    found = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.arange(1, 30)[None]
    with torch.inference_mode():
        torch.testing.assert_close(found(ids).logits, network(ids).logits, rtol=1e-5, atol=1e-5)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize(" the") == ["Ġt", "he"]
    assert not getattr(found.config, "quantization_config", None)


def test_what_lies_beside_the_file_neither_runs_nor_shapes_the_folder(file, tmp_path):
    there, ran = tmp_path / "there", tmp_path / "ran"
    there.mkdir()
    shutil.copyfile(file, there / "tiny.gguf")
    code = f"open({os.fspath(ran)!r}, 'w')\n"
    code += "from transformers import PreTrainedTokenizerFast as Own\n"
    (there / "own.py").write_text(code)
    told = {
        "tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]},
        "model_max_length": 7,
    }  # fmt: skip
    (there / "tokenizer_config.json").write_text(json.dumps(told))
    (there / "generation_config.json").write_text(json.dumps({"max_length": 7}))
    folder = tmp_path / "made"
    folder.mkdir()
    convert.gguf_to_folder(there / "tiny.gguf", folder)
    assert not ran.exists()
    plain = tmp_path / "plain"
    plain.mkdir()
    convert.gguf_to_folder(file, plain)
    assert sorted(os.listdir(folder)) == sorted(os.listdir(plain))
    for one in plain.iterdir():
        assert (folder / one.name).read_bytes() == one.read_bytes(), one.name


def test_it_is_made_once(file, monkeypatch):
    folder = resolve.resolve(str(file)).path_or_name
    monkeypatch.setattr(convert, "gguf_to_folder", lambda *_: pytest.fail("made a second time"))
    assert resolve.resolve(str(file)).path_or_name == folder


def test_it_is_trained_like_any_checkpoint(file, tmp_path):
    plan = toy_plan("classification", str(file))
    data = toy_data(plan, 40)
    model = Model.start(plan, data.train)
    assert model.net.native.config.model_type == "llama"
    model.save(tmp_path)
    examples = data.validation.examples()
    np.testing.assert_allclose(
        Model.load(tmp_path).scores(examples), model.scores(examples), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("content", [b"not a model", b"GGUF", b"GGUF" + bytes(60)])
def test_what_is_no_such_file_is_one_message(content, tmp_path):
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.gguf"):
        resolve.resolve(str(path))
