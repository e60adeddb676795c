"""Chapters of the design document about what is expected, what can go wrong, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from weitiao.core import fingerprint
from weitiao.i18n.messages import _, localized, plural
from weitiao.reporting.design.content import Block, Chapter, Grid, Points, Prose, Quote
from weitiao.reporting.design.model_chapters import (
    about_models,
    estimate,
    measured_table,
    tables_of,
)
from weitiao.reporting.design.trace import Trace, number, shown
from weitiao.reporting.verdict import criterion_name
from weitiao.results.format import duration, figure, metric, short_label, split_name

FEW_ROWS = 30  # of a label: its recall is a matter of single rows
SKEWED = 10.0  # times the rows of the smallest label
MUCH_CUT = 0.05  # of the tokens
CURVE = {"rows", "train_rows", "examples"}  # columns by which a table is a learning curve
FINGERPRINTS = {"measured.plan", "measured.machine", "measured.family"}  # only in the full document
OWN_KEYS = {"train_seconds", "memory_mb", "threads", "of"}


def expectation_chapter(trace: Trace) -> Chapter:
    """Time, memory and quality, as far as the plan predicts them, and a learning curve."""
    expect, blocks = trace.plan.expect, list[Block]()
    rows: list[list[str]] = []
    if "train_seconds" in expect:
        text = duration(expect["train_seconds"])
        rows.append([_("training time"), trace.of_plan("expect.train_seconds", text)])
    if "memory_mb" in expect:
        text = f"{expect['memory_mb']:,} MB"
        rows.append([_("peak memory"), trace.of_plan("expect.memory_mb", text)])
    if "threads" in expect:
        rows.append([_("threads"), trace.of_plan("expect.threads", expect["threads"])])
    more = {key: value for key, value in expect.items() if key not in OWN_KEYS}
    rows += [
        [_known_key(key), trace.of_plan(f"expect.{key}", _spelled(key, value))]
        for key, value in leaves_of(more)
        if trace.full or key not in FINGERPRINTS
    ]
    if rows:
        blocks.append(Grid(_("Expected on this machine"), [], rows, [1]))
        if any(estimate(value) is not value for _key, value in leaves_of(more)):
            blocks.append(Prose(_("In brackets: the interval of the estimate."), "note"))
        if _is_stale(trace):
            blocks.append(
                Prose(
                    _(
                        "The plan was changed after these figures were computed: they are those of "
                        "the plan as it was."
                    ),
                    "warning",
                )
            )
    else:
        blocks.append(Prose(_("The plan has no prediction of time and memory.")))
    tables = [(key, one) for key, one in tables_of(more) if not about_models(one)]
    curves = [(key, one) for key, one in tables if CURVE & one[0].keys()]
    for key, records in tables:
        title: str = _("Phases") if key == "phases" else Quote(localized(key))
        title = _("Learning curve") if (key, records) in curves else title
        blocks.append(measured_table(trace, key, records, title))
    blocks += _doubled(trace)
    if not curves:
        blocks.append(
            Prose(
                _("No learning curve was measured, so it is not known what more rows would bring."),
                "note",
            )
        )
    return Chapter("expected", _("Expected time, memory and quality"), blocks)


def _known_key(key: str) -> str:
    """What a key of `expect` is called; others stand as they are."""
    names = {
        "total_seconds": _("whole run (seconds)"),
        "peak_mb": _("peak memory (MB)"),
        "quality.metric": _("metric"),
        "quality.score": _("score on new rows"),
        "quality.linear": _("score of the linear model on frozen features"),
        "quality.rows": _("training rows"),
        "quality.doubled": _("gain from twice the rows"),
        "measured.seconds": _("time of the measurement"),
        "measured.busy": _("processor taken by other programs meanwhile"),
        "measured.runs": _("earlier runs that corrected it"),
    }
    return names.get(key) or Quote(key, code=True)


def _spelled(key: str, value: Any) -> Any:
    """A value of `expect` as people read it."""
    if key == "measured.seconds":
        return estimate(value, duration)
    if key == "measured.busy":
        return estimate(value, "{:.0%}".format)
    return metric(value) if key == "quality.metric" else estimate(value)


def _doubled(trace: Trace) -> Iterator[Block]:
    """What twice the rows would add, where that was measured."""
    quality = trace.plan.expect.get("quality")
    if isinstance(quality, dict) and "doubled" in quality:
        gain = trace.of_plan("expect.quality.doubled", estimate(quality["doubled"]))
        yield Prose(_("Twice the rows would add about {gain} to the metric.", gain=gain))


def leaves_of(node: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of nested plain data; lists of plain values whole, tables left out.

    >>> list(leaves_of({"quality": {"low": 0.8, "high": 0.9}, "phases": [{"a": 1}]}))
    [('quality.low', 0.8), ('quality.high', 0.9)]
    """
    tables = {key for key, _records in tables_of(node)}
    yield from _leaves(node, above, tables)


def _leaves(node: Any, above: str, tables: set[str]) -> Iterator[tuple[str, Any]]:
    if above in tables:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{above}.{key}" if above else str(key), tables)
    else:
        yield above, node


def _is_stale(trace: Trace) -> bool:
    """Whether the plan differs from the one whose figures `expect` holds: see planning.advise."""
    if "of" not in trace.plan.expect:
        return False
    plain = trace.plan.model_dump(exclude={"why", "expect"}, mode="json")
    digest = fingerprint.of_text(json.dumps(plain, sort_keys=True))
    return bool(digest != trace.plan.expect["of"])


def risks_chapter(trace: Trace) -> Chapter:
    """What is likely to go wrong with these rows, and what is done about it."""
    rows = [[risk, answer] for risk, answer in _risks(trace)]
    head = [_("risk"), _("what is done about it")]
    return Chapter("risks", _("Risks"), [Grid(_("Risks of this plan"), head, rows)])


def _risks(trace: Trace) -> Iterator[tuple[str, str]]:
    known, split = trace.facts.look, trace.facts.split
    if known and known.labels and min(known.labels.values()) < FEW_ROWS:
        name, count = min(known.labels.items(), key=lambda one: one[1])
        yield (
            _(
                "The label {label} has {rows}",
                label=Quote(short_label(name)),
                rows=trace.rows("look.labels", count),
            ),
            _("label more rows of it (`weitiao annotate`), or merge labels in `data.labels`"),
        )
    if known and known.imbalance > SKEWED:
        times = trace.of_facts("look.imbalance", number(known.imbalance, 3))
        yield (
            _("The largest label has {times} times the rows of the smallest", times=times),
            _(
                "a metric that counts labels alike; `train.class_weights: balanced` if rare labels "
                "matter"
            ),
        )
    if known and known.conflicts:
        yield (
            _(
                "{count} texts have conflicting targets",
                count=trace.of_facts("look.conflicts", known.conflicts),
            ),
            _("decide them with `weitiao review`; no model can be right on both"),
        )
    yield from _cut(trace)
    if split and split["validation"] < 100:
        yield (
            _(
                "{rows} for validation: scores are uncertain",
                rows=trace.rows("split.validation", split["validation"]),
            ),
            _("intervals are shown; several seeds (`--seeds`) say how much is luck"),
        )
    kinds = {one.kind: one for one in known.findings} if known else {}
    if one := kinds.get("personal_data"):
        yield (
            _("Personal data in {rows}", rows=trace.rows("look.findings", one.rows)),
            _(
                "fill in purpose and legal basis above; the cleaner `personal_data` can take them "
                "out"
            ),
        )
    if not trace.facts.checkpoint.licence:
        yield (
            _("The licence of the checkpoint is not recorded"),
            _("read its model card before use, and fill it in"),
        )
    yield (
        _("Texts in use come to differ from these rows"),
        _("a fresh labelled sample at fixed times; see deployment"),
    )


def _cut(trace: Trace) -> Iterator[tuple[str, str]]:
    known, most = trace.facts.look, trace.plan.model.max_length
    cuts = known.tokens.get("cut", []) if known else []
    for one in cuts:
        if one["limit"] == most and one["tokens"] > MUCH_CUT:
            yield (
                _(
                    "{share} of all tokens stand behind the first {most} of their row",
                    share=trace.of_facts("look.tokens", f"{one['tokens']:.0%}"),
                    most=trace.of_plan("model.max_length"),
                ),
                _("a longer `model.max_length`, or `model.long_texts: windows`"),
            )


def result_chapter(trace: Trace) -> Chapter | None:
    """What came out, beside what was expected; None for a plan that has not run."""
    if trace.run is None or not trace.run.metrics:
        return None
    metrics, expect = trace.run.metrics, trace.plan.expect
    rows = []
    for name, value in metrics.metrics.items():
        low, high = metrics.intervals.get(name) or (None, None)
        interval = "" if low is None else f"{figure(low)} – {figure(high)}"
        baseline = metrics.baselines.get(metrics.against or "", {}).get(name)
        cells = [figure(value), interval, "" if baseline is None else figure(baseline)]
        keys = ("metrics", "intervals", "baselines")
        cells = [
            trace.of_run("metrics.json", key, text) if text else ""
            for key, text in zip(keys, cells, strict=True)
        ]
        rows.append([Quote(metric(name)), *cells])
    caption = _(
        "Metrics on {rows} ({part})",
        rows=trace.of_run("metrics.json", "rows", plural(metrics.rows, "row")),
        part=split_name(metrics.split),
    )
    head = [_("metric"), _("value"), _("interval"), _("best baseline")]
    blocks: list[Block] = [Grid(caption, head, rows, [1, 2, 3], marked=False)]
    blocks += list(_criteria(trace))
    pairs = [
        (
            _("training time"),
            expect.get("train_seconds") and duration(expect["train_seconds"]),
            metrics.seconds.train and duration(metrics.seconds.train),
            ("expect.train_seconds", "seconds.train"),
        ),
        (
            _("peak memory"),
            expect.get("memory_mb") and f"{expect['memory_mb']:,} MB",
            metrics.peak_memory_mb and f"{metrics.peak_memory_mb:,} MB",
            ("expect.memory_mb", "peak_memory_mb"),
        ),
    ]
    compared = [
        [name, trace.of_plan(keys[0], wanted), trace.of_run("metrics.json", keys[1], came)]
        for name, wanted, came, keys in pairs
        if wanted and came
    ]
    if compared:
        head = ["", _("expected"), _("measured")]
        blocks.append(Grid(_("Expected and measured"), head, compared, [1, 2]))
    return Chapter("result", _("Result of the run"), blocks)


def _criteria(trace: Trace) -> Iterator[Block]:
    assert trace.run is not None
    lines = []
    for at, one in enumerate(trace.run.metrics.acceptance):
        key = f"acceptance.{at}"
        name = Quote(criterion_name(one))
        value = trace.of_run("metrics.json", key, figure(one.value))
        limit = trace.of_run("metrics.json", key, shown(one.limit))
        lines.append(
            _("{metric}: {value}, limit {limit}: reached", metric=name, value=value, limit=limit)
            if one.passed
            else _(
                "{metric}: {value}, limit {limit}: not reached",
                metric=name,
                value=value,
                limit=limit,
            )
        )
    if lines:
        yield Prose(_("Acceptance:"))
        yield Points(lines)
