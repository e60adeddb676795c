"""Character encoding detection of text files: the candidate that decodes to plausible characters.

UTF-8 validates itself. The legacy encodings do not: nearly any bytes are some GB18030, and all are
some Windows-1252. So each candidate decodes the lines that are not ASCII, and the one whose
characters people do write (frequent Chinese ones, accented letters inside words) wins. General
detectors such as chardet guess from frequencies of byte pairs and confuse short GBK with Big5.

A byte that does not fit becomes a lone surrogate instead of an error (as PEP 383 does), so that the
row it stands in can be named, and set aside.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from weitiao.errors import DataError
from weitiao.i18n.messages import _

CHUNK = 1 << 20
SAMPLE = 1 << 18  # bytes of lines with non-ASCII characters that are scored
MIN_PLAUSIBLE = 0.5  # share of characters; below, the file is in none of the encodings
AMBIGUOUS_MARGIN = 0.12  # closer than this, the second likeliest encoding is named too
SURROGATES = "weitiao.surrogates"  # name of our error handler of codecs
CANDIDATES = ("utf-8-sig", "gb18030", "big5hkscs", "cp1252")
_BOMS = [  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
# They pass the round trip of `known`, but no file of rows is written in them.
_NO_TEXT = {"utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"}


def _as_surrogates(error: UnicodeError) -> tuple[str, int]:
    # Python's own "surrogateescape" refuses bytes below 0x80, which multi-byte encodings (UTF-16,
    # the second byte of GBK) report as wrong too.
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error(SURROGATES, _as_surrogates)


class UnknownEncoding(DataError):
    """A text in no encoding that is known; line: of the first byte that is not UTF-8."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Encoding:
    """A character encoding. Not clean: some byte does not fit it, or there is a NUL character."""

    name: str
    clean: bool = True
    notes: list[str] = field(default_factory=list)

    def open(self, path: Path, newline: str = "") -> IO[str]:
        """Open the file as text; line ends are not translated. newline: the only one that ends a
        line; empty: carriage returns do, too."""
        errors = "strict" if self.clean else SURROGATES
        return path.open(encoding=self.name, errors=errors, newline=newline)


def detect(path: Path, setting: str | None = None, reader: str = "csv") -> Encoding:
    """Detect the character encoding of a text file, reading all of it. Raises DataError.

    setting: the encoding that the user has set; reader: what the remedy names.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise DataError(_("{file}: the file is empty. Name one with rows.", file=path.name))
    if setting:
        name = known(setting)
        return Encoding(name, _fits(path, name))
    name = _utf16_or_32(head)
    if name:
        return Encoding(name, _fits(path, name), [_("read as {encoding}", encoding=shown(name))])
    # All of the file is decoded, not a sample: one accented name in the millionth row decides.
    fits, has_nul = _read_through(path, "utf-8")
    if not fits or has_nul:
        _refuse_bytes(path, head)
    if fits:
        return Encoding("utf-8-sig", not has_nul)
    sample = _foreign_lines(path)
    name, notes = _most_plausible(sample, path, reader)
    return Encoding(name, _fits(path, name), notes)


def of_bytes(raw: bytes, file: str, setting: str | None = None) -> str:
    """Detect the character encoding of one text in memory. Raises DataError."""
    if setting:
        return known(setting)
    name = _utf16_or_32(raw[: 1 << 16])
    if name:
        return name
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return _ranked(raw[:SAMPLE])[0][1]
    return "utf-8-sig"


def head_of(head: bytes) -> str:
    """Decode the first bytes of a file in the likeliest encoding, for sniffing."""
    name = _utf16_or_32(head)
    if not name:
        name = _ranked(head)[0][1]
    return head.decode(name, "replace")


def known(name: str) -> str:
    """Normalize the name of a codec. Raises DataError when Python has none of that name."""
    try:
        # codecs.lookup also knows rot13, base64 and zlib; encoding a str with them raises.
        codec = codecs.lookup(name.strip())
        if codec.name in _NO_TEXT or "a,1".encode(name.strip()).decode(name.strip()) != "a,1":
            raise LookupError
    except (LookupError, UnicodeError, ValueError):
        raise DataError(
            _(
                "no encoding called {name!r}; there are utf-8, gbk, gb18030, big5, utf-16, "
                "cp1252, latin-1, ...",
                name=name,
            )
        ) from None
    # GBK is a part of GB18030, latin-1 and GB2312 are what people call larger sets.
    wider = {"gbk": "gb18030", "gb2312": "gb18030", "utf-8": "utf-8-sig", "big5": "big5hkscs"}
    return wider.get(codec.name, codec.name)


def shown(name: str) -> str:
    """Display name of an encoding."""
    return {"utf-8-sig": "UTF-8", "gb18030": "GB18030 (GBK)", "big5hkscs": "Big5"}.get(
        name, name.upper().replace("CP", "Windows-")
    )


def wrong_byte(text: str) -> str:
    """Why a text decoded with surrogates is malformed; empty when it is not."""
    for character in text:
        if "\udc00" <= character <= "\udcff":
            byte = f"0x{ord(character) - 0xDC00:02x}"
            return _("the byte {byte} does not fit the encoding of the file.", byte=byte)
        if character == "\0":
            return _("holds a NUL character.")
        if "\ud800" <= character <= "\udfff":
            return _("holds half a character (a lone surrogate).")
    return ""


def readable(text: str) -> str:
    """A text for display: surrogates and NUL as U+FFFD (the replacement character)."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" or c == "\0" else c for c in text)


def _utf16_or_32(head: bytes) -> str:
    """UTF-16 or UTF-32 by the byte order mark, or by where NUL bytes of ASCII characters stand."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    # Without a mark: an ASCII character in UTF-16 has a NUL on one side, always the same one. In
    # Chinese text only digits, blanks and line breaks do, so 2 % of the pairs are enough.
    even, odd = head[::2].count(0), head[1::2].count(0)
    pairs = len(head) // 2
    if max(even, odd) < max(2, 0.02 * pairs) or min(even, odd) > 0.5 * max(even, odd):
        return ""  # a few on the other side are characters such as U+9000
    name = "utf-16-le" if odd > even else "utf-16-be"
    text = head[: pairs * 2].decode(name, SURROGATES)
    return name if plausibility(text, name) >= MIN_PLAUSIBLE or text.isascii() else ""


def _refuse_bytes(path: Path, head: bytes) -> None:
    """Refuse binary files: more than 2 % of control characters. Raises DataError."""
    # Not counted: 0x01 (delimits Hive's exports), 0x08 to 0x0d (tab, line ends), and from 0x1b on
    # escape sequences and separators (0x1e in JSON text sequences).
    odd = sum(head.count(byte) for byte in (*range(1), *range(2, 8), *range(14, 27)))
    if odd > 0.02 * len(head) and odd > 2:
        raise DataError(
            _(
                "{file}: this is no text file ({share:.0%} of it are bytes that no text has).",
                file=path.name,
                share=odd / len(head),
            )
        )


def _fits(path: Path, name: str) -> bool:
    return _read_through(path, name) == (True, False)


def _read_through(path: Path, name: str) -> tuple[bool, bool]:
    """Whether all bytes decode in this encoding, and whether there is a NUL character."""
    decoder = codecs.getincrementaldecoder(name)()
    has_nul = False
    for chunk, last in _chunks(path):
        try:
            has_nul |= "\0" in decoder.decode(chunk, last)
        except UnicodeError:
            return False, has_nul
    return True, has_nul


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    # Reads one chunk ahead: a decoder must know which chunk is the last, where a character that is
    # cut off is an error. At the end of any other it waits for its other bytes.
    with path.open("rb") as file:
        chunk = file.read(CHUNK)
        while chunk:
            following = file.read(CHUNK)
            yield chunk, not following
            chunk = following


def _foreign_lines(path: Path) -> bytes:
    """Sample the lines with non-ASCII bytes from the whole file, up to SAMPLE bytes."""
    # Splitting at the byte 0x0a is safe before the encoding is known: in none of the candidates is
    # it part of a longer character (GB18030 and Big5 have second bytes from 0x30 on). A file
    # without line breaks is cut anywhere, before `rest` grows to its size.
    lines: list[bytes] = []
    room, rest = SAMPLE, b""
    for chunk, last in _chunks(path):
        whole, _, following = (rest + chunk).rpartition(b"\n")
        whole = rest + chunk if last or len(rest) > 4 * CHUNK else whole
        rest = b"" if last or len(rest) > 4 * CHUNK else following
        if whole.isascii():
            continue
        for line in whole.splitlines(keepends=True):
            if not line.isascii():
                lines.append(line[: max(room, 4096)])
                room -= len(line)
                if room <= 0:
                    return b"".join(lines)
    return b"".join(lines)


def _ranked(sample: bytes) -> list[tuple[float, str]]:
    """Rank candidate encodings: (proportion of plausible characters, name), the best first."""
    names = [*CANDIDATES]
    if b"\r" in sample and b"\n" not in sample:
        names.append("mac-roman")  # what Excel writes as csv for the Macintosh
    # Python's sort is stable: between equals the order of CANDIDATES decides.
    return sorted(
        ((plausibility(sample.decode(name, SURROGATES), name), name) for name in names),
        key=lambda s: -s[0],
    )


def _most_plausible(sample: bytes, path: Path, reader: str) -> tuple[str, list[str]]:
    (best, name), (second, other), *_unused = _ranked(sample)
    if best < MIN_PLAUSIBLE:
        line, place, byte = _place(path)
        message = _(
            "{file}:{line}: not UTF-8 at byte {place} (0x{byte:02x}), nor GB18030, Big5 or "
            "Windows-1252. Save the file as UTF-8, or name its encoding: "
            "data.reader.{reader}.encoding=...",
            file=path.name,
            line=line,
            place=place,
            byte=byte,
            reader=reader,
        )
        raise UnknownEncoding(message, line)
    if name == "utf-8-sig":
        return name, []
    if second > best - AMBIGUOUS_MARGIN:
        return name, [
            _(
                "read as {encoding}, but it could also be {other}: "
                "data.reader.{reader}.encoding={name}",
                encoding=shown(name),
                other=shown(other),
                reader=reader,
                name=other,
            )
        ]
    return name, [_("read as {encoding}: the file is not UTF-8", encoding=shown(name))]


def _place(path: Path) -> tuple[int, int, int]:
    """Line (from 1), offset in bytes and value of the first byte that is not UTF-8."""
    line, done = 1, 0
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk, last in _chunks(path):
        # The error's offsets count from the bytes that the decoder held back of the last chunk.
        pending = decoder.getstate()[0]
        try:
            decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            raw = pending + chunk
            before = raw[: error.start]
            return line + before.count(b"\n"), done - len(pending) + error.start, raw[error.start]
        line += chunk.count(b"\n")
        done += len(chunk)
    return line, done, 0


# The most frequent characters of simplified and traditional Chinese: about half of any text.
_FREQUENT = frozenset(
    "的一是了我不在人有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可"
    "她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面起公同"
    "三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定"
    "女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化"
    "由却代军产入先山五太水万市眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应"
    "路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许"
    "八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带"
    "花快条院变联言权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空甚众技轻"
    "程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取设始版双历越史商千片容研像找友孩站广改议形"
    "這個們為時來說國會過學對後裡還發麼樣沒開關經長動現將與進實點種間問給幾業電門東員報馬張難數車"
    "應題覺讓認論請愛當兩從頭見話氣機體場師書總產處觀歡買賣價錢貨質優務員號館飯鐘間錯嗎吧啊呀很好"
    "早晚床餐酒店房住客服宾馆菜味吃喝货物流寄差评价格便宜贵质屏幕手机电脑键盘音声书籍内容作者读"
)
_PAIRS = "，。！？、；：“”‘’（）《》【】—…·　￥％～－／＂＇"
_TYPOGRAPHIC = "‘’“”–—…€£§°©®™«»·•¡¿½¼¾×\xa0\xad"


def plausibility(text: str, encoding: str) -> float:
    """Plausibility (0 to 1) of a decoding: the proportion of usual characters among non-ASCII ones.

    Bytes that could not be decoded stand in `text` as lone surrogates.
    """
    foreign = [c for c in text if c > "\x7f" and c != "\ufeff"]
    if not foreign:
        return 1.0
    if encoding in ("cp1252", "mac-roman", "latin-1", "iso8859-1"):
        return _latin(text, len(foreign))
    if encoding.startswith("utf-8"):
        # Text in another encoding hardly ever holds valid UTF-8 sequences, so each is evidence.
        wrong = sum("\udc00" <= c <= "\udcff" for c in foreign)
        return 1.0 - wrong / len(foreign) if wrong < len(foreign) else 0.0
    if encoding.startswith("utf-16"):  # decoded wrongly it has characters that there are not
        return sum(unicodedata.category(c)[0] in "LMNPSZ" for c in foreign) / len(foreign)
    weight = sum(_weight(c) for c in foreign)
    return weight / len(foreign)


def _weight(character: str) -> float:
    # Big5 bytes read as GB18030 give common characters too (and the other way round), but seldom
    # frequent ones: that difference (1 or 0.85) decides between the two.
    if character in _FREQUENT or character in _PAIRS:
        return 1.0
    return 0.85 if character in _common() else 0.0


@cache
def _common() -> frozenset[str]:
    """Common Chinese characters: level 1 of GB2312 and of Big5, and full-width signs."""
    # Lead bytes: GB2312 has signs in 0xa1, full-width forms in 0xa3 and level 1 in 0xb0 to 0xd7,
    # where characters are sorted by pinyin; Big5 has level 1 in 0xa4 to 0xc6.
    pairs = [(f, s) for f in (0xA1, 0xA3, *range(0xB0, 0xD8)) for s in range(0xA1, 0xFF)]
    characters = {bytes(pair).decode("gb2312", "ignore") for pair in pairs}
    second = [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
    pairs = [(f, s) for f in range(0xA4, 0xC7) for s in second]
    characters |= {bytes(pair).decode("big5", "ignore") for pair in pairs}
    return frozenset(c for c in characters if len(c) == 1 and unicodedata.category(c) != "Co")


_RUN = re.compile(r"[^\x00-\x7f]+")


def _latin(text: str, foreign: int) -> float:
    """Plausibility of Latin text: accented letters in words of plain ones, typographic signs."""
    plausible = 0.0
    # Two Chinese characters are four bytes, so a run of four characters outside ASCII is no Latin
    # text, whose words seldom have more than two accented letters side by side.
    for run in _RUN.finditer(text):
        letters = run.group()
        if len(letters) > 3:
            continue
        before = text[run.start() - 1] if run.start() else " "
        after = text[run.end()] if run.end() < len(text) else " "
        for place, character in enumerate(letters):
            left = letters[place - 1] if place else before
            right = letters[place + 1] if place + 1 < len(letters) else after
            plausible += _letter(character, left, right)
    return plausible / foreign


def _letter(character: str, left: str, right: str) -> float:
    # In Windows-1252 the bytes of Chinese characters are letters as well, but in the wrong places:
    # capitals inside words, accents without a plain letter next to them.
    if character in _TYPOGRAPHIC:
        return 0.9
    if not character.isalpha() or character in "ªº" or "\udc00" <= character <= "\udcff":
        return 0.0
    in_word = (left.isascii() and left.isalpha()) or (right.isascii() and right.isalpha())
    if character.isupper() and left.isalpha() and left.islower():
        return 0.1  # a capital inside a word
    if in_word:
        return 1.0
    return 0.7 if character in "àéèêçüöäáíóúñßÀÉ" else 0.2
