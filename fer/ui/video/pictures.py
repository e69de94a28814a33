"""Annotated videos that a browser may ask for piece by piece, as players do; each gone with whoever holds it.

Streamlit's own store would hold every video whole in memory. Here it may be an unnamed file, which only the process
that made it can read.
"""

import io
import secrets
import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import BinaryIO, cast
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from fer.ui.beside import base_path

MOST_IN_MEMORY = 64_000_000
"""Larger videos go on in an unnamed temporary file."""

MOST_AT_ONCE = 2_000_000
"""Who asks for all that follows gets so many bytes, and asks again: a player that pauses keeps no answer open."""

_PLACE = "watched"
_CHUNK = 1 << 18


def blank_file() -> BinaryIO:
    """A file without a name, in memory as long as it is small; it is gone once nobody holds it."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(MOST_IN_MEMORY))


class Picture:
    """One video. May be read by several threads.

    Attributes:
        size: how many bytes it has.
        url: where the app serves it, as long as somebody holds this object; nobody can guess it.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Take over a file that is complete."""
        self._file, self._lock = file, threading.Lock()
        self.size = file.seek(0, 2)
        token = secrets.token_urlsafe(24)
        self.url = f"{base_path()}/{_PLACE}/{token}.mp4"
        _HELD[token] = self
        weakref.finalize(self, file.close)

    def read(self, start: int, size: int) -> bytes:
        """A piece of it."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)

    def opened(self) -> BinaryIO:
        """The video as a file of its own, for reading; nothing is copied."""
        return cast(BinaryIO, io.BufferedReader(_Reading(self), _CHUNK))

    def url_to_keep(self, name: str) -> str:
        """Where a browser downloads it from, as a file of this name."""
        return f"{self.url}?{urlencode({'name': name})}"

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """What lies from `start` up to `end`, in small pieces."""
        for place in range(start, end, _CHUNK):
            yield self.read(place, min(_CHUNK, end - place))


class _Reading(io.RawIOBase):
    """A place in a video."""

    def __init__(self, picture: Picture) -> None:
        self._picture, self._place = picture, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        self._place = place + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._picture.size}[whence]
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._picture.read(self._place, len(buffer))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


_HELD: weakref.WeakValueDictionary[str, Picture] = weakref.WeakValueDictionary()


def routes() -> list[Route]:
    """What the server answers beside the app itself."""
    return [Route(f"{base_path()}/{_PLACE}/{{token}}.mp4", _answer, methods=["GET"])]


async def _answer(request: Request) -> Response:
    picture = _HELD.get(request.path_params["token"])
    if picture is None:
        return PlainTextResponse("This video is not here any more.", 404)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store", "Content-Encoding": "identity"}
    if name := request.query_params.get("name"):
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    try:
        start, end = _asked_for(request.headers.get("range", ""), picture.size)
    except ValueError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{picture.size}"})
    if (start, end) != (0, picture.size) or "range" in request.headers:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{picture.size}"
    headers["Content-Length"] = str(end - start)
    status = 206 if "Content-Range" in headers else 200
    return StreamingResponse(picture.chunks(start, end), status, headers, "video/mp4")


def _asked_for(header: str, size: int) -> tuple[int, int]:
    """The bytes from and up to which a `Range` header asks for; raises ValueError where there are none."""
    if not header:
        return 0, size
    unit, _, spans = header.partition("=")
    first, dash, last = spans.split(",")[0].strip().partition("-")
    if unit.strip() != "bytes" or not dash:
        raise ValueError(header)
    if first:
        start, end = int(first), int(last) + 1 if last else int(first) + MOST_AT_ONCE
    else:
        start, end = size - int(last), size
    start, end = max(0, start), min(end, size)
    if start >= end:
        raise ValueError(header)
    return start, end
