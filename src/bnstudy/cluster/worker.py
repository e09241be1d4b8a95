"""What happens on a worker: it is admitted or refused, and makes one run at a time."""

import asyncio
import logging
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from distributed import Reschedule, Status, Worker, WorkerPlugin, get_worker

from bnstudy.cluster.needs import Needs, objection
from bnstudy.sweep import local
from bnstudy.sweep.overview import update_state
from bnstudy.sweep.plan import Run
from bnstudy.sweep.process import Processes

TOPIC = "bnstudy"  # of the events that clients see
ONE_RUN = "bnstudy"  # the resource of which every worker has one
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

_log = logging.getLogger("distributed.worker.bnstudy")  # below Dask's, which shows its lines
_processes: dict[str, Processes] = defaultdict(Processes)  # by worker: a process can have several
_stopped: set[Path] = set()  # by a client


class Admission(WorkerPlugin):
    """Examines every worker, those that join later too, and gives it what a run requires.

    Dask hands a task to a worker that has its resources: one of ONE_RUN, so that runs follow one
    another, and one of the plan's name, which a worker has once it is admitted.

    Args:
        needs: of the plan.

    """

    def __init__(self, needs: Needs):
        self.name, self.needs = needs.name, needs
        self.objection: str | None = "it has not been examined yet"

    async def setup(self, worker: Worker) -> None:
        """Examine the worker, and tell the clients why it is refused."""
        self.objection = await asyncio.to_thread(objection, self.needs)
        if self.objection is not None:
            _tell(worker, {"refused": worker.address, "plan": self.name, "why": self.objection})
            return
        await worker.set_resources(**{ONE_RUN: 1, self.name: 1})
        if worker.status == Status.running:
            # Tasks that wait for such a worker are assigned when one begins to run.
            worker.status = Status.paused
            worker.status = Status.running

    async def teardown(self, worker: Worker) -> None:
        """Let the runs of a worker that closes save and stop; another worker continues them."""
        if worker.status in (Status.closing, Status.closing_gracefully):
            _processes[worker.id].let_go()


def admission(name: str, folders: list[Path], dask_worker: Worker) -> str | None:
    """Return why this worker is refused for a plan; make runs possible that were stopped before.

    Args:
        name: of the plan.
        folders: of its runs.
        dask_worker: from Dask.

    """
    _stopped.difference_update(folders)
    plugin: Admission = dask_worker.plugins[name]
    return plugin.objection


def stop_runs(folders: list[Path], dask_worker: Worker) -> None:
    """Let runs save and stop, for good."""
    _stopped.update(folders)
    for folder in folders:
        _processes[dask_worker.id].stop(folder)


def carry_out(run: Run) -> Run:
    """Make a run, on a worker, and return it with its new state.

    Raises:
        Reschedule: the worker closes; Dask gives the run to another.

    """
    worker, told = get_worker(), False
    update_state(run)
    while run.state in ("waiting", "elsewhere") and not is_stopped(run):
        if run.state == "elsewhere":
            if not told:
                _show(worker, run, f"{run.last_line}; waiting until it is free")
            told = True
            time.sleep(local.LOOK_AGAIN)
            update_state(run)
        else:
            _execute(worker, run)
    if run.state == "interrupted" and not is_stopped(run):
        raise Reschedule
    return run


def is_stopped(run: Run) -> bool:
    """Return whether a client has stopped a run."""
    return run.folder in _stopped


def _execute(worker: Worker, run: Run) -> None:
    """Make a run in a process that ends with the worker and has as many threads as it."""
    threads = str(worker.state.nthreads)
    variables = {name: os.environ.get(name, threads) for name in THREADS}

    def show(line: str) -> None:
        run.last_line = line
        _show(worker, run, line)

    run.state, run.last_line = "running", ""
    code = _processes[worker.id].carry_out(
        run.folder, run.arguments, show, lambda: is_stopped(run), variables
    )
    local.settle(run, code, stopped=is_stopped(run))


def _show(worker: Worker, run: Run, line: str) -> None:
    _log.info("%s: %s", run.folder.name, line)
    _tell(worker, {"run": str(run.folder), "line": line})


def _tell(worker: Worker, message: dict[str, Any]) -> None:
    worker.log_event(TOPIC, message)
