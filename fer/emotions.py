"""The single source for labels: class order, words, colours and icons of every expression.

Knows nothing about models, data sets or pages; they all ask here. Colours start from Okabe and Ito's palette
(https://jfly.uni-koeln.de/color/), which stays apart for colour-blind eyes; one colour means one expression everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Emotion:
    """One expression class and how it is worded and drawn.

    Attributes:
        name: the field's term, used in data, tables and charts.
        adjective: completes "Looks ...".
        colour: sRGB hex, for fills.
        edge: sRGB hex, a darker edge that keeps pale fills readable on white.
        icon: name of a Material Symbols icon.
        dash: lengths of the strokes and gaps of its lines, pixels, so that lines differ by more than colour.
    """

    name: str
    adjective: str
    colour: str
    edge: str
    icon: str
    dash: tuple[int, ...] = (1, 0)

    @property
    def colour_bgr(self) -> tuple[int, int, int]:
        """The fill as 0-255 integers in OpenCV's channel order."""
        red, green, blue = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return blue, green, red


_ALL = (
    Emotion("angry", "angry", "#D55E00", "#A84A00", "sentiment_extremely_dissatisfied", (4, 2)),
    Emotion("disgust", "disgusted", "#009E73", "#007A59", "sick", (6, 3)),
    Emotion("fear", "afraid", "#CC79A7", "#A2527F", "sentiment_stressed", (2, 2)),
    Emotion("happy", "happy", "#E69F00", "#A87400", "sentiment_very_satisfied"),
    Emotion("sad", "sad", "#0072B2", "#005586", "sentiment_sad", (8, 3, 2, 3)),
    Emotion("surprise", "surprised", "#56B4E9", "#2480B5", "sentiment_excited", (12, 4)),
    Emotion("neutral", "neutral", "#5F6670", "#464C54", "sentiment_neutral", (1, 4)),
    Emotion("contempt", "contemptuous", "#8B5E3C", "#6B452A", "sentiment_frustrated", (12, 3, 2, 3, 2, 3)),
)

EMOTIONS: tuple[str, ...] = tuple(e.name for e in _ALL[:7])
"""The seven classes of FER2013, in the order of its codes 0-6 and of every network trained on it."""

EMOTIONS_WITH_CONTEMPT: tuple[str, ...] = tuple(e.name for e in _ALL)
"""The eight classes of CK+ in the order of the codes 0-7: `EMOTIONS`, then contempt."""

_UNSURE = Emotion("unsure", "unsure", "#C9C3B6", "#857D70", "help")
UNSURE = _UNSURE.name
"""What a face is called of which more than one expression may be meant: no class, but a value of its own wherever faces
are named or counted. It has no hue, since uncertainty is lightness."""

_BY_NAME: Mapping[str, Emotion] = MappingProxyType({e.name: e for e in (*_ALL, _UNSURE)})


def emotion(name: str) -> Emotion:
    """Look an expression up by its name.

    Raises:
        KeyError: the name is none of `EMOTIONS_WITH_CONTEMPT` and not `UNSURE`.

    Examples:
        >>> emotion("happy").adjective, emotion("happy").colour.startswith("#")
        ('happy', True)
    """
    return _BY_NAME[name]
