"""What the command augment shows: new rows by step with samples, or a trial with its verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weitiao.cli.terminal import say, show
from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _, name_list, plural

if TYPE_CHECKING:
    from weitiao.api.augment import Augmented
    from weitiao.api.augment_trial import Trial


def show_augmented(augmented: Augmented) -> None:
    """Counts and samples of each step."""
    counts = [(step, f"{count:,}") for step, count in augmented.made.items()]
    show(_("new rows, of {rows:,}", rows=augmented.rows), (_("step"), _("new rows")), counts)
    for step, samples in augmented.samples.items():
        for sample in samples:
            say(f"{step}  {sample.row}")
            say(f"  - {visible(sample.before)}")
            say(f"  + {visible(sample.after)}")
    for line in augmented.notes:
        say(line)
    if augmented.output:
        say(
            _(
                "{rows} written to {path}: to be read. A model that is fitted to this file would "
                "be tested on copies of its training rows; put steps into the plan instead "
                "(data.steps), which changes the training rows alone.",
                rows=plural(augmented.rows + sum(augmented.made.values()), "row"),
                path=augmented.output,
            )
        )
    else:
        say(_("nothing is written; -o FILE writes the rows."))


def show_trial(trial: Trial, output: Path | None) -> None:
    """Gain, interval and cost of each step, and what became of it."""
    title = _(
        "{metric} on {validation:,} validation rows; {seeds} paired seeds of {rows:,} training "
        "rows; without a step {none}",
        metric=trial.metric,
        validation=trial.validation_rows,
        seeds=trial.seeds,
        rows=trial.rows,
        none=f"{trial.none:.4f}",
    )
    lines = [
        (
            one.step,
            f"{one.gain:+.4f}",
            _("{low} to {high}", low=f"{one.low:+.4f}", high=f"{one.high:+.4f}"),
            f"{one.new_rows:,.0f}",
            f"{one.seconds:+.1f} s",
            _("kept") if one.kept else _("dropped"),
        )
        for one in trial.tried
    ]
    columns = (_("step"), _("gain"), _("interval"), _("new rows"), _("cost"), _("verdict"))
    show(title, columns, lines)
    for step, reason in trial.skipped.items():
        say(_("not tried: {step}: {reason}", step=step, reason=reason))
    kept = [one.step for one in trial.tried if one.kept]
    if kept:
        say(_("data.steps of the plan: {steps}", steps=name_list(kept)))
    else:
        say(_("no step helps beyond doubt; the plan has none."))
    if output:
        say(_("plan written to {path}", path=output))
