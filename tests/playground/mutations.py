"""Mistakes in the page that a test must notice; its file is beside src, at the top.

What is noticed in Node or in Chromium is tried where they are installed, like the tests.
"""

import importlib.util
import shutil

from chromium_helpers import PROGRAM

PAGE = "../../playground/index.html"
RENEW = "../../playground/renew.py"
MATHEMATICS = "tests/playground/test_mathematics.py::"
FILE = "tests/playground/test_page.py::"
CHROMIUM = "tests/playground/test_page_in_chromium.py::"
CONTROL = CHROMIUM + "test_a_control_moves_every_number_as_python_does_and_the_address_keeps_it"

IN_NODE = [
    (
        "divide the variance by one less",
        PAGE,
        "(v - mean) ** 2)) / m;",
        "(v - mean) ** 2)) / Math.max(1, m - 1);",
        MATHEMATICS + "test_forward_and_backward",
    ),
    (
        "do not take the part along x_hat from the gradient",
        PAGE,
        "d - meanDxHat - along[i]",
        "d - meanDxHat",
        MATHEMATICS + "test_forward_and_backward",
    ),
    (
        "let momentum weight the new value",
        PAGE,
        "momentum * moving + (1 - momentum) * batch",
        "(1 - momentum) * moving + momentum * batch",
        MATHEMATICS + "test_moving_averages",
    ),
    (
        "leave the start value in the corrected average",
        PAGE,
        "(moving - left * initial) / (1 - left)",
        "moving / (1 - left)",
        MATHEMATICS + "test_moving_averages",
    ),
]

IN_CHROMIUM = [
    (
        "show the dx of a frozen layer always",
        PAGE,
        "(state.frozen ? bn.inferenceBackward : bn.backward)",
        "bn.inferenceBackward",
        CONTROL + "[gamma]",
    ),
    (
        "draw the marks beside their numbers",
        PAGE,
        'return `<circle ${tag} cx="${cut(x)}"',
        'return `<circle ${tag} cx="${cut(x + 3)}"',
        CONTROL + "[as it opens]",
    ),
    (
        "show rounded numbers with a wrong last digit",
        PAGE,
        "const text = v.toFixed(digits)",
        "const text = (v + 0.01).toFixed(digits)",
        CONTROL + "[as it opens]",
    ),
    (
        "forget epsilon in the address",
        PAGE,
        "if (state[name] !== DEFAULTS[name]) parts",
        'if (state[name] !== DEFAULTS[name] && name !== "epsilon") parts',
        CONTROL + "[epsilon]",
    ),
    (
        "let a finger that scrolls move a point",
        PAGE,
        "change(held.i, held.before); held = null; }); // it did",
        "held = null; }); // it did",
        CHROMIUM + "test_a_finger_moves_a_point_and_scrolls_past_the_points",
    ),
    (
        "hide the focus of the rows",
        PAGE,
        ".row:focus-visible .hit {",
        ".row:active .hit {",
        CHROMIUM + "test_the_keyboard_alone_reaches_everything_and_the_focus_is_seen",
    ),
    (
        "play even where motion is not wanted",
        PAGE,
        "(prefers-reduced-motion: reduce)",
        "(prefers-reduced-motion: never)",
        CHROMIUM + "test_play_goes_to_the_end_at_once_where_motion_is_not_wanted",
    ),
]

MUTATIONS = [
    (
        "cite a neighbouring equation",
        PAGE,
        "* dbeta / m; // (17d)",
        "* dbeta / m; // (17e)",
        MATHEMATICS + "test_each_equation_computes_what_it_does_in_python",
    ),
    (
        "cite an equation that nobody derived",
        PAGE,
        "standard deviation (11).",
        "standard deviation (99).",
        FILE + "test_each_number_of_an_equation_is_in_the_derivations",
    ),
    (
        "publish another epoch",
        RENEW,
        "log.metrics[name].round(4)",
        "log.metrics[name][1:].round(4)",
        "tests/playground/test_renew.py::test_the_curves_are_those_of_the_published_runs",
    ),
    (
        "open the page although asked not to",
        "cli/playground.py",
        "if not options.no_open and not",
        "if not",
        "tests/cli/test_playground.py::test_it_only_prints_where_the_page_is_if_asked_to",
    ),
    *(IN_NODE if shutil.which("node") else []),
    *(IN_CHROMIUM if PROGRAM and importlib.util.find_spec("playwright") else []),
]
