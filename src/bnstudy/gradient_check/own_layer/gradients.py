"""Does backward return the right number of gradients, of the right shapes, in the right order?"""

from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from bnstudy.errors import UserError
from bnstudy.gradient_check.own_layer.call import NO_CACHE, Layer, is_array, is_real, like, to_numpy

MOST_ENTRIES = 5  # of a cache, to try in every order


class Returned(NamedTuple):
    """What backward returned."""

    gradients: dict[int, Any]  # position of the argument -> gradient, as returned
    problems: list[str]


def collect(layer: Layer, dy: np.ndarray, y: Any, cache: Any) -> Returned:
    """Call backward; assign its gradients to forward's arguments."""
    upstream = like(dy, y) if is_array(y) else dy.item() if np.ndim(dy) == 0 else np.array(dy)
    result = _copied(layer.gradients(upstream, cache))
    problems = []
    if isinstance(upstream, np.ndarray) and not np.array_equal(upstream, dy):
        problems.append(
            "backward changes dy in place, which breaks anything else that uses it (a skip "
            "connection); start with dy = dy.copy()"
        )
    checked, names = layer.checked, layer.names
    expected = ", ".join(f"d{names[i]}" for i in checked)
    if isinstance(result, dict):
        return _by_name(result, layer, [*problems])
    returned = list(result) if isinstance(result, tuple | list) else [result]
    if len(returned) == len(names):
        _refuse_gradients_of_integers(returned, layer)
        return Returned({i: returned[i] for i in checked}, problems)
    if len(returned) == len(checked):
        return Returned(dict(zip(checked, returned, strict=True)), problems)
    count = f"{len(returned)} gradient{'s' * (len(returned) != 1)}"
    return Returned(
        {}, [*problems, f"backward returns {count}; expected {len(checked)}: {expected}"]
    )


def _copied(result: Any) -> Any:
    """Return a copy of NumPy's arrays: the next call may write into the same ones."""
    if isinstance(result, np.ndarray):
        return result.copy()
    if isinstance(result, tuple | list):
        return [_copied(entry) for entry in result]
    if isinstance(result, dict):
        return {key: _copied(entry) for key, entry in result.items()}
    return result


def _by_name(result: dict[Any, Any], layer: Layer, problems: list[str]) -> Returned:
    """Assign a dict's gradients, which are called dx or x."""
    found = {}
    for i in layer.checked:
        name = layer.names[i]
        key = next((k for k in (f"d{name}", name) if k in result), None)
        if key is None:
            keys = ", ".join(map(str, result)) or "nothing"
            problems.append(f"backward returns a dict without d{name}; it has {keys}")
        else:
            found[i] = result[key]
    return Returned(found, problems)


def _refuse_gradients_of_integers(returned: list[Any], layer: Layer) -> None:
    """Refuse a gradient of an integer argument, which would go unchecked."""
    for name, argument, gradient in zip(layer.names, layer.arguments, returned, strict=True):
        if is_real(gradient) and to_numpy(gradient).any() and is_array(argument):
            kind = to_numpy(argument).dtype
            if kind.kind in "iub":
                raise UserError(
                    f"inputs: {name} is {kind}, so the gradient that backward returns for it "
                    f"cannot be checked; give real numbers, or return None for it"
                )


def wrong_kind(gradient: Any, x: np.ndarray, y_shape: tuple[int, ...]) -> str:
    """Say in one line why this is not a gradient of x; empty where it is one."""
    if gradient is None:
        return "it is None: not written yet, or not returned"
    if not is_array(gradient) and not isinstance(gradient, int | float | np.number):
        kind = type(gradient).__name__
        way_out = " (tf.convert_to_tensor makes one)" if kind == "IndexedSlices" else ""
        return f"it is of type {kind}, not an array{way_out}"
    array = to_numpy(gradient)
    if array.dtype.kind not in "fiu":
        return f"it is {array.dtype}; a gradient must be an array of real numbers"
    if array.shape == x.shape:
        return ""
    text = f"its shape is {list(array.shape)}, not {list(x.shape)}"
    if array.size == x.size and [n for n in array.shape if n > 1] == [n for n in x.shape if n > 1]:
        return f"{text}: only axes of length 1 differ (keepdims)"
    if array.shape == x.shape[::-1]:
        return f"{text}: transposed"
    if x.ndim < len(y_shape):
        return text + _wrong_sum(array.shape, x.shape, y_shape)
    if not array.shape:
        return f"{text}: a sum over all elements (an axis is missing)"
    return text + _surplus(array.shape, x.shape)


def _surplus(shape: tuple[int, ...], due: tuple[int, ...]) -> str:
    """Say so where padding was not cut off, or arrays were broadcast against each other."""
    if len(shape) != len(due):
        return ""
    more = [n - m for n, m in zip(shape, due, strict=True) if n != m]
    if len(due) == 4 and len(more) == 2 and all(n > 0 and n % 2 == 0 for n in more):
        return f": the padding is still there, {more[0] // 2} on each side"
    if len(shape) == 2 and due in ((shape[0], 1), (1, shape[1])):
        n = max(due)
        return f": [{n}] was broadcast against {list(due)}"
    return ""


def _wrong_sum(shape: tuple[int, ...], due: tuple[int, ...], y: tuple[int, ...]) -> str:
    if not shape:
        return ": a sum over all elements (an axis is missing)"
    if shape == y:
        return ": the sum is missing over the axes along which it was broadcast"
    over = [axis for axis in range(len(y)) if shape == y[:axis] + y[axis + 1 :]]
    right = tuple(range(len(y) - len(due)))
    if over and y[len(right) :] == due:
        return f": summed over axis {over[0]} instead of axis {', '.join(map(str, right))}"
    return ""


def cache_order(layer: Layer, dy: np.ndarray, y: Any, cache: Any, right: dict[int, Any]) -> str:
    """Return the order of the cache in which backward is right; empty where there is none.

    Args:
        layer: the pair.
        dy: upstream gradient.
        y: as forward returned it.
        cache: as forward returned it.
        right: position -> (flat indices, the right gradient there).

    Returns:
        One line, or "".

    """
    if cache is NO_CACHE or type(cache) not in (tuple, list) or not 2 <= len(cache) <= MOST_ENTRIES:
        return ""
    for order in list(permutations(range(len(cache))))[1:]:
        try:
            shuffled = type(cache)(cache[i] for i in order)
            gradients = collect(layer, dy, y, shuffled).gradients
            if gradients and all(_same(gradients[i], layer.arguments[i], *right[i]) for i in right):
                shown = ", ".join(map(str, order))
                return (
                    "backward unpacks the cache in a different order from the one forward packs: "
                    f"with its entries in the order ({shown}), every gradient is right"
                )
        except (UserError, ValueError, TypeError):
            continue
    return ""


def _same(gradient: Any, x: Any, elements: np.ndarray, right: np.ndarray) -> bool:
    if gradient is None or to_numpy(gradient).shape != to_numpy(x).shape:
        return False
    values = to_numpy(gradient).reshape(-1)[elements]
    return bool(np.linalg.norm(values - right) <= 1e-6 * np.linalg.norm(right))
