"""How long runs will take on this machine, measured by a few steps of one of them."""

import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bnstudy.backend.startup import import_tensorflow
from bnstudy.config.load import load_config
from bnstudy.config.schema import Config, DataConfig
from bnstudy.data.dataset import CLASSES, IMAGE_SHAPE, Dataset, load_dataset
from bnstudy.output import echo
from bnstudy.run_folder.log import read_metrics
from bnstudy.sweep import Run

STEPS = 13


class Speed(NamedTuple):
    """Images per second."""

    training: float
    test: float

    def seconds(self, training: int, test: int) -> float:
        """Return how long these numbers of images take."""
        return training / self.training + test / self.test


class Work(NamedTuple):
    """Images that are still to be shown to the network."""

    training: int
    test: int


def work_left(runs: Sequence[Run]) -> Work:
    """Return how many images there are in the unfinished epochs of runs.

    Raises:
        UserError: their data set cannot be found or read.

    """
    training = test = 0
    for run in runs:
        images, test_images = _sizes(run.config.data)
        metrics = run.folder / "metrics.csv"
        done = len(read_metrics(metrics)) if metrics.is_file() else 0
        epochs = run.config.training.epochs - done
        training += epochs * images * run.config.data.copies
        test += epochs * test_images
    return Work(training, test)


@lru_cache
def _sizes(data: DataConfig) -> tuple[int, int]:
    dataset = load_dataset(data)
    return len(dataset.train_labels), len(dataset.test_labels)


def measured(config: Config) -> Speed:
    """Measure the speed of a run, by a few steps on noise, in a process of its own.

    TensorFlow in our own process would take memory from the runs.

    Raises:
        RuntimeError: the process failed.

    """
    command = [sys.executable, "-P", "-m", "bnstudy.questions.speed", json.dumps(config.flat())]
    # In a session of its own, a Ctrl-C of the terminal reaches us alone, and we end it.
    ended = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    if ended.returncode:
        why = (ended.stderr.splitlines() or ["killed"])[-1]
        raise RuntimeError(f"measuring the speed failed: {why}")
    return Speed(*json.loads(ended.stdout.splitlines()[-1]))


def measure(config: Config) -> Speed:
    """Measure the speed of a run in this process; see `measured`."""
    import_tensorflow()
    from bnstudy.backend import devices
    from bnstudy.bench.cases import intervals
    from bnstudy.runner.progress import ProgressBar
    from bnstudy.runner.training import Training

    devices.prepare()
    copies, batch = config.data.copies, config.training.batch_size
    training, ends = Training(config, _noise(STEPS * batch // copies)), list[float]()
    progress = ProgressBar(1, STEPS * batch, stream=io.StringIO())
    training.train_epoch(progress, lambda: ends.append(time.perf_counter()))
    step = statistics.median(intervals(ends))
    test = training.dataset.test_images, training.dataset.test_labels
    training.evaluate(*test)  # compiles
    start = time.perf_counter()
    training.evaluate(*test)
    return Speed(batch / step, len(test[0]) / (time.perf_counter() - start))


def _noise(images: int) -> Dataset:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (images + 200, *IMAGE_SHAPE), np.uint8)
    labels = random.integers(0, CLASSES, images + 200)
    return Dataset(pixels[:images], labels[:images], pixels[images:], labels[images:])


if __name__ == "__main__":
    echo(json.dumps(measure(load_config(overrides=json.loads(sys.argv[1])))))
