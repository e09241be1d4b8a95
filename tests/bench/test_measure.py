"""The contenders of a benchmark, their turns, and their ratios."""

import contextlib
from types import SimpleNamespace

import pytest
from helpers import config

from bnstudy.bench import measure, peers
from bnstudy.bench.measure import Contender, make_contenders
from bnstudy.errors import UserError


def contender(name, *rounds):
    return Contender(name, "float32", config(), rounds=[{"training": times} for times in rounds])


def contenders_of(*cases, overrides=None, steps=4, peers=False, also=()):
    small = {"model.width": 0.05, "training.batch_size": 10} | (overrides or {})
    return make_contenders(cases, ["float32", "bfloat16"], ["quick"], small, steps, peers, also)


def test_ratios_are_taken_within_a_round():
    fast = contender("case c", [1.0, 1.0, 9.0], [4.0], [2.0])
    slow = contender("case a", [2.0], [4.0], [6.0])
    assert fast.ratio("training", slow, "training") == [2.0, 1.0, 3.0]
    assert fast.median("training") == 2.0


def test_the_spread_is_half_the_interquartile_range_over_the_median():
    quarters = contender("case c", [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0])
    assert quarters.spread("training") == pytest.approx((6 - 2) / 2 / 4)


def test_case_c_also_runs_with_automatic_gradients_and_each_in_each_precision():
    made = contenders_of("a", "c")
    assert [(each.name, each.precision) for each in made] == [
        (name, precision)
        for precision in ("float32", "bfloat16")
        for name in ("case a", "case c, autodiff", "case c")
    ]
    assert [each.config.training.gradients for each in made[:3]] == [
        *("autodiff", "autodiff", "manual")
    ]
    assert all(each.config.training.precision == each.precision for each in made)


def test_case_c_with_other_keys_comes_first_so_that_case_c_itself_is_compared():
    made = contenders_of("c", also=["bn.scale=false,bn.center=false", "optimizer.name=sgd"])
    assert [each.name for each in made[:4]] == [
        "case c, bn.scale=false, bn.center=false",
        *("case c, optimizer.name=sgd", "case c, autodiff", "case c"),
    ]
    assert (made[0].config.bn.scale, made[0].config.bn.center) == (False, False)
    assert made[1].config.optimizer.name == "sgd"


@pytest.mark.parametrize(("augment", "images"), [(True, 60), (False, 120)])
def test_the_training_set_has_as_many_batches_as_a_round_has_steps(augment, images):
    (each, _) = contenders_of("a", overrides={"data.augment": augment}, steps=12)
    assert each.config.data.train_limit == images


def test_peers_run_case_b_where_their_framework_is_installed(capsys, monkeypatch):
    installed = {"torch": None}
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: installed.get(name, name))
    made = [each for each in contenders_of("a", peers=True) if each.peer]
    assert {each.name for each in made} == {"plain TensorFlow", "Keras fit", "JAX"}
    assert all(each.config.case == "b" for each in made)
    assert "PyTorch eager: not installed (pip install torch), left out\n" in capsys.readouterr().err


def test_a_peer_that_compiles_is_left_out_where_there_is_no_compiler(capsys, monkeypatch):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("CXX", "no-such-compiler")
    made = {each.name for each in contenders_of("a", peers=True)}
    assert "PyTorch eager" in made
    assert "PyTorch compiled" not in made
    said = "PyTorch compiled: no C++ compiler (g++, or the one that CXX names), left out\n"
    assert capsys.readouterr().err == said


def test_convolutions_need_pytorch(monkeypatch):
    monkeypatch.setattr(
        peers.importlib.util, "find_spec", lambda name: None if name == "torch" else name
    )
    said = r"^bench: --convolutions needs PyTorch: not installed \(pip install torch\)$"
    with pytest.raises(UserError, match=said):
        measure.make_convolutions(["float32"], [], {})


def test_keys_that_have_their_own_option_are_refused():
    for key, option in measure.OPTIONS.items():
        with pytest.raises(UserError, match=f"bench: {key} cannot be set .*; use {option}"):
            contenders_of("a", overrides={key: 10})
        with pytest.raises(UserError, match=f"bench: {key} cannot be set .*; use {option}"):
            contenders_of("a", also=[f"{key}=10"])


def test_a_system_without_signal_masks_is_refused(monkeypatch):
    monkeypatch.delattr(measure.signal, "pthread_sigmask")
    with pytest.raises(UserError, match=r"^bench: works on Linux and macOS only$"):
        contenders_of("a")


def test_contenders_take_turns_and_every_second_round_is_in_reverse(monkeypatch):
    order = []

    class Process:
        def __init__(self, contender):
            self.name = contender.name

        def send(self, _):
            order.append(self.name)

        def recv(self):
            return "times", ({"training": [float(len(order))]}, 100.0 + len(order))

    monkeypatch.setattr(measure, "_process", lambda each: contextlib.nullcontext(Process(each)))
    first, second = contender("first"), contender("second")
    measure.measure([first, second], rounds=3)
    assert order == ["first", "second", "second", "first", "first", "second"]
    assert [times["training"] for times in first.rounds] == [[1.0], [4.0], [5.0]]
    assert (first.peak_mb, second.peak_mb) == (105.0, 106.0)


class Sent:
    """A connection with one message waiting, or none."""

    def __init__(self, *message):
        self.message = message

    def recv(self):
        if not self.message:
            raise EOFError
        return self.message


def test_an_error_in_a_contender_is_raised_here():
    each = contender("case c")
    with pytest.raises(UserError, match=r"^too small$"):
        measure._receive(each, Sent("wrong", "too small"))
    with pytest.raises(UserError, match=r"^data\.train_limit: too large \(from --steps\)$"):
        measure._receive(each, Sent("wrong", "data.train_limit: too large"))
    with pytest.raises(RuntimeError, match=r"^case c, float32: KeyError: 'x'$"):
        measure._receive(each, Sent("broken", "KeyError: 'x'"))
    with pytest.raises(UserError, match="process of case c ended, probably out of memory"):
        measure._receive(each, Sent())


def test_a_set_that_is_too_small_for_the_steps_is_told_by_the_contender():
    sent = []
    each = Contender("case c", "float32", config(data__train_limit=9999))
    measure._worker(each, SimpleNamespace(send=sent.append))
    ((kind, message),) = sent
    assert kind == "wrong"
    assert message.startswith("data.train_limit is 9999, must be 1 to 1")


def test_a_contender_that_dies_is_named(monkeypatch):
    monkeypatch.setattr(measure, "_worker", None)  # the process has nothing to run
    with pytest.raises(UserError, match="case c ended, probably out of memory"):
        measure.measure([contender("case c")], rounds=2)
