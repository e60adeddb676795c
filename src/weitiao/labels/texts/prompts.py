"""Prompts: the texts of a row rendered by a template, in the sandbox of Jinja."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from weitiao.errors import PlanError
from weitiao.i18n.messages import _

CONTEXT, TEXT = "context", "text"


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
        return _of_turns(turns, tokenizer)
    plain = "\n\n".join(text for role in (CONTEXT, TEXT) if (text := texts.get(role)))
    if tokenizer is not None and getattr(tokenizer, "chat_template", None):
        messages = [{"role": "user", "content": plain}]
        return str(
            tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        )
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


def _of_turns(turns: list[dict[str, str]], tokenizer: Any) -> str:
    """A conversation by the chat template; without one, a message a line."""
    if tokenizer is not None and getattr(tokenizer, "chat_template", None):
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    return "".join(f"{one['role']}: {one['content']}\n" for one in turns) + "assistant: "


def _rendered(template: str, texts: Mapping[str, str]) -> str:
    from jinja2.exceptions import SecurityError, TemplateError

    try:
        return str(_compiled(template).render(texts))
    except SecurityError as error:
        raise PlanError([_("template: refused: {error}", error=error)]) from None
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise PlanError(
            [
                _(
                    "template: {error}. It may name the row's texts ({names}), such as "
                    "{{{{ text }}}}.",
                    error=error,
                    names=", ".join(texts),
                )
            ]
        ) from None


@functools.lru_cache(64)
def _compiled(template: str) -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Undefined names are errors: a prompt that lacks its text would be learned without a word.
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(template)
