"""Column name heuristics: names that text, target and other columns have in English and Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from weitiao.core.script import HAN


def words(text: str) -> list[str]:
    return text.split()


# Words of column names. A name is matched whole first, then by the words it is made of.
TEXT_WORDS = words(
    "text sentence review content comment comments message tweet body document article utterance "
    "question query sms post abstract description headline title string passage "
    "文本 内容 评论 句子 正文 评价 留言 微博 短信 问题 标题 新闻 文章 描述"
)
TARGET_WORDS = words(
    "target label labels gold_label class category categories sentiment intent topic polarity "
    "emotion stars star rating score judgment judgement similarity relatedness quality tag tags y "
    "标签 类别 分类 情感 情绪 意图 主题 星级 评分 分数 得分 打分 极性 相似度 关系"
)
# What rows were annotated with, as their owners call it: such a column is the target even beside
# texts that translate or answer each other.
ANNOTATIONS = words(
    "target label labels gold_label class is_safe y judgment judgement 标签 类别 关系"
)
# What was written to the text beside it: labels are of that one.
ANSWER_WORDS = words("response output completion answer reply 回复 回答 答案 输出")
# Both are texts, however short their cells are.
SURE_PAIRS = (("text", "text_pair"), ("premise", "hypothesis"), ("前提", "假设"))
PAIRED_NAMES = (
    *SURE_PAIRS,
    ("query", "title"),
    ("query", "passage"),
    ("question", "passage"),
    ("question", "context"),
)
OTHER_WORDS = words(
    "id idx index row no number num date time user name source lang language split "
    "编号 序号 日期 时间 用户 姓名 来源 语言"
)

_AROUND = " \t:?!*#\"'.,;、。"  # a name, once its characters have the usual width
_REMARK = re.compile(r"[(\[【〔].*?[)\]】〕]")


def folded(name: str) -> str:
    """A column name in the usual width, without the punctuation around it.

    >>> folded("句子１："), folded("*Text")
    ('句子1', 'Text')
    """
    return unicodedata.normalize("NFKC", name).strip(_AROUND)


def plain(name: str) -> str:
    """A folded column name in small letters, without a remark in brackets.

    >>> plain("评分（满分５分）"), plain("Label [0/1]"), plain("(a)")
    ('评分', 'label', '(a)')
    """
    whole = folded(name)
    return (folded(_REMARK.sub("", whole)) or whole).lower()


def by_plain_name(names: Iterable[str]) -> dict[str, str]:
    """Columns by their plain names; of two alike, the one that is called so, else the first."""
    found: dict[str, str] = {}
    for name in names:
        short = plain(name)
        if short not in found or name.strip().lower() == short:
            found[short] = name
    return found


def alike(wanted: str, names: Iterable[str]) -> str | None:
    """The one name that is `wanted` up to case and blanks, else up to width, punctuation, remarks.

    >>> alike("前提：", ["假设", "前提"]), alike("评论（一）", ["评论（一）", "评论（二）"])
    ('前提', '评论（一）')
    """
    for same in (lambda name: name.strip().casefold(), plain):
        found = [name for name in names if same(name) == same(wanted)]
        if len(found) == 1:
            return found[0]
    return None


def matches(name: str, wanted: Iterable[str]) -> bool:
    """Match a column name with words, as a whole or by its parts (snake_case, CamelCase).

    >>> matches("gold_label", ["label"]), matches("labels", ["label"]), matches("新标题", ["标题"])
    (True, False, True)
    """
    known = set(wanted)
    if name.lower() in known or plain(name) in known:
        return True
    pieces = re.findall(rf"[A-Z]?[a-z]+|[A-Z]+|[{HAN}]+", folded(name))
    return any(piece.lower() in known for piece in pieces) or any(
        word in name for word in known if not word.isascii()
    )


def is_known(name: str) -> bool:
    """Whether a cell of a first line is a usual column name, and no value: short, known words.

    >>> is_known("review_text"), is_known("the review was good"), is_known("评论内容")
    (True, False, True)
    """
    short = plain(name)
    if len(short) > (24 if short.isascii() else 8) or len(short.split()) > 2:
        return False
    return matches(name.strip(' "#'), [*TEXT_WORDS, *TARGET_WORDS, *OTHER_WORDS]) or bool(
        re.fullmatch(r"(?i)column\d+|unnamed: \d+|field\d+|列\d+", name)
    )
