"""How the server ends when the system tells it to: streams and recordings first, then the process, with status 0.

Knows nothing about pages.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import FrameType

from fer.ui.recordings import close_store

PATIENCE_S = 6.0
"""After so long the process ends whoever still downloads or uploads; containers are killed after ten seconds."""


async def close() -> None:
    """End every stream, so that browsers know, and every recording, so that all of it is saved."""
    limits = sys.modules.get("fer.webrtc.limits")  # where no camera was on, what it needs is not loaded for this
    if limits is not None:
        await limits.close_all()
    await asyncio.to_thread(close_store)


def _leave() -> None:
    """End the process at once: what a page still computes is of no use to anybody, and would keep it for minutes."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@asynccontextmanager
async def ends_in_order(
    close: Callable[[], Awaitable[None]] = close, leave: Callable[[], None] = _leave
) -> AsyncIterator[None]:
    """Runs around the server's life, within its event loop; see to it that SIGTERM closes what is open.

    uvicorn waits for every answer that is still on its way before it tells the app that it ends, so the signal itself
    is listened to; and it would end by the signal, which looks like a failure.

    Args:
        close: closes what is open.
        leave: ends the process.
    """
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)
    closing: asyncio.Task[None] | None = None

    async def end() -> None:
        await close()

    def begin() -> None:
        nonlocal closing
        if closing is None:
            closing = loop.create_task(end())
            loop.call_later(PATIENCE_S, leave)

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(begin)
        if callable(before):
            before(number, frame)

    listens = threading.current_thread() is threading.main_thread()
    if listens:
        signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        if listens:
            signal.signal(signal.SIGTERM, before)
        if closing is None:
            await close()
        else:
            await closing
            leave()
