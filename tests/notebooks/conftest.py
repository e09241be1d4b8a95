"""One kernel for all lessons of a test process: starting it and TensorFlow takes seconds."""

import pytest


@pytest.fixture(scope="session")
def kernel(tmp_path_factory):
    """Give a running kernel in an empty folder, with nothing defined in it but what a test runs."""
    from notebook_helpers import start_kernel  # here: it skips where the extra is not installed

    manager = start_kernel(tmp_path_factory.mktemp("lessons"))
    yield manager
    manager.shutdown_kernel(now=True)
