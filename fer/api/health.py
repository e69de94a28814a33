"""Whether what the app stands on answers: named checks -> one answer over HTTP, 200 or 503.

It names parts and nothing else, since whoever asks need not be known, and looks again only after a while, so that
asking costs the server nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

KEEP_S = 5.0
"""How long an answer is good."""

PATIENCE_S = 10.0
"""A part that takes longer does not answer; the first look opens them all, which takes seconds on a busy machine."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    """Which parts answer.

    Attributes:
        parts: by name, whether a part answers.
    """

    parts: Mapping[str, bool]

    @property
    def is_well(self) -> bool:
        """Whether all of them do."""
        return all(self.parts.values())

    def to_record(self) -> dict[str, str]:
        """The same as the server's JSON has it."""
        words = {True: "ok", False: "failing"}
        return {"status": words[self.is_well], **{name: words[answers] for name, answers in self.parts.items()}}


class HealthCheck:
    """An ASGI application that answers whether all parts do."""

    def __init__(self, checks: Mapping[str, Callable[[], object]], keep_s: float = KEEP_S) -> None:
        """Prepare to look.

        Args:
            checks: by the name of a part, what raises where it does not answer; called in a thread.
            keep_s: how long an answer is good, in seconds.
        """
        self._checks = checks
        self._keep_s = keep_s
        self._lock = asyncio.Lock()
        self._looks: dict[str, asyncio.Task[object]] = {}
        self._known: Health | None = None
        self._known_until_s = 0.0

    async def look(self) -> Health:
        """What is known, or, where that is too old, what a new look finds; all who ask meanwhile wait for the same."""
        async with self._lock:
            if self._known is None or time.monotonic() >= self._known_until_s:
                answers = await asyncio.gather(*map(self._answers, self._checks))
                self._known = Health(dict(zip(self._checks, answers, strict=True)))
                self._known_until_s = time.monotonic() + self._keep_s
            return self._known

    async def _answers(self, name: str) -> bool:
        look = self._looks.get(name)  # one that hangs is not asked a second time
        if look is None:
            look = self._looks[name] = asyncio.create_task(asyncio.to_thread(self._checks[name]))
        done, _ = await asyncio.wait({look}, timeout=PATIENCE_S)
        if done:
            del self._looks[name]
        error = look.exception() if done else TimeoutError("it takes too long")
        if error is not None and (self._known is None or self._known.parts[name]):
            _LOG.warning("The %s does not answer: %s", name, error)
        return error is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if Request(scope).method not in ("GET", "HEAD"):
            response = JSONResponse({"error": "Ask with GET."}, 405, {"allow": "GET, HEAD"})
        else:
            health = await self.look()
            response = JSONResponse(
                health.to_record(), 200 if health.is_well else 503, headers={"cache-control": "no-store"}
            )
        await response(scope, receive, send)
