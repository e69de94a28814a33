"""Pictures in, readings out, for programs: `analyze`, `models` and their description, below `/api/v1/`.

Off until a token is set, which every request bears. What is answered is what the command line writes (`analyze
--format json`, one element, and `models --json`); what is refused is one sentence with its status.
"""

import asyncio
import json
import logging
import os
import secrets
from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fer import paths
from fer.api.description import PLACE, describe
from fer.api.limits import Gate, RefusedError, read_body
from fer.detection import DETECTORS, MIN_SCORE
from fer.errors import DetectorError, FerError, ModelError
from fer.fetch import MAX_URL_CHARACTERS, fetch_image_bytes
from fer.media import MAX_FILE_BYTES, decode_image
from fer.pipeline import DEFAULT_MODEL, FacePipeline, Settings
from fer.results import PhotoResult

TOKEN = "FER_API_TOKEN"
"""The variable that sets the token, and thereby opens this interface."""

MIN_TOKEN_CHARACTERS = 16

MAX_JSON_BYTES = 4 * MAX_URL_CHARACTERS
MAX_NAME = 255

OpenPipeline = Callable[[Settings], FacePipeline]

_PARAMETERS = ("model", "detector", "averaging", "min_score", "margin", "name")
_OFF = f"This server answers no programs; whoever runs it can set {TOKEN}."
_NO_TOKEN = "The token is missing or wrong; send it in the header Authorization, after the word Bearer."
_FAULT = "Something went wrong in the server while this was done; its log says where."
_LINK = 'JSON must hold a link alone, as in {"url": "https://example.org/face.jpg"}; a picture as its bytes.'

_LOG = logging.getLogger(__name__)


def chosen_token() -> str | None:
    """The token that was set; None where none was.

    Raises:
        FerError: it is too short.
    """
    given = os.environ.get(TOKEN, "").strip()
    if given and len(given) < MIN_TOKEN_CHARACTERS:
        raise FerError(
            f"{TOKEN} must have {MIN_TOKEN_CHARACTERS} characters, but has {len(given)}; choose a longer one."
        )
    return given or None


def create_app(
    token: str | None, open_pipeline: OpenPipeline, fetch: Callable[[str], bytes] = fetch_image_bytes
) -> ASGIApp:
    """Make the application that answers below `PLACE`.

    Args:
        token: what every request must bear; None refuses all.
        open_pipeline: gives a pipeline by its settings, opened once for many requests; called in a thread.
        fetch: a link into the bytes behind it, under guard.
    """
    gate = Gate()
    description = describe()

    async def analyze(request: Request) -> Response:
        name, settings = _asked(request)
        async with gate.entered():
            is_link = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
            body = await read_body(request, MAX_JSON_BYTES if is_link else MAX_FILE_BYTES)
            link = _link(body) if is_link else None
            opened = partial(fetch, link) if link is not None else lambda: body
            return JSONResponse(await asyncio.to_thread(_read, opened, name or link or "", settings, open_pipeline))

    async def models(request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(_list_models))

    async def tell(request: Request) -> Response:
        return JSONResponse(description)

    routes = [
        Route(f"{PLACE}analyze", analyze, methods=["POST"]),
        Route(f"{PLACE}models", models, methods=["GET"]),
        Route(f"{PLACE}openapi.json", tell, methods=["GET"]),
    ]
    return _Door(Starlette(routes=routes, exception_handlers={HTTPException: _unknown, RefusedError: _refused}), token)


class _Door:
    """Lets those in who bear the token, and says in one sentence what went wrong behind it."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._token is None:
            await _sentence(404, _OFF)(scope, receive, send)
            return
        kind, _, given = Request(scope).headers.get("authorization", "").partition(" ")
        if not secrets.compare_digest(given.strip().encode(), self._token.encode()) or kind.lower() != "bearer":
            await _sentence(401, _NO_TOKEN, {"www-authenticate": "Bearer"})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _sentence(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"status": status, "error": sentence}, status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return _sentence(error.status, str(error), error.headers)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = "There is nothing here" if error.status_code == 404 else "This is asked with another method"
    return _sentence(error.status_code, f"{said}; {PLACE}openapi.json says what there is.", dict(error.headers or {}))


def _asked(request: Request) -> tuple[str, Settings]:
    """How the picture is called, and how it is to be read."""
    given = request.query_params
    unknown = sorted(set(given) - set(_PARAMETERS))
    if unknown:
        raise RefusedError(422, f"There are the parameters {', '.join(_PARAMETERS)}, but not {unknown[0][:40]}.")
    model = given.get("model", DEFAULT_MODEL)
    installed = paths.find_models()
    if model not in installed:
        raise RefusedError(422, f"model must be one of {', '.join(installed)}.")
    detector = _one_of(given.get("detector", "auto"), "detector", ("auto", *DETECTORS))
    averaging = _one_of(given.get("averaging", "flip"), "averaging", ("flip", "none"))
    shares = [_share(given.get(name, default), name) for name, default in (("min_score", MIN_SCORE), ("margin", 0.0))]
    return given.get("name", "")[:MAX_NAME], Settings(model, detector, averaging, *shares)  # type: ignore[arg-type]


def _one_of(value: str, name: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise RefusedError(422, f"{name} must be one of {', '.join(known)}.")
    return value


def _share(value: str | float, name: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise RefusedError(422, f"{name} must be a number from 0 to 1.")
    return share


def _link(body: bytes) -> str:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or set(given) != {"url"} or not isinstance(given["url"], str):
        raise RefusedError(400, _LINK)
    return given["url"]


def _read(opener: Callable[[], bytes], name: str, settings: Settings, open_pipeline: OpenPipeline) -> dict:
    """Read one picture, in a thread."""
    try:
        pipeline = open_pipeline(settings)
        image_bgr = decode_image(opener(), name)
        return PhotoResult(name, pipeline.reader, pipeline.analyze(image_bgr)).to_record()
    except (ModelError, DetectorError) as error:
        raise RefusedError(503, str(error)) from error
    except FerError as error:
        raise RefusedError(422, str(error)) from error
    except Exception as error:
        _LOG.exception("A picture could not be read.")
        raise RefusedError(500, _FAULT) from error


def _list_models() -> list[dict]:
    """What is installed, without where."""
    from fer.evaluation.installed import find_installed  # most servers never need it, and none at its start

    records = [model.to_record() for model in find_installed()]
    return [{key: value for key, value in record.items() if key != "folder"} for record in records]
