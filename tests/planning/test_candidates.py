"""What is reachable: packages, folders, a share; and what is refused with its reason."""

import pytest

from conftest import toy_rows
from weitiao.checkpoints import modelscope
from weitiao.planning import candidates
from weitiao.planning.candidates import Candidate, Refused, inspected, reachable

TEXTS = [row["text"] for row in toy_rows("classification", 8)]


def test_a_share_is_searched_down_to_its_checkpoints(tmp_path):
    for place in ("a", "owner/b", "models--o--c/snapshots/0ff"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    found, refused = reachable([str(tmp_path)])
    assert [name.rpartition("/")[2] for name in found] == ["a", "b", "0ff"]
    assert refused == []


def test_what_cannot_be_had_is_refused_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(candidates.hub, "require", no_hub)
    found, refused = reachable([str(tmp_path), "./nowhere", "owner/model", "minilm-l6"])
    assert found == ["minilm-l6"]
    reasons = {one.name: one.reason for one in refused}
    assert "no checkpoint in this folder" in reasons[str(tmp_path)]
    assert "no such folder" in reasons["./nowhere"]
    assert "no hub" in reasons["owner/model"]


def no_hub(name, revision=None):
    from weitiao.errors import ModelError

    raise ModelError("no hub")


def test_without_names_the_share_of_the_environment_counts(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setenv(candidates.SHARE, str(tmp_path))
    found, _ = reachable()
    assert str(folder) in found


def test_modelscope_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(modelscope.importlib.util, "find_spec", lambda name: None)
    _, refused = reachable(["modelscope:owner/name"])
    assert "pip install modelscope" in refused[0].reason


def test_facts_of_a_folder(tiny_bert):
    found = inspected(tiny_bert, TEXTS, "classification", "en", named=True)
    assert isinstance(found, Candidate)
    assert found.network.layers == 2
    assert found.licence == ""
    assert found.unknown < 0.5


def test_a_tokenizer_that_does_not_know_the_rows_is_refused(tiny_bert):
    found = inspected(tiny_bert, ["房间很好", "早餐太贵"], "classification", "zh", named=True)
    assert isinstance(found, Refused)
    assert "does not know" in found.reason


def test_declared_languages_refuse_only_what_nobody_named(tiny_bert, tmp_path):
    import shutil

    folder = tmp_path / "german"
    shutil.copytree(tiny_bert, folder)
    (folder / "README.md").write_text("---\nlanguage: de\nlicense: mit\n---\n", encoding="utf-8")
    found = inspected(str(folder), TEXTS, "classification", "en")
    assert isinstance(found, Refused)
    assert "trained on de" in found.reason
    named = inspected(str(folder), TEXTS, "classification", "en", named=True)
    assert (named.licence, named.shown) == ("mit", "german")


def test_a_broken_folder_is_refused(tmp_path, tiny_bert):
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(tiny_bert, folder)
    (folder / "model.safetensors").write_bytes(b"nothing")
    found = inspected(str(folder), TEXTS, "classification", "en")
    assert isinstance(found, Refused)
    assert found.reason


@pytest.mark.parametrize("task", ["classification"])
def test_encoder_decoders_read_no_texts(task):
    import transformers

    config = transformers.T5Config(d_model=8, num_layers=1, num_heads=1)
    assert "encoder-decoder" in candidates._misfit(config, task)
    assert candidates._misfit(transformers.BertConfig(), task) is None
