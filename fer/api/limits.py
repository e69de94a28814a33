"""What a program may ask of the server at once: one picture at a time, a few that wait, none too large or too slow."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.requests import Request

MOST_WAITING = 8
"""Who comes while so many wait is told to come again."""

BODY_S = 30.0
"""How long what is sent may take to arrive, while others wait."""


class RefusedError(Exception):
    """A request that is not done: a status, one sentence, and headers of the answer."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})


class Gate:
    """Lets one in at a time and lets a few wait, in the order in which they came; within one event loop."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._lock = asyncio.Lock()
        self._most = 1 + most_waiting
        self._here = 0

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for one's turn and have it.

        Raises:
            RefusedError: too many wait already.
        """
        if self._here >= self._most:
            said = (
                f"{self._most} pictures are waiting or being read, as many as this server takes; try again in a while."
            )
            raise RefusedError(429, said, {"retry-after": "1"})
        self._here += 1
        try:
            async with self._lock:
                yield
        finally:
            self._here -= 1


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Take what a request sends.

    Raises:
        RefusedError: it is too large, or takes longer than `BODY_S`.
    """
    too_large = RefusedError(413, f"What is sent may have {max_bytes:,} bytes, and this has more.")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise RefusedError(408, f"What is sent took longer than {BODY_S:.0f} seconds to arrive.") from None
    return bytes(body)
