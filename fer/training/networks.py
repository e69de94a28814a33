"""A recipe's network settings -> a Keras network that ends as `export.with_maps` wants it.

Knows nothing about data or training.
"""

from typing import Any

import keras

from fer.training.config import NetworkConfig


class TorchBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation by PyTorch's own kernel, for the torch backend and channels first.

    Keras composes it from a dozen passes over memory. Together with channels that lie next to each other in memory,
    which the layers that follow keep, one pass more than doubles the speed of training on a CPU.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise a tensor of shape (n, channels, h, w)."""
        import torch

        return torch.nn.functional.batch_norm(
            inputs.contiguous(memory_format=torch.channels_last),
            self.moving_mean.value,
            self.moving_variance.value,
            self.gamma.value,
            self.beta.value,
            training=bool(training),
            momentum=1 - self.momentum,
            eps=self.epsilon,
        )


def build_network(
    config: NetworkConfig, classes: int, size: int | None = None, l2: float = 0.0, precision: str | None = None
) -> keras.Model:
    """Make a network with fresh weights.

    Of the kind "vgg": blocks of two 3x3 convolutions (He et al.'s initialisation, batch normalisation, ReLU) with 2x2
    max pooling between them, after the last block overlapping 3x3 max pooling that leaves no cell out, global average
    pooling, dropout and one linear dense layer.

    Of the kind "lstm", as the dashboard before this one had it: 32, 64 and 64, 128 and 128 such convolutions with 2x2
    max pooling after the second, fourth and fifth, every other one unpadded; an LSTM of 128 units over the cells that
    are left, one of 64 over the two halves of its answer, a dense layer of 200, dropout and one linear dense layer.
    It has no activation maps.

    Args:
        config: the kind, widths and dropout.
        classes: number of outputs.
        size: side of the input, pixels; None for one that takes any.
        l2: factor of the squared kernels of convolutions and dense layers in the loss.
        precision: a network for training that computes in this precision, on the backend's fastest layers;
            None for one that is kept: float32 and plain Keras layers. Both have the same weights in the same order.

    Returns:
        A network from float32 (n, size, size, 1) to float32 logits (n, classes).
    """
    fast = precision is not None and keras.backend.backend() == "torch"
    normalisation = TorchBatchNormalization if fast else keras.layers.BatchNormalization
    regulariser = keras.regularizers.L2(l2) if l2 else None
    policy = {"dtype": keras.dtype_policies.DTypePolicy(precision or "float32")}
    options = {"data_format": "channels_first" if fast else "channels_last", **policy}

    def convolved(x: Any, width: int, padding: str = "same") -> Any:
        x = keras.layers.Conv2D(
            width,
            3,
            padding=padding,
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=regulariser,
            **options,
        )(x)
        x = normalisation(axis=1 if fast else -1, **policy)(x)
        return keras.layers.ReLU(**policy)(x)

    x = image = keras.Input((size, size, 1))
    if fast:
        x = keras.layers.Permute((3, 1, 2), **policy)(x)
    if config.kind == "vgg":
        for block, width in enumerate(config.widths):
            if block:
                x = keras.layers.MaxPooling2D(2, **options)(x)
            for _ in range(2):
                x = convolved(x, width)
        x = keras.layers.MaxPooling2D(3, strides=2, padding="same", **options)(x)
        x = keras.layers.GlobalAveragePooling2D(**options)(x)
    else:
        for unpadded, padded in ((32, 64), (64, 128), (128, None)):
            x = convolved(x, unpadded, "valid")
            if padded is not None:
                x = convolved(x, padded)
            x = keras.layers.MaxPooling2D(2, **options)(x)
        if fast:
            x = keras.layers.Permute((2, 3, 1), **policy)(x)
        x = keras.layers.Reshape((-1, 128), dtype="float32")(x)
        # Unrolled where the number of cells is known: ONNX then holds plain products instead of a loop.
        x = keras.layers.LSTM(128, unroll=size is not None, dtype="float32")(x)
        x = keras.layers.Reshape((2, 64), dtype="float32")(x)
        x = keras.layers.LSTM(64, unroll=size is not None, dtype="float32")(x)
        x = keras.layers.Dense(200, activation="relu", kernel_regularizer=regulariser, dtype="float32")(x)
    x = keras.layers.Dropout(config.dropout, **policy)(x)
    logits = keras.layers.Dense(classes, kernel_regularizer=regulariser, dtype="float32")(x)
    return keras.Model(image, logits)
