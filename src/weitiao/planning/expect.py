"""Time and memory that a plan should take on this machine."""

from __future__ import annotations

import json
from typing import Any

from weitiao import parts
from weitiao.core import fingerprint
from weitiao.planfile.plan import Plan
from weitiao.planning import cost
from weitiao.planning.facts import Facts


def expectations(plan: Plan, facts: Facts) -> dict[str, Any]:
    """Time and memory the plan should take on this machine."""
    most = plan.model.max_length
    length, windows = facts.tokens_a_row(most), facts.windows(most)
    train, held = facts.train_rows, facts.rows * plan.data.validation_size
    learned = _learned(plan, facts)
    seconds = cost.training_seconds(
        facts.network, facts.speed,
        rows=train * plan.train.epochs * windows, length=length,
        batch_size=plan.train.batch_size * (1 if facts.apart else windows),
        lazy_embeddings=_lazy_embeddings(plan),
        learned=learned,
    )  # fmt: skip
    seconds += cost.judging_seconds(
        facts.network, facts.speed, rows=held * plan.train.evaluations * windows, length=length
    )
    if plan.train.budget:
        seconds = min(seconds, plan.train.budget)
    read = facts.tokens.clip(max=most) if facts.apart else facts.reading.reads(facts.tokens, most)
    longest, asked = float(read.max()), plan.train.micro_batch_tokens
    at_once = max(cost.MOST_TOKENS if asked == "auto" else asked, longest)
    tokens = min(at_once, plan.train.batch_size * longest)
    shown = plan.model_dump(exclude={"why", "expect"}, mode="json")
    digest = fingerprint.of_text(json.dumps(shown, sort_keys=True))
    return {
        "train_seconds": round(seconds, 1),
        "memory_mb": round(cost.memory_mb(facts.network, batch_tokens=tokens, learned=learned)),
        "threads": facts.speed.threads,
        "of": digest,
    }


def _learned(plan: Plan, facts: Facts) -> int | None:
    """About how many weights learn; None for all."""
    for name, settings in plan.model.adapter.items():
        network, part = facts.network, parts.build("adapters", name, settings)
        hidden = network.hidden_size
        return int(part.size(hidden, network.inner_size, network.layers)) + hidden * hidden
    return None


def _lazy_embeddings(plan: Plan) -> bool:
    """Whether AdamW skips the embeddings of absent words; the field has an older name, too."""
    settings = plan.train.optimizer.get("adamw", {})
    return bool(settings.get("lazy_embeddings", settings.get("touched_rows")))
