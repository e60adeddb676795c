"""Detection of personal data (PII) by patterns and check digits: where in a text, and which kind.

For training texts, where a false alarm costs a word; `core.redact` masks texts that are shown, and
rather too much. Both share their patterns. Names and addresses are not detected: that needs a
model. Refused: phonenumbers and presidio (tens of megabytes, or a language model), python-stdnum
(LGPL, for three check digits).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from ipaddress import ip_address
from typing import Literal, NamedTuple, get_args

from weitiao.core.redact import CARD_DIGITS, EMAIL, HALF_WIDTH, ID_CARD, PHONE, luhn, masked
from weitiao.i18n.messages import N_, localized

Kind = Literal[
    "email", "id_card", "iban", "bank_card", "phone", "ip_address", "account", "plate", "ssn"
]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the earlier wins where two match the same characters
NAMES: dict[Kind, str] = {
    "email": N_("e-mail addresses"),
    "id_card": N_("Chinese ID card numbers"),
    "iban": N_("bank account numbers (IBAN)"),
    "bank_card": N_("bank card numbers"),
    "phone": N_("phone numbers"),
    "ip_address": N_("IP addresses"),
    "account": N_("QQ and WeChat accounts"),
    "plate": N_("Chinese licence plates"),
    "ssn": N_("US social security numbers"),
}
_SHOWN: dict[Kind, str] = {
    "email": N_("[e-mail]"),
    "id_card": N_("[id card]"),
    "iban": N_("[bank account]"),
    "bank_card": N_("[bank card]"),
    "phone": N_("[phone]"),
    "ip_address": N_("[IP address]"),
    "account": N_("[account]"),
    "plate": N_("[licence plate]"),
    "ssn": N_("[social security number]"),
}
# While a text is masked further, a character that no text has stands for each kind: a query of an
# address is cut as a whole, and names of kinds have blanks.
_STANDS_FOR = {chr(0xFDD0 + at): kind for at, kind in enumerate(KINDS)}
# What each pattern needs at least; a tenth of their time.
# Both cases are written out: ignoring case took 2.6 times as long.
_SUSPECT = re.compile(
    r"[@\uff20]|\d(?:\D{0,3}\d){6}|\d[.\uff0e\u3002]\d|[:\uff1a][0-9A-Fa-f]{0,4}[:\uff1a]|"
    r"[Qq]{2}|扣扣|微信|[Ww](?:[Ee]?[Ii]?[Xx][Ii][Nn]|[Ee][Cc][Hh][Aa][Tt]|[Xx])|[Vv](?:[Xx]|信)|"
    r"[A-Z\uff21-\uff3a]{2}[ ]?\d\d|"
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z\uff21-\uff3a\uff41-\uff5a]"
)

# First digit of a region's code -> its second digits.
_PROVINCES = {"1": "12345", "2": "123", "3": "1234567", "4": "123456", "5": "01234", "6": "12345",
              "7": "1", "8": "123", "9": "1"}  # fmt: skip
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
_ID_CHECKS = "10X98765432"
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}(?![A-Za-z0-9])")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII)
# After a word that says what follows; the account alone is the match.
_ACCOUNT = re.compile(
    r"(?:QQ群?|扣扣|微信|wechat|weixin|(?<![a-z])[vw]x|(?<![a-z])v信)号?[ ]{0,2}[:：是为]?[ ]{0,2}"
    r"(\d{5,11}(?![0-9])|[a-z](?=[a-z_-]{0,18}\d)[a-z0-9_-]{5,19})",
    re.IGNORECASE | re.ASCII,
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•. ]?"
    r"(?=[A-HJ-NP-Z]{0,5}\d)[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳](?![A-Za-z0-9])"
)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_GAP_RUNS = re.compile(r"\d+")


class PersonalData(NamedTuple):
    """A span of a text that holds personal data: its kind, and its place in characters."""

    kind: Kind
    start: int
    end: int


def personal_data(text: str, kinds: Collection[Kind] = KINDS) -> list[PersonalData]:
    """The spans of personal data in a text, in order and without overlaps.

    >>> [(one.kind, "li@example.com, 138 1234 5678"[one.start : one.end])
    ...  for one in personal_data("li@example.com, 138 1234 5678")]
    [('email', 'li@example.com'), ('phone', '138 1234 5678')]
    """
    plain = text.translate(HALF_WIDTH)  # one character each, so that places agree
    taken: list[PersonalData] = []
    for kind in KINDS:
        if kind in kinds:
            spans = [PersonalData(kind, *span) for span in _DETECTORS[kind](plain)]
            taken = _without_overlaps(taken, spans) if taken and spans else taken or spans
    return taken


def may_hold(text: str) -> bool:
    """Whether a text may hold personal data; where not, `personal_data` finds nothing in it."""
    return _SUSPECT.search(text) is not None


def hidden(text: str) -> str:
    """A text as it is shown: personal data of all kinds replaced by their kind, and masked by
    `core.redact` too, which takes rather too much.

    >>> hidden("QQ 12345678, from 192.168.1.20")
    'QQ [account], from [IP address]'
    """
    if not may_hold(text):
        return masked(text)
    pieces, end = [], 0
    for one in personal_data(text):
        pieces += [text[end : one.start], chr(0xFDD0 + KINDS.index(one.kind))]
        end = one.end
    shown = masked("".join([*pieces, text[end:]]))
    for stand_in, kind in _STANDS_FOR.items():
        if stand_in in shown:
            shown = shown.replace(stand_in, localized(_SHOWN[kind]))
    return shown


def count_personal_data(texts: Iterable[str], kinds: Collection[Kind] = KINDS) -> dict[Kind, int]:
    """For each kind the number of texts that hold it; kinds that none holds are left out."""
    counts = dict.fromkeys(KINDS, 0)
    for text in texts:
        for kind in {one.kind for one in personal_data(text, kinds)}:
            counts[kind] += 1
    return {kind: count for kind, count in counts.items() if count}


def name_of(kind: Kind) -> str:
    """What a kind is called in a sentence: "phone numbers"."""
    return localized(NAMES[kind])


def id_card_is_valid(number: str) -> bool:
    """Whether a Chinese ID card number (GB 11643) has a region, a date and a check digit that are
    right; the 15 digits of before 1999 have no check digit.

    >>> id_card_is_valid("11010519491231002X"), id_card_is_valid("110105194912310021")
    (True, False)
    """
    number = re.sub(r"[^\dXx]", "", number).upper()
    if len(number) not in (15, 18) or "X" in number[:-1]:
        return False
    if number[1] not in _PROVINCES.get(number[0], ""):
        return False
    born = number[6:14] if len(number) == 18 else "19" + number[6:12]
    try:
        date(int(born[:4]), int(born[4:6]), int(born[6:]))
    except ValueError:
        return False
    if len(number) == 15:
        return number.isdecimal()
    total = sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False))
    return _ID_CHECKS[total % 11] == number[-1]


def iban_is_valid(number: str) -> bool:
    """Whether an account number passes the check of ISO 13616 (remainder 1 by 97).

    >>> iban_is_valid("GB82 WEST 1234 5698 7654 32"), iban_is_valid("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = number.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _matches(pattern: re.Pattern[str], needs: str = "") -> Callable[[str], Iterator[re.Match[str]]]:
    return lambda text: pattern.finditer(text) if needs in text else iter(())


def _spans(pattern: re.Pattern[str], needs: str = "") -> Callable[[str], list[tuple[int, int]]]:
    search = _matches(pattern, needs)
    return lambda text: [match.span() for match in search(text)]


def _id_cards(text: str) -> list[tuple[int, int]]:
    return [m.span() for m in ID_CARD.finditer(text) if id_card_is_valid(m[0])]


def _ibans(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _IBAN.finditer(text) if iban_is_valid(match[0])]


def _cards(text: str) -> list[tuple[int, int]]:
    """Numbers of 13 to 19 digits with a first digit of a card issuer that pass Luhn's check."""
    spans = []
    for match in CARD_DIGITS.finditer(text):
        # The longest number first; then without the groups of digits that may be something else.
        for end in reversed([run.end() for run in _GAP_RUNS.finditer(match[0])]):
            digits = re.sub(r"\D", "", match[0][:end])
            if len(digits) >= 13 and _is_issued(digits) and luhn(digits):
                spans.append((match.start(), match.start() + end))
                break
    return spans


def _is_issued(digits: str) -> bool:
    """Whether a card network uses this first digit; a mobile number with 86 before it is none."""
    if digits[0] == "2":
        return "2200" <= digits[:4] <= "2204" or "2221" <= digits[:4] <= "2720"
    return digits[0] in "3456"


def _addresses(text: str) -> list[tuple[int, int]]:
    spans = []
    if text.count(".") >= 3:
        for match in _IPV4.finditer(text):
            if not match[0].startswith(("0.", "127.")):
                spans.append(match.span())
    if text.count(":") >= 2:
        for match in _IPV6.finditer(text):
            if any(c.isdigit() for c in match[0]) and _is_ip(match[0]) and match[0] != "::1":
                spans.append(match.span())
    return sorted(spans)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _accounts(text: str) -> list[tuple[int, int]]:
    return [match.span(1) for match in _ACCOUNT.finditer(text)]


_DETECTORS: dict[Kind, Callable[[str], list[tuple[int, int]]]] = {
    "email": _spans(EMAIL, "@"),
    "id_card": _id_cards,
    "iban": _ibans,
    "bank_card": _cards,
    "phone": _spans(PHONE),
    "ip_address": _addresses,
    "account": _accounts,
    "plate": _spans(_PLATE),
    "ssn": _spans(_SSN, "-"),
}


def _without_overlaps(first: list[PersonalData], others: list[PersonalData]) -> list[PersonalData]:
    """Both lists, merged in order; of the others those that overlap none of the first."""
    merged = sorted([*first, *others], key=lambda one: (one.start, one.end))
    wins, result = set(first), list[PersonalData]()
    for one in merged:
        if result and one.start < result[-1].end:
            if one in wins and result[-1] not in wins:
                result[-1] = one
        else:
            result.append(one)
    return result
