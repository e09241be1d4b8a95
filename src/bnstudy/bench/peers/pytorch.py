"""PyTorch: in eager mode, with a data loader, and compiled."""

import os
import time
from typing import Any

from bnstudy.bench.cases import WARMUP_STEPS, Times, batches_of, conv_shapes, intervals, time_call
from bnstudy.config.schema import Config
from bnstudy.data.dataset import load_dataset
from bnstudy.model.all_cnn import ALL_CNN


class PyTorch:
    """PyTorch: eager, channels last; always the same batch, so that its data costs nothing.

    Args:
        config: of case b.
        compiled: with `torch.compile`, which needs a C++ compiler.

    """

    def __init__(self, config: Config, *, compiled: bool = False):
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
        model: Any = nn.Sequential(*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        model = model.to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(model.parameters(), config.optimizer.learning_rate)
        if compiled:
            model = torch.compile(model)

        def step(images: Any, labels: Any) -> float:
            x = images.to(device, memory_format=torch.channels_last)
            y = labels.to(device)
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(x)
            cost = nn.functional.cross_entropy(logits.float(), y)
            cost.backward()
            optimizer.step()
            return float(cost.item())

        self.step, self._config = step, config
        self.prepare()
        self.round()  # traces and compiles

    def prepare(self) -> None:
        """Take the first batch of a run."""
        import torch

        batches = batches_of(self._config)
        images, labels = next(batches.epoch(0).as_numpy_iterator())
        x = torch.tensor(images.transpose(0, 3, 1, 2)).to(memory_format=torch.channels_last)
        self.batch, self.steps = (x, torch.tensor(labels)), batches.steps

    def round(self) -> Times:
        """Time the steps of a short epoch."""
        seconds = [time_call(lambda: self.step(*self.batch)) for _ in range(self.steps)]
        return {"training": seconds[WARMUP_STEPS:]}


class PyTorchWithDataLoader(PyTorch):
    """PyTorch: eager, channels last, with batches from its `DataLoader`, made in two processes.

    As its users write one: image by image, cropped at random after padding by four pixels, and
    flipped every second time.
    """

    def prepare(self) -> None:
        """Start the processes that make the batches."""
        from torch.utils.data import DataLoader

        from bnstudy.bench.peers.pytorch_images import Images

        dataset, size = load_dataset(self._config.data), self._config.training.batch_size
        count = batches_of(self._config).steps * size
        images = Images(
            dataset.train_images, dataset.train_labels, self._config.data.augment, count
        )
        workers = min(2, os.cpu_count() or 1)
        self.loader: Any = DataLoader(
            images, size, shuffle=True, num_workers=workers, persistent_workers=True
        )

    def round(self) -> Times:
        """Time an epoch, from the end of one step to the end of the next."""
        ends = []
        for images, labels in self.loader:
            self.step(images, labels)
            ends.append(time.perf_counter())
        return {"training": intervals(ends)}


def compiled(config: Config) -> PyTorch:
    """Return the benchmark of `torch.compile`, on the same batch again and again."""
    return PyTorch(config, compiled=True)
