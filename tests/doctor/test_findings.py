"""Silent on healthy models."""

import pytest
from doctor_helpers import HEALTHY
from marks import all_but

from bnstudy.doctor import findings
from bnstudy.doctor.diagnosis import diagnose
from bnstudy.doctor.findings import judge
from bnstudy.doctor.measure import Measured
from bnstudy.doctor.rule import Sign

# Variations of one trained model.
QUICK = ("mlp", "dropout after the last", "two classes, one output")


@pytest.mark.parametrize("name", all_but(QUICK, HEALTHY))
def test_a_healthy_model_has_no_findings(name):
    diagnosis = diagnose(*HEALTHY[name]())
    assert [(f.kind, f.layers, f.measured) for f in diagnosis.findings if not f.is_hint] == []
    assert diagnosis.healthy


def test_signs_of_a_kind_become_one_finding_of_the_worst_layer(monkeypatch):
    signs = [
        Sign("bias", "a", 3.0, "small", True),
        Sign("far", "a", 0.6, "near"),
        Sign("far", "b", 2.0, "far away"),
        Sign("far", "b", 0.1, "again"),
        Sign("bias", "b", 2.0, "smaller", True),
        Sign("accuracy", "", 0.5, "half"),
    ]
    monkeypatch.setattr(findings, "RULES", [lambda measured: iter(signs)])
    found = judge(Measured)
    assert [(f.kind, f.is_hint, f.layers, f.size) for f in found] == [
        ("far", False, ("a", "b"), 2.0),
        ("accuracy", False, (), 0.5),
        ("bias", True, ("a", "b"), 3.0),
    ]
    assert [f.measured for f in found] == ["b: far away", "half", "a: small"]
    assert all(f.title and f.why and f.todo for f in found)
