"""Stand-ins for a network and a detector, with answers that are known beforehand."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from starlette.types import ASGIApp

from fer.detection import FaceDetector
from fer.emotions import EMOTIONS
from fer.results import Detections

CARD = {
    "name": "drawn",
    "summary": "A network for tests",
    "classes": list(EMOTIONS),
    "input": {"crop_size": 12, "size": 10, "channels": 1, "normalisation": "per-image", "epsilon": 8.0},
    "maps_size": 10,
    "parameters": 7,
    "framing": {"haar": {"scale": 1.0, "offset_xy": [0.0, 0.0]}},
    "training": {"data": "fer2013", "split": "Training", "selected_by": "nothing", "seeds": 1, "device": "none"},
    "licence": "MIT",
    "limits": "Knows one thing: whether the left half is brighter than the right one.",
}


def write_network(path: Path, weights: np.ndarray | None = None, with_maps: bool = True) -> None:
    """Write a network whose logits are the sums of the left half of the input times one weight a class."""
    if weights is None:
        weights = np.zeros(len(EMOTIONS), np.float32)
        weights[EMOTIONS.index("happy")] = 0.1
    left = np.zeros((1, 10, 10, 1), np.float32)
    left[:, :, :5] = 1
    constants = [
        numpy_helper.from_array(left, "left"),
        numpy_helper.from_array(weights.reshape(1, 1, 1, -1).astype(np.float32), "weights"),
        numpy_helper.from_array(np.array([1, 2]), "axes"),
    ]
    nodes = [
        helper.make_node("Mul", ["image", "left"], ["half"]),
        helper.make_node("Mul", ["half", "weights"], ["maps"]),
        helper.make_node("ReduceSum", ["maps", "axes"], ["logits"], keepdims=0),
    ]
    shape = ["n", 10, 10, 1]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(weights)])]
    if with_maps:
        outputs.append(helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 10, 10, len(weights)]))
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "drawn", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)


def install_model(parent: Path, name: str = "drawn", **changes) -> Path:
    """Install the stand-in network as a model, with changes to its card."""
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps(CARD | {"name": name} | changes))
    write_network(folder / "model.onnx")
    return folder


class SquareFinder(FaceDetector):
    """Finds every bright square of a picture; takes the place of Haar."""

    name = "haar"

    def __init__(self) -> None:
        super().__init__("It finds what the tests draw.")

    def _look(self, image_bgr: np.ndarray, min_score: float) -> Detections:
        import cv2

        count, _, stats, _ = cv2.connectedComponentsWithStats((image_bgr[:, :, 0] > 40).astype(np.uint8))
        return Detections(stats[1:count, :4], np.full(count - 1, 0.9)) if count > 1 else Detections.empty()


def drawn_face(image_bgr: np.ndarray, x: int, y: int, side: int, happy: bool) -> None:
    """Draw a face that the stand-in network reads as happy, or as anything but happy."""
    half = side // 2
    image_bgr[y : y + side, x : x + half] = 250 if happy else 60
    image_bgr[y : y + side, x + half : x + side] = 60 if happy else 250


def ask(app: ASGIApp, path: str, method: str = "GET", **request: Any) -> httpx.Response:
    """What an ASGI application answers; `request` is httpx's (headers, content, json, params)."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())
