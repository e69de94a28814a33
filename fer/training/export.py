"""A Keras network -> the ONNX file that is served, with activation maps, where it has them, computed in the graph.

`python -m fer.training.export KERAS_FILE MODEL_DIR` remakes a model's `model.keras` and `model.onnx`. Knows nothing
about data, cards or reports.
"""

import argparse
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import onnxruntime

from fer import paths
from fer.errors import FerError, ModelError

KERAS_FILE = "model.keras"
ONNX_FILE = "model.onnx"
TOLERANCE = 1e-3
"""Largest difference between the two files' logits that still counts as rounding."""


def load_network(path: Path) -> keras.Model:
    """Open a `.keras` file for prediction, without its optimizer.

    Raises:
        ModelError: the file is missing or no Keras network.
    """
    if not path.is_file():
        raise ModelError(f"The network {path} is missing; name a .keras file that exists.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the archive provokes, from OSError to TypeError
        raise ModelError(f"The network {path} cannot be read; it must be a .keras file written by Keras 3.") from error


def _producer(tensor: keras.KerasTensor, skipped: tuple[type[keras.layers.Layer], ...]) -> keras.Operation:
    """The layer that a tensor comes from, seen through layers of the skipped kinds."""
    layer = tensor._keras_history.operation
    while isinstance(layer, skipped):
        layer = layer.input._keras_history.operation
    return layer


def _average_before_logits(model: keras.Model) -> keras.layers.Layer | None:
    """The global average pooling that the last, linear dense layer reads; None where the network ends otherwise."""
    dense = model.layers[-1]
    if not isinstance(dense, keras.layers.Dense) or dense.activation is not keras.activations.linear:
        return None
    average = _producer(dense.input, (keras.layers.Dropout,))
    return average if isinstance(average, keras.layers.GlobalAveragePooling2D) else None


def maps_size(model: keras.Model) -> int | None:
    """Side of a network's activation maps; None where it has none, as one that ends in an LSTM."""
    return None if _average_before_logits(model) is None else with_maps(model).output["maps"].shape[1]


def with_maps(model: keras.Model) -> keras.Model:
    """Give a network a second output that shows where every class was seen.

    The maps are the last convolution's output before its pooling, times the dense kernel: class activation mapping
    (Zhou et al., 2016, arXiv:1512.04150) on the larger grid. Up to scale and a ReLU they are Grad-CAM (Selvaraju et
    al., 2017, arXiv:1610.02391), because a pooling passes on every gradient that it gets, whichever cell it picks.

    Args:
        model: takes (n, size, size, 1) and ends in convolution, ReLU, pooling (or none), global average pooling,
            dropout (or none) and one linear dense layer.

    Returns:
        A network with the input "image" and the outputs "logits" (n, classes) and "maps" (n, h, w, classes), which
        shares the layers of the given one.

    Raises:
        ModelError: the network does not end as described.
    """
    average = _average_before_logits(model)
    if average is None:
        raise ModelError(
            f"The network {model.name} has no activation maps: it must end in a global average pooling and one "
            "linear dense layer."
        )
    dense = model.layers[-1]
    last = _producer(average.input, (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D))
    image = keras.Input(model.input_shape[1:], name="image")
    logits, cells = keras.Model(model.input, [model.output, last.output])(image)
    pointwise = keras.layers.Conv2D(dense.units, 1, use_bias=False, name="maps")
    maps = pointwise(cells)
    pointwise.set_weights([keras.ops.convert_to_numpy(dense.kernel)[None, None]])
    return keras.Model(image, {"logits": logits, "maps": maps}, name=model.name)


def export_onnx(model: keras.Model, path: Path) -> None:
    """Write the file that is served: input "image" (n, size, size, 1) float32, outputs "logits" and "maps", any n.

    A network without activation maps (see `with_maps`) has the output "logits" alone.
    """
    if _average_before_logits(model) is None:
        image = keras.Input(model.input_shape[1:], name="image")
        served = keras.Model(image, {"logits": model(image)}, name=model.name)
    else:
        served = with_maps(model)
    served(np.zeros((1, *served.input_shape[1:]), np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras 3.15 looks up np.object to patch tf2onnx
        served.export(path, format="onnx", verbose=False)


def write_model(model: keras.Model, folder: Path) -> float:
    """Write `model.keras` (without optimizer) and `model.onnx` into a model's folder, and compare the two.

    Returns:
        The largest difference between the logits of the two files on random input.

    Raises:
        ModelError: the files disagree.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / KERAS_FILE)
    export_onnx(model, folder / ONNX_FILE)
    images = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    session = onnxruntime.InferenceSession(folder / ONNX_FILE, providers=["CPUExecutionProvider"])
    served = session.run(["logits"], {"image": images})[0]
    kept = keras.ops.convert_to_numpy(load_network(folder / KERAS_FILE)(images, training=False))
    difference = float(np.abs(served - kept).max())
    if not difference <= TOLERANCE:
        raise ModelError(f"The files in {folder} disagree by {difference:.2g} in their logits; do not use them.")
    return difference


def write_model_of(keras_file: Path, folder: Path) -> None:
    """Write a model's files from a trained network, by TensorFlow, whichever backend this process trains with.

    Keras 3.15 cannot turn every network into ONNX by PyTorch: it asks for shapes that are constant.

    Raises:
        ModelError: the network cannot be read or exported; it stays where it is.
    """
    if keras.backend.backend() == "tensorflow":
        write_model(load_network(keras_file), folder)
        return
    files = [str(keras_file.absolute()), str(folder.absolute())]
    done = subprocess.run(
        [sys.executable, "-m", "fer.training.export", *files],
        cwd=paths.ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stderr.strip() or "no word of why").splitlines()[-1].rstrip(".")
        raise ModelError(
            f"The network is trained and kept in {keras_file}, but could not be exported by TensorFlow: {said}. Once "
            "that is mended, train again: it goes on from there."
        )


def main(arguments: list[str] | None = None) -> int:
    """Remake a model's files from a `.keras` file and say how closely the two agree."""
    parser = argparse.ArgumentParser(prog="python -m fer.training.export", description=main.__doc__)
    parser.add_argument("keras_file", type=Path, help="a network written by Keras 3")
    parser.add_argument("model_dir", type=Path, help="the folder to write, such as models/fer2013-small")
    options = parser.parse_args(arguments)
    try:
        difference = write_model(load_network(options.keras_file), options.model_dir)
    except FerError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.model_dir} is written; the logits of its two files differ by {difference:.1e} at most.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
