"""The interface for programs, described in OpenAPI 3.1 from what the package itself says it takes and gives."""

from collections.abc import Iterable
from typing import Any, get_args

from fer import __version__
from fer.detection import DETECTORS, MIN_SCORE
from fer.emotions import EMOTIONS_WITH_CONTEMPT
from fer.pipeline import DEFAULT_MODEL
from fer.results import Averaging, Fault

PLACE = "/api/v1/"

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_TEXT = {"type": "string"}
_WORDS = {"type": "array", "items": _TEXT}
_CLASS = {"enum": list(EMOTIONS_WITH_CONTEMPT)}
_BOX = {
    "type": "array",
    "description": "x, y, width and height in pixels of the picture; may reach past its border",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 4,
}

_FACE = {
    "box_xywh": _BOX,
    "crop_xywh": {**_BOX, "description": "the square that the network was shown, as box_xywh"},
    "detector_score": _SHARE,
    "emotion": {**_CLASS, "description": "the most probable class"},
    "label": {**_TEXT, "description": "what is said of the face: a class, or that the reading is unsure"},
    "confidence": {**_SHARE, "description": "the probability of the most probable class"},
    "set": {
        "description": "the classes that hold the expression in four of five cases; null where the model cannot say",
        "anyOf": [{"type": "array", "items": _CLASS}, {"type": "null"}],
    },
    "quality": {
        "type": "array",
        "items": {"enum": list(get_args(Fault))},
        "description": "what is wrong with how it is seen",
    },
    "probabilities": {"type": "object", "propertyNames": _CLASS, "additionalProperties": _SHARE},
}
_PHOTO = {
    "file": {**_TEXT, "description": "the parameter name, or else the link"},
    "width": {"type": "integer", "minimum": 1},
    "height": {"type": "integer", "minimum": 1},
    "model": _TEXT,
    "detector": {"enum": list(DETECTORS)},
    "detector_reason": {**_TEXT, "description": "why this detector ran"},
    "averaging": {"enum": list(get_args(Averaging))},
    "error": {"type": "null"},
    "faces": {"type": "array", "items": {"$ref": "#/components/schemas/Face"}},
}
_MODEL = {
    "name": _TEXT,
    "error": {"type": ["string", "null"], "description": "why it cannot be used"},
    "summary": _TEXT,
    "classes": {"type": "array", "items": _CLASS},
    "parameters": {"type": "integer"},
    "detectors": _WORDS,
    "licence": {**_TEXT, "description": "of the network"},
    "data_terms": {**_TEXT, "description": "on which terms the data that it learned from is given out"},
    "figures": _TEXT,
    "macro_recalls": _WORDS,
    "evaluations": {"type": "array", "items": {"type": "object"}},
    "cross_validation": {"type": ["object", "null"]},
}
_REFUSALS = {
    400: "the JSON is none, or holds no link",
    401: "the token is missing or wrong",
    408: "the picture took too long to arrive",
    413: "the picture is too large",
    422: "a parameter, the picture or the link cannot be used",
    429: "too many pictures wait; Retry-After says when to come again",
    500: "a fault of the server",
    503: "the model or the detector cannot be used",
}


def describe() -> dict[str, Any]:
    """The description, as `openapi.json` gives it."""
    picture = {"description": "the bytes of a picture: JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF"}
    link = {"type": "object", "properties": {"url": _TEXT}, "required": ["url"], "additionalProperties": False}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fer",
            "version": __version__,
            "description": "Reads facial expressions from pictures, which are read in memory and kept nowhere. An "
            "expression is not a feeling.",
        },
        "security": [{"token": []}],
        "paths": {
            f"{PLACE}analyze": {
                "post": {
                    "summary": "Find and read every face of a picture",
                    "parameters": [
                        _parameter("model", {**_TEXT, "default": DEFAULT_MODEL}, "the name of an installed model"),
                        _parameter("detector", {"enum": ["auto", *DETECTORS], "default": "auto"}, "what finds faces"),
                        _parameter("averaging", {"enum": list(get_args(Averaging)), "default": "flip"},
                                   "flip reads every face and its mirror image"),
                        _parameter("min_score", {**_SHARE, "default": MIN_SCORE}, "the least detector score"),
                        _parameter("margin", {**_SHARE, "default": 0}, "widens every crop by this share of its side"),
                        _parameter("name", _TEXT, "how the answer calls the picture"),
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"image/*": {"schema": picture}, "application/json": {"schema": link}},
                    },
                    "responses": _responses({"$ref": "#/components/schemas/Photo"}, _REFUSALS),
                }
            },
            f"{PLACE}models": {
                "get": {
                    "summary": "List the installed models with their stored figures",
                    "responses": _responses({"type": "array", "items": {"$ref": "#/components/schemas/Model"}}, (401,)),
                }
            },
            f"{PLACE}openapi.json": {
                "get": {"summary": "This description", "responses": _responses({"type": "object"}, (401,))}
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Face": _object(_FACE, _FACE),
                "Photo": _object(_PHOTO, _PHOTO),
                "Model": _object(_MODEL, ("name", "error")),
                "Refusal": _object({"status": {"type": "integer"}, "error": {**_TEXT, "description": "one sentence"}},
                                   ("status", "error")),
            },
        },
    }  # fmt: skip


def _object(properties: dict[str, Any], required: Iterable[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _responses(schema: dict[str, Any], refusals: Iterable[int]) -> dict[str, Any]:
    """What may be answered: this, or one of these statuses with a sentence."""
    refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        "200": {"description": "done", "content": {"application/json": {"schema": schema}}},
        **{str(status): {"description": _REFUSALS[status], "content": refusal} for status in refusals},
    }
