"""The Video page: the sample, what is brought, what is no video, the way out, and people put right."""

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from fer.pipeline import Settings
from fer.store import Store
from fer.ui.video import watching
from fer.ui.video.pictures import Picture
from fer.ui.video.pieces import pack_all
from fer.video.looking import VideoOptions, VideoResult, watch_video
from tests.app.conftest import Visit, said
from tests.video import drawn
from tests.video.clips import backdrop, clip, steady


@pytest.fixture(autouse=True)
def short_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that is looked at in no time: two people, a gap, one who is unsure."""
    one, two = drawn.face(1), drawn.face(2, "sad", x=60)
    seen = drawn.timeline([[one], [one, two], [], [two]])
    monkeypatch.setattr(watching, "sample_video", lambda: b"the sample")
    monkeypatch.setattr(watching, "watch_video", lambda *_, **__: drawn.result(seen, "sample.mp4"))


@pytest.fixture
def really(monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos are looked at."""
    monkeypatch.setattr(watching, "watch_video", watch_video)


def bring(app: AppTest, name: str, data: bytes) -> AppTest:
    """Upload a video and wait until it was looked at."""
    app = app.file_uploader(key="video_file").set_value((name, data, "video/mp4")).run()
    app.session_state["video_work"].wait()
    return app.run()


def table_of(app: AppTest) -> pd.DataFrame:
    """The table as it would be downloaded now."""
    return app.session_state["_video_shown"].result.timeline.to_table()


def card(app: AppTest, kind: str, what: str, number: int) -> object:
    """A control on somebody's card."""
    (found,) = (
        one for one in app.get(kind) if (one.key or "").startswith(f"video_{what}_") and one.key.endswith(f"_{number}")
    )
    return found


class TestFirstVisit:
    def test_the_sample_is_there_at_once(self, visit: Visit) -> None:
        app = visit("video")
        assert not app.exception
        assert [title.value for title in app.header] == [r"sample\.mp4", "People", "Summary", "Downloads"]
        assert "Until you bring one, this is a sample." in said(app)
        assert len(app.get("bidi_component")) == 1
        assert {"Everything (ZIP)", "Table (CSV)"} <= {button.label for button in app.get("download_button")}
        assert [image.alt for element in app.image for image in element.proto.imgs] == [
            "The face of person 1",
            "The face of person 2",
        ]

    def test_a_path_is_for_who_sits_at_this_machine(self, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "path" not in _ways(visit("video"))
        monkeypatch.setattr("fer.ui.video.choosing.on_own_machine", lambda: True)
        assert "path" in _ways(visit("video"))


def _ways(app: AppTest) -> str:
    """The ways to bring a video, as they are offered."""
    (control,) = (one for one in app.get("button_group") if one.key == "video_source")
    words = " ".join(option.content for option in control.proto.options)
    return words.replace("On this machine", "path")


class TestBadInput:
    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            pytest.param(b"", "is empty (0 bytes); choose another file.", id="empty"),
            pytest.param(b"MZ\x90\0" * 500, "is not a video of a known kind", id="a program"),
            pytest.param(b"#EXTM3U\nhttp://example.org/a.ts\n", "only names other files", id="a playlist"),
        ],
    )
    @pytest.mark.usefixtures("really")
    def test_what_is_no_video_is_one_sentence(self, data: bytes, sentence: str, visit: Visit) -> None:
        app = bring(visit("video"), "clip.mp4", data)
        assert not app.exception
        assert sentence in said(app)
        assert [title.value for title in app.header] == []

    @pytest.mark.usefixtures("really")
    def test_a_path_to_nowhere_and_one_to_a_video(
        self, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fer.ui.video.choosing.on_own_machine", lambda: True)
        folder = tmp_path / "clips"
        folder.mkdir()
        (folder / "wall.mp4").write_bytes(clip(lambda i: backdrop(), steady(5)))
        app = visit("video")
        app.session_state["video_source"] = "path"
        app = app.run()
        for name in ("none.mp4", "wall.mp4"):
            app = app.text_input(key="video_path").set_value(str(folder / name)).run()
            app.session_state["video_work"].wait()
            app = app.run()
            assert not app.exception
            assert ["none.mp4" in error.value.replace("\\", "") for error in app.error] == [True] * (name == "none.mp4")
        assert app.header[0].value == r"wall\.mp4"
        assert [path.name for path in folder.iterdir()] == ["wall.mp4"], "it is read where it is"


@pytest.mark.usefixtures("really")
class TestBrought:
    def test_a_clip_of_nobody(self, visit: Visit) -> None:
        app = bring(visit("video"), "wall.mp4", clip(lambda i: backdrop(), steady(5)))
        assert not app.exception
        assert "No face was found in this video." in said(app)
        assert app.header[0].value == r"wall\.mp4"

    def test_it_is_still_there_after_another_page(self, visit: Visit) -> None:
        app = bring(visit("video"), "wall.mp4", clip(lambda i: backdrop(), steady(5)))
        app = app.switch_page("pages/sessions.py").run().switch_page("pages/video.py").run()
        assert "This is wall.mp4, which you brought before." in said(app)
        assert app.header[0].value == r"wall\.mp4"


class TestProgress:
    @pytest.fixture
    def until_stopped(self, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
        """A look that lasts until it is stopped, and then keeps the first two frames."""
        begun = threading.Event()

        def look(*_: object, is_cancelled: Callable[[], bool] | None, **__: object) -> VideoResult:
            if is_cancelled is not None:
                begun.set()
                while not is_cancelled():
                    threading.Event().wait(0.01)
            seen = drawn.timeline([[drawn.face(1)], [drawn.face(1)]])
            sentence = "The work was stopped at 0:00.2; the rest was not looked at."
            return drawn.result(seen, "long.mp4", was_cancelled=True, warnings=(sentence,))

        monkeypatch.setattr(watching, "watch_video", look)
        return begun

    def test_stopped_it_keeps_what_is_done(self, visit: Visit, until_stopped: threading.Event) -> None:
        app = visit("video").file_uploader(key="video_file").set_value(("long.mp4", b"long", "video/mp4")).run()
        until_stopped.wait()
        assert not app.exception
        assert not app.header
        app = app.button(key="video_stop").click().run()
        app.session_state["video_work"].wait()
        app = app.run()
        assert "The work was stopped at 0:00.2" in said(app)
        assert len(table_of(app)) == 2
        assert app.button(key="video_again").label == "Look again, as chosen now"

    def test_it_ends_when_nobody_holds_it(self, until_stopped: threading.Event) -> None:
        before = set(threading.enumerate())
        task = watching.Task(watching.Clip("a.mp4", "a", b"a"), Settings(), VideoOptions(), None)
        (thread,) = set(threading.enumerate()) - before
        until_stopped.wait()
        del task
        thread.join()


class TestSaving:
    @pytest.fixture
    def here(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
        """The store of whoever sits at this machine."""
        monkeypatch.setenv("FER_SESSIONS_DIR", str(tmp_path))
        monkeypatch.setattr("fer.ui.visitor.on_own_machine", lambda: True)
        store = Store()
        yield store
        store.close()

    def test_numbers_become_sessions_that_can_be_compared(self, visit: Visit, here: Store) -> None:
        app = card(visit("video"), "toggle", "out", 2).set_value(True).run()
        app = app.button(key="video_save").click().run()
        assert not app.exception
        (session,) = here.sessions("local")
        assert (session.name, session.kind, session.people, session.readings) == ("sample.mp4", "video", 1, 2)
        assert not [button for button in app.button if button.key == "video_save"]
        app = card(app, "toggle", "out", 2).set_value(False).run().button(key="video_save").click().run()
        newer, older = here.sessions("local")
        app = app.switch_page("pages/sessions.py").run().selectbox(key=f"compare_{newer.id}").set_value(older.id).run()
        assert not app.exception
        assert "2 people, 4 readings by drawn" in said(app)
        assert "1 person, 2 readings by drawn" in said(app)

    def test_elsewhere_it_is_not_offered(self, visit: Visit) -> None:
        assert not [button for button in visit("video").button if button.key == "video_save"]


class TestPeople:
    def test_a_name_goes_into_table_and_charts(self, visit: Visit) -> None:
        app = card(visit("video"), "text_input", "name", 1).set_value("  Anna   B ").run()
        assert set(table_of(app)["person"].dropna()) == {"Anna B", "2"}
        app = card(app, "text_input", "name", 1).set_value("").run()
        assert set(table_of(app)["person"].dropna()) == {1, 2}

    def test_two_become_one_and_two_again(self, visit: Visit) -> None:
        app = card(visit("video"), "selectbox", "merge", 2).set_value(1).run()
        assert not app.exception
        assert set(table_of(app)["person"].dropna()) == {1}
        assert "Counts as Person 1." in said(app)
        app = card(app, "selectbox", "merge", 2).set_value(0).run()
        assert set(table_of(app)["person"].dropna()) == {1, 2}

    def test_left_out(self, visit: Visit) -> None:
        app = card(visit("video"), "toggle", "out", 1).set_value(True).run()
        assert set(table_of(app)["person"].dropna()) == {2}
        assert "Left out." in said(app)

    def test_the_zip_holds_what_is_shown(self, visit: Visit) -> None:
        app = card(visit("video"), "text_input", "name", 2).set_value("Ben").run()
        shown = app.session_state["_video_shown"]
        shown = replace(shown, result=replace(shown.result, has_picture=True))
        watched = watching.Watched("k", shown.result, Settings(), "digest", Picture(io.BytesIO(b"a film")))
        with zipfile.ZipFile(io.BytesIO(pack_all(watched, shown))) as archive:
            table = pd.read_csv(io.BytesIO(archive.read("sample.csv")))
            assert archive.read("sample.annotated.mp4") == b"a film"
            assert {"sample.about.json", "sample.vtt", "sample.eaf"} <= set(archive.namelist())
        assert "Ben" in set(table["person"])
