"""Figures from run folders, and the author's own curves of 2018; without pyplot, without a window.

Imports matplotlib, NumPy, `run_folder`, `config` and `errors`; never TensorFlow.
"""

import os
import sys
from contextlib import suppress


def _import_matplotlib() -> None:
    """Import matplotlib also where MPLBACKEND names a backend that is not installed.

    A notebook's shell hands its backend on to programs that cannot load it, and matplotlib would
    refuse to be imported. Figures need none; a backend that exists stays the choice of pyplot.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


_import_matplotlib()
