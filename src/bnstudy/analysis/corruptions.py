"""Corrupted images: the definitions and constants of CIFAR-10-C, with our own draws.

Hendrycks and Dietterich 2019 (arXiv 1903.12261), make_cifar_c.py of hendrycks/robustness. Ours
equal theirs in distribution, not in pixels. Frost, snow, spatter, and motion, elastic and zoom blur
are left out: they need picture files or OpenCV.

Images are arrays x [N, 32, 32, 3] of float64 in [0, 1] in here; results are clipped to it.
"""

import io
from collections.abc import Callable

import numpy as np
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image
from scipy import ndimage

from bnstudy.errors import UserError
from bnstudy.random_streams import CORRUPTION, random_stream

SEVERITIES = range(1, 6)


def corrupt(images: np.ndarray, corruption: str, severity: int, seed: int = 0) -> np.ndarray:
    """Return corrupted copies of images.

    The draws are a function of the seed, the corruption, and the number of images; those of the
    normal and salt-and-pepper noise are the same at every severity.

    Args:
        images: uint8 [N, 32, 32, 3].
        corruption: a key of `CORRUPTIONS`.
        severity: 1 to 5.
        seed: of the draws.

    Returns:
        uint8 [N, 32, 32, 3].

    Raises:
        UserError: there is no such corruption or severity, or the images are not uint8 in that
            shape.

    """
    check(corruption, severity)
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (32, 32, 3):
        raise UserError(
            f"images must be uint8 of shape [N, 32, 32, 3], got {images.dtype} of shape "
            f"{list(images.shape)}"
        )
    function, constants = CORRUPTIONS[corruption]
    stream = random_stream(seed, CORRUPTION, list(CORRUPTIONS).index(corruption))
    x = function(images / 255, constants[severity - 1], np.random.Generator(stream))
    return (255 * np.clip(x, 0, 1) + 1e-6).astype(np.uint8)  # truncated, as theirs


def check(corruption: object, severity: object) -> None:
    """Refuse a corruption or a severity that does not exist; see `corrupt`."""
    if corruption not in CORRUPTIONS:
        raise UserError(f"corruption must be one of {', '.join(CORRUPTIONS)}, got {corruption!r}")
    if severity not in SEVERITIES:
        raise UserError(f"severity must be an integer from 1 to 5, got {severity!r}")


def gaussian_noise(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Add normal noise: x + N(0, c)."""
    return x + c * random.standard_normal(x.shape)


def shot_noise(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Count photons: Poisson(c x) / c."""
    return random.poisson(c * x) / c


def impulse_noise(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Set a share c of the values to 0 or 1, with equal probability: salt and pepper."""
    hit, salt = random.random(x.shape) < c, random.random(x.shape) < 0.5
    return np.where(hit, salt.astype(x.dtype), x)


def speckle_noise(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Add noise in proportion: x + x N(0, c)."""
    return x + x * c * random.standard_normal(x.shape)


def contrast(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Pull values towards m, the mean of each image and channel: (x - m) c + m."""
    m = x.mean(axis=(1, 2), keepdims=True)
    return (x - m) * c + m


def brightness(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Add c to the value of HSV."""
    hsv = rgb_to_hsv(x)
    hsv[..., 2] = np.clip(hsv[..., 2] + c, 0, 1)
    return hsv_to_rgb(hsv)


def saturate(x: np.ndarray, c: tuple[float, float], random: np.random.Generator) -> np.ndarray:
    """Change the saturation s of HSV to a s + b, c = (a, b)."""
    hsv = rgb_to_hsv(x)
    hsv[..., 1] = np.clip(hsv[..., 1] * c[0] + c[1], 0, 1)
    return hsv_to_rgb(hsv)


def fog(x: np.ndarray, c: tuple[float, float], random: np.random.Generator) -> np.ndarray:
    """Add a cloud of strength a, then darken by max(x) / (max(x) + a); c = (a, decay)."""
    strength, decay = c
    highest = x.max(axis=(1, 2, 3), keepdims=True)
    clouds = plasma(len(x), x.shape[1], decay, random)[..., None]
    return (x + strength * clouds) * highest / (highest + strength)


def plasma(count: int, side: int, decay: float, random: np.random.Generator) -> np.ndarray:
    """Return clouds [count, side, side] in [0, 1], by the diamond-square algorithm on a torus.

    Starting from one point, the grid's step is halved again and again. A new point is the mean of
    its four nearest old ones plus a uniform number in +-w^2, and w falls by `decay` with each
    halving.

    Args:
        count: number of clouds.
        side: a power of 2.
        decay: of the roughness; larger is smoother.
        random: source of the numbers.

    """
    z = np.zeros((count, side, side))
    step, w = side, 100.0  # w sets the scale, which the last line removes

    def roughened(four: np.ndarray) -> np.ndarray:
        return four / 4 + w * random.uniform(-w, w, four.shape)

    while step >= 2:
        half = step // 2
        corners = z[:, ::step, ::step]
        across = corners + np.roll(corners, -1, axis=1)
        z[:, half::step, half::step] = roughened(across + np.roll(across, -1, axis=2))
        centers = z[:, half::step, half::step]
        vertical = centers + np.roll(centers, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        z[:, ::step, half::step] = roughened(vertical)
        horizontal = centers + np.roll(centers, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        z[:, half::step, ::step] = roughened(horizontal)
        step, w = half, w / decay
    z -= z.min(axis=(1, 2), keepdims=True)
    return z / z.max(axis=(1, 2), keepdims=True)


def pixelate(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Average over boxes into int(32 c) pixels, and enlarge again."""
    side = x.shape[1]
    small = int(side * c)

    def one(image: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return image.resize((small, small), box).resize((side, side), box)

    return _by_pillow(x, one)


def jpeg(x: np.ndarray, c: int, random: np.random.Generator) -> np.ndarray:
    """Compress as JPEG of quality c."""

    def one(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=c)
        return Image.open(file)

    return _by_pillow(x, one)


def _by_pillow(x: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    images = np.round(255 * x).astype(np.uint8)
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images]) / 255


def defocus_blur(x: np.ndarray, c: tuple[float, float], random: np.random.Generator) -> np.ndarray:
    """Average over a disk whose edge a 3 x 3 Gaussian smooths; c = (radius, deviation)."""
    radius, deviation = c
    places = np.arange(-8, 9)
    disk = (places**2 + places[:, None] ** 2 <= radius**2).astype(float)
    edge = np.exp(-0.5 * (np.arange(-1, 2) / deviation) ** 2)
    edge /= edge.sum()
    kernel = ndimage.convolve(disk / disk.sum(), np.outer(edge, edge), mode="mirror")
    return ndimage.correlate(x, kernel[None, :, :, None], mode="mirror")


def gaussian_blur(x: np.ndarray, c: float, random: np.random.Generator) -> np.ndarray:
    """Convolve with a Gaussian of standard deviation c, in pixels."""
    return ndimage.gaussian_filter(x, (0, c, c, 0), mode="nearest")


# Corruption -> its function, and its constants at severities 1 to 5.
CORRUPTIONS: dict[str, tuple[Callable, tuple]] = {
    "gaussian_noise": (gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "shot_noise": (shot_noise, (500, 250, 100, 75, 50)),
    "impulse_noise": (impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07)),
    "speckle_noise": (speckle_noise, (0.06, 0.1, 0.12, 0.16, 0.2)),
    "contrast": (contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "brightness": (brightness, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "saturate": (saturate, ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))),
    "fog": (fog, ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))),
    "pixelate": (pixelate, (0.95, 0.9, 0.85, 0.75, 0.65)),
    "jpeg": (jpeg, (80, 65, 58, 50, 40)),
    "defocus_blur": (defocus_blur, ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))),
    "gaussian_blur": (gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1)),
}
