"""Argument checks of `manual/`: refuse what does not fit, in one line, before anything is computed.

While a graph is traced, sizes and values may be unknown. Sizes are then compared when the graph
runs, which ends in TensorFlow's InvalidArgumentError (but XLA compiles such comparisons away).
Unknown values are not looked at.
"""

import math
import operator
import sys
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from bnstudy.manual.sums import align, broadcasts, shape_of_statistics

HALF = (tf.bfloat16, tf.float16)
FULL = (tf.float32, tf.float64)
MOST = 2**20  # no stride, padding or block is longer
Shape: TypeAlias = Sequence[int | None] | tf.TensorShape


# --- tensors --------------------------------------------------------------------------------------


def as_tensor(name: str, value: Any, dtypes: Collection[tf.DType] = (*HALF, *FULL)) -> tf.Tensor:
    """Return a tensor of one of the dtypes, with a known number of axes.

    Python numbers and lists have no dtype of their own: where one dtype is allowed, they take it.
    """
    is_python = isinstance(value, int | float | list | tuple)
    try:
        tensor = tf.convert_to_tensor(value)
        if is_python and len(dtypes) == 1 and tensor.dtype in (tf.float32, tf.int32):
            tensor = tf.convert_to_tensor(value, *dtypes)
    except (TypeError, ValueError, OverflowError, tf.errors.InvalidArgumentError):
        raise ValueError(f"{name} must be a tensor of numbers, not {show_value(value)}") from None
    if tensor.dtype not in dtypes:
        allowed = " or ".join(dtype.name for dtype in dtypes)
        raise ValueError(f"{name} is {tensor.dtype.name}, must be {allowed}")
    if tensor.shape.rank is None:
        raise ValueError(f"{name} has an unknown number of axes; give it a shape (tf.ensure_shape)")
    return tensor


def shape_of(name: str, tensor: tf.Tensor, expected: Shape, why: str) -> None:
    """Refuse a tensor whose shape is not `expected`, where None fits every size."""
    if not tf.TensorShape(expected).is_compatible_with(tensor.shape):
        raise ValueError(
            f"{name} has shape {show(tensor.shape)}, must have {show(expected)}: {why}"
        )


def like(name: str, tensor: Any, other_name: str, other: tf.Tensor) -> tf.Tensor:
    """Return a tensor that has the shape and the dtype of another one."""
    tensor = as_tensor(name, tensor, [other.dtype])
    shape_of(name, tensor, other.shape, f"the shape of {other_name}")
    return same_sizes(name, tensor, tf.shape(other), other.shape)


def same_sizes(
    name: str, tensor: tf.Tensor, sizes: tf.Tensor | list, known: Shape | None = None
) -> tf.Tensor:
    """Return a tensor that, when the graph runs, is refused if its sizes are others.

    Args:
        name: of the tensor.
        tensor: whose known sizes fit.
        sizes: that it must have.
        known: the sizes as far as they are known now; all unknown unless given.

    """
    expected = tensor.shape.rank * [None] if known is None else known
    unknown = sum(None in pair for pair in zip(tensor.shape, expected, strict=True))
    if unknown == 0:
        return tensor
    if unknown == 1:  # the number of elements decides, and a reshape costs nothing
        return tf.reshape(tensor, sizes)
    return _when_it_runs(tf.reduce_all(tf.shape(tensor) == sizes), f"the sizes of {name}", tensor)


def _when_it_runs(fits: tf.Tensor, what: str, tensor: tf.Tensor) -> tf.Tensor:
    """Return a tensor that is refused when the graph runs and `fits` is false."""
    check = tf.debugging.Assert(fits, [f"{what} do not fit", tf.shape(tensor)])
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(tensor)


def images(name: str, value: Any) -> tf.Tensor:
    """Return a tensor with four axes."""
    tensor = as_tensor(name, value)
    if tensor.shape.rank != 4:
        raise ValueError(f"{name} has shape {show(tensor.shape)}, must be [N, H, W, C]")
    return tensor


def not_empty(name: str, tensor: tf.Tensor) -> None:
    """Refuse a tensor without elements, of which no mean can be taken."""
    if 0 in tensor.shape:
        raise ValueError(f"{name} is empty: it has shape {show(tensor.shape)}")


def not_all_empty(name: str, count: tf.Tensor) -> None:
    """Refuse a tensor of which no replica has an element: `count` is of all of them together."""
    if _known(count) == 0:
        raise ValueError(f"{name} is empty on every device")


def axes_of(name: str, tensor: tf.Tensor, axes: Any) -> tuple[int, ...]:
    """Return axes counted from the front, in order; refuse what are not axes of the tensor."""
    rank = tensor.shape.rank
    if isinstance(axes, str | bytes) or not isinstance(axes, Sequence) or not axes:
        raise ValueError(f"axes must be a tuple such as (0, 1, 2), not {show_value(axes)}")
    counted = []
    for axis in axes:
        number = _as_integer(axis)
        if number is None or not -rank <= number < rank:
            raise ValueError(
                f"axes contains {show_value(axis)}, but {name}, of shape {show(tensor.shape)}, "
                f"has the axes 0 to {rank - 1}"
            )
        counted.append(number % rank)
    if len(set(counted)) < len(counted):
        raise ValueError(f"axes contains an axis twice: {show_value(axes)}")
    return tuple(sorted(counted))


# --- numbers and words ----------------------------------------------------------------------------


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a number with low <= number < high; refuse the rest, including NaN and infinity."""
    known = _known(value)
    is_number = isinstance(known, int | float) and not isinstance(known, bool)
    if not is_number or not low <= known < min(high, sys.float_info.max):
        at_least = "a finite number" if low == -math.inf else f"a number >= {low:g}"
        allowed = at_least if high == math.inf else f"a number in [{low:g}, {high:g})"
        raise ValueError(f"{name} must be {allowed}, not {show_value(value)}")
    return float(known)


def learning_rate(value: Any, dtype: tf.DType) -> float | tf.Tensor:
    """Return a rate >= 0; one that is unknown until the graph runs, as a scalar of the dtype."""
    return scalar("learning_rate", value, dtype, 0)


def scalar(name: str, value: Any, dtype: tf.DType, low: float) -> float | tf.Tensor:
    """Return a number >= low; one that is unknown until the graph runs, as a scalar of a dtype."""
    if tf.is_tensor(value) and _known(value) is None:
        tensor = as_tensor(name, value)
        shape_of(name, tensor, [], "one number")
        return tf.cast(tensor, dtype)
    return number(name, value, low)


def count(name: str, value: Any) -> tf.Tensor:
    """Return a scalar integer >= 0."""
    tensor = as_tensor(name, value, (tf.int64, tf.int32))
    shape_of(name, tensor, [], "one number")
    known = tf.get_static_value(tensor)
    if known is not None and known < 0:
        raise ValueError(f"{name} must be >= 0, not {known}")
    return tensor


def whole_number(name: str, value: Any, low: int) -> int:
    """Return an integer >= `low` that TensorFlow's kernels can count with."""
    integer = _as_integer(value)
    if integer is None or integer < low:
        raise ValueError(f"{name} must be an integer >= {low}, not {show_value(value)}")
    if integer > MOST:
        raise ValueError(f"{name} must be an integer <= {MOST}, not {show_value(value)}")
    return integer


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a word that is not among the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {show_value(value)}")


def _known(value: Any) -> Any:
    """Return the Python number that a NumPy or TensorFlow scalar holds; None if unknown."""
    if tf.is_tensor(value):
        value = tf.get_static_value(tf.convert_to_tensor(value))
    is_scalar = hasattr(value, "item") and getattr(value, "ndim", None) == 0
    return value.item() if is_scalar else value


def _as_integer(value: Any) -> int | None:
    """Return what counts as an integer, including NumPy's; None for the rest."""
    try:
        return None if isinstance(value, bool) else operator.index(_known(value))
    except TypeError:
        return None


# --- batch norm -----------------------------------------------------------------------------------


def batch_norm(
    x: Any, gamma: Any, beta: Any, axes: Any, epsilon: Any
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tuple[int, ...], float]:
    """Return the arguments where they fit, the axes counted from the front."""
    x, gamma = as_tensor("x", x), as_tensor("gamma", gamma, FULL)
    if x.dtype not in (gamma.dtype, *HALF):
        raise ValueError(
            f"x is {x.dtype.name} and gamma {gamma.dtype.name}; give both the same of float32 and "
            "float64, or a half-precision x and a float32 gamma"
        )
    axes = axes_of("x", x, axes)
    shape = shape_of_statistics(x, axes)
    if not broadcasts(gamma.shape, shape):
        why = f"the shape of x {show(x.shape)} without axes {axes}, or what broadcasts to it"
        shape_of("gamma", gamma, _without_axes(x, axes), why)
    beta = like("beta", beta, "gamma", gamma)
    if not shape.is_fully_defined():
        own = tf.shape(align(gamma, shape))
        last = tf.stack(_sizes_of_statistics(x, axes))[-tf.size(own) :]
        fits = tf.reduce_all((own == 1) | (own == last))
        gamma = _when_it_runs(fits, "the sizes of gamma and beta", gamma)
    return x, gamma, beta, axes, number("epsilon", epsilon, 0)


def statistic(
    name: str, given: Any, gamma: tf.Tensor, x: tf.Tensor, axes: tuple[int, ...]
) -> tf.Tensor:
    """Return an average of a statistic with its axes, of length 1."""
    tensor, shape = as_tensor(name, given, [gamma.dtype]), shape_of_statistics(x, axes)
    if not shape.is_compatible_with(tensor.shape):
        shape_of(name, tensor, _without_axes(x, axes), "one number for each group of x")
        for axis in axes:
            tensor = tf.expand_dims(tensor, axis)
    signed = name.endswith("mean")
    if not signed and tf.executing_eagerly() and tf.reduce_any(tensor < 0):
        raise ValueError(f"{name} must be >= 0, not {float(tf.reduce_min(tensor)):g}")
    return same_sizes(
        name, tf.ensure_shape(tensor, shape), tf.stack(_sizes_of_statistics(x, axes)), shape
    )


def _sizes_of_statistics(x: tf.Tensor, axes: tuple[int, ...]) -> list[int | tf.Tensor]:
    return [1 if axis in axes else tf.shape(x)[axis] for axis in range(x.shape.rank)]


def _without_axes(x: tf.Tensor, axes: tuple[int, ...]) -> list[int | None]:
    return [size for axis, size in enumerate(x.shape) if axis not in axes]


# --- caches, and the states of optimizers ---------------------------------------------------------


def cache_of(module: str, cache: Any, kind: type[Any]) -> Any:
    """Return the cache; refuse what does not come from the forward pass of this module."""
    if not isinstance(cache, kind):
        raise ValueError(
            f"cache must come from the forward pass of {module}, not {show_value(cache)}"
        )
    return cache


def python_values(cache: Any, *fields: str) -> dict[str, Any]:
    """Return fields of a cache as Python values; a tf.function returns them as tensors."""

    def python(field: str, value: Any) -> Any:
        known = _known(value)
        if known is None and value is not None:
            raise ValueError(f"cache.{field} is unknown here; call forward in the same tf.function")
        return known.decode() if isinstance(known, bytes) else known

    return {
        field: tf.nest.map_structure(lambda v, f=field: python(f, v), getattr(cache, field))
        for field in fields
    }


def optimizer_step(
    w: Any, dw: Any, state: Any, kind: type[Any]
) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Return w, dw and the state as tensors of one shape and dtype; the step is a count."""
    w = as_tensor("w", w, FULL)
    dw = like("dw", dw, "w", w)
    fields = getattr(state, "_fields", None)
    if fields != kind._fields:
        given = ", ".join(fields) if fields else type(state).__name__
        raise ValueError(f"state must have {', '.join(kind._fields)}, as from init, not {given}")
    checked = {
        name: tf.cast(count("state.step", value), tf.int64)
        if name == "step"
        else like(f"state.{name}", value, "w", w)
        for name, value in state._asdict().items()
    }
    return w, dw, kind(**checked)


# --- messages -------------------------------------------------------------------------------------


def show(shape: Shape) -> str:
    """Write a shape as [8, 5, 6, 3], with ? for an unknown size."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def show_value(value: Any) -> str:
    """Write a value on one line, shortened."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."
