"""Benchmarks of our cases: each part of a training step, and a whole epoch."""

import io
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import tensorflow as tf

from bnstudy.backend import devices
from bnstudy.config.schema import Config
from bnstudy.data.batches import TrainingBatches
from bnstudy.data.dataset import IMAGE_SHAPE, load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.model import layers
from bnstudy.model.all_cnn import ALL_CNN, scaled_channels
from bnstudy.model.gradients import GRADIENTS
from bnstudy.run_folder import log
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.steps import make_sums
from bnstudy.runner.training import PRECISIONS, Training

# Steps at the start of a round that do not count: the first, and two whose batches were prefetched.
WARMUP_STEPS = 3

Times = dict[str, list[float]]  # part of a step -> seconds, one measurement each


class CaseBenchmark:
    """The benchmark of one of our cases.

    Args:
        config: its training set has as many batches as a round has steps.

    """

    def __init__(self, config: Config):
        devices.prepare()
        self.training = training = Training(config, load_dataset(config.data))
        self.batch = next(iter(training.batches.epoch(0)))
        model, gradients = training.model, GRADIENTS[config.training.gradients]

        @tf.function(autograph=False)
        def forward(images: tf.Tensor) -> tf.Tensor:
            return model.forward(images, training=True)[0]

        @tf.function(autograph=False)
        def inference(images: tf.Tensor) -> tf.Tensor:
            return model.forward(images, training=False)[0]

        @tf.function(autograph=False)
        def gradients_only(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
            return gradients(model, images, labels)[2]

        @tf.function(autograph=False)
        def update(dparameters: list[tf.Tensor], rate: tf.Tensor) -> None:
            training.optimizer.apply(dparameters, rate)

        images, labels = self.batch
        rate = tf.constant(training.rate, tf.float64)
        zeros = [tf.zeros_like(w) for w in model.parameters.values()]
        last = list(model.parameters.values())[-1]
        convolutions = convolutions_alone(config, int(images.shape[0]))
        self.parts: dict[str, Callable[[], object]] = {
            "step": lambda: float(training.train_step(images, labels, rate, 0, make_sums()).cost),
            "forward": lambda: forward(images).numpy(),
            "inference": lambda: inference(images).numpy(),
            "gradients": lambda: [dw.numpy() for dw in gradients_only(images, labels)],
            "update": lambda: (update(zeros, rate), last.numpy()),  # reading waits for a GPU
            "convolutions": lambda: [float(y) for y in convolutions()],
        }
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time each part once per step, in turn, and one short epoch."""
        times: Times = {part: [] for part in self.parts}
        for _ in range(self.training.batches.steps):
            for part, run in self.parts.items():
                times[part].append(time_call(run))
        times["training"] = self.train()
        times["mean_step"] = [statistics.mean(times["step"])]
        times["epoch"] = [self.epoch_per_step(statistics.mean(times["training"]))]
        return times

    def epoch_per_step(self, step: float) -> float:
        """Return the seconds of a whole epoch, with its test and checkpoints, per training step.

        Args:
            step: seconds between the ends of two steps.

        """
        test, save = time_call(self.test), time_call(self.save)
        every = self.training.config.checkpoint.every_seconds or math.inf
        # One test per epoch, as in a run, but a checkpoint only every `every` seconds.
        return step + test / self.training.batches.steps + save * step / every

    def train(self) -> list[float]:
        """Train for an epoch as a run does: batches made in the background, progress written.

        Returns:
            The `intervals` between its steps.

        """
        progress = ProgressBar(1, self.training.batches.steps, stream=io.StringIO())
        ends: list[float] = []
        self.training.train_epoch(progress, lambda: ends.append(time.perf_counter()))
        return intervals(ends)

    def test(self) -> None:
        """Evaluate on the test images, as a run does at the end of an epoch."""
        self.training.finish_epoch(after_batch=lambda: None)

    def save(self) -> None:
        """Save a checkpoint and write the log, as a run does."""
        with tempfile.TemporaryDirectory(prefix="bnstudy-bench-") as folder:
            self.training.save(Path(folder))
            log.write_metrics(folder, self.training.state.rows)


def batches_of(config: Config) -> TrainingBatches:
    """Return the training batches of a run."""
    dataset = load_dataset(config.data)
    return TrainingBatches(config, dataset, standardizers(dataset, config.data.standardize).train)


def convolutions_alone(config: Config, images: int) -> Callable[[], list[tf.Tensor]]:
    """Return a function that computes all convolutions of one training step and nothing else.

    The forward pass, then the gradients of the kernels and (except in the first layer) of the
    images, on random numbers, with the shapes and in the order of a training step.

    Args:
        config: only `model.width` and `training.precision` matter.
        images: images in a batch.

    """
    dtype = PRECISIONS[config.training.precision]

    def numbers(*shape: int) -> tf.Tensor:
        return tf.cast(tf.random.stateless_normal(shape, seed=[0, len(cases)]), dtype)

    context = layers.Context(training=True)
    cases: list[tuple[layers.Conv2D, tf.Tensor, tf.Tensor]] = []  # convolution, x, dy
    for kernel, side, inputs, outputs in conv_shapes(config.model.width):
        w = tf.random.stateless_normal((kernel, kernel, inputs, outputs), seed=[1, len(cases)])
        layer = layers.Conv2D(f"conv{len(cases) + 1}", 0.05 * w, tf.float32)
        x, dy = numbers(images, side, side, inputs), numbers(images, side, side, outputs)
        cases.append((layer, x, dy))

    @tf.function(autograph=False)
    def run() -> list[tf.Tensor]:
        results: list[tf.Tensor] = []
        caches: list[object] = []
        done: list[tf.Tensor] = []
        for layer, x, _ in cases:
            with tf.control_dependencies(done):
                y, cache = layer.forward(tf.identity(x), context)
            caches.append(cache)
            results, done = [*results, y], [y]
        for (layer, _, dy), cache in zip(reversed(cases), reversed(caches), strict=True):
            with tf.control_dependencies(done):
                dx, (dw,) = layer.backward(tf.identity(dy), cache)
            done = [dw] if layer is cases[0][0] else [dx, dw]
            results += done
        return [y[0, 0, 0, 0] for y in results]  # else TensorFlow would prune them

    return run


def conv_shapes(width: float) -> list[tuple[int, int, int, int]]:
    """Return for each convolution: side of the kernel, side of the image, channels in and out."""
    side, _, inputs = IMAGE_SHAPE
    shapes = []
    for row in ALL_CNN:
        outputs = scaled_channels(row, width)
        shapes.append((row.kernel, side, inputs, outputs))
        inputs = outputs
        side //= 2 if row.pool else 1
    return shapes


def training_flops(width: float) -> int:
    """Return the floating-point operations of the convolutions when training on one image.

    A multiply-add counts as two. Each layer has three convolutions: forward, the gradient of its
    kernels, and that of its images, which the first layer does not need.
    """
    forward = [2 * (k * s) ** 2 * i * o for k, s, i, o in conv_shapes(width)]
    return 3 * sum(forward) - forward[0]


def intervals(ends: list[float]) -> list[float]:
    """Return the seconds between the ends of consecutive steps, after the warm-up steps."""
    return [after - before for before, after in pairwise(ends)][WARMUP_STEPS - 1 :]


def time_call(function: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
