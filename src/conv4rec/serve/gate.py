"""What every request passes before a route: a name, a key, a limit, a line in the log."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from conv4rec.serve.metrics import Metrics
from conv4rec.serve.settings import BODY_SECONDS, LARGEST_BODY, ServeSettings, digest_of

logger = logging.getLogger("conv4rec.serve")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

OPEN_PATHS = re.compile(r"/v2/health/(live|ready)|/docs(/.*)?|/openapi\.json|/(explore(/.*)?)?")
"""Answered without a key: probes, and pages that hold nothing of a model."""
LOOPBACK_HOSTS = {b"localhost", b"127.0.0.1", b"[::1]"}
PAGES = re.compile(r"/(docs|explore)(/.*)?")
PAGES_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    b"connect-src 'self'; img-src 'self' data: blob:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Pages use what this service sends, and nothing from elsewhere: not one line inside the page."""
SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


class _RefusedError(Exception):
    """A request that goes no further: the status and the sentence."""


class _GoneError(Exception):
    """The client hung up before its request was complete."""


class Gate:
    """ASGI middleware around the application.

    Args:
        app: what is asked once a request is let in.
        settings: the keys, and whether only this machine can connect.
        metrics: counts the requests.
    """

    def __init__(self, app: App, settings: ServeSettings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, seen = time.perf_counter(), {"status": 499, "is_sent": False}
        request_id = _request_id(_header(scope, b"x-request-id"))
        scope["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                given = dict(message["headers"])
                extra = {**SECURITY_HEADERS, b"x-request-id": request_id.encode()}
                if PAGES.fullmatch(scope["path"]):
                    extra[b"content-security-policy"] = PAGES_POLICY
                message["headers"] = [
                    *given.items(),
                    *(e for e in extra.items() if e[0] not in given),
                ]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                seen["is_sent"] = True

        try:
            self._check(scope)
            body = await _whole_body(scope, receive)
            answering = self.app(scope, _replayed(body, receive), send_with_headers)
            await _while_there(answering, receive, lambda: bool(seen["is_sent"]))
        except _RefusedError as refused:
            await _refuse(send_with_headers, *refused.args)
        except _GoneError:
            pass
        except Exception as error:
            # Nobody foresaw it: the log has it, and the client gets the id to ask by.
            logger.error("fault", exc_info=error, extra={"facts": {"request_id": request_id}})
            if seen["status"] != 499:
                raise  # an answer has begun: the connection ends here
            await _refuse(send_with_headers, 500, f"a fault of this service: request {request_id}")
        finally:
            self._note(scope, request_id, seen["status"], time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        if not self.settings.keys:
            # Without a key, a page of the web could reach the loopback under a name of its own.
            host = (_header(scope, b"host") or b"localhost").lower()
            if self.settings.is_loopback and re.sub(rb":\d+$", b"", host) not in LOOPBACK_HOSTS:
                raise _RefusedError(421, "this service is for this machine: ask it as 127.0.0.1")
            return
        if OPEN_PATHS.fullmatch(scope["path"]):
            return
        given = digest_of(_header(scope, b"x-api-key") or b"")
        # Every key is compared, in constant time: how long it takes tells nothing.
        if not any([hmac.compare_digest(given, key) for key in self.settings.keys]):
            raise _RefusedError(401, "the header X-API-Key is missing or wrong")

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        """Count a request and write its line: never a path, an id or a history."""
        route = getattr(scope.get("route"), "path", "none")
        model = scope.get("served_model", "")
        self.metrics.requests.labels(route, model, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        facts = {"request_id": request_id, "method": scope["method"], "route": route}
        facts |= {"model": model} if model else {}
        facts |= {"status": status, "ms": round(1000 * seconds, 2)}
        logger.info("request", extra={"facts": facts})


async def _whole_body(scope: Scope, receive: Receive) -> bytes:
    """Read a request whole, within its limits of size and time."""
    too_large = _RefusedError(413, f"a request holds at most {LARGEST_BODY:,} bytes")
    length = _header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length[:20]) > LARGEST_BODY:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _GoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > LARGEST_BODY:
                    raise too_large
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _RefusedError(
            408, f"the request was not complete after {BODY_SECONDS:g} seconds"
        ) from None


async def _while_there(
    answering: Coroutine[Any, Any, None], receive: Receive, is_sent: Callable[[], bool]
) -> None:
    """Answer, unless the client hangs up before: then its question waits for nothing any more."""
    answer, gone = asyncio.create_task(answering), asyncio.create_task(receive())
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() and not is_sent():
            answer.cancel()
            raise _GoneError
        await answer
    finally:
        gone.cancel()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and afterwards what the server gives."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 408:  # the rest of the request is not read
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _request_id(given: bytes | None) -> str:
    """The client's own request id where it is a plain one, else a new one."""
    if given is not None and re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", given):
        return given.decode()
    return uuid.uuid4().hex


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)
