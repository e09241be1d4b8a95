"""What TF_CONFIG says; processes that follow it are in tests/runner/test_workers.py."""

import json

import pytest

from bnstudy.backend import tf_config
from bnstudy.errors import UserError

WORKERS = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
FORM = "TF_CONFIG in the environment must be of the form {"


@pytest.fixture
def said(monkeypatch):
    """Set TF_CONFIG, which a process reads once."""

    def say(value):
        monkeypatch.setenv("TF_CONFIG", value if isinstance(value, str) else json.dumps(value))
        tf_config.place.cache_clear()

    yield say
    monkeypatch.delenv("TF_CONFIG", raising=False)
    tf_config.place.cache_clear()


def worker(index, workers=WORKERS, **others):
    return {
        "cluster": {"worker": workers, **others},
        "task": {"type": "worker", "index": index},
    }


def test_without_it_there_is_one_process(said):
    said(" ")
    assert tf_config.place() == (0, 1)
    assert tf_config.is_chief()


@pytest.mark.parametrize("index", [2, "2"])
def test_it_names_the_worker_and_counts_all(said, index):
    said(worker(index))
    assert tf_config.place() == (2, 3)
    assert not tf_config.is_chief()
    said(worker(0))
    assert tf_config.is_chief()


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[" * 100_000,
        "[]",
        "{}",
        {"cluster": ["worker"], "task": {"type": "worker", "index": 0}},
        {"cluster": {"chief": WORKERS[:1]}, "task": {"type": "chief", "index": 0}},
    ],
    ids=lambda value: str(value)[:20],
)
def test_another_form_is_refused(said, value):
    said(value)
    with pytest.raises(UserError) as error:
        tf_config.place()
    assert str(error.value).startswith(FORM)
    assert str(error.value).endswith("}")  # nothing is known that would help more


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (worker(3), "index must be 0 to 2, got 3"),
        (worker(-1), "index must be 0 to 2, got -1"),
        (worker(True), "index must be 0 to 2, got true"),
        (worker(0.5), "index must be 0 to 2, got 0.5"),
        (worker(float("inf")), "index must be 0 to 2, got Infinity"),
        (worker("first"), 'index must be 0 to 2, got "first"'),
        (worker(0, ps=["127.0.0.1:4"]), "with workers alone"),
        ({"cluster": {"worker": WORKERS}, "task": {"type": "chief"}}, "with workers alone"),
        (worker(0, "127.0.0.1:1"), "worker must be a list of addresses"),
        (worker(0, {"0": "127.0.0.1:1"}), "worker must be a list of addresses"),
        (worker(0, []), "worker must be a list of addresses"),
        (worker(0, [1, 2]), "1 is no HOST:PORT"),
        (worker(0, ["127.0.0.1"]), '"127.0.0.1" is no HOST:PORT'),
        (worker(0, [":12345"]), '":12345" is no HOST:PORT'),
        (worker(0, ["127.0.0.1:0"]), '"127.0.0.1:0" is no HOST:PORT'),
        (worker(0, ["127.0.0.1:65536"]), '"127.0.0.1:65536" is no HOST:PORT'),
        (worker(0, WORKERS[:1] * 2), "every worker needs an address of its own"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(said, value, why):
    said(value)
    with pytest.raises(UserError) as error:
        tf_config.place()
    assert str(error.value).startswith(FORM)
    assert str(error.value).endswith(f"}}: {why}")


@pytest.mark.parametrize(("devices", "fits"), [(3, True), (6, True), ("auto", True), (1, False)])
def test_every_worker_has_equally_many_devices(said, devices, fits):
    said(worker(1))
    if fits:
        tf_config.check(devices)
        return
    with pytest.raises(UserError, match=r"^training.devices is 1, and TF_CONFIG .* names 3 work"):
        tf_config.check(devices)


def test_one_process_may_have_any_number_of_devices(said):
    said("")
    for devices in (1, 2, "auto"):
        tf_config.check(devices)
