"""Batch normalization, measured: one network trained three ways, the third with gradients by hand.

    config = bnstudy.load_config(case="c", presets=["quick"])
    result = bnstudy.run(config, "logs/my-run")
    log = bnstudy.load_log("logs/my-run")
    figure = bnstudy.plot("logs/my-run")

TensorFlow is imported only when something is run.
"""

from typing import TYPE_CHECKING, Any

from bnstudy.backend.startup import watch_for_forks

__version__ = "0.1.0"
__all__ = [
    "Config",
    "Interrupted",
    "RunLog",
    "TensorBoard",
    "UserError",
    "check_layer",
    "diagnose",
    "load_config",
    "load_log",
    "load_model",
    "plot",
    "run",
]

if TYPE_CHECKING:
    from bnstudy.analysis.tensorboard import TensorBoard
    from bnstudy.config.load import load_config
    from bnstudy.config.schema import Config
    from bnstudy.doctor.diagnosis import diagnose
    from bnstudy.errors import UserError
    from bnstudy.gradient_check.own_layer.check import check_layer
    from bnstudy.interrupts import Interrupted
    from bnstudy.plots.figures import plot
    from bnstudy.run_folder.log import RunLog, load_log
    from bnstudy.runner import run
    from bnstudy.trained import load_model

watch_for_forks()

_HOMES = {
    "Config": "config.schema",
    "Interrupted": "interrupts",
    "RunLog": "run_folder.log",
    "TensorBoard": "analysis.tensorboard",
    "UserError": "errors",
    "check_layer": "gradient_check.own_layer.check",
    "diagnose": "doctor.diagnosis",
    "load_config": "config.load",
    "load_log": "run_folder.log",
    "load_model": "trained",
    "plot": "plots.figures",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bnstudy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"bnstudy.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, including those not yet imported."""
    return sorted({*globals(), *__all__})
