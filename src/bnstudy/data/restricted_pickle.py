"""Read an untrusted pickle: plain containers, numbers, strings and NumPy arrays, never code."""

import io
import math
import pickle
from typing import Any, ClassVar

import numpy as np

from bnstudy.errors import UserError, one_line


def loads(content: bytes) -> Any:
    """Read a pickle; strings of Python 2 become bytes, and NumPy arrays become `Array`.

    Raises:
        UserError: it asks for anything else.
        Exception: of any type, if it is damaged.

    """
    return _Unpickler(io.BytesIO(content), encoding="bytes").load()


class _Dtype:
    """A stand-in for numpy.dtype in a pickle."""

    def __init__(self, name: Any = None, *_: Any):
        self.name = name

    def __setstate__(self, state: Any) -> None:
        pass  # byte order and alignment: a uint8 has none


class Array:
    """A stand-in for a NumPy array in a pickle, which only records its state."""

    state: Any = None

    def __init__(self, *_: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def uint8(self, expected: tuple[int, ...]) -> np.ndarray:
        """Return the array.

        Args:
            expected: its shape.

        Raises:
            UserError: it is not uint8, or has another shape.

        """
        state = self.state if isinstance(self.state, tuple) and len(self.state) == 5 else [None] * 5
        _, shape, dtype, fortran, content = state
        if not (
            shape == expected
            and isinstance(dtype, _Dtype)
            and dtype.name in ("u1", "|u1", b"u1", b"|u1")
            and isinstance(content, bytes)
            and len(content) == math.prod(expected)
        ):
            raise UserError(f"must be a uint8 array of shape {list(expected)}")
        return np.frombuffer(content, np.uint8).reshape(expected, order="F" if fortran else "C")


class _Bytes:
    """A stand-in for _codecs.encode, with which Python 3 writes bytes for Python 2."""

    def __new__(cls, text: str = "", encoding: str = "latin1") -> bytes:  # type: ignore[misc]
        if encoding not in ("latin1", b"latin1"):
            raise ValueError("an encoding that is not latin1")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        pass


class _Unpickler(pickle._Unpickler):
    """Reads plain containers, strings, integers and NumPy arrays, and refuses everything else.

    The pure Python class, because the one in C allocates what a hostile file tells it to (one
    opcode can ask for 32 GB), and its opcodes cannot be taken away. NumPy's own reconstruction
    is not trusted with hostile state either: `Array` records it, and `uint8` checks it.
    """

    _OPCODES = (
        b"\x80\x95.(}]\x29tdl\x85\x86\x87NKMJIL\x8a\x88\x89"  # framing, containers, integers
        b"TUSXV\x8c\x8dBC\x8e"  # strings, bytes
        b"aesuqrp\x94hjgc\x93Rb"  # filling containers, memory, names, calls, state
    )
    dispatch: ClassVar = {code: pickle._Unpickler.dispatch[code] for code in _OPCODES}
    _ADMITTED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): Array,
        ("numpy._core.multiarray", "_reconstruct"): Array,
        ("numpy", "ndarray"): Array,
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _Bytes,
    }

    def find_class(self, module: str, name: str) -> type:
        """Return the stand-in for a name, and refuse any but these five."""
        if (module, name) not in self._ADMITTED:
            asked = one_line(f"{module}.{name}")
            raise UserError(f"the pickle asks for {asked}, but may only hold NumPy arrays")
        return self._ADMITTED[module, name]
