"""Which languages a tokenizer can read: by what is said of it, by trial, and on rows of yours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.i18n.messages import _
from weitiao.support.doctor.finding import Finding

ENGLISH = (
    "The room was clean and quiet, but breakfast is overpriced.",
    "I would not recommend this phone to anyone: the battery dies within hours.",
    "Shares rallied on Tuesday after the central bank left its rates unchanged.",
)
CHINESE = (
    "房间干净安静，不过早餐偏贵，性价比一般。",
    "这款手机续航太差，几个小时就没电了，不推荐购买。",
    "央行宣布维持利率不变，周二股市应声上涨。",
)
SOME = 0.02  # share of tokens; below, what is lost hardly matters
MUCH = 0.2
ROWS = 2000  # of a file, spread over it
SHOWN = 6  # languages


def findings(tokenizer: Any, card: Mapping[str, Any], entry: Any) -> Iterator[Finding]:
    """What is said of its languages, and the trial."""
    told = list(entry.languages) if entry else card.get("language") or []
    named = [str(name) for name in (told if isinstance(told, list) else [told])]
    english, chinese = unknown(tokenizer, ENGLISH), unknown(tokenizer, CHINESE)
    single = _single(tokenizer)
    values = {"named": named, "unknown_en": round(english, 4), "unknown_zh": round(chinese, 4),
              "chinese_single": round(single, 4)}  # fmt: skip
    shown = ", ".join(named[:SHOWN]) + (", ..." if len(named) > SHOWN else "")
    text = _("{named}; unknown pieces by trial: English {english}, Chinese {chinese}; "
                "{single} of Chinese characters stay single",
                named=shown or _("not told"), english=f"{english:.0%}",
                chinese=f"{chinese:.0%}", single=f"{single:.0%}")  # fmt: skip
    if max(english, chinese) < SOME:
        yield Finding("languages", _("languages"), text, values=values)
    elif min(english, chinese) >= MUCH:
        remedy = _("its tokenizer knows neither English nor Chinese: take another checkpoint")
        yield Finding("languages", _("languages"), text, "note", remedy, values)
    else:
        poor = _("Chinese") if chinese > english else _("English")
        remedy = _("not for {language} texts; `weitiao parts models` names others",
                      language=poor)  # fmt: skip
        yield Finding("languages", _("languages"), text, "note", remedy, values)


def of_rows(tokenizer: Any, longest: int, path: str) -> Finding:
    """Unknown pieces and lengths on the user's rows. Raises DataError."""
    import numpy as np

    name, texts = _texts(path)
    lengths = np.array([len(ids) for ids in _ids(tokenizer, texts, special=True)])
    share = unknown(tokenizer, texts)
    cut = float((lengths > longest).mean())
    half, most, top = (int(np.percentile(lengths, p)) for p in (50, 95, 100))
    told = _("{name}: {unknown} unknown pieces; {half} tokens in the middle, {most} for 95%, "
                "{top} at most; {cut} of {rows} rows are longer than the network reads",
                name=name, unknown=f"{share:.1%}", half=half, most=most, top=top,
                cut=f"{cut:.1%}", rows=f"{len(texts):,}")  # fmt: skip
    values = {"rows": len(texts), "unknown": round(share, 5), "cut": round(cut, 5),
              "tokens": {"p50": half, "p95": most, "max": top}}  # fmt: skip
    about = _("your rows")
    if share >= MUCH:
        remedy = _("the tokenizer does not know this language: take another checkpoint")
        return Finding("rows", about, told, "problem", remedy, values)
    if share >= SOME or cut > SOME:
        remedy = _("what is unknown or cut off is lost to the network")
        return Finding("rows", about, told, "note", remedy, values)
    return Finding("rows", about, told, values=values)


def unknown(tokenizer: Any, texts: Sequence[str]) -> float:
    """The share of tokens that stand for something the tokenizer does not know."""
    if tokenizer.unk_token_id is None:
        return 0.0
    ids = [one for found in _ids(tokenizer, texts) for one in found]
    return ids.count(tokenizer.unk_token_id) / max(len(ids), 1)


def _single(tokenizer: Any) -> float:
    """The share of Chinese characters that are a token of their own."""
    characters = [c for text in CHINESE for c in text if "\u4e00" <= c <= "\u9fff"]
    known = [c for c in set(characters) if c in tokenizer.get_vocab()]
    pieces = [
        piece for ids in _ids(tokenizer, CHINESE) for piece in tokenizer.convert_ids_to_tokens(ids)
    ]
    alone = [piece for piece in pieces if piece.removeprefix("##").strip("▁") in known]
    return min(len(alone) / len(characters), 1.0)


def _ids(tokenizer: Any, texts: Sequence[str], special: bool = False) -> list[list[int]]:
    from weitiao.checkpoints.verify import quiet

    with quiet():  # texts longer than the network reads are counted, not a mistake
        encoded = tokenizer(list(texts), add_special_tokens=special, truncation=False)
    return list(encoded["input_ids"])


def _texts(path: str) -> tuple[str, list[str]]:
    """Some rows' texts, spread over the file; the two of a pair joined."""
    import numpy as np

    from weitiao.data.files.open import open_source
    from weitiao.data.infer.roles import guess_roles, guess_task
    from weitiao.data.rows import Rows, everything

    source = open_source(path)
    roles = guess_roles(source.table, {}).roles
    task, _ = guess_task(source.table, roles)
    without = {role: column for role, column in roles.items() if role != "target"}
    rows = Rows(source.table, everything(source.table), without, source.name, task)
    chosen = np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).astype(np.int64)
    return source.name, [
        " ".join(str(text) for text in example.inputs.values()) for example in rows.examples(chosen)
    ]
