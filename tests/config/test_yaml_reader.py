"""YAML files: each is read or refused, and nothing else ever happens."""

import math
import os

import pytest
import yaml
from config_helpers import refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnstudy.config.load import load_config, parse_set
from bnstudy.config.schema import GROUPS, KEYS, Config
from bnstudy.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E3", 1e3), ("+.5", 0.5), ("1.", 1.0), ("-.inf", -math.inf), ("3", 3),
        ("010", 10), ("0x10", 16), ("0o10", 8), ("-7", -7), ("true", True), ("False", False),
        ("yes", "yes"), ("on", "on"), ("null", None), ("~", None), ("", None), ("~/x", "~/x"),
        ("1:30", "1:30"), ("2001-01-01", "2001-01-01"), ("1_000", "1_000"), ("'3'", "3"),
        ("a=b", "a=b"), ("[1, 2]", [1, 2]), ("{a: 1e-3}", {"a": 1e-3}), ("!!str 3", "3"),
    ],
)  # fmt: skip
def test_parse_set_reads_yaml_1_2(text, value):
    key, parsed = parse_set(f"a.b={text}")
    assert key == "a.b"
    assert parsed == value
    assert type(parsed) is type(value)


# ------------------------------------------------------------------------ files

BAD_FILES = {
    "": "the file is empty",
    "# only a comment\n": "the file is empty",
    "{}": "the file is empty",
    "- a\n": "must hold keys with values, such as 'seed: 1', got ['a']",
    "3": "must hold keys with values",
    "seed: 1\na:\n\tb: 2\n": "line 3, column 1: found character '\\t' that cannot start any token "
    "(indent with spaces, not tabs)",
    "seed: 'x": "line 1, column 9: found unexpected end of stream",
    "seed: 1\nseed: 2\n": "line 2, column 1: duplicate key 'seed'",
    "bn: {scale: true, scale: true}": "line 1, column 19: duplicate key 'scale'",
    "bn.scale: true\nbn: {scale: false}": "bn.scale is given twice",
    "seed: 1\n---\nseed: 2\n": "another document",
    "seed: !!python/object/apply:os.system [ls]": "line 1, column 7: tag '!!python/object",
    "seed: !!python/name:os.system x": "is refused",
    "seed: !mine 3": "tag '!mine' is refused",
    "seed: !!int x": "'x' is not of type int",
    "seed: !!int [3]": "a list or mapping is not of type int",
    "seed: !!binary x": "is refused",
    "seed: !!timestamp x": "is refused",
    "seed: &x [*x]": "recursive",
    "&x seed: {*x : 3}": "must be an integer",
    "bn: &x {momentum: *x}": "recursive",
    "seed: *x": "undefined alias",
    "[1]: 2": "a key must be plain text",
    "? {a: 1}\n: 2": "a key must be plain text",
    "<<: {seed: 1}": "unknown key '<<'",
    "1: 2": "unknown key '1'",
    "seed: " + "9" * 5000: "more than 1000 digits",
    "seed: 0x" + "F" * 5000: "more than 1000 digits",
    "[" * 5000: "nested too deeply",
    "seed: 1 #" + "x" * 1_000_000: "larger than 1 MB",
    "seed: \0": "line 1: a control character",
    b"\xff\xfes\0": "line 1: not UTF-8",
    b"seed: 1\ndata: {dir: \xe9}": "line 2: not UTF-8",
    "extends: 3": "extends: must be one path or name",
    "extends: ''": "extends: must be one path or name",
    "extends: [cases/c]": "extends: must be one path or name",
    "extends: nowhere": "no such file",
    'extends: "a\\0b"': "no such file",
    "extends: .": "no such file",
    "extends: " + "x" * 5000: "no such file",
    "cases: 3": "cases: must map cases to settings",
    "cases: {d: {seed: 1}}": "cases: unknown case 'd'; the cases are a, b, c",
    "cases: {c: 3}": "cases.c: must be settings",
    "cases: {c: {case: a}}": "cases.c: must be settings",
    "cases: {c: {foo: 1}}": "unknown key 'foo'",
    "cases: {c: {extends: a}}": "unknown key 'extends'",
    "case: c\ncases: {c: {seed: -1}}": "must be an integer",
}


@pytest.mark.parametrize("text", BAD_FILES, ids=lambda text: repr(text)[:40])
def test_bad_files(write_config, text):
    message = refusal(file=write_config(text))
    assert BAD_FILES[text] in message
    assert "my.yaml" in message


def test_a_bomb_of_aliases_does_no_harm(write_config):
    lines = ["a: &a0 [x, x]"] + [f"b{i}: &a{i + 1} [*a{i}, *a{i}]" for i in range(60)]
    assert "more problems" in refusal(file=write_config("\n".join([*lines, "seed: *a60"])))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.yaml", "none.yaml: cannot be read: No such file"),
        (".", ".: cannot be read: Is a directory"),
        ("/dev/zero", "larger than 1 MB"),
        ("a\0b", "file must be the path of a configuration file"),
        ("two\nlines.yaml", "two lines.yaml: cannot be read"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="the words are the operating system's")
def test_bad_paths(path, message):
    assert message in refusal(file=path)


def test_a_byte_order_mark_does_no_harm(write_config):
    assert (
        load_config(file=write_config(b"\xef\xbb\xbfseed: 4\r\nbn:\r\n  scale: false\r\n")).seed
        == 4
    )


def test_aliases_that_end_are_read(write_config):
    config = load_config(file=write_config("bn: {epsilon: &x 1e-5}\noptimizer: {epsilon: *x}\n"))
    assert config.bn.epsilon == config.optimizer.epsilon == 1e-5


# ------------------------------------------------------------------------ fuzz, speed

FUZZ = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = st.sampled_from([*KEYS, *GROUPS, "extends", "cases", *"abc", "name", "epochs", "scale"])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["cases/c", "base", "presets/as_posted", "a", "c", "adam", "keras"])
)  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | SCALARS, inner, max_size=4),
    max_leaves=8,
)


def loads_or_refuses(folder, raw):
    file = folder / "fuzz.yaml"
    file.write_bytes(raw)
    try:
        config = load_config(file=file)
    except UserError as error:
        message = str(error)
        assert message.splitlines() == [message]
    else:
        assert isinstance(config, Config)


@FUZZ
@given(st.binary(max_size=200))
def test_random_bytes(tmp_path, raw):
    loads_or_refuses(tmp_path, raw)


@FUZZ
@given(
    st.text(alphabet=st.sampled_from("abcs:{}[],&*!|>-?#%@'\"\t\n\r 01.e~<=\\\u2028é"), max_size=40)
)
def test_random_text(tmp_path, text):
    loads_or_refuses(tmp_path, text.encode())
    loads_or_refuses(tmp_path, f"seed: 1\nbn: {text}".encode())
    loads_or_refuses(tmp_path, f"seed: !!{text}".encode())


@FUZZ
@given(st.dictionaries(NAMES, DOCUMENTS, max_size=4) | DOCUMENTS)
def test_random_documents(tmp_path, document):
    loads_or_refuses(tmp_path, yaml.safe_dump(document, allow_unicode=True).encode())


@FUZZ
@given(st.dictionaries(NAMES | st.text(max_size=8), DOCUMENTS, max_size=3), st.text(max_size=20))
def test_random_overrides(overrides, text):
    for attempt in (lambda: load_config(overrides=overrides), lambda: parse_set(f"a={text}")):
        try:
            attempt()
        except UserError as error:
            message = str(error)
        else:
            message = "fine"
        assert message.splitlines() == [message]
