"""A dense layer: fill in `backward`, then run: bnstudy check THIS_FILE.

A dense layer is a convolution of one pixel: (1) to (3) in docs/backprop.md of bnstudy.
"""

TEMPLATE = "dense"  # hints, no solutions; without this line, mistakes are named


def inputs(rng):
    """Return x [N, D], w [D, M] and b [M]."""
    return rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)


def forward(x, w, b):
    """Return x w + b."""
    y = x @ w + b
    return y, (x, w)


def backward(dy, cache):
    """Return the derivatives of the cost with respect to x, w and b; dy is that to y."""
    x, w = cache
    dx = None  # (3)
    dw = None  # (2)
    db = None  # add up all paths
    return dx, dw, db
