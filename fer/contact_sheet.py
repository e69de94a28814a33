"""Small grey faces -> HTML that shows them in rows, each with its words, whatever the width of the window.

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

_WEBP_QUALITY = 60
_LINE_PX = 2

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
        image: uint8 of shape (height, width), grey.
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


def _figure(face: SheetFace) -> str:
    words = html.escape(face.description)
    dot = f'<i style="background:{html.escape(face.colour)}"></i>' if face.colour else ""
    height, width = face.image.shape
    return (
        f'<figure><img src="{data_uri(face.image)}" width="{width}" height="{height}" alt="{words}" title="{words}">'
        f"<figcaption>{dot}{html.escape(face.caption)}</figcaption></figure>"
    )
