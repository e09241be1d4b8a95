"""The 1,797 handwritten digits that are built into the package, as 32x32x3 images.

Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine
Learning Repository, https://doi.org/10.24432/C50P49, licensed under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). digits.npz holds the repository's test file
(optdigits.tes) in its order, as scikit-learn distributes it: `images` uint8 [1797, 8, 8] with
values 0..16, each the number of set pixels in a 4x4 block of a 32x32 scan, and `labels` uint8.
Changes made here: the images are enlarged and split as described below.

Everything is integer arithmetic, so the arrays are the same, bit for bit, on every machine.
"""

from importlib import resources

import numpy as np

from bnstudy.config.schema import DataConfig

CLASS_NAMES = tuple("0123456789")
TEST_IMAGES_PER_CLASS = 36  # 360 of 1,797: one fifth


def load_configured(_config: DataConfig) -> tuple[np.ndarray, ...]:
    """Return what `load` returns; no key of the group `data` matters."""
    return load()


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return train images, train labels, test images, test labels; 1,437 and 360 of them.

    Images are uint8 [n, 32, 32, 3] with three equal channels, labels int64 [n]. The split is
    fixed. Philox with key 0 gives each digit two raw 64-bit numbers. The 36 digits of each class
    with the smallest first numbers are the test part, the others (138 to 147 of a class) the
    training part; both are sorted by the second numbers. The split mixes the 13 writers, so it is
    easier than a test on writers never seen.
    """
    with (
        resources.files("bnstudy.data").joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    # Raw numbers, because NumPy promises to keep them, and does not promise it of `permutation`.
    choice, order = np.random.Philox(key=0).random_raw(2 * len(labels)).reshape(2, -1)
    is_test = np.zeros(len(labels), bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        is_test[members[np.argsort(choice[members])[:TEST_IMAGES_PER_CLASS]]] = True
    shuffle = np.argsort(order)
    images, labels, is_test = images[shuffle], labels[shuffle], is_test[shuffle]
    images = enlarge(images)
    return images[~is_test], labels[~is_test], images[is_test], labels[is_test]


def enlarge(images: np.ndarray) -> np.ndarray:
    """Enlarge [n, 8, 8] with values 0..16 to uint8 [n, 32, 32, 3] by bilinear interpolation.

    y = A x A^T / 64 with the 32x8 matrix A of `_interpolation`; then 0..16 becomes 0..255,
    rounded to the nearest integer, halves upwards.
    """
    matrix = _interpolation()
    grey = matrix @ images.astype(np.int64) @ matrix.T  # 0 .. 16 * 64
    grey = ((255 * grey + 512) // 1024).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _interpolation() -> np.ndarray:
    """Return the weights, in eighths, of 8 pixels in 32: int64 [32, 8], each row sums to 8.

    Pixel i of 32 has its centre at (i + 1/2) / 4 - 1/2 = (2 i - 3) / 8 on the axis where the
    pixels of 8 have theirs at 0 .. 7. Beyond the outermost centres the edge pixel counts alone.
    """
    output = np.arange(32)
    left, fraction = np.divmod(2 * output - 3, 8)
    matrix = np.zeros((32, 8), np.int64)
    np.add.at(matrix, (output, np.clip(left, 0, 7)), 8 - fraction)
    np.add.at(matrix, (output, np.clip(left + 1, 0, 7)), fraction)
    return matrix
