"""Let TensorBoard show a run while it trains: its metrics, activations and gradients.

bnstudy.run(config, "logs/mine", watch=bnstudy.TensorBoard())  # then: tensorboard --logdir logs
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnstudy.run_folder import events

if TYPE_CHECKING:  # TensorFlow is not imported before a run needs it, with the run's settings
    from bnstudy.analysis.landscape import Landscape
    from bnstudy.runner.training import Training


class TensorBoard:
    """Writes the events of a run at the end of each epoch.

    The histograms are of all values that each layer puts out, and of the gradient of each
    parameter, on one fixed batch of training images, as `probe` sees them. Values that are not
    finite are left out. The run is as it would be without: same weights, same metrics.

    Raises:
        UserError: TensorBoard is not installed.

    """

    def __init__(self) -> None:
        events.require()
        self._landscape: Landscape | None = None

    def __call__(self, folder: Path, training: "Training") -> None:
        """Write what is new.

        Args:
            folder: the run folder.
            training: the run, at the end of an epoch, or where it continues.

        """
        at_end = training.state.rows and not training.state.step
        events.write(folder, training.state.rows, self._histograms(training) if at_end else None)

    def _histograms(self, training: "Training") -> dict[str, np.ndarray]:
        """Return the values of the histograms, by name."""
        from bnstudy.analysis.activations import layer_outputs
        from bnstudy.analysis.landscape import put_back
        from bnstudy.model.layers import Context

        landscape = self._landscape_of(training)
        ((images, _),) = landscape.batches
        with put_back(training.model):  # training moves the moving statistics
            outputs = layer_outputs(training.model, images, Context(training=True))
        values = {f"activations/{name}": output.numpy() for name, output in outputs.items()}
        _, gradient = landscape(landscape.weights)
        names = landscape.names()
        for name in training.model.parameters:
            values[f"gradients/{name}"] = gradient[names == name]
        return values

    def _landscape_of(self, training: "Training") -> "Landscape":
        """Return the cost of the fixed batch; it is compiled once for each run."""
        from bnstudy.analysis.landscape import Landscape
        from bnstudy.analysis.probe import full_batches
        from bnstudy.data.standardize import standardizers

        if self._landscape is None or self._landscape.model is not training.model:
            config, dataset = training.config, training.dataset
            standardize = standardizers(dataset, config.data.standardize).train
            least = max(2, config.training.batch_size)
            batches = full_batches(config, dataset, least, standardize)
            self._landscape = Landscape(training.model, batches[:1])
        return self._landscape
