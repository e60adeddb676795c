"""Prompts: the texts of a row rendered by a template, in the sandbox of Jinja."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from weitiao.errors import PlanError
from weitiao.i18n.messages import _, name_list

CONTEXT, TEXT = "context", "text"
SHOWN = 200  # characters of what a template says about its error
# What a template calls may raise whatever it likes: "{0}".format() an IndexError.
ERRORS = (
    *(ArithmeticError, LookupError, AttributeError, TypeError, ValueError, AssertionError),
    *(RuntimeError, MemoryError),
)


def render(template: str, inputs: Mapping[str, Any], tokenizer: Any = None) -> str:
    """The prompt of a row.

    template: Jinja with the roles of the row as variables; empty: the checkpoint's chat template
    with the texts as the user's message, or the texts themselves. Raises PlanError for a template
    that cannot be rendered.
    """
    texts = {role: str(text) for role, text in inputs.items()}
    if template:
        return _rendered(template, texts)
    if turns := _turns(texts.get(TEXT, "")):
        return _of_turns(_with_context(turns, texts.get(CONTEXT, "")), tokenizer)
    plain = "\n\n".join(text for role in (CONTEXT, TEXT) if (text := texts.get(role)))
    if tokenizer is not None and getattr(tokenizer, "chat_template", None):
        return _by_chat_template([{"role": "user", "content": plain}], tokenizer)
    return plain


def _turns(text: str) -> list[dict[str, str]]:
    """The messages of a conversation that is held as JSON; empty for any other text."""
    if not text.startswith('[{"role": '):
        return []
    try:
        turns = json.loads(text)
    except ValueError:
        return []
    fitting = all(isinstance(one, dict) and {"role", "content"} <= one.keys() for one in turns)
    return turns if fitting else []


def _with_context(turns: list[dict[str, str]], context: str) -> list[dict[str, str]]:
    """The messages with the row's context before the last question."""
    if not context:
        return turns
    last = {**turns[-1], "content": f"{context}\n\n{turns[-1]['content']}"}
    return [*turns[:-1], last]


def _of_turns(turns: list[dict[str, str]], tokenizer: Any) -> str:
    """A conversation by the chat template; without one, a message a line."""
    if tokenizer is not None and getattr(tokenizer, "chat_template", None):
        return _by_chat_template(turns, tokenizer)
    return "".join(f"{one['role']}: {one['content']}\n" for one in turns) + "assistant: "


def _by_chat_template(turns: list[dict[str, str]], tokenizer: Any) -> str:
    """Raises PlanError where the checkpoint's template refuses these messages (some know no system
    message, or want user and assistant in turn) or is wrong."""
    from jinja2.exceptions import TemplateError

    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except (TemplateError, *ERRORS) as error:
        raise PlanError(
            [
                _(
                    "the chat template of this checkpoint refuses a row (its messages are by "
                    "{speakers}): {error}. Write a prompt with task.generation.template, or take "
                    "another checkpoint.",
                    speakers=name_list(list(dict.fromkeys(str(one["role"]) for one in turns)), 8),
                    error=_reason(error),
                )
            ]
        ) from None


def _rendered(template: str, texts: Mapping[str, str]) -> str:
    from jinja2.exceptions import SecurityError, TemplateError

    try:
        return str(_compiled(template).render(texts))
    except SecurityError as error:
        raise PlanError([_("template: refused: {error}", error=error)]) from None
    except (TemplateError, *ERRORS) as error:
        raise PlanError(
            [
                _(
                    "template: {error}. It may name the row's texts ({names}), such as "
                    "{{{{ text }}}}.",
                    error=_reason(error),
                    names=", ".join(texts),
                )
            ]
        ) from None


def _reason(error: BaseException) -> str:
    """An error in a few words; a MemoryError has none of its own."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


@functools.lru_cache(64)
def _compiled(template: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Undefined names are errors: a prompt that lacks its text would be learned without a word.
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(template)
