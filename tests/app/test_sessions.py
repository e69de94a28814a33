"""The Sessions page: none yet, one, two compared, renamed, deleted, kept for a while, and for whom."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from fer import paths
from fer.emotions import EMOTIONS
from fer.recording import Marker, Remarks
from fer.store import Store, schema
from tests.app.conftest import Visit, said
from tests.store.test_store import recorded, sample

ANN = {"is_logged_in": True, "iss": "https://login.example", "sub": "ann"}


@pytest.fixture(autouse=True)
def _on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.ui.visitor.on_own_machine", lambda: True)


@pytest.fixture
def saved() -> Iterator[Store]:
    """The store that the page opens too."""
    opened = Store()
    yield opened
    opened.close()


@pytest.fixture
def two(saved: Store) -> tuple[int, int]:
    """Two sessions: a minute of two people, and a moment of one."""
    crowd = [sample(t / 2, person, "sad" if person == 2 else "happy") for t in range(120) for person in (1, 2)]
    return recorded(saved, "local", crowd), recorded(saved, "local", [sample(0.0, 1, "fear")], name="A moment")


def click(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def test_nobody_recorded_anything(visit: Visit) -> None:
    app = visit("sessions")
    assert not app.exception
    assert "No session yet." in said(app)
    assert "Numbers, never pictures." in said(app)
    assert str(paths.sessions_dir()) in said(app)
    assert [heading.value for heading in app.header] == ["An example", "What is kept"]
    assert len(app.get("plotly_chart")) == 1
    assert not [button for button in app.button if "delete" in (button.key or "")]


def test_the_newest_is_open(visit: Visit, two: tuple[int, int]) -> None:
    app = visit("sessions")
    assert not app.exception
    assert app.selectbox(key="opened_session").value == two[1]
    assert app.dataframe[0].value["name"].tolist() == ["A moment", "Rehearsal"]
    assert app.dataframe[0].value["mostly"].tolist() == ["fear, 100 %", "happy, 50 %"]
    assert app.dataframe[0].value["lasted"].tolist() == ["0:00 min", "1:00 min"]
    assert "1 person, 1 reading by drawn, faces found by Haar" in said(app)


def test_another_one_is_opened_and_one_person_looked_at(visit: Visit, two: tuple[int, int]) -> None:
    app = visit("sessions")
    app.selectbox(key="opened_session").set_value(two[0]).run()
    assert "2 people, 240 readings" in said(app)
    assert app.dataframe[1].value["mostly"].tolist() == ["happy", "sad"]
    assert "the probabilities of person 1" in said(app)
    app.selectbox(key=f"person_{two[0]}").set_value(2).run()
    assert not app.exception
    assert "the probabilities of person 2" in said(app)


def test_a_session_of_before_says_that_doubt_was_not_noted(visit: Visit, saved: Store) -> None:
    recorded(saved, "local", [sample(0.0, unsure=None)])
    sentence = "It was recorded before doubt was noted"
    assert sentence in said(visit("sessions"))
    recorded(saved, "local", [sample(0.0, unsure=True)], name="Today")
    app = visit("sessions")
    assert app.dataframe[0].value["mostly"].tolist() == ["unsure, 100 %", "happy, 100 %"]
    assert sentence not in said(app)


def test_a_link_opens_one(visit: Visit, two: tuple[int, int]) -> None:
    app = visit("home")
    app.query_params["session"] = str(two[0])
    app.switch_page("pages/sessions.py").run()
    assert app.selectbox(key="opened_session").value == two[0]


@pytest.mark.parametrize("asked_for", ["", "0", "99", "x", "-1"])
def test_a_link_to_what_is_not_there_opens_the_newest(visit: Visit, two: tuple[int, int], asked_for: str) -> None:
    app = visit("home")
    app.query_params["session"] = asked_for
    app.switch_page("pages/sessions.py").run()
    assert not app.exception
    assert app.selectbox(key="opened_session").value == two[1]
    assert ("That session is not there; it may have been deleted." in said(app)) == bool(asked_for)


def test_two_are_compared(visit: Visit, two: tuple[int, int]) -> None:
    app = visit("sessions")
    assert "Side by side" not in said(app)
    app.selectbox(key=f"compare_{two[1]}").set_value(two[0]).run()
    assert not app.exception
    assert "Side by side" in said(app)
    assert "A moment: 0:00 min, 1 person, 1 reading by drawn. Rehearsal: 1:00 min, 2 people, 240 readings" in said(app)
    assert "different models" not in said(app)


def test_what_different_models_read_is_said(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    third = recorded(saved, "local", [sample(0.0)], model="other")
    app = visit("sessions")
    app.selectbox(key=f"compare_{third}").set_value(two[0]).run()
    assert "They were read by different models" in said(app)


def test_names_that_are_the_same_are_told_apart(visit: Visit, saved: Store) -> None:
    for _ in range(3):
        recorded(saved, "local", [sample(0.0)])
    assert visit("sessions").selectbox(key="opened_session").options == ["Rehearsal (3)", "Rehearsal (2)", "Rehearsal"]


def test_two_with_markers_are_laid_over_each_other(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    saved.write_remarks("local", two[0], Remarks(names={2: "Bo"}, markers=(Marker(1.0, "in"), Marker(20.0, "joke"))))
    saved.add_marker("local", two[1], Marker(0.0, "joke"))
    app = visit("sessions")
    app.selectbox(key=f"compare_{two[1]}").set_value(two[0]).run()
    assert not app.exception
    pair = f"{two[1]}_{two[0]}"
    places = [app.selectbox(key=f"zero_{pair}_{number}") for number in reversed(two)]
    assert [place.value for place in places] == [1, 2], "markers of one note are laid on each other"
    assert places[1].options == ["its beginning", "0:01 min, in", "0:20 min, joke"]
    drawn = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert [trace["name"] for trace in drawn["data"][1::2]] == ["A moment", "Rehearsal"]
    assert drawn["layout"]["xaxis"]["range"][0] == -20
    app.button(key=f"merge_{pair}_now").click().run()
    assert not app.exception
    assert app.selectbox(key="opened_session").value not in two
    assert saved.sessions("local")[0].name == "A moment and Rehearsal"


def test_notes_names_and_markers_are_written(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    app = visit("sessions")
    app.selectbox(key="opened_session").set_value(two[0]).run()
    app.text_area(key=f"notes_{two[0]}").set_value("A rainy day.").run()
    app.text_input(key=f"called_{two[0]}_2").set_value("Bo").run()
    app.number_input(key=f"at_{two[0]}").set_value(12.0)
    app.text_input(key=f"note_{two[0]}").set_value("a door")
    (button,) = (button for button in app.button if button.label == "Set a marker")
    button.click().run()
    assert not app.exception
    written = saved.remarks("local", two[0])
    assert written == Remarks("A rainy day.", {2: "Bo"}, (Marker(12.0, "a door"),))
    assert app.dataframe[1].value["person"].tolist() == ["Person 1", "Bo"]
    click(app, f"marker_{two[0]}_go")
    assert saved.remarks("local", two[0]).markers == ()


@pytest.mark.parametrize(
    ("name", "error"), [("Act two", None), ("  ", "must have 1 to 80 letters")], ids=["a name", "none"]
)
def test_one_is_renamed(visit: Visit, saved: Store, two: tuple[int, int], name: str, error: str | None) -> None:
    app = visit("sessions")
    app.text_input(key=f"name_{two[1]}").set_value(name).run()
    assert {session.id: session.name for session in saved.sessions("local")}[two[1]] == ("A moment" if error else name)
    assert [error in shown.value for shown in app.error] == ([True] if error else [])
    assert not app.run().error, "it is said once"


def test_a_name_is_shown_letter_by_letter(visit: Visit, saved: Store) -> None:
    recorded(saved, "local", [sample(0.0)], name="**bold** :material/home: [x](https://example.org)")
    assert "**bold** :material/home: [x](https://example.org)" in said(visit("sessions"))


def test_one_is_deleted(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    app = click(visit("sessions"), f"delete_{two[1]}_for_good")
    assert not app.exception
    assert [session.id for session in saved.sessions("local")] == [two[0]]
    assert app.selectbox(key="opened_session").value == two[0]


def test_all_are_deleted(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    recorded(saved, "ann", [sample(0.0)])
    app = click(visit("sessions"), "delete_all_for_good")
    assert "No session yet." in said(app)
    assert saved.sessions("local") == []
    assert len(saved.sessions("ann")) == 1


def test_what_somebody_else_deleted_meanwhile_is_said(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    app = visit("sessions")
    saved.delete("local", two[1])
    click(app, f"delete_{two[1]}_for_good")
    assert [shown.value for shown in app.error] == ["This session is not there; it may have been deleted\\."]
    assert app.selectbox(key="opened_session").value == two[0]


class TestForAWhile:
    def test_old_ones_are_counted_before_they_go(self, visit: Visit, saved: Store, two: tuple[int, int]) -> None:
        old = datetime.now(UTC) - timedelta(days=9)
        with saved._writing() as connection:
            change = schema.SESSIONS.update().where(schema.SESSIONS.c.id == two[0])
            connection.execute(change.values(started=old, saved=old))
        app = visit("sessions")
        app.number_input(key="retention_days").set_value(7).run()
        assert "1 session is older and would go at once." in said(app)
        assert len(saved.sessions("local")) == 2, "nothing happens before it is asked for"
        click(app, "retention_set")
        assert [session.id for session in saved.sessions("local")] == [two[1]]
        assert saved.retention("local") == 7
        assert not [button for button in app.button if button.key == "retention_set"]

    def test_the_choice_is_there_the_next_time(self, visit: Visit, saved: Store) -> None:
        saved.set_retention("local", 30)
        app = visit("sessions")
        assert app.number_input(key="retention_days").value == 30
        app.number_input(key="retention_days").set_value(None).run()
        click(app, "retention_set")
        assert saved.retention("local") is None


class TestWhose:
    def visit(self, visit: Visit, user: dict[str, object], here: bool, monkeypatch: pytest.MonkeyPatch) -> AppTest:
        monkeypatch.setattr("fer.ui.visitor.on_own_machine", lambda: here)
        app = visit("home")
        app.user = user
        return app.switch_page("pages/sessions.py").run()

    @pytest.mark.parametrize(
        ("user", "here", "seen"),
        [
            ({}, True, ["Rehearsal"]),
            ({}, False, None),
            ({"is_logged_in": False}, False, None),
            (ANN, False, ["Ann's"]),
            (ANN, True, ["Ann's"]),
            (ANN | {"sub": "bob"}, False, []),
            (ANN | {"iss": "https://other.example"}, False, []),
        ],
        ids=["here", "elsewhere", "logged out", "logged in", "logged in here", "somebody else", "another voucher"],
    )
    def test_each_sees_their_own(
        self,
        visit: Visit,
        saved: Store,
        monkeypatch: pytest.MonkeyPatch,
        user: dict[str, object],
        here: bool,
        seen: list[str] | None,
    ) -> None:
        recorded(saved, "local", [sample(0.0)])
        recorded(saved, "https://login.example ann", [sample(0.0)], name="Ann's")
        monkeypatch.setattr("fer.ui.sessions.pieces._login_providers", lambda: ["default"])
        app = self.visit(visit, user, here, monkeypatch)
        assert not app.exception
        names = app.dataframe[0].value["name"].tolist() if seen else []
        assert names == (seen or [])
        assert ("Sessions are saved only for somebody" in said(app)) == (seen is None)
        assert ("No session yet." in said(app)) == (seen == [])
        assert (str(paths.sessions_dir()) in said(app)) == (user == {} and seen is not None)
        keys = [button.key for button in app.button]
        assert ("log_in_default" in keys) == (user == {"is_logged_in": False})


def test_without_a_database_there_is_a_sentence(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_DATABASE_URL", "mysql://u:geheim@h/d")
    app = visit("sessions")
    assert not app.exception
    (error,) = app.error
    assert "must begin with postgresql" in error.value
    monkeypatch.delenv("FER_DATABASE_URL")
    assert "No session yet." in said(app.run()), "it is tried again"


def test_a_database_that_is_lost_later(visit: Visit, saved: Store, two: tuple[int, int]) -> None:
    app = visit("sessions")
    with saved._writing() as connection:
        connection.exec_driver_sql("DROP TABLE samples")
    app.run()
    assert not app.exception
    assert "cannot be used as the store of saved sessions" in said(app)


def test_a_session_of_nobody(visit: Visit, saved: Store) -> None:
    """What a kill leaves of a recording before the first face."""
    writer = saved.begin("local", name="Empty", kind="live", model="m", detector="d", classes=EMOTIONS)
    app = visit("sessions")
    assert not app.exception
    assert "No face was seen while this was recorded." in said(app)
    assert app.dataframe[0].value.iloc[0].tolist()[1] == "Live"
    writer.close()


def test_without_its_sample_photo_the_example_is_left_out(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fer.samples.find_spec", lambda name: None)
    app = visit("sessions")
    assert not app.exception
    assert "An example" not in [heading.value for heading in app.header]


def test_without_a_model_the_example_is_left_out(visit: Visit, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("fer.paths.model_dirs", lambda: [tmp_path])
    app = visit("sessions")
    assert not app.exception
    assert "No session yet." in said(app)
    assert not app.get("plotly_chart")
