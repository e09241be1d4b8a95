"""Write a model with precise statistics."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnstudy.doctor import outputs
from bnstudy.doctor.measure import Measured
from bnstudy.doctor.passes import set_statistics
from bnstudy.doctor.watch import unchanged
from bnstudy.errors import UserError
from bnstudy.run_folder.files import write_bytes_atomic

if TYPE_CHECKING:
    import keras


def write(model: "keras.Model", measured: Measured, path: Path) -> None:
    """Write a model whose batch norms have the precise statistics; the model itself is unchanged.

    Args:
        model: that was measured.
        measured: from `measure`.
        path: a new .keras file.

    Raises:
        UserError: there are no precise statistics, or, as the labels say, they make it worse.

    """
    _refuse_harm(measured, path)
    with unchanged(model), tempfile.TemporaryDirectory() as folder:
        for layer in measured.layers:
            set_statistics(layer.place.layer, *layer.data)
            if getattr(layer.place.layer, "renorm", False):  # it averages the sd as well
                layer.place.layer.moving_stddev.assign(np.sqrt(layer.data[1]))
        temporary = Path(folder, "model.keras")
        model.save(temporary)
        write_bytes_atomic(path, temporary.read_bytes())


def _refuse_harm(measured: Measured, path: Path) -> None:
    for layer in measured.layers:
        if not all(np.isfinite(values).all() for values in layer.data):
            raise UserError(f"{path} is not written: what {layer.name} normalizes is not finite")
    if measured.labels is None:
        return
    worse = outputs.compare(measured.moving, measured.precise, measured.labels)
    if worse.certain:
        raise UserError(
            f"{path} is not written: with precise statistics the accuracy is {worse.worse:.3f} "
            f"instead of {worse.better:.3f}"
        )
