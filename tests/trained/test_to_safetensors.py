"""The exported safetensors file, and the lines of the documentation that load it in PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest
from trained_helpers import probabilities_in_numpy, some_images

import bnstudy
from bnstudy.model.layers import Layer
from bnstudy.run_folder import weights
from bnstudy.trained import to_safetensors

PAGE = Path(__file__).parents[2] / "docs" / "trained_networks.md"


def content(network, tmp_path):
    safetensors = pytest.importorskip("safetensors", reason="the extra is not installed")
    path = tmp_path / "network.safetensors"
    path.write_bytes(to_safetensors.as_bytes(network))
    with safetensors.safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_pytorch_classifies_as_the_network_does_with_the_lines_of_the_documentation(
    network, tmp_path
):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("safetensors", reason="the extra is not installed")
    (lines,) = (b for b in PAGE.read_text().split("```python\n") if b.startswith("import torch"))
    path, names = tmp_path / "network.safetensors", {}
    path.write_bytes(to_safetensors.as_bytes(network))
    exec(lines.partition("\nnetwork = ")[0], names)
    probabilities = names["load"](path)(some_images()).numpy()
    expected = probabilities_in_numpy(network, some_images())
    np.testing.assert_allclose(probabilities, expected, atol=2e-6)


def test_the_arrays_are_those_of_the_weights_and_the_statistics_are_corrected(networks, tmp_path):
    network = networks("c debias")
    arrays, about = content(network, tmp_path)
    raw = weights.load(network.run.folder).arrays
    assert arrays.keys() == raw.keys() - {"bn3/updates", "bn6/updates"}
    left = network.run.config.bn.momentum**3
    np.testing.assert_array_equal(arrays["conv4/w"], raw["conv4/w"])
    np.testing.assert_array_equal(arrays["standardization/mean"], raw["standardization/mean"])
    np.testing.assert_allclose(
        arrays["bn3/moving_mean"], raw["bn3/moving_mean"] / (1 - left), rtol=1e-5
    )
    np.testing.assert_allclose(
        arrays["bn3/moving_variance"],
        (raw["bn3/moving_variance"] - 0.4 * left) / (1 - left),
        rtol=1e-5,
    )
    assert about["layers"].split()[:3] == ["conv1", "elu1", "conv2"]
    assert about["classes"] == "0 1 2 3 4 5 6 7 8 9"
    assert json.loads(about["config"])["bn.debias"] is True


def test_averages_for_training_are_not_in_it_and_noise_is_no_layer(networks, tmp_path):
    arrays, _ = content(networks("c renorm"), tmp_path)
    assert {name.partition("/")[2] for name in arrays if name.startswith("bn")} == {
        *("gamma", "beta", "moving_mean", "moving_variance")
    }
    _, about = content(networks("c noise"), tmp_path)
    assert about["layers"].split()[:4] == ["conv1", "bn1", "elu1", "conv2"]


def test_gamma_and_beta_are_there_even_if_they_were_not_learned(networks, tmp_path):
    arrays, about = content(networks("b activation after_conv"), tmp_path)
    assert (arrays["bn1/gamma"] == 1).all()
    assert arrays["bn1/gamma"].shape == arrays["bn1/moving_mean"].shape == (32, 32, 5)
    assert float(about["epsilon"]) == 1e-3


def test_without_the_library_it_says_what_to_install(networks, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    with pytest.raises(bnstudy.UserError, match=r"install it with: pip install 'safetensors<1'"):
        to_safetensors.as_bytes(networks("a"))


def test_a_layer_with_weights_of_its_own_is_refused(networks, monkeypatch):
    pytest.importorskip("safetensors", reason="the extra is not installed")
    strange = Layer("strange1")
    strange.parameters["v"] = 1
    monkeypatch.setattr(networks("a").model, "layers", [strange])
    with pytest.raises(bnstudy.UserError, match="strange1: safetensors cannot describe a Layer"):
        to_safetensors.as_bytes(networks("a"))
