"""Untrusted bytes in, one picture out: `bytes -> image_bgr`, or one sentence that says why not.

Reads JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF by what the bytes are, whatever the file is called. Size is
checked in the header before anything is decoded, and a decoder is given no metadata and no second frame. The picture
comes out upright (EXIF), on white where it was see-through, and in 8 bits. Knows nothing about networks, pages or
faces. Safe to call from many threads: nothing global is changed.
"""

import io
import os
import re
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pi_heif
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from fer.errors import MediaError
from fer.heif import TooComplexError, decoded_pixels, without_metadata

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded, width times height."""

MAX_SIDE = 65_535
"""The longest side that is decoded, pixels; JPEG's own limit. Pillow keeps 8 bytes a row besides the pixels."""

MAX_FILE_BYTES = 100_000_000
"""The largest file that is read."""

IMAGE_SUFFIXES: tuple[str, ...] = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".heic", ".heif", ".hif", ".avif"),
)
"""File name endings that a walk through a folder takes for pictures."""

# A decoder of AVIF may hold the planes twice in 16 bits (film grain) and the pixels twice: 22 bytes a pixel.
_MAX_PIXELS_AVIF = 36_000_000
# Each scan of a progressive JPEG goes over the whole picture again; encoders write about 10.
_MAX_SCANNED_PIXELS = 20 * MAX_PIXELS
# All the tiles and the alpha of a HEIC picture, which may reach a little past its border.
_MAX_HEIC_PIXELS = 3 * MAX_PIXELS
# Strips and tiles of a TIFF are decompressed whole; the numbers in one of its tables become Python integers.
_MAX_TIFF_CHUNK_BYTES = 4 * MAX_PIXELS
_MAX_TIFF_NUMBERS = 300_000
# Pieces of a file that Python code looks at one by one.
_MAX_PIECES = 100_000
_MAX_READS = 1_000_000
_STRIP_PIXELS = 1_000_000

_ORIENTATION = 274
# Those tags of a TIFF that say how its pixels are stored; everything else is metadata.
_TIFF_TAGS = frozenset(
    (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 529, 530, 532)
)
# None, LZW, JPEG, Deflate (two numbers) and PackBits. libtiff reports each bad line of a fax to the log.
_TIFF_COMPRESSIONS = (1, 5, 7, 8, 32_773, 32_946)
_TIFF_BYTE_KINDS = (1, 2, 6, 7)

_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1")
)

_PICTURE_ADVICE = "save it as PNG or JPEG and choose that"
_PAGE_ADVICE = "save the picture itself and choose that"
_DOCUMENT_ADVICE = "save the picture in it as PNG or JPEG and choose that"
_VIDEO_ADVICE = "read it with `python -m fer video` or on the Video page, or save one frame as PNG or JPEG"
_OTHER_ADVICE = "choose a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF file"

_READABLE_STARTS = (
    ("JPEG", (b"\xff\xd8\xff",)),
    ("PNG", (b"\x89PNG\r\n\x1a\n",)),
    ("GIF", (b"GIF87a", b"GIF89a")),
    ("TIFF", (b"II*\0", b"MM\0*")),
)
_OTHER_STARTS = (
    ("a PostScript document", _DOCUMENT_ADVICE, (b"%!PS", b"\xc5\xd0\xd3\xc6")),
    ("a Photoshop document", _PICTURE_ADVICE, (b"8BPS",)),
    ("a JPEG XL picture", _PICTURE_ADVICE, (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    ("a JPEG 2000 picture", _PICTURE_ADVICE, (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    ("an icon", _PICTURE_ADVICE, (b"\0\0\1\0", b"\0\0\2\0")),
    ("a BigTIFF, the kind for files over 4 GB", _PICTURE_ADVICE, (b"II+\0", b"MM\0+")),
    ("a video", _VIDEO_ADVICE, (b"\x1aE\xdf\xa3", b"FLV\1", b"OggS", b"0&\xb2u", b"\0\0\1\xba", b"\0\0\1\xb3")),
    ("a sound file", _OTHER_ADVICE, (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    ("a ZIP archive or an office document", _DOCUMENT_ADVICE, (b"PK\3\4", b"\xd0\xcf\x11\xe0")),
    ("a compressed file", "unpack it first", (b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"(\xb5/\xfd", b"BZh")),
    ("a web page (HTML)", _PAGE_ADVICE, (b"<!doctype html", b"<html", b"<head", b"<body")),
)
_RIFF_FORMS = {b"AVI ": ("a video", _VIDEO_ADVICE), b"WAVE": ("a sound file", _OTHER_ADVICE)}
_MOVIE_BOXES = (b"moov", b"mdat", b"wide")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROL_CHARACTERS = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
# What looks like a marker inside a JPEG's compressed data: not a stuffed 0, a restart or a fill byte.
_JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")


class _RefusedError(Exception):
    """Carries the second half of the sentence, after the file's name."""


class _MeteredFile(io.BytesIO):
    """A file that ends the patience of Pillow's loops: they read GIF and BMP a byte at a time."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > _MAX_READS:
            raise _RefusedError("consists of more pieces than a picture needs; save it again as PNG or JPEG.")
        return super().read(size)


def decode_image(data: bytes, name: str = "") -> np.ndarray:
    """Decode a picture of unknown origin.

    Args:
        data: the file's bytes, whatever they are.
        name: what the sentence calls the file; "This file" if empty.

    Returns:
        uint8 of shape (height, width, 3), BGR, C-contiguous, upright. The first frame of an animation. See-through
        pixels lie on white. 16-bit samples are divided by 257; other numbers are taken as 0-1, 0-255 or 0-65535,
        whichever is the smallest that holds them all, else stretched from the lowest to the highest.

    Raises:
        MediaError: not a picture that is read here, damaged, too large, or none at all.

    Examples:
        >>> picture = io.BytesIO()
        >>> Image.new("RGB", (64, 48), "red").save(picture, "JPEG")
        >>> decode_image(picture.getvalue()).shape
        (48, 64, 3)
        >>> try:
        ...     decode_image(b"<svg/>", "logo.svg")
        ... except MediaError as error:
        ...     print(error)
        'logo.svg' is an SVG drawing, not a picture made of pixels; save it as PNG or JPEG and choose that.
    """
    subject = f"'{shown_name(name)}'" if name else "This file"
    kind = ""
    try:
        _check_file_size(len(data))
        kind = _kind(data)
        return _READERS[kind](data)
    except _RefusedError as refusal:
        raise MediaError(f"{subject} {refusal}") from refusal.__cause__
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise MediaError(f"{subject} {_too_large(MAX_PIXELS)}") from fault
    except MemoryError as fault:
        raise MediaError(f"{subject} needs more memory than there is; make the picture smaller.") from fault
    except Exception as fault:
        # Decoders raise nearly every type there is when the bytes are wrong.
        raise MediaError(f"{subject} is a damaged or cut off {kind} picture; copy or save it again.") from fault


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture from a file.

    Returns:
        uint8 of shape (height, width, 3), BGR, as from `decode_image`.

    Raises:
        MediaError: there is no such file, it may not be read, it is larger than `MAX_FILE_BYTES`, or `decode_image`
            cannot read it.
    """
    return decode_image(read_file(Path(path)), str(path))


def read_file(path: Path) -> bytes:
    """Read what may be a picture's file: at most a byte more than `MAX_FILE_BYTES`, which `decode_image` refuses.

    Raises:
        MediaError: there is no such file, or it may not be read.
    """
    try:
        with open_file(path, "picture") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as fault:
        raise MediaError(f"'{shown_name(str(path))}' cannot be read; check the disk.") from fault


def open_file(path: Path, what: str) -> BinaryIO:
    """Open a file for reading that somebody named.

    Args:
        path: the file.
        what: what it should hold, as the sentence calls it: "picture", "video".

    Raises:
        MediaError: there is no such file, it is none, or it may not be read.
    """
    subject = f"'{shown_name(str(path))}'"
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise MediaError(f"{subject} is a folder; name a {what} in it.")
        if not stat.S_ISREG(mode):
            raise MediaError(f"{subject} is not a file; name a {what}.")
        return path.open("rb")
    except FileNotFoundError as fault:
        raise MediaError(f"{subject} does not exist; check the path.") from fault
    except PermissionError as fault:
        raise MediaError(f"{subject} may not be read; change its permissions.") from fault
    except (OSError, ValueError) as fault:
        raise MediaError(f"{subject} cannot be opened; check the path and the disk.") from fault


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that `decode_image` reads."""
    try:
        return bool(_kind(head))
    except _RefusedError:
        return False


def encode_png(image_bgr: np.ndarray) -> bytes:
    """Encode a picture without loss.

    Args:
        image_bgr: uint8 of shape (height, width, 3), BGR.

    Returns:
        A PNG file's bytes.
    """
    _, encoded = cv2.imencode(".png", image_bgr)
    return encoded.tobytes()


def shown_name(name: str) -> str:
    """The name as one short line of printable characters."""
    printable = "".join(c if c.isprintable() else "?" for c in name)
    return printable if len(printable) <= 120 else f"{printable[:40]}...{printable[-60:]}"


def _check_file_size(n_bytes: int) -> None:
    if n_bytes == 0:
        raise _RefusedError("is empty (0 bytes); choose another file.")
    if n_bytes > MAX_FILE_BYTES:
        raise _RefusedError(f"is larger than {MAX_FILE_BYTES // 1_000_000} MB, the most that is read; make it smaller.")


def _too_large(max_pixels: int) -> str:
    return f"has too many pixels: up to {max_pixels // 1_000_000} megapixels are read; make it smaller."


def _check_size(size_wh: tuple[int, int], max_pixels: int = MAX_PIXELS) -> None:
    width, height = size_wh
    if width * height > max_pixels:
        limit_mp = max_pixels // 1_000_000
        raise _RefusedError(f"is {width} x {height} pixels, and up to {limit_mp} megapixels are read; make it smaller.")
    if max(size_wh) > MAX_SIDE:
        raise _RefusedError(f"is {width} x {height} pixels, and sides up to {MAX_SIDE} are read; cut it up.")


def _kind(data: bytes) -> str:
    """Name the format by the bytes.

    Raises:
        _RefusedError: it is none of `_READERS`; the sentence says what it is instead.
    """
    for kind, starts in _READABLE_STARTS:
        if data.startswith(starts):
            return kind
    form, box = data[8:12], data[4:8]
    if data.startswith(b"RIFF") and form == b"WEBP":
        return "WebP"
    if data.startswith(b"BM") and 12 <= int.from_bytes(data[14:18], "little") <= 124:
        return "BMP"
    if box == b"ftyp":
        return _kind_by_brand(data)
    raise _RefusedError(f"is {_other_kind(data, form, box)}.")


def _other_kind(data: bytes, form: bytes, box: bytes) -> str:
    """Say what the bytes are when they are no picture that is read here, and what to do."""
    head = data[:4096].removeprefix(_BYTE_ORDER_MARK).lstrip().lower()
    if data.startswith(b"RIFF") and form in _RIFF_FORMS:
        what, advice = _RIFF_FORMS[form]
        return f"{what}, not a picture; {advice}"
    if box in _MOVIE_BOXES:
        return f"a video, not a picture; {_VIDEO_ADVICE}"
    if b"%PDF-" in data[:1024]:
        return f"a PDF document, not a picture; {_DOCUMENT_ADVICE}"
    for what, advice, starts in _OTHER_STARTS:
        if data.startswith(starts) or head.startswith(starts):
            return f"{what}, which is not read here; {advice}"
    if b"<svg" in head:
        return f"an SVG drawing, not a picture made of pixels; {_PICTURE_ADVICE}"
    if not _CONTROL_CHARACTERS.search(head):
        return f"a text file, not a picture; {_OTHER_ADVICE}"
    return f"not a picture of a known kind; {_OTHER_ADVICE}"


def _kind_by_brand(data: bytes) -> str:
    """Tell AVIF, HEIC and MP4 apart: one container, named by its brands (ISO/IEC 14496-12)."""
    length = min(int.from_bytes(data[:4], "big"), 1024)
    brands = {data[8:12], *(data[i : i + 4] for i in range(16, length, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIC"
    if data[8:12] in (b"crx ", b"jp2 ", b"jxl "):
        raise _RefusedError(f"is a camera's raw file or a kind of JPEG that is not read here; {_PICTURE_ADVICE}.")
    raise _RefusedError(f"is a video or a sound file (MP4, MOV), not a picture; {_VIDEO_ADVICE}.")


def _directory(block: bytes) -> tuple[str, int, list[tuple[int, int, int, bytes]]]:
    """Take the first directory of a TIFF or of an EXIF block apart.

    Returns:
        The byte order ("<" or ">"), the directory's place, and its entries: tag, kind, count, and the four bytes that
        hold the value or its place.
    """
    order = "<" if block[:2] == b"II" else ">"
    (place,) = struct.unpack_from(f"{order}I", block, 4)
    (n,) = struct.unpack_from(f"{order}H", block, place)
    entries = block[place + 2 : place + 2 + 12 * n]
    return order, place, list(struct.iter_unpack(f"{order}HHI4s", entries[: len(entries) // 12 * 12]))


def _orientation(order: str, entries: list[tuple[int, int, int, bytes]]) -> int:
    values = [
        struct.unpack(f"{order}HH", value)[0] for tag, kind, _, value in entries if (tag, kind) == (_ORIENTATION, 3)
    ]
    return values[0] if values and 1 <= values[0] <= 8 else 1


def _exif_orientation(exif: bytes | None) -> int:
    """Read the turn, 1-8, out of an EXIF block; 1 where there is none or it is damaged.

    Pillow's own reading takes every tag apart, and they may all point at the same megabytes.
    """
    if not exif:
        return 1
    try:
        order, _, entries = _directory(exif.removeprefix(b"Exif\0\0"))
    except struct.error:
        return 1
    return _orientation(order, entries)


def _as_stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """View an upright picture the way its file stores it.

    Args:
        upright: any array of shape (height, width, ...).
        orientation: EXIF's tag 274, 1-8.

    Returns:
        A view: what is written to it lands upright.
    """
    match orientation:
        case 2:
            return upright[:, ::-1]
        case 3:
            return upright[::-1, ::-1]
        case 4:
            return upright[::-1]
        case 5:
            return upright.swapaxes(0, 1)
        case 6:
            return np.rot90(upright, 1)
        case 7:
            return upright[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(upright, -1)
    return upright


def _on_white(pixels_bgra: np.ndarray) -> np.ndarray:
    alpha = pixels_bgra[..., 3]
    pixels_bgr = cv2.cvtColor(pixels_bgra, cv2.COLOR_BGRA2BGR)
    if alpha.min() == 255:
        return pixels_bgr
    alpha = cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR)
    return cv2.add(cv2.multiply(pixels_bgr, alpha, scale=1 / 255), 255 - alpha)


def _assemble(size_wh: tuple[int, int], orientation: int, read_rows: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Put a picture together strip by strip, which spares a second copy of the whole.

    Args:
        size_wh: width and height as stored.
        orientation: EXIF's tag 274, 1-8.
        read_rows: gives the rows from one index up to another as uint8 of shape (n, width), (n, width, 3) in BGR or
            (n, width, 4) in BGRA.
    """
    width, height = size_wh
    image_bgr = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = _as_stored(image_bgr, orientation)
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        rows = read_rows(top, min(top + step, height))
        if rows.ndim == 2:
            rows = rows[..., np.newaxis]
        elif rows.shape[2] == 4:
            rows = _on_white(rows)
        stored[top : top + len(rows)] = rows
    return image_bgr


def _convert(picture: Image.Image, orientation: int) -> np.ndarray:
    """Turn an opened Pillow picture of any mode into image_bgr."""
    picture.load()
    width = picture.width

    def crop(top: int, bottom: int) -> Image.Image:
        return picture.crop((0, top, width, bottom))

    def colours(top: int, bottom: int) -> np.ndarray:
        strip = crop(top, bottom)
        see_through = picture.mode in ("LA", "La", "PA", "RGBa") or "transparency" in picture.info
        mode = "RGBA" if see_through or picture.mode == "RGBA" else "RGB"
        strip = strip if strip.mode == mode else strip.convert(mode)
        pixels = strip.tobytes("raw", "BGRA" if mode == "RGBA" else "BGR")
        return np.frombuffer(pixels, np.uint8).reshape(bottom - top, width, len(mode))

    def deep(top: int, bottom: int) -> np.ndarray:
        return ((np.asarray(crop(top, bottom)).astype(np.uint32) + 128) // 257).astype(np.uint8)

    if picture.mode.startswith("I;16"):
        return _assemble(picture.size, orientation, deep)
    if picture.mode in ("I", "F"):
        return _assemble(picture.size, orientation, _levels_reader(picture, crop))
    if picture.mode not in ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr"):
        raise _RefusedError(f"has colours of the kind {picture.mode}; {_PICTURE_ADVICE}.")
    return _assemble(picture.size, orientation, colours)


def _levels_reader(picture: Image.Image, crop: Callable[[int, int], Image.Image]) -> Callable[[int, int], np.ndarray]:
    """Read rows of 32-bit numbers as grey; what is not finite is black."""
    step = max(1, _STRIP_PIXELS // picture.width)
    lowest, highest = np.inf, -np.inf
    for top in range(0, picture.height, step):
        values = np.asarray(crop(top, min(top + step, picture.height)), np.float64)
        values = values[np.isfinite(values)]
        lowest, highest = min(lowest, values.min(initial=np.inf)), max(highest, values.max(initial=-np.inf))
    black, white = float(lowest), float(highest)
    if black >= 0:
        black = 0.0
        white = next((top for top in (1.0 if picture.mode == "F" else 255.0, 255.0, 65535.0) if white <= top), white)

    def read(top: int, bottom: int) -> np.ndarray:
        values = np.asarray(crop(top, bottom), np.float64)
        share = (np.nan_to_num(values, nan=black, posinf=black, neginf=black) - black) / max(white - black, 1e-300)
        return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)

    return read


def _read_jpeg(data: bytes) -> np.ndarray:
    """Open a JPEG by its frame header alone, then let libjpeg read the whole.

    Pillow's own look at the header joins and parses all metadata, in time that grows with the square of its size.
    """
    header = [data[:2]]
    orientation = scans = 0
    place = 2
    for _ in range(_MAX_PIECES):
        marker = _JPEG_MARKER.search(data, place)
        if marker is None or data[marker.start() + 1] == 0xD9:
            break
        place, code = marker.start(), data[marker.start() + 1]
        if code == 0xD8:
            place += 2
            continue
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        is_frame = 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC)
        if (is_frame and len(header) == 1) or (code == 0xDA and scans == 0):
            header.append(data[place:end])
        if code == 0xE1 and not orientation and data[place + 4 : place + 10] == b"Exif\0\0":
            orientation = _exif_orientation(data[place + 4 : end])
        scans += code == 0xDA
        place = end
    else:
        raise _RefusedError("consists of more pieces than a picture needs; save it again as PNG or JPEG.")
    picture = JpegImageFile(io.BytesIO(b"".join(header)))
    _check_size(picture.size)
    if picture.width * picture.height * scans > _MAX_SCANNED_PIXELS:
        raise _RefusedError(f"is a progressive JPEG of {scans} passes, more than a picture needs; {_PICTURE_ADVICE}.")
    picture.fp = io.BytesIO(data)
    return _convert(picture, orientation or 1)


def _read_png(data: bytes) -> np.ndarray:
    pieces = [data[:8]]
    orientation = 1
    place = 8
    for _ in range(_MAX_PIECES):
        if place + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            pieces.append(data[place:end])
        elif kind == b"eXIf":
            orientation = _exif_orientation(data[place + 8 : end - 4])
        place = end
    else:
        raise _RefusedError("consists of more pieces than a picture needs; save it again as PNG or JPEG.")
    picture = PngImageFile(io.BytesIO(b"".join(pieces)))
    _check_size(picture.size)
    return _convert(picture, orientation)


def _read_gif(data: bytes) -> np.ndarray:
    picture = GifImageFile(_MeteredFile(data))
    _check_size(picture.size)
    return _convert(picture, 1)


def _read_bmp(data: bytes) -> np.ndarray:
    picture = BmpImageFile(_MeteredFile(data))
    _check_size(picture.size)
    return _convert(picture, 1)


def _read_tiff(data: bytes) -> np.ndarray:
    """Show Pillow a TIFF of one page, without metadata: pages may form a ring, and tags overlap."""
    order, place, entries = _directory(data)
    kept = [entry for entry in entries if entry[0] in _TIFF_TAGS]
    if any(count > _MAX_TIFF_NUMBERS for _, kind, count, _ in kept if kind not in _TIFF_BYTE_KINDS):
        raise _RefusedError(f"is a TIFF of more pieces than a picture needs; {_PICTURE_ADVICE}.")
    directory = struct.pack(f"{order}H", len(kept))
    directory += b"".join(struct.pack(f"{order}HHI4s", *entry) for entry in kept) + bytes(4)
    # With every tag kept the four zero bytes that end the directory lie where the next page's place was.
    picture = TiffImageFile(io.BytesIO(data[:place] + directory + data[place + len(directory) :]))
    _check_size(picture.size)
    tags = picture.tag_v2
    if tags.get(259, 1) not in _TIFF_COMPRESSIONS:
        raise _RefusedError(f"is a TIFF that is packed as a fax or in a rare way; {_PICTURE_ADVICE}.")
    chunk_wh = tags.get(322, picture.width), tags.get(323, min(tags.get(278, picture.height), picture.height))
    bits = max(tags.get(258, (1,))) * tags.get(277, 1)
    if chunk_wh[0] * chunk_wh[1] * bits // 8 > _MAX_TIFF_CHUNK_BYTES:
        raise _RefusedError(f"is a TIFF with larger tiles than are read; {_PICTURE_ADVICE}.")
    return _convert(picture, _orientation(order, entries))


def _read_webp(data: bytes) -> np.ndarray:
    """Decode with OpenCV, which needs half the memory of Pillow here and takes the first frame alone, too."""
    orientation = 1
    if data[12:16] == b"VP8X":
        size_wh = int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        orientation = _exif_orientation(_webp_exif(data))
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        size_wh = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = struct.unpack_from("<HH", data, 26)
        size_wh = width & 0x3FFF, height & 0x3FFF
    _check_size(size_wh)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("OpenCV cannot decode this WebP.")
    height, width = pixels.shape[:2]
    return _assemble((width, height), orientation, lambda top, bottom: pixels[top:bottom])


def _webp_exif(data: bytes) -> bytes | None:
    place = 12
    for _ in range(_MAX_PIECES):
        if place + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == b"EXIF":
            return data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
    return None


def _read_heic(data: bytes) -> np.ndarray:
    """libheif turns the picture itself."""
    container = pi_heif.open_heif(without_metadata(data), bgr_mode=True)
    picture = container[container.primary_index]
    _check_size(picture.size)
    _check_work(data, _MAX_HEIC_PIXELS, av1=False)
    pixels = np.asarray(picture)
    if picture.premultiplied_alpha:
        raise _RefusedError(f"has colours of the kind {picture.mode}; {_PICTURE_ADVICE}.")
    height, width = pixels.shape[:2]
    return _assemble((width, height), 1, lambda top, bottom: pixels[top:bottom])


def _read_avif(data: bytes) -> np.ndarray:
    """Pillow reports AVIF's own turn as if it stood in EXIF, and leaves the turning to others."""
    # By this brand libavif takes the main picture, whose size is known, and not the first frame of a sequence.
    picture = AvifImageFile(io.BytesIO(data[:8] + b"avif" + without_metadata(data)[12:]))
    _check_size(picture.size, _MAX_PIXELS_AVIF)
    _check_work(data, 2 * _MAX_PIXELS_AVIF, av1=True)
    return _convert(picture, _exif_orientation(picture.info.get("exif")))


def _check_work(data: bytes, max_pixels: int, *, av1: bool) -> None:
    too_much = f"consists of more or larger tiles than a picture needs; {_PICTURE_ADVICE}."
    try:
        n_pixels = decoded_pixels(data, av1=av1)
    except TooComplexError as fault:
        raise _RefusedError(too_much) from fault
    if n_pixels > max_pixels:
        raise _RefusedError(too_much)


_READERS: dict[str, Callable[[bytes], np.ndarray]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "GIF": _read_gif,
    "BMP": _read_bmp,
    "TIFF": _read_tiff,
    "WebP": _read_webp,
    "HEIC": _read_heic,
    "AVIF": _read_avif,
}
