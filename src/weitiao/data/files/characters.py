"""How plausible a decoded text is: the share of its characters that people do write."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

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


def share(text: str, encoding: str) -> float:
    """Between 0 and 1: how much of what is not ASCII is what people write, were it `encoding`.

    Bytes that could not be decoded stand in `text` as half surrogates.
    """
    foreign = [c for c in text if c > "\x7f" and c != "\ufeff"]
    if not foreign:
        return 1.0
    if encoding in ("cp1252", "mac-roman", "latin-1", "iso8859-1"):
        return _latin(text, len(foreign))
    if encoding.startswith("utf-8"):
        # Only UTF-8 gives whole sequences by itself; chance does so once in hundreds of bytes.
        wrong = sum("\udc00" <= c <= "\udcff" for c in foreign)
        return 1.0 - wrong / len(foreign) if wrong < len(foreign) else 0.0
    if encoding.startswith("utf-16"):  # decoded wrongly it has characters that there are not
        return sum(unicodedata.category(c)[0] in "LMNPSZ" for c in foreign) / len(foreign)
    weight = sum(_weight(c) for c in foreign)
    return weight / len(foreign)


def _weight(character: str) -> float:
    if character in _FREQUENT or character in _PAIRS:
        return 1.0
    return 0.85 if character in _common() else 0.0


@cache
def _common() -> frozenset[str]:
    """Level 1 of GB2312 and of Big5, full-width signs: what a text is made of."""
    pairs = [(f, s) for f in (0xA1, 0xA3, *range(0xB0, 0xD8)) for s in range(0xA1, 0xFF)]
    found = {bytes(pair).decode("gb2312", "ignore") for pair in pairs}
    second = [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
    pairs = [(f, s) for f in range(0xA4, 0xC7) for s in second]
    found |= {bytes(pair).decode("big5", "ignore") for pair in pairs}
    return frozenset(c for c in found if len(c) == 1 and unicodedata.category(c) != "Co")


_RUN = re.compile(r"[^\x00-\x7f]+")


def _latin(text: str, foreign: int) -> float:
    """Accented letters inside words of plain letters, and typographic signs; in short runs."""
    plausible = 0.0
    for run in _RUN.finditer(text):
        found = run.group()
        if len(found) > 3:
            continue
        before = text[run.start() - 1] if run.start() else " "
        after = text[run.end()] if run.end() < len(text) else " "
        for place, character in enumerate(found):
            left = found[place - 1] if place else before
            right = found[place + 1] if place + 1 < len(found) else after
            plausible += _letter(character, left, right)
    return plausible / foreign


def _letter(character: str, left: str, right: str) -> float:
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
