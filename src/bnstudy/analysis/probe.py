"""Probe a run: what its layers put out, and their gradients, before, during and after training.

All as a training step sees it: batch norm with the statistics of each batch.

    found = probe("logs/case-c_quick_seed-0")
    found.snapshots[-1].layers[2].dead          # share of dead channels of the third layer
    probe_figure(found)                         # analysis/probe_figure.py

A run keeps the weights of every epoch if `checkpoint.keep_epochs` says so. Otherwise there are the
initial weights, which are a function of the seed, and the last ones.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from bnstudy.analysis.activations import (
    EDGES,
    SATURATED,
    LayerStatistics,
    activation_statistics,
    gradient_norms,
)
from bnstudy.analysis.landscape import Batch, Landscape
from bnstudy.config.schema import Config
from bnstudy.data.batches import TrainingBatches
from bnstudy.data.dataset import Dataset, balanced_subset, load_dataset
from bnstudy.data.standardize import standardizers
from bnstudy.errors import UserError, one_line
from bnstudy.model.all_cnn import Model
from bnstudy.run_folder import weights
from bnstudy.run_folder.log import RunLog
from bnstudy.runner.training import PRECISIONS


class Snapshot(NamedTuple):
    """The network at one time of its training, as a training step sees it."""

    epoch: float  # 0: before training
    layers: list[LayerStatistics]
    gradients: dict[str, float]  # parameter -> norm of its gradient


class Probe(NamedTuple):
    """What `probe` has found."""

    run: RunLog
    images: int
    snapshots: list[Snapshot]  # from the first to the last

    def elus(self) -> list[str]:
        """Return the names of the ELUs."""
        return [layer.name for layer in self.snapshots[0].layers if layer.saturated is not None]


def probe(run_folder: str | Path, images: int = 500, data: str | Path | None = None) -> Probe:
    """Measure a run's activations and gradients on some of its training images.

    Args:
        run_folder: its path; ~ is the home folder. The run need not have finished.
        images: their number; they are class-balanced, without augmented copies, in batches as in
            training; a last batch that is not full is left out.
        data: where CIFAR-10 is; as `data.dir` unless given.

    Raises:
        UserError: it is not a run folder, it has neither weights nor checkpoints, or they are
            damaged; the data cannot be found; there are too few images for one batch.

    """
    last, epochs = weights.load(run_folder, unfinished=True), weights.load_epochs(run_folder)
    config = last.run.config
    if data is not None:
        here = config.data.model_copy(update={"dir": str(data)})
        config = config.model_copy(update={"data": here})
    dataset = load_dataset(config.data)
    standardize = standardizers(dataset, config.data.standardize).train
    batches = full_batches(config, dataset, images, standardize)
    steps = TrainingBatches(config, dataset, standardize).steps
    model = Model(config, tf.float32, PRECISIONS[config.training.precision])
    landscape = Landscape(model, batches)
    snapshots = [
        Snapshot(
            epoch,
            activation_statistics(model, [x for x, _ in batches], training=True),
            gradient_norms(landscape),
        )
        for epoch in _over_training(model, last, epochs, steps)
    ]
    return Probe(last.run, sum(len(labels) for _, labels in batches), snapshots)


def full_batches(config: Config, dataset: Dataset, most: int, standardize: Callable) -> list[Batch]:
    """Return training images in full batches, standardized as in training.

    Args:
        config: of the run.
        dataset: its images.
        most: the largest number of images; they are class-balanced.
        standardize: `standardizers(...).train`.

    Raises:
        UserError: they are too few for one batch.

    """
    least = max(2, config.ghost_batches() or 1)
    if most < least:
        raise UserError(f"images is {most}, must be at least {least}")
    most = min(most, len(dataset.train_labels))
    size = min(config.training.batch_size, most)
    size -= size % (config.ghost_batches() or 1)
    images, labels = balanced_subset(
        dataset.train_images, dataset.train_labels, most // size * size
    )
    order = np.random.default_rng(0).permutation(len(labels))  # digits and CIFAR-10 are mixed, but
    parts = np.split(order, len(labels) // size)  # PNG folders come class by class
    return [
        (standardize(tf.constant(images[part], tf.float32)), tf.constant(labels[part]))
        for part in parts
    ]


def _over_training(
    model: Model, last: weights.Weights, epochs: dict[int, dict[str, np.ndarray]], steps: int
) -> Iterator[float]:
    """Give the model the weights of one time after another, and yield the epoch of each."""
    yield 0
    end = float((last.run.result or {}).get("epochs", 0))
    if last.source.name != weights.FILE:
        end = int(last.source.stem.removeprefix("step-")) / steps
    times: list[tuple[float, dict[str, np.ndarray]]] = [*epochs.items(), (end, last.arrays)]
    for epoch, arrays in sorted(dict(times).items()):
        try:
            model.assign(arrays)
        except ValueError as error:
            raise UserError(f"{last.run.folder} holds another network: {one_line(error)}") from None
        yield epoch


def lines(found: Probe) -> list[str]:
    """Return what `bnstudy probe` prints: the layers at the end, and the network over training."""
    end = found.snapshots[-1]
    head = ["layer", "mean", "of its channels", "deviation", "saturated", "dead", "gradient"]
    rows = [head]
    for layer in end.layers:
        norms = [n for name, n in end.gradients.items() if name.partition("/")[0] == layer.name]
        rows.append(
            [
                layer.name,
                f"{layer.mean.mean():.3f}",
                f"{layer.mean.min():.3f} to {layer.mean.max():.3f}",
                f"{layer.deviation.mean():.3f}",
                "" if layer.saturated is None else f"{layer.saturated:.2%}",
                "" if layer.dead is None else f"{layer.dead:.1%}",
                f"{np.linalg.norm(norms):.3g}" if norms else "",
            ]
        )
    training = [["epoch", "saturated", "dead", "gradient"], *map(_summary, found.snapshots)]
    return [
        f"epoch {end.epoch:g}, {found.images:,} training images; saturated: below {SATURATED} "
        "behind an ELU; dead: channels saturated at every pixel of every image",
        *_aligned(rows),
        "",
        "over training, all layers together",
        *_aligned(training),
    ]


def _summary(snapshot: Snapshot) -> list[str]:
    """Return a row of the table over training: means over the ELUs, norm of the whole gradient."""
    elus = [layer for layer in snapshot.layers if layer.saturated is not None]
    saturated, dead = ([getattr(elu, name) for elu in elus] for name in ("saturated", "dead"))
    norm = np.linalg.norm(list(snapshot.gradients.values()))
    return [
        f"{snapshot.epoch:g}",
        f"{np.mean(saturated):.2%}",
        f"{np.mean(dead):.1%}",
        f"{norm:.3g}",
    ]


def _aligned(rows: list[list[str]]) -> list[str]:
    """Return a table's lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def as_json(found: Probe) -> dict[str, Any]:
    """Return everything as values that JSON has."""
    return {
        "run_folder": str(found.run.folder),
        "images": found.images,
        "saturated_below": SATURATED,
        "histogram_edges": np.round(EDGES, 10).tolist(),
        "snapshots": [
            {
                "epoch": snapshot.epoch,
                "layers": {
                    layer.name: {
                        "mean": [*map(_finite, layer.mean.tolist())],
                        "deviation": [*map(_finite, layer.deviation.tolist())],
                        "histogram": layer.counts.tolist(),
                        "saturated": layer.saturated,
                        "dead": layer.dead,
                    }
                    for layer in snapshot.layers
                },
                "gradients": {n: _finite(norm) for n, norm in snapshot.gradients.items()},
            }
            for snapshot in found.snapshots
        ],
    }


def _finite(value: float) -> float | None:
    """Return a number for JSON, which has neither NaN nor infinity."""
    return value if math.isfinite(value) else None
