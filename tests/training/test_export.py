"""The served file holds the trained network, and its maps are Grad-CAM up to scale and ReLU."""

from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from fer import paths
from fer.errors import ModelError
from fer.training import export
from fer.training.config import NetworkConfig
from fer.training.networks import build_network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
SHIPPED = paths.ROOT / "models" / "fer2013-small"


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return export.load_network(SHIPPED / export.KERAS_FILE)


@pytest.fixture(scope="module")
def session(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> onnxruntime.InferenceSession:
    path = tmp_path_factory.mktemp("export") / export.ONNX_FILE
    export.export_onnx(network, path)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def draw(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 44, 44, 1)).astype(np.float32)


def head(layers: list[keras.layers.Layer], name: str = "net") -> keras.Model:
    image = keras.Input((16, 16, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x, name=name)


def test_names_and_shapes(session: onnxruntime.InferenceSession) -> None:
    assert [i.name for i in session.get_inputs()] == ["image"]
    assert {o.name: o.shape[1:] for o in session.get_outputs()} == {"logits": [7], "maps": [5, 5, 7]}


@pytest.mark.parametrize("n", [1, 5], ids=["one face", "five faces"])
def test_logits_are_those_of_keras(network: keras.Model, session: onnxruntime.InferenceSession, n: int) -> None:
    served = session.run(["logits"], {"image": draw(n)})[0]
    np.testing.assert_allclose(served, network(draw(n), training=False), atol=1e-4)


def test_maps_are_grad_cam_times_their_cells(network: keras.Model, session: onnxruntime.InferenceSession) -> None:
    images = draw(3)
    last = max(place for place, layer in enumerate(network.layers) if isinstance(layer, keras.layers.ReLU))
    cells = keras.Model(network.input, network.layers[last].output)(images, training=False)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(cells)
        logits = cells
        for layer in network.layers[last + 1 :]:
            logits = layer(logits)
        scores = [tf.reduce_sum(logits[:, code]) for code in range(7)]
    maps = session.run(["maps"], {"image": images})[0]
    for code, score in enumerate(scores):
        weights = tf.reduce_mean(tape.gradient(score, cells), axis=(1, 2), keepdims=True)
        grad_cam = tf.nn.relu(tf.reduce_sum(weights * cells, axis=-1)).numpy()
        assert grad_cam.any()
        np.testing.assert_allclose(np.maximum(maps[..., code], 0) / maps[0, ..., 0].size, grad_cam, atol=1e-5)


@pytest.mark.parametrize(
    "pooling",
    [[], [keras.layers.MaxPooling2D()], [keras.layers.AveragePooling2D(2), keras.layers.MaxPooling2D()]],
    ids=["none", "one", "two"],
)
def test_maps_keep_the_grid_before_any_pooling(pooling: list[keras.layers.Layer]) -> None:
    model = head([*pooling, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)])
    assert export.with_maps(model).output["maps"].shape == (None, 16, 16, 3)


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [keras.layers.Flatten(), keras.layers.Dense(3)],
        [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")],
        [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(3)],
    ],
    ids=["no head", "flattened", "softmax", "two dense layers"],
)
def test_networks_without_maps_are_refused(layers: list[keras.layers.Layer]) -> None:
    with pytest.raises(ModelError, match="net has no activation maps"):
        export.with_maps(head(layers))


def test_a_network_without_maps_is_served_with_logits_alone(tmp_path: Path) -> None:
    network = build_network(NetworkConfig(kind="lstm"), 7, 32)
    export.export_onnx(network, tmp_path / export.ONNX_FILE)
    session = onnxruntime.InferenceSession(tmp_path / export.ONNX_FILE, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["logits"]
    for n in (1, 5):
        images = np.random.default_rng(n).normal(size=(n, 32, 32, 1)).astype(np.float32)
        served = session.run(["logits"], {"image": images})[0]
        np.testing.assert_allclose(served, network(images, training=False), atol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no network"], ids=["missing", "empty", "broken"])
def test_files_that_are_no_network_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "net.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"net\.keras (is missing|cannot be read)"):
        export.load_network(path)


def test_command_remakes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main([str(SHIPPED / export.KERAS_FILE), str(tmp_path / "copy")]) == 0
    assert "is written" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "copy").iterdir()} == {export.KERAS_FILE, export.ONNX_FILE}
    assert export.main([str(tmp_path / "none.keras"), str(tmp_path)]) == 1
    assert "is missing" in capsys.readouterr().err


class TestAnotherBackend:
    """Where PyTorch or JAX trains, TensorFlow exports."""

    @pytest.fixture(autouse=True)
    def _backend(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keras.backend, "backend", lambda: "torch")

    def test_both_files_are_written(self, network: keras.Model, tmp_path: Path) -> None:
        export.write_model_of(SHIPPED / export.KERAS_FILE, tmp_path / "model")
        session = onnxruntime.InferenceSession(tmp_path / "model" / export.ONNX_FILE)
        (served,) = session.run(["logits"], {"image": draw(2)})
        np.testing.assert_allclose(served, network(draw(2), training=False), atol=1e-4)
        assert (tmp_path / "model" / export.KERAS_FILE).is_file()

    def test_what_goes_wrong_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "damaged.keras").write_bytes(b"no network")
        with pytest.raises(ModelError, match=r"is trained and kept in .*could not be exported .*cannot be read"):
            export.write_model_of(tmp_path / "damaged.keras", tmp_path / "model")
        assert (tmp_path / "damaged.keras").is_file()
