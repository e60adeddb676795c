"""Chapters of the design document about evaluation, work, use and consent."""

from __future__ import annotations

from weitiao import parts
from weitiao.i18n.messages import _
from weitiao.reporting.design.content import (
    Blank,
    Block,
    Chapter,
    Flow,
    Grid,
    Points,
    Prose,
    Quote,
)
from weitiao.reporting.design.trace import Trace, number
from weitiao.results.format import meaning, metric, task_name

EMPTY_LINES = 2  # of a table to sign


def pipeline_chapter(trace: Trace) -> Chapter:
    """The picture of the way from rows to predictions."""
    plan, facts = trace.plan, trace.facts
    data: list[str] = []
    if facts.look:
        data.append(trace.rows("look.rows", facts.look.rows))
    prepared: list[str] = [_("exact duplicates dropped")] if plan.data.deduplicate else []
    prepared += [Quote(name, code=True) for name in (*plan.data.cleaners, *plan.data.steps)]
    split: list[str] = []
    for part, name in (("train", _("train")), ("validation", _("validation"))):
        if part in facts.split:
            count = trace.of_facts(f"split.{part}", facts.split[part])
            split.append(_("{part}: {count}", part=name, count=count))
    if facts.split.get("test"):
        sealed = trace.of_facts("split.test", facts.split["test"])
        split.append(_("sealed test: {count}", count=sealed))
    learning = [
        _("{epochs} epochs", epochs=trace.of_plan("train.epochs")),
        _("{batch} rows a step", batch=trace.of_plan("train.batch_size")),
        _("rate {rate}", rate=trace.of_plan("train.learning_rate")),
    ]
    boxes: list[tuple[str, list[str]]] = [
        (_("Input"), data),
        (_("Prepare"), prepared),
        (_("Split"), split),
        (_("Network"), [Quote(plan.model.checkpoint), Quote(next(iter(plan.model.head)))]),
        (_("Train"), learning),
        (_("Select"), [_metric_line(trace)]),
        (_("Test once"), [_("sealed test, baselines")]),
        (_("In use"), [_("predict, export, watch")]),
    ]
    return Chapter("pipeline", _("Pipeline"), [Flow(_("From rows to predictions"), boxes)])


def _metric_line(trace: Trace) -> str:
    names = _metrics(trace)
    return _("best {metric}", metric=Quote(metric(names[0])))


def _metrics(trace: Trace) -> list[str]:
    plan = trace.plan
    if plan.evaluate.metrics:
        return list(plan.evaluate.metrics)
    task = parts.build("tasks", plan.task_name, plan.task[plan.task_name])
    return [str(name) for name in task.default_metrics]


def evaluation_chapter(trace: Trace) -> Chapter:
    """Metrics, baselines, intervals, and the seal of the test set."""
    plan, facts = trace.plan.evaluate, trace.facts
    names = _metrics(trace)
    rows = [
        [Quote(metric(name)), _("picks the checkpoint") if at == 0 else "", Quote(meaning(name))]
        for at, name in enumerate(names)
    ]
    blocks: list[Block] = [Grid(_("Metrics"), [_("metric"), "", _("meaning")], rows)]
    lines = []
    if trace.plan.data.validation_path is None:
        lines.append(
            _(
                "The split is drawn once with seed {seed}, stratified by target; equal texts stay "
                "on one side.",
                seed=trace.of_plan("data.split_seed"),
            )
        )
    if facts.split.get("test"):
        lines.append(
            _(
                "{rows} are sealed: planning, training and selection cannot read them. They are "
                "opened once, at the end, and each opening is counted in the report.",
                rows=trace.rows("split.test", facts.split["test"]),
            )
        )
    elif facts.split:
        lines.append(_("There is no test set: the score on validation rows is optimistic."))
    if plan.bootstrap_samples:
        samples = trace.of_plan("evaluate.bootstrap_samples")
        lines.append(
            _("Every metric has an interval from {samples} bootstrap resamples.", samples=samples)
        )
    if plan.baselines:
        lines.append(
            _(
                "Baselines are evaluated on the same rows; a model that does not beat them is not "
                "worth its cost."
            )
        )
    if plan.calibration:
        lines.append(
            _(
                "Confidences are calibrated on validation rows (temperature), and their error is "
                "reported."
            )
        )
    if plan.findings:
        lines.append(
            _("Errors are analysed: weak slices, groups of errors, changed texts, explanations.")
        )
    blocks.append(Points(lines))
    return Chapter("evaluation", _("Evaluation"), blocks)


def licences_chapter(trace: Trace) -> Chapter:
    """What is used, by whose leave, and its hash."""
    facts, one = trace.facts, trace.facts.checkpoint
    licence: str = (
        trace.of_facts("checkpoint.licence", one.licence) if one.licence else Blank(_("fill in"))
    )
    rows = [
        [
            _("checkpoint"),
            Quote(one.name),
            licence,
            trace.of_facts("checkpoint.sha256", one.sha256) if one.sha256 else "",
        ]
    ]
    for at, file in enumerate(facts.files):
        digest = trace.of_facts(f"files.{at}", file.sha256)
        rows.append([_("data"), Quote(file.path), Blank(_("fill in")), digest])
    for at, package in enumerate(facts.packages):
        named = trace.of_facts(f"packages.{at}", f"{package.name} {package.version}")
        licence = Quote(package.licence) if package.licence else Blank(_("fill in"))
        rows.append([_("package"), named, licence, ""])
    caption = _("Used ({source})", source=trace.of_facts("packages", trace.facts_file))
    head = [_("kind"), _("name"), _("licence"), Quote("sha256")]
    blocks: list[Block] = [Grid(caption, head, rows, marked=False)]
    if facts.machine:
        names = {
            "processor": _("processor"),
            "cores": _("cores"),
            "threads": _("threads"),
            "device": _("device"),
            "system": _("system"),
            "python": "Python",
        }
        cells = [
            [names.get(key, key), trace.of_facts(f"machine.{key}", str(value))]
            for key, value in facts.machine.items()
        ]
        blocks.append(Grid(_("Machine that this plan was made on"), [], cells))
    return Chapter("licences", _("Licences and hashes"), blocks)


def labour_chapter(trace: Trace) -> Chapter:
    """Hours of labelling, and milestones to be dated."""
    facts, derived, blocks = trace.facts, trace.facts.derived, list[Block]()
    if facts.label_seconds and derived and derived.label_hours:
        blocks.append(
            Prose(
                _(
                    "Labelling took, or would take again, {seconds} seconds a row: {hours} hours "
                    "for {rows}.",
                    seconds=trace.of_facts("label_seconds", number(facts.label_seconds)),
                    hours=trace.of_facts("derived.label_hours", number(derived.label_hours, 3)),
                    rows=trace.rows("derived.labelled", derived.labelled),
                )
            )
        )
    else:
        blocks.append(
            Prose(
                _(
                    "Labour of labelling: name the seconds that a person needs for a row "
                    "(`--label-seconds`), e.g. as `weitiao annotate` measures them."
                )
            )
        )
    who, when = Blank(_("who")), Blank(_("date"))
    steps = [
        _("Data authorised, findings of `weitiao look` mended"),
        _("Acceptance line and this document signed"),
        _("Trained, and compared with the baselines"),
        _("Sealed test opened once; go or no go"),
        _("Trial in use beside the present way"),
        _("In use; first review of the watch"),
    ]
    grid = Grid(
        _("Milestones"), [_("milestone"), _("who"), _("date")], [[one, who, when] for one in steps]
    )
    return Chapter("labour", _("Labour and milestones"), [*blocks, grid])


def deployment_chapter(trace: Trace) -> Chapter:
    """How the model comes into use, how it is watched, and the way back."""
    blocks: list[Block] = [
        Points(
            [
                _(
                    "Package: `best/` of the run is a plain transformers folder; `weitiao export` "
                    "converts it, and checks that predictions stay the same."
                ),
                _(
                    "Trial: predict the same rows with the present way and the model side by side, "
                    "and read where they differ (`weitiao compare`)."
                ),
                _(
                    "Watch: label a fresh sample at fixed times and run `weitiao evaluate` on it; "
                    "compare lengths, languages and label shares by `weitiao look`."
                ),
                _(
                    "Rollback: keep the previous folder; its path is the only thing that changes. "
                    "Roll back when the metric of a fresh sample falls below the acceptance line."
                ),
            ]
        ),
        Grid(
            "",
            [],
            [
                [_("Where it runs, latency and rows a day"), Blank(_("fill in"))],
                [_("Who is called when it fails"), Blank(_("fill in"))],
                [_("Who may roll back"), Blank(_("fill in"))],
            ],
        ),
    ]
    return Chapter("deployment", _("Deployment and rollback"), blocks)


def consent_chapter(trace: Trace) -> Chapter:
    """Revisions and signatures."""
    facts = trace.facts
    first = [
        trace.of_facts("date", facts.date),
        _("written by weitiao {version}", version=trace.of_facts("weitiao", facts.weitiao)),
        Blank(_("full name")),
    ]
    empty = [Blank(_("date")), Blank(_("change")), Blank(_("full name"))]
    revisions = Grid(
        _("Revisions"),
        [_("date"), _("change"), _("full name")],
        [first, *[empty for _line in range(EMPTY_LINES)]],
    )
    roles = [_("Owner of the task"), _("Owner of the data"), _("Engineer"), _("Privacy or law")]
    signed = Grid(
        _("Sign-off"),
        [_("role"), _("full name"), _("date"), _("signature")],
        [[role, Blank(_("full name")), Blank(_("date")), Blank(_("signature"))] for role in roles],
    )
    return Chapter("consent", _("Revisions and sign-off"), [revisions, signed])


def title_of(trace: Trace) -> str:
    """The title of the document."""
    return _("Design of a fine-tuning: {task}", task=task_name(trace.plan.task_name))
