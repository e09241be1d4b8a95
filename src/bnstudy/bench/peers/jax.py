"""JAX: the whole step compiled."""

import os
import time
from typing import Any

import numpy as np

from bnstudy.bench.cases import WARMUP_STEPS, Times, batches_of, conv_shapes
from bnstudy.config.schema import Config
from bnstudy.model.all_cnn import ALL_CNN

Array = Any  # JAX is not imported here
Arrays = dict[str, Array]


class Jax:
    """JAX: the whole step compiled; always the same batch."""

    def __init__(self, config: Config):
        # Other processes use the GPU, too.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        import jax
        import jax.numpy as jnp

        half = config.training.precision == "bfloat16"
        compute_dtype = jnp.bfloat16 if half else jnp.float32
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

        def cost_of(w: Arrays, x: Array, y: Array) -> Array:
            x = x.astype(compute_dtype)
            for i, row in enumerate(ALL_CNN):
                x = jax.lax.conv_general_dilated(
                    x,
                    w[f"conv{i}"].astype(compute_dtype),
                    (1, 1),
                    "SAME",
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                )
                x = jax.nn.elu(x)
                if row.pool:
                    full = x.astype(jnp.float32)
                    mean, variance = full.mean((0, 1, 2)), full.var((0, 1, 2))
                    full = (full - mean) * jax.lax.rsqrt(variance + epsilon)
                    x = (w[f"gamma{i}"] * full + w[f"beta{i}"]).astype(compute_dtype)
                    n, height, width, channels = x.shape
                    x = x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))
            log_p = jax.nn.log_softmax(x.astype(jnp.float32).mean((1, 2)))
            return -jnp.take_along_axis(log_p, y[:, None], 1).mean()

        @jax.jit
        def adam(
            w: Arrays, m: Arrays, v: Arrays, t: Array, x: Array, y: Array
        ) -> tuple[Arrays, Arrays, Arrays, Array, Array]:
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
        """Time the steps of a short epoch."""
        return {"training": [self._step() for _ in range(self.steps)][WARMUP_STEPS:]}

    def _step(self) -> float:
        start = time.perf_counter()
        *self.state, cost = self.adam(*self.state, *self.data)
        float(cost)
        return time.perf_counter() - start
