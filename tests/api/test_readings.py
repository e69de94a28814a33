"""The interface for programs: what is answered and refused, each held against the description that it gives."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from starlette.types import ASGIApp

from fer.api import limits, readings
from fer.api.description import PLACE, describe
from fer.errors import FerError, FetchError
from fer.media import encode_png
from fer.pipeline import FacePipeline, Settings
from fer.recognition import load_model
from tests.fakes import SquareFinder, ask, drawn_face, install_model

TOKEN = "a token of the tests"
BEARER = {"authorization": f"Bearer {TOKEN}"}
JSON = {"content-type": "application/json"}
LINK = "https://example.org/face.jpg"


@pytest.fixture
def picture() -> bytes:
    """Two faces, a happy one and a smaller one that is not."""
    image_bgr = np.zeros((120, 160, 3), np.uint8)
    drawn_face(image_bgr, 10, 20, 60, happy=True)
    drawn_face(image_bgr, 90, 30, 40, happy=False)
    return encode_png(image_bgr)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: bytes) -> ASGIApp:
    """The interface over a network and a detector for tests; one link leads somewhere."""
    monkeypatch.setenv("FER_MODEL_DIR", str(tmp_path / "models"))
    install_model(tmp_path / "models")

    def open_pipeline(settings: Settings) -> FacePipeline:
        return settings.assemble(load_model(settings.model), SquareFinder())

    def fetch(url: str) -> bytes:
        if url != LINK:
            raise FetchError("It cannot be found on the public internet.")
        return picture

    return readings.create_app(TOKEN, open_pipeline, fetch)


def checked(answer: httpx.Response, method: str = "post") -> Any:
    """What an answer holds, after it was held against the description."""
    description = describe()
    path = str(answer.request.url.path)
    responses = description["paths"][path][method]["responses"]
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": description["components"]}).validate(answer.json())
    if answer.status_code != 200:
        assert answer.json()["status"] == answer.status_code
    return answer.json()


def analyze(app: ASGIApp, **request: Any) -> httpx.Response:
    headers = request.pop("headers", BEARER)
    params = {"model": "drawn", **request.pop("params", {})}
    return ask(app, f"{PLACE}analyze", "POST", headers=headers, params=params, **request)


def test_a_picture_is_read(app: ASGIApp, picture: bytes) -> None:
    told = checked(analyze(app, content=picture, params={"name": "two.png", "averaging": "none"}))
    assert [face["emotion"] == "happy" for face in told["faces"]] == [True, False]
    assert {key: told[key] for key in ("file", "width", "height", "model", "detector", "averaging", "error")} == {
        "file": "two.png", "width": 160, "height": 120, "model": "drawn", "detector": "haar", "averaging": "none",
        "error": None,
    }  # fmt: skip


def test_a_link_is_read(app: ASGIApp) -> None:
    told = checked(analyze(app, content=json.dumps({"url": LINK}), headers=BEARER | JSON))
    assert (told["file"], len(told["faces"])) == (LINK, 2)


@pytest.mark.parametrize(
    ("request_of", "status", "said"),
    [
        pytest.param({"content": b""}, 422, "is empty", id="nothing"),
        pytest.param({"content": b"GIF89a"}, 422, ".", id="a broken picture"),
        pytest.param({"headers": {}}, 401, "token is missing or wrong", id="no token"),
        pytest.param({"headers": {"authorization": f"Bearer {TOKEN}s"}}, 401, "missing or wrong", id="another token"),
        pytest.param({"headers": {"authorization": f"Basic {TOKEN}"}}, 401, "missing or wrong", id="another scheme"),
        pytest.param({"content": b"{", "headers": BEARER | JSON}, 400, "must hold a link", id="no JSON"),
        pytest.param({"content": b'{"url": 1}', "headers": BEARER | JSON}, 400, "must hold a link", id="no link"),
        pytest.param(
            {"content": b'{"url": "http://a"}', "headers": BEARER | JSON}, 422, "cannot be found", id="no way"
        ),
        pytest.param({"content": b"x" * 101}, 413, "may have 100 bytes", id="too large"),
        pytest.param({"params": {"model": "other"}}, 422, "model must be one of ckplus, drawn", id="no such model"),
        pytest.param({"params": {"detector": "eyes"}}, 422, "detector must be one of auto", id="no such detector"),
        pytest.param({"params": {"min_score": "nan"}}, 422, "min_score must be a number from 0", id="no share"),
        pytest.param({"params": {"colour": "red"}}, 422, "but not colour", id="no such parameter"),
    ],
)
def test_what_is_refused(
    app: ASGIApp, request_of: dict[str, Any], status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "MAX_FILE_BYTES", 100)
    answer = analyze(app, **request_of)
    assert answer.status_code == status
    assert said in checked(answer)["error"]


def test_a_fault_is_said_without_its_words(picture: bytes, caplog: pytest.LogCaptureFixture) -> None:
    def fail(settings: Settings) -> FacePipeline:
        raise RuntimeError("ann.jpg")

    answer = analyze(readings.create_app(TOKEN, fail), content=picture, params={"model": "fer2013"})
    assert answer.status_code == 500
    assert "ann" not in checked(answer)["error"]
    assert "could not be read" in caplog.text


def test_one_is_read_at_a_time_and_few_wait(app: ASGIApp, picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, all_came = [0, 0], threading.Event()
    read = readings._read

    def watched(*arguments: Any) -> dict:
        inside[0] += 1
        inside[1] = max(inside)
        all_came.wait(30)
        done = read(*arguments)
        inside[0] -= 1
        return done

    monkeypatch.setattr(readings, "_read", watched)

    async def come() -> list[httpx.Response]:
        many = 1 + limits.MOST_WAITING + 3
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=BEARER) as client:
            place = f"{PLACE}analyze"
            asked = [
                asyncio.create_task(client.post(place, content=picture, params={"model": "drawn"})) for _ in range(many)
            ]
            while sum(task.done() for task in asked) < 3:
                await asyncio.sleep(0.01)
            all_came.set()
            return await asyncio.gather(*asked)

    answers = asyncio.run(come())
    assert sorted(answer.status_code for answer in answers) == [200] * (1 + limits.MOST_WAITING) + [429] * 3
    (refused, *_) = [answer for answer in answers if answer.status_code == 429]
    checked(refused)
    assert refused.headers["retry-after"] == "1"
    assert inside[1] == 1


def test_who_sends_slowly_is_sent_away(app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_S", 0.05)

    async def slowly() -> Any:
        yield b"x"
        await asyncio.sleep(5)

    assert checked(analyze(app, content=slowly()))["status"] == 408


def test_what_is_installed_is_told_without_where(app: ASGIApp, tmp_path: Path) -> None:
    answer = ask(app, f"{PLACE}models", headers=BEARER)
    names = [model["name"] for model in checked(answer, "get")]
    assert {"ckplus", "drawn", "fer2013-ferplus"} <= set(names)
    assert str(tmp_path) not in answer.text


def test_it_describes_itself(app: ASGIApp) -> None:
    answer = ask(app, f"{PLACE}openapi.json", headers=BEARER)
    assert answer.json() == json.loads(json.dumps(describe()))
    for schema in answer.json()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "said"),
    [
        pytest.param("GET", "models", None, 404, "answers no programs", id="off"),
        pytest.param("GET", "nothing", TOKEN, 404, "There is nothing here", id="nothing there"),
        pytest.param("GET", "analyze", TOKEN, 405, "another method", id="another method"),
    ],
)
def test_where_nothing_answers(method: str, path: str, token: str | None, status: int, said: str) -> None:
    answer = ask(readings.create_app(token, lambda settings: None), PLACE + path, method, headers=BEARER)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("given", "token"),
    [
        pytest.param(" ", None, id="unset"),
        pytest.param(TOKEN, TOKEN, id="set"),
        pytest.param("short", FerError("FER_API_TOKEN must have 16 characters, but has 5"), id="too short"),
    ],
)
def test_the_token(given: str, token: str | FerError | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(readings.TOKEN, given)
    if isinstance(token, FerError):
        with pytest.raises(FerError, match=str(token)):
            readings.chosen_token()
    else:
        assert readings.chosen_token() == token
