"""Decode one PNG image of 32x32 pixels."""

import io

import numpy as np

from bnstudy.errors import UserError, one_line

MAX_BYTES = 100_000  # a PNG of 32x32 pixels has about 2,500
EXACT_MODES = ("RGB", "P", "L")  # converted to RGB without loss; tools that shrink PNGs use all


def decode(content: bytes, name: str) -> np.ndarray:
    """Decode a PNG.

    Args:
        content: of the file.
        name: of the file, for messages.

    Returns:
        uint8 [32, 32, 3].

    Raises:
        UserError: it is not a PNG of 32x32 pixels in colour.

    """
    from PIL import Image  # only a folder of PNG needs it

    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:  # reads the header alone
            size, mode = image.size, image.mode
            if size == (32, 32) and mode in EXACT_MODES:
                return np.asarray(image.convert("RGB"))
    except Exception as error:  # a damaged image can raise anything
        raise UserError(f"{name} is not an intact PNG: {one_line(error)}") from error
    raise UserError(
        f"{name} has {size[0]}x{size[1]} pixels of mode {mode}, must have 32x32 of mode RGB"
    )
