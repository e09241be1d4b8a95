"""Networks of every configuration."""

import pytest
from marks import all_but
from trained_helpers import CONFIGURATIONS, config_of, random_arrays, write_finished_run

import bnstudy


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """Return a function: name of a configuration -> its network, loaded once."""
    made = {}

    def network(name):
        if name not in made:
            config = config_of(name)
            folder = tmp_path_factory.mktemp("trained") / "run"
            made[name] = bnstudy.load_model(
                write_finished_run(folder, config, random_arrays(config))
            )
        return made[name]

    return network


QUICK = ("a", "c debias", "b activation after_conv", "c renorm debias activation", "c as_posted")


@pytest.fixture(params=all_but(QUICK, CONFIGURATIONS))
def network(request, networks):
    """Return the network of each configuration."""
    return networks(request.param)
