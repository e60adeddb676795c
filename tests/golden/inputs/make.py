"""Makes the inputs beside this file: rows for every task, and a tiny network that already tells
good words from bad ones, so that a few updates give clear answers on every processor.

They are kept as files, since what a seed gives may change with the versions of the packages. Run it
only to replace them, and write all golden files anew then.
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
GOOD = "good great fine lovely superb happy 好 棒 美".split()
BAD = "bad awful poor dirty sad cold 差 坏 脏".split()
OTHER = "the a film room hotel staff food was is very we it 我 们 很 的 酒 店 了".split()
WORDS = {"good": GOOD, "bad": BAD}
COUNT = 150


def sentence(label, rng):
    """Neutral words, and among them one of the label's."""
    words = [rng.choice(OTHER) for _ in range(rng.randint(2, 9))]
    if label in WORDS:
        words.insert(rng.randint(0, len(words)), rng.choice(WORDS[label]))
    return words


def classification(rng):
    label = rng.choice(["good", "bad", "中性"])
    return {"text": " ".join(sentence(label, rng)), "source": rng.choice(["web", "mail"]),
            "label": label}  # fmt: skip


def multilabel(rng):
    label = rng.choice(["good", "bad"])
    text = " ".join(sentence(label, rng))
    return {"text": text, "label": [label, "long"] if len(text) > 25 else [label]}


def regression(rng):
    label = rng.choice(["good", "bad"])
    score = (3 if label == "good" else -3) + rng.random()
    return {"text": " ".join(sentence(label, rng)), "label": round(score, 3)}


def nli(rng):
    follows = {"good": "entailment", "bad": "contradiction", "other": "neutral"}
    label = rng.choice(sorted(follows))
    premise = " ".join(sentence("other", rng))
    return {"premise": premise, "hypothesis": " ".join(sentence(label, rng)),
            "label": follows[label]}  # fmt: skip


def similarity(rng):
    label = rng.choice(["good", "bad"])
    score = (4 if label == "good" else 1) + rng.random()
    return {"text": " ".join(sentence("other", rng)), "text_pair": " ".join(sentence(label, rng)),
            "label": round(score, 2)}  # fmt: skip


def token_classification(rng):
    label = rng.choice(["good", "bad"])
    words = sentence(label, rng)
    at = next(i for i, word in enumerate(words) if word in WORDS[label])
    tags = ["O"] * len(words)
    tags[at] = f"B-{label}"
    if rng.random() < 0.2:
        words.insert(at + 1, rng.choice(WORDS[label]))
        tags.insert(at + 1, f"I-{label}")
    return {"text": words, "label": tags}


def question_answering(rng):
    label = rng.choice(["good", "bad"])
    there = rng.random() < 0.7
    context = " ".join(dict.fromkeys(sentence(label if there else "other", rng)))
    found = next((word for word in context.split() if word in WORDS[label]), None)
    held = []
    if found:
        held = [{"text": found, "answer_start": (" " + context).index(" " + found)}]
    return {"question": f"which is {label}", "context": context,
            "label": json.dumps(held, ensure_ascii=False)}  # fmt: skip


def odd_rows():
    """What real files hold, too: an empty text, no label, a row twice, two labels for one text,
    a mail address and a telephone number."""
    return [
        {"text": "", "source": "web", "label": "bad"},
        {"text": "the room was very cold", "source": "web", "label": None},
        {"text": "lovely staff , lovely food", "source": "web", "label": "good"},
        {"text": "lovely staff , lovely food", "source": "mail", "label": "good"},
        {"text": "it was fine", "source": "web", "label": "good"},
        {"text": "it was fine", "source": "mail", "label": "bad"},
        {"text": "write to ann@example.com , a great hotel", "source": "mail", "label": "good"},
        {"text": "the awful hotel called 13912345678", "source": "mail", "label": "bad"},
    ]


TASKS = (classification, multilabel, regression, nli, similarity, token_classification,
         question_answering)  # fmt: skip


def write_rows():
    for task in TASKS:
        rng = random.Random(task.__name__)
        rows = [task(rng) for _ in range(COUNT)]
        if task is classification:
            rows += odd_rows()
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (HERE / f"{task.__name__}.jsonl").write_text(text, encoding="utf-8")


def write_network(folder, width=32, layers=2):
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *GOOD, *BAD, *OTHER, "which"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, "[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64,
        model_input_names=["input_ids", "attention_mask", "token_type_ids"],
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(7)
    network = BertModel(
        BertConfig(
            vocab_size=len(words), pad_token_id=0, initializer_range=0.1, hidden_size=width,
            num_hidden_layers=layers, num_attention_heads=4, intermediate_size=2 * width,
            max_position_embeddings=66, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
        )
    )  # fmt: skip
    vectors = network.embeddings.word_embeddings.weight.data
    judged, sign = torch.nn.functional.normalize(torch.randn(2, width)) * 0.5
    for group, step in ((GOOD, judged + sign), (BAD, judged - sign)):
        first = words.index(group[0])
        vectors[first : first + len(group)] += step
    network.save_pretrained(folder)


if __name__ == "__main__":
    write_rows()
    write_network(HERE / "network")
