"""One kernel for all lessons of a test process: starting it and TensorFlow takes seconds."""

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is thorough
def pytest_collection_modifyitems(items):
    """Leave what runs in a kernel to the thorough part."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and "kernel" in item.fixturenames:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="session")
def kernel(tmp_path_factory):
    """Give a running kernel in an empty folder, with nothing defined in it but what a test runs."""
    from notebook_helpers import start_kernel  # here: it skips where the extra is not installed

    manager = start_kernel(tmp_path_factory.mktemp("lessons"))
    yield manager
    manager.shutdown_kernel(now=True)
