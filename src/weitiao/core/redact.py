"""PII redaction before a text is shown: e-mail, phone, id card, bank card, tokens in URLs.

Small on purpose: the libraries that do this know no Chinese numbers (scrubadub) or bring a
language model of hundreds of megabytes (presidio). It masks too much rather than too little, and
knows no names and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from weitiao.i18n.messages import _

Replacement = Callable[[re.Match[str]], str | None]  # what is put there; None leaves it as it is

# A number may be written with blanks, hyphens and characters that cannot be seen in between.
_GAP = r"[ \-.\u00a0\u00ad\u2010-\u2015\u200b-\u200f\u2060\ufeff]?"
_HERE, _NO_MORE = r"(?<![\dA-Za-z])", r"(?!\d)"
_NAME = "[A-Za-z0-9._%+-]"  # not \w: Chinese has no blank before an address
EMAIL = re.compile(rf"(?<!{_NAME}){_NAME}+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# Chinese id number (GB 11643): region (6 digits), date of birth (8), sequence (3), check digit or
# X. Until 1999 it had 15 digits: a year of two digits, no check digit.
ID_CARD = re.compile(
    _HERE
    + _GAP.join(
        [
            r"[1-9]",
            *[r"\d"] * 5,
            r"(?:1[89]|20)?",
            r"\d",
            r"\d",
            r"[01]",
            r"\d",
            r"[0-3]",
            r"\d",
            r"\d",
            r"\d",
            r"\d",
        ]
    )
    + rf"(?:{_GAP}[\dXx])?(?![\dA-Za-z])"
)
CARD_DIGITS = re.compile(_HERE + rf"\d(?:{_GAP}\d){{12,18}}" + _NO_MORE)
_MOBILE = _GAP.join(["1", "[3-9]", *[r"\d"] * 9])
PHONE = re.compile(
    "|".join(
        (
            r"(?<!\d)(?:(?:\+|00)?86" + _GAP + ")?" + _MOBILE + _NO_MORE,
            r"(?<![\d.])\(?0\d{2,3}\)?" + _GAP + r"[2-9]\d{2,3}" + _GAP + r"\d{4}" + _NO_MORE,
            r"(?<![\d.])[48]00" + _GAP + r"\d{3}" + _GAP + r"\d{4}" + _NO_MORE,
            r"\+\d(?:[ \-.()]{0,2}\d){7,14}" + _NO_MORE,
            r"(?<![\d.])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}" + _NO_MORE,
        )
    )
)
_QUERY = re.compile(r"(https?://[^\s?#]{1,300}\?)[^\s#]+", re.IGNORECASE)
# What the patterns need at least; where it is lacking they are not tried, in a tenth of the time.
_DIGITS = re.compile(r"\d(?:\D{0,3}\d){7}")  # of a phone number
_MANY_DIGITS = re.compile(r"\d(?:\D{0,2}\d){12}")  # of cards
_DOUBLED = tuple(sum(divmod(2 * digit, 10)) for digit in range(10))  # Luhn
# Full-width digits and signs count as the plain ones; one character each, so places agree.
HALF_WIDTH = {0xFF10 + n: str(n) for n in range(10)} | {
    0xFF20: "@",
    0xFF0B: "+",
    0xFF0D: "-",
    0xFF08: "(",
    0xFF09: ")",
    0xFF0E: ".",
    0xFF38: "X",
    0x3000: " ",
}


def masked(text: str) -> str:
    """Redact personal data: [e-mail], [phone], [id card], [bank card] in its place.

    >>> masked("call 138 1234 5678 or write to li@example.com")
    'call [phone] or write to [e-mail]'
    """
    # The order matters: an id number may also pass the checksum of a bank card. What is replaced
    # has no digits left for the next pattern.
    if "?" in text:
        text = _replaced(text, _QUERY, lambda match: match[1] + "…")
    if "@" in text or "\uff20" in text:
        text = _replaced(text, EMAIL, lambda _unused: _("[e-mail]"))
    if not _DIGITS.search(text):
        return text
    if _MANY_DIGITS.search(text):
        text = _replaced(text, ID_CARD, _person)
        text = _replaced(text, CARD_DIGITS, _card)
    return _replaced(text, PHONE, lambda _unused: _("[phone]"))


def luhn(number: str) -> bool:
    """Luhn checksum (ISO/IEC 7812), as on bank cards.

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(character) for character in number if character.isdecimal()]
    return (sum(digits[-1::-2]) + sum(_DOUBLED[digit] for digit in digits[-2::-2])) % 10 == 0


def _replaced(text: str, pattern: re.Pattern[str], replacement: Replacement) -> str:
    pieces, end = [], 0
    for match in pattern.finditer(text if text.isascii() else text.translate(HALF_WIDTH)):
        put = replacement(match)
        if put is not None:
            pieces += [text[end : match.start()], put]
            end = match.end()
    return "".join([*pieces, text[end:]]) if pieces else text


def _card(match: re.Match[str]) -> str | None:
    abroad = re.match(r"(?:00)?861[3-9]", re.sub(r"\D", "", match[0]))  # a phone number, rather
    return _("[bank card]") if luhn(match[0]) and not abroad else None


def _person(match: re.Match[str]) -> str | None:
    plain = re.sub(r"[^\dXx]", "", match[0])
    if len(plain) not in (15, 18):
        return None
    month, day = (
        int(x)
        for x in ((plain[10:12], plain[12:14]) if len(plain) == 18 else (plain[8:10], plain[10:12]))
    )
    return _("[id card]") if 1 <= month <= 12 and 1 <= day <= 31 else None
