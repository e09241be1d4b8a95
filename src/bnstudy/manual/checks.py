"""The doors of `manual/`: refuse what does not fit, in one line, before anything is computed.

Sizes that are unknown while a graph is traced (None) fit everything, and values that are symbolic
tensors are not looked at: then TensorFlow's own checks apply when the graph runs.
"""

import math
import numbers
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

HALF = (tf.bfloat16, tf.float16)
FULL = (tf.float32, tf.float64)
Shape = Sequence[int | None]


def as_tensor(name: str, value: Any, dtypes: Collection[tf.DType] = (*HALF, *FULL)) -> tf.Tensor:
    """Return a tensor of one of the dtypes, with a known number of axes."""
    tensor = tf.convert_to_tensor(value)
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
    return tensor


def optimizer_step(w: Any, dw: Any, state: Any, kind: type) -> tuple[tf.Tensor, tf.Tensor, Any]:
    """Return w, dw and state as tensors of one shape and dtype; the step of a state is a count."""
    w = as_tensor("w", w, FULL)
    dw = like("dw", dw, "w", w)
    if getattr(state, "_fields", None) != kind._fields:
        raise ValueError(f"state must come from init: {', '.join(kind._fields)}; not {state!r:.60}")
    fields = {}
    for name, value in state._asdict().items():
        if name == "step":
            fields[name] = as_tensor("state.step", value, [tf.int64, tf.int32])
            number("state.step", fields[name], 0)
        else:
            fields[name] = like(f"state.{name}", value, "w", w)
    return w, dw, kind(**fields)


def images(name: str, value: Any, axes: str = "N, H, W, C") -> tf.Tensor:
    """Return a tensor with four axes."""
    tensor = as_tensor(name, value)
    if tensor.shape.rank != 4:
        raise ValueError(f"{name} has shape {show(tensor.shape)}, must have four axes: [{axes}]")
    return tensor


def axes_of(name: str, tensor: tf.Tensor, axes: Any) -> tuple[int, ...]:
    """Return axes counted from the front, in order; refuse what does not name axes of the tensor."""
    rank = tensor.shape.rank
    if isinstance(axes, str) or not isinstance(axes, Sequence) or not axes:
        raise ValueError(f"axes must be a tuple such as (0, 1, 2), not {axes!r}")
    for axis in axes:
        if isinstance(axis, bool) or not hasattr(axis, "__index__") or not -rank <= axis < rank:
            raise ValueError(
                f"axes names {axis!r}; {name} with shape {show(tensor.shape)} has axes 0 to {rank - 1}"
            )
    counted = tuple(sorted(int(axis) % rank for axis in axes))
    if len(set(counted)) < len(counted):
        raise ValueError(f"axes names one axis twice: {tuple(axes)}")
    return counted


def not_empty(name: str, tensor: tf.Tensor) -> None:
    """Refuse a tensor without elements, of which no mean can be taken."""
    if 0 in tensor.shape:
        raise ValueError(f"{name} is empty: it has shape {show(tensor.shape)}")


def number(
    name: str, value: Any, low: float, high: float = math.inf, *, below: bool = False
) -> None:
    """Refuse what is not one number from `low` to `high`; without `high` itself where `below`."""
    if getattr(value, "shape", ()) not in ((), tf.TensorShape([]), tf.TensorShape(None)):
        raise ValueError(f"{name} has shape {show(value.shape)}, must be one number")
    known = tf.get_static_value(value) if tf.is_tensor(value) else value
    if known is None:  # until the graph runs
        return
    is_number = isinstance(known, numbers.Real | np.ndarray) and not isinstance(known, bool)
    if not is_number or not (low <= known < high or (known == high and not below)):
        bounds = f"in [{low:g}, {high:g})" if below else f">= {low:g}" if low > -math.inf else ""
        raise ValueError(f"{name} must be a number {bounds}, not {known!r}".replace(" ,", ","))


def whole_number(name: str, value: Any, low: int) -> None:
    """Refuse what is not an integer of at least `low`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < low:
        raise ValueError(f"{name} must be an integer >= {low}, not {value!r}")


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a word that is not among the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def show(shape: Any) -> str:
    """Write a shape as [8, 5, 6, 3], with ? for an unknown size."""
    sizes = shape.as_list() if isinstance(shape, tf.TensorShape) else list(shape)
    return "[" + ", ".join("?" if size is None else str(size) for size in sizes) + "]"
