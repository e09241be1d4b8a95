"""How our figures look, and how they are written: the same logs give the same bytes.

The style does not depend on the user's matplotlib settings, and no date is written into a file.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

from bnstudy.errors import UserError
from bnstudy.run_folder.files import write_bytes_atomic

# Okabe and Ito's colours, which colour-blind readers can distinguish; no yellow (pale on white).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
LINES = (  # short dashes are for the reference
    "-",
    (0, (6, 1.5)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5)),
)
# File formats, each with the metadata to leave out, so that the bytes are reproducible.
FORMATS = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E0E0E0",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 0.4,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.wspace": 0.03,
    "legend.handlelength": 4,
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "bnstudy",  # else the ids in an SVG are random
}


class StyledFigure(Figure):
    """A matplotlib figure in our style, which a notebook shows where it is a cell's last line.

    pyplot does not know it, so that no backend is needed, nothing is shown twice, and none stays in
    memory. It is drawn later than made: only then are some of the user's settings looked up.
    """

    def draw(self, renderer: RendererBase) -> None:
        """Draw it, whatever the user's settings are by now."""
        with style():
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, float]]:
        """Return what IPython shows: two pixels per point of the screen, in the size of one."""
        data = io.BytesIO()
        self.savefig(data, format="png", dpi=2 * self.dpi)
        return data.getvalue(), {"width": self.bbox.width, "height": self.bbox.height}


def check_suffix(path: Path) -> None:
    """Refuse a path whose suffix names none of our formats."""
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: a figure's name must end in one of {', '.join(FORMATS)}")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure, in the format that the suffix of its path names; return the path."""
    suffix = path.suffix.lower()
    data = io.BytesIO()
    with style():
        figure.savefig(data, format=suffix[1:], dpi=200, metadata=FORMATS[suffix])
    try:
        write_bytes_atomic(path, data.getvalue())
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
    return path


@contextmanager
def style() -> Iterator[None]:
    """Apply our style, whatever the user's matplotlibrc says, and restore theirs afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield
