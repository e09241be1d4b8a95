"""The environment of a run: versions, hardware, commit, command; for environment.json."""

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import bnstudy
from bnstudy.backend import cpu

# Variables that decide the number of threads, the kernels and the device.
_VARIABLES = (
    "BNSTUDY_TF32",
    "BNSTUDY_XLA",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "XLA_FLAGS",
)


def environment(command: list[str]) -> dict[str, Any]:
    """Describe where and how a run is made, for environment.json.

    GPUs and thread counts are known (not None) only if TensorFlow is already imported; a thread
    count of 0 means that TensorFlow chooses.

    Args:
        command: the process's argv; of its program only the name is kept, since a published log
            must not reveal the folders of somebody's machine.

    """
    tensorflow = sys.modules.get("tensorflow")
    gpus = _gpus(tensorflow) if tensorflow else None
    return {
        "command": _command_line(command),
        "versions": versions(),
        "git": git_state(Path(bnstudy.__file__).resolve()),
        "platform": platform.platform(),
        "cpu": cpu.model_name(),
        "cores": _usable_cores(),
        "bfloat16_instructions": cpu.has_bfloat16(),
        "gpus": gpus,
        "op_determinism": bool(gpus),  # a run switches it on where there is a GPU
        "tensor_float_32": bool(gpus) and _allows_tensor_float_32(tensorflow),
        "threads": {
            "intra_op": tensorflow.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tensorflow.config.threading.get_inter_op_parallelism_threads(),
        }
        if tensorflow
        else None,
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def versions() -> dict[str, str | None]:
    """Return name -> version, of what decides a result."""
    return {
        "python": platform.python_version(),
        "bnstudy": bnstudy.__version__,
        **{name: _version(name) for name in ("tensorflow", "keras", "numpy")},
    }


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process so far, in MB (10^6 bytes).

    None on Windows, which has no such call.
    """
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS, else in KiB
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _command_line(argv: list[str]) -> str:
    if not argv:
        return ""
    program = Path(argv[0])
    if program.stem.endswith("kernel_launcher"):  # a notebook's; its arguments say nothing
        return program.stem
    ours = program.stem == "bnstudy" or program.parts[-2:] == ("bnstudy", "__main__.py")
    return shlex.join(["bnstudy" if ours else program.name, *argv[1:]])


def _version(name: str) -> str | None:
    # The imported module knows best: TensorFlow comes under several package names.
    version: str | None = getattr(sys.modules.get(name), "__version__", None)
    if version:
        return version
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def git_state(file: Path) -> dict[str, Any] | None:
    """Return the commit of a package, and whether its files differ from that commit ("dirty").

    Args:
        file: any file of the package.

    Returns:
        None unless a git checkout tracks the file.

    """

    def git(*arguments: str) -> str:
        # Inside a git hook, GIT_DIR and similar variables would point at another repository.
        variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        return subprocess.run(
            ["git", "-C", str(file.parent), *arguments],
            env=variables,
            capture_output=True,
            check=True,
            text=True,
            timeout=5,
        ).stdout.strip()

    try:
        # An installed copy may be inside somebody else's checkout, whose commit says nothing.
        git("ls-files", "--error-unmatch", file.name)
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--short", "--", ".")),
        }
    except (OSError, subprocess.SubprocessError):
        return None


def _usable_cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):  # Linux: a container or a batch system may allow fewer
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _allows_tensor_float_32(tensorflow: Any) -> bool:
    return bool(tensorflow.config.experimental.tensor_float_32_execution_enabled())


def _gpus(tensorflow: Any) -> list[str]:
    devices = tensorflow.config.list_physical_devices("GPU")
    details = [tensorflow.config.experimental.get_device_details(device) for device in devices]
    return [
        detail.get("device_name", device.name)
        for detail, device in zip(details, devices, strict=True)
    ]
