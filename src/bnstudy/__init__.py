"""Batch normalization, measured: one network, three ways to train it, every gradient by hand.

    config = bnstudy.load_config(case="c", presets=["quick"])
    result = bnstudy.run(config, "logs/my-run")
    log = bnstudy.load_log("logs/my-run")

TensorFlow is imported only when something is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Config", "RunLog", "UserError", "load_config", "load_log", "run"]

if TYPE_CHECKING:
    from bnstudy.config import Config, load_config
    from bnstudy.errors import UserError
    from bnstudy.run_log import RunLog, load_log
    from bnstudy.runner import run

_HOMES = {
    "Config": "config",
    "load_config": "config",
    "UserError": "errors",
    "RunLog": "run_log",
    "load_log": "run_log",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, and TensorFlow no sooner."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bnstudy' has no attribute {name!r}")
    from importlib import import_module

    if name == "run":
        from bnstudy.quiet import import_tensorflow

        import_tensorflow()
    return getattr(import_module(f"bnstudy.{_HOMES[name]}"), name)
