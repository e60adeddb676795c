"""Export to CTranslate2: the same texts in every family, and nothing is kept that writes worse."""

import json

import pytest
from accelerate import Accelerator

import weitiao
import writing_networks as tiny
from weitiao.errors import WeitiaoError
from weitiao.exporting import ctranslate2, export
from weitiao.model.model import Model
from weitiao.training.loop import fit
from weitiao.training.run import training_feed, validation_feed

pytest.importorskip("ctranslate2")


def trained(folder, family, **settings):
    checkpoint = (
        tiny.mbart_in(folder, "MBartTokenizer")
        if family == "mbart"
        else tiny.checkpoint_in(folder, family)
    )
    languages = tiny.LANGUAGES if family == "mbart" else {}
    plan = tiny.plan_for(
        "translation", checkpoint, {**languages, **settings}, **{"train.epochs": 30}
    )
    data = tiny.data_for(plan, tiny.pairs())
    model = Model.start(plan, data.train, data.validation)
    feed, validation = training_feed(model, data.train), validation_feed(model, data.validation)
    for _ in fit(model, feed, validation, Accelerator(cpu=True)):
        pass
    return model, data.validation


# With beams, the two engines weigh length differently where a network is as unsure as these.
@pytest.mark.parametrize(
    ("family", "beams"), [("marian", 1), ("marian", 3), ("bart", 1), ("mbart", 1), ("mt5", 1)]
)
def test_the_export_writes_what_the_model_writes(family, beams, tmp_path):
    model, rows = trained(tmp_path / "checkpoint", family, num_beams=beams)
    ctranslate2.convert(model, tmp_path / "export", "float32")
    engine = ctranslate2.Translator(tmp_path / "export", model, 1)
    texts = [example.inputs["text"] for batch in rows.batches() for example in batch]
    assert engine.written(model.encode(rows)) == list(model.predict(texts))


def test_a_text_that_the_model_leaves_empty_is_empty_in_the_export(tmp_path):
    """A network that has hardly learned ends at once; CTranslate2 writes a token at least."""
    model, rows = trained(tmp_path / "checkpoint", "marian", num_beams=1)
    model.net.native.final_logits_bias[..., model.tokenizer.eos_token_id] = 1e4
    texts = [example.inputs["text"] for batch in rows.batches() for example in batch]
    assert set(model.predict(texts)) == {""}
    ctranslate2.convert(model, tmp_path / "export", "float32")
    engine = ctranslate2.Translator(tmp_path / "export", model, 1)
    assert set(engine.written(model.encode(rows))) == {""}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in tiny.pairs(120)), encoding="utf-8")
    changes = {"data.path": str(path), "train.epochs": 30, "evaluate.baselines": False}
    plan = tiny.plan_for(
        "translation", tiny.checkpoint_in(folder / "checkpoint", "marian"), **changes
    )
    return weitiao.train(plan, out=folder / "runs").run.folder


def test_a_run_is_exported_with_its_figures(run, tmp_path):
    done = weitiao.export(run, output=tmp_path / "out", quantization="float32", rows=20)
    assert (tmp_path / "out" / "model.bin").is_file()
    assert (tmp_path / "out" / "tokenizer.json").is_file()
    assert done.rows == 20
    assert done.bleu[0] == pytest.approx(done.bleu[1])
    assert done.same == 1.0
    assert json.dumps(done.plain())
    with pytest.raises(WeitiaoError, match="there already"):
        weitiao.export(run, output=tmp_path / "out")
    assert weitiao.export(run, output=tmp_path / "out", force=True, max_loss=100).folder.is_dir()


def test_a_worse_export_is_refused_with_the_figure(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        ctranslate2.Translator, "written", lambda self, encoded: ["x"] * len(encoded)
    )
    with pytest.raises(WeitiaoError, match="loses .* BLEU"):
        weitiao.export(run, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone_before_anything_is_written(run, tmp_path):
    (tmp_path / "model.bin").write_text("mine", encoding="utf-8")  # others use that name, too
    for force in (False, True):
        with pytest.raises(WeitiaoError, match="no earlier export"):
            weitiao.export(run, output=tmp_path, force=force, max_loss=100)
    assert (tmp_path / "model.bin").read_text(encoding="utf-8") == "mine"
    with pytest.raises(WeitiaoError, match="no earlier export"):
        weitiao.export(run, output=tmp_path / "model.bin", force=True)
    with pytest.raises(WeitiaoError, match="no such folder"):
        weitiao.export(run, output=tmp_path / "gone" / "out")


def test_an_empty_folder_and_a_link_to_it_can_take_an_export(run, tmp_path, monkeypatch):
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "link").symlink_to(place)
    for force in (False, True):
        done = weitiao.export(
            run, output=tmp_path / "link", force=force, quantization="float32", rows=5
        )
        assert done.folder == place
        about = json.loads((place / export.ABOUT).read_text(encoding="utf-8"))
        assert about["decoding"]["beam_size"] == 1
        assert about["bleu"]["rows"] == 5
    monkeypatch.chdir(place)
    with pytest.raises(WeitiaoError, match="the current folder"):
        weitiao.export(run, output=".", force=True)


@pytest.mark.parametrize("loss", [-1.0, float("nan"), float("inf")])
def test_a_loss_that_is_none_is_refused(run, loss):
    with pytest.raises(WeitiaoError, match="--max-loss"):
        weitiao.export(run, max_loss=loss)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"form": "onnx"}, "there is no 'onnx'"),
        ({"quantization": "int9"}, "Did you mean 'int8'"),
    ],
)
def test_unknown_names_are_answered_with_those_there_are(words, said):
    with pytest.raises(WeitiaoError, match=said):
        export.export("nowhere", **words)


def test_a_causal_network_is_refused(tmp_path):
    model, _rows = trained(tmp_path / "checkpoint", "gpt2")
    with pytest.raises(WeitiaoError, match="gpt2 is not exported here, but marian"):
        ctranslate2.convert(model, tmp_path / "export", "int8")
