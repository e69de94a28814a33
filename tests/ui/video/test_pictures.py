"""Annotated videos as players ask for them: piece by piece, and no longer once nobody holds them."""

import asyncio
import io
import os

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


def test_it_may_be_kept_as_a_file_of_a_name() -> None:
    picture = Picture(io.BytesIO(DATA))
    kept = get(picture.url_to_keep("B\u00e4r; 1.mp4"))
    assert (kept.status_code, kept.content) == (200, DATA)
    assert kept.headers["content-disposition"] == "attachment; filename*=UTF-8''B%C3%A4r%3B%201.mp4"
    assert "content-disposition" not in get(picture.url).headers


def test_a_large_one_lies_in_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.ui.video.pictures.MOST_IN_MEMORY", len(DATA) - 1)
    file = blank_file()
    file.write(DATA)
    assert vars(file)["_rolled"], "no longer in memory"
    assert os.fstat(file.fileno()).st_nlink == 0
    picture = Picture(file)
    assert get(picture.url, Range="bytes=300000-300009").content == DATA[300_000:300_010]
    with picture.opened() as whole:
        whole.seek(-5, io.SEEK_END)
        assert whole.read() == DATA[-5:]
        whole.seek(0)
        assert whole.read() == DATA
    assert not file.closed


def test_no_two_have_one_address() -> None:
    one, other = Picture(io.BytesIO(b"1")), Picture(io.BytesIO(b"2"))
    assert one.url != other.url
