"""Pictures of what is done to images."""

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bnstudy.analysis.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from bnstudy.plots.style import StyledFigure, style


def corruptions_figure(image: np.ndarray, seed: int = 0) -> StyledFigure:
    """Return one image under every corruption, by severity; as it is on the left.

    Args:
        image: uint8 [32, 32, 3].
        seed: of the draws.

    Raises:
        UserError: it is not such an image.

    """
    images = np.asarray(image)[None]
    with style():
        close = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
        figure = StyledFigure(figsize=(7.2, 13.4), layout=close)
        rows = figure.subplots(len(CORRUPTIONS), 1 + len(SEVERITIES))
        for name, panels in zip(CORRUPTIONS, rows, strict=True):
            panels[0].imshow(images[0], interpolation="nearest")
            panels[0].set_ylabel(name.replace("_", " "), fontsize=8)
            for severity, axes in zip(SEVERITIES, panels[1:], strict=True):
                corrupted = corrupt(images, name, severity, seed)
                axes.imshow(corrupted[0], interpolation="nearest")
            for axes in panels:
                axes.set(xticks=[], yticks=[])
                axes.grid(visible=False)
                axes.spines[:].set_visible(False)
        for axes, title in zip(rows[0], ("as it is", *map(str, SEVERITIES)), strict=True):
            axes.set_title(title, fontsize=8)
    return figure
