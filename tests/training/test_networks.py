"""Networks have the promised outputs, weights and map grids."""

import keras
import numpy as np
import pytest

from fer.training import export
from fer.training.config import NetworkConfig
from fer.training.networks import build_network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")


@pytest.mark.parametrize(
    ("widths", "size", "parameters", "grid"),
    [((2,), 5, 91, 5), ((24, 48, 96, 192), 44, 662_815, 5), ((32, 64, 128, 256), 48, 1_176_359, 6)],
    ids=["one block", "as the starter", "default"],
)
def test_shapes(widths: tuple[int, ...], size: int, parameters: int, grid: int) -> None:
    network = build_network(NetworkConfig(widths), 7, size)
    assert network.output_shape == (None, 7)
    assert network.count_params() == parameters
    assert export.with_maps(network).output["maps"].shape == (None, grid, grid, 7)


def test_the_network_of_the_dashboard_before_this_one() -> None:
    network = build_network(NetworkConfig(kind="lstm", dropout=0.6), 7, 48)
    assert (network.output_shape, network.count_params()) == ((None, 7), 457_447)
    assert export.maps_size(network) is None


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("config", "size"),
    [pytest.param(NetworkConfig((4, 8)), 12, id="vgg"), pytest.param(NetworkConfig(kind="lstm"), 32, id="lstm")],
)
def test_trained_and_kept_networks_share_their_weights(config: NetworkConfig, size: int, precision: str) -> None:
    trained = build_network(config, 7, l2=1e-3, precision=precision)
    kept = build_network(config, 7, size)
    kept.set_weights(trained.get_weights())
    images = np.random.default_rng(0).normal(size=(3, size, size, 1)).astype(np.float32)
    expected, got = (keras.ops.convert_to_numpy(network(images)) for network in (trained, kept))
    np.testing.assert_allclose(got, expected, atol=0.05 if precision == "mixed_bfloat16" else 1e-5)


def test_every_cell_of_the_last_grid_counts() -> None:
    network = build_network(NetworkConfig((4,)), 7, 5)
    pooled = keras.Model(network.layers[-4].input, network.layers[-3].output)
    for row in range(5):
        for column in range(5):
            cells = np.zeros((1, 5, 5, 4), np.float32)
            cells[0, row, column] = 1
            assert keras.ops.convert_to_numpy(pooled(cells)).min() > 0


def test_l2_weighs_kernels_alone() -> None:
    network = build_network(NetworkConfig((4,)), 7, 5, l2=0.5)
    kernels = [weight for weight in network.trainable_weights if weight.name == "kernel"]
    expected = sum(0.5 * float(np.square(keras.ops.convert_to_numpy(kernel)).sum()) for kernel in kernels)
    assert len(kernels) == 3
    assert sum(float(loss) for loss in network.losses) == pytest.approx(expected, rel=1e-5)
