"""What a trial of steps or cleaners shows: gain, interval and cost of each, and its verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weitiao.cli.terminal import print_json, say, show
from weitiao.evaluation.metric_names import metric as metric_name
from weitiao.i18n.messages import _, name_list

if TYPE_CHECKING:
    from weitiao.api.trial import Trial


def finish(trial: Trial, output: Path | None, json_: bool) -> None:
    """Write the plan of a trial where a file is named, and show the trial."""
    if output:
        trial.plan.save(output)
    if json_:
        print_json(trial.to_json())
    else:
        _show(trial, output)


def _show(trial: Trial, output: Path | None) -> None:
    """Gain, interval and cost of each step or cleaner, and what became of it."""
    from weitiao.api.trial import STEPS, named

    steps = trial.section == STEPS
    title = _(
        "{metric} of {rows:,} training rows, each left out in turn, with {seeds} paired seeds; "
        "without any of them {none}",
        metric=metric_name(trial.metric),
        rows=trial.rows,
        seeds=trial.seeds,
        none=f"{trial.none:.4f}",
    )
    lines = [
        (
            name,
            f"{one.gain:+.4f}",
            _("{low} to {high}", low=f"{one.low:+.4f}", high=f"{one.high:+.4f}"),
            f"{one.new_rows:,.0f}",
            f"{one.seconds:+.1f} s",
            _("kept") if one.kept else _("dropped"),
        )
        for name, one in named(trial)
    ]
    name = _("augmentation step") if steps else _("cleaner")
    rows = _("new rows") if steps else _("changed rows")
    show(title, (name, _("gain"), _("interval"), rows, _("cost"), _("verdict")), lines)
    for skipped, reason in trial.skipped.items():
        say(_("not tried: {step}: {reason}", step=skipped, reason=reason))
    kept = [one.step for one in trial.tried if one.kept]
    if kept:
        say(_("{section} of the plan: {names}", section=trial.section, names=name_list(kept)))
    elif steps:
        say(_("no step helps beyond doubt; the plan has none."))
    else:
        say(_("no cleaner helps beyond doubt; the plan has no more than before."))
    if output:
        say(_("plan written to {path}", path=output))
