"""Serving an annotation: address, token, the processes beside it, uvicorn."""

from __future__ import annotations

import errno
import importlib.util
import ipaddress
import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from weitiao import parts
from weitiao.annotation.agreement import missing_message
from weitiao.annotation.processes import (
    Worker,
    in_thread,
    read_predictions,
    read_vectors,
    reading_state,
)
from weitiao.annotation.ranking import Ranking
from weitiao.annotation.suggest import NAMES
from weitiao.checkpoints.catalogue import default_for
from weitiao.core.script import has_han
from weitiao.errors import RunError, WeitiaoError
from weitiao.i18n.messages import _
from weitiao.i18n.system import said

if TYPE_CHECKING:
    from weitiao.web.annotate import Annotation

PACKAGES = ("fastapi", "uvicorn", "krippendorff")  # of the extra `annotate`
SAMPLED_TEXTS = 200  # by which the language is known
HAN_TEXTS = 0.2  # of them, for a Chinese encoder


def serve(
    annotation: Annotation,
    *,
    host: str,
    port: int,
    say: Callable[[str], None],
    opened: Callable[[str], None],
) -> None:
    """Serve the page until it is interrupted. Raises WeitiaoError."""
    require_packages()
    import uvicorn

    from weitiao.web.app import application

    sockets = [_bound(host, port)]
    port = sockets[0].getsockname()[1]
    token = "" if is_loopback(host) else secrets.token_urlsafe(24)
    ranking = started_ranking(annotation, say)
    app = application(annotation.session, ranking, token=token)
    shown = "127.0.0.1" if host == "localhost" else host
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else shown
    shown = f"[{shown}]" if ":" in shown else shown
    address = f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, lifespan="off",
        limit_concurrency=200, timeout_keep_alive=30, timeout_graceful_shutdown=2,
        proxy_headers=False,
    )  # fmt: skip
    opened(address)
    try:
        uvicorn.Server(config).run(sockets)
    finally:
        for one in sockets:
            one.close()


def require_packages() -> None:
    """Raises WeitiaoError where a package of the extra is missing."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise WeitiaoError(missing_message(package))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket; of port 0 any free one. Raises RunError when the port is taken."""
    one = None
    try:
        kind, *_rest, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        one = socket.socket(kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
        one.listen(128)
    except (OSError, OverflowError) as error:
        if one is not None:
            one.close()
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            message = _("port {port} is in use: name another one, --port {other}",
                        port=port, other=port + 1)  # fmt: skip
        else:
            reason = said(error) if isinstance(error, OSError) else str(error)
            message = _("{host}, port {port}: cannot listen there ({reason}).",
                        host=host, port=port, reason=reason)  # fmt: skip
        raise RunError(message) from None
    return one


def started_ranking(annotation: Annotation, say: Callable[[str], None]) -> Ranking:
    """Start what runs beside the pages: vectors and ranking, predictions of a run."""
    session = annotation.session
    order = parts.build("orders", annotation.order)
    ranking = Ranking(session, order, annotation.every, annotation.goal, session.seed)
    by_name = annotation.prelabels == NAMES and session.scheme.kind == "label"
    if annotation.prelabels and annotation.prelabels != NAMES:
        job = {"kind": "predictions", "run": annotation.prelabels,
               "roles": list(session.scheme.roles)}  # fmt: skip
        predicting = Worker(job, session.pool, ranking.positions)
        annotation.on_close(predicting.stop)
        in_thread(lambda: read_predictions(predicting, session, ranking.positions, say))
    if not session.scheme.learnable:
        ranking.learns = False
        ranking.state = _("random order: these answers have no linear model")
        return ranking
    if annotation.model == "none":
        ranking.learns = False
        ranking.state = _("random order: no model is wanted")
        return ranking
    names = list(session.scheme.labels) if by_name else []
    ranking.state = reading_state(0, len(ranking.positions))
    job = {"kind": "vectors", "checkpoint": annotation.model or _checkpoint_for(annotation),
           "names": names}  # fmt: skip
    reading = Worker(job, session.pool, ranking.positions)
    annotation.on_close(ranking.stop)
    annotation.on_close(reading.stop)
    in_thread(ranking.run)
    in_thread(lambda: read_vectors(reading, ranking, names, say))
    return ranking


def _checkpoint_for(annotation: Annotation) -> str:
    """The encoder by the language of the rows."""
    pool = annotation.session.pool
    texts = [text for role in pool.columns(pool.positions[:SAMPLED_TEXTS]) for text in role]
    chinese = sum(map(has_han, texts)) / len(texts)
    return default_for("zh" if chinese > HAN_TEXTS else "en")
