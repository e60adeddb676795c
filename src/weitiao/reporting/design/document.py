"""The design document put together: its chapters, short or in full."""

from __future__ import annotations

from weitiao.i18n.messages import _
from weitiao.reporting.design.content import Chapter, Document, Quote
from weitiao.reporting.design.data_chapters import data_chapter, goal_chapter
from weitiao.reporting.design.learning_chapter import learning_chapter
from weitiao.reporting.design.model_chapters import (
    alternatives_chapter,
    model_chapter,
    settings_chapter,
)
from weitiao.reporting.design.outlook_chapters import (
    expectation_chapter,
    result_chapter,
    risks_chapter,
)
from weitiao.reporting.design.practice_chapters import (
    consent_chapter,
    deployment_chapter,
    evaluation_chapter,
    labour_chapter,
    licences_chapter,
    pipeline_chapter,
    title_of,
)
from weitiao.reporting.design.trace import Trace
from weitiao.results.format import task_name

ONLY_IN_FULL = {"alternatives", "licences", "labour", "deployment"}


def document_of(trace: Trace) -> Document:
    """The document of a plan, in the current language."""
    chapters: list[Chapter | None] = [
        goal_chapter(trace),
        result_chapter(trace),
        pipeline_chapter(trace),
        data_chapter(trace),
        model_chapter(trace),
        learning_chapter(trace),
        settings_chapter(trace),
        evaluation_chapter(trace),
        expectation_chapter(trace),
        risks_chapter(trace),
        alternatives_chapter(trace),
        licences_chapter(trace),
        labour_chapter(trace),
        deployment_chapter(trace),
        consent_chapter(trace),
    ]
    shown = [one for one in chapters if one and (trace.full or one.name not in ONLY_IN_FULL)]
    plan = trace.plan
    path = plan.data.path if isinstance(plan.data.path, str) else ", ".join(plan.data.path)
    facts = [
        _("task: {task}", task=task_name(plan.task_name)),
        _("model: {model}", model=Quote(plan.model.checkpoint)),
        _("data: {path}", path=Quote(path)),
        _("date: {date}", date=trace.of_facts("date", trace.facts.date)),
        Quote(f"weitiao {trace.facts.weitiao}"),
    ]
    return Document(title_of(trace), facts, shown)
