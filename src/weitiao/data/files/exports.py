"""Rows of Argilla and Prodigy: what annotators decided, in the place of their responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.core.literals import is_listed, value_of
from weitiao.data.files.annotations import Agreement, decided
from weitiao.i18n.messages import _, name_list

VALID = {"submitted", "validated", "completed", ""}  # of a response; "" and None: not said
_RESPONSES, _STATUS = ".responses", ".responses.status"
_OPTION = {"id", "text"}
_LONGEST_NAME = 100  # characters of the text of an option that is the name of a label


class Exports:
    """How the rows of a file name their decisions; `see` all rows, then ask for `plain` ones."""

    def __init__(self) -> None:
        self.agreement = Agreement()
        self._options: dict[str, Counter[str]] = {}
        self._suggestions: Counter[str] = Counter()
        self._argilla = False

    def see(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take a row into account: the row without responses. Names of options are not known."""
        for option in _options(row):
            texts = self._options.setdefault(str(option["id"]), Counter())
            texts[str(option["text"]).strip()] += 1
        return self._argilla_row(row, self.agreement)

    def plain(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row with decisions, names of options in place of their ids."""
        row = self._argilla_row(row, None)
        chosen, options = row.get("accept"), _options(row)
        if not options or not isinstance(chosen, list):
            return row
        names = self.names()
        new = {name: value for name, value in row.items() if name not in ("options", "config")}
        return {**new, "accept": [names.get(str(one), str(one)) for one in chosen]}

    def names(self) -> dict[str, str]:
        """Names of Prodigy's options by their ids, where each has one and no two are alike."""
        names = {one: next(iter(texts)) for one, texts in self._options.items() if len(texts) == 1}
        whole = len(names) == len(self._options) == len(set(names.values()))
        return names if whole and all(0 < len(n) <= _LONGEST_NAME for n in names.values()) else {}

    def notes(self) -> list[str]:
        """What is said of it in the history."""
        notes = self.agreement.notes()
        if renamed := {one: name for one, name in self.names().items() if one != name}:
            shown = ", ".join(f"{one}: {name}" for one, name in list(renamed.items())[:4])
            notes.append(_("the options are called by their texts ({names})", names=shown))
        if self._suggestions:
            notes.append(
                _(
                    "suggestions of a model are no labels, and left out: {columns}",
                    columns=name_list(sorted(self._suggestions)),
                )
            )
        return notes

    def _argilla_row(
        self, row: Mapping[str, Any], agreement: Agreement | None
    ) -> Mapping[str, Any]:
        responses = row.get("responses")
        if isinstance(row.get("fields"), dict) and isinstance(responses, dict):
            return self._of_record(row, responses, agreement)
        new: dict[str, Any] = {}
        answered = {name for name, value in row.items() if _are_responses(value)}
        flat = {
            name.removesuffix(_RESPONSES)
            for name in row
            if name.endswith(_RESPONSES) and {name + ".status", name + ".users"} & row.keys()
        }
        if not answered and not flat:
            return row
        for name, value in row.items():
            question = next((one for one in flat if name.startswith(f"{one}{_RESPONSES}")), "")
            if name in answered:
                _decide(new, name, value, agreement)
            elif question:
                if name == f"{question}{_RESPONSES}":
                    status = as_list(row.get(f"{question}{_STATUS}"))
                    _decide(new, question, _paired(as_list(value), status), agreement)
            elif _is_suggestion(name, {*answered, *flat}):
                self._suggestions[name] += 1
            else:
                new[name] = value
        return new

    def _of_record(
        self, row: Mapping[str, Any], responses: Mapping[str, Any], agreement: Agreement | None
    ) -> Mapping[str, Any]:
        """{"fields": {...}, "responses": {question: [{"value": ...}]}} of Argilla 2."""
        own = ("fields", "responses", "suggestions", "vectors", "metadata")
        new = {name: value for name, value in row.items() if name not in own}
        new |= row["fields"]
        new |= {name: v for name, v in (row.get("metadata") or {}).items() if name not in new}
        for question, given in responses.items():
            _decide(new, question, given if isinstance(given, list) else [], agreement)
        for question in row.get("suggestions") or {}:
            self._suggestions[question] += 1
        return new


def as_list(value: Any) -> list[Any]:
    """The items of a list, also of one in a text.

    >>> as_list('["a"]'), as_list(["a"]), as_list(None)
    (['a'], ['a'], [])
    """
    if isinstance(value, str) and is_listed(value):
        try:
            value = value_of(value)
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def _options(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    options = row.get("options")
    if not isinstance(options, list) or "accept" not in row:
        return []
    return [one for one in options if isinstance(one, dict) and one.keys() >= _OPTION]


def _are_responses(value: Any) -> bool:
    """Whether a cell is a list of {"user_id": ..., "value": ..., "status": ...}."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(one, dict) and "value" in one and one.keys() & {"user_id", "status"}
            for one in value
        )
    )


def _paired(values: Sequence[Any], status: Sequence[Any]) -> list[dict[str, Any]]:
    padded = [*status, *[""] * len(values)]
    return [{"value": one, "status": padded[at]} for at, one in enumerate(values)]


def _decide(
    new: dict[str, Any], name: str, responses: Sequence[Any], agreement: Agreement | None
) -> None:
    """Put what most submitted responses say into the column of a question; None without one."""
    answers = [
        one["value"]
        for one in responses
        if isinstance(one, dict)
        and one.get("value") is not None
        and str(one.get("status") or "").lower() in VALID
    ]
    clear, answer = decided(answers) if answers else (False, None)
    if agreement is not None:
        agreement.count(answers, truth=False, decided=clear)
    new[name] = answer if clear else None


def _is_suggestion(name: str, questions: set[str]) -> bool:
    return any(name.startswith((f"{one}.suggestion", f"{one}-suggestion")) for one in questions)
