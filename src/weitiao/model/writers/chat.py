"""Chat: a service with the interface of OpenAI's, named by an environment variable."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from weitiao.core import notice
from weitiao.errors import DataError, PlanError
from weitiao.i18n.messages import _
from weitiao.model.writers.base import Writer

ADDRESS, KEY = "WEITIAO_CHAT_URL", "WEITIAO_CHAT_KEY"
INSTRUCTION = (
    "Rewrite the text of the user in other words. Keep its language, meaning, tone, names and "
    "numbers. Answer with the new text alone."
)
SECONDS, TRIES, MOST_BYTES = 60, 4, 1_000_000
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LATER = {408, 409, 429, 500, 502, 503, 504}


class Chat(Writer):
    """Asks a language model at `$WEITIAO_CHAT_URL` (.../v1) for each text in other words.

    A plan never says where rows are sent: the address, and `$WEITIAO_CHAT_KEY`, are those of the
    environment. Only https, or this machine.
    """

    at_once: ClassVar[int] = 20

    model: str
    instruction: str | None = Field(None, description="what it is told; default: in other words")
    temperature: float = Field(0.7, ge=0, le=2)

    def identity(self) -> str:
        return json.dumps([repr(self), os.environ.get(ADDRESS, "")])

    def rewrite(self, texts: Sequence[str]) -> list[str]:
        url = address()
        where = _("sending {count:,} texts to {host}", count=len(texts), host=urlsplit(url).netloc)
        with notice.during(where):
            return [self._answer(url, text, place) for place, text in enumerate(texts)]

    def _answer(self, url: str, text: str, seed: int) -> str:
        body = {
            "model": self.model,
            "temperature": self.temperature,
            "seed": seed,
            "messages": [
                {"role": "system", "content": self.instruction or INSTRUCTION},
                {"role": "user", "content": text},
            ],
        }
        answer = _posted(f"{url}/chat/completions", body)
        try:
            written = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise DataError(_("{url}: this is no answer of a chat.", url=url)) from None
        return str(written or "").strip()


def address() -> str:
    """The address of the service, from the environment. Raises PlanError."""
    url = os.environ.get(ADDRESS, "").rstrip("/")
    parts = urlsplit(url)
    if not url:
        raise PlanError(
            [
                _(
                    "data.steps.rewriting: where is the service? Set {name}, e.g. "
                    "https://example.org/v1, and its key as {key}; the training texts are sent "
                    "there.",
                    name=f"${ADDRESS}",
                    key=f"${KEY}",
                )
            ]
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        message = _("{name}: texts are sent by https, or to this machine.", name=f"${ADDRESS}")
        raise PlanError([message])
    return url


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key and the texts go where they were sent and nowhere else."""

    def redirect_request(self, *given: Any) -> None:
        return None


def _posted(url: str, body: Any) -> Any:
    """The JSON answer to a JSON body; tried again where the service is busy."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(KEY):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(_NoRedirects)
    for attempt in range(TRIES):
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                raw = answer.read(MOST_BYTES + 1)
            if len(raw) > MOST_BYTES:
                raise DataError(_("{url}: the answer is too long.", url=url))
            return json.loads(raw)
        except urllib.error.HTTPError as error:
            why, again = f"HTTP {error.code}", error.code in LATER
        except (OSError, ValueError) as error:
            why, again = str(error)[:160], not isinstance(error, ValueError)
        if not again or attempt == TRIES - 1:
            break
        time.sleep(2**attempt)
    raise DataError(_("{url} does not answer: {why}", url=url, why=why))
