"""Rows that hold personal data: how many of each kind, and which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from weitiao.data.quality.finding import Finding, Inspected
from weitiao.data.quality.personal_data import may_hold, name_of, personal_data
from weitiao.data.quality.scan import part_line, texts_by_span, with_rows
from weitiao.i18n.messages import _, joined, plural


def personal_rows(inspected: Inspected) -> Iterator[Finding]:
    """Rows with e-mail addresses, phone numbers, ID cards and the like; shown masked only."""
    rows: list[int] = []
    kinds_of: list[str] = []
    counts: Counter[str] = Counter()
    total = len(inspected.rows)
    for done, roles in texts_by_span(inspected):
        for place, texts in enumerate(zip(*roles, strict=True)):
            suspect = [text for text in texts if may_hold(text)]
            kinds = {one.kind for text in suspect for one in personal_data(text)}
            if kinds:
                rows.append(done + place)
                names = [name_of(kind) for kind in sorted(kinds)]
                kinds_of.append(joined(names, ", "))
                counts.update(kinds)
        inspected.advance(_("personal data"), done, total)
    if not rows:
        return
    named = joined(
        [f"{name_of(kind)} {count:,}" for kind, count in counts.most_common()],  # type: ignore[arg-type]
        ", ",
    )
    finding = Finding(
        "personal_data",
        "warning",
        np.array(rows, np.int64),
        _("{rows} with personal data: {kinds}", rows=plural(len(rows), "row"), kinds=named),
        _("mask it, in training and in use; here and in the csv it is masked already"),
        part_line("cleaners", "personal_data"),
        figures=dict(counts),
    )
    yield with_rows(finding, inspected, values=kinds_of, about=_("kinds"))
