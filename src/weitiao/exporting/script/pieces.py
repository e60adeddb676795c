"""Pieces of a script, by what a row's answer is: one label, several, a number, tags of words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent, indent, wrap
from typing import Any

from weitiao.i18n.messages import _

WIDTH = 98  # of comments


@dataclass(frozen=True)
class Recipe:
    """What a script says, as plain values."""

    kind: str  # one, several, number or tags
    constants: Mapping[str, Any]  # NAME -> value
    texts: tuple[str, ...]  # columns
    target: str
    reading: str  # csv, jsonl or own
    encoding: str
    delimiter: str
    metric: str
    lower_is_better: bool
    mean: bool  # the head `mean`, else transformers' own
    changes_config: bool  # there is a constant CONFIG
    optimizer: str  # the call, without groups
    schedule: str  # the expression of the factor after warm-up
    head_rate: float | None
    linear_start: bool
    no_padding: bool  # the tokenizer has no token to pad with
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()
    patience: int = 0
    clips: bool = True
    left_out: tuple[str, ...] = field(default_factory=tuple)


def note(text: str, by: int = 0) -> str:
    """A comment, wrapped; Chinese has no blanks to wrap at and is cut by width."""
    width = WIDTH - by
    lines = [text] if len(text) <= width else wrap(text, width, break_on_hyphens=False)
    return "".join(f"{' ' * by}# {line}\n" for line in lines)


def quoted(value: str) -> str:
    """A text as Python writes it, in double quotes."""
    return json.dumps(value, ensure_ascii=False)


def code(text: str, by: int = 0) -> str:
    """Lines of code, without the margin of the source they stand in."""
    return indent(dedent(text).strip("\n") + "\n", " " * by)


def reading(recipe: Recipe) -> str:
    """From the file to the rows of training and validation."""
    text = note(_("1. The rows, split as weitiao splits them."))
    if recipe.reading == "csv":
        text += code(
            f"""
            with open(ROWS, encoding={quoted(recipe.encoding)}, newline="") as file:
                rows = list(csv.DictReader(file, delimiter={quoted(recipe.delimiter)}))
            """
        )
    else:
        text += code(
            """
            with open(ROWS, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file if line.strip()]
            """
        )
    if recipe.reading == "own":
        return text + code(
            """
            train, validation = (
                [row for row in rows if row["part"] == part] for part in ("train", "validation")
            )
            """
        )
    return text + code(
        """
        split = json.loads(SPLIT.read_text(encoding="utf-8"))  # places of the rows, from 0
        train, validation = ([rows[at] for at in split[part]] for part in ("train", "validation"))
        """
    )


def collating(recipe: Recipe) -> str:
    """From rows to a batch of tensors."""
    text = note(_("2. Texts become token ids; a batch is padded to its longest text."))
    text += "tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)\n"
    if recipe.no_padding:
        text += "tokenizer.pad_token = tokenizer.eos_token\n"
    text += "\n\ndef collate(batch):\n"
    if recipe.kind == "tags":
        text += code(
            """
            words = [row["words"] for row in batch]
            encoded = tokenizer(words, is_split_into_words=True, truncation=True, padding=True,
                                max_length=MAX_LENGTH, return_tensors="pt")  # fmt: skip
            labels = torch.full(encoded["input_ids"].shape, -100)
            for at, row in enumerate(batch):
            """,
            4,
        )
        text += note(_("Only the first piece of a word has a label."), 8)
        text += code(
            f"""
            seen = set()
            for place, word in enumerate(encoded.word_ids(at)):
                if word is not None and word not in seen:
                    seen.add(word)
                    labels[at, place] = LABELS.index(row[{quoted(recipe.target)}][word])
            """,
            8,
        )
    else:
        texts = f"[row[{quoted(recipe.texts[0])}] for row in batch]"
        if len(recipe.texts) > 1:
            names = ", ".join(map(quoted, recipe.texts))
            text += f"    pair = ([row[name] for row in batch] for name in ({names}))\n"
            texts = "*pair"
        text += code(
            f"""
            encoded = tokenizer({texts}, truncation=True,
                                padding=True, max_length=MAX_LENGTH, return_tensors="pt")
            """,
            4,
        )
        text += f"    targets = [row[{quoted(recipe.target)}] for row in batch]\n"
        text += code(
            {
                "one": "labels = torch.tensor([LABELS.index(target) for target in targets])",
                "several": "labels = torch.tensor("
                "[[float(name in target) for name in LABELS] for target in targets])",
                "number": "labels = torch.tensor("
                "[(float(target) - MEAN) / STD for target in targets])",
            }[recipe.kind],
            4,
        )
    return text + "    return dict(encoded), labels\n"


def modelling(recipe: Recipe) -> str:
    """The network with its head, and the loss."""
    text = note(_("3. The pre-trained network with a new output layer, and the loss."))
    more = ", **CONFIG" if recipe.changes_config else ""
    if recipe.mean:
        text += code(
            f'''
            class MeanClassifier(nn.Module):
                """{_("A linear layer on the normalized mean of all tokens.")}"""

                def __init__(self):
                    super().__init__()
                    self.encoder = AutoModel.from_pretrained(CHECKPOINT, dtype=torch.float32{more})
                    width = self.encoder.config.hidden_size
                    self.norm = nn.LayerNorm(width, eps=1e-12, elementwise_affine=False)
                    self.dropout = nn.Dropout(DROPOUT)
                    self.out = nn.Linear(width, OUTPUTS)
                    nn.init.normal_(self.out.weight, std=0.02)
                    nn.init.zeros_(self.out.bias)

                def forward(self, **inputs):
                    hidden = self.encoder(**inputs).last_hidden_state
                    mask = inputs["attention_mask"].unsqueeze(-1)
                    mean = (hidden * mask).sum(1) / mask.sum(1)
                    return self.out(self.dropout(self.norm(mean)))


            model = MeanClassifier().to(DEVICE)
            output = model.out


            def logits_of(inputs):
                return model(**{{name: tensor.to(DEVICE) for name, tensor in inputs.items()}})
            '''
        )
    else:
        auto = "Token" if recipe.kind == "tags" else "Sequence"
        names = "" if recipe.kind == "number" else ", id2label=dict(enumerate(LABELS))"
        text += code(
            f"""
            model = AutoModelFor{auto}Classification.from_pretrained(
                CHECKPOINT, num_labels=OUTPUTS{names}, dtype=torch.float32{more}
            ).to(DEVICE)
            """
        )
        if recipe.no_padding:
            text += "model.config.pad_token_id = tokenizer.pad_token_id\n"
        text += code(
            """
            output = [one for one in model.modules()
                      if isinstance(one, nn.Linear) and one.out_features == OUTPUTS][-1]


            def logits_of(inputs):
                return model(**{name: tensor.to(DEVICE) for name, tensor in inputs.items()}).logits
            """
        )
    return text + "\n\ndef loss_of(logits, labels):\n" + _loss(recipe)


def _loss(recipe: Recipe) -> str:
    if recipe.kind == "number":
        return "    return functional.mse_loss(logits[:, 0], labels)\n"
    if recipe.kind == "several":
        more = ", pos_weight=WEIGHTS.to(logits.device)" if recipe.class_weights else ""
        return (
            "    return functional.binary_cross_entropy_with_logits(logits, labels" + more + ")\n"
        )
    more = ", weight=WEIGHTS.to(logits.device)" if recipe.class_weights else ""
    if recipe.label_smoothing:
        more += f", label_smoothing={recipe.label_smoothing}"
    if recipe.kind == "tags":
        return (
            f"    return functional.cross_entropy(logits.flatten(0, -2), labels.flatten(){more})\n"
        )
    return f"    return functional.cross_entropy(logits, labels{more})\n"


def optimizing(recipe: Recipe) -> str:
    """Parameter groups, optimizer and schedule."""
    text = note(
        _("4. The optimizer: biases and norms are not decayed. The rate warms up, then falls.")
    )
    if recipe.head_rate:
        text += code(
            """
            head = {id(one) for one in output.parameters()}
            groups = [
                {"params": [one for one in model.parameters() if one.requires_grad
                            and (one.ndim > 1) == decayed and (id(one) in head) == new],
                 "weight_decay": WEIGHT_DECAY if decayed else 0.0,
                 "lr": HEAD_RATE if new else LEARNING_RATE}
                for decayed in (True, False) for new in (True, False)
            ]
            """
        )
    else:
        text += code(
            """
            groups = [
                {"params": [one for one in model.parameters() if (one.ndim > 1) == decayed],
                 "weight_decay": WEIGHT_DECAY if decayed else 0.0}
                for decayed in (True, False)
            ]
            """
        )
    return text + code(
        f"""
        optimizer = {recipe.optimizer}
        total = math.ceil(EPOCHS * len(train) / BATCH_SIZE)


        def factor(step):
            progress = (step + 0.5) / total
            if progress < WARMUP:
                return progress / WARMUP
            progress = (progress - WARMUP) / (1 - WARMUP)
            return {recipe.schedule}


        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        """
    )


METRICS = {
    "accuracy": ("accuracy_score", "accuracy_score(gold, found)"),
    "macro_f1": ("f1_score", 'f1_score(gold, found, average="macro", zero_division=0)'),
    "micro_f1": ("f1_score", 'f1_score(gold, found, average="micro", zero_division=0)'),
    "weighted_f1": ("f1_score", 'f1_score(gold, found, average="weighted", zero_division=0)'),
    "mcc": ("matthews_corrcoef", "matthews_corrcoef(gold, found)"),
    "mae": ("mean_absolute_error", "mean_absolute_error(gold, found)"),
    "rmse": ("root_mean_squared_error", "root_mean_squared_error(gold, found)"),
    "pearson": ("", "float(np.corrcoef(gold, found)[0, 1])"),
    "spearman": ("", "float(spearmanr(gold, found).statistic)"),
    "entity_f1": ("", "2 * len(gold & found) / max(len(gold) + len(found), 1)"),
    "entity_precision": ("", "len(gold & found) / max(len(found), 1)"),
    "entity_recall": ("", "len(gold & found) / max(len(gold), 1)"),
    "token_accuracy": ("accuracy_score", "accuracy_score(gold, found)"),
}


def scoring(recipe: Recipe) -> str:
    """From rows to the metric."""
    text = note(_("5. The metric, on rows that are not learned."))
    if recipe.kind == "tags" and recipe.metric != "token_accuracy":
        text += code(
            f'''
            def names_in(row, tags):
                """{_("Places and types of the names of a row, from its BIO tags.")}"""
                names, start = set(), None
                for at, tag in enumerate([*tags, "O"]):
                    if start is not None and tag != "I-" + tags[start][2:]:
                        names.add((row, start, at, tags[start][2:]))
                        start = None
                    if start is None and tag != "O":
                        start = at
                return names


            '''
        )
    text += code(
        """
        @torch.inference_mode()
        def score(rows):
            model.eval()
            logits, labels = [], []
            for start in range(0, len(rows), BATCH_SIZE):
                inputs, targets = collate(rows[start : start + BATCH_SIZE])
                logits.append(logits_of(inputs).float().cpu())
                labels.append(targets)
        """
    )
    text += code(_answers(recipe), 4)
    return text + f"    return {METRICS[recipe.metric][1]}\n"


def _answers(recipe: Recipe) -> str:
    if recipe.kind == "one":
        return """
            gold, found = torch.cat(labels).numpy(), torch.cat(logits).argmax(1).numpy()
            """
    if recipe.kind == "number":
        return """
            gold = torch.cat(labels).double().numpy() * STD + MEAN
            found = torch.cat(logits)[:, 0].double().numpy() * STD + MEAN
            """
    if recipe.kind == "several":
        return """
            gold, scores = torch.cat(labels).numpy(), torch.cat(logits).sigmoid().numpy()
            found = np.zeros(gold.shape)
            for at in range(OUTPUTS):  # THRESHOLD
                precision, recall, thresholds = precision_recall_curve(gold[:, at], scores[:, at])
                f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
                found[:, at] = scores[:, at] >= thresholds[f1[:-1].argmax()]
            """.replace("THRESHOLD", str(_("the threshold with the best F1 of each label")))
    text = """
        gold, found, at = set(), set(), 0
        for part, targets in zip(logits, labels, strict=True):
            for tags, places in zip(part.argmax(-1), targets != -100, strict=True):
                right = rows[at]["TARGET"]
                names = [LABELS[tag] for tag in tags[places].tolist()]
                names += ["O"] * (len(right) - len(names))  # CUT
                gold |= names_in(at, right)
                found |= names_in(at, names)
                at += 1
        """
    if recipe.metric == "token_accuracy":
        text = text.replace("set(), set(), 0", "[], [], 0").replace(
            "|= names_in(at, right)", "+= right"
        )
        text = text.replace("|= names_in(at, names)", "+= names").replace('["O"]', "[LABELS[0]]")
    cut = str(_("words behind the longest length"))
    return text.replace('"TARGET"', quoted(recipe.target)).replace("CUT", cut)
