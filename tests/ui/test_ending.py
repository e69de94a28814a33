"""A server that is told to end: what it records is saved, and nobody keeps it waiting."""

import subprocess
import sys
from pathlib import Path

import pytest

from fer.emotions import EMOTIONS
from fer.store import Store
from fer.ui import ending
from tests.store.test_store import FACTS

SERVER = """
import asyncio, os, signal
from contextlib import asynccontextmanager
import uvicorn
from starlette.applications import Starlette
from fer.recording import Look, Sample
from fer.store import writer
from fer.ui import ending
from fer.ui.recordings import open_store

writer.COMMIT_EVERY_S = 3600
ending.PATIENCE_S = {patience_s}

@asynccontextmanager
async def lifespan(app):
    async with ending.ends_in_order():
        recorded = open_store().begin("ann", **{facts})
        recorded.write(Look(0.0, (Sample(0.0, 1, {probabilities}, (1.0, 2.0, 3.0, 4.0), 0.9),)))
        yield

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await Starlette(lifespan=lifespan)(scope, receive, send)
        return
    os.kill(os.getpid(), signal.SIGTERM)
    if scope["path"] == "/endless":
        await asyncio.sleep(3600)
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body"}})

async def visit():
    config = uvicorn.Config(app, port=0, log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, visitor = await asyncio.open_connection("127.0.0.1", port)
    visitor.write(b"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    await serving

asyncio.run(visit())
"""


@pytest.mark.parametrize(
    ("path", "patience_s"),
    [
        pytest.param("/", ending.PATIENCE_S, id="at rest"),
        pytest.param("/endless", 0.5, id="while an answer is on its way", marks=pytest.mark.slow),
    ],
)
def test_what_is_recorded_is_saved(path: str, patience_s: float, tmp_path: Path) -> None:
    facts = FACTS | {"classes": EMOTIONS}
    probabilities = tuple(float(name == "happy") for name in EMOTIONS)
    program = SERVER.format(facts=facts, probabilities=probabilities, path=path, patience_s=patience_s)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    store = Store()
    (session,) = store.sessions("ann")
    assert [sample.person for sample in store.samples("ann", session.id)] == [1]
    store.close()


def test_containers_are_not_killed_first() -> None:
    assert ending.PATIENCE_S < 10
