import pytest

from weitiao.data.quality.finding import cell_of, target_of
from weitiao.data.quality.personal_data import hidden, may_hold, personal_data

EXAMPLES = [
    "li@example.com", "li＠example.com", "13812345678", "138 1234 5678", "138-1234-5678", "+86 13812345678",
    "１３８１２３４５６７８", "010-62345678", "400 123 4567", "(212) 555-0123", "+49 (0)30 / 12 34 56 78",
    "11010519491231002X", "110105 19491231 002X", "110105491231002", "4111111111111111", "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "192.168.1.20", "8.8.8.8", "2001:db8::8a2e:370:7334",
    "fe80::1", "加QQ：12345678 聊", "qq 123456", "微信号 li_lei2020。", "加vx: abc12345", "WeChat: lilei_88",
    "京A12345", "沪AD12345", "粤B·12345", "078-05-1120", "138\u200b1234\u200b5678",
]  # fmt: skip


@pytest.mark.parametrize("text", EXAMPLES)
@pytest.mark.parametrize("around", ["{}", "号码{}，谢谢", "it is {}, thanks", "\n{}\n"])
def test_what_is_personal_data_is_looked_at(text, around):
    text = around.format(text)
    assert may_hold(text) or not personal_data(text)


def test_plain_numbers_are_passed_over():
    assert not may_hold("order 123456 of 2023, room 12")
    assert not may_hold("这家酒店的房间号是 1208，很好")


@pytest.mark.parametrize("text", EXAMPLES)
@pytest.mark.parametrize("around", ["{}", "号码{}，谢谢", "it is {}, thanks"])
def test_all_that_is_detected_is_hidden(text, around):
    text = around.format(text)
    found = [text[one.start : one.end] for one in personal_data(text)]
    for shown in (hidden(text), cell_of(text), target_of(text)):
        assert not any(one in shown for one in found)


def test_what_is_hidden_says_its_kind():
    assert hidden("加QQ：12345678 聊，车牌京A12345") == "加QQ：[account] 聊，车牌[licence plate]"
    assert hidden("from 192.168.1.20 by 078-05-1120") == (
        "from [IP address] by [social security number]"
    )
    assert hidden("see https://a.cn/x?id=110105194912310021&token=abc now") == (
        "see https://a.cn/x?… now"
    )
    assert hidden("a plain text, 12:30") == "a plain text, 12:30"
