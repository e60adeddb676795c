"""What names a person is masked, in the ways people write it; other numbers stay."""

import time

import pytest

from weitiao.core.redact import masked
from weitiao.i18n.messages import speaking


@pytest.mark.parametrize(
    "text",
    [
        "13812345678", "138 1234 5678", "138-1234-5678", "+8613812345678", "+86 138 1234 5678",
        "008613812345678", "１３８１２３４５６７８", "138\u200b1234\u200b5678",
        "010-62345678", "(021)58881234", "0755 2345678", "400-800-1234",
        "+44 20 7946 0958", "+1 (415) 555-2671", "415-555-2671",
    ],
)  # fmt: skip
def test_a_phone_number_is_masked(text):
    assert masked(f"电话{text}，谢谢") == "电话[phone]，谢谢"


@pytest.mark.parametrize(
    "text", ["11010519491231002X", "11010519491231002x", "110105 19491231 002X", "110105491231002"]
)
def test_an_id_card_is_masked(text):
    assert masked(f"身份证{text}。") == "身份证[id card]。"


@pytest.mark.parametrize("text", ["4111111111111111", "4111 1111 1111 1111", "6222-0212-3456-7890"])
def test_a_bank_card_is_masked(text):
    from weitiao.core.redact import luhn

    assert luhn(text) == (masked(f"卡{text}。") == "卡[bank card]。")


def test_addresses_and_tokens_are_masked():
    assert masked("请联系li.lei+a@example.com.cn。") == "请联系[e-mail]。"
    assert masked("li＠example.com") == "[e-mail]"
    assert masked("https://x.org/a?token=abc#b") == "https://x.org/a?…#b"


@pytest.mark.parametrize(
    "text",
    [
        "2004-2005", "2023年11月24日", "3.14159265358979", "价格1380000元", "12345678",
        "ISBN 978-7-111-12345-6", "20231123120000123", "a@b", "version 1.2.3", "@someone",
        "4111111111111112", "11010519491331002X",
    ],
)  # fmt: skip
def test_other_numbers_stay(text):
    assert masked(text) == text


def test_masks_speak_the_language_of_the_page():
    with speaking("zh"):
        assert masked("13812345678 li@example.com") == "[电话] [邮箱]"


@pytest.mark.parametrize(
    "text", ["字" * 4000, "1" * 4000, "a." * 2000, "http://" * 500, "1 " * 2000]
)
def test_a_nasty_text_takes_no_time(text):
    begun = time.process_time()
    masked(text)
    assert time.process_time() - begun < 0.5
