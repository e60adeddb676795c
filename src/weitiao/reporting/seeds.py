"""Seed by seed: what a run of several seeds says of its plan, not only of the model it kept."""

from __future__ import annotations

from typing import Any

from weitiao.i18n.messages import _, plural
from weitiao.reporting.blocks import Section, Table, Words
from weitiao.results.format import figure, metric
from weitiao.results.run_data import Material


def seeds(material: Material) -> list[Section]:
    """The section, for a run that has several seeds."""
    told = material.run.read("seeds")
    if "validation" not in told:
        return []
    tested = bool(told.get("test"))
    rows = [_row(one, told["best"], tested) for one in told["runs"]]
    for name, part in ((_("mean"), "mean"), (_("spread"), "spread")):
        ends = [figure(told[where][part]) for where in _where(tested)]
        rows.append([name, *ends, ""])
    head = [_("seed"), _("validation"), *([_("test")] if tested else []), ""]
    name = metric(told["metric"])
    caption = _("{metric} of {seeds}", metric=name, seeds=plural(told["asked"], "seed"))
    blocks: list[Any] = [Table(caption, head, rows, range(1, len(head) - 1))]
    where = told["test" if tested else "validation"]
    blocks.append(
        Words(
            _(
                "Another seed of this plan gives {low} to {high}; that is how far two runs may be "
                "apart without one plan being better. The model kept is the best in validation.",
                low=figure(where["lowest"]),
                high=figure(where["highest"]),
            ),
            "note",
        )
    )
    return [Section("seeds", _("Seed by seed"), blocks)]


def _where(tested: bool) -> list[str]:
    return ["validation", "test"] if tested else ["validation"]


def _row(one: dict[str, Any], best: str, tested: bool) -> list[str]:
    note = _("best in validation") if one["folder"] == best else ""
    if one["replaced"]:
        note = _("learned nothing, replaced")
    return [str(one["seed"]), *(figure(one[where]) for where in _where(tested)), note]
