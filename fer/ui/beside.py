"""What the server answers beside the pages, and how it is told apart from them; whether it is well.

Knows nothing about pages.
"""

import numpy as np
import streamlit as st
from starlette.types import ASGIApp, Receive, Scope, Send

from fer.api.health import HealthCheck
from fer.pipeline import DEFAULT_MODEL
from fer.ui.loaders import open_detector, open_model
from fer.ui.recordings import open_store


def base_path() -> str:
    """What stands before every path of this server, as `/fer`; empty where nothing does."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}" if base else ""


class Beside:
    """Gives the requests for one path, or for what lies below one, to another application, which never meets the pages.

    Behind it stand the doors that ask pages' visitors who they are: what lies beside has a door of its own, or tells
    nothing that needs one.
    """

    def __init__(self, app: ASGIApp, path: str, other: ASGIApp) -> None:
        """Stand before an application.

        Args:
            app: takes all other requests.
            path: as `/healthz`; with a slash at its end all that lies below.
            other: takes the requests for that path.
        """
        self._app, self._other = app, other
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        base = base_path()
        asked = scope["path"] if scope["type"] == "http" else ""
        place = base + self._path
        if asked != place and not (place.endswith("/") and asked.startswith(place)):
            await self._app(scope, receive, send)
            return
        await self._other({**scope, "root_path": base}, receive, send)


def health() -> HealthCheck:
    """Look at what photos are read with by default, and at the database of sessions."""
    return HealthCheck({"model": _check_model, "detector": _check_detector, "database": _check_database})


def _check_model() -> None:
    model = open_model(DEFAULT_MODEL)
    model.predict(np.zeros((1, model.card.crop_size, model.card.crop_size), np.uint8))


def _check_detector() -> None:
    open_detector("auto").detect(np.zeros((64, 64, 3), np.uint8))


def _check_database() -> None:
    open_store().check()
