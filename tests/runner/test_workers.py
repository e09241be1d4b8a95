"""One run by two worker processes on loopback: killed, stopped, continued to the same digits."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from kill_and_resume import differences

pytestmark = pytest.mark.thorough
SETTINGS = {
    "model.width": 0.05,
    "data.augment": "true",
    "data.train_limit": 70,
    "data.test_limit": 20,
    "training.batch_size": 10,
    "training.epochs": 2,
    "training.devices": 2,
    "bn.synchronized": "true",
    "checkpoint.every_steps": 3,
}  # 14 steps an epoch


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def start(folder, **changes):
    """Start both workers; return their processes."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    command = [sys.executable, "-m", "bnstudy", "run", "--case", "c", "--preset", "quick"]
    for key, value in {**SETTINGS, **changes}.items():
        command += ["--set", f"{key}={value}"]
    return [
        subprocess.Popen(
            [*command, "--out", str(folder)],
            env={
                **os.environ,
                "TF_CONFIG": json.dumps(
                    {"cluster": cluster, "task": {"type": "worker", "index": index}}
                ),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in (0, 1)
    ]


def end(workers, seconds=240):
    """Wait for all; return their exit codes and what they said."""
    try:
        said = [worker.communicate(timeout=seconds)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    return [worker.returncode for worker in workers], said


def wait_for_a_checkpoint(folder, workers):
    deadline = time.monotonic() + 240
    while not list(folder.glob("checkpoints/step-*")):
        assert all(worker.poll() is None for worker in workers), end(workers)
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_continue_a_run_of_which_one_was_killed_and_one_was_stopped(tmp_path):
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    codes, said = end(start(undisturbed))
    assert codes == [0, 0], said

    workers = start(disturbed)
    wait_for_a_checkpoint(disturbed, workers)
    workers[1].kill()
    codes, said = end(workers)
    assert codes == [2, -signal.SIGKILL], said
    assert "another worker of TF_CONFIG was lost; the last checkpoint is intact" in said[0]
    assert "Traceback" not in said[0]

    workers = start(disturbed)
    time.sleep(1)
    step = max(disturbed.glob("checkpoints/step-*"))
    while max(disturbed.glob("checkpoints/step-*")) == step:
        assert all(worker.poll() is None for worker in workers), end(workers)
        time.sleep(0.05)
    workers[1].terminate()  # the one that does not have the folder
    codes, said = end(workers)
    assert codes == [130, 130], said

    codes, said = end(start(disturbed))
    assert codes == [0, 0], said
    assert differences(undisturbed, disturbed) == []


def test_devices_that_cannot_be_divided_among_the_workers_are_refused(tmp_path):
    codes, said = end(start(tmp_path / "run", **{"training.devices": 1}))
    assert codes == [2, 2], said
    assert "training.devices is 1, and TF_CONFIG in the environment names 2 workers" in said[1]
    assert not (tmp_path / "run").exists()


def test_a_worker_that_waits_for_the_others_ends_with_ctrl_c(tmp_path):
    waiting, other = start(tmp_path / "run")
    other.kill()
    time.sleep(15)  # TensorFlow's start, and the beginning of the meeting
    assert waiting.poll() is None
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(timeout=20) in (-signal.SIGINT, 130)  # 130: it had not come so far
    end([other])
    assert not (tmp_path / "run").exists()


def test_a_port_that_somebody_uses_is_one_line(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], *free_ports(1)]
        monkeypatch.setattr(sys.modules[__name__], "free_ports", lambda count: ports)
        first, other = start(tmp_path / "run")
        other.kill()
        codes, said = end([first])
        end([other])
    assert codes == [2]
    assert "the workers cannot meet (Could not start gRPC server)" in said[0]
    assert len(said[0].splitlines()) == 1
