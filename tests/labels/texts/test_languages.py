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
    names = [n for code, (codes, others) in LANGUAGES.items() for n in (code, *codes, *others)]
    assert len(names) == len(set(names))
    assert all(language_of(code) == code for code in LANGUAGES)


def test_all_of_iso_639_1():
    for code in "sk hr sr ca ur sw sl nb nn cy ga is mt sq mk bs az kk ka hy ta te ml".split():
        assert language_of(code) == code
    assert len(LANGUAGES) == 183
    for code, (codes, names) in LANGUAGES.items():
        assert len(code) == 2
        assert codes
        assert all(len(one) == 3 for one in codes)
        assert all(name == name.lower() for name in names)
    babel = pytest.importorskip("babel")
    for code, (_codes, names) in LANGUAGES.items():
        if code in babel.Locale("en").languages:
            english = babel.Locale("en").languages[code].lower()
            assert english in names or code in english or language_of(english) == code, english


NLLB = [
    "ace_Arab",
    "slk_Latn",
    "eng_Latn",
    "deu_Latn",
    "zho_Hant",
    "zho_Hans",
    "pes_Arab",
    "nob_Latn",
]
MBART = ["ar_AR", "de_DE", "en_XX", "zh_CN", "fa_IR"]
M2M = ["af", "de", "en", "zh", "no"]


@pytest.mark.parametrize(
    ("code", "codes", "token"),
    [
        ("zh", NLLB, "zho_Hans"), ("zho_Hant", NLLB, "zho_Hant"), ("en", NLLB, "eng_Latn"),
        ("German", NLLB, "deu_Latn"), ("fa", NLLB, "pes_Arab"), ("en-GB", NLLB, "eng_Latn"),
        ("zh", MBART, "zh_CN"), ("eng", MBART, "en_XX"), ("ja", MBART, ""), ("de", M2M, "de"),
        ("af", M2M, "af"), ("xx", M2M, ""), ("de", [], ""), ("sk", NLLB, "slk_Latn"),
        ("no", NLLB, "nob_Latn"), ("nb", NLLB, "nob_Latn"), ("nb", M2M, "no"), ("nn", M2M, ""),
        ("zh-TW", NLLB, "zho_Hant"), ("zh_TW", NLLB, "zho_Hant"), ("zh-Hant", NLLB, "zho_Hant"),
        ("zh-HK", NLLB, "zho_Hant"), ("zh-Hant-HK", NLLB, "zho_Hant"), ("繁体中文", NLLB, "zho_Hant"),
        ("zh-Hans", NLLB, "zho_Hans"), ("zh-CN", NLLB, "zho_Hans"), ("zh-SG", NLLB, "zho_Hans"),
        ("zh-Hans-HK", NLLB, "zho_Hans"), ("Traditional Chinese", NLLB, "zho_Hant"),
        ("zh-TW", MBART, "zh_CN"), ("zh-TW", M2M, "zh"), ("zh-TW", ["zh_CN", "zh_TW"], "zh_TW"),
        ("sr-Latn", ["srp_Cyrl", "srp_Latn"], "srp_Latn"), ("sr", ["srp_Cyrl"], "srp_Cyrl"),
        ("pt-BR", ["pt_PT", "pt_BR"], "pt_BR"), ("yue", ["yue_Hant", "zho_Hant"], "yue_Hant"),
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
