"""`bnstudy bench`: what it prints, and what it refuses."""

import json

import pytest

from bnstudy.bench import cases, measure, tables
from bnstudy.cli.main import main

TINY = ["--preset", "quick", "--set", "model.width=0.05", "--set", "training.batch_size=10"]
TINY += ["--rounds", "2", "--steps", "4"]


@pytest.mark.thorough
def test_it_prints_json_and_its_tables(capsys, monkeypatch):
    monkeypatch.setenv("BNSTUDY_XLA", "0")  # in the contenders' processes: they start sooner
    assert main(["bench", "--case", "a", "--precision", "bfloat16", *TINY, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)
    (row,) = results["rows"]
    assert (row["name"], row["precision"]) == ("case a", "bfloat16")
    assert results["network"]["flops_per_image"] == cases.training_flops(0.05)
    assert row["images_per_second"] == pytest.approx(10_000 / row["training_ms"])
    assert all(row[f"{part}_ms"] > 0 for part in ("forward", "update", "step", "convolutions"))
    assert row["peak_mb"] > 100
    assert "| case a | bfloat16  |" in "\n".join(tables.lines(results))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rounds", "1"], "must be an integer >= 2, got 1"),
        (["--case", "d"], "the cases are a, b, c"),
        (["--precision", "float16"], "float32"),
        (
            ["--set", "data.train_limit=9"],
            "data.train_limit cannot be set by --set or --also; use --steps",
        ),
        (
            ["--set", "training.devices=2"],
            "training.devices must be 1, since bench times one device",
        ),
        (
            ["--convolutions", "--peers"],
            "--convolutions cannot be combined with --case, --peers or --also; drop those",
        ),
        (["--also", "bn.scale=no,bn.centre=false"], "--also: unknown key 'bn.centre'"),
        (["--data", ""], "got '' (from --data)"),
        (["--set", "bn.centre=false"], "--set: unknown key 'bn.centre'"),
        (["--also", "bn.scale"], "--also 'bn.scale': must be KEY=VALUE"),
    ],
)
def test_wrong_input_is_one_line(capsys, arguments, says):
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error.splitlines()[-1]


def test_ctrl_c_says_that_nothing_is_kept(capsys, monkeypatch):
    def interrupted(contenders, rounds):
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "measure", interrupted)
    assert main(["bench", "--case", "a", *TINY]) == 130
    assert capsys.readouterr().err == "bnstudy: interrupted; nothing was saved\n"
