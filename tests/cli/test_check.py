"""`bnstudy check`: what it prints, its exit codes, and what it refuses."""

import json
import subprocess
import sys

import pytest

from bnstudy.backend import tf_config
from bnstudy.cli.main import main

TINY = ["check", "--set", "model.width=0.05"]


@pytest.fixture
def no_rounding(monkeypatch):
    """Measure no rounding, which is half the work."""
    from bnstudy.gradient_check import rounding

    monkeypatch.setattr(rounding, "measure", lambda setting: [])


def test_right_gradients_are_exit_code_0(capsys):
    assert main(TINY) == 0
    out = capsys.readouterr().out
    assert "passed: all 37 derivatives are right" in out
    assert "bfloat16" in out


def test_the_authors_gradients_are_exit_code_1_and_named(capsys):
    assert main([*TINY, "--set", "training.gradients=as_posted"]) == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "elu9 ... elu1 (9 layers), dx: for x > 0 the slope is 2, not 1" in out
    assert "bfloat16" not in out


def test_json_of_another_network(capsys, no_rounding):
    arguments = ["--case", "b", "--set", "bn.axes=activation", "--set", "bn.center=false"]
    options = ["--seed", "5", "--directions", "1", "--inference", "--json"]
    assert main([*TINY, *arguments, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["seed"], found["directions"], found["passed"]) == (5, 1, True)
    tensors = {(row["layer"], row["tensor"]) for row in found["derivatives"]}
    assert ("bn3", "gamma") in tensors
    assert ("bn3", "beta") not in tensors


def test_inference_is_not_training(capsys, no_rounding):
    numbers = []
    for more in ([], ["--inference"]):
        assert main([*TINY, "--directions", "1", "--json", *more]) == 0
        found = json.loads(capsys.readouterr().out)
        numbers.append(found["derivatives"][-1]["values"]["automatic"])
    assert numbers[0] != numbers[1]


def test_a_configuration_file_and_the_default_width(capsys, write_config, monkeypatch):
    from bnstudy.gradient_check import network

    seen = []

    def certify(config, *_, **__):
        seen.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "certify", certify)
    write_config("extends: cases/c\nbn: {axes: activation}\n")
    assert main(["check", "--config", "my.yaml"]) == 130
    assert main(["check"]) == 130
    assert main(["check", "--case", "a", "--set", "model.width=1"]) == 130
    assert [(config.case, config.model.width) for config in seen] == [
        ("c", 0.25),
        ("c", 0.25),
        ("a", 1),
    ]
    assert [config.bn.axes for config in seen[:2]] == ["activation", "channel"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--case", "d"], "the cases are a, b, c"),
        (["--directions", "0"], "must be an integer >= 1, got 0"),
        (["--seed", "-1"], "must be an integer >= 0, got -1"),
        (["--set", "bn.axis=channel"], "did you mean 'bn.axes'?"),
        (["--data", "x"], "--data"),
        (
            ["--devices", "2", "--set", "training.devices=3"],
            "--devices 2 contradicts --set training.devices=3; drop one of them",
        ),
        (
            ["--devices", "2", "--set", "training={devices: 3}"],
            "--devices 2 contradicts --set training.devices=3; drop one of them",
        ),
        (["--devices", "51"], "training.devices from --devices)"),
        (
            ["--devices", "2", "--set", "bn.renorm=true"],
            "(bn.renorm from --set, training.devices from --devices)",
        ),
    ],
)
def test_wrong_input_is_one_line(capsys, arguments, says):
    assert main(["check", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert says in error
    assert error.count("\n") == 1


def test_a_template_is_printed_and_gives_hints_until_it_is_right(tmp_path, capsys):
    assert main(["check", "--template", "elu"]) == 0
    text = capsys.readouterr().out
    file = tmp_path / "my_elu.py"
    file.write_text(text)
    assert main(["check", str(file)]) == 1
    assert "dx" in capsys.readouterr().out
    assert main(["check", "--template", "no such layer"]) == 2
    assert "batch_norm" in capsys.readouterr().err


def test_a_layer_of_ones_own_is_checked_and_its_mistake_named(tmp_path, capsys):
    file = tmp_path / "dense.py"
    file.write_text(
        "import numpy as np\n"
        "def inputs(rng):\n    return rng.normal(size=(5, 3)), rng.normal(size=(3, 4))\n"
        "def forward(x, w):\n    return x @ w, (x, w)\n"
        "def backward(dy, cache):\n    x, w = cache\n    return dy @ w.T, x.T @ dy\n"
    )
    assert main(["check", str(file)]) == 0
    capsys.readouterr()
    file.write_text(file.read_text().replace("x.T @ dy", "x.T @ dy / 5"))
    assert main(["check", str(file), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


@pytest.mark.parametrize("option", [["--case", "b"], ["--set", "seed=1"], ["--inference"]])
def test_an_option_of_networks_is_refused_beside_a_file(tmp_path, capsys, option):
    assert main(["check", str(tmp_path / "my_layer.py"), *option]) == 2
    assert f"{option[0]} is for the check of a network" in capsys.readouterr().err


def test_statistics_of_each_device_are_not_those_of_the_check(capsys):
    assert main([*TINY, "--set", "training.devices=2"]) == 2
    said = capsys.readouterr().err
    assert "training.devices is 2, and bn.synchronized false" in said
    assert len(said.splitlines()) == 1


def test_a_wish_for_unsynchronized_batch_norm_is_not_overridden(capsys):
    assert main([*TINY, "--devices", "2", "--set", "bn.synchronized=false"]) == 2
    assert "training.devices is 2, and bn.synchronized false" in capsys.readouterr().err


def test_a_check_does_not_wait_for_workers(monkeypatch, capsys):
    said = {"cluster": {"worker": ["h:1", "h:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(said))
    tf_config.place.cache_clear()
    try:
        assert main([*TINY, "--devices", "2"]) == 2
    finally:
        tf_config.place.cache_clear()
    said = capsys.readouterr().err
    assert "names 2 workers: a check is made by one process; unset TF_CONFIG" in said
    assert len(said.splitlines()) == 1


@pytest.mark.thorough
def test_a_step_that_two_devices_share_has_the_right_gradients():
    """In a process of its own: TensorFlow has started here with one."""
    command = [sys.executable, "-m", "bnstudy", *TINY, "--devices", "2", "--directions", "1"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "the compiled step was divided among 2 devices" in ended.stdout
    assert "passed: all 37 derivatives are right" in ended.stdout
