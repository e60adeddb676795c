"""Stop words of English and Chinese that carry grammar alone, and the negations that always stay.

Short on purpose: the list of stopwordsiso has words that decide (good, great, like, 好, 大), and so
have the usual longer ones. Words of contrast and degree (but, however, very, 但, 很) are left in.
"""

from __future__ import annotations

import re

_ENGLISH = """
a an the this that these those
i me my mine myself we us our ours ourselves you your yours yourself yourselves
he him his himself she her hers herself it its itself they them their theirs themselves
who whom whose which what
am is are was were be been being have has had having do does did doing done
will would shall should may might must can could
i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll
we're we've we'd we'll they're they've they'd they'll that's there's here's what's who's let's
of at by for from in into on onto to toward towards with within about above across after against
along among around before behind below beneath between beyond during inside near off out over
since through throughout under until up upon via
and or if then else as than so because while when where whether
there here such
"""
_CHINESE = """
的 地 得 之 所 者 了 着 过 们
我 你 您 他 她 它 我们 你们 您们 他们 她们 它们 咱 咱们 自己 人家 大家
这 那 这个 那个 这些 那些 这样 那样 这里 那里 这儿 那儿 此 该 其 其中 某 各 每
是 在 有 和 与 及 以及 或 或者 而 而且 并 并且 且 跟 同
把 被 将 对 对于 从 到 于 由 由于 以 为 为了 向 往 自 自从 按 按照 关于 至 至于 给 让 使
因为 因此 所以 如果 那么 于是 然后 当 时 时候 等 等等
也 就 又 再 还 都 则 即 便
吗 呢 吧 啊 呀 哦 嘛 啦 呗 哎 唉 嗯 哈 么
一 一个 一些 一种 个 些
"""
FUNCTION_WORDS = frozenset((*_ENGLISH.split(), *_CHINESE.split()))

_NEGATIVE_HAN = re.compile("[不没沒无無别別未非勿莫毋否甭]")
_NEGATIVE_WORDS = """
no not nor never none nobody nothing nowhere neither cannot without hardly scarcely barely rarely
seldom ain't nope nay non
"""
_NEGATIVE = frozenset(_NEGATIVE_WORDS.split())
# don't, and as people also write it: dont.
_CONTRACTED = re.compile(
    r"[a-z]+n't|(?:ai|are|ca|could|did|does|do|had|has|have|is|might|must|need|should|was|were|wo|"
    r"would)nt"
)


def is_negation(word: str) -> bool:
    """Whether a word (small letters) negates: not, never, don't, dont; 不, 没有, 别的.

    >>> [word for word in ("not", "the", "isn't", "dont", "没有", "的") if is_negation(word)]
    ['not', "isn't", 'dont', '没有']
    """
    return bool(word in _NEGATIVE or _NEGATIVE_HAN.search(word) or _CONTRACTED.fullmatch(word))
