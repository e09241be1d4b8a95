"""Files with a layer: their errors in one line, their verdicts, and the templates for students."""

import json

import numpy as np
import pytest

from bnstudy import UserError
from bnstudy.gradient_check.own_layer import file as layer_file

TANH = """\
import numpy as np

def forward(x):
    y = np.tanh(x)
    return y, y

def backward(dy, y):
    return dy * (1 - y**2)
"""
SOLUTIONS = {
    "average_pool": {
        "dx": "np.repeat(np.repeat(dy, 2, 1), 2, 2) / 4",
    },
    "batch_norm": {
        "dbeta": "dy.sum(0)",
        "dgamma": "(dy * x_hat).sum(0)",
        "dx": "r * gamma * (dy - dbeta / len(dy) - x_hat * dgamma / len(dy))",
    },
    "conv2d": {
        "dw": "np.stack([np.stack([np.einsum('nijc,nijo->co', x_padded[:, a:a+dy.shape[1], "
        "b:b+dy.shape[2]], dy) for b in range(3)]) for a in range(3)])",
        "dx": "forward(dy, w[::-1, ::-1].transpose(0, 1, 3, 2))[0]",
    },
    "dense": {"dx": "dy @ w.T", "dw": "x.T @ dy", "db": "dy.sum(0)"},
    "elu": {"dx": "dy * (np.minimum(y, 0) + 1)"},
    "softmax_cross_entropy": {
        "dlogits": "dcost * (p - np.eye(p.shape[1])[labels]) / len(p)",
    },
}


@pytest.fixture
def write(tmp_path):
    def write(text, name="my_layer.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def solved(name, **changes):
    """Return a template with its gradients filled in."""
    text = layer_file.template(name)
    for gradient, code in (SOLUTIONS[name] | changes).items():
        assert text.count(f"    {gradient} = None") == 1
        text = text.replace(f"    {gradient} = None", f"    {gradient} = {code}")
    return text if "import numpy" in text else f"import numpy as np\n{text}"


def test_a_right_file_passes_and_a_wrong_one_fails(write, capsys):
    assert layer_file.check_file(write(TANH)) == 0
    assert "right; tolerance" in capsys.readouterr().out
    assert layer_file.check_file(write(TANH.replace("1 - y**2", "1 + y**2"))) == 1
    assert "FAIL" in capsys.readouterr().out


def test_options_reach_the_check(write, capsys):
    path = write(f"{TANH}\ndef inputs(rng):\n    return (rng.normal(size=(2, 3)).astype('f'),)\n")
    with pytest.raises(UserError, match="x is float32"):
        layer_file.check_file(path)
    assert layer_file.check_file(str(path), seed=3, insist=True, as_text=False) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seed"], shown["passed"], shown["rows"][0]["gradient"]) == (3, True, "dx")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def forward(x:\n", r"my_layer.py, line 1: SyntaxError"),
        ("import numpy\n\n1 / 0\n", r"my_layer.py, line 3: ZeroDivisionError: division by zero"),
        ("import no_such_module\n", r"my_layer.py, line 1: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", r"my_layer.py, line 2: SystemExit: 3"),
        (
            "class Tanh:\n    def forward(self, x): ...\n    def backward(self, dy): ...\n",
            r"no function forward; add: layer = Tanh\(...\); forward, backward = layer.forward,",
        ),
        ("def forward(x): return x\n", r"my_layer.py: has no function backward; add: def backward"),
        (TANH.replace("1 - y**2", "1 - z"), r"my_layer.py, line 8: backward raised NameError"),
        (
            TANH.replace("np.tanh(x)", "x @ x @ 2"),
            r"none of the shapes tried .*line 4: forward raised",
        ),
        (
            TANH + "def inputs(rng):\n    return rng.nothing()\n",
            r"line 10: inputs raised Attribute",
        ),
    ],
)
def test_an_error_in_a_file_is_one_line_with_file_and_line(write, text, says):
    with pytest.raises(UserError, match=says) as raised:
        layer_file.check_file(write(text))
    assert "\n" not in str(raised.value)


def test_what_a_file_prints_is_not_mixed_with_json(write, capsys):
    text = TANH.replace("    return dy", "    print('backward')\n    return dy")
    assert layer_file.check_file(write(text), as_text=False) == 0
    shown = capsys.readouterr()
    assert "backward" not in shown.out
    assert "backward" in shown.err
    assert json.loads(shown.out)["passed"]


def test_a_gradient_that_is_not_finite_fails_and_its_json_is_strict(write, capsys):
    text = TANH.replace("1 - y**2", "np.where(y > 0, np.nan, 1 - y**2)")
    assert layer_file.check_file(write(text)) == 1
    assert "values are not finite" in capsys.readouterr().out
    assert layer_file.check_file(write(text), as_text=False) == 1
    shown = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert shown["rows"][0]["difference"] == "nan"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"nothing.py: No such file"):
        layer_file.check_file(tmp_path / "nothing.py")


def test_a_file_may_import_what_lies_beside_it(write):
    write("def slope(y):\n    return 1 - y**2\n", "my_slope_of_tanh.py")
    text = TANH.replace("dy * (1 - y**2)", "dy * slope(y)")
    assert layer_file.check_file(write(f"from my_slope_of_tanh import slope\n{text}")) == 0


def test_a_file_may_define_dataclasses(write):
    text = TANH.replace(
        "import numpy as np\n",
        "from __future__ import annotations\nimport numpy as np\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Cache:\n    y: np.ndarray\n",
    )
    text = text.replace("return y, y", "return y, Cache(y)").replace("y**2", "y.y**2")
    assert layer_file.check_file(write(text)) == 0


def test_a_template_does_not_give_the_order_of_the_cache_away(write):
    text = solved("dense").replace("x, w = cache", "w, x = cache")
    with pytest.raises(UserError, match="backward raised ValueError") as raised:
        layer_file.check_file(write(text))
    assert "order" not in str(raised.value)


def test_there_is_a_solution_for_every_template():
    assert layer_file.template_names() == sorted(SOLUTIONS)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_template_asks_for_every_gradient_and_passes_when_solved(name, write, capsys):
    assert layer_file.check_file(write(layer_file.template(name))) == 1
    asked = capsys.readouterr().out
    for gradient in SOLUTIONS[name]:
        assert f"{gradient}: not written yet: " in asked
        assert "in docs/backprop.md" in asked
    assert layer_file.check_file(write(solved(name))) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "wrong", "hint"),
    [
        (
            "batch_norm",
            {"dx": "r * gamma * dy"},
            "dx: the mean and the variance depend on x, too; see",
        ),
        (
            "batch_norm",
            {"dx": "r * gamma * (dy - dbeta / len(dy))"},
            "dx: of the mean and the variance",
        ),
        ("batch_norm", {"dgamma": "(dy * x_hat).mean(0)"}, "dgamma: add up all paths, or average"),
        ("batch_norm", {"dbeta": "dy.sum(0)[None]"}, "dbeta: its shape is [1, 4], not [4]"),
        ("conv2d", {"dx": "forward(dy, w.transpose(0, 1, 3, 2))[0]"}, "dx: which way round does"),
        ("elu", {"dx": "dy"}, "dx: the layer has a slope of its own; see (5)"),
        (
            "average_pool",
            {"dx": "np.repeat(np.repeat(dy, 2, 1), 2, 2)"},
            "dx: the form is right, a c",
        ),
        ("softmax_cross_entropy", {"dlogits": "dcost * p / len(p)"}, "where do the labels enter?"),
        ("dense", {"dw": "-(x.T @ dy)"}, "dw: the form is right, the sign is not"),
    ],
)
def test_a_wrong_template_is_answered_with_a_hint_not_the_solution(
    name, wrong, hint, write, capsys
):
    text = solved(name, **wrong)
    assert layer_file.check_file(write(text)) == 1
    hinted = capsys.readouterr().out
    assert hint in hinted
    assert "docs/backprop.md" in hinted
    layer_file.check_file(write(text.replace("TEMPLATE = ", "FREE = ")))
    named = capsys.readouterr().out
    assert named != hinted
    assert "docs/backprop.md" not in named


def test_the_numbers_of_the_equations_in_the_templates_exist():
    import re
    from pathlib import Path

    derivation = (Path(__file__).parents[3] / "docs/backprop.md").read_text(encoding="utf-8")
    from bnstudy.gradient_check.own_layer import hints as layer_hints

    texts = [layer_file.template(name) for name in layer_file.template_names()]
    texts += [equation for _, equation in layer_hints.HINTS.values()]
    texts += [equation for *_, equation in layer_hints.TERMS]
    numbers = {n for text in texts for n in re.findall(r"\((\d+[a-e]?)\)", text)}
    assert len(numbers) > 15
    assert [n for n in sorted(numbers) if f"\\tag{{{n}}}" not in derivation] == []


def test_a_template_that_is_not_there():
    with pytest.raises(UserError, match="no template 'bn'; there are average_pool, batch_norm"):
        layer_file.template("bn")
    assert "__init__" not in layer_file.template_names()


def test_inputs_of_a_template_come_from_the_generator():
    module = layer_file.load(layer_file.TEMPLATES / "batch_norm.py")
    first, other = (module.inputs(np.random.default_rng(seed))[0] for seed in (0, 1))
    assert not np.array_equal(first, other)
