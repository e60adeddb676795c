"""Codes of languages, in names of columns and in tokenizers."""

import pytest

from weitiao.labels.texts.languages import LANGUAGES, codes_of, language_of, token_of


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"), (" EN ", "en"), ("en_US", "en"), ("zh-Hans-CN", "zh"), ("zho_Hans", "zh"),
        ("eng", "en"), ("Deutsch", "de"), ("中文", "zh"), ("英文", "en"), ("cmn", "zh"),
        ("", ""), ("text", ""), ("english text", ""), ("label", ""), ("entity", ""), ("zhong", ""),
        ("en_text", "en"), ("de-AT", "de"), ("es-419", "es"), ("it_staff", ""), ("id_number", ""),
    ],
)  # fmt: skip
def test_names(name, code):
    assert language_of(name) == code


def test_no_name_stands_for_two_languages():
    names = [name for code, others in LANGUAGES.items() for name in (code, *others)]
    assert len(names) == len(set(names))
    assert all(language_of(code) == code for code in LANGUAGES)


NLLB = ["ace_Arab", "eng_Latn", "deu_Latn", "zho_Hant", "zho_Hans", "pes_Arab", "nob_Latn"]
MBART = ["ar_AR", "de_DE", "en_XX", "zh_CN", "fa_IR"]
M2M = ["af", "de", "en", "zh", "no"]


@pytest.mark.parametrize(
    ("code", "codes", "token"),
    [
        ("zh", NLLB, "zho_Hans"), ("zho_Hant", NLLB, "zho_Hant"), ("en", NLLB, "eng_Latn"),
        ("German", NLLB, "deu_Latn"), ("fa", NLLB, "pes_Arab"), ("en-GB", NLLB, "eng_Latn"),
        ("zh", MBART, "zh_CN"), ("eng", MBART, "en_XX"), ("ja", MBART, ""), ("de", M2M, "de"),
        ("af", M2M, "af"), ("xx", M2M, ""), ("de", [], ""),
    ],
)  # fmt: skip
def test_codes_of_tokenizers(code, codes, token):
    assert token_of(code, codes) == token


def test_which_tokenizers_have_codes():
    class Plain:
        additional_special_tokens = ("<extra_id_0>",)

    class Multilingual:
        src_lang = "__en__"
        additional_special_tokens = ("__en__", "__de__")

    assert codes_of(Plain()) == []
    assert codes_of(Multilingual()) == ["en", "de"]
