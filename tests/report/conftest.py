"""Finished runs with chosen curves, in the four arms of the experiment."""

import numpy as np
import pytest

from bnstudy.run_folder.files import write_json
from bnstudy.run_folder.log import load_log, read_metrics, result_from, write_metrics

D = {"model.batch_norm": "none"}
ARMS = {  # arm -> case and changes
    "a": ("a", {}),
    "b": ("b", {}),
    "c": ("c", {}),
    "d": ("c", D),
    "c, bias-corrected": ("c", {"optimizer.variant": "keras"}),
    "c, gradients as posted": ("c", {"training.gradients": "as_posted"}),
}


@pytest.fixture
def make_finished(make_run):
    """Write the folder of a finished run; columns may be given, one value per epoch."""

    def make(arm, seed, epochs=21, preset="lite", changes=None, **columns):
        case, own = ARMS[arm]
        overrides = {"seed": seed, "training.epochs": epochs, **own, **(changes or {})}
        name = f"runs/{arm} {seed} {epochs} {sorted((changes or {}).items())}"
        folder = make_run(name, case=case, presets=[preset], overrides=overrides)
        rows = read_metrics(folder / "metrics.csv")
        rows = [
            row._replace(
                **{name: float(np.broadcast_to(v, epochs)[i]) for name, v in columns.items()}
            )
            for i, row in enumerate(rows)
        ]
        write_metrics(folder, rows)
        log = load_log(folder)
        write_json(folder / "result.json", result_from(rows, log.config, 1000))
        return folder

    return make
