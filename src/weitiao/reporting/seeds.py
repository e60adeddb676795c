"""Seed by seed: what a run of several seeds says of its plan, not only of the model it kept."""

from __future__ import annotations

from typing import Any

from weitiao.i18n.messages import _, plural
from weitiao.reporting.blocks import Section, Table, Words
from weitiao.results.format import figure, metric
from weitiao.results.records import SeedRun, SeedsRecord
from weitiao.results.run_data import Material


def seeds(material: Material) -> list[Section]:
    """The section, for a run that has several seeds."""
    record = SeedsRecord.read(material.run)
    if record.validation is None:
        return []
    columns = [record.validation, *([record.test] if record.test else [])]
    rows = [_row(one, record) for one in record.runs]
    rows.append([_("mean"), *(figure(scores.mean) for scores in columns), ""])
    rows.append([_("spread"), *(figure(scores.std) for scores in columns), ""])
    head = [_("seed"), _("validation"), *([_("test")] if record.test else []), ""]
    seeds_ = plural(record.requested, "seed")
    caption = _("{metric} of {seeds}", metric=metric(record.metric), seeds=seeds_)
    blocks: list[Any] = [Table(caption, head, rows, range(1, len(head) - 1))]
    blocks.append(
        Words(
            _(
                "Another seed of this plan gives {low} to {high}; that is how far two runs may be "
                "apart without one plan being better. The model kept is the best in validation.",
                low=figure(columns[-1].lowest),
                high=figure(columns[-1].highest),
            ),
            "note",
        )
    )
    return [Section("seeds", _("Seed by seed"), blocks)]


def _row(one: SeedRun, record: SeedsRecord) -> list[str]:
    note = _("best in validation") if one.folder == record.best else ""
    if one.replaced:
        note = _("learned nothing, replaced")
    scores = [one.validation, *([one.test] if record.test else [])]
    return [str(one.seed), *map(figure, scores), note]
