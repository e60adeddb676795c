"""What the command tune shows: the best trials, the verdict, and where the files are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weitiao.cli.terminal import say, show
from weitiao.i18n.messages import _

if TYPE_CHECKING:
    from weitiao.tuning.outcome import Tuned

MOST_SHOWN = 5


def show_tuned(tuned: Tuned) -> None:
    """The outcome of a search."""
    from weitiao.reporting import tune_page
    from weitiao.results.format import metric

    columns = (_("trial"), metric(tuned.metric), _("epochs"), _("settings"))
    if lines := tune_page.best_lines(tuned, MOST_SHOWN):
        show(_("best trials on validation"), columns, lines)
    if tuned.winner:
        say(_("better settings found: {reason}", reason=tune_page.reason(tuned)))
    else:
        say(_("the plan stays as it is: {reason}", reason=tune_page.reason(tuned)))
    for line in (tune_page.candidate_text(tuned), tune_page.optimism_text(tuned), tuned.note):
        if line:
            say(line)
    say(_("plan: {path}", path=tuned.folder / "tuned.yaml"))
    say(_("page: {path}", path=tuned.folder / tune_page.NAME))
