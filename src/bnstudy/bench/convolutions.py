"""Each convolution of the network alone, in TensorFlow and in PyTorch: `bench --convolutions`.

Both call kernels of oneDNN on x86, in layouts of their own choice; what differs is the choice, and
what a call costs besides.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from bnstudy.bench.cases import Times, conv_shapes, time_call
from bnstudy.config.schema import Config
from bnstudy.runner.training import PRECISIONS

REPEATS = 8  # of one convolution, one after the other, for one measurement
MEASUREMENTS = 5  # in a round

Calls = dict[str, Callable[[], object]]  # "conv1 forward" -> computes it REPEATS times


class Convolutions:
    """The benchmark of the convolutions of one framework.

    Args:
        config: only `model.width`, `training.batch_size` and `training.precision` matter.
        calls: makes them.

    """

    def __init__(self, config: Config, calls: Callable[[Config], Calls]):
        self._calls = calls(config)
        self.round()

    def round(self) -> Times:
        """Time each convolution, in each direction, in seconds for one."""
        return {
            name: [time_call(call) / REPEATS for _ in range(MEASUREMENTS)]
            for name, call in self._calls.items()
        }


def of_tensorflow(config: Config) -> Convolutions:
    """Return the benchmark of TensorFlow's convolutions, as a graph has them."""
    return Convolutions(config, _tensorflow_calls)


def of_pytorch(config: Config) -> Convolutions:
    """Return the benchmark of PyTorch's convolutions: eager, channels last."""
    return Convolutions(config, _pytorch_calls)


def _tensorflow_calls(config: Config) -> Calls:
    dtype, images = PRECISIONS[config.training.precision], config.training.batch_size

    def numbers(*shape: int) -> tf.Variable:
        return tf.Variable(tf.cast(tf.random.stateless_normal(shape, seed=[0, 1]), dtype))

    def chain(one: Callable[..., tf.Tensor], *arguments: tf.Variable) -> Callable[[], object]:
        def repeated() -> list[tf.Tensor]:
            results: list[tf.Tensor] = []
            for _ in range(REPEATS):
                with tf.control_dependencies(results[-1:]):  # one after the other
                    results.append(one(*(variable.read_value() for variable in arguments)))
            return [y[0, 0, 0, 0] for y in results]  # else TensorFlow would compute the last alone

        graph = tf.function(repeated, autograph=False)
        return lambda: float(graph()[-1])

    calls: Calls = {}
    for number, (kernel, side, inputs, outputs) in enumerate(conv_shapes(config.model.width), 1):
        x, dy = numbers(images, side, side, inputs), numbers(images, side, side, outputs)
        w = numbers(kernel, kernel, inputs, outputs)
        same = {"strides": [1, 1, 1, 1], "padding": "SAME"}
        of_w = partial(tf.raw_ops.Conv2DBackpropFilter, filter_sizes=w.shape, **same)
        of_x = partial(tf.raw_ops.Conv2DBackpropInput, input_sizes=x.shape, **same)
        calls[f"conv{number} forward"] = chain(partial(tf.nn.conv2d, **same), x, w)
        calls[f"conv{number} dw"] = chain(lambda x, dy, f=of_w: f(input=x, out_backprop=dy), x, dy)
        if number > 1:  # nobody needs the gradient of the images
            calls[f"conv{number} dx"] = chain(
                lambda w, dy, f=of_x: f(filter=w, out_backprop=dy), w, dy
            )
    return calls


def _pytorch_calls(config: Config) -> Calls:
    import torch

    dtype = getattr(torch, config.training.precision)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def numbers(*shape: int) -> Any:
        return torch.randn(shape).to(device, dtype, memory_format=torch.channels_last)

    def repeat(one: Callable[[], Any]) -> float:
        with torch.no_grad():
            for _ in range(REPEATS):
                y = one()
        return float(y[0, 0, 0, 0])

    def gradient(x: Any, w: Any, dy: Any, pad: int, *, index: int) -> Any:
        wanted = [index == 0, index == 1, False]  # dx, dw, the bias's
        return torch.ops.aten.convolution_backward(
            dy, x, w, None, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, wanted
        )[index]

    calls: Calls = {}
    for number, (kernel, side, inputs, outputs) in enumerate(conv_shapes(config.model.width), 1):
        images, pad = config.training.batch_size, kernel // 2
        x, dy = numbers(images, inputs, side, side), numbers(images, outputs, side, side)
        w = numbers(outputs, inputs, kernel, kernel)
        forward = partial(torch.nn.functional.conv2d, x, w, padding=pad)
        calls[f"conv{number} forward"] = partial(repeat, forward)
        calls[f"conv{number} dw"] = partial(repeat, partial(gradient, x, w, dy, pad, index=1))
        if number > 1:
            calls[f"conv{number} dx"] = partial(repeat, partial(gradient, x, w, dy, pad, index=0))
    return calls
