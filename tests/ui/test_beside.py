"""What stands beside the pages: which requests get there, and that the app is well."""

from collections.abc import Iterator

import pytest
import streamlit as st
from starlette.responses import PlainTextResponse

from fer.ui import beside
from fer.ui.recordings import close_store
from tests.fakes import ask


@pytest.fixture
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    st.config.set_option("server.baseUrlPath", request.param)
    yield request.param
    st.config.set_option("server.baseUrlPath", "")


@pytest.mark.parametrize(
    ("base", "path", "asked", "who"),
    [
        pytest.param("", "/healthz", "/", "pages", id="a page"),
        pytest.param("", "/healthz", "/healthz", "beside", id="the path"),
        pytest.param("", "/healthz", "/healthz/", "pages", id="below a path without a slash"),
        pytest.param("", "/healthz", "/_stcore/upload_file/1/healthz", "pages", id="one that ends alike"),
        pytest.param("", "/api/", "/api/v1/models", "beside", id="below"),
        pytest.param("", "/api/", "/apiary", "pages", id="one that begins alike"),
        pytest.param("fer", "/healthz", "/healthz", "pages", id="outside of the base"),
        pytest.param("fer", "/healthz", "/fer/healthz", "beside", id="below the base"),
    ],
    indirect=["base"],
)
def test_who_answers(base: str, path: str, asked: str, who: str) -> None:
    app = beside.Beside(PlainTextResponse("pages"), path, PlainTextResponse("beside"))
    assert ask(app, asked).text == who


def test_the_app_is_well() -> None:
    """The default model, whatever detector there is, and a database that is made."""
    answer = ask(beside.health(), "/healthz")
    close_store()
    assert answer.json() == {"status": "ok", "model": "ok", "detector": "ok", "database": "ok"}
