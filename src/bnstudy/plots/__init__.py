"""Figures from run folders, and the author's own curves of 2018, without pyplot or a window.

Imports matplotlib, NumPy, `run_folder`, `config` and `errors`; never TensorFlow.
"""

import os
import sys
from contextlib import suppress


def _import_matplotlib() -> None:
    """Import matplotlib, even if MPLBACKEND names a backend that is not installed.

    A notebook passes its backend on to programs that cannot load it, and importing matplotlib then
    fails. Our figures need no backend; one that exists stays the choice of pyplot.
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
