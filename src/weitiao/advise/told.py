"""Reasons in words: of roles, of a model the user named, of labels that are paths."""

from __future__ import annotations

from dataclasses import replace

from weitiao.data.joined import BETWEEN, columns_beside
from weitiao.data.profile import Profile
from weitiao.hierarchy import levels_of
from weitiao.messages import tell
from weitiao.model.catalogue import CATALOGUE
from weitiao.plan import Reason


def given_model(name: str, known: Profile, usual: Reason) -> str:
    entry = CATALOGUE.get(name)
    if entry is None or known.language in entry.languages:
        return tell("given by you")
    figures = {"share": known.languages.get(known.language, 0.0), "usual": usual.value}
    if known.language == "zh":
        return tell(
            "given by you, but {share:.0%} of the rows are Chinese: {usual} fits them", **figures
        )
    return tell(
        "given by you, but {share:.0%} of the rows are not English: {usual} fits them", **figures
    )


def roles_told(known: Profile) -> str:
    """Why each column has its role, as one text: its parts can be told again on their own."""
    why = known.reasons
    if beside := columns_beside(known.roles):
        without = {role: name for role, name in known.roles.items() if role != "columns"}
        return tell(
            "{told}; columns: read as text before it, {example}",
            told=roles_told(replace(known, roles=without)),
            example=BETWEEN.join([*(f"{name}: ..." for name in beside), "..."]),
        )
    if "context" in known.roles:
        return tell(
            "question: {question}; context: {context}; target: {target}",
            question=why.get("question", "?"),
            context=why["context"],
            target=why["target"],
        )
    if "premise" in known.roles:
        return tell(
            "premise: {premise}; hypothesis: {hypothesis}; target: {target}",
            premise=why["premise"],
            hypothesis=why.get("hypothesis", "?"),
            target=why["target"],
        )
    if "text_pair" in known.roles:
        return tell(
            "text: {text}; text_pair: {pair}; target: {target}",
            text=why.get("text", "?"),
            pair=why["text_pair"],
            target=why["target"],
        )
    return tell("text: {text}; target: {target}", text=why.get("text", "?"), target=why["target"])


def paths_told(found: Profile) -> str:
    top, *_, last = levels_of(tuple(found.labels), found.separator)
    return tell(
        "{why}; the labels are paths ({example}), {count} under {parents}, so each level is judged "
        "too; task.classification.separator= takes them as flat",
        why=found.reasons["task"],
        example=last.names[0],
        count=len(last.names),
        parents=len(top.names),
    )
