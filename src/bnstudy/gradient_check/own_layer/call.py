"""Somebody's forward and backward, called as they are: NumPy or TensorFlow, cache or none."""

import contextlib
import copy
import inspect
import io
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bnstudy.errors import UserError, one_line

NO_CACHE = object()  # forward returns y alone


class WrongOutput(UserError):
    """Forward ran, and returned something else than y or (y, cache)."""


class Layer(NamedTuple):
    """A pair of functions and the arguments of forward."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    arguments: tuple[Any, ...]
    names: tuple[str, ...]

    @property
    def checked(self) -> list[int]:
        """Positions of the arguments that have a gradient: arrays of real numbers."""
        return [
            i for i, a in enumerate(self.arguments) if is_array(a) and to_numpy(a).dtype.kind == "f"
        ]

    def copies(self) -> list[Any]:
        """Return the arguments for one call, which may change them."""
        return [a if is_tensor(a) else copy.deepcopy(a) for a in self.arguments]

    def run(self, position: int | None = None, value: np.ndarray | None = None) -> tuple[Any, Any]:
        """Call forward, with another value of one argument if given; return y and the cache."""
        arguments = self.copies()
        if position is not None:
            arguments[position] = like(value, self.arguments[position])
        self._fits_inputs()
        result = call("forward", self.forward, *arguments)
        pair = isinstance(result, tuple) and len(result) == 2 and _is_output(result[0])
        y, cache = result if pair else (result, NO_CACHE)
        if not _is_output(y):
            raise WrongOutput(
                f"forward returns {_describe(result)}; it must return y, an array, or (y, cache)"
            )
        return y, cache

    def _fits_inputs(self) -> None:
        if not takes(self.forward, len(self.arguments)):
            given = f"{len(self.arguments)} argument{'s' * (len(self.arguments) != 1)}"
            raise UserError(f"inputs gives {given}, but forward is {signature_of(self.forward)}")

    def output(self, position: int | None = None, value: np.ndarray | None = None) -> np.ndarray:
        """Return y alone, as a NumPy array; what forward prints hundreds of times is not shown."""
        with contextlib.redirect_stdout(io.StringIO()):
            return to_numpy(self.run(position, value)[0])

    def gradients(self, dy: Any, cache: Any) -> Any:
        """Call backward: with the cache; else with the arguments, unless it takes dy alone."""
        rest = self.copies() if cache is NO_CACHE else [cache]
        own = [p.name for p in _parameters(self.backward)]
        if cache is NO_CACHE and self._keeps_its_cache():
            rest = []
        elif not takes(self.backward, 1 + len(rest)) or (
            cache is not NO_CACHE and own[:1] == ["cache"]
        ):
            names = ["dy", *(self.names if cache is NO_CACHE else ["cache"])]
            raise UserError(
                f"forward returns {'y alone' if cache is NO_CACHE else '(y, cache)'}, so backward "
                f"is called as backward({', '.join(names)}), but it is "
                f"{signature_of(self.backward)}"
            )
        return call("backward", self.backward, dy, *rest)

    def _keeps_its_cache(self) -> bool:
        """Whether backward asks for dy alone, and for none of forward's arguments: a method."""
        others = _parameters(self.backward)[1:]
        return len(required(self.backward)) == 1 and not any(
            p.kind is p.VAR_POSITIONAL or p.name in self.names for p in others
        )


def argument_names(forward: Callable[..., Any], count: int) -> tuple[str, ...]:
    """Return the names of forward's first arguments."""
    named = [n.name for n in _parameters(forward) if n.kind is not n.VAR_POSITIONAL]
    return tuple((named + [f"argument{i + 1}" for i in range(len(named), count)])[:count])


def required(forward: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that have no default."""
    return [
        p.name
        for p in _parameters(forward)
        if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
    ]


def numbers_of(layer: Layer) -> list[float]:
    """Return the Python numbers that forward is given or has as defaults: epsilon."""
    values = [*layer.arguments, *(p.default for p in _parameters(layer.forward))]
    return [float(v) for v in values if isinstance(v, float | np.floating)]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function written in C
        return []
    return [p for p in parameters if p.kind not in kinds]


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with this number of arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function written in C
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def signature_of(function: Callable[..., Any]) -> str:
    """Return a function as its def has it."""
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name.replace('<lambda>', 'lambda ')}{inspect.signature(function)}"


def call(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a user's function; turn what it raises into one line with file and line."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{place_of(error, function)}: {what} raised {shown(error)}") from error


def shown(error: BaseException) -> str:
    """Return the kind and the text of an exception."""
    return one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def place_of(error: BaseException, function: Callable[..., Any] | None, file: str = "") -> str:
    """Return the last of the user's own lines that led to an error.

    With its file; in a notebook, whose cells have no names, with its function.
    """
    file = file or getattr(getattr(function, "__code__", None), "co_filename", "")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or frames[-1:]
    if not own:
        return file
    last = own[-1]
    if "ipykernel" in last.filename or last.filename.startswith("<ipython"):
        return f"{last.name}, line {last.lineno} of its cell"
    return f"{last.filename}, line {last.lineno}"


def is_tensor(value: Any) -> bool:
    """Whether this is TensorFlow's; does not import it."""
    return type(value).__module__.startswith("tensorflow") and hasattr(value, "numpy")


def is_array(value: Any) -> bool:
    """Whether this is an array, NumPy's or TensorFlow's."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def is_real(value: Any) -> bool:
    """Whether this is an array of real numbers or integers."""
    return is_array(value) and to_numpy(value).dtype.kind in "fiu"


def to_numpy(value: Any) -> np.ndarray:
    """Return a NumPy array."""
    return np.asarray(value.numpy() if is_tensor(value) else value)


def like(value: Any, model: Any) -> Any:
    """Return a value as the kind of array that model is."""
    if is_tensor(model):
        import tensorflow as tf

        return tf.constant(value)
    return np.array(value)


def _is_output(value: Any) -> bool:
    return is_array(value) or isinstance(value, float | np.number)


def _describe(value: Any) -> str:
    if isinstance(value, tuple | list):
        several = " (join several outputs with np.concatenate)" if len(value) > 1 else ""
        return f"a {type(value).__name__} of {len(value)}{several}"
    return "None" if value is None else f"a value of type {type(value).__name__}"
