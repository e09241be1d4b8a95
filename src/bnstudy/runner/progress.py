"""Progress output: a bar per epoch on a terminal, plain lines elsewhere."""

import sys
import time
from typing import TextIO

from tqdm import tqdm

from bnstudy.output import echo
from bnstudy.run_folder.log import EpochMetrics

LINE_EVERY = 60  # seconds, where there is no bar


class ProgressBar:
    """Shows images/s, running cost and accuracy, and the time left.

    Args:
        epochs: of the run.
        images_per_epoch: that the network sees.
        stream: standard error unless given.

    """

    def __init__(self, epochs: int, images_per_epoch: int, stream: TextIO | None = None):
        self._epochs, self._images = epochs, images_per_epoch
        self._stream = stream or sys.stderr
        self._bar: tqdm | None = None
        self._seen = self._started_with = 0
        self._start = self._shown = 0.0

    def start_epoch(self, epoch: int, seen: int) -> None:
        """Start showing an epoch.

        Args:
            epoch: from 1.
            seen: images of it already shown to the network, when a run continues.

        """
        self._epoch, self._seen, self._started_with = epoch, seen, seen
        self._start = self._shown = time.monotonic()
        if self._stream is not None and self._stream.isatty():
            self._bar = tqdm(
                total=self._images,
                initial=seen,
                desc=f"epoch {epoch}/{self._epochs}",
                unit=" images",
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
            )

    def update(self, seen: int, cost: float, accuracy: float) -> None:
        """Show the position in the epoch.

        Args:
            seen: images of it shown to the network.
            cost: mean over them.
            accuracy: mean over them.

        """
        new, self._seen = seen - self._seen, seen
        metrics = f"cost {cost:.4f}, accuracy {accuracy:.4f}"
        if self._bar is not None:
            self._bar.set_postfix_str(f"{metrics}, {self._time_left()}", refresh=False)
            self._bar.update(new)
        elif time.monotonic() - self._shown > LINE_EVERY:
            self._shown = time.monotonic()
            share = f"{self._seen:,} of {self._images:,} images"
            speed = f"{self._speed():.0f} images/s"
            echo(
                f"epoch {self._epoch}/{self._epochs}: {share}, {speed}, {metrics}, "
                f"{self._time_left()}",
                self._stream,
            )

    def end_epoch(self, row: EpochMetrics) -> None:
        """Write the line of a finished epoch, from its row of metrics.csv."""
        self.close()
        seconds = row.train_seconds
        speed = self._images / max(seconds, 1e-3)  # seconds are rounded to 1e-3
        echo(
            f"epoch {row.epoch}/{self._epochs}: "
            f"train cost {row.train_cost:.4f}, accuracy {row.train_accuracy:.4f}; "
            f"test cost {row.test_cost:.4f}, accuracy {row.test_accuracy:.4f}; "
            f"{seconds:.0f} s + {row.test_seconds:.0f} s, {speed:.0f} images/s",
            self._stream,
        )

    def close(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _speed(self) -> float:
        elapsed = max(time.monotonic() - self._start, 1e-9)
        return (self._seen - self._started_with) / elapsed

    def _time_left(self) -> str:
        left = self._images - self._seen + (self._epochs - self._epoch) * self._images
        return f"the run ends in {_duration(left / max(self._speed(), 1e-9))}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
