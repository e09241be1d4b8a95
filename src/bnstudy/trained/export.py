"""Write a trained network into one file, for others to use."""

from pathlib import Path
from typing import TYPE_CHECKING

from bnstudy.errors import UserError
from bnstudy.run_folder import weights
from bnstudy.run_folder.files import write_bytes_atomic
from bnstudy.trained import load_model, load_weights

if TYPE_CHECKING:
    from bnstudy.trained.network import TrainedNetwork


def export(
    run_folder: Path, form: str, out: Path | None = None, data: str | Path | None = None
) -> Path:
    """Write the network of a finished run into a file.

    Args:
        run_folder: its path.
        form: "npz", "keras" or "safetensors", which is also the suffix of the file.
        out: the file; unless given, weights.npz in the run folder, and for other formats a file of
            the run's name in the current folder.
        data: where CIFAR-10 is, if it is needed (see `load_model`).

    Returns:
        The path of the file.

    Raises:
        UserError: as `load_model`; or the file cannot be written.

    """
    if out is None:
        name = f"{run_folder.resolve().name}.{form}"
        out = run_folder / weights.FILE if form == "npz" else Path(name)
    if out.suffix != f".{form}":
        raise UserError(f"{out}: the name of the file must end in .{form}")
    network = load_model(run_folder, precision="float32", data=data)
    found = load_weights(run_folder, data)
    content = b"" if form == "npz" else _as_bytes(network, form)
    try:
        if form == "npz":
            weights.save(out, found.run.config, found.arrays)
        else:
            write_bytes_atomic(out, content)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from None
    return out


def _as_bytes(network: "TrainedNetwork", form: str) -> bytes:
    from bnstudy.trained import to_keras, to_safetensors

    content: bytes = {"keras": to_keras, "safetensors": to_safetensors}[form].as_bytes(network)
    return content
