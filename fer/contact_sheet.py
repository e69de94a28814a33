"""Small faces -> HTML that shows them in rows, each with its words, whatever the width of the window; or one picture.

The pictures are part of the HTML, so that no file is written and nothing else is asked for. Knows nothing about
Streamlit, files or networks.
"""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

_WEBP_QUALITY = 60
_LINE_PX = 2
_INK = "#22262B"

_RULES = """<style>
.fer-sheet { display: grid; gap: 0.5rem; grid-template-columns: repeat(auto-fill, minmax(%(side)dpx, 1fr)); }
.fer-sheet figure { margin: 0; min-width: 0; }
.fer-sheet img { width: 100%%; height: auto; border-radius: 0.25rem; display: block; }
.fer-sheet figcaption { font-size: 0.75rem; line-height: 1.3; opacity: 0.85; overflow-wrap: anywhere; }
.fer-sheet i { display: inline-block; width: 0.55rem; height: 0.55rem; margin-right: 0.3rem; border-radius: 50%%; }
</style>"""


@dataclass(frozen=True, eq=False)
class SheetFace:
    """One face of a sheet.

    Attributes:
        image: uint8 of shape (height, width), grey, or (height, width, 3), BGR.
        caption: stands below it.
        description: what to say to those who cannot see it, and to those who point at it.
        colour: sRGB hex of the dot before the caption; "" where there is none.
    """

    image: np.ndarray
    caption: str
    description: str
    colour: str = ""


def data_uri(image: np.ndarray, kind: Literal["png", "webp", "jpeg"] = "png") -> str:
    """Write a picture as an address that holds all of it.

    Args:
        image: uint8 of shape (height, width), grey, or (height, width, 3), BGR.
        kind: "png" keeps every pixel, "webp" takes about a third of the room, "jpeg" is the quickest to make of a
            photo.

    Returns:
        A `data:` URI.
    """
    quality = [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY] if kind == "webp" else []
    encoded = cv2.imencode(f".{kind}", image, quality)[1].tobytes()
    return f"data:image/{kind};base64," + base64.b64encode(encoded).decode()


def beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put two pictures of one height side by side, a white line between them; uint8 of shape (height, width)."""
    return np.hstack([left, np.full((len(left), _LINE_PX), 255, np.uint8), right])


def contact_sheet(faces: Sequence[SheetFace], least_px: int = 72) -> str:
    """Lay faces out in rows as wide as the window allows.

    Args:
        faces: in the order of reading; their words may hold anything and are escaped.
        least_px: the least width of a face on the screen, in CSS pixels.

    Returns:
        HTML without scripts and without addresses of other places.
    """
    return _RULES % {"side": least_px} + f'<div class="fer-sheet">{"".join(map(_figure, faces))}</div>'


def sheet_picture(faces: Sequence[SheetFace], title: str, side: int = 220, columns: int = 4) -> np.ndarray:
    """Lay faces out on one white picture, to keep or to send: a title, then rows of faces, each with its caption.

    Args:
        faces: in the order of reading; square images fill their places, others are stretched to them.
        title: stands above; as long as the picture is wide, at most.
        side: of a face, pixels.
        columns: faces in a row, at most.

    Returns:
        uint8 of shape (height, width, 3), BGR; the title alone where there are no faces.

    Examples:
        >>> face = SheetFace(np.full((48, 48), 128, np.uint8), "happy, 90 of 100", "A happy face", "#E69F00")
        >>> sheet_picture([face], "One face", side=100).shape
        (182, 132, 3)
    """
    gap, line = side // 8 + 4, side // 4
    columns = max(1, min(columns, len(faces)))
    rows = -(-len(faces) // columns)
    size_wh = (columns * (side + gap) + gap, gap + line + rows * (side + line) + gap)
    sheet = Image.new("RGB", size_wh, "white")
    pen, letters = ImageDraw.Draw(sheet), ImageFont.load_default(side // 13)
    pen.text((gap, gap), title, fill=_INK, font=ImageFont.load_default(side // 10))
    for i, face in enumerate(faces):
        left, top = gap + i % columns * (side + gap), gap + line + i // columns * (side + line)
        code = cv2.COLOR_GRAY2RGB if face.image.ndim == 2 else cv2.COLOR_BGR2RGB
        sheet.paste(Image.fromarray(cv2.resize(cv2.cvtColor(face.image, code), (side, side))), (left, top))
        if face.colour:
            pen.rectangle((left, top + side, left + side - 1, top + side + 4), fill=ImageColor.getrgb(face.colour))
        pen.text((left, top + side + 10), face.caption, fill=_INK, font=letters)
    return cv2.cvtColor(np.asarray(sheet), cv2.COLOR_RGB2BGR)


def _figure(face: SheetFace) -> str:
    words = html.escape(face.description)
    dot = f'<i style="background:{html.escape(face.colour)}"></i>' if face.colour else ""
    height, width = face.image.shape[:2]
    return (
        f'<figure><img src="{data_uri(face.image)}" width="{width}" height="{height}" alt="{words}" title="{words}">'
        f"<figcaption>{dot}{html.escape(face.caption)}</figcaption></figure>"
    )
