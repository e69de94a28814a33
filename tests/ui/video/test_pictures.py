"""Annotated videos as players ask for them: piece by piece, and no longer once nobody holds them."""

import asyncio
import io

import httpx
import pytest
from starlette.applications import Starlette

from fer.ui.video.pictures import Picture, blank_file, routes

DATA = bytes(range(256)) * 2000


def get(url: str, **headers: str) -> httpx.Response:
    """What the server answers."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(url, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("wanted", "status", "span"),
    [
        pytest.param(None, 200, (0, len(DATA)), id="all of it"),
        pytest.param("bytes=0-", 206, (0, len(DATA)), id="from the beginning"),
        pytest.param("bytes=300000-", 206, (300_000, len(DATA)), id="from the middle"),
        pytest.param("bytes=10-19", 206, (10, 20), id="ten bytes"),
        pytest.param("bytes=-5", 206, (len(DATA) - 5, len(DATA)), id="the end"),
        pytest.param("bytes=500000-900000", 206, (500_000, len(DATA)), id="past the end"),
        pytest.param("bytes=512000-", 416, (0, 0), id="nothing left"),
        pytest.param("bytes=9-3", 416, (0, 0), id="backwards"),
        pytest.param("lines=1-2", 416, (0, 0), id="another unit"),
        pytest.param("bytes=a-b", 416, (0, 0), id="no numbers"),
    ],
)
def test_pieces(wanted: str | None, status: int, span: tuple[int, int]) -> None:
    picture = Picture(io.BytesIO(DATA))
    answer = get(picture.url, **({} if wanted is None else {"Range": wanted}))
    start, end = span
    assert (answer.status_code, answer.content) == (status, DATA[start:end])
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
        assert answer.headers["content-type"] == "video/mp4"


def test_it_is_gone_with_whoever_holds_it() -> None:
    file = blank_file()
    file.write(DATA)
    picture = Picture(file)
    url = picture.url
    assert get(url).content == DATA
    del picture
    assert get(url).status_code == 404
    assert file.closed


def test_no_two_have_one_address() -> None:
    one, other = Picture(io.BytesIO(b"1")), Picture(io.BytesIO(b"2"))
    assert one.url != other.url
