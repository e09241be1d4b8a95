"""`bnstudy export`: what it prints, and refusals of one line."""

import numpy as np
import pytest
from trained_helpers import config_of, random_arrays, write_finished_run

from bnstudy.cli.main import main


def test_it_writes_the_file_and_prints_its_path(tmp_path, capsys):
    config = config_of("c")
    folder = write_finished_run(tmp_path / "run", config, random_arrays(config))
    out = tmp_path / "copy.npz"
    assert main(["export", str(folder), "--to", "npz", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with np.load(out) as file:
        assert "conv1/w" in file.files


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{run}"], "--to"),
        (["{run}", "--to", "onnx"], "'onnx'"),
        (["{run}", "--to", "keras"], "has no weights.npz"),
        (["{run}/nothing", "--to", "npz"], "no such folder"),
    ],
)
def test_wrong_input_is_one_line(tmp_path, capsys, arguments, says):
    folder = write_finished_run(tmp_path / "run", config_of("c"))
    assert main(["export", *(text.format(run=folder) for text in arguments)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert says in error
