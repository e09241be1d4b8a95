"""The command line as a user meets it: exit codes, one-line errors, no TensorFlow for help."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import bnstudy
from bnstudy.cli.main import main
from bnstudy.runner import training

TINY = [
    *("--set", "model.width=0.05", "--set", "training.epochs=1", "--set", "training.batch_size=20"),
    *("--set", "data.train_limit=40", "--set", "data.test_limit=20"),
]

HELP = [["--help"], ["run", "--help"], ["sweep", "--help"], ["check", "--help"], ["--version"]]
WRONG = [
    (["run"], "--case a, b or c"),
    (["run", "--case", "d"], "the cases are a, b, c"),
    (["run", "--case", "c", "--preset", "quik"], "quick"),
    (["run", "--case", "c", "--set", "bn.momentun=0.5"], "did you mean 'bn.momentum'?"),
    (["run", "--case", "c", "--set", "training.epochs=many"], "an integer >= 1"),
    (["run", "--case", "c", "--set", "training.epochs"], "KEY=VALUE"),
    (["run", "--case", "c", "--seed", "x"], "invalid int value"),
    (["run", "--case", "c", "--config", "nowhere.yaml"], "nowhere.yaml"),
    (["run", "--case", "c", "--config", "~nobody-of-that-name/x"], "there is no such user"),
    (["run", "--case", "c", "--out", ""], "argument --out: the path must be a file or a folder"),
    (["run", "--case", "c", "--data", ""], "data.dir"),
    (["sweep", "nowhere.yaml"], "nowhere.yaml"),
    (["train"], "invalid choice: 'train'"),
    ([], "required"),
]

# Runs the commands one after the other, and tells after each what it said and what is imported.
PROBE = """
import contextlib, io, json, sys
from bnstudy.cli.main import main
answers = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as exit:
            code = exit.code
    heavy = sorted({"tensorflow", "keras", "numpy", "matplotlib"} & set(sys.modules))
    answers.append([code, out.getvalue(), err.getvalue(), heavy])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answer():
    """Return a function of arguments: (exit code, output, errors, heavy modules)."""
    commands = [*HELP, *(arguments for arguments, _ in WRONG)]
    command = [sys.executable, "-c", PROBE, json.dumps(commands)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    answers = json.loads(ended.stdout)
    return lambda arguments: answers[commands.index(arguments)]


@pytest.mark.parametrize("arguments", HELP)
def test_help_imports_nothing_heavy(answer, arguments):
    code, out, err, heavy = answer(arguments)
    assert (code, err, heavy) == (0, "", [])
    assert out.startswith(("usage: bnstudy", "bnstudy "))


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_wrong_input_is_one_line_and_exit_code_2_without_tensorflow(answer, arguments, says):
    code, out, err, heavy = answer(arguments)
    assert (code, out, heavy) == (2, "", [])
    assert err.startswith("bnstudy: ")
    assert err.count("\n") == 1
    assert says in err


def test_python_m_is_the_same_program():
    command = [sys.executable, "-m", "bnstudy", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"bnstudy {bnstudy.__version__}\n"


def test_run_plot_and_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = ["run", "--case", "c", "--preset", "quick", "--seed", "3", *TINY]
    assert main(run) == 0
    folder = tmp_path / "logs" / "case-c_quick_seed-3"
    assert (folder / "test.png").exists()
    first = capsys.readouterr()
    assert "epoch 1/1: train cost" in first.err  # plain lines, since this is not a terminal
    assert "logs/case-c_quick_seed-3: test accuracy 0." in first.out
    accuracy = first.out.partition("accuracy ")[2]
    assert main(run) == 0
    again = capsys.readouterr()
    assert again.out.endswith("already finished, test accuracy " + accuracy)
    assert "epoch" not in again.err  # nothing was trained

    (folder / "train.png").unlink()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["plot", "~/logs/case-c_quick_seed-3"]) == 0
    assert (folder / "train.png").exists()
    other = ["run", "--case", "a", "--preset", "quick", "--out", "~/a", *TINY]
    assert main(other) == 0
    assert main(["plot", "~/a", str(folder), "--reference", "--out", "~/both.png"]) == 0
    assert (tmp_path / "both.png").stat().st_size > 10_000
    assert not (tmp_path / "~").exists()

    assert main([*run, "--set", "bn.momentum=0.5"]) == 2
    assert "bn.momentum: 0.5 here, 0.9 there" in capsys.readouterr().err


def test_plot_of_what_is_not_a_run_folder(tmp_path, capsys):
    assert main(["plot", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_cifar10_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--case", "c", "--data", "nowhere", "--out", "run"]) == 2
    error = capsys.readouterr().err
    assert "nowhere does not exist" in error
    assert "cifar-10-batches-py" in error
    assert not (tmp_path / "run").exists()


def test_a_place_where_no_folder_can_be_made(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["run", "--case", "c", "--preset", "quick", "--out", f"{tmp_path}/file/run"]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/file" in error
    assert error.count("\n") == 1


def test_a_second_stop_ends_the_command_with_130(tmp_path, monkeypatch, capsys):
    def stuck(self, *_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(training.Training, "train_epoch", stuck)
    assert (
        main(["run", "--case", "a", "--preset", "quick", *TINY, "--out", str(tmp_path / "r")])
        == 130
    )
    error = capsys.readouterr().err
    assert error.startswith("bnstudy: stopped immediately; the last checkpoint is intact; the same")
    assert error.count("\n") == 1


@pytest.mark.thorough
def test_a_second_process_is_refused_and_sigterm_saves_and_stops(tmp_path, capsys):
    folder = str(tmp_path / "run")
    arguments = ["run", "--case", "a", "--preset", "quick", *TINY]
    arguments += ["--set", "training.epochs=900", "--out", folder]
    process = subprocess.Popen(
        [sys.executable, "-m", "bnstudy", *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr.readline().startswith("epoch 1/900")
        for more in ([], ["--fresh"]):
            assert main([*arguments, *more]) == 2
            error = capsys.readouterr().err
            assert f"is in use by process {process.pid} on" in error
            assert error.count("\n") == 1
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    said = re.fullmatch(
        r"bnstudy: .*run: saved at step (\d+); the same command continues", errors.splitlines()[-1]
    )
    saved = max(path.stem for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert saved == f"step-{int(said[1]):08d}"
