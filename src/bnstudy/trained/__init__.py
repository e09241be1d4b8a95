"""The network of a finished run: it classifies images, is evaluated, and is exported.

Imports `runner`, `plots`, `model`, `run_folder`, `data` and what is below them.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from bnstudy.errors import UserError
from bnstudy.run_folder import weights
from bnstudy.run_folder.weights import Weights

if TYPE_CHECKING:
    from bnstudy.trained.network import TrainedNetwork


def load_model(
    run_folder: str | Path, *, precision: str | None = None, data: str | Path | None = None
) -> "TrainedNetwork":
    """Load the network of a finished run.

        network = bnstudy.load_model("logs/case-c_seed-0")
        probabilities = network.predict(images)  # [N, 32, 32, 3], 0 to 255 -> float32 [N, 10]

    Args:
        run_folder: its path; ~ is the home folder.
        precision: of the activations, "float32" or "bfloat16"; that of the run unless given.
        data: where CIFAR-10 is, if it is needed: for `evaluate`, and for the standardization where
            the weights come from a checkpoint of an older version. As `data.dir` unless given.

    Raises:
        UserError: it is not the folder of a finished run, it has neither weights nor checkpoints,
            or they are damaged or of another configuration.

    """
    if precision not in (None, "float32", "bfloat16"):
        raise UserError(f"precision is {precision!r}, must be float32, bfloat16 or None")
    found = load_weights(run_folder, data)
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    from bnstudy.trained.network import TrainedNetwork

    return TrainedNetwork(found, precision or found.run.config.training.precision)


def load_weights(run_folder: str | Path, data: str | Path | None = None) -> Weights:
    """Read the weights of a finished run, and what an old checkpoint lacks; see `load_model`."""
    found = weights.load(run_folder)
    if data is not None:
        config = found.run.config
        here = config.data.model_copy(update={"dir": str(data)})
        run = dataclasses.replace(found.run, config=config.model_copy(update={"data": here}))
        found = found._replace(run=run)
    if "standardization/mean" in found.arrays:
        return found
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    from bnstudy.data.dataset import load_dataset
    from bnstudy.data.standardize import standardizers

    images = found.run.config.data
    standardization = standardizers(load_dataset(images), images.standardize).test
    missing = {f"standardization/{name}": array for name, array in vars(standardization).items()}
    return found._replace(arrays=found.arrays | missing)
