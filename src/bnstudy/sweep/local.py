"""Run a plan in processes on this machine; several sweeps of one plan share the work."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bnstudy.interrupts import EXIT_CODE, Interrupted, graceful_stop
from bnstudy.output import echo
from bnstudy.sweep.overview import exit_code, table, update_state
from bnstudy.sweep.plan import Run
from bnstudy.sweep.process import Processes

LOOK_AGAIN = 2.0  # seconds, until a folder that others use is looked at again


def run_plan(runs: list[Run], jobs: int, *, fail_fast: bool = False) -> int:
    """Run what is not finished, `jobs` at a time, and print the state of every run.

    A run whose folder is in use, by another sweep of the plan for example, is left to it. It is
    tried again at the end, if it has not finished by then: what others lose is taken over.

    SIGINT and SIGTERM are forwarded to every run, which saves and stops; a second one stops the
    runs immediately.

    Args:
        runs: from `load_plan`.
        jobs: runs at a time.
        fail_fast: the first run that fails stops the others, which save their state.

    Returns:
        The exit code: 0 if all have finished, 2 if the input of some was wrong, 1 if some failed.

    Raises:
        Interrupted: the sweep was asked to stop, and every run has saved its state.
        KeyboardInterrupt: it was asked twice; the last checkpoint of every run is intact.

    """
    for run in runs:
        update_state(run)
    echo(table(runs))
    processes = Processes()
    with graceful_stop(processes.stop) as stop:
        work = _Work(runs, processes, lambda: bool(stop), fail_fast=fail_fast)
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            for thread in [pool.submit(work.share) for _ in range(min(jobs, len(runs)))]:
                thread.result()
        echo(table(runs))
        if stop:
            raise Interrupted("the sweep was stopped; the last checkpoint of every run is intact")
    return exit_code(runs)


class _Work:
    """The runs that are left, and who of several threads takes which."""

    def __init__(
        self,
        runs: list[Run],
        processes: Processes,
        stopped: Callable[[], bool],
        *,
        fail_fast: bool,
    ):
        self._left = [run for run in runs if run.state in ("waiting", "elsewhere")]
        self._processes, self._stopped, self._fail_fast = processes, stopped, fail_fast
        self._failed = fail_fast and any(run.state == "failed" for run in runs)
        self._lock, self._look_at = threading.Lock(), {run.index: 0.0 for run in runs}
        self._overtaken = False

    def share(self) -> None:
        """Take one run after the other until none is left."""
        while self._left and not self._stop():
            if (run := self._take()) is None:
                time.sleep(LOOK_AGAIN / 10)
                continue
            before = run.state
            update_state(run)
            if run.state == "waiting":
                self._execute(run)
            if run.state == "elsewhere":
                self._leave(run, told=before == "elsewhere")

    def _stop(self) -> bool:
        return self._failed or self._stopped()

    def _take(self) -> Run | None:
        with self._lock:
            due = [run for run in self._left if self._look_at[run.index] <= time.monotonic()]
            if not due:
                return None
            # Sweeps that begin together want the same runs: who came too late tries any other.
            run = random.choice(due) if self._overtaken else due[0]
            self._left.remove(run)
            return run

    def _leave(self, run: Run, *, told: bool) -> None:
        if not told:
            echo(f"{run.folder.name}: {run.last_line}; it will be tried again")
        with self._lock:
            self._look_at[run.index] = time.monotonic() + LOOK_AGAIN
            self._left.append(run)

    def _execute(self, run: Run) -> None:
        """Run one process, and print its lines after the name of its folder."""
        from bnstudy.run_folder.folder import IN_USE

        def show(line: str) -> None:
            run.last_line = line
            if IN_USE not in line:  # `_leave` says that
                echo(f"{run.folder.name}: {line}")

        run.state, run.last_line = "running", ""
        code = self._processes.carry_out(run.folder, run.arguments, show, self._stop)
        settle(run, code, stopped=self._stop())
        self._overtaken |= run.state == "elsewhere"
        if run.state == "failed" and self._fail_fast and not self._failed:
            self._failed = True
            self._processes.stop()


def settle(run: Run, code: int, *, stopped: bool) -> None:
    """Set the state of a run whose process has ended.

    Args:
        run: whose `last_line` is what the process printed at last.
        code: the exit code.
        stopped: whether it was asked to stop.

    """
    from bnstudy.run_folder.folder import IN_USE

    run.exit_code, run.state = code, "failed"
    if code == EXIT_CODE or (stopped and code < 0):
        run.state = "interrupted"
    elif IN_USE in run.last_line:  # another process was faster
        run.state = "elsewhere"
    elif code == 0:
        update_state(run)  # what the folder holds decides
