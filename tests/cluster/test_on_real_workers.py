"""Real `dask scheduler` and `dask worker` processes on loopback, killed and started again."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_helpers import sweep, tiny_plan

from bnstudy.run_folder.find import run_folders
from bnstudy.run_folder.folder import user_of

pytestmark = pytest.mark.thorough
LONGER = {"model.width": 0.1, "training.epochs": 5, "data.train_limit": 100}


class Cluster:
    """A scheduler and its workers, each in a process of its own."""

    def __init__(self, place, workers):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self.place = f"tcp://127.0.0.1:{self.port}", place
        self.start_scheduler()
        self.workers = [self.start_worker(number) for number in range(workers)]

    def start_scheduler(self):
        self.scheduler = self._dask(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"
        )

    def start_worker(self, number):
        return self._dask(
            *("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny"),
            *("--host", "127.0.0.1", "--memory-limit", "0", "--name", f"w{number}"),
            *("--local-directory", str(self.place / "dask")),
        )

    def _dask(self, *arguments):
        command = [sys.executable, "-m", "dask", *arguments]
        with (self.place / "dask.log").open("a") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.place)

    def sweep(self, plan):
        return sweep(plan, "--scheduler", self.address)

    def stop(self):
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path, 3)
    yield cluster
    cluster.stop()


def lines_until(process, pattern):
    """Return what a sweep has printed up to a line, which must come."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if re.search(pattern, line):
            return seen
    raise AssertionError("".join(seen) + process.stderr.read())


def digits(out):
    """Return run -> its metrics without the seconds."""
    return {
        folder.name: [
            line.rsplit(",", 2)[0] for line in (folder / "metrics.csv").read_text().splitlines()
        ]
        for folder in run_folders(out)
    }


def worker_of_a_run(cluster, out):
    """Return a worker whose run is under way: its process holds a folder."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        for note in out.glob(".*.lock.json"):
            pid = re.search(r'"pid": (\d+)', note.read_text())
            if pid is None:
                continue
            parent = re.search(r"PPid:\s+(\d+)", Path(f"/proc/{pid[1]}/status").read_text())
            for process in cluster.workers:
                if process.pid == int(parent[1]):
                    return process
        time.sleep(0.1)
    raise AssertionError("no run is under way")


def test_four_runs_on_three_workers_of_which_some_are_lost_have_the_digits_of_one_sweep(
    cluster, tmp_path, monkeypatch
):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "1")
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for place in (alone, shared):
        place.mkdir()
        tiny_plan(place, 4, **LONGER)
    reference = sweep(alone / "plan.yaml", "--jobs", "1")
    process = cluster.sweep(shared / "plan.yaml")
    lines_until(process, "epoch 2/5")
    killed = worker_of_a_run(cluster, shared / "out")
    killed.kill()
    cluster.workers.remove(killed)
    lines_until(process, "epoch 3/5")
    stopped = worker_of_a_run(cluster, shared / "out")
    stopped.send_signal(signal.SIGTERM)
    cluster.workers.append(cluster.start_worker(9))
    out, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert out.splitlines()[-1] == "4 finished"
    for run in run_folders(shared / "out"):
        assert user_of(run) is None, "an orphan keeps its folder"
    reference.communicate(timeout=900)
    assert reference.returncode == 0
    assert digits(shared / "out") == digits(alone / "out")
    assert len(digits(alone / "out")) == 4


def test_a_scheduler_that_comes_back_gets_what_is_left(cluster, tmp_path):
    process = cluster.sweep(tiny_plan(tmp_path, 2, **LONGER))
    lines_until(process, "epoch 2/5")
    cluster.stop()
    lines_until(process, "is lost; waiting up to 10 minutes for its return")
    cluster.start_scheduler()
    cluster.workers = [cluster.start_worker(number) for number in range(2)]
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert out.splitlines()[-1] == "2 finished"


def test_a_client_that_is_killed_finds_its_runs_again(cluster, tmp_path):
    plan = tiny_plan(tmp_path, 2, **LONGER)
    process = cluster.sweep(plan)
    lines_until(process, "epoch 2/5")
    process.kill()
    process.wait()
    process = cluster.sweep(plan)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert out.splitlines()[-1] == "2 finished"
    starts = [
        (run / "environment.json").read_text().count('"outcome"')
        for run in run_folders(tmp_path / "out")
    ]
    assert starts == [1, 1], "the second client has begun a run again"


def test_a_run_that_kills_every_worker_is_given_up_and_named(tmp_path):
    variables = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    os.environ |= variables
    try:
        cluster = Cluster(tmp_path, 1)
    finally:
        for name in variables:
            del os.environ[name]
    process = cluster.sweep(tiny_plan(tmp_path, 1, **LONGER))
    lines_until(process, "epoch 1/5")
    cluster.workers[0].kill()
    out, _ = process.communicate(timeout=100)
    cluster.stop()
    assert process.returncode == 1
    assert re.search(r"failed .*died", out)
