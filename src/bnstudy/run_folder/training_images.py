"""training_images.json: what a finished run gets right of its plain training images.

`bnstudy evaluate --images training` writes it; `bnstudy report` judges the gap between training and
test by it.
"""

import math
from pathlib import Path

from bnstudy.errors import UserError
from bnstudy.run_folder.files import read_json, write_json
from bnstudy.run_folder.log import RunLog, result_digest

FILE = "training_images.json"


def write(run_folder: Path, accuracy: float, cost: float, precision: str) -> Path:
    """Write the file; return its path.

    Args:
        run_folder: of a finished run.
        accuracy: on the training images, unaugmented, in inference mode; a fraction.
        cost: on them; nats.
        precision: of the activations.

    """
    made_by = {"run": result_digest(run_folder), "precision": precision}
    write_json(path := run_folder / FILE, {"accuracy": accuracy, "cost": cost, **made_by})
    return path


def read_accuracy(log: RunLog) -> float | None:
    """Return the accuracy that was written, or None where there is no such file.

    Raises:
        UserError: the file is damaged, or of another run.

    """
    found = read_json(path := log.folder / FILE)
    if found is None:
        return None
    accuracy, wrong = found.get("accuracy"), ""
    number = accuracy if isinstance(accuracy, int | float) else math.nan
    if isinstance(accuracy, bool) or not 0 <= number <= 1:
        wrong = "is damaged: accuracy must be a number from 0 to 1"
    elif found.get("run") != result_digest(log.folder):
        wrong = "is not of the result.json beside it"
    elif found.get("precision") != (own := log.config.training.precision):
        wrong = f"is not of the run's precision, {own}"
    if wrong:
        raise UserError(f"{path} {wrong}; make it again with `bnstudy evaluate --images training`")
    return float(number)
