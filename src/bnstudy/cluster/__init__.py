"""Plans on a cluster, through Dask's distributed scheduler: what its client and its workers do.

Imports Dask (the extra `dask`), `sweep`, and what is below that; never TensorFlow.
"""

import importlib.util

from bnstudy.errors import UserError
from bnstudy.sweep.plan import Run


def run_plan(runs: list[Run], scheduler: str, *, fail_fast: bool = False) -> int:
    """Run a plan on the workers of a scheduler; see `client.run_plan`.

    Raises:
        UserError: Dask is not installed.

    """
    if importlib.util.find_spec("distributed") is None:
        raise UserError("--scheduler needs Dask: pip install 'bnstudy[dask]'")
    from bnstudy.cluster import client

    return client.run_plan(runs, scheduler, fail_fast=fail_fast)
