"""The boxes of HEIC and AVIF files: what a decoder would have to do, before it does it.

Turns a file's bytes into a number of pixels, and into the same file without its metadata. Both kinds share the box
format of ISO/IEC 14496-12 and the items of ISO/IEC 23008-12: a picture may be cut out of tiles, and a tile's name is
cheap: 12 kB can ask for the decoding of a thousand times 64 megapixels and show a corner of it. Decodes nothing.
"""

import functools
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MAX_BOXES = 100_000
_MAX_META_BYTES = 4_000_000
_MAX_DEPTH = 3
_SEQUENCE_HEADER = 1
_NO_SIZE = 1 << 40


class TooComplexError(ValueError):
    """The file lists more than a picture needs."""


@dataclass
class _Items:
    """What the `meta` boxes of a file say. Where they contradict each other, all of it counts.

    Attributes:
        shown: the main picture, and whatever is alpha or depth of another.
        made_of: the tiles or layers of each picture that is made of others.
        sizes: width times height of every property, 0 where it is no size.
        properties: the places in `sizes` that each picture owns.
        contents: the coded bytes of each picture.
    """

    shown: list[int] = field(default_factory=list)
    made_of: dict[int, list[int]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    properties: dict[int, list[int]] = field(default_factory=dict)
    contents: dict[int, list[bytes]] = field(default_factory=dict)


def without_metadata(data: bytes) -> bytes:
    """Cut the links from metadata to the pictures.

    EXIF is to be ignored in these files, and libraries copy it once for every picture that it is linked to.
    """
    boxes = [box.replace(b"cdsc", b"skip") if kind == b"meta" else box for kind, box, _ in _boxes(data)]
    return b"".join([*boxes, data[sum(map(len, boxes)) :]])


def decoded_pixels(data: bytes, *, av1: bool) -> int:
    """Add up what is decoded to show the main picture: its tiles and layers, and all alpha and depth pictures.

    Args:
        data: the file.
        av1: the pictures are coded in AV1 (AVIF). Its decoders scale what they find to the size that the file gives,
            so the size is read from the coded bytes; libheif refuses HEVC of another size than given.

    Raises:
        TooComplexError: the file lists more than a picture needs.
        struct.error, IndexError: a box is cut off.
    """
    items = _Items()
    for kind, _, body in _boxes(data):
        if kind == b"meta":
            if len(body) > _MAX_META_BYTES:
                raise TooComplexError
            _read_meta(items, data, body[4:])

    @functools.cache
    def pixels(item: int, depth: int) -> int:
        if depth > _MAX_DEPTH:
            raise TooComplexError
        if item in items.made_of:
            return sum(pixels(part, depth + 1) for part in items.made_of[item])
        known = [items.sizes[i] for i in items.properties.get(item, ()) if i < len(items.sizes)]
        # What tells no size may have any.
        size = max(known, default=0) or _NO_SIZE
        return max([size, *map(_av1_pixels, items.contents.get(item, ()))]) if av1 else size

    return sum(pixels(item, 0) for item in items.shown)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Take boxes apart: of each its kind, all of its bytes, and those after its head."""
    place = 0
    for _ in range(_MAX_BOXES):
        if place + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, place)
        head = 8
        if length == 1:
            head = 16
            (length,) = struct.unpack_from(">Q", data, place + 8)
        end = place + length if length >= head else len(data)
        yield kind, data[place:end], data[place + head : end]
        place = end


def _read_meta(items: _Items, data: bytes, meta: bytes) -> None:
    inner = list(_boxes(meta))
    within = b"".join(body for kind, _, body in inner if kind == b"idat")
    for kind, _, body in inner:
        if kind == b"pitm":
            items.shown.append(int.from_bytes(body[4:8] if body[0] else body[4:6], "big"))
        elif kind == b"iref":
            _read_links(items, body)
        elif kind == b"iloc":
            _read_places(items, body, {0: data, 1: within})
        elif kind == b"iprp":
            for part, _, content in _boxes(body):
                if part == b"ipco":
                    items.sizes += [_signalled_pixels(*one) for one in _boxes(content)]
                elif part == b"ipma":
                    _read_properties(items, content)


def _signalled_pixels(kind: bytes, _: bytes, body: bytes) -> int:
    return math.prod(struct.unpack_from(">II", body, 4)) if kind == b"ispe" else 0


def _read_links(items: _Items, body: bytes) -> None:
    number = "I" if body[0] else "H"
    for kind, _, content in _boxes(body[4:]):
        source, n = struct.unpack_from(f">{number}H", content)
        targets = struct.unpack_from(f">{n}{number}", content, struct.calcsize(f">{number}H"))
        if kind == b"dimg":
            items.made_of.setdefault(source, []).extend(targets)
        elif kind == b"auxl":
            items.shown += [source] * n


def _read_properties(items: _Items, body: bytes) -> None:
    item_and_count = ">IB" if body[0] else ">HB"
    code, last = ("H", 0x7FFF) if body[3] & 1 else ("B", 0x7F)
    (n,) = struct.unpack_from(">I", body, 4)
    at = 8
    for _ in range(n):
        item, n_codes = struct.unpack_from(item_and_count, body, at)
        at += struct.calcsize(item_and_count)
        codes = struct.unpack_from(f">{n_codes}{code}", body, at)
        at += n_codes * struct.calcsize(code)
        # The first bit says whether a reader must know the property; places count from 1.
        items.properties.setdefault(item, []).extend((value & last) - 1 for value in codes)


def _read_places(items: _Items, body: bytes, sources: Mapping[int, bytes]) -> None:
    version = body[0]
    offset_size, length_size, base_size, index_size = body[4] >> 4, body[4] & 15, body[5] >> 4, body[5] & 15
    at = 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > len(body):
            raise struct.error("The list of places is cut off.")
        return int.from_bytes(body[at - size : at], "big")

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        source = sources.get(number(2) & 15 if version else 0, b"")
        number(2)
        base = number(base_size)
        parts = []
        for _ in range(number(2)):
            number(index_size if version else 0)
            start, length = base + number(offset_size), number(length_size)
            parts.append(source[start : start + length] if length else source[start:])
        if sum(map(len, parts)) > len(sources[0]):
            raise TooComplexError
        items.contents.setdefault(item, []).append(b"".join(parts))


def _av1_pixels(content: bytes) -> int:
    """The largest frame that the sequence headers of an AV1 stream allow (AV1 specification, 5.3 and 5.5)."""
    largest = 0
    at = 0
    for _ in range(_MAX_BOXES):
        if at >= len(content):
            break
        head = content[at]
        at += 2 if head & 4 else 1
        length = len(content) - at
        if head & 2:
            length, at = _leb128(content, at)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            largest = max(largest, _sequence_pixels(content[at : at + min(length, 1000)]))
        at += length
    return largest or _NO_SIZE


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    """A number in AV1's variable length, and the place after it."""
    value = 0
    for i, byte in enumerate(content[at : at + 8]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise struct.error("A length in the AV1 stream is cut off.")


def _sequence_pixels(header: bytes) -> int:
    bits = int.from_bytes(header, "big")
    left = 8 * len(header)

    def take(n: int) -> int:
        nonlocal left
        left -= n
        if left < 0:
            raise struct.error("The sequence header is cut off.")
        return bits >> left & (1 << n) - 1

    take(4)
    if take(1):
        take(5)
    else:
        delay_bits = 0
        if take(1):
            take(64)
            if take(1):
                zeros = 0
                while not take(1):
                    zeros += 1
                take(zeros)
            if take(1):
                delay_bits = take(5) + 1
                take(42)
        has_display_delay = take(1)
        for _ in range(take(5) + 1):
            take(12)
            if take(5) > 7:
                take(1)
            if delay_bits and take(1):
                take(2 * delay_bits + 1)
            if has_display_delay and take(1):
                take(4)
    width_bits, height_bits = take(4) + 1, take(4) + 1
    return (take(width_bits) + 1) * (take(height_bits) + 1)
