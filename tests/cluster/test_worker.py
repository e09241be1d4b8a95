"""A run on a worker: it waits for its folder, has the worker's threads, and goes on elsewhere."""

import os
import threading
from types import SimpleNamespace

import distributed
import pytest
from sweep_helpers import tiny_plan

from bnstudy.cluster import worker
from bnstudy.run_folder.folder import claim
from bnstudy.sweep import local
from bnstudy.sweep.plan import load_plan
from bnstudy.sweep.process import Processes


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(worker, "get_worker", lambda: WORKER)
    SAID.clear()
    (run,) = load_plan(tiny_plan(tmp_path, 1))
    yield run
    worker._stopped.clear()


SAID: list[dict] = []
WORKER = SimpleNamespace(
    id="this", state=SimpleNamespace(nthreads=3), log_event=lambda _, message: SAID.append(message)
)


def processes(monkeypatch, code, line="its last line"):
    """Let every process finish its run, or end with a code and a line."""
    variables = []

    def carry_out(self, folder, arguments, show, stop, given):
        variables.append(given)
        show(line)
        return code

    monkeypatch.setattr(Processes, "carry_out", carry_out)
    return variables


def test_a_process_has_as_many_threads_as_its_worker_unless_that_is_said(run, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "1")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    given = processes(monkeypatch, 1)
    made = worker.carry_out(run)
    assert given == [{"TF_NUM_INTRAOP_THREADS": "3", "TF_NUM_INTEROP_THREADS": "1"}]
    assert (made.state, made.exit_code, made.last_line) == ("failed", 1, "its last line")
    (said,) = SAID
    assert said == {"run": str(run.folder), "line": "its last line"}


def test_a_run_whose_worker_closes_goes_to_another(run, monkeypatch):
    processes(monkeypatch, 130)
    with pytest.raises(distributed.Reschedule):
        worker.carry_out(run)


def test_a_run_that_a_client_stops_goes_to_nobody(run, monkeypatch):
    processes(monkeypatch, 130)
    monkeypatch.setattr(worker, "is_stopped", lambda run: run.state != "waiting")
    assert worker.carry_out(run).state == "interrupted"
    run.state = "waiting"
    monkeypatch.setattr(worker, "is_stopped", lambda _: True)
    monkeypatch.setattr(Processes, "carry_out", lambda *_: pytest.fail("it was stopped before"))
    assert worker.carry_out(run).state == "waiting"


def test_a_run_waits_until_its_folder_is_free(run, monkeypatch):
    """As when the worker that had it before is lost, and its process still saves."""
    processes(monkeypatch, 1)
    held = claim(run.folder, run.config)
    held.__enter__()

    timer = threading.Timer(0.5, lambda: held.__exit__(None, None, None))
    timer.start()
    assert worker.carry_out(run).last_line == "its last line"
    timer.join()
    said, _ = SAID
    assert f"in use by process {os.getpid()} on" in said["line"]
    assert said["line"].endswith("; waiting until it is free")
