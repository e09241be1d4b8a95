"""A trained network as a safetensors file: named arrays, and how they make a network."""

from bnstudy.errors import UserError
from bnstudy.model.layers import Conv2D
from bnstudy.run_folder.weights import config_text
from bnstudy.trained.network import TrainedNetwork


def as_bytes(network: TrainedNetwork) -> bytes:
    """Return the content of a .safetensors file.

    The arrays are those of weights.npz that inference needs, with gamma and beta in any case, and
    with the statistics as it uses them, [C] or [H, W, C]. The metadata are texts: the names of the
    layers in their order, epsilon, the names of the classes, and the configuration as JSON.

    Raises:
        UserError: safetensors is not installed, or there is a layer that we cannot describe.

    """
    try:
        from safetensors.numpy import save
    except ImportError:
        raise UserError(
            "safetensors is not installed; install it with: pip install 'safetensors<1'"
        ) from None
    config = network.run.config
    arrays = {f"standardization/{name}": a for name, a in vars(network.standardization).items()}
    for layer in network.layers:
        arrays |= {f"{layer.name}/{name}": array for name, array in _arrays(layer).items()}
    metadata = {
        "layers": " ".join(layer.name for layer in network.layers),
        "epsilon": repr(config.bn.epsilon),
        "classes": " ".join(network.classes),
        "config": config_text(config),
    }
    return save(arrays, metadata)


def _arrays(layer):
    if isinstance(layer, Conv2D):
        return {"w": layer.w.numpy()}
    if hasattr(layer, "for_inference"):
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {n: a.numpy() for n, a in zip(names, layer.for_inference(), strict=True)}
    if layer.parameters or layer.statistics:
        raise UserError(f"{layer.name}: safetensors cannot describe a {type(layer).__name__}")
    return {}
