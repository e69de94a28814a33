"""Contact sheets: every face whole, every word escaped, nothing fetched."""

import base64
import re

import cv2
import numpy as np
import pytest

from fer.contact_sheet import SheetFace, beside, contact_sheet, data_uri

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def decode(uri: str) -> np.ndarray:
    """The grey picture that an address holds."""
    data = base64.b64decode(uri.split(",", 1)[1])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize(
    ("kind", "tolerance"), [("png", 0), ("webp", 24)], ids=["every pixel of a PNG", "about the pixels of a WebP"]
)
def test_an_address_holds_the_picture(kind: str, tolerance: int) -> None:
    uri = data_uri(GREY, kind)
    assert uri.startswith(f"data:image/{kind};base64,")
    assert np.abs(decode(uri).astype(int) - GREY).max() <= tolerance


def test_pictures_stand_beside_each_other() -> None:
    pair = beside(np.zeros((8, 8), np.uint8), GREY)
    assert pair.shape[0] == 8
    assert (pair[:, :8] == 0).all()
    assert (pair[:, -8:] == GREY).all()
    assert (pair[:, 8:-8] == 255).all()


@pytest.mark.parametrize("count", [0, 1, 3], ids=["empty", "one", "three"])
def test_a_sheet_shows_every_face_in_order(count: int) -> None:
    images = [np.full((8, 8), 50 * i, np.uint8) for i in range(count)]
    sheet = contact_sheet([SheetFace(image, str(i), "") for i, image in enumerate(images)])
    shown = [decode(uri) for uri in re.findall(r'src="([^"]+)"', sheet)]
    assert [int(image[0, 0]) for image in shown] == [50 * i for i in range(count)]
    assert re.findall("<figcaption>([^<]*)<", sheet) == [str(i) for i in range(count)]


def test_room_is_kept_for_pictures_of_any_shape() -> None:
    assert 'width="18" height="8"' in contact_sheet([SheetFace(beside(GREY, GREY), "", "")])


def test_a_face_has_words_for_those_who_cannot_see_it() -> None:
    sheet = contact_sheet([SheetFace(GREY, "17 happy", "Row 17: happy, Training", "#E69F00")])
    assert 'alt="Row 17: happy, Training"' in sheet
    assert 'title="Row 17: happy, Training"' in sheet
    assert "#E69F00" in sheet


def test_words_from_files_stay_words() -> None:
    evil = '"><script>alert(1)</script>'
    sheet = contact_sheet([SheetFace(GREY, evil, evil)])
    assert "<script>" not in sheet
    assert sheet.count("&lt;script&gt;") == 3


def test_nothing_is_fetched() -> None:
    assert "http" not in contact_sheet([SheetFace(GREY, "1", "one", "#E69F00")])
