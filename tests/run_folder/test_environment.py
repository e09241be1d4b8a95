"""environment.json: where and how a run was made, without a trace of the machine's folders."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest

import bnstudy
from bnstudy.run_folder.environment import environment, git_state
from bnstudy.run_folder.files import write_json


def test_environment_says_where_and_how(tmp_path, monkeypatch):
    variables = {"OMP_NUM_THREADS": "2", "BNSTUDY_XLA": "0", "BNSTUDY_TF32": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    facts = environment(["bnstudy", "run", "--out", "my runs"])
    assert facts["command"] == "bnstudy run --out 'my runs'"
    assert facts["versions"]["bnstudy"] == bnstudy.__version__
    assert facts["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["cpu"]
    assert facts["cores"] >= 1
    assert facts["variables"].items() >= variables.items()
    assert facts["gpus"] is facts["threads"] is None
    assert facts["tensor_float_32"] is False
    write_json(tmp_path / "environment.json", facts)


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["bnstudy", "run"], "bnstudy run"),
        (["/home/ada/venv/bin/bnstudy", "run", "--case", "c"], "bnstudy run --case c"),
        (["/home/ada/src/bnstudy/__main__.py", "run"], "bnstudy run"),
        (["bnstudy.exe", "run"], "bnstudy run"),
        (["/home/ada/my study.py", "3"], "'my study.py' 3"),
        (["/opt/pytest/__main__.py", "-q"], "__main__.py -q"),
        (["/opt/ipykernel_launcher.py", "-f", "/home/ada/kernel-1.json"], "ipykernel_launcher"),
        (["-c"], "-c"),
        ([], ""),
    ],
)
def test_the_command_keeps_the_name_of_the_program_and_not_its_path(argv, command):
    assert environment(argv)["command"] == command


def test_the_environment_of_this_package_is_that_of_its_own_checkout():
    inside = subprocess.run(
        ["git", "-C", os.path.dirname(bnstudy.__file__), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    git = environment([])["git"]
    assert git is None or git["commit"] == inside.stdout.strip()


def test_environment_asks_tensorflow_only_if_it_is_there(monkeypatch):
    gpu = types.SimpleNamespace(name="/physical_device:GPU:0")
    details, tf32 = {"device_name": "Some GPU"}, [True, False]
    config = types.SimpleNamespace(
        list_physical_devices=lambda kind: [gpu] if kind == "GPU" else [],
        experimental=types.SimpleNamespace(
            get_device_details=lambda device: details,
            tensor_float_32_execution_enabled=lambda: tf32.pop(0),
        ),
        threading=types.SimpleNamespace(
            get_intra_op_parallelism_threads=lambda: 2,
            get_inter_op_parallelism_threads=lambda: 0,
        ),
    )
    stand_in = types.SimpleNamespace(__version__="9.9", config=config)
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    facts = environment([])
    assert facts["gpus"] == ["Some GPU"]
    assert facts["threads"] == {"intra_op": 2, "inter_op": 0}
    assert facts["versions"]["tensorflow"] == "9.9"
    assert facts["tensor_float_32"] is facts["op_determinism"] is True
    details.clear()
    facts = environment([])
    assert facts["gpus"] == ["/physical_device:GPU:0"]
    assert facts["tensor_float_32"] is False


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one committed package file, and a function that runs git in it."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # as set when the tests run from a git hook
    (tmp_path / "package").mkdir()
    file = tmp_path / "package" / "environment.py"
    file.write_text("1\n")

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return file, git


def test_git_names_the_commit_and_changes_of_the_package(checkout, monkeypatch):
    file, git = checkout
    commit = git("rev-parse", "HEAD")
    assert git_state(file) == {"commit": commit, "dirty": False}
    (file.parents[1] / "notes.txt").write_text("outside of the package")
    assert git_state(file) == {"commit": commit, "dirty": False}
    file.with_name("new.py").write_text("2\n")
    assert git_state(file) == {"commit": commit, "dirty": True}
    file.with_name("new.py").unlink()
    file.write_text("3\n")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert git_state(file) == {"commit": commit, "dirty": True}


def test_git_is_silent_about_a_checkout_that_is_not_ours(checkout, monkeypatch):
    file, _ = checkout
    installed = file.parents[1] / "venv" / "environment.py"  # in the checkout, but not tracked
    installed.parent.mkdir()
    installed.write_text("1\n")
    assert git_state(installed) is None
    monkeypatch.setenv("PATH", "")
    assert git_state(file) is None  # no git
