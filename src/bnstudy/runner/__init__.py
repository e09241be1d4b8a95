"""A run, from its configuration to its last epoch; `run` is the only way into it.

Imports `model`, `data`, `run_folder`, `plots` and what is below them.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnstudy.config.schema import Config
from bnstudy.errors import UserError
from bnstudy.paths import user_path
from bnstudy.run_folder.folder import finished_result

if TYPE_CHECKING:
    from bnstudy.runner.training import Training


def run(
    config: Config,
    out_dir: str | Path,
    *,
    fresh: bool = False,
    command: Sequence[str] = (),
    watch: "Callable[[Path, Training], None] | None" = None,
) -> dict[str, Any]:
    """Train as configured and leave a run folder, as `bnstudy run` does.

    A run that stopped continues from its last checkpoint, bit for bit; a finished one is not run
    again, but extended when the configuration asks for more epochs. SIGINT and SIGTERM save and
    stop; a second one stops immediately, as KeyboardInterrupt.

    Args:
        config: from `load_config`.
        out_dir: the run folder; ~ is the home folder.
        fresh: start over; what is there is kept aside.
        command: for environment.json; the current process's unless given.
        watch: called with the run folder and the run whenever metrics.csv has been written, such as
            `bnstudy.TensorBoard()`; must leave the run as it is.

    Returns:
        The metrics of the last epoch, as in result.json.

    Raises:
        UserError: the folder is in use or belongs to another configuration, the data cannot be
            loaded, the cost is not finite, the disk is full, or memory runs out.
        Interrupted: the run was asked to stop, and has saved its state.
        KeyboardInterrupt: it was asked twice; the last checkpoint is intact.

    """
    if not isinstance(config, Config):
        raise UserError(
            f"config is of type {type(config).__name__}, must come from bnstudy.load_config: "
            'load_config(case="c", presets=["quick"])'
        )
    folder = user_path(out_dir, "out_dir", "the path of a run folder")
    if not fresh and (result := finished_result(folder, config)) is not None:
        return result
    from bnstudy.backend import tf_config
    from bnstudy.backend.startup import import_tensorflow

    tf_config.check(config.training.devices)
    import_tensorflow(config.training.devices)
    from bnstudy.runner.loop import train_to_the_end

    return train_to_the_end(
        config,
        folder,
        fresh=fresh,
        command=list(command) or sys.argv,
        watch=watch or (lambda *_: None),
    )
