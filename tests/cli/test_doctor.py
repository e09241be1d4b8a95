"""`bnstudy doctor`: exit codes, refusals of one line without TensorFlow, and the mended model."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from doctor_helpers import SICK, data, trained
from trained_helpers import config_of, random_arrays, write_finished_run

from bnstudy.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with models and data."""
    folder = tmp_path_factory.mktemp("doctor")
    trained().save(folder / "healthy.keras")
    SICK["never updated"][0]().model.save(folder / "sick.keras")
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.LayerNormalization()]).save(
        folder / "other.keras"
    )
    images = keras.Input((8, 8, 1))
    keras.Model(images, keras.layers.Lambda(lambda x: x + 1)(images)).save(folder / "lambda.keras")
    (folder / "old.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with zipfile.ZipFile(folder / "empty.keras", "w") as archive:
        archive.writestr("nothing", "")
    _, _, x, y = data()
    np.savez(folder / "data.npz", images=x, labels=y)
    np.savez(folder / "few.npz", images=x[:9])
    np.savez(folder / "large.npz", images=np.zeros((70, 32, 32, 3)))
    np.savez(folder / "pickled.npz", images=np.array([{}] * 40))
    np.savez(folder / "nothing.npz", train=x)
    return folder


def arguments(folder, model, images="data.npz", *more):
    more = [text.format(folder) for text in more]
    return ["doctor", str(folder / model), "--data", str(folder / images), *more]


def test_a_healthy_model_is_0(folder, capsys):
    assert main(arguments(folder, "healthy.keras")) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("healthy: 2 batch norms, 360 images")


def test_a_sick_model_is_1_and_the_mended_one_is_0(folder, capsys):
    mended = folder / "mended.keras"
    assert main(arguments(folder, "sick.keras", "data.npz", "--fix-statistics", str(mended))) == 1
    said = capsys.readouterr().out
    assert "FINDING: statistics that were never updated" in said
    assert said.splitlines()[-1] == f"{mended}: the same model with precise statistics"
    assert main(arguments(folder, "mended.keras", "data.npz", "--json")) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["healthy"]
    assert value["accuracy"]["moving"] == value["accuracy"]["precise"] > 0.9


WRONG = [
    (("nowhere.keras",), "no such file"),
    (("old.h5",), "is HDF5"),
    (("data.npz",), "must be a .keras file"),
    (("empty.keras",), "has no config.json"),
    (("lambda.keras",), "load it yourself, if you trust it"),
    (("sick.keras", "nowhere.npz"), "no such file"),
    (("sick.keras", "sick.keras"), "must be an .npz file with the arrays images"),
    (("sick.keras", "nothing.npz"), "has train; must be"),
    (("sick.keras", "pickled.npz"), "cannot be read"),
    (("sick.keras", "few.npz"), "9 images are too few to say anything"),
    (("sick.keras", "large.npz"), "the model takes [N, 8, 8, 1]"),
    (("sick.keras", "data.npz", "--fix-statistics", "{}/healthy.keras"), "exists already"),
    (("sick.keras", "data.npz", "--fix-statistics", "{}/mended.h5"), "must end in .keras"),
    (("sick.keras", "data.npz", "--fix-statistics", "{}/no/m.keras"), "there is no folder"),
]


def test_the_users_mistakes_are_one_line_and_need_no_tensorflow(folder):
    probe = (
        "import json, sys\n"
        "from bnstudy.cli.main import main\n"
        "codes = [main(arguments) for arguments in json.loads(sys.argv[1])]\n"
        "print(json.dumps([codes, 'tensorflow' in sys.modules or 'keras' in sys.modules]))"
    )
    calls = [arguments(folder, *call) for call, _ in WRONG]
    calls.append(arguments(folder, "other.keras"))
    ended = subprocess.run(
        [sys.executable, "-c", probe, json.dumps(calls)], capture_output=True, text=True, check=True
    )
    said = ended.stdout.splitlines()
    assert json.loads(said[-1]) == [[2] * len(WRONG) + [0], False]
    assert "has no batch norm" in said[0]
    for line, (_, says) in zip(ended.stderr.splitlines(), WRONG, strict=True):
        assert line.startswith("bnstudy: ")
        assert says in line


@pytest.mark.thorough
def test_what_bnstudy_exports_is_examined(tmp_path, capsys):
    """Random weights and statistics are not healthy; with precise statistics the export is."""
    run = write_finished_run(tmp_path / "run", config_of("c"), random_arrays(config_of("c")))
    export, mended = tmp_path / "export.keras", tmp_path / "mended.keras"
    assert main(["export", str(run), "--to", "keras", "--out", str(export)]) == 0
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (70, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    data = ["--data", str(tmp_path / "images.npz"), "--json"]
    capsys.readouterr()
    assert main(["doctor", str(export), *data, "--fix-statistics", str(mended)]) == 1
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["name"] for layer in layers] == ["bn3", "bn6"]
    assert main(["doctor", str(mended), *data]) == 0
