"""Folders with `pytorch_model.bin` only: read without running anything, kept as safetensors."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from conftest import toy_data, toy_plan
from weitiao.checkpoints.resolve import resolve
from weitiao.errors import ModelError
from weitiao.model.model import Model

RESOLVE = "import sys; from weitiao.checkpoints.resolve import resolve; print(resolve(sys.argv[1]))"


class Code:
    """What an attacker puts into a pickle."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def tensors(tiny_bert):
    return load_file(f"{tiny_bert}/model.safetensors")


@pytest.fixture
def folder(tiny_bert, tmp_path):
    """A copy of the tiny checkpoint without its safetensors."""
    made = Path(shutil.copytree(tiny_bert, tmp_path / "old"))
    (made / "model.safetensors").unlink()
    return made


def pickled(folder, content, **how):
    torch.save(content, folder / "pytorch_model.bin", **how)


def equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_made_safetensors_once_and_its_hash_is_said(folder, tensors, zipped):
    pickled(folder, tensors, _use_new_zipfile_serialization=zipped)
    source = resolve(str(folder))
    kept = Path(source.path_or_name)
    digest = hashlib.sha256((folder / "pytorch_model.bin").read_bytes()).hexdigest()
    assert source.sha256 == digest
    assert digest[:12] in source.remark
    assert equal(load_file(kept / "model.safetensors"), tensors)
    origin = json.loads((kept / "source.json").read_text(encoding="utf-8"))
    assert origin["sha256"]["pytorch_model.bin"] == digest
    before = (kept / "model.safetensors").stat().st_ino
    assert resolve(str(folder)) == source
    assert (kept / "model.safetensors").stat().st_ino == before
    assert not list(kept.glob("*.bin"))


def test_a_network_learns_from_it_as_from_the_safetensors(folder, tensors, tiny_bert):
    pickled(folder, tensors)
    models = []
    for checkpoint in (str(folder), tiny_bert):
        plan = toy_plan("classification", checkpoint)
        models.append(Model.start(plan, toy_data(plan).train))
    one, two = (dict(model.net.native.state_dict()) for model in models)
    assert equal(one, two)


def test_layer_norms_named_as_of_old_are_read(folder, tensors, tiny_bert):
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("Norm.bias", "Norm.beta"): t
        for name, t in tensors.items()
    }
    assert old.keys() != tensors.keys()
    odd = {name: t + 1 if "LayerNorm" in name else t for name, t in old.items()}
    pickled(folder, odd)
    plan = toy_plan("classification", str(folder))
    state = Model.start(plan, toy_data(plan).train).net.native.state_dict()
    name = "embeddings.LayerNorm.weight"
    assert torch.equal(state[f"bert.{name}"], tensors[name] + 1)


def test_tensors_that_share_memory_are_all_there(folder, tensors):
    base = torch.arange(12.0).reshape(3, 4)
    shared = {"a": base, "b": base, "row": base[1:], "turned": base.t(), "empty": base[:0]}
    pickled(folder, {**tensors, **shared})
    kept = load_file(Path(resolve(str(folder)).path_or_name) / "model.safetensors")
    assert equal(kept, {**tensors, **shared})


def test_shards_stay_shards(folder, tensors):
    names = sorted(tensors)
    parts = {"pytorch_model-00001-of-00002.bin": names[::2],
             "pytorch_model-00002-of-00002.bin": names[1::2]}  # fmt: skip
    where = {name: file for file, held in parts.items() for name in held}
    for file, held in parts.items():
        torch.save({name: tensors[name] for name in held}, folder / file)
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}), encoding="utf-8")
    kept = Path(resolve(str(folder)).path_or_name)
    told = json.loads((kept / "model.safetensors.index.json").read_text(encoding="utf-8"))
    found = {}
    for file in set(told["weight_map"].values()):
        found |= load_file(kept / file)
    assert equal(found, tensors)
    assert told["metadata"]["total_size"] == sum(t.nbytes for t in tensors.values())
    plan = toy_plan("classification", str(folder))
    state = Model.start(plan, toy_data(plan).train).net.native.state_dict()
    assert all(torch.equal(state[f"bert.{name}"], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_never_run(folder, tensors, tmp_path, zipped):
    pickled(folder, {**tensors, "x": Code(tmp_path / "ran")}, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"pytorch_model\.bin: refused: .*mkdir"):
        resolve(str(folder))
    assert not (tmp_path / "ran").exists()
    assert not list((tmp_path / "cache" / "models").glob("bin-*/*"))


@pytest.mark.parametrize("keep", [0, 1, 100, 2000, -1, -30])
def test_a_cut_off_pickle_is_one_error_that_names_it(folder, tensors, keep):
    pickled(folder, tensors)
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"pytorch_model\.bin: (damaged|refused)"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"a": 1}, {"state_dict": {"a": torch.ones(1)}}, torch.ones(2),
                {"a": torch.eye(2).to_sparse()}],
)  # fmt: skip
def test_what_is_no_table_of_tensors_is_refused(folder, content):
    pickled(folder, content)
    with pytest.raises(ModelError, match="no table of plain tensors"):
        resolve(str(folder))


def test_a_pointer_of_git_lfs_is_told(folder):
    (folder / "pytorch_model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid 1")
    with pytest.raises(ModelError, match="git lfs pull"):
        resolve(str(folder))


def test_code_beside_the_weights_and_optimizer_states_are_not_kept(folder, tensors):
    pickled(folder, tensors)
    (folder / "modeling.py").write_text("boom", encoding="utf-8")
    (folder / "optimizer.pt").write_bytes(b"boom")
    (folder / "training_args.bin").write_bytes(b"boom")
    kept = {path.name for path in Path(resolve(str(folder)).path_or_name).iterdir()}
    assert kept & {"modeling.py", "optimizer.pt", "training_args.bin"} == set()
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= kept


def test_a_changed_config_makes_another_folder(folder, tensors):
    pickled(folder, tensors)
    first = resolve(str(folder)).path_or_name
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["layer_norm_eps"] = 1e-6
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert resolve(str(folder)).path_or_name != first


def test_a_kept_folder_that_lost_a_file_is_made_again(folder, tensors):
    pickled(folder, tensors)
    kept = Path(resolve(str(folder)).path_or_name)
    (kept / "tokenizer.json").write_bytes(b"{}")
    assert Path(resolve(str(folder)).path_or_name) == kept
    assert (kept / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()


def test_processes_that_start_together_make_it_once(folder, tensors, tmp_path):
    pickled(folder, tensors)
    command = [sys.executable, "-c", RESOLVE, str(folder)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    assert len({output for output, _ in told}) == 1
    left = [path.name for path in (tmp_path / "cache" / "models").iterdir()]
    assert sorted(name.partition(".")[2] for name in left) == ["", "lock"]
