"""How workers meet; processes that do are in tests/runner/test_workers.py."""

import re
import signal

import pytest
import tensorflow as tf

from bnstudy.backend import cluster
from bnstudy.backend.tf_config import Place
from bnstudy.errors import UserError


@pytest.fixture
def meeting(monkeypatch):
    """Let a function meet the other workers, instead of TensorFlow."""
    cluster.strategy.cache_clear()
    yield lambda meet: monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", meet)
    cluster.strategy.cache_clear()


def test_alone_a_total_is_the_number_itself():
    assert cluster.total(2.5) == 2.5


def test_a_worker_that_waits_says_so(meeting, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "place", lambda: Place(1, 3))
    meeting(lambda: capsys.readouterr().err)
    assert cluster.strategy() == "worker 1 of TF_CONFIG waits until all 3 have started\n"


def test_while_it_waits_for_the_others_ctrl_c_ends_the_process_and_afterwards_as_before(meeting):
    before = signal.getsignal(signal.SIGINT)
    meeting(lambda: signal.getsignal(signal.SIGINT))
    assert cluster.strategy() == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("too late"), r"^TF_CONFIG is in .*TensorFlow has already started"),
        (
            tf.errors.UnknownError(None, None, "Could not start\ngRPC server"),
            r"^TF_CONFIG in .*cannot meet \(Could not start gRPC server\); its addresses must be",
        ),
    ],
)
def test_workers_that_cannot_meet_are_told_why_in_one_line(meeting, error, said):
    before = signal.getsignal(signal.SIGINT)

    def meet():
        raise error

    meeting(meet)
    with pytest.raises((UserError, type(error))) as found:
        cluster.strategy()
    assert isinstance(found.value, UserError)
    assert re.search(said, str(found.value))
    assert "\n" not in str(found.value)
    assert signal.getsignal(signal.SIGINT) == before
