"""Give the runs of a plan to a Dask scheduler, and show what becomes of them."""

import contextlib
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import distributed
from dask.base import tokenize

from bnstudy.cluster import address as addresses
from bnstudy.cluster import worker
from bnstudy.cluster.address import LOCAL
from bnstudy.cluster.needs import needs_of
from bnstudy.errors import UserError, one_line
from bnstudy.interrupts import Interrupted, StopRequest, graceful_stop
from bnstudy.output import echo
from bnstudy.sweep.overview import exit_code, table, update_state
from bnstudy.sweep.plan import Run

TIME_TO_CONNECT = 10.0  # seconds
TIME_TO_CHOOSE = 5.0  # after Ctrl-C
TIME_TO_SAVE = 60.0
TIME_TO_COME_BACK = 600.0  # of a scheduler that is lost

Work = Callable[[Run], Run]


class Lost(Exception):
    """The scheduler does not answer any more."""


def run_plan(
    runs: list[Run],
    scheduler: str,
    *,
    fail_fast: bool = False,
    work: Work = worker.carry_out,
) -> int:
    """Run what is not finished on the workers of a scheduler, and print the state of every run.

    Args:
        runs: from `load_plan`.
        scheduler: its address, or local:4 for one with four workers on this machine.
        fail_fast: the first run that fails stops the others, which save their state.
        work: makes one run, on a worker.

    Returns:
        The exit code, as of a sweep on this machine.

    Raises:
        UserError: there is no such scheduler, or all of its workers are refused.
        Interrupted: the client was asked to stop; the runs go on or have saved their state.

    """
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is to be said, we say
    addresses.check(scheduler)
    for run in runs:
        run.folder = run.folder.resolve()
        update_state(run)
    echo(table(runs))
    with graceful_stop() as stop, _address(scheduler) as address:
        following = _Following(runs, work, stop, fail_fast=fail_fast)
        following.leave_runs = not scheduler.startswith(LOCAL)
        try:
            _follow_to_the_end(following, address)
        finally:
            echo(table(runs))
    return exit_code(runs)


@contextlib.contextmanager
def _address(scheduler: str) -> Iterator[str]:
    """Yield the address of a scheduler, which may be one on this machine, for as long as we run."""
    if not scheduler.startswith(LOCAL):
        yield scheduler
        return
    with _deaf_to_ctrl_c():
        cluster = distributed.LocalCluster(
            n_workers=int(scheduler.removeprefix(LOCAL)),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,  # the runs are processes of their own
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        yield cluster.scheduler_address


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that a Ctrl-C of the terminal does not end: we end them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _follow_to_the_end(following: "_Following", address: str) -> None:
    """Follow the runs; when the scheduler is lost, wait for it, and give it what is left."""
    patience = 0.0
    while following.left:
        client = _connect(address, patience, following.stop)
        try:
            following.follow(client)
        except Lost:
            echo(
                f"the scheduler at {address} is lost; waiting up to "
                f"{TIME_TO_COME_BACK / 60:.0f} minutes for its return"
            )
            patience = TIME_TO_COME_BACK
        finally:
            client.close(timeout=2)


def _connect(address: str, patience: float, stop: StopRequest) -> distributed.Client:
    ends = time.monotonic() + patience
    while True:
        try:
            return distributed.Client(address, timeout=TIME_TO_CONNECT, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            if time.monotonic() >= ends or stop:
                raise UserError(
                    f"--scheduler {address}: no scheduler answers ({one_line(error)}); start one: "
                    "dask scheduler --host 127.0.0.1"
                ) from None
        time.sleep(1)


class _Following:
    """The runs that are left, given to a scheduler and followed to their end.

    Attributes:
        left: folder -> run, of those that have not ended.
        stop: whether we were asked to stop.
        leave_runs: whether the runs can go on without us.

    """

    def __init__(self, runs: list[Run], work: Work, stop: StopRequest, *, fail_fast: bool):
        self.left = {run.folder: run for run in runs if run.state in ("waiting", "elsewhere")}
        self.stop, self.leave_runs = stop, True
        self._needs = needs_of(runs)
        self._work, self._fail_fast = work, fail_fast
        self._failed = fail_fast and any(run.state == "failed" for run in runs)
        self._ended: queue.Queue[tuple[Path, distributed.Future]] = queue.Queue()
        self._refused: set[tuple[str, str]] = set()

    def follow(self, client: distributed.Client) -> None:
        """Give what is left to the scheduler, and wait for it.

        Raises:
            Lost: the scheduler is gone.
            Interrupted: we were asked to stop.

        """
        self._ended = queue.Queue()
        try:
            self._admit(client)
            futures = self._submit(client)
            try:
                self._wait()
            except KeyboardInterrupt:
                self._stop_runs(client, futures)
                raise Interrupted("the sweep was stopped; every run has saved its state") from None
            if self.left:  # the first failure
                self._stop_runs(client, futures)
        except distributed.comm.CommClosedError:
            raise Lost from None

    def _admit(self, client: distributed.Client) -> None:
        """Let every worker be examined, now or when it joins."""
        client.subscribe_topic(worker.TOPIC, lambda event: self._show(event[1]))
        with contextlib.suppress(Exception):  # of workers without bnstudy; they answer below
            client.register_plugin(worker.Admission(self._needs))
        name, folders = self._needs.name, list(self.left)
        answers = client.run(worker.admission, name, folders, on_error="return")
        refused = {address: one_line(why) for address, why in answers.items() if why is not None}
        for address, why in refused.items():
            self._refuse(address, why)
        if refused and len(refused) == len(answers):
            address, why = next(iter(refused.items()))
            raise UserError(f"--scheduler: every worker is refused; {address}: {why}")
        if not answers:
            echo(
                f"no worker yet; start one: dask worker {client.scheduler.address} --nthreads 1 "
                "--memory-limit 0 --host 127.0.0.1 --dashboard-address 127.0.0.1:0"
            )

    def _submit(self, client: distributed.Client) -> list[distributed.Future]:
        """Make a task of every run; a second client of the plan finds those of the first."""
        tasks = [_task(run) for run in self.left.values()]
        futures: list[distributed.Future] = client.map(
            self._work,
            tasks,
            key=[
                f"{task.folder.name}-{tokenize(str(task.folder), task.arguments)}" for task in tasks
            ],
            resources={worker.ONE_RUN: 1, self._needs.name: 1},
        )
        distributed.fire_and_forget(futures)  # they do not end with us
        for task, future in zip(tasks, futures, strict=True):
            folder, ended = task.folder, self._ended
            future.add_done_callback(lambda f, folder=folder, ended=ended: ended.put((folder, f)))
        return futures

    def _wait(self) -> None:
        """Wait until no run is left, or the first has failed if that is to stop the others."""
        leave_at = None
        while self.left and not self._failed:
            if self.stop and not self.leave_runs:
                raise KeyboardInterrupt
            if self.stop and leave_at is None:
                leave_at = time.monotonic() + TIME_TO_CHOOSE
                echo(
                    f"in {TIME_TO_CHOOSE:.0f} s the runs go on without this command; Ctrl-C now "
                    "stops them, and each saves its state"
                )
            if leave_at is not None and time.monotonic() > leave_at:
                raise Interrupted("the runs go on; see them on the scheduler's dashboard")
            with contextlib.suppress(queue.Empty):
                self._take(*self._ended.get(timeout=0.2))

    def _take(self, folder: Path, future: distributed.Future) -> None:
        """Take what has become of a run from its task.

        Raises:
            Lost: the task is lost with its scheduler.

        """
        run = self.left[folder]
        if future.status == "finished":
            made = future.result()
            run.state, run.last_line, run.exit_code = made.state, made.last_line, made.exit_code
        elif future.status == "error":
            run.state, run.last_line, run.exit_code = "failed", one_line(future.exception()), 1
        else:
            raise Lost
        del self.left[folder]
        self._failed |= self._fail_fast and run.state == "failed"

    def _stop_runs(self, client: distributed.Client, futures: list[distributed.Future]) -> None:
        """Let all runs save and stop; a task that begins after this ends at once."""
        echo("stopping the runs; each saves its state")
        client.run(worker.stop_runs, list(self.left), on_error="ignore")
        ends = time.monotonic() + TIME_TO_SAVE
        while self.left and time.monotonic() < ends:
            with contextlib.suppress(queue.Empty):
                self._take(*self._ended.get(timeout=0.2))
        client.cancel(futures, force=True)

    def _refuse(self, address: str, why: str) -> None:
        """Say why a worker is refused, once: it answers our question, and tells all clients."""
        if (address, why) not in self._refused:
            self._refused.add((address, why))
            echo(f"worker {address} is refused: {why}")

    def _show(self, message: dict[str, str]) -> None:
        """Print what a worker says of our runs or of itself."""
        if message.get("plan") == self._needs.name:
            self._refuse(message["refused"], message["why"])
        elif (run := self.left.get(Path(message.get("run", "")))) is not None:
            run.state, run.last_line = "running", message["line"]
            echo(f"{run.folder.name}: {run.last_line}")


def _task(run: Run) -> Run:
    """Return a run as every client of its plan sends it to a worker."""
    arguments = run.arguments
    if run.file is not None:
        full = str(run.file.resolve())
        arguments = [full if text == str(run.file) else text for text in arguments]
    return replace(run, arguments=arguments, state="waiting", last_line="", exit_code=None)
