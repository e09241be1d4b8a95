"""The processes of runs: each is a `bnstudy run`, and ends with the process that started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bnstudy.interrupts import STOP_AT_END_OF_INPUT
from bnstudy.run_folder.advice import in_a_plan


class Processes:
    """Starts the processes of runs, and asks those that are under way to stop."""

    def __init__(self) -> None:
        self._running: dict[Path, subprocess.Popen[str]] = {}

    def carry_out(
        self,
        folder: Path,
        arguments: list[str],
        show: Callable[[str], None],
        stop: Callable[[], bool],
        variables: Mapping[str, str] | None = None,
    ) -> int:
        """Run one process to its end, and return its exit code.

        Args:
            folder: of the run.
            arguments: of `bnstudy run`, without the folder.
            show: is given every line that it prints, with advice that is right for a plan.
            stop: whether runs have been asked to stop in the meantime.
            variables: of its environment, besides ours.

        """
        # -P: the module is the installed one, whatever is in the current folder.
        program = [sys.executable, "-P", "-m", "bnstudy"]
        with subprocess.Popen(
            [*program, "run", *arguments, "--out", str(folder)],
            env={**os.environ, **(variables or {}), STOP_AT_END_OF_INPUT: "1"},
            stdin=subprocess.PIPE,  # ends with us, however we end
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # In a session of its own, a terminal's Ctrl-C reaches it through us alone, and once.
            start_new_session=True,
        ) as process:
            self._running[folder] = process
            if stop():  # asked before it was in the list
                process.send_signal(signal.SIGTERM)
            for line in process.stderr or ():
                show(in_a_plan(line.strip()))
            code = process.wait()
            del self._running[folder]
            return code

    def stop(self, folder: Path | None = None) -> None:
        """Ask one run or all to save and stop; the second time, to stop immediately."""
        for place, process in list(self._running.items()):
            if folder in (None, place):
                process.send_signal(signal.SIGTERM)

    def let_go(self) -> None:
        """Let all runs save and stop, as they do when we end."""
        for process in list(self._running.values()):
            if process.stdin is not None:
                process.stdin.close()
