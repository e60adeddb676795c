"""What does LoRA teach a small decoder: replies to questions, and a text as JSON of its fields?

    python benchmarks/generating.py --data ../data       # goes on where it stopped
    python benchmarks/generating.py --table

SmolLM2-135M by weitiao's plan with LoRA. Works: `replies` (question and reply, English, of the
package chatterbot-corpus; a question stands on one side only) and `fields` (tweets of wnut17 with
at least one entity, to {person, place, group, product} as JSON). A cell is (work, way): `before`
is one update at a rate of 1e-9. Told are the loss of the validation rows, ROUGE-L, chrF, exact
match, valid JSON and the F1 of fields on judged rows, and tokens a second while these are written,
beside the `generate` of transformers with the same weights, one by one and in batches of 16.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import epochs
import task_sets
import timing

SCRIPT = Path(__file__).resolve()
CHECKPOINT = "smollm2-135m"
WORKS = ("replies", "fields")
WAYS: dict[str, dict[str, Any]] = {
    "before": {"train.epochs": 0.001, "train.learning_rate": 1e-9},
    "lora": {},
}
FIELDS = {"person": "person", "location": "place", "group": "group", "product": "product"}
ROWS, JUDGED, EPOCHS = 900, 150, 2.0
NEW_TOKENS = {"replies": 40, "fields": 64}
SPEED_ROWS, BATCH = 48, 16
Row = dict[str, str]


def main() -> None:
    given = _options()
    if timing.is_served(given, act, table):
        return
    cells = [
        {"work": work, "way": way, "rows": given.rows, "epochs": given.epochs}
        for work in given.works
        for way in WAYS
    ]
    run = timing.runner(SCRIPT, given)
    print(table(timing.run_cells(cells, given.results, run, given.minutes)))


def act(job: Mapping[str, Any]) -> timing.Record:
    """In the fresh process: train and judge one cell."""
    import weitiao

    epochs.use_threads(job["threads"])
    work = job["work"]
    train, judged = rows_of(work, job["rows"], Path(job["data"]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, test = (task_sets.write(rows, folder / f"{part}.jsonl")
                      for part, rows in (("train", train), ("test", judged)))  # fmt: skip
        target: Any = "reply" if work == "replies" else list(FIELDS.values())
        metrics = ["rougel", "chrf", "exact_match", *(["valid_json"] if work == "fields" else [])]
        changes: dict[str, Any] = {
            "model.adapter": {"lora": {}}, "model.max_length": 192, "data.test_size": 0.0,
            "train.epochs": job["epochs"], "evaluate.baselines": False,
            "evaluate.findings": False, "evaluate.bootstrap_samples": 0,
            "task": {"generation": {"max_new_tokens": NEW_TOKENS[work]}},
            "evaluate.metrics": metrics, **WAYS[job["way"]],
        }  # fmt: skip
        begun = time.perf_counter()
        fitted = weitiao.fit(
            str(path), task="generation", model=CHECKPOINT, out=folder, progress=False,
            roles={"text": "text", "target": target}, changes=changes,
        )  # fmt: skip
        took = round(time.perf_counter() - begun, 1)
        loss = best_loss(Path(fitted.run.folder))
        report, _, _ = weitiao.evaluate(fitted.run.folder, str(test))
        model = weitiao.load(fitted.run.folder)
        texts = [str(one) for one in model.predict([row["text"] for row in judged])]
        speed = speeds(model, judged, NEW_TOKENS[work]) if job["way"] == "lora" else {}
    return {
        "train_seconds": took,
        "validation_loss": loss,
        **{name: float(report.metrics[name]) for name in metrics},
        **({"field_f1": field_f1(texts, judged)} if work == "fields" else {}),
        "judged": len(judged),
        "train_rows": len(train),
        **({"speed": speed} if speed else {}),
        "samples": [
            [row["text"][:200], text] for row, text in zip(judged[:5], texts, strict=False)
        ],
    }


def best_loss(run: Path) -> float | None:
    """The least loss of the validation rows in a run's log."""
    lines = (
        json.loads(one) for one in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    )
    found = [one["validation"]["loss"] for one in lines if "validation" in one]
    return min(found) if found else None


def rows_of(work: str, count: int, data: Path) -> tuple[list[Row], list[Row]]:
    """Rows to train on and to judge by."""
    rows = _replies() if work == "replies" else _fields(data)
    questions = sorted({row["text"] for row in rows})
    random.Random(f"{work} split").shuffle(questions)
    asked = set(questions[:JUDGED])
    train = [row for row in rows if row["text"] not in asked]
    judged = list({row["text"]: row for row in rows if row["text"] in asked}.values())
    random.Random(f"{work} rows").shuffle(train)
    return train[:count], judged


def _replies() -> list[Row]:
    import yaml

    found = importlib.util.find_spec("chatterbot_corpus")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pip install --no-deps chatterbot-corpus pyyaml")
    rows = []
    for file in sorted(Path(found.submodule_search_locations[0], "data", "english").glob("*.yml")):
        for talk in yaml.safe_load(file.read_text(encoding="utf-8"))["conversations"]:
            texts = [one for one in talk if isinstance(one, str)][:2]
            if len(texts) == 2 and all(10 <= len(one) <= 300 for one in texts):
                rows.append({"text": texts[0], "reply": texts[1]})
    return rows


def _fields(data: Path) -> list[Row]:
    train, judged, _kind = task_sets.load("wnut17", 1, data)
    rows = []
    for row in [*train, *judged]:
        found = dict.fromkeys(FIELDS.values(), "")
        for kind, start, end in _spans(row["tags"]):
            if kind in FIELDS and not found[FIELDS[kind]]:
                found[FIELDS[kind]] = " ".join(row["tokens"][start:end])
        if any(found.values()):
            rows.append({"text": " ".join(row["tokens"]), **found})
    return rows


def _spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    spans: list[tuple[str, int, int]] = []
    for at, tag in enumerate(tags):
        if tag.startswith("B-"):
            spans.append((tag[2:], at, at + 1))
        elif tag.startswith("I-") and spans and spans[-1][2] == at:
            spans[-1] = (spans[-1][0], spans[-1][1], at + 1)
    return spans


def field_f1(texts: Sequence[str], judged: Sequence[Row]) -> float:
    """F1 of the fields that are not empty, written exactly."""
    right = said = wanted = 0
    for text, row in zip(texts, judged, strict=True):
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        found = found if isinstance(found, dict) else {}
        golds = {name: row[name] for name in FIELDS.values() if row[name]}
        given = {name: one for name, one in found.items() if one}
        right += sum(given.get(name) == one for name, one in golds.items())
        said, wanted = said + len(given), wanted + len(golds)
    return 2 * right / max(said + wanted, 1)


def speeds(model: Any, judged: Sequence[Row], most: int) -> dict[str, float]:
    """Tokens a second, by weitiao and by transformers with the weights of the checkpoint."""
    import torch
    import transformers

    from weitiao.checkpoints.resolve import resolve

    folder = str(resolve(CHECKPOINT).path_or_name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    texts = [row["text"] for row in judged[:SPEED_ROWS]]
    prompts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": one}], tokenize=False, add_generation_prompt=True
        )
        for one in texts
    ]

    def plain(batch: int) -> float:
        begun, count = time.perf_counter(), 0
        for at in range(0, len(prompts), batch):
            grid = tokenizer(prompts[at : at + batch], return_tensors="pt", padding=True)
            with torch.inference_mode():
                ids = network.generate(**grid, max_new_tokens=most, do_sample=False,
                                       pad_token_id=tokenizer.pad_token_id)  # fmt: skip
            written = ids[:, grid["input_ids"].shape[1] :]
            count += int((written != tokenizer.pad_token_id).sum())
        return count / (time.perf_counter() - begun)

    def weitiaos() -> float:
        begun = time.perf_counter()
        answers = [str(one) for one in model.predict(texts)]
        count = sum(len(tokenizer(one)["input_ids"]) + 1 for one in answers)
        return count / (time.perf_counter() - begun)

    found: dict[str, list[float]] = {}
    for _turn in range(2):
        for name, act in (("weitiao", weitiaos), ("generate, one by one", lambda: plain(1)),
                          (f"generate, batches of {BATCH}", lambda: plain(BATCH))):  # fmt: skip
            found.setdefault(name, []).append(round(act(), 1))
    return {name: max(some) for name, some in found.items()}


def table(records: list[timing.Record]) -> str:
    """Markdown: a line a cell; then the speed."""
    names = ("validation_loss", "rougel", "chrf", "exact_match", "valid_json", "field_f1")
    lines = [f"| work | way | {' | '.join(names)} |", "|---" * 8 + "|"]
    shown = [one for one in records if timing.has_figures(one)]
    for one in shown:
        values = " | ".join(
            f"{one[name]:.3f}" if one.get(name) is not None else "" for name in names
        )
        lines.append(f"| {one['work']} | {one['way']} | {values} |")
    for one in shown:
        if "speed" in one:
            speeds = "; ".join(f"{name} {rate:.1f}" for name, rate in one["speed"].items())
            lines.append(f"\n{one['work']}, tokens a second: {speeds}")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = timing.options(__doc__, "generating", rounds=1, days=True)
    parser.add_argument("--works", nargs="*", default=list(WORKS))
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    return timing.parsed(parser)


if __name__ == "__main__":
    main()
