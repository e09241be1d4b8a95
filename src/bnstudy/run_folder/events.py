"""What TensorBoard reads: one file per epoch, in the folder `tensorboard` of a run folder.

    metrics/test_cost, ...    scalars: the columns of metrics.csv
    activations/conv1, ...    histograms, if there are any (analysis/tensorboard.py)

Each epoch has a file of its own, so that a run that was killed and continues writes the same file
again: nothing is there twice. Needs the package tensorboard, which is imported when it is needed.
"""

import io
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bnstudy.errors import UserError
from bnstudy.run_folder.files import write_bytes_atomic
from bnstudy.run_folder.log import COLUMNS, EpochMetrics

FOLDER = "tensorboard"
BUCKETS = 30  # of a histogram, as tf.summary.histogram has them


def require() -> None:
    """Refuse to begin what could not be written.

    Raises:
        UserError: the package tensorboard is missing, or one that it needs.

    """
    try:
        import tensorboard.plugins.histogram.metadata
        import tensorboard.plugins.scalar.summary_v2
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"TensorBoard is not installed ({error}); install it with: "
            "pip install 'bnstudy[tensorboard]'"
        ) from None


def write(
    folder: Path, rows: Sequence[EpochMetrics], histograms: Mapping[str, np.ndarray] | None = None
) -> None:
    """Bring the files up to date with the rows of metrics.csv.

    Earlier epochs that have a file keep it, since their weights are gone; those that have none get
    one without histograms.

    Args:
        folder: the run folder.
        rows: of all finished epochs.
        histograms: of the last epoch: name -> values, of any shape.

    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    # TensorBoard reads the files in the order of their names, each to its end and never again.
    paths = {place / f"epoch-{row.epoch:07}.tfevents": row for row in rows}
    for path in set(place.glob("*.tfevents")) - paths.keys():  # of a run that went back
        path.unlink()
    for path, row in paths.items():
        if row is rows[-1] and histograms:
            _write_file(path, _contents(row, histograms))
        elif not path.exists():
            _write_file(path, _contents(row, {}))


def _write_file(path: Path, contents: bytes) -> None:
    """Write atomically, where TensorBoard sees no temporary file: one with tfevents in its name."""
    ready = path.with_name("next")
    write_bytes_atomic(ready, contents)
    os.replace(ready, path)


def _contents(row: EpochMetrics, histograms: Mapping[str, np.ndarray]) -> bytes:
    """Return the file of one epoch, whose number is the step of its events."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    summaries = [scalar_pb(f"metrics/{name}", getattr(row, name)) for name in COLUMNS[1:]]
    summaries += [_histogram(name, values) for name, values in histograms.items()]
    now, file = time.time(), io.BytesIO()
    writer = RecordWriter(file)
    writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
    for summary in summaries:
        event = Event(wall_time=now, step=row.epoch, summary=summary)
        writer.write(event.SerializeToString())
    return file.getvalue()


def _histogram(name: str, values: np.ndarray) -> Any:
    """Return TensorBoard's summary of the finite values.

    Its own `histogram_pb` counts the same, but needs 30 bytes for each value, and 13 times as long.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.histogram.metadata import create_summary_metadata
    from tensorboard.util.tensor_util import make_tensor_proto

    values = values.astype(np.float64)  # in float32, a narrow range has no room for the buckets
    counts, edges = np.histogram(values[np.isfinite(values)], BUCKETS)
    buckets = np.stack([edges[:-1], edges[1:], counts], axis=1)
    summary = Summary()
    summary.value.add(
        tag=name,
        metadata=create_summary_metadata(display_name=None, description=None),
        tensor=make_tensor_proto(buckets, dtype=np.float64),
    )
    return summary
