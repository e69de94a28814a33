import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer import media
from fer.errors import MediaError
from fer.media import IMAGE_SUFFIXES, MAX_PIXELS, MAX_SIDE, decode_image, encode_png, read_image
from tests import fuzzing
from tests.fuzzing import BASES, OTHERS, astronaut, drawn, encode, exif, picture, solid

ASTRONAUT_BGR = astronaut()[..., ::-1]
DRAWN_BGR = drawn()[..., ::-1]


def distance(image_bgr: np.ndarray, expected: np.ndarray) -> float:
    """The mean absolute difference of two pictures in grey levels; they must have one shape."""
    assert image_bgr.shape == expected.shape
    return float(np.abs(image_bgr.astype(int) - expected).mean())


def on_white(pixels: np.ndarray) -> np.ndarray:
    """RGBA of shape (height, width, 4) composed on white, as BGR."""
    alpha = pixels[..., 3:] / 255
    return np.rint(pixels[..., :3] * alpha + 255 * (1 - alpha))[..., ::-1]


@pytest.mark.parametrize(("data", "what"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, what: str) -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(data, "holiday.jpg")
    sentence = str(caught.value)
    assert sentence.startswith("'holiday.jpg' is ")
    assert what in sentence
    assert fuzzing.is_one_sentence(sentence)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("", "This file "),
        ("a.jpg", "'a.jpg' "),
        ("two\nlines\x1b[0m.jpg", "'two?lines?[0m.jpg' "),
        ("x" * 500 + ".jpg", "'" + "x" * 40 + "..." + "x" * 56 + ".jpg' "),
    ],
    ids=["none", "plain", "control-characters", "long"],
)
def test_the_sentence_shows_a_name_that_fits_in_it(name: str, subject: str) -> None:
    with pytest.raises(MediaError) as caught:
        decode_image(b"", name)
    assert str(caught.value) == f"{subject}is empty (0 bytes); choose another file."


GREY_OF_RED = astronaut()[..., :1].repeat(3, axis=2)
LUMA = np.asarray(picture(mode="L"))[..., np.newaxis].repeat(3, axis=2)


SHOWS: dict[str, tuple[np.ndarray, float]] = {
    "png": (ASTRONAUT_BGR, 0),
    "png-rgba": (on_white(drawn(channels=4)), 0.5),
    "png-16-bit": (ASTRONAUT_BGR, 0),
    "png-16-bit-grey": (GREY_OF_RED, 0),
    "apng": (ASTRONAUT_BGR[::2, ::2], 0),
    "jpeg": (ASTRONAUT_BGR, 5),
    "jpeg-progressive": (ASTRONAUT_BGR, 5),
    "jpeg-grey": (LUMA, 5),
    "jpeg-cmyk": (ASTRONAUT_BGR, 8),
    "gif-animated": (ASTRONAUT_BGR[::2, ::2], 5),
    "webp": (ASTRONAUT_BGR, 6),
    "webp-lossless": (ASTRONAUT_BGR, 0),
    "webp-alpha": (on_white(drawn(channels=4)), 6),
    "webp-animated": (ASTRONAUT_BGR[::2, ::2], 8),
    "bmp": (ASTRONAUT_BGR, 0),
    "tiff": (ASTRONAUT_BGR, 0),
    "tiff-lzw": (ASTRONAUT_BGR, 0),
    "tiff-deflate-alpha": (on_white(drawn(channels=4)), 0.5),
    "tiff-jpeg": (ASTRONAUT_BGR, 5),
    "tiff-cmyk": (ASTRONAUT_BGR, 1),
    "tiff-tiles": (ASTRONAUT_BGR, 0),
    "tiff-tiles-plain": (ASTRONAUT_BGR, 0),
    "tiff-planes": (ASTRONAUT_BGR, 0),
    "tiff-16-bit": (ASTRONAUT_BGR, 0),
    "tiff-16-bit-grey": (GREY_OF_RED, 0),
    "tiff-float": (GREY_OF_RED, 0),
    "avif": (ASTRONAUT_BGR, 6),
    "avif-animated": (ASTRONAUT_BGR[::2, ::2], 8),
    "avif-alpha": (on_white(drawn(channels=4)), 6),
}
"""What a file of `BASES` shows, and by how many grey levels a lossy one may differ."""


@pytest.mark.parametrize("base", SHOWS)
def test_every_kind_shows_what_was_saved(base: str) -> None:
    expected_bgr, tolerance = SHOWS[base]
    image_bgr = decode_image(BASES[base]())
    assert image_bgr.dtype == np.uint8
    assert image_bgr.flags.c_contiguous
    assert distance(image_bgr, expected_bgr) <= tolerance


def test_a_palette_with_alpha_lies_on_white() -> None:
    data = BASES["png-palette-alpha"]()
    with Image.open(io.BytesIO(data)) as image:
        expected_bgr = on_white(np.asarray(image.convert("RGBA")))
    assert (expected_bgr == 255).all(axis=2).any()
    assert np.array_equal(decode_image(data), expected_bgr)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_comes_out_upright_once(kind: str, order: str, orientation: int) -> None:
    stored = fuzzing.as_stored(picture(drawn()), orientation)
    if kind == "TIFF":
        options: dict[str, object] = {"tiffinfo": {274: orientation}}
    else:
        options = {"exif": (b"Exif\0\0" if kind in ("JPEG", "PNG") else b"") + exif(orientation, order=order)}
    options |= {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95, "speed": 10}}.get(kind, {})
    assert distance(decode_image(encode(stored, kind, **options)), DRAWN_BGR) <= 12


RED, GREEN, BLUE, GREY = (30, 30, 200), (30, 180, 30), (200, 30, 30), (128, 128, 128)


@pytest.mark.parametrize(
    ("quarter_turns", "metadata", "shape", "corners"),
    [
        (0, b"", (48, 64, 3), (RED, GREEN, BLUE, GREY)),
        (1, b"", (64, 48, 3), (GREEN, GREY, RED, BLUE)),
        (3, b"", (64, 48, 3), (BLUE, RED, GREY, GREEN)),
        (1, b"\0\0\0\0" + exif(6), (64, 48, 3), (GREEN, GREY, RED, BLUE)),
        (0, b"\0\0\0\0" + exif(6), (48, 64, 3), (RED, GREEN, BLUE, GREY)),
    ],
    ids=["upright", "anticlockwise", "clockwise", "turned-and-in-exif", "in-exif-alone"],
)
def test_heic_is_turned_by_its_container_alone(
    quarter_turns: int, metadata: bytes, shape: tuple[int, ...], corners: tuple[tuple[int, int, int], ...]
) -> None:
    image_bgr = decode_image(fuzzing.heic(quarter_turns=quarter_turns, metadata=metadata))
    assert image_bgr.shape == shape
    seen = np.array([image_bgr[y, x] for y in (6, -6) for x in (6, -6)])
    assert np.abs(seen.astype(int) - corners).max() <= 4


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.25, 1.0], [0, 64, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 257.0, 65_535.0], [0, 1, 255]),
        ([0.0, 5e5, 1e6], [0, 128, 255]),
        ([-2.0, 0.0, 2.0], [0, 128, 255]),
        ([-np.inf, np.nan, 1.0], [0, 0, 255]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([7e37, -3e38, 3e38], [157, 0, 255]),
    ],
    ids=["unit", "bytes", "words", "large", "signed", "infinite", "no-numbers", "huge"],
)
def test_numbers_become_grey(values: list[float], expected: list[int]) -> None:
    data = encode(picture(np.array([values], np.float32)), "TIFF")
    assert decode_image(data)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 128, 255], [0, 128, 255]),
        ([0, 257, 65_535], [0, 1, 255]),
        ([-(2**31), 0, 2**31 - 1], [0, 128, 255]),
        ([5, 5, 5], [5, 5, 5]),
    ],
    ids=["bytes", "words", "all", "flat"],
)
def test_whole_numbers_become_grey(values: list[int], expected: list[int]) -> None:
    data = encode(picture(np.array([values], np.int32)), "TIFF")
    assert decode_image(data)[0, :, 0].tolist() == expected


@given(st.integers(0, 65_535))
def test_16_bits_are_rounded_not_cut(value: int) -> None:
    data = encode(picture(np.array([[value]], np.uint16)), "PNG")
    assert decode_image(data)[0, 0].tolist() == [round(value / 257)] * 3


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 8))
def test_every_small_size_comes_back_exactly(width: int, height: int, orientation: int) -> None:
    pixels = drawn(width, height)
    data = encode(fuzzing.as_stored(picture(pixels), orientation), "PNG", exif=exif(orientation))
    assert np.array_equal(decode_image(data), pixels[..., ::-1])


@pytest.mark.parametrize("strip_pixels", [1, 96, 1000], ids=["a-row", "exact-rows", "some-rows"])
def test_strips_leave_no_seams(strip_pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_STRIP_PIXELS", strip_pixels)
    assert np.array_equal(decode_image(encode(picture(drawn()), "PNG")), DRAWN_BGR)


@pytest.mark.parametrize("wrong", ["holiday.txt", "holiday.png", "holiday"])
def test_the_bytes_count_not_the_ending(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / wrong
    path.write_bytes(BASES["jpeg"]())
    assert read_image(path).shape == (128, 128, 3)


@pytest.mark.parametrize(
    ("size_wh", "rule"),
    [
        ((8001, 8000), "8001 x 8000 pixels, and up to 64 megapixels"),
        ((65_535, 65_535), "65535 x 65535 pixels, and up to 64 megapixels"),
        ((1, 64_000_000), f"1 x 64000000 pixels, and sides up to {MAX_SIDE}"),
        ((64_000_000, 1), f"64000000 x 1 pixels, and sides up to {MAX_SIDE}"),
        ((1, MAX_SIDE + 1), f"1 x {MAX_SIDE + 1} pixels, and sides up to {MAX_SIDE}"),
    ],
    ids=["just-over", "far-over", "thin", "flat", "side-just-over"],
)
def test_a_large_picture_is_refused_by_its_header(size_wh: tuple[int, int], rule: str) -> None:
    with pytest.raises(MediaError, match=rule):
        decode_image(fuzzing.grey_png(size_wh=size_wh))


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_a_header_that_claims_too_much_never_reaches_the_decoder(width: int, height: int) -> None:
    fits = width * height <= MAX_PIXELS and max(width, height) <= MAX_SIDE
    with pytest.raises(MediaError) as caught:
        decode_image(fuzzing.png((width, height), 8, 0, b"\0"))
    assert ("damaged or cut off" in str(caught.value)) == fits


def test_a_large_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = BASES["png"]()
    monkeypatch.setattr(media, "MAX_FILE_BYTES", len(data) - 1)
    with pytest.raises(MediaError, match="is larger than 0 MB, the most that is read"):
        decode_image(data, "a.png")


@given(st.binary(max_size=64), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_damaged_exif_leaves_the_picture_as_it_is(block: bytes, kind: str) -> None:
    prefix = b"" if kind == "WEBP" else b"Exif\0\0"
    data = encode(solid(3, 2), kind, exif=prefix + (block or b"\0"))
    assert sorted(decode_image(data).shape) == [2, 3, 3]


def test_reading_is_the_same_in_many_threads() -> None:
    files = [make() for make in BASES.values()] * 4
    alone = [decode_image(data) for data in files[: len(BASES)]] * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode_image, files))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def _missing(folder: Path) -> Path:
    return folder / "nowhere.jpg"


def _folder(folder: Path) -> Path:
    return folder


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _empty(folder: Path) -> Path:
    (folder / "empty.jpg").touch()
    return folder / "empty.jpg"


def _large(folder: Path) -> Path:
    with (folder / "large.jpg").open("wb") as file:
        file.truncate(media.MAX_FILE_BYTES + 1)
    return folder / "large.jpg"


def _broken(folder: Path) -> Path:
    (folder / "broken.jpg").write_bytes(BASES["jpeg"]()[:900])
    return folder / "broken.jpg"


def _long(folder: Path) -> Path:
    return folder / ("x" * 5000)


def _null(folder: Path) -> Path:
    return folder / "a\0b.jpg"


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (_empty, "is empty (0 bytes); choose another file."),
        (_missing, "does not exist; check the path."),
        (_folder, "is a folder; name a picture in it."),
        (_pipe, "is not a file; name a picture."),
        (_large, "is larger than 100 MB, the most that is read; make it smaller."),
        (_broken, "is a damaged or cut off JPEG picture; copy or save it again."),
        (_long, "cannot be opened; check the path and the disk."),
        (_null, "cannot be opened; check the path and the disk."),
    ],
    ids=["empty", "missing", "folder", "pipe", "large", "broken", "long-name", "null-in-name"],
)
def test_a_file_that_cannot_be_read_is_named(make: object, rule: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(MediaError) as caught:
        read_image(path)
    assert str(caught.value) == f"'{media.shown_name(str(path))}' {rule}"


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(BASES["png"]())
    path.chmod(stat.S_IWUSR)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The superuser may read everything, and tests in containers run as the superuser.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MediaError, match="may not be read; change its permissions"):
        read_image(path)


@pytest.mark.parametrize("pixels", [solid(1, 1), picture(), picture(drawn())], ids=["dot", "portrait", "drawing"])
def test_png_brings_every_pixel_back(pixels: Image.Image) -> None:
    image_bgr = np.asarray(pixels)[..., ::-1]
    assert np.array_equal(decode_image(encode_png(image_bgr)), image_bgr)


def test_endings_are_lower_case_with_their_dot() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif"} <= set(IMAGE_SUFFIXES)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)
    assert len(set(IMAGE_SUFFIXES)) == len(IMAGE_SUFFIXES)


def test_real_photos_are_read(shared_dir: Path) -> None:
    paths = sorted((shared_dir / "photos").glob("*.jpg"))
    assert paths
    for path in paths:
        with Image.open(path) as image:
            assert distance(read_image(path), np.asarray(image.convert("RGB"))[..., ::-1]) <= 1
