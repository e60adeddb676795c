"""What each cleaner makes of typical texts, and what it leaves alone."""

import os

import pytest

from weitiao import parts
from weitiao.data.stop_words import is_negation
from weitiao.errors import PlanError


def clean(name, text, **settings):
    return parts.build("cleaners", name, settings).learn([]).clean(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Hello&nbsp;<b>world</b></p><p>it&#39;s &lt;fine&gt;</p>", "Hello world\nit's <fine>"),
        ("a<br/>b<br>c", "a\nb\nc"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
        ("<script>alert('<p>')</script>hi<!-- no -->", "hi"),
        ('<a href="x>y" title=\'q\'>link</a> <a href="broken>t</a>', "link t"),
        ("a <b and c> d, 3 <5, I <3 you, <user>, x<y>z", "a <b and c> d, 3 <5, I <3 you, <user>, x<y>z"),
        ("R&D &unknown; &", "R&D &unknown; &"),
        ("<!-- never ends <b>x</b>", " never ends x"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
    ],
)  # fmt: skip
def test_html(text, expected):
    assert clean("html", text) == expected


def test_html_that_was_escaped_twice_takes_two_passes():
    assert clean("html", "&lt;p&gt;hi&lt;/p&gt;", passes=2) == "hi"
    assert clean("html", "<p>a</p><p>b</p>", lines=False) == "a b"


def test_links():
    text = "看http://t.cn/abc，好 @张三 www.foo.com/a_(b). mail li@x.com (http://a.b/c) @bob: hi"
    expected = "看[url]，好 [user] [url]. mail [email] ([url]) [user]: hi"
    assert clean("links", text) == expected
    assert clean("links", "see http://a.b now", urls="") == "see  now"
    assert clean("links", "@bob http://a.b", urls=None) == "[user] http://a.b"
    plain = "and/or 3.5/5 e.g. this/that a@b 50% @ 9"
    assert clean("links", plain) == plain


def test_repeats():
    assert clean("repeats", "soooo 哈哈哈哈哈 !!!!!! hahahaha") == "sooo 哈哈哈 !!! hahaha"
    assert clean("repeats", "10000000 www good 1111") == "10000000 www good 1111"
    assert clean("repeats", "soooo", most=1) == "so"


def test_mojibake_is_repaired_line_by_line_and_right_text_stays():
    assert clean("mojibake", "cafÃ© â€œgoodâ€\x9d\nä½\xa0å¥½") == "café “good”\n你好"
    for text in ("正常中文 café naïve", "\ufffd\ufffd lost", "plain"):
        assert clean("mojibake", text) == text


def test_mojibake_is_aligned_character_by_character():
    text = "FranÃ§ois lives"
    new, alignment = parts.build("cleaners", "mojibake").clean(text)
    assert new == "François lives"
    at = new.index("lives")
    assert alignment.to_source(at, at + 5) == (text.index("lives"), len(text))
    assert alignment.to_source(4, 5) == (4, 6)


def test_chinese_script():
    assert clean("chinese_script", "頭髮很乾，後來發財了。皇后") == "头发很干，后来发财了。皇后"
    assert clean("chinese_script", "软件", conversion="s2twp") == "軟體"


def test_emoji():
    assert clean("emoji", "好😂👍🏽") == "好[笑哭了][拇指向上 中等肤色]"
    assert clean("emoji", "ok ❤️‍🔥 ©™ 12#") == "ok [heart on fire] ©™ 12#"
    assert clean("emoji", "a👨‍👩‍👧b🇨🇳1️⃣c", to="nothing") == "abc"


def test_width_invisible_and_case():
    assert clean("width", "ＡＢ１２，ｶﾞ") == "AB12，ガ"
    assert clean("width", "ＡＢ，！", punctuation=True) == "AB,!"
    assert (
        clean("invisible", "a\u200bb\ufeff c\xad می\u200cخواهم 👨\u200d👩")
        == "ab c می\u200cخواهم 👨\u200d👩"
    )
    assert clean("lower_case", "ABC Straße") == "abc straße"


def test_personal_data():
    text = "电话13812345678，li@x.com 卡4111 1111 1111 1111"
    assert clean("personal_data", text) == "电话[phone]，[email] 卡[bank_card]"
    assert clean("personal_data", text, kinds=["email"]) == text.replace("li@x.com", "[email]")


def test_stop_words_never_take_a_negation():
    text = "I do not like the film, it isn't good and we don't care"
    assert clean("stop_words", text) == "not like film, isn't good don't care"
    assert clean("stop_words", "我不喜欢这个电影，没有意思的") == "不喜欢电影，没有意思"
    for words in ("function", "iso"):
        for word in ("not", "never", "no", "don't", "dont", "不", "没有", "无", "别"):
            own = ["not", "never", "no", "don't", "dont", "不", "没有", "无", "别"]
            assert clean("stop_words", word, words=words, own=own) == word
            assert is_negation(word)


def test_words_come_from_files_in_any_encoding_and_travel(tmp_path):
    listed = tmp_path / "stops.txt"
    listed.write_bytes("# mine\n电影\nFILM\n".encode("gb18030"))
    cleaner = parts.build("cleaners", "stop_words", {"file": str(listed)}).learn([])
    assert (cleaner.file, cleaner.own) == (None, ("电影", "film"))
    listed.unlink()
    again = parts.build("cleaners", "stop_words", cleaner.model_dump())
    assert again.clean("good film 电影")[0].strip() == "good"
    words = tmp_path / "dict.txt"
    words.write_text("石墨烯电池 100 n\n", encoding="utf-8")
    assert clean("segmentation", "石墨烯电池的好处", file=str(words)) == "石墨烯电池 的 好处"
    for content in (b"", b"\x00\x01\x02\x03" * 9):
        listed.write_bytes(content)
        with pytest.raises(PlanError, match=r"stops\.txt"):
            parts.build("cleaners", "stop_words", {"file": str(listed)}).learn([])


def test_long_runs_without_a_mark_are_cut_into_words_too():
    text = "我喜欢电影" * 200
    assert clean("segmentation", text).replace(" ", "") == text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_files_that_have_no_end_or_never_begin_are_no_lists_of_words(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(PlanError, match="cannot be read: it is no regular file"):
            parts.build("cleaners", "stop_words", {"file": path}).learn([])


def test_a_file_of_words_that_is_not_there_is_named_once():
    with pytest.raises(PlanError) as error:
        parts.build("cleaners", "stop_words", {"file": "none.txt"}).learn([])
    assert str(error.value).count("none.txt") == 1
