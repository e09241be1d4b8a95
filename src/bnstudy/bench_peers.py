"""The same network as others train it, for `bnstudy bench --peers`.

Case b: the framework's own batch norm, automatic differentiation, Adam.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from bnstudy.bench_cases import COLD, Times, conv_shapes, intervals, time_call
from bnstudy.config import Config
from bnstudy.data import load_dataset
from bnstudy.data.batches import TrainingBatches, standardizers
from bnstudy.model import ALL_CNN
from bnstudy.optimizers import Optimizer
from bnstudy.training import PRECISIONS


def batches_of(config: Config) -> TrainingBatches:
    """Make the batches that a run would see."""
    dataset = load_dataset(config.data)
    return TrainingBatches(config, dataset, standardizers(dataset, config.data.standardize).train)


class PlainTensorFlow:
    """TensorFlow's fused kernels, automatic gradients, our update; on the batches of a run."""

    def __init__(self, config: Config):
        low, bn = PRECISIONS[config.training.precision], config.bn
        self.parameters: dict[str, tf.Variable] = {}  # named as in our models
        moving: dict[int, list[tf.Variable]] = {}
        for i, (kernel, _, inputs, outputs) in enumerate(conv_shapes(config.model.width), start=1):
            w = 0.05 * tf.random.normal([kernel, kernel, inputs, outputs])
            self.parameters[f"conv{i}/w"] = tf.Variable(w)
            if ALL_CNN[i - 1].pool:
                self.parameters[f"bn{i}/gamma"] = tf.Variable(tf.ones(outputs))
                self.parameters[f"bn{i}/beta"] = tf.Variable(tf.zeros(outputs))
                moving[i] = [tf.Variable(tf.zeros(outputs)), tf.Variable(tf.ones(outputs))]
        optimizer = Optimizer(config.optimizer, self.parameters)

        def forward(images: tf.Tensor) -> tf.Tensor:
            x = tf.cast(images, low)
            for i, row in enumerate(ALL_CNN, start=1):
                w = tf.cast(self.parameters[f"conv{i}/w"], low)
                x = tf.nn.elu(tf.nn.conv2d(x, w, 1, "SAME"))
                if row.pool:
                    x, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                        x=x,
                        scale=self.parameters[f"bn{i}/gamma"],
                        offset=self.parameters[f"bn{i}/beta"],
                        mean=moving[i][0],
                        variance=moving[i][1],
                        epsilon=bn.epsilon,
                        exponential_avg_factor=1 - bn.momentum,
                    )
                    moving[i][0].assign(mean)
                    moving[i][1].assign(variance)
                    x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            return tf.reduce_mean(tf.cast(x, tf.float32), (1, 2))

        @tf.function(autograph=False)
        def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                costs = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, forward(images))
                cost = tf.reduce_mean(costs)
            dparameters = tape.gradient(cost, list(self.parameters.values()))
            optimizer.apply(dparameters, tf.constant(config.optimizer.learning_rate))
            return cost

        self.batches, self.step = batches_of(config), step
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time the steps of a short epoch."""
        ends = []
        for images, labels in self.batches.epoch(0):
            self.step(images, labels).numpy()
            ends.append(time.perf_counter())
        return {"training": intervals(ends)}


class KerasFit:
    """Keras's own training loop, on the batches of a run, made on the way."""

    def __init__(self, config: Config):
        half = config.training.precision == "bfloat16"
        keras.config.set_dtype_policy("mixed_bfloat16" if half else "float32")
        bn = keras.layers.BatchNormalization
        stack = [keras.Input((32, 32, 3))]
        for row, (kernel, _, _, outputs) in zip(
            ALL_CNN, conv_shapes(config.model.width), strict=True
        ):
            stack.append(
                keras.layers.Conv2D(
                    outputs, kernel, padding="same", use_bias=False, activation="elu"
                )
            )
            if row.pool:
                stack += [
                    bn(momentum=config.bn.momentum, epsilon=config.bn.epsilon),
                    keras.layers.AveragePooling2D(2),
                ]
        stack += [keras.layers.GlobalAveragePooling2D(dtype="float32")]
        self.model = keras.Sequential(stack)
        self.model.compile(
            keras.optimizers.Adam(config.optimizer.learning_rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        self.batches = batches_of(config)
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time `fit` over one short epoch."""
        clock = _Clock()
        self.model.fit(self.batches.epoch(0), epochs=1, shuffle=False, verbose=0, callbacks=[clock])
        return {"training": intervals(clock.ends)}


class _Clock(keras.callbacks.Callback):
    """Notes when each step ends."""

    def __init__(self):
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        self.ends.append(time.perf_counter())


class PyTorch:
    """PyTorch, eager, channels last; one batch again and again, so its data costs nothing."""

    def __init__(self, config: Config):
        import torch

        nn, precision = torch.nn, config.training.precision
        device = "cuda" if torch.cuda.is_available() else "cpu"
        stack = []
        for row, (kernel, _, inputs, outputs) in zip(
            ALL_CNN, conv_shapes(config.model.width), strict=True
        ):
            stack += [nn.Conv2d(inputs, outputs, kernel, padding="same", bias=False), nn.ELU()]
            if row.pool:
                bn = nn.BatchNorm2d(outputs, config.bn.epsilon, momentum=1 - config.bn.momentum)
                stack += [bn, nn.AvgPool2d(2)]
        model = nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        model = model.to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(model.parameters(), config.optimizer.learning_rate)
        batches = batches_of(config)
        images, labels = next(batches.epoch(0).as_numpy_iterator())
        x = torch.tensor(images.transpose(0, 3, 1, 2))
        x = x.to(device, memory_format=torch.channels_last)
        y = torch.tensor(labels, device=device)

        def step() -> float:
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(x)
            cost = nn.functional.cross_entropy(logits.float(), y)
            cost.backward()
            optimizer.step()
            return cost.item()

        self.steps, self.step = batches.steps, step
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time each step of a short epoch."""
        return {"training": [time_call(self.step) for _ in range(self.steps)][COLD:]}


class Jax:
    """JAX, the whole step compiled; one batch again and again."""

    def __init__(self, config: Config):
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # others use the GPU, too
        import jax
        import jax.numpy as jnp

        half = config.training.precision == "bfloat16"
        low = jnp.bfloat16 if half else jnp.float32
        shapes, epsilon = conv_shapes(config.model.width), config.bn.epsilon
        random = np.random.default_rng(0)
        w = {
            f"conv{i}": jnp.asarray(0.05 * random.standard_normal((k, k, c, o)), jnp.float32)
            for i, (k, _, c, o) in enumerate(shapes)
        }
        for i, row in enumerate(ALL_CNN):
            if row.pool:
                channels = shapes[i][3]
                w |= {f"gamma{i}": jnp.ones(channels), f"beta{i}": jnp.zeros(channels)}

        def cost_of(w, x, y):
            x = x.astype(low)
            for i, row in enumerate(ALL_CNN):
                x = jax.lax.conv_general_dilated(
                    x,
                    w[f"conv{i}"].astype(low),
                    (1, 1),
                    "SAME",
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                )
                x = jax.nn.elu(x)
                if row.pool:
                    full = x.astype(jnp.float32)
                    mean, variance = full.mean((0, 1, 2)), full.var((0, 1, 2))
                    full = (full - mean) * jax.lax.rsqrt(variance + epsilon)
                    x = (w[f"gamma{i}"] * full + w[f"beta{i}"]).astype(low)
                    n, height, width, channels = x.shape
                    x = x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))
            log_p = jax.nn.log_softmax(x.astype(jnp.float32).mean((1, 2)))
            return -jnp.take_along_axis(log_p, y[:, None], 1).mean()

        @jax.jit
        def adam(w, m, v, t, x, y):
            cost, dw = jax.value_and_grad(cost_of)(w, x, y)
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, dw)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, dw)
            rate = config.optimizer.learning_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), w, m, v)
            return w, m, v, t + 1, cost

        zeros = jax.tree.map(jnp.zeros_like, w)
        self.state = (w, zeros, zeros, jnp.float32(1))
        batches = batches_of(config)
        images, labels = next(batches.epoch(0).as_numpy_iterator())
        self.steps, self.data, self.adam = batches.steps, (images, labels), adam
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time each step of a short epoch."""
        return {"training": [self._step() for _ in range(self.steps)][COLD:]}

    def _step(self) -> float:
        start = time.perf_counter()
        *self.state, cost = self.adam(*self.state, *self.data)
        float(cost)
        return time.perf_counter() - start


MAKERS: dict[str, Callable] = {
    "plain TensorFlow": PlainTensorFlow,
    "Keras fit": KerasFit,
    "PyTorch eager": PyTorch,
    "JAX": Jax,
}
