import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer.heif import TooComplexError, decoded_pixels, without_metadata
from tests import fuzzing
from tests.fuzzing import BASES, box, encode, heic, heic_grid, heic_of_grids, solid

UNKNOWN = 1 << 40


def long_box(kind: bytes, *parts: bytes) -> bytes:
    """A box that gives its length in 64 bits."""
    body = b"".join(parts)
    return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body


def meta_in_long_box(data: bytes) -> bytes:
    """The file with its `meta` box in the long form; its pictures' places no longer matter."""
    start = data.index(b"meta") - 4
    length = int.from_bytes(data[start : start + 4], "big")
    return data[:start] + long_box(b"meta", data[start + 8 : start + length]) + data[start + length :]


@pytest.mark.parametrize(
    ("data", "av1", "expected"),
    [
        (b"", False, 0),
        (box(b"ftyp", b"heic"), False, 0),
        (heic(), False, 64 * 48),
        (heic(size_wh=(4000, 3000)), False, 12_000_000),
        (heic(quarter_turns=1), False, 64 * 48),
        (heic(n=20), False, 64 * 48),
        (heic_grid(3, (180, 130)), False, 9 * 64 * 48),
        (heic_grid(16, (64, 64), large=True), False, 256 * 2048 * 2048),
        (heic_of_grids(3), False, 64 * 48),
        (meta_in_long_box(heic_grid(3, (180, 130))), False, 9 * 64 * 48),
        (fuzzing.patched(heic(), b"ispe", b"free"), False, UNKNOWN),
        (BASES["avif"](), True, 128 * 128),
        (BASES["avif-alpha"](), True, 2 * 96 * 64),
        (BASES["avif-animated"](), True, 64 * 64),
        (fuzzing.patched(BASES["avif"](), struct.pack(">II", 128, 128), struct.pack(">II", 9, 9)), True, 128 * 128),
        (fuzzing.patched(BASES["avif"](), struct.pack(">II", 128, 128), struct.pack(">II", 900, 900)), True, 810_000),
        (heic(), True, UNKNOWN),
    ],
    ids=[
        *("empty", "no-list", "one", "claimed", "turned", "many-names", "grid", "hidden-tiles", "nested", "long-box"),
        *("no-size", "avif", "avif-alpha", "avif-animated", "avif-smaller-claim", "avif-larger-claim", "no-av1"),
    ],
)
def test_what_a_decoder_would_do_is_added_up(data: bytes, av1: bool, expected: int) -> None:
    assert decoded_pixels(data, av1=av1) == expected


@pytest.mark.parametrize(
    "data",
    [
        heic_of_grids(4),
        fuzzing.patched(heic_of_grids(2), struct.pack(">HHH", 2, 1, 3), struct.pack(">HHH", 2, 1, 1)),
        box(b"meta", bytes(4), box(b"free", bytes(4_000_000))),
    ],
    ids=["deep", "ring", "long-list"],
)
def test_a_list_without_end_is_refused(data: bytes) -> None:
    with pytest.raises(TooComplexError):
        decoded_pixels(data, av1=False)


@given(st.integers(0, len(BASES["avif"]())), st.booleans())
def test_a_cut_file_is_counted_or_refused(length: int, av1: bool) -> None:
    data = (BASES["avif"] if av1 else BASES["heic-grid"])()[:length]
    with contextlib.suppress(struct.error, IndexError):
        assert 0 <= decoded_pixels(data, av1=av1) <= 9 * UNKNOWN


def bits(*fields: tuple[int, int]) -> str:
    """Numbers and their widths as a string of 0 and 1."""
    return "".join(f"{value:0{width}b}" if width else "" for value, width in fields)


PROFILE = bits((0, 3), (1, 1))
SIZE = bits((15, 4), (14, 4), (59_999, 16), (19_999, 15))
ONE_POINT = bits((0, 5), (0, 12), (5, 5))


@pytest.mark.parametrize(
    "header",
    [
        PROFILE + "1" + bits((5, 5)) + SIZE,
        PROFILE + "0" + "0" + "0" + ONE_POINT + SIZE,
        PROFILE + "0" + "0" + "0" + bits((1, 5), (0, 12), (9, 5), (1, 1), (0, 12), (7, 5)) + SIZE,
        PROFILE + "0" + "0" + "1" + ONE_POINT + bits((1, 1), (7, 4)) + SIZE,
        PROFILE + "0" + "1" + bits((1, 64)) + "0" + "0" + "0" + ONE_POINT + SIZE,
        PROFILE + "0" + "1" + bits((1, 64)) + "1" + "00101" + "0" + "0" + ONE_POINT + SIZE,
        PROFILE + "0" + "1" + bits((1, 64)) + "0" + "1" + bits((9, 5), (3, 42)) + "0" + ONE_POINT + "0" + SIZE,
        PROFILE
        + "0"
        + "1"
        + bits((1, 64))
        + "0"
        + "1"
        + bits((9, 5), (3, 42))
        + "0"
        + ONE_POINT
        + "1"
        + "1" * 21
        + SIZE,
    ],
    ids=["reduced", "full", "two-points", "delay", "timing", "ticks", "model-unused", "model"],
)
def test_the_size_is_found_in_every_kind_of_sequence_header(header: str) -> None:
    body = int(header.ljust(-(-len(header) // 8) * 8, "0"), 2).to_bytes(-(-len(header) // 8), "big")
    stream = b"\x12\0" + bytes([0x0A, len(body)]) + body + b"\x30frame"
    data = fuzzing.patched(
        heic(), fuzzing._hevc(large=False)[1], stream.ljust(len(fuzzing._hevc(large=False)[1]), b"\0")
    )
    assert decoded_pixels(data, av1=True) == 60_000 * 20_000


@pytest.mark.parametrize("size_wh", [(1, 1), (65, 31), (1000, 3)], ids=["dot", "odd", "flat"])
def test_the_size_agrees_with_an_encoder(size_wh: tuple[int, int]) -> None:
    data = encode(solid(*size_wh), "AVIF", speed=10)
    hidden = fuzzing.patched(data, struct.pack(">II", *size_wh), struct.pack(">II", 1, 1))
    assert decoded_pixels(hidden, av1=True) == size_wh[0] * size_wh[1]


@pytest.mark.parametrize(
    ("data", "links"),
    [(b"", 0), (heic(), 0), (heic(n=3, metadata=b"\0\0\0\0" + fuzzing.exif(6)), 1), (b"no boxes at all", 0)],
    ids=["empty", "none", "shared", "no-boxes"],
)
def test_links_to_metadata_are_cut_and_nothing_else(data: bytes, links: int) -> None:
    bare = without_metadata(data)
    assert len(bare) == len(data)
    assert data.count(b"cdsc") == links
    assert bare == data.replace(b"cdsc", b"skip")


def test_pixels_that_look_like_a_link_are_left_alone() -> None:
    data = heic() + box(b"mdat", b"cdsc")
    assert without_metadata(data) == data
