"""What weitiao's training is timed against: the Hugging Face Trainer, and a loop from parts.

Texts are tokenised before the clock starts. Tokens are counted without padding.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import references
from epochs import (
    BATCH,
    LEARNING_RATE,
    ROLES,
    WORKS,
    kind_of,
    rows_of,
    task_of,
    use_threads,
)  # fmt: skip
from timing import Mark, Record, between, mark


def trainer(job: Mapping[str, Any]) -> Record:
    """The Trainer with its default settings; the job may pad all rows, ask for bf16 and groups."""
    import transformers
    from transformers import Trainer, TrainerCallback, TrainingArguments

    tags = task_of(job["set"]) == "token_classification"
    collator = transformers.DataCollatorForTokenClassification if tags else (
        transformers.DataCollatorWithPadding
    )  # fmt: skip
    use_threads(job["threads"])
    network, tokenizer, rows, tokens = _start(job, padded=job.get("padded", False))
    marks: list[Mark] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step == 0:
                marks.append(mark())

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            marks[1:] = [mark()]

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=LEARNING_RATE,
            bf16=job.get("bf16", False),
            train_sampling_strategy="group_by_length" if job.get("grouped") else "random",
            seed=1,
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        Trainer(
            model=network,
            args=arguments,
            train_dataset=rows,
            data_collator=collator(tokenizer),
            processing_class=tokenizer,
            callbacks=[Clock()],
        ).train()
    return _figures(marks[0], marks[1], tokens, rows, job)


def loop(job: Mapping[str, Any]) -> Record:
    """The most that transformers' parts give: buckets of equal length, bf16, fused AdamW."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    use_threads(job["threads"])
    network, tokenizer, rows, tokens = _start(job)
    batches = [_batch([rows[i] for i in part], tokenizer) for part in _buckets(rows)]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True
    )
    schedule = get_linear_schedule_with_warmup(optimizer, 0, len(batches))
    network.train()
    begin = mark()
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=job.get("bf16", False)):
            loss = network(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    return _figures(begin, mark(), tokens, rows, job)


def _start(job: Mapping[str, Any], padded: bool = False) -> tuple[Any, Any, list[Record], int]:
    """The network, its tokenizer, the rows as token ids with labels, and how many tokens."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed
    from transformers.utils import logging

    from weitiao.checkpoints.resolve import resolve

    logging.set_verbosity_error()
    work = WORKS[job["set"]]
    folder = resolve(kind_of(job["set"]).checkpoint).path_or_name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = rows_of(job["set"], job["rows"], Path(job["data"]))
    if task_of(job["set"]) in ROLES:
        set_seed(1)
        task, length = task_of(job["set"]), work.max_length
        network, found = references.start(rows, task, folder, tokenizer, length)
        return network, tokenizer, found, sum(len(row["input_ids"]) for row in found)
    labels = sorted({row["label"] for row in rows})
    encoded = tokenizer(
        [row["text"] for row in rows],
        truncation=True,
        max_length=work.max_length,
        padding="max_length" if padded else False,
    )
    tokens = sum(map(sum, encoded["attention_mask"]))
    found = [
        {**{key: encoded[key][i] for key in encoded}, "labels": labels.index(row["label"])}
        for i, row in enumerate(rows)
    ]
    set_seed(1)
    network = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(labels))
    return network, tokenizer, found, tokens


def _buckets(rows: list[Record]) -> list[list[int]]:
    """Rows of nearly equal length together, equal ones in random order; batches in random order."""
    draw = random.Random(1)
    keys = [(len(row["input_ids"]), draw.random()) for row in rows]
    order = sorted(range(len(rows)), key=keys.__getitem__)
    parts = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    draw.shuffle(parts)
    return parts


def _batch(rows: list[Record], tokenizer: Any) -> Any:
    return references.batch_of(rows, tokenizer)


def _figures(
    begin: Mark, end: Mark, tokens: int, rows: list[Record], job: Mapping[str, Any]
) -> Record:
    mean = round(tokens / len(rows), 1)
    return {
        **between(begin, end),
        "lengths": [sum(row["attention_mask"]) for row in rows],  # without padding
        "rate": tokens / (end.clock - begin.clock),
        "about": {"rows": len(rows), "mean_tokens": mean, "threads": job["threads"]},
    }
