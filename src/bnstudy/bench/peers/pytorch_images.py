"""Images as PyTorch's users load them; a file without TensorFlow, for a DataLoader's processes."""

from typing import Any

import numpy as np
import torch

PAD = 4  # pixels on each side


class Images:
    """One image and its label at a time, cropped at random after padding, and perhaps flipped.

    Args:
        images: uint8 [n, 32, 32, 3].
        labels: int64 [n].
        augment: whether to crop and flip.
        count: images of an epoch; they are repeated.

    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, augment: bool, count: int):
        self.images, self.labels = torch.tensor(images), labels
        self.mean, self.std = self.images.float().mean(), self.images.float().std()
        self.augment, self.count = augment, count

    def __len__(self) -> int:
        """Return the number of images in an epoch."""
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return float32 [3, 32, 32] and a label."""
        index %= len(self.images)
        x = (self.images[index].permute(2, 0, 1).float() - self.mean) / self.std
        if self.augment:
            x = torch.nn.functional.pad(x, (PAD, PAD, PAD, PAD))
            top, left = torch.randint(2 * PAD + 1, (2,)).tolist()
            x = x[:, top : top + 32, left : left + 32]
            x = x.flip(2) if torch.rand(()) < 0.5 else x
        return x, int(self.labels[index])
