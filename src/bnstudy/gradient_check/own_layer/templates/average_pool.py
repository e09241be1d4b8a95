"""Average pooling, 2 by 2: fill in `backward`, then run: bnstudy check THIS_FILE.

The derivation, with the numbers of the equations, is in docs/backprop.md of bnstudy.
"""

TEMPLATE = "average_pool"  # hints, no solutions; without this line, mistakes are named


def inputs(rng):
    """Return x [N, H, W, C], with even H and W."""
    return (rng.normal(size=(3, 4, 6, 2)),)


def forward(x):
    """Average each block of 2 by 2 pixels."""
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels)
    y = blocks.mean(axis=(2, 4))  # (6)
    return y, x.shape


def backward(dy, shape):
    """Return the derivative of the cost with respect to x; dy is that to y."""
    dx = None  # (7)
    return dx
