"""Chapters of the design document about the goal and the rows."""

from __future__ import annotations

from collections.abc import Iterator

from weitiao.core.sanitize import shortened
from weitiao.i18n.messages import _, localized, plural
from weitiao.planfile.acceptance import Criterion
from weitiao.reporting.design.content import Blank, Block, Chapter, Grid, Points, Prose, Quote
from weitiao.reporting.design.trace import Trace, number, role_columns
from weitiao.results.format import duration, language_name, metric, short_label, task_name

SHORT_FINDINGS, SHORT_LABELS = 6, 8
HASH_DIGITS = 16  # in the short document; the full one has all


def goal_chapter(trace: Trace) -> Chapter:
    """What is to be reached, by which line it is accepted, and the plan in a table."""
    plan, facts = trace.plan, trace.facts
    target = plan.data.roles.get("target", "")
    blocks: list[Block] = [
        Prose(
            _(
                "A pre-trained model, {model}, is fine-tuned for {task}: it learns to predict the "
                "column {target}.",
                model=Quote(plan.model.checkpoint),
                task=task_name(plan.task_name),
                target=Quote(target if isinstance(target, str) else ", ".join(target)),
            )
        ),
        Grid(
            _("Purpose"),
            [],
            [
                [_("What the predictions are used for"), Blank(_("fill in"))],
                [_("What a wrong prediction costs"), Blank(_("fill in"))],
            ],
        ),
    ]
    lines = list(_acceptance(trace))
    if lines:
        blocks += [Prose(_("The model is accepted when:")), Points(lines)]
    else:
        blocks.append(
            Prose(
                _(
                    "No acceptance line is set. Set one before training, in the section "
                    "`acceptance` of the plan: afterwards every result looks like the goal."
                ),
                "warning",
            )
        )
    rows: list[list[str]] = []
    for part, name in (
        ("train", _("training rows")),
        ("validation", _("validation rows")),
        ("test", _("sealed test rows")),
    ):
        if part in facts.split:
            rows.append([name, trace.of_facts(f"split.{part}", facts.split[part])])
    if facts.derived:
        rows.append([_("optimizer steps"), trace.of_facts("derived.steps", facts.derived.steps)])
    if "train_seconds" in plan.expect:
        seconds = duration(plan.expect["train_seconds"])
        rows.append([_("expected training time"), trace.of_plan("expect.train_seconds", seconds)])
    if "memory_mb" in plan.expect:
        memory = f"{plan.expect['memory_mb']:,} MB"
        rows.append([_("expected peak memory"), trace.of_plan("expect.memory_mb", memory)])
    if rows:
        blocks.append(Grid(_("At a glance"), [], rows, [1]))
    return Chapter("goal", _("Goal and acceptance"), blocks)


def _acceptance(trace: Trace) -> Iterator[str]:
    for name, criteria in trace.plan.acceptance.items():
        for one in criteria:
            yield _criterion(trace, name, one)


def _criterion(trace: Trace, name: str, one: Criterion) -> str:
    names = {
        "recall": _("recall"),
        "precision": _("precision"),
        "f1": "F1",
        "ece": _("calibration error"),
        "latency": _("seconds for a row"),
    }
    what: str = Quote(names.get(name) or metric(name))
    limit = trace.of_plan(f"acceptance.{name}", number(one.limit))
    if one.label:
        what = _("{metric} of the label {label}", metric=what, label=Quote(one.label))
    if one.at_least is not None and one.lower_bound:
        return _("the interval of {metric} lies at {limit} or above", metric=what, limit=limit)
    if one.at_least is not None:
        return _("{metric} is at least {limit}", metric=what, limit=limit)
    if one.lower_bound:
        return _("the interval of {metric} lies at {limit} or below", metric=what, limit=limit)
    return _("{metric} is at most {limit}", metric=what, limit=limit)


def data_chapter(trace: Trace) -> Chapter:
    """Where the rows are from, what is in them, and what is wrong with them."""
    facts = trace.facts
    blocks: list[Block] = []
    if facts.files:
        blocks.append(_files(trace))
    roles = [[role, column] for role, column in role_columns(trace.plan)]
    blocks.append(Grid(_("Columns"), [_("role"), _("column")], roles))
    blocks.append(_rights())
    for reason in facts.missing:
        blocks.append(Prose(Quote(localized(reason)), "warning"))
    if facts.look:
        blocks += [_counts(trace), *_targets(trace), _lengths(trace), *_findings(trace)]
    if trace.full and facts.history:
        lines = [trace.of_facts("history", localized(line)) for line in facts.history]
        blocks += [Prose(_("What was done to the rows:")), Points(lines)]
    return Chapter("rows", _("Data and findings"), blocks)


def _files(trace: Trace) -> Grid:
    names = {"data": _("data"), "validation": _("validation"), "test": _("test")}
    rows = [
        [
            names[one.role],
            Quote(one.path),
            trace.of_facts("files", one.bytes),
            trace.of_facts("files", one.sha256 if trace.full else one.sha256[:HASH_DIGITS] + "…"),
        ]
        for one in trace.facts.files
    ]
    caption = _("Source files ({source})", source=trace.of_facts("files", trace.facts_file))
    head = [_("part"), _("file"), _("bytes"), Quote("sha256")]
    return Grid(caption, head, rows, [2], marked=False)


def _rights() -> Grid:
    """What nobody can measure."""
    blank = Blank(_("fill in"))
    rows = [
        [_("Who owns the data, and who allowed this use"), blank],
        [_("Licence or contract, valid until"), blank],
        [_("Personal data: purpose, legal basis, who may see it"), blank],
        [_("Where it is stored, and when it is deleted"), blank],
    ]
    return Grid(_("Authorisation and personal data"), [], rows)


def _counts(trace: Trace) -> Grid:
    known = trace.facts.look
    assert known is not None
    rows = [
        [_("rows"), trace.of_facts("look.rows", known.rows)],
        [_("without a target"), trace.of_facts("look.unlabelled", known.unlabelled)],
        [_("exact duplicates"), trace.of_facts("look.duplicates", known.duplicates)],
        [_("texts with conflicting targets"), trace.of_facts("look.conflicts", known.conflicts)],
    ]
    more = {
        "empty_texts": (_("without a text"), known.empty_texts),
        "bad": (_("cannot be read"), known.bad),
        "leaks": (_("texts that are in the test file, too"), known.leaks),
    }
    rows += [[name, trace.of_facts(f"look.{key}", n)] for key, (name, n) in more.items() if n]
    parts = {"train": _("train"), "validation": _("validation"), "test": _("sealed test")}
    rows += [
        [parts[part], trace.of_facts(f"split.{part}", count)]
        for part, count in trace.facts.split.items()
    ]
    for code, share in known.languages.items():
        if share >= 0.005:
            shown = trace.of_facts(f"look.languages.{code}", f"{share:.0%}")
            rows.append([_("language: {name}", name=language_name(code)), shown])
    return Grid(_("Row counts"), [], rows)


def _targets(trace: Trace) -> Iterator[Block]:
    known = trace.facts.look
    assert known is not None
    if known.numbers:
        names = {
            "lowest": _("minimum"),
            "highest": _("maximum"),
            "mean": _("mean"),
            "median": _("median"),
        }
        rows = [
            [names.get(key, key), trace.of_facts(f"look.numbers.{key}", number(value))]
            for key, value in known.numbers.items()
        ]
        yield Grid(_("Target"), [], rows, [1])
    if not known.labels:
        return
    labels = list(known.labels.items())
    shown = labels if trace.full else labels[:SHORT_LABELS]
    cells = [[Quote(short_label(name)), trace.of_facts("look.labels", n)] for name, n in shown]
    count = trace.of_facts("look.label_count", plural(known.label_count, "label"))
    caption = _(
        "{labels}, the most frequent first; the largest has {times} times the rows of the smallest",
        labels=count,
        times=trace.of_facts("look.imbalance", number(known.imbalance, 3)),
    )
    yield Grid(caption, [_("label"), _("rows")], cells, [1], marked=False)


def _lengths(trace: Trace) -> Grid:
    known = trace.facts.look
    assert known is not None
    points = ("p50", "p90", "p99", "max")
    rows = [
        [
            _("characters of {role}", role=Quote(role)),
            *(trace.of_facts(f"look.characters.{role}", values[at]) for at in points),
        ]
        for role, values in known.characters.items()
    ]
    if known.tokens:
        values = [trace.of_facts("look.tokens", known.tokens[at]) for at in points]
        rows.append([_("tokens of a row"), *values])
    source = trace.of_facts("look.tokens", trace.facts_file)
    words = (_("median"), _("all but one in ten"), _("all but one in a hundred"), _("longest"))
    head = ["", *words]
    return Grid(_("Lengths ({source})", source=source), head, rows, [1, 2, 3, 4], marked=False)


def _findings(trace: Trace) -> Iterator[Block]:
    known = trace.facts.look
    assert known is not None
    words = {"error": _("serious"), "warning": _("warning"), "note": _("note")}
    listed = known.findings if trace.full else known.findings[:SHORT_FINDINGS]
    if not listed:
        yield Prose(_("`weitiao look` finds no faults in the rows."))
        return
    rows = [
        [
            words.get(one.severity, one.severity),
            trace.of_facts("look.findings", shortened(localized(one.sentence), 400)),
            trace.of_facts("look.findings", plural(one.rows, "row")),
            *([localized(one.remedy)] if trace.full else []),
        ]
        for one in listed
    ]
    if trace.full:  # remedies may name numbers of the finding
        rows = [[*row[:3], trace.of_facts("look.findings", row[3])] for row in rows]
    head = [_("kind"), _("finding"), _("rows"), *([_("what to do")] if trace.full else [])]
    caption = _("Findings ({source})", source=trace.of_facts("look.findings", trace.facts_file))
    yield Grid(caption, head, rows, marked=False)
