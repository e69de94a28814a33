"""FACS action units -> a drawn face whose parts move as they say, as an SVG that needs nothing else.

A line drawing after what the action units do (Ekman and Friesen 1978): points of one half of a face, moved by every
unit and mirrored. It moves between rest and the expression; where somebody prefers less motion, or a viewer knows no
moving paths, the expression stands still. Knows nothing of pages, prompts or models.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

Offset = tuple[float, float]

_MIDDLE_X = 60.0

_REST: Mapping[str, Offset] = MappingProxyType(
    {
        "brow_outer": (26.0, 44.0),
        "brow_arch": (37.0, 37.0),
        "brow_inner": (51.0, 42.0),
        "eye_outer": (29.0, 55.0),
        "lid_upper": (39.5, 47.0),
        "eye_inner": (50.0, 56.0),
        "lid_lower": (39.5, 61.0),
        "mouth_corner": (45.0, 88.0),
        "lip_upper": (60.0, 88.0),
        "lip_lower": (60.0, 89.0),
    }
)
"""Points of the half that is left in the picture, in a square of 120; the lids and lips are a curve's handles."""

_MOVES: Mapping[int, Mapping[str, Offset]] = MappingProxyType(
    {
        1: {"brow_inner": (0, -9), "brow_arch": (0, -2)},
        2: {"brow_outer": (0, -5), "brow_arch": (0, -6)},
        4: {"brow_inner": (4, 4), "brow_arch": (2, 3), "brow_outer": (0, 1)},
        5: {"lid_upper": (0, -6)},
        6: {"lid_lower": (0, -5), "eye_outer": (1, 0)},
        7: {"lid_lower": (0, -4), "lid_upper": (0, 3)},
        9: {"lid_lower": (0, -4), "brow_inner": (1, 2)},
        10: {"lip_upper": (0, -7), "mouth_corner": (-1, -1)},
        12: {"mouth_corner": (-6, -8), "lip_lower": (0, 5), "lip_upper": (0, 2)},
        14: {},
        15: {"mouth_corner": (-1, 7), "lip_upper": (0, -3), "lip_lower": (0, -3)},
        17: {"lip_lower": (0, -3), "lip_upper": (0, -3)},
        20: {"mouth_corner": (-9, 2)},
        24: {"mouth_corner": (5, 0)},
        25: {"lip_lower": (0, 9), "lip_upper": (0, -3)},
        26: {"lip_lower": (0, 20), "mouth_corner": (6, 4)},
    }
)
"""How far every action unit moves which points."""

_ONE_SIDED: Mapping[int, Mapping[str, Offset]] = MappingProxyType({14: {"mouth_corner": (-4, -5)}})
"""What moves on the left half alone."""

_CREASES: Mapping[int, str] = MappingProxyType(
    {
        4: "M57 39v8 M63 39v8",
        6: "M24 60q4 5 10 6 M96 60q-4 5-10 6",
        9: "M55 62q5-4 10 0 M55 66q5-4 10 0",
        10: "M49 73q-6 4-8 10 M71 73q6 4 8 10",
        14: "M38 79q-3 3-1 7",
        17: "M54 103q6-5 12 0",
    }
)
"""Lines that show where a unit folds the skin."""


def _points(units: Sequence[int], one_sided: bool) -> dict[str, Offset]:
    points = dict(_REST)
    for unit in units:
        sides = [_MOVES[unit], _ONE_SIDED.get(unit, {}) if one_sided else {}]
        for name, (right, down) in (move for side in sides for move in side.items()):
            x, y = points[name]
            points[name] = (x + right, y + down)
    return points


def _paths(units: Sequence[int]) -> dict[str, str]:
    """The brows, eyes and the mouth as SVG paths, by their names."""
    left, right = _points(units, one_sided=True), _points(units, one_sided=False)
    right = {name: (2 * _MIDDLE_X - x, y) for name, (x, y) in right.items()}
    paths = {}
    for side, points in (("left", left), ("right", right)):
        at = {name: f"{x:g} {y:g}" for name, (x, y) in points.items()}
        paths[f"brow_{side}"] = f"M{at['brow_outer']}Q{at['brow_arch']} {at['brow_inner']}"
        paths[f"eye_{side}"] = (
            f"M{at['eye_outer']}Q{at['lid_upper']} {at['eye_inner']}Q{at['lid_lower']} {at['eye_outer']}Z"
        )
    start, end = (" ".join(f"{value:g}" for value in half["mouth_corner"]) for half in (left, right))
    upper, lower = (" ".join(f"{value:g}" for value in left[name]) for name in ("lip_upper", "lip_lower"))
    paths["mouth"] = f"M{start}Q{upper} {end}Q{lower} {start}Z"
    return paths


def draw_face(action_units: Sequence[int]) -> str:
    """Draw a face that moves from rest to what its action units do, and back, over and over.

    Args:
        action_units: FACS numbers, each one of those that the practice's hints name; empty for a face at rest.

    Returns:
        An SVG, square, on a ground of its own, so that it can be read on light and dark.

    Raises:
        ValueError: an action unit is none that is drawn here.

    Examples:
        >>> svg = draw_face((6, 12, 25))
        >>> svg.startswith("<svg"), "prefers-reduced-motion" in svg, "script" in svg
        (True, True, False)
    """
    unknown = sorted(set(action_units) - set(_MOVES))
    if unknown:
        raise ValueError(f"The drawn face knows the action units {sorted(_MOVES)}, but not {unknown}.")
    rest, shown = _paths(()), _paths(action_units)
    moves = [
        f'@keyframes {name}{{0%,15%,100%{{d:path("{rest[name]}")}}45%,80%{{d:path("{path}")}}}}'
        f"#{name}{{animation:{name} 4s ease-in-out infinite}}"
        for name, path in shown.items()
        if path != rest[name]
    ]
    if action_units:
        moves.append("@keyframes fold{0%,20%,95%{opacity:0}45%,80%{opacity:1}}#folds{animation:fold 4s infinite}")
    parts = "".join(f'<path id="{name}" class="{name.split("_")[0]}" d="{path}"/>' for name, path in shown.items())
    folds = "".join(f'<path d="{_CREASES[unit]}"/>' for unit in action_units if unit in _CREASES)
    pupils = "".join(f'<circle cx="{x}" cy="54.5" r="3" fill="#2E333A"/>' for x in (39.5, 80.5))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 120" width="120" height="120">'
        "<style>path{fill:none;stroke:#2E333A;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}"
        ".brow{stroke-width:4}.eye{fill:#fff}.mouth{fill:#8B4A4A}#folds path{stroke-width:1.6;stroke:#6B6258}"
        "@media (prefers-reduced-motion:no-preference){" + "".join(moves) + "}</style>"
        '<rect width="120" height="120" rx="14" fill="#DDE1E6"/>'
        '<ellipse cx="60" cy="62" rx="44" ry="52" fill="#F3EADF" stroke="#2E333A" stroke-width="2"/>'
        f'<path d="M60 60q-6 10-3 13q3 2 6 0"/>{parts}{pupils}<g id="folds">{folds}</g></svg>'
    )
