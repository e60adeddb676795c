"""Personal data is detected in the ways people write it, with its place; other numbers are not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.quality.personal_data import (
    KINDS,
    count_personal_data,
    id_card_is_valid,
    name_of,
    personal_data,
)


def kinds_in(text):
    return [(one.kind, text[one.start : one.end]) for one in personal_data(text)]


EXAMPLES = {
    "email": ["li.lei+a@example.com.cn", "li＠example.com"],
    "id_card": ["11010519491231002X", "110105 19491231 002x", "110105491231002"],
    "iban": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"],
    "bank_card": ["4111111111111111", "4111 1111 1111 1111", "6222021234567894"],
    "phone": [
        "13812345678", "138-1234-5678", "+86 138 1234 5678", "１３８１２３４５６７８",
        "010-62345678", "(021)58881234", "+44 20 7946 0958", "415-555-2671", "400-800-1234",
    ],
    "ip_address": ["8.8.8.8", "192.168.1.20", "2001:db8::8a2e:370:7334", "fe80::1"],
    "plate": ["京A12345", "粤B·D12345", "沪A1234学"],
    "ssn": ["123-45-6789"],
}  # fmt: skip
CASES = [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]


@pytest.mark.parametrize(("kind", "text"), CASES, ids=lambda case: str(case)[:24])
def test_each_kind_is_detected_between_chinese_and_between_english(kind, text):
    assert kinds_in(f"号码{text}，谢谢") == [(kind, text)]
    assert kinds_in(f"it is {text}, thanks") == [(kind, text)]


def test_every_kind_has_a_name_and_an_example():
    assert {*EXAMPLES, "account"} == {*KINDS}
    assert all(name_of(kind) for kind in KINDS)


def test_an_account_is_the_name_behind_the_word_for_it():
    assert kinds_in("加QQ：12345678 聊") == [("account", "12345678")]
    assert kinds_in("微信号 li_lei2020。") == [("account", "li_lei2020")]
    assert kinds_in("加vx: abc12345") == [("account", "abc12345")]
    assert kinds_in("微信支付很方便 qq music is nice") == []


@pytest.mark.parametrize(
    "text",
    [
        "2004-2005", "2023年11月24日", "3.14159265358979", "价格1380000元", "12345678", "a@b",
        "version 1.2.3", "@someone", "4111111111111112", "110105194912310021", "12:30:45", "::",
        "std::vector", "1.2.3.4.5", "0.0.0.0", "2023-11-24", "000-12-3456", "GB82 WEST 1234",
        "京ABCDEF", "11010519491331002X",
    ],
)  # fmt: skip
def test_other_numbers_are_none(text):
    assert kinds_in(text) == []


def test_an_id_card_with_a_wrong_check_digit_is_none():
    assert id_card_is_valid("11010519491231002X")
    assert not any(id_card_is_valid("11010519491231002" + d) for d in "0123456789")
    assert not id_card_is_valid("99010519491231002X")


def test_kinds_can_be_chosen_and_counted():
    text = "li@example.com 13812345678"
    assert [one.kind for one in personal_data(text, ["phone"])] == ["phone"]
    assert count_personal_data([text, "13812345678", "none"]) == {"email": 1, "phone": 2}


PIECES = st.sampled_from(
    [text for _, text in CASES]
    + ["QQ", ":", "1", "4", "-", " ", ".", "@", "a", "京", "\u200b", "１"]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_spans_are_in_order_inside_the_text_and_apart(text):
    ends = 0
    for one in personal_data(text):
        assert ends <= one.start < one.end <= len(text)
        ends = one.end


@pytest.mark.parametrize(
    "piece",
    ["字", "1", "a.", "1 ", "@", "a@", "a@a.", ":", "1:", "a:", "1.", "GB82", "GB82 ", "AB12 CD", "QQ",
     "QQ:a", "京A", "京A1", "-", "0-", "+1", "(0", "a-", "_", "4111 ", "123-45-", "微信", "vx ", "%"],
)  # fmt: skip
def test_time_is_linear_in_the_length_of_the_text(piece):
    def seconds(length):
        text = (piece * length)[:length]
        begun = time.process_time()
        personal_data(text)
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(60_000) < 1.0
