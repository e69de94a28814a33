"""Two visitors at once: nobody is ever shown what another one brought."""

import pytest

from fer.ui import photos
from tests.app.conftest import Visit, said, upload


def test_a_photo_is_seen_by_its_owner_alone(visit: Visit, face_png: bytes, two_faces_png: bytes) -> None:
    one, two, passer_by = visit("image"), visit("image"), visit("image")
    upload(one, ("holiday.png", face_png))
    upload(two, ("wedding.png", two_faces_png))
    one.run()
    passer_by.run()
    assert "holiday.png" in said(one)
    assert "wedding.png" in said(two)
    assert "wedding" not in said(one)
    assert "holiday" not in said(two)
    assert not {"holiday", "wedding"} & set(said(passer_by).replace(".", " ").split())
    assert [title.value for title in passer_by.header] == ["Astronaut"]


def test_the_same_photo_is_read_for_each(visit: Visit, face_png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    decode = photos.decode_image
    monkeypatch.setattr(photos, "decode_image", lambda data, name: (opened.append(name), decode(data, name))[1])
    one, two = visit("image"), visit("image")
    upload(one, ("face.png", face_png))
    one.run()
    upload(two, ("face.png", face_png))
    assert opened == ["face.png", "face.png"]


def test_settings_are_everyone_s_own(visit: Visit) -> None:
    one, two = visit("image"), visit("image")
    one.sidebar.slider(key="min_score").set_value(0.95).run()
    two.run()
    assert "0 faces found" in said(one)
    assert two.sidebar.slider(key="min_score").value == 0.6
    assert "1 face found" in said(two)
