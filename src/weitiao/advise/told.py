"""Why a column has its role, and what to say of a model that was named: sentences of a plan."""

from __future__ import annotations

from weitiao.data.profile import Profile
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
