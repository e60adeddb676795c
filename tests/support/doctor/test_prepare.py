"""`weitiao doctor --prepare`: the one-time work of a machine, done once and told with its seconds."""

import json

import pytest

from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.cli.app import main
from weitiao.errors import ModelError
from weitiao.hardware import probe
from weitiao.support.doctor import prepare


@pytest.fixture
def one_model(monkeypatch, tiny_bert):
    """The catalogue is of two models: one that is installed, one that is not."""
    entries = {name: CATALOGUE[name] for name in ("minilm-l6", "smollm2-135m")}
    monkeypatch.setattr(prepare, "CATALOGUE", entries)
    installed = lambda module: object() if module.startswith("gt_") else None  # noqa: E731
    monkeypatch.setattr(prepare, "find_spec", installed)
    source = type("Source", (), {"path_or_name": tiny_bert})
    monkeypatch.setattr(prepare, "resolve", lambda name: source)


def by_key():
    return {finding.key: finding for finding in prepare.findings()}


def test_every_piece_of_work_is_told_with_its_seconds(one_model, monkeypatch, tiny_bert):
    found = by_key()
    assert all(one.values["seconds"] >= 0 and " s)" in one.message for one in found.values())
    assert found["prepared_kernels"].values["kernels"] == "torch"  # switched off in tests
    assert found["prepared_minilm-l6"].message.startswith(tiny_bert)
    assert found["prepared_smollm2-135m"].message.startswith("not installed")
    assert not found["prepared_smollm2-135m"].values["installed"]
    assert found["prepared_precision"].values["precision"] in ("fp32", "onednn", "bf16")


def test_beside_other_programs_it_says_to_come_again(one_model, monkeypatch):
    monkeypatch.setattr(probe, "BUSY", -1.0)
    probe._cached.cache_clear()
    found = by_key()["prepared_precision"]
    probe._cached.cache_clear()
    assert found.state == "note"
    assert "call it again" in found.remedy


def test_what_is_broken_is_a_note_and_the_rest_is_done(one_model, monkeypatch):
    def broken(name):
        raise ModelError("the weights file is damaged")

    monkeypatch.setattr(prepare, "resolve", broken)
    found = by_key()
    assert found["prepared_minilm-l6"].state == "note"
    assert "damaged" in found["prepared_minilm-l6"].message
    assert "prepared_kernel_times" in found


def test_the_command_prints_json_as_the_other_checks_do(one_model, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["weitiao", "doctor", "--prepare", "--json"])
    main()
    told = json.loads(capsys.readouterr().out)
    assert told["problems"] == 0
    assert told["findings"][0]["check"] == "prepared_imports"
    monkeypatch.setattr("sys.argv", ["weitiao", "doctor", "--prepare", "minilm-l6"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "leave out the checkpoint" in capsys.readouterr().err
