"""Faces and activation maps drawn on pictures, faces blurred: a picture and what was read in it -> a new picture.

The picture given is never changed. Knows nothing about detectors, networks or pages. All pictures are uint8 of shape
(height, width, 3) in blue-green-red order, except where a name says otherwise.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fer.emotions import emotion
from fer.results import Face

_WHITE_SHARE = 0.45
_MAP_OPACITY = 0.75
_LONGEST_PLATE = 4  # widths of a face's box; a longer plate would seem to belong to a neighbour
_BLUR_MARGIN = 0.3  # of a box's width and height, on every side: hair, ears and chin
_BLUR_CELLS = 5  # what is left of a face, across and down
_FRAME_CELLS = 8  # what is left of the long side of a picture in which no face was found: it may be one large face

Rectangle = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; right and bottom lie outside."""


def annotate(
    image_bgr: np.ndarray,
    faces: Sequence[Face],
    *,
    words: bool = True,
    landmarks: bool = False,
    mirror: bool = False,
) -> np.ndarray:
    """Draw every face's box and a plate with its number and what it shows, as in "1 happy 92 %" and "2 unsure".

    A box has the colour of its expression; that of an unsure face (`Face.is_unsure`) is lighter and dashed. Lines and
    letters grow with the picture. A plate stays inside the picture and keeps clear of other plates and faces where
    there is room; where there is not, or where the face is tiny, it bears the number alone.

    Args:
        image_bgr: uint8 of shape (height, width, 3).
        faces: their numbers are those of the tracked persons, or else 1, 2, ... in this order; boxes may reach past the
            border.
        words: whether plates say more than the number.
        landmarks: whether eyes, nose and corners of the mouth get dots, where the detector gave them.
        mirror: whether the picture and where its faces are is shown as in a mirror; what is written stays legible.

    Returns:
        A new uint8 array of shape (height, width, 3).

    Examples:
        >>> face = Face((40, 30, 80, 90), (35, 30, 90, 90), 0.9, np.array([0.8, 0.2]), ("happy", "sad"))
        >>> photo_bgr = np.full((160, 200, 3), 128, np.uint8)
        >>> drawn_bgr = annotate(photo_bgr, [face])
        >>> drawn_bgr.shape, bool((drawn_bgr != photo_bgr).any())
        ((160, 200, 3), True)
    """
    height, width = image_bgr.shape[:2]
    image = cv2.flip(image_bgr, 1) if mirror else image_bgr.copy()
    if mirror:
        faces = [face.mirrored(width) for face in faces]
    boxes = [_inside(face.box_xywh, width, height) for face in faces]
    lines = [_line(box, max(height, width)) for box in boxes]
    for face, box, line in sorted(zip(faces, boxes, lines, strict=True), key=lambda drawn: -_area(drawn[1])):
        _draw_box(image, face, box, line)
        if landmarks and face.landmarks_xy is not None:
            _draw_landmarks(image, face.landmarks_xy, line)
    plates: list[Rectangle] = []
    for i, (face, box, line) in enumerate(zip(faces, boxes, lines, strict=True)):
        grow = (line + 2 * _rim(line)) // 2
        outline = (box[0] - grow, box[1] - grow, box[2] + grow, box[3] + grow)
        number = str(i + 1 if face.person is None else face.person)
        text = f"{number} {_called(face)}" if words else number
        plate = _place_plate(text, number, outline, boxes[:i] + boxes[i + 1 :] + plates, (width, height))
        if plate is not None:
            letters, place = plate
            plates.append(place)
            _draw_plate(image, letters, place, _shade(face))
    return image


def blur_faces(image_bgr: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """Leave so little of every face and of what surrounds it that nobody can be recognised.

    Args:
        image_bgr: uint8 of shape (height, width, 3).
        faces: whose boxes are blurred; without any, the whole picture is, because one may have been missed.

    Returns:
        A new uint8 array of shape (height, width, 3).
    """
    height, width = image_bgr.shape[:2]
    if not faces:
        scale = _FRAME_CELLS / max(height, width)
        return _blurred(image_bgr, (max(1, round(width * scale)), max(1, round(height * scale))))
    image = image_bgr.copy()
    for face in faces:
        x, y, w, h = face.box_xywh
        wider = (x - _BLUR_MARGIN * w, y - _BLUR_MARGIN * h, w * (1 + 2 * _BLUR_MARGIN), h * (1 + 2 * _BLUR_MARGIN))
        left, top, right, bottom = _inside(wider, width, height)
        image[top:bottom, left:right] = _blurred(image_bgr[top:bottom, left:right], (_BLUR_CELLS, _BLUR_CELLS))
    return image


def overlay_map(crop_bgr: np.ndarray, activation_map: np.ndarray) -> np.ndarray:
    """Lay a class's activation map over a face: what spoke for the class glows, the rest stays grey.

    Negative values are cut to 0 and the rest is scaled to its own maximum, so two maps cannot be compared by
    brightness. The colours are those of Inferno (https://bids.github.io/colormap/), which rises evenly in lightness.

    Args:
        crop_bgr: uint8 of shape (height, width, 3).
        activation_map: float of shape (h, w), any range; enlarged smoothly to the crop's size.

    Returns:
        A new uint8 array of shape (height, width, 3); the grey crop where the map holds nothing above 0.

    Raises:
        ValueError: the map does not have two axes, or holds values that are not finite.
    """
    activation_map = np.asarray(activation_map, np.float32)
    if activation_map.ndim != 2 or not np.isfinite(activation_map).all():
        raise ValueError(f"activation_map must be finite and of shape (h, w), but has {activation_map.shape}.")
    grey = cv2.cvtColor(cv2.cvtColor(crop_bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    heat = activation_map.clip(min=0)
    if not heat.any():
        return grey
    height, width = grey.shape[:2]
    heat = cv2.resize(heat / heat.max(), (width, height), interpolation=cv2.INTER_CUBIC).clip(min=0)
    heat /= heat.max()
    glow = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = (_MAP_OPACITY * heat)[:, :, None]
    return (grey * (1 - opacity) + glow * opacity).round().astype(np.uint8)


def _shade(face: Face) -> tuple[int, int, int]:
    """The colour of a face's box and plate, blue first: its expression's, lighter where the reading is unsure."""
    blue_green_red = emotion(face.emotion).colour_bgr
    if not face.is_unsure:
        return blue_green_red
    blue, green, red = (round(channel + (255 - channel) * _WHITE_SHARE) for channel in blue_green_red)
    return blue, green, red


@lru_cache(maxsize=64)
def _ink(shade_bgr: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever contrasts more with the shade (WCAG 2.2, relative luminance)."""
    blue, green, red = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(shade_bgr) / 255)
    luminance = 0.0722 * blue + 0.7152 * green + 0.2126 * red
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def _called(face: Face) -> str:
    """What a plate says of a face; the confidence of a class that may not be the one would say too much."""
    return face.label if face.is_unsure else f"{face.label} {face.confidence * 100:.0f} %"


def _inside(box_xywh: tuple[float, float, float, float], width: int, height: int) -> Rectangle:
    """The part of a box that lies in the picture, at least one pixel of it."""
    x, y, w, h = box_xywh
    left, top = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
    return left, top, max(min(round(x + w), width), left + 1), max(min(round(y + h), height), top + 1)


def _line(box: Rectangle, long_side: int) -> int:
    """How thick a box is drawn: about 1 part in 300 of the picture, thinner around small faces."""
    return max(1, min(round(0.5 + long_side / 350), (box[2] - box[0]) // 12))


def _area(rectangle: Rectangle) -> int:
    left, top, right, bottom = rectangle
    return max(right - left, 0) * max(bottom - top, 0)


def _overlap(a: Rectangle, b: Rectangle) -> int:
    left, top = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[2], b[2]), min(a[3], b[3])
    return max(right - left, 0) * max(bottom - top, 0)


def _draw_box(image: np.ndarray, face: Face, box: Rectangle, line: int) -> None:
    """Draw the outline; where there is room, a darker rim keeps it apart from a pale background."""
    left, top, right, bottom = box
    strokes = list(_dashes(box, 6 * line)) if face.is_unsure else [((left, top), (right - 1, bottom - 1))]
    draw = cv2.line if face.is_unsure else cv2.rectangle
    rim = tuple(bytes.fromhex(emotion(face.emotion).edge[1:])[::-1])
    for colour, thickness in ((rim, line + 2 * _rim(line)), (_shade(face), line)):
        for start, end in strokes:
            draw(image, start, end, colour, thickness)


def _blurred(patch_bgr: np.ndarray, cells_wh: tuple[int, int]) -> np.ndarray:
    """Average a patch down to a few cells and enlarge it smoothly to its old size."""
    size_wh = (patch_bgr.shape[1], patch_bgr.shape[0])
    return cv2.resize(cv2.resize(patch_bgr, cells_wh, interpolation=cv2.INTER_AREA), size_wh)


def _draw_landmarks(image: np.ndarray, landmarks_xy: np.ndarray, line: int) -> None:
    """Dot every landmark in white on a dark ring, which shows on any skin."""
    for x, y in landmarks_xy.round().astype(int).tolist():
        cv2.circle(image, (x, y), 2 * line, (0, 0, 0), cv2.FILLED, cv2.LINE_AA)
        cv2.circle(image, (x, y), line, (255, 255, 255), cv2.FILLED, cv2.LINE_AA)


def _rim(line: int) -> int:
    return line // 2


def _dashes(box: Rectangle, length: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Cut a box's outline into dashes of about this length; corners are always drawn."""
    left, top, right, bottom = box[0], box[1], box[2] - 1, box[3] - 1
    for start, end in (
        ((left, top), (right, top)),
        ((left, bottom), (right, bottom)),
        ((left, top), (left, bottom)),
        ((right, top), (right, bottom)),
    ):
        side = abs(end[0] - start[0]) + abs(end[1] - start[1])
        pieces = 2 * round(side / length / 2) + 1
        cuts = np.linspace(start, end, pieces + 1).round().astype(int).tolist()
        yield from ((tuple(cuts[i]), tuple(cuts[i + 1])) for i in range(0, pieces, 2))


def _place_plate(
    text: str, number: str, outline: Rectangle, taken: Sequence[Rectangle], size_wh: tuple[int, int]
) -> tuple[np.ndarray, Rectangle] | None:
    """Choose the largest plate that has room, and its place.

    Args:
        text: what to say where there is room.
        number: what to say where there is none.
        outline: the face's box, with its line.
        taken: the other faces and plates.
        size_wh: the picture's.

    Returns:
        The plate as `_letters` makes it, and where it goes. It covers nothing taken and at most a fifth of its own
        face; where no plate can do that, the one that covers least. None where the picture is smaller than a plate.
    """
    width, height = size_wh
    left, top, right, bottom = outline
    large = max(13, round(max(size_wh) / 36))
    small = max(11, round(0.7 * large))
    settings = [_letters(text, large), _letters(text, small)]
    settings = [letters for letters in settings if letters.shape[1] <= _LONGEST_PLATE * (right - left)]
    candidates = []
    for letters in (*settings, _letters(number, min(small, max(8, height // 6)))):
        plate_height, plate_width = letters.shape
        if plate_height > height or plate_width > width:
            continue
        places = []
        for x, y in product((left, right - plate_width), (top - plate_height, bottom, top)):
            x, y = min(max(x, 0), width - plate_width), min(max(y, 0), height - plate_height)
            place = (x, y, x + plate_width, y + plate_height)
            hidden, covered = sum(_overlap(place, other) for other in taken), _overlap(place, outline)
            if not hidden and not covered:
                return letters, place
            places.append((hidden, covered, place))
        hidden, covered, place = min(places, key=lambda option: option[:2])
        if hidden == 0 and covered <= _area(outline) / 5:
            return letters, place
        candidates.append((hidden, covered, letters, place))
    return min(candidates, key=lambda option: option[:2])[2:] if candidates else None


def _draw_plate(image: np.ndarray, letters: np.ndarray, place: Rectangle, shade: tuple[int, int, int]) -> None:
    left, top, right, bottom = place
    opacity = letters[:, :, None]
    ink = np.array(_ink(shade), np.float32)
    image[top:bottom, left:right] = (np.array(shade, np.float32) * (1 - opacity) + ink * opacity).round()


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(maxsize=512)
def _letters(text: str, size: int) -> np.ndarray:
    """Set text for a plate: its opacity in [0, 1], float32 of shape (plate height, plate width)."""
    font = _font(size)
    plate = Image.new("L", (round(font.getlength(text) + 0.8 * size), round(1.5 * size)))
    ImageDraw.Draw(plate).text((0.4 * size, 1.1 * size), text, fill=255, font=font, anchor="ls")
    letters = np.asarray(plate, np.float32) / 255
    letters.flags.writeable = False
    return letters
