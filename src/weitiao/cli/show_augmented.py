"""What the command augment shows: new rows by step with samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weitiao.cli.terminal import say, show
from weitiao.core.sanitize import visible
from weitiao.i18n.messages import _, plural

if TYPE_CHECKING:
    from weitiao.api.augment import Augmented


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
