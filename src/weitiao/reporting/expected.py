"""Section of the report: what the plan expected, beside what happened."""

from __future__ import annotations

from weitiao.i18n.messages import _
from weitiao.planfile.expectation import Expectation
from weitiao.reporting.render import Section, Table, Words
from weitiao.results import expected
from weitiao.results.run_data import Material
from weitiao.results.run_phases import RunPhases


def expected_section(material: Material) -> Section | None:
    """Expected beside actual; None where the plan was not measured or there is no outcome yet."""
    took = RunPhases.read(material.run)
    listed = expected.held(material.plan, took, material.metrics)
    if not listed:
        return None
    sentences = [Words(expected.summary(listed))]
    if sentence := busy_sentence(Expectation.of(material.plan), took):
        sentences.append(Words(sentence))
    table = Table(_("Expected and actual"), expected.columns(), expected.rows_of(listed), [1, 2, 3])
    return Section("expected", _("Expected and actual"), [*sentences, table])


def busy_sentence(expectation: Expectation, took: RunPhases) -> str:
    """How busy the machine was when it was measured, and in the run."""
    if expectation.measured is None or took.busy is None:
        return ""
    return _(
        "Other programs used {then:.0%} of the processors while the plan was measured, {now:.0%} "
        "during the run.",
        then=expectation.measured.busy,
        now=took.busy,
    )
