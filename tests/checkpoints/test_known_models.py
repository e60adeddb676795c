"""The model catalogue: complete, traceable, and filtered as it says."""

import pytest

from weitiao.api import models as api
from weitiao.checkpoints import known_models as catalogue
from weitiao.checkpoints.catalogue import CATALOGUE
from weitiao.checkpoints.known_models import FACTS, KINDS, STRENGTHS, Filter, known_models, matching
from weitiao.checkpoints.licences import allowed, model_card, of_folder
from weitiao.errors import ModelError, WeitiaoError


def test_there_are_enough_of_each_kind_and_language():
    models = known_models()
    assert len(models) >= 60
    kinds = {kind: sum(m.kind == kind for m in models) for kind in KINDS}
    assert min(kinds.values()) >= 5, kinds
    chinese = [m for m in models if m.languages == ("zh",)]
    assert len(chinese) >= 10
    for family in ("ettin", "mmbert", "eurobert", "modernbert"):
        assert any(family in m.hub.lower() for m in models), family


def test_every_fact_has_a_source_or_is_unverified():
    sources = catalogue.sources()
    extra = {"backbone", "language_count"}
    for model in known_models():
        assert set(model.checked) <= set(sources), model.hub
        named = [fact for facts in model.checked.values() for fact in facts]
        assert len(named) == len(set(named)), model.hub
        assert set(named) <= {*FACTS, *extra}, model.hub
        assert set(model.unverified) == set(FACTS) - set(named)
    used = {source for model in known_models() for source in model.checked}
    assert used == set(sources)
    assert all(source["place"] and source["read"] for source in sources.values())


def test_values_are_sane_and_in_the_vocabulary():
    models = known_models()
    assert len({m.hub for m in models}) == len(models)
    for m in models:
        assert m.kind in KINDS, m.hub
        assert set(m.strengths) <= set(STRENGTHS), m.hub
        assert 1e6 < m.parameters < 1e11, m.hub
        assert 0 < m.working <= m.parameters or m.family == "albert", m.hub  # one layer for all
        assert m.languages, m.hub
        assert m.max_length >= 128, m.hub


def test_packages_agree_with_what_is_loaded():
    for name, entry in CATALOGUE.items():
        model = catalogue.known(name)
        assert model is catalogue.known(entry.hub)
        assert (model.parameters, model.layers, model.hidden_size, model.max_length) == (
            entry.parameters, entry.layers, entry.hidden_size, entry.max_length
        )  # fmt: skip
        assert model.licence == entry.licence


def test_filters_filter():
    for model in matching(Filter(task="translation")):
        assert model.kind in ("encoder-decoder", "decoder")
    found = matching(Filter(task="classification", language="zh-CN", licence="permissive",
                            length=512, memory=200_000_000))  # fmt: skip
    assert [m.parameters for m in found] == sorted(m.parameters for m in found)
    assert "hfl/chinese-electra-small-discriminator" in [m.hub for m in found]
    assert all(m.speaks("zh") and 4 * m.parameters <= 200_000_000 for m in found)
    quick = matching(Filter(latency=0.001, operations=1e11))
    assert {m.hub for m in quick} < {m.hub for m in matching(Filter(latency=0.1))}
    assert not any(allowed(m.licence, "permissive") for m in known_models() if not m.licence)


@pytest.mark.parametrize(
    ("licence", "wanted", "yes"),
    [
        ("Apache-2.0", "permissive", True), ("mit", "permissive", True),
        ("Apache License", "permissive", True), ("MIT License (Expat)", "permissive", True),
        ("Gemma", "permissive", False), ("CC-BY-NC-4.0", "permissive", False),
        ("", "permissive", False), ("MIT", "apache-2.0", False), ("MIT", " mit ", True),
    ],
)  # fmt: skip
def test_licences(licence, wanted, yes):
    assert allowed(licence, wanted) is yes


def test_the_licence_of_a_folder(tmp_path):
    assert of_folder(tmp_path) == ""
    (tmp_path / "LICENSE").write_text("\n  Apache License\n  Version 2.0", encoding="utf-8")
    assert allowed(of_folder(tmp_path), "permissive")
    (tmp_path / "README.md").write_text("---\nlicense: gpl-3.0\n---\ntext", encoding="utf-8")
    assert of_folder(tmp_path) == "gpl-3.0"
    (tmp_path / "README.md").write_text("---\n- no mapping: [\n---", encoding="utf-8")
    assert model_card(tmp_path) == {}


def test_models_of_the_api():
    lines = api.models(task="retrieval", language="en", here=True)
    assert {line["model"] for line in lines} <= {"minilm-l6", "e5-small"}
    facts = api.details("minilm-l6")["facts"]
    assert {line["fact"] for line in facts} == set(FACTS)
    with pytest.raises(ModelError, match="minilm-l6"):
        api.details("minilm-l7")
    with pytest.raises(WeitiaoError, match="classification"):
        api.models(task="clasification")
    with pytest.raises(WeitiaoError, match="20ms"):
        api.models(latency="soon")
