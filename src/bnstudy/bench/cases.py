"""The parts of a training step of our cases, and a whole epoch, as `bnstudy bench` times them."""

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
from bnstudy.run_folder import log
from bnstudy.runner.progress import ProgressBar
from bnstudy.runner.steps import GRADIENTS, make_sums
from bnstudy.runner.training import PRECISIONS, Training

WARMUP_STEPS = (
    3  # steps of a turn that do not count: the first, and two whose batches stood ready before
)

Times = dict[str, list[float]]  # part of a step -> seconds, one measurement each


class CaseBenchmark:
    """One of our cases, ready to be timed.

    Args:
        config: with a training set of as many batches as a round has steps.

    """

    def __init__(self, config: Config):
        devices.prepare()
        self.training = training = Training(config, load_dataset(config.data))
        self.batch = next(iter(training.batches.epoch(0)))
        model, gradients = training.model, GRADIENTS[config.training.gradients]

        @tf.function(autograph=False)
        def forward(images):
            return model.forward(images, training=True)[0]

        @tf.function(autograph=False)
        def gradients_only(images, labels):
            return gradients(model, images, labels)[2]

        @tf.function(autograph=False)
        def update(dparameters, rate):
            training.optimizer.apply(dparameters, rate)

        images, labels = self.batch
        rate = tf.constant(training.rate, tf.float64)
        nothing = [tf.zeros_like(w) for w in model.parameters.values()]
        last = list(model.parameters.values())[-1]
        convolutions = convolutions_alone(config, int(images.shape[0]))
        self.parts: dict[str, Callable[[], object]] = {
            "step": lambda: float(training.train_step(images, labels, rate, 0, make_sums()).cost),
            "forward": lambda: forward(images).numpy(),
            "gradients": lambda: [dw.numpy() for dw in gradients_only(images, labels)],
            "update": lambda: (update(nothing, rate), last.numpy()),  # read: a GPU is waited for
            "convolutions": lambda: [float(y) for y in convolutions()],
        }
        self.round()  # traces and compiles

    def round(self) -> Times:
        """Time each part as often as a round has steps, in turn, and one short epoch."""
        times: Times = {part: [] for part in self.parts}
        for _ in range(self.training.batches.steps):
            for part, run in self.parts.items():
                times[part].append(time_call(run))
        times["training"] = self.train()
        times["mean_step"] = [statistics.mean(times["step"])]
        times["epoch"] = [self.epoch_per_step(statistics.mean(times["training"]))]
        return times

    def epoch_per_step(self, step: float) -> float:
        """Time the end of an epoch, and return the seconds of a whole epoch for each of its steps.

        Args:
            step: seconds between the ends of two steps.

        """
        test, save = time_call(self.test), time_call(self.save)
        every = self.training.config.checkpoint.every_seconds or math.inf
        # As many test images to a step as in a run, but checkpoints only now and then.
        return step + test / self.training.batches.steps + save * step / every

    def train(self) -> list[float]:
        """Train an epoch, as a run does: batches made on the way, progress written.

        Returns:
            The `intervals` between its steps.

        """
        progress = ProgressBar(1, self.training.batches.steps, stream=io.StringIO())
        ends: list[float] = []
        self.training.train_epoch(progress, lambda: ends.append(time.perf_counter()))
        return intervals(ends)

    def test(self) -> None:
        """Test, as a run does at the end of an epoch."""
        self.training.finish_epoch(after_batch=lambda: None)

    def save(self) -> None:
        """Save a checkpoint and write the log, as a run does."""
        with tempfile.TemporaryDirectory(prefix="bnstudy-bench-") as folder:
            self.training.save(Path(folder))
            log.write_metrics(folder, self.training.state.rows)


def batches_of(config: Config) -> TrainingBatches:
    """Make the batches that a run would see."""
    dataset = load_dataset(config.data)
    return TrainingBatches(config, dataset, standardizers(dataset, config.data.standardize).train)


def convolutions_alone(config: Config, images: int) -> Callable[[], list[tf.Tensor]]:
    """Make a function that carries out all convolutions of one training step and nothing else.

    Forward, and backward with respect to kernels and (but for the first) images, on random numbers
    in the shapes and the order of the step.

    Args:
        config: `model.width` and `training.precision` are read.
        images: in a batch.

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
        caches, done = [], []
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
        return [y[0, 0, 0, 0] for y in results]  # or TensorFlow would leave them out

    return run


def conv_shapes(width: float) -> list[tuple[int, int, int, int]]:
    """List the convolutions: side of the kernel, side of the image, channels in and out."""
    side, _, inputs = IMAGE_SHAPE
    shapes = []
    for row in ALL_CNN:
        outputs = scaled_channels(row, width)
        shapes.append((row.kernel, side, inputs, outputs))
        inputs = outputs
        side //= 2 if row.pool else 1
    return shapes


def training_flops(width: float) -> int:
    """Count the floating-point operations of the convolutions that train on one image.

    Two for a multiplication and an addition; forward, the kernels' gradient, the images' gradient
    (which the first layer does not need).
    """
    forward = [2 * (k * s) ** 2 * i * o for k, s, i, o in conv_shapes(width)]
    return 3 * sum(forward) - forward[0]


def intervals(ends: list[float]) -> list[float]:
    """Return the seconds from one step's end to the next one's, without the `WARMUP_STEPS` steps."""
    return [after - before for before, after in pairwise(ends)][WARMUP_STEPS - 1 :]


def time_call(function: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
