"""The command line as a user meets it: exit codes, one-line errors, no TensorFlow for help."""

import os
import subprocess
import sys

import pytest

import bnstudy
from bnstudy.cli.main import main
from bnstudy.run_folder.name import run_name

TINY = [
    *("--set", "model.width=0.05", "--set", "training.epochs=1", "--set", "training.batch_size=20"),
    *("--set", "data.train_limit=40", "--set", "data.test_limit=20"),
]

# Runs the command and tells which heavy modules it imported.
PROBE = """
import sys
from bnstudy.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as exit:
    code = exit.code
heavy = {"tensorflow", "keras", "numpy", "matplotlib"} & set(sys.modules)
print(f"code {code}, imported {sorted(heavy)}")
"""


def probe(*arguments):
    command = [sys.executable, "-c", PROBE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    assert probe(*arguments).stdout.endswith("code 0, imported []\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "--case a, b or c"),
        (["run", "--case", "d"], "the cases are a, b, c"),
        (["run", "--case", "c", "--preset", "quik"], "quick"),
        (["run", "--case", "c", "--set", "bn.momentun=0.5"], "did you mean 'bn.momentum'?"),
        (["run", "--case", "c", "--set", "training.epochs=many"], "an integer >= 1"),
        (["run", "--case", "c", "--set", "training.epochs"], "KEY=VALUE"),
        (["run", "--case", "c", "--seed", "x"], "invalid int value"),
        (["run", "--case", "c", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["train"], "invalid choice: 'train'"),
        ([], "required"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2_without_tensorflow(arguments, says):
    ended = probe(*arguments)
    assert ended.stdout == "code 2, imported []\n"
    assert ended.stderr.startswith("bnstudy: ")
    assert ended.stderr.count("\n") == 1
    assert says in ended.stderr


def test_run_plot_and_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = ["run", "--case", "c", "--preset", "quick", "--seed", "3", *TINY]
    assert main(run) == 0
    folder = tmp_path / "logs" / "case-c_quick_seed-3"
    assert (folder / "test.png").exists()
    first = capsys.readouterr()
    assert "epoch 1/1: train cost" in first.err  # plain lines, since this is no terminal
    assert "logs/case-c_quick_seed-3: test accuracy 0." in first.out
    accuracy = first.out.partition("accuracy ")[2]
    assert main(run) == 0
    again = capsys.readouterr()
    assert again.out.endswith("finished already, test accuracy " + accuracy)
    assert "epoch" not in again.err  # nothing was trained

    (folder / "train.png").unlink()
    assert main(["plot", str(folder)]) == 0
    assert (folder / "train.png").exists()
    other = ["run", "--case", "a", "--preset", "quick", *TINY]
    assert main(other) == 0
    both = ["logs/case-a_quick_seed-0", "logs/case-c_quick_seed-3"]
    assert main(["plot", *both, "--reference", "--out", "both.png"]) == 0
    assert (tmp_path / "both.png").stat().st_size > 10_000

    assert main([*run, "--set", "bn.momentum=0.5"]) == 2
    assert "bn.momentum: 0.5 here, 0.9 there" in capsys.readouterr().err


def test_plot_of_no_run_folder(tmp_path, capsys):
    assert main(["plot", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_cifar10_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--case", "c", "--data", "nowhere", "--out", "run"]) == 2
    error = capsys.readouterr().err
    assert "nowhere does not exist" in error
    assert "cifar-10-batches-py" in error
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize(
    ("presets", "file", "seed", "name"),
    [
        ([], None, 0, "case-c_seed-0"),
        (["quick"], None, 4, "case-c_quick_seed-4"),
        (["lite", "as_posted"], "mine.yaml", 0, "case-c_lite_as_posted_mine_seed-0"),
    ],
)
def test_the_name_of_a_run_folder(tmp_path, presets, file, seed, name):
    path = tmp_path / file if file else None
    if path:
        path.write_text("training: {epochs: 3}\n")
    config = bnstudy.load_config("c", presets, path, {"seed": seed})
    assert run_name(config, presets, path) == name


def test_python_m_is_the_same_program():
    command = [sys.executable, "-m", "bnstudy", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"bnstudy {bnstudy.__version__}\n"


def test_the_public_names():
    for name in bnstudy.__all__:
        assert getattr(bnstudy, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bnstudy.nothing


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_output_is_no_error():
    script = "from bnstudy.output import echo; echo('x'); echo('y')"
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (0, b"")
