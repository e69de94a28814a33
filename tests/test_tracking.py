"""Who is who from frame to frame, on drawn paths with known answers, and readings that do not flicker."""

import dataclasses
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import pytest

from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.results import Face
from fer.tracking import FORGET_AFTER_S, SteadyClock, Tracker

SIDE = 60
FLAT = np.full((480, 640, 3), 127, np.uint8)
"""A picture that tells nothing, so that places alone decide."""

Path = Callable[[float], tuple[float, float] | None]
"""When -> where a face's centre is; None where nothing is seen of it."""


def _face(centre_xy: tuple[float, float], side: float = SIDE, happy: float = 1.0, classes=EMOTIONS) -> Face:
    x, y = centre_xy
    box = (x - side / 2, y - side / 2, side, side)
    probabilities = [happy if name == "happy" else 1 - happy if name == "sad" else 0 for name in classes]
    return Face(box, box, 0.9, np.array(probabilities), classes, prediction_set=None)


def _numbers(times_s: Iterable[float], *paths: Path, scale: float = 1.0) -> dict[int, list[int]]:
    """Follow some paths; for every path that is seen, its numbers in the order in which it first got them."""
    tracker, numbers = Tracker(half_life_s=0), {}
    for time_s in times_s:
        seen = {i: place for i, path in enumerate(paths) if (place := path(time_s)) is not None}
        faces = [_face((x * scale, y * scale), SIDE * scale) for x, y in seen.values()]
        for i, face in zip(seen, tracker.update(faces, time_s, FLAT), strict=True):
            numbers.setdefault(i, {})[face.person] = None
    return {i: list(given) for i, given in sorted(numbers.items())}


def _at(rate: float, end_s: float) -> list[float]:
    return [i / rate for i in range(round(end_s * rate) + 1)]


def _uneven(end_s: float) -> list[float]:
    """Frames as a busy machine gives them: a thirtieth of a second to a fifth apart."""
    steps = np.random.default_rng(3).uniform(1 / 30, 1 / 5, 1000).cumsum()
    return steps[steps <= end_s].tolist()


def _still(time_s: float) -> tuple[float, float]:
    return 100, 240


def _to_the_right(time_s: float) -> tuple[float, float]:
    return 100 + 120 * time_s, 240


def _to_the_left(time_s: float) -> tuple[float, float]:
    return 460 - 120 * time_s, 240


def _stopping(time_s: float) -> tuple[float, float]:
    return 100 + 120 * min(time_s, 1), 240


def _turning_back(time_s: float) -> tuple[float, float]:
    return 280 + 120 * abs(time_s - 1.5), 240


def _lost(path: Path, since_s: float, until_s: float) -> Path:
    return lambda time_s: None if since_s < time_s < until_s else path(time_s)


def _beyond(path: Path, since_s: float) -> Path:
    """What is at another place from a moment on."""
    return lambda time_s: (500.0, 400.0) if time_s >= since_s else path(time_s)


SEQUENCES = [
    pytest.param(_at(15, 1), (), {}, id="nobody"),
    pytest.param([0.0], (_still,), {0: [1]}, id="one frame"),
    pytest.param(_at(15, 3), (_to_the_right,), {0: [1]}, id="one moves"),
    pytest.param(_at(15, 3), (_turning_back,), {0: [1]}, id="one turns back"),
    pytest.param(_at(15, 3), (_still, _to_the_right), {0: [1], 1: [2]}, id="one moves out of another"),
    pytest.param(_at(15, 3), (_to_the_right, _to_the_left), {0: [1], 1: [2]}, id="two cross"),
    pytest.param(_at(5, 3), (_to_the_right, _to_the_left), {0: [1], 1: [2]}, id="two cross in few frames"),
    pytest.param(_uneven(3), (_to_the_right, _to_the_left), {0: [1], 1: [2]}, id="two cross in uneven frames"),
    pytest.param(
        _at(15, 3),
        (_lost(_to_the_right, 1.3, 1.7), _to_the_left),
        {0: [1], 1: [2]},
        id="two cross, one behind the other",
    ),
    pytest.param(
        _at(15, 3),
        (_lost(_to_the_right, 1.4, 1.6), _lost(_to_the_left, 1.4, 1.6)),
        {0: [1], 1: [2]},
        id="two cross while both are lost",
    ),
    pytest.param(_at(15, 3), (_lost(_still, 1, 2.8),), {0: [1]}, id="one comes back soon"),
    pytest.param(_at(15, 3), (_lost(_to_the_right, 1, 1.6),), {0: [1]}, id="one is lost while moving"),
    pytest.param(_at(15, 3), (_lost(_stopping, 1, 2.5),), {0: [1]}, id="one stops while lost"),
    pytest.param(_at(15, 4), (_lost(_still, 1, 3.5),), {0: [1, 2]}, id="one comes back late"),
    pytest.param(
        _at(15, 4), (_to_the_right, _lost(_still, 1, 3.5)), {0: [1], 1: [2, 3]}, id="one of two comes back late"
    ),
    pytest.param(_at(15, 2), (_lost(_still, -1, 1), _to_the_right), {0: [2], 1: [1]}, id="a second one comes"),
    pytest.param(_at(15, 2), (_beyond(_still, 1),), {0: [1, 2]}, id="a cut to another place"),
    pytest.param([0.0, 0.0, 0.0], (_still,), {0: [1]}, id="time stands still"),
    pytest.param([9.0, 9.1, 3.0, 3.1], (_still,), {0: [1]}, id="time jumps back"),
    pytest.param([9.0, 3.0, 3.0 + FORGET_AFTER_S + 0.1], (_still,), {0: [1, 2]}, id="time jumps back, then passes"),
]


@pytest.mark.parametrize(("times_s", "paths", "numbers"), SEQUENCES)
@pytest.mark.parametrize("scale", [1.0, 0.2], ids=["large", "small"])
def test_people_keep_their_numbers(
    times_s: list[float], paths: tuple[Path, ...], numbers: dict[int, list[int]], scale: float
) -> None:
    assert _numbers(times_s, *paths, scale=scale) == numbers


def test_a_face_of_another_size_is_another_person() -> None:
    tracker = Tracker(half_life_s=0)
    found = [tracker.update([_face((300, 240), side)], 0.1 * i, FLAT) for i, side in enumerate((40, 44, 120))]
    assert [face.person for (face,) in found] == [1, 1, 2]


def test_where_places_leave_a_doubt_the_sizes_decide() -> None:
    tracker = Tracker(half_life_s=0)
    tracker.update([_face((300, 240), 60), _face((320, 240), 80)], 0.0, FLAT)
    large, small = tracker.update([_face((305, 240), 80), _face((315, 240), 60)], 0.1, FLAT)
    assert (small.person, large.person) == (1, 2)


def test_whom_one_sees_goes_before_whom_one_lost() -> None:
    tracker = Tracker(half_life_s=0)
    tracker.update([_face((300, 240)), _face((350, 240))], 0.0, FLAT)
    tracker.update([_face((350, 240))], 0.5, FLAT)
    (face,) = tracker.update([_face((325, 240))], 0.6, FLAT)
    assert face.person == 2


def _scene(seed: int) -> np.ndarray:
    return cv2.resize(np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8), (640, 480))


def _dimmed(image_bgr: np.ndarray) -> np.ndarray:
    return cv2.convertScaleAbs(image_bgr, alpha=0.6)


def _with_patch(image_bgr: np.ndarray, seed: int) -> np.ndarray:
    image_bgr = image_bgr.copy()
    image_bgr[210:270, 270:330] = _scene(seed)[:60, :60]
    return image_bgr


@pytest.mark.parametrize(
    ("pictures", "numbers"),
    [
        pytest.param([FLAT, FLAT], [1, 1], id="nothing to be seen"),
        pytest.param([_scene(1), _scene(1)], [1, 1], id="the same"),
        pytest.param([_scene(1), _dimmed(_scene(1))], [1, 1], id="another light"),
        pytest.param([_scene(1), _with_patch(_scene(1), 5)], [1, 1], id="another face in the same scene"),
        pytest.param([_with_patch(_scene(1), 5), _with_patch(_scene(2), 5)], [1, 1], id="the same face, panned"),
        pytest.param([_scene(1), _scene(2)], [1, 2], id="a cut to a face in the same place"),
        pytest.param([_scene(1), _scene(2), _scene(1)], [1, 2, 1], id="a cut, and back"),
    ],
)
def test_a_cut_is_told_by_the_picture(pictures: list[np.ndarray], numbers: list[int]) -> None:
    tracker = Tracker(half_life_s=0)
    found = [tracker.update([_face((300, 240))], 0.1 * i, picture) for i, picture in enumerate(pictures)]
    assert [face.person for (face,) in found] == numbers


@pytest.mark.parametrize("path", [(-20, 240), (660, 240), (320, -25), (320, 500), (320, 240)], ids=str)
@pytest.mark.parametrize("side", [1, 60, 2000])
def test_faces_may_reach_past_the_border(path: tuple[float, float], side: float) -> None:
    tracker = Tracker(half_life_s=0)
    assert [tracker.update([_face(path, side)], t, _scene(1))[0].person for t in (0.0, 0.1)] == [1, 1]


def _happy(half_life_s: float, readings: Iterable[tuple[float, float]]) -> list[float]:
    """Show one face, happy by so much at each time; the smoothed shares of happy."""
    tracker = Tracker(half_life_s=half_life_s)
    shown = [tracker.update([_face((300, 240), happy=happy)], time_s, FLAT)[0] for time_s, happy in readings]
    return [float(face.probabilities[EMOTIONS.index("happy")]) for face in shown]


@pytest.mark.parametrize(
    ("half_life_s", "readings", "smoothed"),
    [
        pytest.param(0.5, [], [], id="none"),
        pytest.param(0.5, [(0.0, 0.8)], [0.8], id="the first one counts whole"),
        pytest.param(0.0, [(0.0, 1.0), (0.1, 0.0)], [1.0, 0.0], id="off"),
        pytest.param(0.5, [(0.0, 1.0), (0.5, 0.0), (1.0, 0.0)], [1.0, 0.5, 0.25], id="half after the half-life"),
        pytest.param(
            0.5, [(0.0, 1.0), (0.1, 0.0), (0.5, 0.0), (1.0, 0.0)], [1.0, 0.8706, 0.5, 0.25], id="uneven steps"
        ),
        pytest.param(0.5, [(0.0, 1.0), (0.0, 0.0), (0.5, 0.0)], [1.0, 1.0, 0.5], id="time stands still"),
        pytest.param(0.5, [(9.0, 1.0), (2.0, 0.0), (2.5, 0.0)], [1.0, 1.0, 0.5], id="time jumps back"),
        pytest.param(0.1, [(0.0, 1.0), (1.9, 0.0)], [1.0, 0.0], id="little is left after a gap"),
        pytest.param(0.5, [(0.0, 1.0), (2.5, 0.0)], [1.0, 0.0], id="a new person starts afresh"),
    ],
)
def test_readings_are_smoothed(half_life_s: float, readings: list[tuple[float, float]], smoothed: list[float]) -> None:
    assert _happy(half_life_s, readings) == pytest.approx(smoothed, abs=1e-4)


def test_every_person_is_smoothed_alone() -> None:
    tracker = Tracker(half_life_s=0.5)
    tracker.update([_face((100, 240), happy=1.0), _face((400, 240), happy=0.0)], 0.0, FLAT)
    right, left = tracker.update([_face((400, 240), happy=0.0), _face((100, 240), happy=1.0)], 0.5, FLAT)
    assert [(face.person, face.emotion, face.confidence) for face in (left, right)] == [(1, "happy", 1), (2, "sad", 1)]


def test_the_half_life_may_change_between_frames() -> None:
    tracker = Tracker(half_life_s=0.5)
    tracker.update([_face((300, 240), happy=1.0)], 0.0, FLAT)
    tracker.half_life_s = 0
    assert tracker.update([_face((300, 240), happy=0.2)], 0.1, FLAT)[0].confidence == pytest.approx(0.8)


def test_a_model_with_other_classes_starts_afresh() -> None:
    tracker = Tracker(half_life_s=0.5)
    tracker.update([_face((300, 240), happy=1.0)], 0.0, FLAT)
    (face,) = tracker.update([_face((300, 240), happy=0.0, classes=EMOTIONS_WITH_CONTEMPT)], 0.1, FLAT)
    assert (face.person, face.emotion, len(face.probabilities)) == (1, "sad", 8)


def test_what_else_is_known_of_a_face_stays() -> None:
    face = dataclasses.replace(_face((300, 240)), prediction_set=("happy",), quality=("dark",))
    (tracked,) = Tracker(half_life_s=0.5, first_person=4).update([face], 0.0, FLAT)
    assert (tracked.person, tracked.prediction_set) == (4, None)
    assert (
        dataclasses.replace(tracked, person=None).to_record()
        == dataclasses.replace(face, prediction_set=None).to_record()
    )


def test_who_is_remembered() -> None:
    tracker = Tracker(half_life_s=0)
    remembered = [tracker.persons]
    for time_s, faces in ((0, [_face((100, 240)), _face((400, 240))]), (1, [_face((100, 240))]), (2.5, []), (5, [])):
        tracker.update(faces, time_s, FLAT)
        remembered.append(tracker.persons)
    assert remembered == [set(), {1, 2}, {1, 2}, {1}, set()]
    assert tracker.next_person == 3


@pytest.mark.parametrize(
    ("given", "steady"),
    [
        ([], []),
        ([5.0, 5.5, 7.0], [5.0, 5.5, 7.0]),
        ([5.0, 5.0], [5.0, 5.0]),
        ([5.0, 1.0, 2.0], [5.0, 5.0, 6.0]),
        ([5.0, 1.0, 2.0, 0.0, 0.5], [5.0, 5.0, 6.0, 6.0, 6.5]),
        ([-3.0, -2.0], [-3.0, -2.0]),
    ],
    ids=["empty", "on", "still", "back", "back twice", "below zero"],
)
def test_a_steady_clock_never_goes_back(given: list[float], steady: list[float]) -> None:
    clock = SteadyClock()
    assert [clock.read(time_s) for time_s in given] == steady
