"""Load a .keras file of anybody's, without running code that it brings along."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnstudy.errors import UserError, one_line

if TYPE_CHECKING:
    import keras

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
# Keras's safe mode refuses a Lambda with Python code, but not one that names a function; the others
# run a graph or read a file that the model names.
REFUSED = {
    *("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("StringLookup", "IntegerLookup", "TextVectorization"),
}
OTHER_FORMATS = {b"\x89HDF": "HDF5", b"\x80": "a pickle"}
RIGHT = "must be a .keras file, as model.save('model.keras') of Keras 3 writes it"
OWN_CODE = "load it yourself, if you trust it, and call bnstudy.diagnose(model, images)"


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration in a .keras file, once everything in it is known to be Keras's own.

    Args:
        path: of the file.

    Raises:
        UserError: there is no such file, it has another format, or it needs code of others.

    """
    if not path.is_file():
        raise UserError(f"{path}: no such file" if not path.exists() else f"{path}: {RIGHT}")
    with path.open("rb") as file:
        start = file.read(4)
    for magic, name in OTHER_FORMATS.items():
        if start.startswith(magic):
            raise UserError(f"{path} is {name}, which can run code when it is loaded; it {RIGHT}")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise UserError(f"{path}: {RIGHT}")
    config = _json(path)
    for part in _parts(config):
        if reason := _refusal(part):
            raise UserError(f"{path} {reason}; {OWN_CODE}")
    return config


def _json(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            config = json.loads(archive.read(CONFIG)) if CONFIG in names else None
    # zipfile raises NotImplementedError for a compression that it does not know.
    except (ValueError, RecursionError, zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"{path} is damaged: {one_line(error)}") from None
    if not isinstance(config, dict) or WEIGHTS not in names:
        raise UserError(f"{path} has no {CONFIG} and {WEIGHTS}; it {RIGHT}")
    return config


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a configuration that names a class, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _refusal(part: dict[str, Any]) -> str:
    """Return why an object cannot be made without code of others, or nothing."""
    name, module = str(part["class_name"]), part.get("module")
    if name in REFUSED:
        return f"has a layer {one_line(name)}, which can run code or read other files"
    if name.startswith("__"):  # a tuple, an array
        return ""
    own = module is None or str(module).split(".")[0] == "keras"
    registered = str(part.get("registered_name") or name)
    if not own or ">" in registered or not name[:1].isupper():
        shown = part["config"] if name == "function" else name
        return f"needs {one_line(shown)}, which is not Keras's own"
    return ""


def has_batch_norm(config: dict[str, Any]) -> bool:
    """Return whether a configuration has a batch norm."""
    return any(part["class_name"] == "BatchNormalization" for part in _parts(config))


def input_shape(config: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Return the shape that a model takes, [N, ...], if its configuration tells."""
    shape = (config.get("build_config") or {}).get("input_shape")
    if isinstance(shape, list) and all(isinstance(n, int | None) for n in shape):
        return tuple(shape)
    return None


def load(path: Path) -> "keras.Model":
    """Load a model whose configuration `read_config` has admitted.

    Raises:
        UserError: it is damaged, or Keras refuses it.

    """
    import keras

    try:
        return keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # whatever a damaged file leads to
        raise UserError(
            f"Keras {keras.__version__} cannot load {path}: {one_line(error)}"
        ) from None
