"""Boxes, plates and maps on pictures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fer import drawing
from fer.drawing import annotate, blur_faces, overlay_map
from fer.emotions import EMOTIONS_WITH_CONTEMPT, emotion
from fer.results import BoxXYWH, Face

GREY = 128


def make_face(box_xywh: BoxXYWH, name: str = "happy", unsure: bool = False) -> Face:
    """A face read with 60 %; the second class has 38 %, and is named as well where the reading is unsure."""
    second = next(other for other in EMOTIONS_WITH_CONTEMPT if other != name)
    probabilities = np.full(len(EMOTIONS_WITH_CONTEMPT), 0.02 / (len(EMOTIONS_WITH_CONTEMPT) - 2))
    probabilities[[EMOTIONS_WITH_CONTEMPT.index(name), EMOTIONS_WITH_CONTEMPT.index(second)]] = 0.6, 0.38
    likely = (name, second) if unsure else (name,)
    return Face(box_xywh, box_xywh, 0.9, probabilities, EMOTIONS_WITH_CONTEMPT, prediction_set=likely)


def blank(height: int = 480, width: int = 640) -> np.ndarray:
    image = np.full((height, width, 3), GREY, np.uint8)
    image.flags.writeable = False
    return image


def is_colour(pixels: np.ndarray, colour_bgr: Sequence[int]) -> np.ndarray:
    return (pixels == np.array(colour_bgr, np.uint8)).all(axis=-1)


def luminance(colour_bgr: np.ndarray) -> float:
    share = colour_bgr / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.0722, 0.7152, 0.2126])


@pytest.fixture
def plates(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int, int]]:
    """Collects where plates are drawn: left, top, right, bottom."""
    places = []
    draw = drawing._draw_plate

    def note_and_draw(image: np.ndarray, letters: np.ndarray, place: tuple, shade: tuple) -> None:
        places.append(place)
        draw(image, letters, place, shade)

    monkeypatch.setattr(drawing, "_draw_plate", note_and_draw)
    return places


def overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def test_no_face_changes_nothing_and_copies() -> None:
    image = blank()
    drawn = annotate(image, [])
    np.testing.assert_array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


def test_the_picture_given_stays_as_it_is() -> None:
    image = blank()
    annotate(image, [make_face((100, 100, 80, 90))])
    assert (image == GREY).all()


@pytest.mark.parametrize("name", EMOTIONS_WITH_CONTEMPT)
def test_a_sure_box_is_solid_in_its_colour(name: str) -> None:
    drawn = annotate(blank(), [make_face((100, 100, 80, 90), name)])
    assert is_colour(drawn[189, 105:175], emotion(name).colour_bgr).all()


def test_a_box_without_a_set_is_solid() -> None:
    face = replace(make_face((100, 100, 80, 90), unsure=True), prediction_set=None)
    np.testing.assert_array_equal(annotate(blank(), [face]), annotate(blank(), [make_face((100, 100, 80, 90))]))


@pytest.mark.parametrize("name", EMOTIONS_WITH_CONTEMPT)
def test_an_unsure_box_is_lighter_and_dashed(name: str) -> None:
    plain = np.array(emotion(name).colour_bgr)
    drawn = annotate(blank(), [make_face((100, 100, 80, 90), name, unsure=True)])
    bottom = drawn[189, 105:175]
    untouched = is_colour(bottom, (GREY, GREY, GREY))
    assert 0.2 < untouched.mean() < 0.8
    lighter = bottom[bottom.sum(axis=1).argmax()]
    assert luminance(lighter) > luminance(plain) + 0.05
    assert not is_colour(drawn, plain).any()


@pytest.mark.parametrize("unsure", [False, True], ids=["sure", "unsure"])
@pytest.mark.parametrize("name", EMOTIONS_WITH_CONTEMPT)
def test_letters_can_be_read_on_their_plate(name: str, unsure: bool, plates: list) -> None:
    drawn = annotate(blank(), [make_face((100, 100, 120, 140), name, unsure)])
    left, top, right, bottom = plates[0]
    inside = [luminance(pixel) for pixel in drawn[top:bottom, left:right].reshape(-1, 3)]
    ground = luminance(drawn[top, left])
    contrasts = [(max(ground, level) + 0.05) / (min(ground, level) + 0.05) for level in (min(inside), max(inside))]
    assert max(contrasts) >= 4.5


@pytest.mark.parametrize(
    "boxes",
    [
        [(200, 150, 100, 120)],
        [(0, 0, 100, 120)],
        [(560, 0, 80, 90)],
        [(-40, -30, 120, 130)],
        [(600, 440, 120, 130)],
        [(0, 0, 640, 480)],
        [(-50, -50, 900, 900)],
        [(300, 200, 20, 24)],
        [(20, 60, 90, 115), (123, 60, 90, 115), (226, 60, 90, 115), (329, 60, 90, 115)],
        [(20 + i % 4 * 150, 60 + i // 4 * 140, 90, 100) for i in range(12)],
        [(200, 90, 120, 100), (200, 200, 90, 100), (200, 310, 60, 100)],
        [(100, 100, 20, 24), (130, 100, 20, 24), (160, 100, 20, 24)],
        [(620, y, 20, 24) for y in (0, 60, 120, 456)],
    ],
    ids=[
        *("middle", "top left", "top right", "past the top left", "past the bottom right", "whole picture"),
        *(
            "larger than the picture",
            "tiny",
            "four in a row",
            "twelve",
            "three on top of each other",
            "three tiny",
            "tiny at the border",
        ),
    ],
)
def test_plates_stay_inside_and_off_each_other(boxes: list[BoxXYWH], plates: list) -> None:
    annotate(blank(), [make_face(box) for box in boxes])
    assert len(plates) == len(boxes)
    for i, plate in enumerate(plates):
        assert plate[0] >= 0
        assert plate[1] >= 0
        assert plate[2] <= 640
        assert plate[3] <= 480
        assert not any(overlap(plate, other) for other in plates[:i])
        other_faces = boxes[:i] + boxes[i + 1 :]
        assert not any(overlap(plate, (x, y, x + w, y + h)) for x, y, w, h in other_faces)


def test_a_tiny_face_bears_its_number_alone(plates: list) -> None:
    annotate(blank(), [make_face((100, 100, 80, 90)), make_face((300, 200, 20, 24))])
    (left, _, right, _), (tiny_left, _, tiny_right, _) = plates
    assert right - left > 60
    assert tiny_right - tiny_left < 30


def test_a_crowd_without_room_still_has_every_number(plates: list) -> None:
    crowd = [make_face((x, y, 30, 30)) for y in range(0, 120, 30) for x in range(0, 160, 32)]
    annotate(blank(120, 160), crowd)
    assert len(plates) == len(crowd)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (6, 5), (48, 48), (20, 900), (900, 20), (2000, 3000)],
    ids=["one pixel", "smaller than a letter", "a crop", "a strip", "a column", "a photo"],
)
@pytest.mark.parametrize("unsure", [False, True], ids=["sure", "unsure"])
def test_any_picture_keeps_its_shape(height: int, width: int, unsure: bool) -> None:
    face = make_face((width * 0.2, height * 0.2, width * 0.6, height * 0.6), unsure=unsure)
    drawn = annotate(blank(height, width), [face])
    assert drawn.shape == (height, width, 3)
    assert drawn.dtype == np.uint8
    assert (drawn != GREY).any()


def test_lines_and_letters_grow_with_the_picture(plates: list) -> None:
    share = []
    for width in (640, 4000):
        drawn = annotate(
            blank(width * 3 // 4, width), [make_face((width * 0.3, width * 0.3, width * 0.3, width * 0.3))]
        )
        across = drawn[round(width * 0.45), : round(width * 0.45)]
        _, top, _, bottom = plates[-1]
        share.append(((across != GREY).any(axis=1).sum() / width, (bottom - top) / width))
    assert share[0] == pytest.approx(share[1], rel=0.3)


@pytest.mark.parametrize(
    ("persons", "numbers"),
    [((None, None), ("1", "2")), ((7, 2), ("7", "2"))],
    ids=["a still picture", "tracked"],
)
@pytest.mark.parametrize("words", [True, False], ids=["words", "numbers only"])
def test_plates_say_who_it_is(
    persons: tuple, numbers: tuple, words: bool, plates: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = []
    letters = drawing._letters
    monkeypatch.setattr(drawing, "_letters", lambda text, size: texts.append(text) or letters(text, size))
    boxes = ((20, 100, 120, 140), (300, 100, 120, 140))
    annotate(
        blank(),
        [replace(make_face(box), person=person) for box, person in zip(boxes, persons, strict=True)],
        words=words,
    )
    wordy = {f"{number} happy 60 %" for number in numbers}
    assert set(texts) == {*numbers, *wordy} if words else set(texts) == set(numbers)
    assert all((right - left > 60) == words for left, _, right, _ in plates)


LANDMARKS = np.array([(120, 130), (160, 130), (140, 150), (125, 170), (155, 170)], np.float32)


@pytest.mark.parametrize(
    ("asked", "landmarks_xy", "dots"),
    [(False, LANDMARKS, 0), (True, None, 0), (True, LANDMARKS, 5), (True, LANDMARKS - 1000, 0)],
    ids=["not asked for", "none given", "five", "outside of the picture"],
)
def test_landmarks_are_dots(asked: bool, landmarks_xy: np.ndarray | None, dots: int) -> None:
    face = replace(make_face((100, 100, 80, 90)), landmarks_xy=landmarks_xy)
    drawn = annotate(blank(), [face], landmarks=asked)
    inside = drawn[115:180, 110:170]
    changed = [(x, y) for x, y in LANDMARKS.astype(int) if (drawn[y, x] == 255).all()]
    assert len(changed) == dots
    assert (inside != GREY).any() == (dots > 0)


@pytest.mark.parametrize(
    ("box_xywh", "mirrored"),
    [
        pytest.param((100, 100, 80, 90), (460, 100, 80, 90), id="inside"),
        pytest.param((-20, 100, 80, 90), (580, 100, 80, 90), id="past the border"),
    ],
)
@pytest.mark.parametrize("landmarks", [False, True], ids=["a box", "landmarks"])
def test_a_mirror_turns_the_picture_and_no_words(box_xywh: BoxXYWH, mirrored: BoxXYWH, landmarks: bool) -> None:
    """The same as if somebody had stood on the other side, so the plate reads from left to right."""
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    given = image.copy()
    face = replace(make_face(box_xywh), landmarks_xy=LANDMARKS)
    there = replace(make_face(mirrored), landmarks_xy=LANDMARKS * (-1, 1) + (639, 0))
    shown = annotate(image, [face], landmarks=landmarks, mirror=True)
    np.testing.assert_array_equal(shown, annotate(image[:, ::-1], [there], landmarks=landmarks))
    np.testing.assert_array_equal(image, given)


NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("boxes", "readable", "unreadable"),
    [
        ([], [], [(0, 0, 320, 240)]),
        ([(100, 80, 60, 80)], [(0, 0, 70, 240), (190, 0, 320, 240)], [(100, 80, 160, 160), (85, 60, 175, 80)]),
        ([(-20, -20, 60, 80), (280, 200, 80, 80)], [(100, 0, 200, 240)], [(0, 0, 40, 60), (285, 205, 320, 240)]),
        ([(-50, -50, 900, 900)], [], [(0, 0, 320, 240)]),
    ],
    ids=["no face", "one face and its hair", "past the border", "larger than the picture"],
)
def test_nothing_of_a_blurred_face_can_be_read(
    boxes: list[BoxXYWH], readable: list[tuple], unreadable: list[tuple]
) -> None:
    blurred = blur_faces(NOISE, [make_face(box) for box in boxes])
    for left, top, right, bottom in readable:
        np.testing.assert_array_equal(blurred[top:bottom, left:right], NOISE[top:bottom, left:right])
    for left, top, right, bottom in unreadable:
        steps = np.abs(np.diff(blurred[top:bottom, left:right].astype(int), axis=1))
        assert steps.max() <= 8, "neighbouring pixels differ as little as in a fog"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 900), (900, 3)], ids=["one pixel", "a strip", "a column"])
@pytest.mark.parametrize("found", [False, True], ids=["no face", "a face"])
def test_any_picture_can_be_blurred(height: int, width: int, found: bool) -> None:
    faces = [make_face((0, 0, 2, 2))] if found else []
    assert blur_faces(blank(height, width), faces).shape == (height, width, 3)


def test_overlay_of_nothing_is_the_grey_face() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    drawn = overlay_map(crop, np.zeros((5, 5)))
    assert (drawn == drawn[:, :, :1]).all()
    np.testing.assert_array_equal(overlay_map(crop, np.full((5, 5), -3.0)), drawn)


@pytest.mark.parametrize(
    "activation_map",
    [np.zeros(5), np.zeros((5, 5, 1)), np.full((5, 5), np.nan), np.full((5, 5), np.inf)],
    ids=["one axis", "three axes", "nan", "endless"],
)
def test_overlay_refuses(activation_map: np.ndarray) -> None:
    with pytest.raises(ValueError, match="activation_map must be finite and of shape"):
        overlay_map(blank(48, 48), activation_map)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 2), (1, 4)], ids=["corner", "middle", "edge"])
def test_overlay_glows_where_the_map_peaks(row: int, column: int) -> None:
    activation_map = np.full((5, 5), -1.0)
    activation_map[row, column] = 0.3
    crop = blank(100, 100)
    drawn = overlay_map(crop, activation_map)
    assert drawn.shape == crop.shape
    glow = np.abs(drawn.astype(int) - GREY).sum(axis=2)
    at_row, at_column = np.unravel_index(glow.argmax(), glow.shape)
    assert (at_row // 20, at_column // 20) == (row, column)
    np.testing.assert_array_equal(overlay_map(crop, activation_map * 50), drawn)


def test_overlay_has_no_hole_where_a_peak_is_broad() -> None:
    activation_map = np.zeros((6, 6))
    activation_map[1:5, 1:5] = 1
    drawn = overlay_map(blank(120, 120), activation_map)
    assert drawn[30:90, 30:90].mean(axis=2).min() > GREY
