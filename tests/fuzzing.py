"""Files made to break a decoder, and the worker that feeds them to `fer.media.decode_image`.

Turns a seed into bytes and bytes into outcomes. `CASES` makes every file on demand, the same in every run; run as a
program (`python -m tests.fuzzing FOLDER NAME...`) it decodes the files of a folder under limits, one JSON line each.
"""

import base64
import functools
import io
import json
import random
import re
import resource
import signal
import struct
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

CPU_LIMIT_S = 2
# Pictures of 64 megapixels are work, not a hang; the slowest takes 1.3 s on one core of a laptop.
CPU_LIMIT_FULL_SIZE_S = 8
ADDRESS_SPACE_BYTES = 4 << 30
MAX_SIDE_JPEG = 65_500

Maker = Callable[[], bytes]


@dataclass(frozen=True)
class Case:
    """One file of the corpus.

    Attributes:
        make: gives its bytes.
        expect: what `decode_image` must make of it; "either" where a decoder may forgive the damage.
    """

    make: Maker
    expect: Literal["picture", "sentence", "either"] = "either"


@dataclass(frozen=True)
class Outcome:
    """What became of one file. Exactly one of `shape` and `sentence` is set, unless `crash` is."""

    shape: tuple[int, ...] | None = None
    sentence: str | None = None
    crash: str | None = None
    peak_bytes: int = 0
    cpu_s: float = 0.0


def drawn(width: int = 96, height: int = 64, channels: int = 3) -> np.ndarray:
    """Draw a picture without symmetry: ramps, a disc in the upper left, and a see-through right half if 4 channels.

    Returns:
        uint8 of shape (height, width, channels), RGB or RGBA.
    """
    y, x = np.mgrid[:height, :width]
    picture = np.stack([255 * x // max(width - 1, 1), 255 * y // max(height - 1, 1), (x * 7 + y * 13) % 256], axis=2)
    picture[(x - width / 4) ** 2 + (y - height / 3) ** 2 < (height / 5) ** 2] = (230, 180, 40)
    if channels == 4:
        picture = np.concatenate([picture, np.where(x < width / 2, 255, 90)[..., np.newaxis]], axis=2)
    return picture.astype(np.uint8)


@functools.cache
def astronaut() -> np.ndarray:
    """The sample portrait of scikit-image, uint8 of shape (128, 128, 3), RGB."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[:256:2, 128:384:2])


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """Save a picture with Pillow."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(pixels: np.ndarray | None = None, mode: str | None = None) -> Image.Image:
    """The portrait, or these pixels, as a Pillow picture."""
    image = Image.fromarray(astronaut() if pixels is None else pixels)
    return image if mode is None else image.convert(mode)


_UNTURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def as_stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture so that EXIF's orientation turns it back."""
    return upright.transpose(_UNTURN[orientation]) if orientation in _UNTURN else upright


def frames(n: int) -> list[Image.Image]:
    """A portrait that moves, in `n` frames."""
    return [picture(np.roll(astronaut()[::2, ::2], i, axis=1)) for i in range(n)]


def animated(kind: str, n: int) -> bytes:
    """A picture of `n` frames."""
    first, *rest = frames(n)
    return encode(first, kind, save_all=True, append_images=rest, duration=40)


def solid(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture of one colour."""
    return Image.new(mode, (width, height), {"L": 90, "RGB": (90, 60, 30), "RGBA": (90, 60, 30, 128)}.get(mode, 1))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, with its check sum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    size_wh: tuple[int, int],
    depth: int,
    colour: int,
    rows: bytes,
    *extra: bytes,
    interlace: int = 0,
    after: bytes = b"",
) -> bytes:
    """A PNG from its rows (each led by its filter byte) and further chunks before and after the pixels."""
    header = struct.pack(">IIBBBBB", *size_wh, depth, colour, 0, 0, interlace)
    pixels = png_chunk(b"IDAT", zlib.compress(rows, 1))
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(extra) + pixels + after + png_chunk(b"IEND", b"")
    )


def grey_png(*extra: bytes, size_wh: tuple[int, int] = (32, 32), after: bytes = b"") -> bytes:
    """A small grey PNG that carries these chunks."""
    rows = b"".join(b"\0" + bytes(i % 256 for i in range(min(size_wh[0], 32))) for _ in range(min(size_wh[1], 32)))
    return png(size_wh, 8, 0, rows, *extra, after=after)


def exif(
    orientation: int | None = None, *entries: tuple[int, int, int, bytes], order: str = "<", tail: bytes = b""
) -> bytes:
    """An EXIF block (no `Exif` prefix): a directory with the turn and further entries, then `tail`."""
    if orientation is not None:
        entries = ((274, 3, 1, struct.pack(f"{order}HH", orientation, 0)), *entries)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}IH", 8, len(entries)) + b"".join(struct.pack(f"{order}HHI4s", *e) for e in entries)
    return mark + directory + bytes(4) + tail


def jpeg_segment(code: int, body: bytes) -> bytes:
    """One segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def jpeg_with(*segments: bytes, data: bytes | None = None) -> bytes:
    """A JPEG that carries these segments before its own."""
    data = encode(picture(), "JPEG") if data is None else data
    return data[:2] + b"".join(segments) + data[2:]


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims this size."""
    data = bytearray(encode(picture(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_passes(width: int, height: int, n: int) -> bytes:
    """A progressive JPEG that goes over its picture `n` times more than it needs to."""
    data = encode(solid(width, height), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    table = data.rindex(b"\xff\xc4", 0, last)
    return data[:-2] + data[table:-2] * n + data[-2:]


def gif_blocks(n: int, size: int) -> bytes:
    """A GIF that leads with a comment of `n` blocks of `size` bytes."""
    data = encode(picture(mode="P"), "GIF")
    start = 13 + 3 * (2 << (data[10] & 7))
    return data[:start] + b"!\xfe" + (bytes([size]) + b"x" * size) * n + b"\0" + data[start:]


def bmp_runs(width: int, height: int, *, rle4: bool = False) -> bytes:
    """A BMP of runs of one pixel each, the longest kind."""
    palette = b"".join(bytes([i, 255 - i, i // 2, 0]) for i in range(256))
    row = b"".join(bytes([1, x % 256]) for x in range(width)) + b"\0\0"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 4 if rle4 else 8, 2 if rle4 else 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(palette)) + header + palette + row * height + b"\0\1"


def bmp_of_size(width: int, height: int, bits: int = 24) -> bytes:
    """A BMP whose header claims this size, with little behind it."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54) + header + bytes(3000)


def tiff(*entries: tuple[int, int, int, bytes], tail: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of one directory; inline values are padded to four bytes."""
    ordered = sorted((tag, kind, count, value.ljust(4, b"\0")) for tag, kind, count, value in entries)
    directory = b"".join(struct.pack("<HHI4s", *entry) for entry in ordered)
    return b"II*\0" + struct.pack("<IH", 8, len(ordered)) + directory + struct.pack("<I", following) + tail


def short(tag: int, value: int) -> tuple[int, int, int, bytes]:
    """A directory entry of one 16-bit number."""
    return tag, 3, 1, struct.pack("<H", value)


def long(tag: int, value: int, count: int = 1) -> tuple[int, int, int, bytes]:
    """A directory entry of one 32-bit number, or the place of several."""
    return tag, 4, count, struct.pack("<I", value)


def plain_tiff(
    width: int, height: int, *more: tuple[int, int, int, bytes], pixels: bytes = b"", following: int = 0
) -> bytes:
    """A grey TIFF of one strip; further entries replace those of the same tag."""
    entries = {
        e[0]: e
        for e in (short(258, 8), short(259, 1), short(262, 1), short(277, 1), long(256, width), long(257, height))
    }
    entries |= {e[0]: e for e in (long(273, 400), long(278, height), long(279, len(pixels) or width * height))}
    entries |= {e[0]: e for e in more}
    head = tiff(*entries.values(), following=following)
    return head.ljust(400, b"\0") + (pixels or bytes(range(256)) * 8)


def tiff_of_tile(width: int, height: int) -> bytes:
    """A TIFF of 64 x 64 whose only tile has this size."""
    data = zeros_deflated(width * height // (1 << 20) + 1)
    tile = long(322, width), long(323, height), long(324, 400), long(325, len(data))
    head = tiff(short(258, 8), short(259, 8), short(262, 1), short(277, 1), long(256, 64), long(257, 64), *tile)
    return head.ljust(400, b"\0") + data


def tiff_by(**options: object) -> bytes:
    """The portrait as tifffile writes it (tiles, planes, 16 bit, float)."""
    import tifffile

    file = io.BytesIO()
    pixels = options.pop("pixels", None)
    tifffile.imwrite(file, astronaut() if pixels is None else pixels, metadata=None, **options)
    return file.getvalue()


def box(kind: bytes, *parts: bytes, version: int | None = None) -> bytes:
    """One box of the container that HEIC, AVIF and MP4 share; `version` as a full box's version and flags."""
    body = (b"" if version is None else struct.pack(">I", version)) + b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


# HEVC frames by their units: parameter sets (32, 33, 34) and the slice (20). 64 x 48: red, green / blue, grey.
_HEVC_SMALL = {
    32: "KmiN^|NjIC00093pQr!;0{{RXx&lA",
    33: "LID8;2mk;B0H3G;00RI39-ttD7F(pG!sdX000093fB*mk0E7",
    34: "L;=8Yff4",
    20: "C;_eDX*>R#_wD5k%;jLI+#@x8v{md)lYcHheaLBj&m+h!*+GMTxj|q4ya;M3|3>5|-#T7DLB4#PxE~!Qb|Yzx1MRYL*N?;JG6;u`(t^79DEP1",
}
# 2048 x 2048 of one grey, its slice deflated.
_HEVC_LARGE = {
    32: "KmiN^|NjIC00093pQr!;0{{S)x&lA",
    33: "LID8;2mk;B0H3G;00RI3mY@LuAOZkcZjzG=ngRd-0{{X500RI55C",
    34: "L;=8YgAx",
    20: (
        "c-qroTzjA)?$Niknx0;UJ#ydozAK*d-0~b&V(vxp|7p*S^j@#KRoKPAz>I>l7O)p&s9=#`|G{zfwx6K`y11bNkGkptbWw(B4SXIA"
        "7^1}o1Th756)=Q=)|FrpJcg;6&jLfJ5knP=54wod26T}L=(-sHp$f3spz;L;Q2Baj-UvH@%HM!$0i!u8_csccnF-YcsG-5ef*MwD"
        "P`I2sP`KQvT;3TdT)rPDT!9HFTp<Hg?gtdEZ~!Xz0t#0IRaRufD0k3vF8~1Y1X!y"
    ),
}


def _hevc(*, large: bool) -> tuple[bytes, bytes]:
    """One HEVC frame: its decoder configuration and the frame itself, both as HEIC stores them."""
    units = {kind: base64.b85decode(text) for kind, text in (_HEVC_LARGE if large else _HEVC_SMALL).items()}
    frame = zlib.decompress(units[20]) if large else units[20]
    arrays = b"".join(struct.pack(">BHH", 0x80 | k, 1, len(units[k])) + units[k] for k in (32, 33, 34))
    return bytes.fromhex("0101600000009000000000005df000fcfdf8f800000f03") + arrays, struct.pack(
        ">I", len(frame)
    ) + frame


def _size_property(size_wh: tuple[int, int]) -> bytes:
    return box(b"ispe", struct.pack(">II", *size_wh), version=0)


@dataclass(frozen=True)
class _Item:
    """One entry of a HEIC file; `places` are those of its properties, from 1."""

    kind: bytes
    content: bytes
    places: tuple[int, ...] = ()


def _heic_file(items: Sequence[_Item], properties: Sequence[bytes], links: bytes = b"") -> bytes:
    """Put a HEIC file together (ISO/IEC 23008-12); the first item is the main one, equal contents are stored once."""
    starts: dict[bytes, int] = {}
    stored = b""
    for item in items:
        if item.content not in starts:
            starts[item.content] = len(stored)
            stored += item.content

    def meta(start: int) -> bytes:
        rows = b"".join(
            struct.pack(">HHHII", i, 0, 1, start + starts[item.content], len(item.content))
            for i, item in enumerate(items, 1)
        )
        infos = [
            box(b"infe", struct.pack(">HH4s", i, 0, item.kind), b"\0", version=2 << 24)
            for i, item in enumerate(items, 1)
        ]
        owned = [struct.pack(">HB", i, len(item.places)) + bytes(item.places) for i, item in enumerate(items, 1)]
        return box(
            b"meta",
            box(b"hdlr", b"\0\0\0\0pict", bytes(13), version=0),
            box(b"pitm", struct.pack(">H", 1), version=0),
            box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)), rows, version=0),
            box(b"iinf", struct.pack(">H", len(infos)), *infos, version=0),
            box(b"iref", links, version=0) if links else b"",
            box(b"iprp", box(b"ipco", *properties), box(b"ipma", struct.pack(">I", len(items)), *owned, version=0)),
            version=0,
        )

    kind = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    return kind + meta(len(kind) + len(meta(0)) + 8) + box(b"mdat", stored)


def heic(
    *,
    quarter_turns: int = 0,
    size_wh: tuple[int, int] = (64, 48),
    n: int = 1,
    metadata: bytes = b"",
    major: bytes = b"heic",
) -> bytes:
    """A HEIC file of `n` pictures that share one frame and one block of metadata."""
    configuration, frame = _hevc(large=False)
    properties = [box(b"hvcC", configuration), _size_property(size_wh)]
    properties += [box(b"irot", bytes([quarter_turns]))] if quarter_turns else []
    items = [_Item(b"hvc1", frame, tuple(range(1, len(properties) + 1)))] * n
    links = b""
    if metadata:
        items.append(_Item(b"Exif", metadata))
        links = box(b"cdsc", struct.pack(f">HH{n}H", n + 1, n, *range(1, n + 1)))
    return _heic_file(items, properties, links)


def heic_grid(n: int, size_wh: tuple[int, int], *, large: bool = False) -> bytes:
    """A HEIC file whose picture is cut out of `n` x `n` tiles, which are all one frame."""
    configuration, frame = _hevc(large=large)
    tile_wh = (2048, 2048) if large else (64, 48)
    properties = [box(b"hvcC", configuration), _size_property(tile_wh), _size_property(size_wh)]
    grid = _Item(b"grid", struct.pack(">BBBBII", 0, 1, n - 1, n - 1, *size_wh), (3,))
    links = box(b"dimg", struct.pack(f">HH{n * n}H", 1, n * n, *range(2, n * n + 2)))
    return _heic_file([grid, *[_Item(b"hvc1", frame, (1, 2))] * (n * n)], properties, links)


def heic_of_grids(depth: int) -> bytes:
    """A HEIC file whose picture is a grid of one grid of one grid, and so on."""
    configuration, frame = _hevc(large=False)
    grid = _Item(b"grid", struct.pack(">BBBBHH", 0, 0, 0, 0, 64, 48), (2,))
    links = b"".join(box(b"dimg", struct.pack(">HHH", i, 1, i + 1)) for i in range(1, depth + 1))
    items = [*[grid] * depth, _Item(b"hvc1", frame, (1, 2))]
    return _heic_file(items, [box(b"hvcC", configuration), _size_property((64, 48))], links)


def zeros_deflated(n_megabytes: int) -> bytes:
    """So many megabytes of zeros as a zlib stream without an end, made quickly."""
    compressor = zlib.compressobj(9)
    first, again = (compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (n_megabytes - 1)


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    """The bytes with one part replaced, which must be there."""
    if old not in data:
        raise ValueError(f"{old!r} is not in the file.")
    return data.replace(old, new)


def webp_of_size(width: int, height: int) -> bytes:
    """An extended WebP whose canvas claims this size."""
    data = bytearray(encode(picture(drawn(channels=4)), "WEBP", exif=exif(1)))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def _cmyk(**options: object) -> bytes:
    return encode(picture(mode="CMYK"), "JPEG", **options)


def _palette_with_alpha() -> bytes:
    image = picture(mode="RGB").quantize(16)
    return encode(image, "PNG", transparency=bytes(range(0, 256, 16)))


def _deep(n_channels: int) -> np.ndarray:
    pixels = astronaut().astype(np.uint16) * 257
    return pixels[..., 0] if n_channels == 1 else pixels


def _deep_png() -> bytes:
    pixels = _deep(3).astype(">u2")
    return png((128, 128), 16, 2, b"".join(b"\0" + row.tobytes() for row in pixels))


def _interlaced_png() -> bytes:
    # Adam7 of an 8 x 8 grey picture: seven passes of 1, 1, 2, 4, 8, 16 and 32 pixels.
    shapes = ((1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8))
    rows = b"".join((b"\0" + bytes(range(0, 20 * w, 20))) * h for h, w in shapes)
    return png((8, 8), 8, 0, rows, interlace=1)


BASES: dict[str, Maker] = {
    "jpeg": lambda: encode(picture(), "JPEG"),
    "jpeg-progressive": lambda: encode(picture(), "JPEG", progressive=True, quality=95),
    "jpeg-grey": lambda: encode(picture(mode="L"), "JPEG"),
    "jpeg-cmyk": _cmyk,
    "jpeg-exif": lambda: encode(picture(), "JPEG", exif=b"Exif\0\0" + exif(6)),
    "png": lambda: encode(picture(), "PNG"),
    "png-rgba": lambda: encode(picture(drawn(channels=4)), "PNG"),
    "png-grey-alpha": lambda: encode(picture(drawn(channels=4), "LA"), "PNG"),
    "png-palette-alpha": _palette_with_alpha,
    "png-1-bit": lambda: encode(picture(mode="1"), "PNG"),
    "png-16-bit": _deep_png,
    "png-16-bit-grey": lambda: encode(picture(_deep(1)), "PNG"),
    "png-interlaced": _interlaced_png,
    "apng": lambda: animated("PNG", 3),
    "gif": lambda: encode(picture(mode="P"), "GIF"),
    "gif-animated": lambda: animated("GIF", 4),
    "gif-see-through": lambda: encode(picture(drawn(channels=4)), "GIF"),
    "webp": lambda: encode(picture(), "WEBP"),
    "webp-lossless": lambda: encode(picture(), "WEBP", lossless=True),
    "webp-alpha": lambda: encode(picture(drawn(channels=4)), "WEBP"),
    "webp-animated": lambda: animated("WEBP", 3),
    "bmp": lambda: encode(picture(), "BMP"),
    "bmp-palette": lambda: encode(picture(mode="P"), "BMP"),
    "bmp-runs": lambda: bmp_runs(64, 48),
    "bmp-runs-4": lambda: bmp_runs(64, 48, rle4=True),
    "tiff": lambda: encode(picture(), "TIFF"),
    "tiff-lzw": lambda: encode(picture(), "TIFF", compression="tiff_lzw"),
    "tiff-deflate-alpha": lambda: encode(picture(drawn(channels=4)), "TIFF", compression="tiff_adobe_deflate"),
    "tiff-jpeg": lambda: encode(picture(), "TIFF", compression="jpeg"),
    "tiff-packbits": lambda: encode(picture(mode="1"), "TIFF", compression="packbits"),
    "tiff-palette": lambda: encode(picture(mode="P"), "TIFF"),
    "tiff-cmyk": lambda: encode(picture(mode="CMYK"), "TIFF", compression="tiff_lzw"),
    "tiff-tiles": lambda: tiff_by(tile=(32, 32), compression="zlib"),
    "tiff-tiles-plain": lambda: tiff_by(tile=(32, 32)),
    "tiff-planes": lambda: tiff_by(pixels=astronaut().transpose(2, 0, 1), planarconfig="separate", photometric="rgb"),
    "tiff-16-bit": lambda: tiff_by(pixels=_deep(3), photometric="rgb"),
    "tiff-16-bit-grey": lambda: tiff_by(pixels=_deep(1)),
    "tiff-float": lambda: tiff_by(pixels=astronaut()[..., 0].astype(np.float32) / 255),
    "tiff-32-bit": lambda: tiff_by(pixels=astronaut()[..., 0].astype(np.int32) * 1000 - 70_000),
    "heic": heic,
    "heic-grid": lambda: heic_grid(3, (180, 130)),
    "heic-turned": lambda: heic(quarter_turns=1),
    "avif": lambda: encode(picture(), "AVIF", speed=10),
    "avif-animated": lambda: animated("AVIF", 3),
    "avif-alpha": lambda: encode(picture(drawn(channels=4)), "AVIF", speed=10),
}


def cut(make: Maker, share: float) -> bytes:
    """The first part of a file."""
    data = make()
    return data[: int(len(data) * share)]


def flipped(make: Maker, seed: int) -> bytes:
    """A file with 1 to 64 of its bits turned over, half of the times in its first 200 bytes."""
    rng = random.Random(seed)
    data = bytearray(make())
    reach = min(200, len(data)) if seed % 2 else len(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(4, reach)] ^= 1 << rng.randrange(8)
    return bytes(data)


def shuffled(make: Maker, seed: int) -> bytes:
    """A file with a stretch cut out, doubled, emptied or set to 255."""
    rng = random.Random(seed)
    data = make()
    start, end = sorted(rng.sample(range(12, len(data)), 2))
    part = data[start:end]
    middle = rng.choice((b"", part + part, bytes(len(part)), b"\xff" * len(part)))
    return data[:start] + middle + data[end:]


def _mutations() -> dict[str, Case]:
    cases = {name: Case(make, "picture") for name, make in BASES.items()}
    for i, (name, make) in enumerate(BASES.items()):
        for share in (0.02, 0.4, 0.98):
            cases[f"{name}-cut-{share}"] = Case(functools.partial(cut, make, share))
        for turn in range(4):
            cases[f"{name}-flipped-{turn}"] = Case(functools.partial(flipped, make, 100 * i + turn))
        for turn in range(2):
            cases[f"{name}-shuffled-{turn}"] = Case(functools.partial(shuffled, make, 100 * i + turn))
    return cases


def _turned(kind: str) -> dict[str, Case]:
    def make(orientation: int, prefix: bytes = b"") -> bytes:
        return encode(picture(drawn()), kind, exif=prefix + exif(orientation))

    prefix = b"Exif\0\0" if kind in ("JPEG", "PNG") else b""
    return {
        f"{kind.lower()}-turn-{n}": Case(functools.partial(make, n, prefix), "picture")
        for n in (*range(1, 9), 0, 9, 65535)
    }


_OVERLAPPING = tuple((40_000 + i, 7, 900_000, struct.pack("<I", 0)) for i in range(3000))
_SIZES = {"flat": (65_535, 65_535), "wide": (2_000_000, 10), "tall": (10, 2_000_000), "square": (8001, 8000)}


_SOLID_AVIF = {
    (8600, 8600): (
        b"c-muNU{FXasVqn=%S>Yc0uY^>nP!-qnV9D5Xy^nKdYzkElE?r7iWw<6MNl?FL1uCZ0~+8f$SlbPvlxL`E;A=T8N_h`@fjhajKT~I"
        b"teil$MrLMS8eFXukdw*;<t3IG7&_<Y<b&<X$}A`<0Mg!>1<Cn9S|qc$AQkGK84%1MP>@-X2@+xE;NSpKJc(t7&W-XsAR*!8{G6h^"
        b"<eUni$-E3~4L~9B%z|8)pMVZyVPtA%0lG>sHzlz|h=Ge+{(Iu|w%A2XQoI~S-#LXl`}uiJu?RTYGy&D8pFbD4R`XArN&DxQ7SnvR"
        b"R!r+)=oY*CyE63Iza~e)m%&UXdesceZp!s+R@k&AK*u~eNYt#<t5Dq9-$`x$7vtH_^3Ij$US3-4*%dF%UK-k(I78*!$3+u=39ue#"
        b"SeAB2ZH?WDmCu#K4rHD`7g5giW%{9nX&-Ipi79V?QNA&iV_I$Lhm$e!cbo3Y9IrNbxYI62?YY~5h<mx;y7fQ)v-1*@tPRcl*}nNR"
        b"_ocTnE47zh`Fi@*7Vp0o+^aliZ_$1+>(osSmi!lyPp`iU+}%)+ETy<#LbHL6Rvje8ss|z~O|M8L%3QI2@^M=36N%`pb%9gnm}hOR"
        b"h?H57XkpDLyx`)RLs#Xtn(DYkT;R^Wao%@pyPxG9*ND#_PL=Lk;keN1i@Ub;R!;ZORQ^o|-)=dg(`A_^!RxZ&wDzCeSDg8?XNUA?"
        b"8Z=(pCsuYr;HKx9kD=Rn#5Y<-ga!xdaLt(^bJpY9&5bujr`NrkBz3i~N%O7hriKTr=@eQrk8h`PnS7StGlT1TYe3Z!kEkl!U3b5I"
        b"EBwsrvpT9&GASU6FEO#?ucl1?oq~Qo?OkX4STjX?;`I`h+f&XeYr5TkoZLF<SXw!DXeVTIQPt%y-1n$@=>}NJe7sQm%FB;0Kz`@V"
        b"(w?o7SGgLuX{rJM;kmB="
    ),
    (6001, 6000): (
        b"c-muNU{FXasVqn=%S>Yc0uY^>nP!-qnV9D5Xy^nKdYzkElE?r7iWw<6MNl?FL1uCZ0~+8f$SlbPvlxL`E;A=T8N_h`@fjhajKT~I"
        b"%*{ZyMrLMS8eFXukdw*;<t3IG7&_<Y<b&<X$}A`<0Mg!>1<Cn9S|qc$AQfVrcp(sj<OB*bD>6YM%p4pXK#C`^%+R?}o(Ci(oSdIi"
        b"l$V@S0W_JHfvo|gFS8&Q<|m-TSQwd_S%7-Gb5jyagc!KE<v;5^Ec@2Mkzt}>^pQ>KQS#x#MvW{2{t7_Ne&^2xuGRe0X43xorNuNK"
        b"trgQc7`nyo{;mvt_OHoN@MSQQiC#6svYYaEyKh8ki!Gm|rD4aZaFmBne)_Zi$anHuuI#^q7xYOv9JG;XJ;l%!aQ<9GIn$TvhZ3fJ"
        b"w4EoWy!}P_##D}JwWS|U#>C%kx+`<M+Th_%yBxLWp}ASd<@l}Ftv{a=S!ru)${F?UQ%T-#<_`{UZVA-XCN(_%lg_{BtP1r_oI#|C"
        b"I`5Xeo%?E;Wb4a@w7C*Kuhu-34_uynE@=ZV*Yb286)lEYnv)G?Iq}CY-v2PSWy?<Oefw;Uy$@em*t_x1%+DVlJe}@(N^tw>*wRM*"
        b";%EA+ylaEEvXyN;+#j~!WcJ519QXOu^|`m5Oa1Eoh4awf#Gpk-U!+poukmTqr-#j{>#m%*!I4Q;%(ScF;e*Tl!^@gM8k-MU%a{FH"
        b"z1i~t0DdL!g8"
    ),
    (6000, 6000): (
        b"c-muNU{FXasVqn=%S>Yc0uY^>nP!-qnV9D5Xy^zOdYzkElE?r7iWw<6MNl?FL1uCZ0~+8f$SlbPvlxL`E;A=T8N_h`@fjhajKT~I"
        b"%sN1}MrLMS8eFXukdw*;<t3IG7&_<Y<b&<X$}A`<0Mg!>1<Cn9S|qc$AQfVrcmV`62oz*iWP(JPIXF0g6i;HAp>v}>SdnmYeoj$d"
        b"a!v)%WL^fg29UnYf?SxNfDU6}WNKys>NUwtNh}d!;Nr6Xtarcc+XR6NnMSkOq#h+2PI74CP@mwyz~FcOT;N*GKW&wNSGRI_RV{q;"
        b"&O{?*vi+JU!(EX|tJXCBT6Vlxd0{jcw~|Nb*Hv8)U-TPYRC*}kBh6tfJnu*GY@hmbpR!}3H|&3^c$)oFP;S8aa}niCU#1_)e|+#s"
        b"cch1J<e{Tq)PDHne^spVJh*Q06>e>tTdRT?ww`;On)JA&&eEuH&zdl)zS6f6UpyYL9+%0~>lKyJ<LlRK-7{^c;sUF6)HgAQNE3G~"
        b"l0Ds{{p{tOGt<|1%B-GOcJih8mmTxu+7FdJia%YyHEZ?JU*$XFcwX(~zj$Nc{vY>dey%%UWT3TQ)vNr|RPUG#?fP8h6=~FV|IsQ#"
        b"@114lIq^w*Y}uP7b@tbF9=%xSFx>2+V<c7fUF6NQIUA(_0D6GKEd"
    ),
}
"""What `encode(solid(width, height), "AVIF", speed=10)` gives, the last one with `subsampling="4:4:4"`, packed by zlib;
to encode each takes one or two seconds."""


def solid_avif(width: int, height: int) -> bytes:
    """A picture of one colour, in one of the few sizes that are kept."""
    return zlib.decompress(base64.b85decode(_SOLID_AVIF[width, height]))


def _bombs() -> dict[str, Case]:
    files: dict[str, Maker] = {
        **{f"png-{k}": functools.partial(grey_png, size_wh=s) for k, s in _SIZES.items()},
        **{f"bmp-{k}": functools.partial(bmp_of_size, *s) for k, s in _SIZES.items()},
        **{f"tiff-{k}": functools.partial(plain_tiff, *s) for k, s in _SIZES.items()},
        **{f"webp-{k}": functools.partial(webp_of_size, *s) for k, s in _SIZES.items()},
        **{f"heic-{k}": functools.partial(heic, size_wh=s) for k, s in _SIZES.items()},
        "jpeg-flat": lambda: jpeg_of_size(65_535, 65_535),
        "jpeg-square": lambda: jpeg_of_size(8001, 8000),
        "jpeg-no-height": lambda: jpeg_of_size(128, 0),
        "png-no-width": lambda: grey_png(size_wh=(0, 10)),
        "png-2-31": lambda: png((2**31 - 1, 2**31 - 1), 16, 6, bytes(100)),
        "bmp-negative": lambda: bmp_of_size(-100, 100),
        "bmp-2-31": lambda: bmp_of_size(2**31 - 1, -(2**31), 32),
        "gif-screen": lambda: patched(BASES["gif"](), struct.pack("<HH", 128, 128), struct.pack("<HH", 65_535, 65_535)),
        "gif-frame": lambda: patched(
            BASES["gif"](),
            b"," + struct.pack("<HHHH", 0, 0, 128, 128),
            b"," + struct.pack("<HHHH", 0, 0, 65_535, 65_535),
        ),
        "gif-frame-far": lambda: patched(
            BASES["gif"](),
            b"," + struct.pack("<HHHH", 0, 0, 128, 128),
            b"," + struct.pack("<HHHH", 65_000, 65_000, 9, 9),
        ),
        "avif-lie": lambda: patched(BASES["avif"](), struct.pack(">II", 128, 128), struct.pack(">II", 30_000, 30_000)),
        "avif-hidden": lambda: patched(
            solid_avif(8600, 8600),
            struct.pack(">II", 8600, 8600),
            struct.pack(">II", 64, 64),
        ),
        "avif-over-its-limit": lambda: solid_avif(6001, 6000),
        "heic-tiles": lambda: heic_grid(16, (8000, 8000), large=True),
        "heic-hidden-tiles": lambda: heic_grid(16, (64, 64), large=True),
        "heic-grids": lambda: heic_of_grids(40),
        "heic-ring": lambda: patched(heic_of_grids(2), struct.pack(">HHH", 2, 1, 3), struct.pack(">HHH", 2, 1, 1)),
        "heic-lie": lambda: heic(size_wh=(32, 16)),
        "tiff-tile": lambda: tiff_of_tile(40_000, 30_000),
        "tiff-samples": lambda: plain_tiff(64, 64, long(277, 2**31)),
        "tiff-many-strips": lambda: plain_tiff(64, 64, long(273, 400, 1 << 19), long(278, 1), pixels=bytes(1 << 21)),
        "tiff-fax": lambda: encode(picture(mode="1"), "TIFF", compression="group4"),
        "tiff-big": lambda: b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**63) + bytes(100),
        "jpeg-passes": lambda: jpeg_of_passes(8000, 8000, 300),
        "jpeg-tables": lambda: jpeg_with(*[jpeg_segment(0xDB, (b"\0" + b"\1" * 64) * 1000)] * 100),
    }
    names_that_may_be_read = {"jpeg-tables"}
    return {
        f"bomb-{k}": Case(make, "either" if k in names_that_may_be_read else "sentence") for k, make in files.items()
    }


def _limits() -> dict[str, Case]:
    """Pictures of just 64 megapixels, or of the longest side, that must be read within the limits.

    Of each way through a decoder the costliest: who reads four channels in several passes, or turned, reads plain ones.
    """
    files: dict[str, Maker] = {
        "jpeg-cmyk": lambda: encode(solid(8000, 8000, "CMYK"), "JPEG", progressive=True, subsampling=0),
        "jpeg-turned": lambda: encode(solid(8000, 8000), "JPEG", exif=b"Exif\0\0" + exif(5)),
        "jpeg-wide": lambda: encode(solid(MAX_SIDE_JPEG, 970), "JPEG"),
        "png-rgba": lambda: encode(solid(8000, 8000, "RGBA"), "PNG", compress_level=1),
        "png-tall": lambda: encode(solid(976, 65_535, "L"), "PNG", compress_level=1),
        "png-thin": lambda: encode(solid(1, 65_535), "PNG"),
        "gif": lambda: encode(solid(8000, 8000, "P"), "GIF"),
        "webp": lambda: encode(solid(8000, 8000), "WEBP", method=0),
        "webp-alpha": lambda: encode(solid(8000, 8000, "RGBA"), "WEBP", lossless=True, method=0),
        "bmp-1-bit": lambda: encode(solid(8000, 8000, "1"), "BMP"),
        "tiff-turned": lambda: encode(
            solid(8000, 8000, "CMYK"), "TIFF", compression="tiff_adobe_deflate", tiffinfo={274: 6}
        ),
        "tiff-float": lambda: encode(solid(8000, 8000, "F"), "TIFF", compression="tiff_adobe_deflate"),
        "heic": lambda: heic_grid(4, (8000, 8000), large=True),
        "avif": lambda: solid_avif(6000, 6000),
        "jpeg-1x1": lambda: encode(solid(1, 1), "JPEG"),
        "png-1x1": lambda: encode(solid(1, 1, "RGBA"), "PNG"),
        "webp-1x1": lambda: encode(solid(1, 1), "WEBP"),
        "gif-1x1": lambda: encode(solid(1, 1, "P"), "GIF"),
        "bmp-1x1": lambda: encode(solid(1, 1), "BMP"),
        "tiff-1x1": lambda: encode(solid(1, 1), "TIFF"),
        "avif-1x1": lambda: encode(solid(1, 1), "AVIF"),
    }
    return {f"limit-{name}": Case(make, "picture") for name, make in files.items()}


def _many_frames() -> dict[str, Case]:
    files: dict[str, Maker] = {
        "gif": lambda: animated("GIF", 2) + BASES["gif"]()[13 + 768 :] * 400,
        "apng": lambda: animated("PNG", 60),
        "webp": lambda: animated("WEBP", 60),
        "tiff": lambda: animated("TIFF", 60),
        "tiff-ring": lambda: plain_tiff(32, 32, following=8, pixels=bytes(1024)),
        "heic": lambda: heic(n=200),
    }
    return {f"frames-{name}": Case(make, "picture") for name, make in files.items()}


def _much_metadata() -> dict[str, Case]:
    deflated = zeros_deflated(200)
    text = b"Comment\0\1\0\0\0" + deflated
    overlapping = exif(6, *_OVERLAPPING, tail=bytes(900_000))
    files: dict[str, Maker] = {
        "png-itxt": lambda: grey_png(png_chunk(b"iTXt", text)),
        "png-itxt-after": lambda: grey_png(after=png_chunk(b"iTXt", text)),
        "png-ztxt": lambda: grey_png(*[png_chunk(b"zTXt", b"Comment\0\0" + deflated)] * 50),
        "png-iccp": lambda: grey_png(png_chunk(b"iCCP", b"name\0\0" + deflated)),
        "png-exif": lambda: grey_png(png_chunk(b"eXIf", overlapping)),
        "png-text": lambda: grey_png(*[png_chunk(b"tEXt", b"Comment\0" + b"x" * 1000)] * 10_000),
        "jpeg-exif": lambda: jpeg_with(
            jpeg_segment(0xE1, b"Exif\0\0" + exif(6, *_OVERLAPPING[:2000], tail=bytes(40_000)))
        ),
        "jpeg-many-exif": lambda: jpeg_with(*[jpeg_segment(0xE1, b"Exif\0\0" + exif(6, tail=bytes(65_000)))] * 1000),
        "jpeg-many-icc": lambda: jpeg_with(*[jpeg_segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(65_000))] * 300),
        "jpeg-comments": lambda: jpeg_with(*[jpeg_segment(0xFE, b"x")] * 90_000),
        "jpeg-thumbnail": lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0" + exif(8, tail=BASES["jpeg"]()))),
        "webp-exif": lambda: encode(picture(), "WEBP", exif=overlapping),
        "tiff-exif": lambda: encode(picture(), "TIFF", tiffinfo={270: "x" * 5_000_000, 34_665: 8}),
        "tiff-overlapping": lambda: plain_tiff(32, 32, *((40_000 + i, 7, 2000, bytes(4)) for i in range(10))),
        "avif-exif": lambda: encode(
            picture(), "AVIF", speed=10, exif=exif(6, (37_500, 7, 5_000_000, bytes(4)), tail=bytes(5_000_000))
        ),
        "heic-exif": lambda: heic(n=200, metadata=b"\0\0\0\0" + overlapping + bytes(10_000_000)),
        "gif-comment": lambda: gif_blocks(20_000, 255),
    }
    cases = {f"metadata-{name}": Case(make, "picture") for name, make in files.items()}
    cases["metadata-gif-crumbs"] = Case(lambda: gif_blocks(3_000_000, 1), "sentence")
    cases["metadata-png-crumbs"] = Case(lambda: grey_png(*[png_chunk(b"tEXt", b"")] * 500_000), "sentence")
    cases["metadata-jpeg-crumbs"] = Case(lambda: jpeg_with(*[jpeg_segment(0xFE, b"")] * 500_000), "sentence")
    cases["metadata-bmp-runs"] = Case(lambda: bmp_runs(4000, 1000), "sentence")
    cases["metadata-exif-loose"] = Case(
        lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff")), "picture"
    )
    return cases


OTHERS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty (0 bytes)"),
    "one-byte": (b"\2", "not a picture of a known kind"),
    "zeros": (bytes(5000), "not a picture of a known kind"),
    "text": (b"Dear Sir or Madam,\n", "a text file"),
    "csv": (b"emotion,pixels,Usage\n0,1 2 3,Training\n", "a text file"),
    "html": (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html></html>", "a web page (HTML)"),
    "svg": (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript document"),
    "photoshop": (b"8BPS\0\1" + bytes(40), "a Photoshop document"),
    "mp4": (box(b"ftyp", b"isom", bytes(4), b"isommp41") + bytes(100), "a video"),
    "quicktime": (box(b"ftyp", b"qt  ", bytes(4)) + bytes(100), "a video"),
    "old-quicktime": (box(b"moov", bytes(100)), "a video"),
    "avi": (b"RIFF\0\1\0\0AVI LIST" + bytes(100), "a video"),
    "webm": (b"\x1aE\xdf\xa3" + bytes(100), "a video"),
    "sound": (b"RIFF\0\1\0\0WAVEfmt " + bytes(100), "a sound file"),
    "raw": (box(b"ftyp", b"crx ", bytes(4)), "a camera's raw file"),
    "jpeg-2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    "jpeg-xl": (b"\xff\x0a" + bytes(30), "a JPEG XL picture"),
    "icon": (b"\0\0\1\0\1\0" + bytes(30), "an icon"),
    "zip": (b"PK\3\4" + bytes(30), "a ZIP archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "a compressed file"),
}
"""Files that are no picture: their bytes, and what the sentence must call them."""

CASES: dict[str, Case] = {
    **_mutations(),
    **_turned("JPEG"),
    **_turned("PNG"),
    **_turned("WEBP"),
    **_bombs(),
    **_limits(),
    **_many_frames(),
    **_much_metadata(),
    **{f"other-{name}": Case(lambda data=data: data, "sentence") for name, (data, _) in OTHERS.items()},
}
"""Every file of the corpus by its name."""


def peak_bytes() -> int:
    """The most memory that this process ever held.

    Linux's `ru_maxrss` starts from the parent's at the fork, so its `VmHWM` is read instead.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def decode_all(folder: Path, names: Sequence[str]) -> None:
    """Decode files in this process, under limits; write a line before and after each to the standard output.

    A file that uses more than its limit of processor time ends the process.
    """
    from fer.errors import MediaError
    from fer.media import decode_image

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    for name in names:
        data = (folder / name).read_bytes()
        print(json.dumps({"name": name}), flush=True)
        signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_FULL_SIZE_S if name.startswith("limit-") else CPU_LIMIT_S)
        start_s = time.process_time()
        outcome: dict[str, object] = {}
        try:
            image_bgr = decode_image(data, name)
        except MediaError as error:
            outcome["sentence"] = str(error)
        else:
            if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or not image_bgr.flags.c_contiguous:
                raise TypeError(f"{name} became {image_bgr.dtype} of shape {image_bgr.shape}.")
            outcome["shape"] = image_bgr.shape
            del image_bgr
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps({**outcome, "cpu_s": time.process_time() - start_s, "peak_bytes": peak_bytes()}), flush=True)


def is_one_sentence(text: str) -> bool:
    """Whether a text is a single line that ends as a sentence does, once."""
    return re.fullmatch(r"[^\n]+?[^\s.!?]\.", text) is not None and not re.search(r"[.!?]\s", text)


if __name__ == "__main__":
    decode_all(Path(sys.argv[1]), sys.argv[2:])
