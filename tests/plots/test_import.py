"""Importing the plots: any MPLBACKEND will do, and a valid one stays the choice of pyplot."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
before = dict(os.environ)
from bnstudy.plots.figures import plot_run
plot_run(sys.argv[1])
assert dict(os.environ) == before
import matplotlib
print(matplotlib.get_backend(auto_select=False))
"""


@pytest.mark.parametrize(
    ("backend", "chosen"),
    [
        ("module://matplotlib_inline.backend_inline", None),  # a notebook's; perhaps installed
        ("nonsense", "None"),
        ("svg", "svg"),
    ],
)
def test_figures_need_no_backend(make_run, backend, chosen):
    folder = make_run("run", epochs=1, case="a")
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env={**os.environ, "MPLBACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert (folder / "test.png").exists()
    assert chosen is None or ended.stdout.strip() == chosen
