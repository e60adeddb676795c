"""Seed by seed: what a run of several seeds says of its plan, not only of the model it kept."""

from __future__ import annotations

from typing import Any

from weitiao.messages import counted, tell
from weitiao.report.blocks import Section, Table, Words
from weitiao.report.material import Material
from weitiao.report.told import figure, metric


def seeds(material: Material) -> list[Section]:
    """The section, for a run that has several seeds."""
    told = material.run.read("seeds")
    if "validation" not in told:
        return []
    tested = bool(told.get("test"))
    rows = [_row(one, told["best"], tested) for one in told["runs"]]
    for name, part in ((tell("mean"), "mean"), (tell("spread"), "spread")):
        ends = [figure(told[where][part]) for where in _where(tested)]
        rows.append([name, *ends, ""])
    head = [tell("seed"), tell("validation"), *([tell("test")] if tested else []), ""]
    name = metric(told["metric"])
    caption = tell("{metric} of {seeds}", metric=name, seeds=counted(told["asked"], "seed"))
    blocks: list[Any] = [Table(caption, head, rows, range(1, len(head) - 1))]
    where = told["test" if tested else "validation"]
    blocks.append(
        Words(
            tell(
                "Another seed of this plan gives {low} to {high}; that is how far two runs may be "
                "apart without one plan being better. The model kept is the best in validation.",
                low=figure(where["lowest"]),
                high=figure(where["highest"]),
            ),
            "note",
        )
    )
    return [Section("seeds", tell("Seed by seed"), blocks)]


def _where(tested: bool) -> list[str]:
    return ["validation", "test"] if tested else ["validation"]


def _row(one: dict[str, Any], best: str, tested: bool) -> list[str]:
    note = tell("best in validation") if one["folder"] == best else ""
    if one["replaced"]:
        note = tell("learned nothing, replaced")
    return [str(one["seed"]), *(figure(one[where]) for where in _where(tested)), note]
