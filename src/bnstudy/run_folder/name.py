"""Names of run folders."""

from collections.abc import Sequence
from pathlib import Path

from bnstudy.config.schema import Config

ASIDE = ".old-"  # in the name of a folder that `--fresh` has kept aside; a number follows


def run_name(
    config: Config, presets: Sequence[str], file: Path | None, changes: Sequence[str] = ()
) -> str:
    """Return the name of a run folder, which says what made it: case-c_quick_seed-0.

    Args:
        config: the whole configuration.
        presets: their names, in order.
        file: the user's own configuration; its stem becomes part of the name.
        changes: "key=value", from a plan.

    """
    own = [file.stem] if file else []
    parts = [f"case-{config.case}", *presets, *own, *changes, f"seed-{config.seed}"]
    return "_".join(parts).replace("/", "-")
