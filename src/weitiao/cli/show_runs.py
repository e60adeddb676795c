"""Tables of several runs at once: comparisons, seeds, experiments."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from weitiao.cli.show_findings import show_criteria
from weitiao.cli.terminal import figure, print_json, say, show
from weitiao.i18n.messages import _, plural

if TYPE_CHECKING:
    from weitiao.api.seeds import Seeded
    from weitiao.experiments.runner import Found
    from weitiao.results.comparison import Compared


def show_compared(found: Compared) -> None:
    """Each comparison with the first: its figures, then the verdict in a sentence."""
    from weitiao.results.comparison import reason, share, signed, word

    for name, one in zip(found.names[1:], found.comparisons, strict=True):
        rows = []
        for gap in one.gaps:
            low, high = signed(gap.change.low), signed(gap.change.high)
            rows.append([gap.name, figure(gap.means[0]), figure(gap.means[1]),
                         signed(gap.change.value),
                         _("{low} to {high}", low=low, high=high)])  # fmt: skip
        head = [_("metric"), found.names[0], name, _("difference"),
                _("{level} interval", level=share(one.level))]  # fmt: skip
        title = _("{first} → {second}: {rows}", first=found.names[0], second=name,
                     rows=plural(one.rows, "row"))  # fmt: skip
        show(title, head, rows)
        sentence = _plain(reason(found.names[0], name, one))
        say(_("{verdict}. {sentence}", verdict=word(one), sentence=sentence))
    for note in found.aligned.notes:
        say(note)


def _plain(text: str) -> str:
    """Without the marks that keep other people's words apart in a page."""
    return text.replace("\u2068", "").replace("\u2069", "")


def finish_seeds(found: Seeded, as_json: bool) -> None:
    """What several seeds end with; an interruption ends the program with code 130."""
    show_seeds(found)
    if as_json:
        print_json(found.summary())
    if found.state == "interrupted":
        sys.exit(130)


def show_seeds(found: Seeded) -> None:
    """A line a seed, the mean and the standard deviation."""
    record = found.record
    if found.state == "interrupted" or record.validation is None:
        say(found.run.goes_on())
        return
    rows = []
    for one in record.runs:
        note = _("learned nothing, replaced") if one.replaced else ""
        if one.folder == record.best:
            note = _("best in validation")
        rows.append([str(one.seed), _score(one.validation), _score(one.test), note])
    for name, part in ((_("mean"), "mean"), (_("spread"), "std")):
        tested = record.test[part] if record.test else None
        rows.append([name, _score(record.validation[part]), _score(tested), ""])
    head = [_("seed"), _("validation"), _("test"), ""]
    title = _("{metric} of {seeds}", metric=record.metric, seeds=plural(record.requested, "seed"))
    show(title, head, rows)
    show_criteria({"acceptance": found.verdicts})
    say(_("model: {path}", path=found.run.best))
    say(_("compare with another recipe: weitiao compare {run} OTHER", run=found.run.folder))


def show_experiment(found: Found) -> None:
    """A line for each recipe and peer on each data set."""
    rows, errors = [], []
    for line in found.lines():
        between, verdict = "", ""
        if line.against is not None:
            change = line.against.gaps[0].change
            between = _("{gap} ({low} to {high})", gap=f"{change.value:+.4f}",
                           low=f"{change.low:+.4f}", high=f"{change.high:+.4f}")  # fmt: skip
            verdict = _verdicts()[line.against.word]
        done = f"{line.done}/{line.cells}"
        rows.append([line.data, line.recipe, done, line.metric, _known(line.mean),
                     _known(line.spread), between, verdict])  # fmt: skip
        if line.error:
            errors.append(_("{name}: {note}", name=line.recipe, note=line.error))
    head = [_("data"), _("recipe"), _("seeds"), _("metric"), _("mean"),
            _("spread"), _("against the first"), _("verdict")]  # fmt: skip
    show(_("experiment: {folder}", folder=found.store.root), head, rows)
    for told in dict.fromkeys(errors):
        say(told)
    say(_("every cell: {path}", path=found.store.root / "table.csv"))


def _verdicts() -> dict[str, str]:
    return {"better": _("better"), "worse": _("worse"), "open": _("may be chance"),
            "same": _("the same")}  # fmt: skip


def _known(value: float) -> str:
    return "–" if value != value else figure(value)


def _score(value: float | None) -> str:
    return "–" if value is None else figure(value)
