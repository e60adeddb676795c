"""The FastAPI application of `weitiao annotate`: pages, and a JSON interface for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, select_autoescape
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from weitiao.annotation.ranking import Ranking
from weitiao.annotation.scheme import MAX_TEXT
from weitiao.annotation.session import MAX_NAME, ConflictError, Session, name_in
from weitiao.annotation.statistics import disagreements, figures
from weitiao.core import disk
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import LANGUAGES, _, language, localized, speaking
from weitiao.web.guard import Guard
from weitiao.web.texts import page_texts

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "weitiao-lang"


class Named(BaseModel):
    """A request of an annotator."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    annotator: str = Field(max_length=MAX_NAME * 4)


class OfRow(Named):
    """A request about a row that was shown."""

    ticket: str = Field(max_length=64)
    print: str = Field(max_length=64)


class TakenBack(Named):
    """What is to be undone: the number that `progress` gave, so that a repeated request is one."""

    number: int | None = None


class Given(OfRow):
    """An answer; `value` is checked by the scheme."""

    value: Any
    seconds: float = 0.0
    comment: str = Field("", max_length=MAX_TEXT)


class Decided(Named):
    """The adjudicator's choice among the answers to a row."""

    print: str = Field(max_length=64)
    value: Any


class Written(Named):
    """A new version of the guideline."""

    text: str = Field(max_length=MAX_TEXT)


def application(session: Session, ranking: Ranking, *, token: str = "") -> Any:
    """The ASGI application, guarded. token: needed elsewhere than on loopback."""
    app = FastAPI(title="weitiao", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    pages = Environment(
        loader=FileSystemLoader(HERE / "pages"), autoescape=select_autoescape(default=True)
    )
    _add_errors(app)
    _add_pages(app, pages, session)
    _add_rows(app, session)
    _add_figures(app, session, ranking)
    return Guard(app, token=token)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(WeitiaoError)
    def refused(request: Request, error: WeitiaoError) -> JSONResponse:
        status = 409 if isinstance(error, ConflictError) else 400
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(OSError)
    def disk_refused(request: Request, error: OSError) -> JSONResponse:
        if not disk.is_refusal(error):
            raise error
        with speaking(language_of(request)):
            return JSONResponse({"error": disk.explanation(error)}, 507)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        with speaking(language_of(request)):
            place = ".".join(str(key) for key in error.errors()[0]["loc"])
            text = _("this request is malformed ({place}). Load the page again.", place=place)
        return JSONResponse({"error": text}, 422)

    @app.exception_handler(HTTPException)
    def missing(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code)


def _add_pages(app: FastAPI, pages: Environment, session: Session) -> None:
    def page(name: str) -> Callable[[Request], HTMLResponse]:
        def show(request: Request) -> HTMLResponse:
            wanted = language_of(request)
            with speaking(wanted):
                html = pages.get_template(f"{name}.html").render(
                    t=page_texts(),
                    lang="zh-CN" if wanted == "zh" else "en",
                    other="en" if wanted == "zh" else "zh",
                    title=session.pool.source.name,
                )
            response = HTMLResponse(html)
            if request.query_params.get("lang") in LANGUAGES:
                response.set_cookie(
                    LANGUAGE_COOKIE, wanted, httponly=True, samesite="strict", max_age=31_536_000
                )
            return response

        return show

    for path, name in (("/", "annotate"), ("/figures", "figures"), ("/decide", "decide")):
        app.get(path)(page(name))


def _add_rows(app: FastAPI, session: Session) -> None:
    scheme = session.scheme

    def head(annotator: str) -> dict[str, Any]:
        return {"row": session.next(annotator), "progress": session.progress(name_in(annotator))}

    @app.get("/api/scheme")
    def about(request: Request) -> dict[str, Any]:
        with speaking(language_of(request)):
            return {
                "texts": page_texts(),
                "name": session.pool.source.name,
                "rows": len(session.pool.positions),
                "kind": scheme.kind,
                "marked": scheme.marked_role,
                "separator": scheme.separator,
                "guidelines": session.standing.guidelines,
                **scheme.plain(),
            }

    @app.post("/api/next")
    def next_row(request: Request, asked: Named) -> dict[str, Any]:
        with speaking(language_of(request)):
            return head(asked.annotator)

    @app.post("/api/answer")
    def answer(request: Request, sent: Given) -> dict[str, Any]:
        with speaking(language_of(request)):
            number = session.answer(
                sent.annotator,
                sent.ticket,
                sent.print,
                sent.value,
                seconds=sent.seconds,
                comment=sent.comment,
            )
            return {"saved": number, **head(sent.annotator)}

    @app.post("/api/skip")
    def skip(request: Request, sent: OfRow) -> dict[str, Any]:
        with speaking(language_of(request)):
            session.skip(sent.annotator, sent.ticket, sent.print)
            return head(sent.annotator)

    @app.post("/api/undo")
    def undo(request: Request, sent: TakenBack) -> dict[str, Any]:
        with speaking(language_of(request)):
            session.undo(sent.annotator, sent.number)
            return head(sent.annotator)

    @app.post("/api/reopen")
    def reopen(request: Request, sent: Named) -> dict[str, Any]:
        with speaking(language_of(request)):
            session.reopen(sent.annotator)
            return head(sent.annotator)

    @app.post("/api/guideline")
    def guideline(request: Request, sent: Written) -> dict[str, Any]:
        with speaking(language_of(request)):
            session.set_guideline(sent.text)
            return {
                "guidelines": session.standing.guidelines,
                "progress": session.progress(name_in(sent.annotator)),
            }


def _add_figures(app: FastAPI, session: Session, ranking: Ranking) -> None:
    @app.get("/api/figures")
    def measured(request: Request) -> dict[str, Any]:
        with speaking(language_of(request)):
            reading = ranking.reading
            return {
                **figures(session).plain(),
                "meter": None if reading is None else reading.plain(),
                "paying": ranking.paying,
                "learns": ranking.learns,
                "order": localized(ranking.state),
                "random_share": session.shares.random,
                "journal": str(session.journal.path),
            }

    @app.get("/api/meter")
    def meter(request: Request) -> dict[str, Any]:
        with speaking(language_of(request)):
            reading = ranking.reading
            return {
                "order": localized(ranking.state),
                "meter": None if reading is None else reading.plain(),
            }

    @app.get("/api/disagreements")
    def disputed(request: Request) -> list[dict[str, Any]]:
        with speaking(language_of(request)):
            return disagreements(session)

    @app.post("/api/decide")
    def decide(request: Request, sent: Decided) -> dict[str, Any]:
        with speaking(language_of(request)):
            session.decide(sent.annotator, sent.print, sent.value)
            return {"left": len(session.standing.disputed)}


def language_of(request: Request) -> str:
    """The language of a request: of the address, of the cookie, of the browser, of the server."""
    for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wanted in LANGUAGES:
            return str(wanted)
    for piece in request.headers.get("accept-language", "").split(","):
        code = piece.split(";")[0].strip().split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return language()
