"""`bnstudy.diagnose`: what is wrong with the batch norms of a model."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnstudy.errors import UserError

if TYPE_CHECKING:
    from bnstudy.doctor.findings import Finding
    from bnstudy.doctor.measure import Measured

NO_BATCH_NORM = "the model has no batch norm, so there is nothing to examine"


@dataclass(frozen=True)
class Diagnosis:
    """What was measured, and what it means; print it for the table."""

    measured: "Measured | None"  # None for a model without batch norm
    findings: "tuple[Finding, ...]"  # the hints last
    seconds: float

    @property
    def healthy(self) -> bool:
        """Whether there are no findings; hints do not count."""
        return all(finding.is_hint for finding in self.findings)

    def __str__(self) -> str:
        from bnstudy.doctor import report

        return "\n".join(report.lines(self))


def diagnose(model: Any, images: Any, labels: Any = None) -> Diagnosis:
    """Examine the batch norms of a Keras model.

        diagnosis = bnstudy.diagnose(model, images, labels)
        print(diagnosis)
        diagnosis.healthy, [finding.kind for finding in diagnosis.findings]

    Args:
        model: of Keras 3, with one input; it is left as it was.
        images: [N, ...], as the model takes them; a thousand of the training or the test images.
        labels: their classes, [N] or one-hot [N, K], if there are any.

    Returns:
        The findings, each with where, how large, why it matters, and what to do.

    Raises:
        UserError: the model is none, or the images do not fit it, or they are too few.

    """
    from bnstudy.doctor import data

    given = data.check(images, labels)
    from bnstudy.backend.startup import import_tensorflow

    import_tensorflow()
    import keras
    import numpy as np

    from bnstudy.doctor.findings import judge
    from bnstudy.doctor.measure import measure

    if not isinstance(model, keras.Model):
        raise UserError(
            f"the model is a {type(model).__module__}.{type(model).__name__}, must be a model of "
            "Keras 3"
        )
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"Keras's backend is {keras.backend.backend()}, must be tensorflow")
    start, dtype = time.perf_counter(), "float32"
    if inputs := getattr(model, "inputs", None):
        if len(inputs) > 1:
            raise UserError(f"the model has {len(inputs)} inputs, must have one: the images")
        data.check_shape(tuple(inputs[0].shape), given)
        dtype = keras.backend.standardize_dtype(inputs[0].dtype)
    measured = measure(model, given.images.astype(np.dtype(dtype), copy=False), given.labels)
    findings = () if measured is None else tuple(judge(measured))
    return Diagnosis(measured, findings, time.perf_counter() - start)
